"""One light: photographs of several cameras, brought to common colours by a gain per channel.

Light multiplies what a surface reflects, so each photograph gets a gain for red, green and blue in linear
light. Two photographs that show the same texels say how their gains differ; where one shows the front and
the other the back, what both show of a garment's label says it less surely. All gains are solved for
together, robustly; a camera's photographs hold together, and without evidence gains stay at 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from textures.fusion.blocks import block_means, weighted_median
from textures.fusion.surface_view import SurfaceView
from textures.visibility.shading import linear_to_srgb, srgb_to_linear

DARK, BRIGHT = 0.006, 0.9  # of linear light: noise drowns the one, the sensor cuts the other
SHARED_BLOCKS = 20.0  # weight of shared blocks at which a pair of photographs counts half
LABEL_BLOCKS = 30.0
LABEL_SHARE = (
    0.2  # of what a pair's shared texels weigh: a back may have other colours than a front
)
WITHIN_CAMERA = (
    0.3  # how far a photograph is held to its camera's gain, beside a pair's weight of 1
)
TOWARDS_ONE = 0.05
TOLERANCE = 0.15  # of log gains, from which on an equation is doubted
ROUNDS = 8
MOST_GAIN = 3.0


def in_one_light(views: Sequence[SurfaceView]) -> list[SurfaceView]:
    """The views in common colours."""
    return [with_gain(view, gain) for view, gain in zip(views, light_gains(views))]


def with_gain(view: SurfaceView, gain: np.ndarray) -> SurfaceView:
    """The view with its colours, in linear light, multiplied by a gain (3,)."""
    if (gain == 1).all():
        return view
    linear = srgb_to_linear(view.colours / 255) * gain
    colours = (linear_to_srgb(linear) * 255).astype(np.float32)
    return dataclasses.replace(view, colours=colours)


def light_gains(views: Sequence[SurfaceView]) -> np.ndarray:
    """Gains (V,3) float64 of linear red, green and blue that bring views to one light.

    Their logarithms have a mean near 0: the common light lies amid those of the photographs.
    """
    if len(views) < 2:
        return np.ones((len(views), 3))
    first, second, ratios, weights = _equations(views)
    cameras = sorted({view.camera for view in views})
    camera = np.array([cameras.index(view.camera) for view in views])
    gains = [
        _solved(first, second, ratios[:, channel], weights, camera, len(cameras))
        for channel in range(3)
    ]
    return np.exp(np.stack(gains, 1)).clip(1 / MOST_GAIN, MOST_GAIN)


def _equations(
    views: Sequence[SurfaceView],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of views (E,), (E,), what their log gains differ by (E,3), and how sure that is (E,)."""
    colours, weights = block_means(views)
    linear = srgb_to_linear(colours / 255)
    usable = weights * ((linear > DARK) & (linear < BRIGHT)).all(-1)
    logs = np.log(np.maximum(linear, DARK))
    masses, label_logs = _label_logs(views, logs, usable)
    rows = []
    for a in range(len(views)):
        for b in range(a + 1, len(views)):
            shared = np.minimum(usable[a], usable[b])
            chosen = shared > 0
            mass = float(shared.sum())
            if mass > 1:
                weight = shared[chosen][:, None].repeat(3, 1)
                ratio = weighted_median(logs[b][chosen] - logs[a][chosen], weight)
                rows.append((a, b, ratio, mass / (mass + SHARED_BLOCKS)))
            for label in range(masses.shape[1]):
                mass = float(min(masses[a, label], masses[b, label]))
                if mass > 1:
                    ratio = label_logs[b, label] - label_logs[a, label]
                    rows.append((a, b, ratio, LABEL_SHARE * mass / (mass + LABEL_BLOCKS)))
    first, second = (np.array([row[k] for row in rows], np.int64) for k in (0, 1))
    ratios = np.array([row[2] for row in rows], np.float64).reshape(-1, 3)
    return first, second, ratios, np.array([row[3] for row in rows], np.float64)


def _label_logs(
    views: Sequence[SurfaceView], logs: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much each view shows of each label (V,L), and its median log colour there (V,L,3)."""
    labelled = [view.labels for view in views if view.labels is not None]
    count = labelled[0].shape[-1] if labelled else 0
    masses, medians = np.zeros((len(views), count)), np.zeros((len(views), count, 3))
    for number, view in enumerate(views):
        if view.labels is None:
            continue
        for label in range(count):
            likely = dataclasses.replace(
                view, colours=view.labels[..., label, None].repeat(3, -1) * 255
            )
            share = block_means([likely])[0][0, ..., 0] / 255
            weight = usable[number] * np.where(share > 0.5, share, 0)
            masses[number, label] = weight.sum()
            chosen = weight > 0
            if chosen.any():
                medians[number, label] = weighted_median(
                    logs[number][chosen], weight[chosen][:, None].repeat(3, 1)
                )
    return masses, medians


def _solved(
    first: np.ndarray,
    second: np.ndarray,
    ratios: np.ndarray,
    weights: np.ndarray,
    camera: np.ndarray,
    cameras: int,
) -> np.ndarray:
    """Log gains (V,) of one channel, by least squares that doubts what disagrees."""
    count = len(camera)
    held = np.diag(np.r_[np.full(count, WITHIN_CAMERA), np.full(cameras, TOWARDS_ONE)])
    for view, number in enumerate(camera):
        held[count + number, count + number] += WITHIN_CAMERA
        held[view, count + number] = held[count + number, view] = -WITHIN_CAMERA
    solution = np.zeros(count + cameras)
    trust = np.ones(len(ratios))
    for _ in range(ROUNDS):
        normal, right = held.copy(), np.zeros(count + cameras)
        weight = weights * trust
        for sign_a, index_a in ((1, first), (-1, second)):
            np.add.at(right, index_a, sign_a * weight * ratios)
            for sign_b, index_b in ((1, first), (-1, second)):
                np.add.at(normal, (index_a, index_b), sign_a * sign_b * weight)
        solution = np.linalg.solve(normal, right)
        residual = solution[first] - solution[second] - ratios
        trust = 1 / (1 + (residual / TOLERANCE) ** 2)
    return solution[:count]
