"""Fusion: each texel from the photographs that show it best, and what only one of them shows voted out.

Crops are small and fits are some pixels off, so a mean of photographs blurs every print. Instead, on
each stretch of surface, one photograph gives the fine structure, chosen by how well it shows the whole
stretch; where the choice changes, one fades into the other. Slow light and shade come from all. What
disagrees with the weighted median of the photographs (an occluder, a bag, another person) loses its
weight first; a camera has one vote, as an occluder is in several of its photographs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from textures.fusion.blocks import block_means, weighted_median
from textures.fusion.light import in_one_light
from textures.fusion.surface_view import FusedSurface, SurfaceView

DOUBT = 32.0  # sRGB distance from the median at which a view keeps half its weight
SHARPNESS = 6  # power that prefers the best view
STRETCH = 1 / 24  # of the texture's side: how far texels are looked at together for the choice
SHADE = 1 / 12  # of the side: what changes more slowly is light and shade
SURE = 0.15  # weight below which a view fades out


def fuse_views(views: Sequence[SurfaceView]) -> FusedSurface:
    """One surface from several views of a person, whatever their order; one view stays as it is.

    Raises:
        ValueError: without a view, or for views of several sizes.
    """
    if not views:
        raise ValueError("no view to fuse")
    if len({view.weight.shape for view in views}) > 1:
        raise ValueError("views of several sizes; expected one geometry")
    views = sorted(views, key=_digest)
    lit = in_one_light(views)
    weights = np.stack([view.weight for view in lit]) * acceptance(lit)
    choice = _choice(weights)
    total = choice.sum(0)
    colours = np.zeros(lit[0].colours.shape, np.float32)
    shade = np.zeros_like(colours)
    shade_weight = np.zeros_like(total)
    labels, label_weight = None, np.zeros_like(total)
    for view, weight, share in zip(lit, weights, choice):
        slow = _slow(view, len(total) * SHADE)
        colours += share[..., None] * (view.colours - slow)
        shade += weight[..., None] * slow
        shade_weight += weight
        if view.labels is not None:
            labels = np.zeros_like(view.labels) if labels is None else labels
            labels += weight[..., None] * view.labels
            label_weight += weight
    colours += shade / np.maximum(shade_weight, 1e-9)[..., None]
    visible = weights.max(0) > 0
    if labels is not None:
        labels /= np.maximum(label_weight, 1e-9)[..., None]
    return FusedSurface(
        colours=np.where(visible[..., None], colours.clip(0, 255), 0).astype(np.float32),
        weight=np.where(visible, weights.max(0), 0).astype(np.float32),
        labels=labels,
    )


def acceptance(views: Sequence[SurfaceView]) -> np.ndarray:
    """How far each view agrees with what all show, (V,S,S) float32 in 0..1, by blocks of texels."""
    size = len(views[0].weight)
    colours, weights = block_means(views)
    votes = np.zeros_like(weights)
    for camera in {view.camera for view in views}:
        members = [number for number, view in enumerate(views) if view.camera == camera]
        shared = weights[members]
        # Where nothing says who took them, each has its vote.
        share = shared.max(0) / np.maximum(shared.sum(0), 1e-9) if camera else 1.0
        votes[members] = shared * share
    median = weighted_median(colours, np.repeat(votes[..., None], 3, -1))
    away = np.linalg.norm(colours - median, axis=-1)
    accepted = 1 / (1 + (away / DOUBT) ** 4)
    accepted = np.where(weights > 0, accepted, 1).astype(np.float32)
    return np.stack(
        [
            cv2.resize(layer, (size, size), interpolation=cv2.INTER_LINEAR).clip(0, 1)
            for layer in accepted
        ]
    )


def _choice(weights: np.ndarray) -> np.ndarray:
    """How much of each view's fine structure a texel gets (V,S,S); the sum is 1 where any is seen."""
    size = weights.shape[-1]
    scores = np.stack([_blurred(weight, size * STRETCH) for weight in weights])
    scores = scores / np.maximum(scores.max(0), 1e-9)
    share = scores**SHARPNESS * (weights / SURE).clip(0, 1)
    total = share.sum(0)
    return np.where(total > 1e-6, share / np.maximum(total, 1e-9), _shares(weights))


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / np.maximum(weights.sum(0), 1e-9)


def _slow(view: SurfaceView, sigma: float) -> np.ndarray:
    """The view's light and shade (S,S,3): its blurred colours, of texels that it shows only."""
    weight = _blurred(view.weight, sigma)[..., None]
    return _blurred(view.colours * view.weight[..., None], sigma) / np.maximum(weight, 1e-9)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur; a wide one at a quarter of the size, which no eye can tell."""
    size = len(image)
    if sigma < 8:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1))
    small = cv2.resize(image, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)


def _digest(view: SurfaceView) -> bytes:
    digest = hashlib.sha256(view.camera.encode())
    digest.update(np.ascontiguousarray(view.weight).tobytes())
    digest.update(np.ascontiguousarray(view.colours).tobytes())
    return digest.digest()
