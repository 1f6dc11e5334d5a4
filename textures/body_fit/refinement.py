"""Refinement: a regressed body moves, for some gradient steps, onto the network's own maps.

The dense head of the body fit knows which body part each pixel belongs to more surely than the
regressor knows the pose. So the body is drawn to it, as classical fitting does: every pixel wants a
surface point of its own part near it, every surface point wants to be on the person, drawn joints
that the network is sure of pull a little, and the regressed pose holds back. Left and right are not
told apart here, for that is what the drawing confuses most: the heading stays the regressor's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning
from textures.body_fit.network import BodyFitConfig, Estimate, project, rotations_from_6d

REGIONS = (
    ("pelvis",),
    ("spine1",),
    ("spine2",),
    ("spine3",),
    ("neck", "left_collar", "right_collar"),
    ("head",),
    ("left_shoulder", "right_shoulder"),
    ("left_elbow", "right_elbow"),
    ("left_wrist", "right_wrist", "left_hand", "right_hand"),
    ("left_hip", "right_hip"),
    ("left_knee", "right_knee"),
    ("left_ankle", "right_ankle", "left_foot", "right_foot"),
)
WEIGHTS = {"cover": 1.0, "inside": 1.0, "joints": 0.5, "turn": 50.0, "shape": 2.0, "move": 0.2}


@dataclass(frozen=True)
class RegionPoints:
    """P points of the body's surface, ordered by region.

    T-posed position (P,3), shape directions (P,3,10), skinning weights (P,24); `spans`: each region's
    first and last index.
    """

    template: torch.Tensor
    directions: torch.Tensor
    weights: torch.Tensor
    spans: tuple[tuple[int, int], ...]


def region_points(body: Body, *, per_region: int = 36, device: str = "cpu") -> RegionPoints:
    """Points spread over each region (farthest-point sampling of its vertices)."""
    owner, template = body.weights.argmax(1), body.template
    chosen: list[int] = []
    spans: list[tuple[int, int]] = []
    for names in REGIONS:
        members = np.flatnonzero(np.isin(owner, [JOINT_NAMES.index(name) for name in names]))
        picked = [members[0]]
        distance = np.full(len(members), np.inf)
        for _ in range(min(per_region, len(members)) - 1):
            distance = np.minimum(
                distance, ((template[members] - template[picked[-1]]) ** 2).sum(1)
            )
            picked.append(members[distance.argmax()])
        spans.append((len(chosen), len(chosen) + len(picked)))
        chosen += picked
    return RegionPoints(
        template=torch.tensor(template[chosen], device=device),
        directions=torch.tensor(body.shape_directions[chosen], device=device),
        weights=torch.tensor(body.weights[chosen], device=device),
        spans=tuple(spans),
    )


def posed_points(
    skinning: Skinning, points: RegionPoints, rotations: torch.Tensor, betas: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (B,P,3) and joints (B,24,3) relative to the pelvis, world's axes."""
    rest_joints = skinning.rest_joints + torch.einsum(
        "jkb,nb->njk", skinning.joint_directions, betas
    )
    shaped = points.template + torch.einsum("pkb,nb->npk", points.directions, betas)
    turned, joints = skinning.joint_transforms(rotations, rest_joints)
    offsets = joints - (turned @ rest_joints.unsqueeze(-1)).squeeze(-1)
    transforms = torch.cat([turned, offsets.unsqueeze(-1)], -1).flatten(2)
    blended = (points.weights @ transforms).unflatten(2, (3, 4))
    posed = (blended[..., :3] @ shaped.unsqueeze(-1)).squeeze(-1) + blended[..., 3]
    return posed - joints[:, :1], joints - joints[:, :1]


