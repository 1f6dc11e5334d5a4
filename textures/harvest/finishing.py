"""What photographs surely show is laid over what a method made of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from textures.fusion.blocks import weighted_median
from textures.fusion.surface_view import FusedSurface, SurfaceView

UNSURE, SURE = 0.03, 0.18  # weights of a surface at which it counts nothing, and all
ELSEWHERE = 0.02  # weight of a generated texture where its crop shows nothing
FEATHER = 1 / 128  # of the texture's side
NARROWEST = 1 / 64  # of the side: patches that are seen and narrower are left to the method
MOST_CHANGE = (
    1.5  # of linear brightness, where a generated texture is brought to the surface's light
)


def mean_generated(textures: Sequence[np.ndarray], views: Sequence[SurfaceView]) -> np.ndarray:
    """The mean of a person's generated textures, each where its own crop shows the surface best.

    Args:
        textures: K textures (S,S,3) float32, sRGB in 0..255.
        views: what the K crops show.

    Returns:
        (S,S,3) float32.
    """
    total = np.zeros(textures[0].shape, np.float32)
    weights = np.zeros(textures[0].shape[:2], np.float32)
    for texture, view in zip(textures, views):
        weight = view.weight + np.float32(ELSEWHERE * max(view.quality, 0.01))
        total += weight[..., None] * texture
        weights += weight
    return total / weights[..., None]


def laid_over(
    fused: FusedSurface, generated: np.ndarray, covered: np.ndarray, spared: np.ndarray
) -> np.ndarray:
    """A generated texture (S,S,3) float32 under what the photographs surely show of the surface.

    Nothing is copied to where they show nothing: there the method's texture stays, in the light of the
    fused surface.

    Args:
        fused: what the photographs show.
        generated: (S,S,3) float32.
        covered: (S,S) bool, texels with a surface.
        spared: (S,S) bool, texels that are left to the method.

    Returns:
        (S,S,3) float32, sRGB in 0..255.
    """
    size = len(generated)
    sure = ((fused.weight - UNSURE) / (SURE - UNSURE)).clip(0, 1).astype(np.float32)
    sure *= covered & ~spared
    width = max(3, round(size * NARROWEST) | 1)
    patches = cv2.morphologyEx(
        (sure > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8)
    )
    near = cv2.dilate(patches, np.ones((3, 3), np.uint8))
    sure *= near
    blurred = np.asarray(cv2.GaussianBlur(sure, (0, 0), max(0.5, size * FEATHER)), np.float32)
    share = np.minimum(blurred, sure)
    base = generated * _light_of(fused, generated, share)
    return base + share[..., None] * (fused.colours - base)


def _light_of(fused: FusedSurface, generated: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The factor (3,) that brings a generated texture to the light of what was seen."""
    chosen = share > 0.5
    if chosen.sum() < 50:
        return np.ones(3, np.float32)
    ratio = np.log(fused.colours[chosen] + 10) - np.log(generated[chosen] + 10)
    weight = share[chosen][:, None].repeat(3, 1)
    limit = np.log(MOST_CHANGE)
    return np.exp(weighted_median(ratio, weight).clip(-limit, limit)).astype(np.float32)
