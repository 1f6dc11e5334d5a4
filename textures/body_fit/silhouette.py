"""Silhouettes: a body's surface drawn onto the person masks of crops.

Every surface point wants to be on the person, and every cell of the person wants a surface point near
it. Cloth, hair and bags stand off the body, so neither is asked for exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning
from textures.body_fit.camera_frame import HEIGHT, MIDDLE
from textures.evidence.landmarks import posed_points

CELL = 4  # pixels of a crop 128 high
ROWS = int(HEIGHT) // CELL
COLUMNS = ROWS  # a square about the crop's middle: wider crops are cut
LEFT = MIDDLE - COLUMNS * CELL / 2
SLACK = 3.0  # pixels that a cell may be from the nearest surface point: cloth is thick
FAR = 20.0
JOINT_POINTS = 8


@dataclass(frozen=True)
class SilhouettePoints:
    """P points of the body's surface: T-pose (P,3), shape (P,3,10), skinning (P,24)."""

    template: torch.Tensor
    directions: torch.Tensor
    weights: torch.Tensor


def silhouette_points(body: Body, *, device: str = "cpu") -> SilhouettePoints:
    """Points spread over the surface, equally many per joint (farthest-point sampling)."""
    joint_of_vertex, template = body.weights.argmax(1), body.template
    chosen: list[int] = []
    for joint in range(len(JOINT_NAMES)):
        members = np.flatnonzero(joint_of_vertex == joint)
        if not len(members):
            continue
        picked = [int(members[0])]
        distance = np.full(len(members), np.inf)
        for _ in range(min(JOINT_POINTS, len(members)) - 1):
            step = ((template[members] - template[picked[-1]]) ** 2).sum(1)
            distance = np.minimum(distance, step)
            picked.append(int(members[distance.argmax()]))
        chosen += picked
    return SilhouettePoints(
        torch.tensor(template[chosen], device=device),
        torch.tensor(body.shape_directions[chosen], device=device),
        torch.tensor(body.weights[chosen], device=device),
    )


def posed_surface(
    skinning: Skinning, points: SilhouettePoints, rotations: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """The points (B,P,3), metres relative to the pelvis, world's axes."""
    _, surface = posed_points(
        skinning, rotations, betas, points.template, points.directions, points.weights
    )
    return surface


@dataclass(frozen=True)
class Silhouettes:
    """Person masks of B crops on a grid of normalised pixels.

    cells (B,K,2): middles of the cells that likely show the person, and weight (B,K): their probability,
    0 where a crop has fewer than K. away (B,1,ROWS,COLUMNS): pixels to the person. limits (B,2): first
    and last x that the crop shows. masked (B,): 1 where a source has a mask.
    """

    cells: torch.Tensor
    weight: torch.Tensor
    away: torch.Tensor
    limits: torch.Tensor
    masked: torch.Tensor

    def terms(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inside and cover (B,) of projected surface points (B,P,2): mean Huber pixels over 4."""
        low, high = self.limits[:, :1], self.limits[:, 1:]
        x, y = points.unbind(-1)
        shown = (x > low) & (x < high) & (y > 0) & (y < HEIGHT)
        grid = (points - points.new_tensor([LEFT, 0.0])) / (COLUMNS * CELL) * 2 - 1
        away = functional.grid_sample(
            self.away, grid[:, :, None], padding_mode="border", align_corners=False
        )[:, 0, :, 0]
        inside = _huber((away * shown).clamp(max=FAR)).mean(1)
        gap = torch.cdist(self.cells, points).amin(2)
        gap = _huber((gap - SLACK).clamp(min=0, max=FAR))
        cover = (gap * self.weight).sum(1) / self.weight.sum(1).clamp(min=1.0)
        return inside * self.masked, cover * self.masked


def silhouettes(
    masks: Sequence[np.ndarray | None],
    sizes: Sequence[tuple[int, int]],
    *,
    device: str = "cpu",
) -> Silhouettes:
    """Person masks (h,w) of crops of these sizes (height, width), None where there is none."""
    person = np.zeros((len(sizes), ROWS, COLUMNS), np.float32)
    masked = np.zeros(len(sizes), np.float32)
    limits = np.zeros((len(sizes), 2), np.float32)
    for index, (mask, (height, width)) in enumerate(zip(masks, sizes)):
        half_width = width / 2 * HEIGHT / height
        limits[index] = MIDDLE - half_width, MIDDLE + half_width
        if mask is not None:
            masked[index] = 1
            person[index] = _on_grid(mask)
    likely = person > 0.5
    away = np.stack([_distances(mask) for mask in likely]) if len(likely) else person
    cells, weight = _likely_cells(person, likely)
    return Silhouettes(
        torch.from_numpy(cells).to(device),
        torch.from_numpy(weight).to(device),
        torch.from_numpy(away[:, None]).to(device),
        torch.from_numpy(limits).to(device),
        torch.from_numpy(masked).to(device),
    )


def _likely_cells(person: np.ndarray, likely: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles (B,K,2) and probabilities (B,K) of the likely cells (B,ROWS,COLUMNS)."""
    count = max(1, int(likely.sum((1, 2)).max(initial=0)))
    cells = np.zeros((len(person), count, 2), np.float32)
    weight = np.zeros((len(person), count), np.float32)
    for index, mask in enumerate(likely):
        rows, columns = np.nonzero(mask)
        middles = np.stack([columns, rows], 1) * CELL + CELL / 2 + (LEFT, 0)
        cells[index, : len(rows)] = middles
        weight[index, : len(rows)] = person[index][mask]
    return cells, weight


def _on_grid(mask: np.ndarray) -> np.ndarray:
    """A mask (h,w) as (ROWS,COLUMNS) about the crop's middle; 0 outside the crop."""
    height, width = mask.shape
    columns = max(1, round(width * ROWS / height))
    small = cv2.resize(mask.astype(np.float32), (columns, ROWS), interpolation=cv2.INTER_AREA)
    grid = np.zeros((ROWS, COLUMNS), np.float32)
    first = (COLUMNS - columns) // 2
    low, high = max(0, first), min(COLUMNS, first + columns)
    grid[:, low:high] = small[:, low - first : high - first]
    return grid


def _distances(likely: np.ndarray) -> np.ndarray:
    """Pixels (ROWS,COLUMNS) from each cell to the person; 0 on it, and everywhere without one."""
    if not likely.any():
        return np.zeros(likely.shape, np.float32)
    return cv2.distanceTransform((~likely).astype(np.uint8), cv2.DIST_L2, 5) * np.float32(CELL)


def _huber(pixels: torch.Tensor) -> torch.Tensor:
    return functional.huber_loss(pixels / 4, torch.zeros_like(pixels), reduction="none", delta=1.0)
