"""Views on a coarse grid: what several texels show together, which errors of the fit hardly change."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from textures.fusion.surface_view import SurfaceView

BLOCK = 4  # texels along a block's side: a pixel or two of a crop 128 high, at 256 texels
LEAST_WEIGHT = 0.02  # weight of a block that shows anything


def block_size(size: int) -> int:
    """Blocks along the side of a texture of `size` texels."""
    return max(1, size // BLOCK)


def block_means(views: Sequence[SurfaceView]) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours (V,s,s,3) and mean weights (V,s,s), float32, of the blocks of each view."""
    colours, weights = [], []
    for view in views:
        side = block_size(len(view.weight))
        weight = _shrunk(view.weight, side)
        colour = _shrunk(view.colours * view.weight[..., None], side)
        colours.append(colour / np.maximum(weight, 1e-6)[..., None])
        weights.append(np.where(weight > LEAST_WEIGHT, weight, 0).astype(np.float32))
    return np.stack(colours).astype(np.float32), np.stack(weights)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted median along the first axis.

    Args:
        values: (V,...).
        weights: of the same shape, not negative.

    Returns:
        (...) the least value that, with all below it, has half the weight.
    """
    order = np.argsort(values, axis=0, kind="stable")
    values, weights = np.take_along_axis(values, order, 0), np.take_along_axis(weights, order, 0)
    reached = weights.cumsum(0) >= weights.sum(0) / 2
    return np.take_along_axis(values, reached.argmax(0)[None], 0)[0]


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
