"""Defocus: a point becomes a disc, as behind a round aperture."""

from __future__ import annotations

import math

import cv2
import numpy as np

_FINENESS = 8  # points along a pixel's side by which the disc's edge is smoothed


def defocused(picture: np.ndarray, radius: float) -> np.ndarray:
    """A picture out of focus.

    Args:
        picture: (H,W,C) float32, linear light, premultiplied where it has an alpha.
        radius: of the disc, pixels; 0 leaves the picture as it is.

    Returns:
        The same shape; beyond the border the picture goes on as its mirror image.
    """
    if radius <= 0.0:
        return picture
    return cv2.filter2D(picture, -1, disc(radius), borderType=cv2.BORDER_REFLECT_101)


def disc(radius: float) -> np.ndarray:
    """An evenly lit disc of `radius` pixels, (N,N) float32 with N odd, of sum 1."""
    reach = max(math.ceil(radius - 0.5), 0)
    offsets = (np.arange((2 * reach + 1) * _FINENESS) + 0.5) / _FINENESS - reach - 0.5
    inside = offsets[:, None] ** 2 + offsets**2 <= radius**2
    size = 2 * reach + 1
    kernel = inside.reshape(size, _FINENESS, size, _FINENESS).mean(axis=(1, 3))
    if not kernel.any():  # a disc that falls between the points
        kernel[reach, reach] = 1.0
    return (kernel / kernel.sum()).astype(np.float32)