def refine(
    skinning: Skinning,
    points: RegionPoints,
    estimate: Estimate,
    config: BodyFitConfig,
    *,
    steps: int = 60,
    lr: float = 0.03,
) -> Estimate:
    """The estimate with rotations, betas and camera moved by `steps` of Adam, all bodies at once."""
    target = _Target(estimate, config)
    start = torch.cat([estimate.rotations[..., 0], estimate.rotations[..., 1]], dim=-1).detach()
    betas0, camera0 = estimate.betas.detach(), estimate.camera.detach()
    turn, shape, move = (torch.zeros_like(t, requires_grad=True) for t in (start, betas0, camera0))
    unit = camera0.new_tensor([4.0, 4.0, 0.12])
    optimiser = torch.optim.Adam([turn, shape, move], lr=lr)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps), eta_min=lr / 10)
    with torch.enable_grad(), _one_thread():
        for _ in range(steps):
            betas, camera = betas0 + shape, camera0 + move * unit
            surface, joints = posed_points(skinning, points, rotations_from_6d(start + turn), betas)
            terms = target.terms(
                project(surface, camera, config), project(joints, camera, config), points.spans
            )
            terms["turn"] = turn.square().sum((1, 2))
            terms["shape"] = shape.square().sum(1)
            terms["move"] = move.square().sum(1)
            weighted = [WEIGHTS[name] * value for name, value in terms.items()]
            loss = functools.reduce(torch.add, weighted).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
    with torch.no_grad():
        return estimate._replace(
            rotations=rotations_from_6d(start + turn),
            betas=betas0 + shape,
            camera=camera0 + move * unit,
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread for hundreds of tiny operations, where waiting threads cost more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Target:
    """The network's maps of B crops, in a form to be drawn to. Pixels are those of its input."""

    def __init__(self, estimate: Estimate, config: BodyFitConfig) -> None:
        chance = estimate.part_logits.detach().softmax(1)
        height, width = chance.shape[-2:]
        member = chance.new_zeros(len(REGIONS), chance.shape[1])
        for region, names in enumerate(REGIONS):
            member[region, [JOINT_NAMES.index(name) + 1 for name in names]] = 1
        regions = torch.einsum("rc,bchw->brhw", member, chance).flatten(2)
        self.pixels_weight = regions * (regions > 0.2)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cell = config.height / height
        centres = torch.stack([columns, rows], -1).view(-1, 2) + 0.5
        self.centres = (centres * cell).to(chance)
        self.amount = self.pixels_weight.sum((1, 2)).clamp(min=1.0)
        self.size = chance.new_tensor([config.width, config.height])
        self.away = self._distances(1 - chance[:, 0], cell)
        pixels = estimate.joint_pixels.detach()
        peak = estimate.joint_logits.detach().flatten(2).softmax(-1).amax(-1)
        inside = ((pixels > 1.5) & (pixels < self.size - 1.5)).all(-1)
        self.joint_pixels, self.joint_weight = pixels, peak * inside

    @staticmethod
    def _distances(person: torch.Tensor, cell: float) -> torch.Tensor:
        """(B,1,h,w): pixels from each cell to the person; 0 on the person."""
        fields = []
        for mask in (person > 0.5).cpu().numpy():
            if not mask.any():
                fields.append(np.zeros(mask.shape, np.float32))
                continue
            fields.append(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) * cell)
        return torch.from_numpy(np.stack(fields)[:, None]).to(person)

    def terms(
        self, surface: torch.Tensor, joints: torch.Tensor, spans: tuple[tuple[int, int], ...]
    ) -> dict[str, torch.Tensor]:
        """(B,) each: cover, inside, joints."""
        cover = surface.new_zeros(len(surface))
        for region, (first, last) in enumerate(spans):
            distance = torch.cdist(
                self.centres.expand(len(surface), -1, -1), surface[:, first:last]
            )
            gap = (distance.amin(2) - 2.0).clamp(min=0)
            far = functional.huber_loss(gap, torch.zeros_like(gap), reduction="none", delta=8.0)
            cover = cover + (far * self.pixels_weight[:, region]).sum(1)
        grid = (surface / self.size * 2 - 1).unsqueeze(2)
        away = functional.grid_sample(self.away, grid, padding_mode="border", align_corners=False)
        on_crop = ((surface > 0) & (surface < self.size)).all(-1)
        outside = (away[:, 0, :, 0] * on_crop).clamp(max=20.0)
        pull = (joints - self.joint_pixels).norm(dim=-1)
        pull = functional.huber_loss(pull, torch.zeros_like(pull), reduction="none", delta=4.0)
        return {
            "cover": 24 * cover / self.amount,
            "inside": 24
            * functional.huber_loss(
                outside, torch.zeros_like(outside), reduction="none", delta=4.0
            ).mean(1),
            "joints": (pull * self.joint_weight).sum(1),
        }
