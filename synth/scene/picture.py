"""A rendered frame before it has a background, whichever engine rendered it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from textures.visibility.camera import Camera
from textures.visibility.shading import srgb_byte, srgb_to_linear

LINEAR = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
"""Linear light of each byte of an sRGB picture."""


@dataclass(frozen=True)
class Picture:
    """What a renderer makes of a frame.

    rgba: (H,W,4) float32, scene-linear, premultiplied; its alpha holds the body and the shadow that it
        casts on the floor.
    body: (H,W) float32 in [0, 1], the coverage of the body alone, without shadow.
    """

    rgba: np.ndarray
    body: np.ndarray


def composite(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Premultiplied linear `rgba` (H,W,4) over sRGB `background` (H,W,3) uint8: uint8 sRGB.

    Edges are mixed in linear light, as in a lens, and encoded as Blender's Standard view does.
    Pixels that neither body nor shadow touches keep the background's exact values.
    """
    out = background.copy()
    _lay_over(rgba, out)
    return out


@numba.njit(cache=True, nogil=True)
def _lay_over(rgba, out):
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            alpha = rgba[row, column, 3]
            if not alpha > 0.0:
                continue
            for c in range(3):
                background = LINEAR[out[row, column, c]]
                value = rgba[row, column, c] + (np.float32(1.0) - alpha) * background
                out[row, column, c] = srgb_byte(value)


def covered_box(
    vertices: np.ndarray, camera: Camera, *, margin: int = 3
) -> tuple[int, int, int, int] | None:
    """The rectangle of the pixels that may show a mesh.

    Args:
        vertices: (V,3) metres in the world.
        camera: what looks at them.
        margin: pixels that are added on each side: filters reach beyond a pixel.

    Returns:
        Left, top, right, bottom (exclusive), pixels; None where no pixel shows the mesh.
    """
    pixels, z = camera.project(vertices)
    return pixel_box(pixels, z, camera, margin=margin)


def pixel_box(
    pixels: np.ndarray, z: np.ndarray, camera: Camera, *, margin: int = 3
) -> tuple[int, int, int, int] | None:
    """`covered_box` of points that are projected already, `pixels` (N,2) and `z` (N,)."""
    x, y = pixels[:, 0], pixels[:, 1]
    if z.min() <= 0:  # beside or behind the camera: the projection bounds nothing
        return (0, 0, camera.width, camera.height) if z.max() > 0 else None
    left = max(math.floor(x.min()) - margin, 0)
    top = max(math.floor(y.min()) - margin, 0)
    right = min(math.ceil(x.max()) + margin, camera.width)
    bottom = min(math.ceil(y.max()) + margin, camera.height)
    if left >= right or top >= bottom:
        return None
    return left, top, right, bottom
