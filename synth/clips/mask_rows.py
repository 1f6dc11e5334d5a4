"""A mask as rows, with which channels are compared: do they have values on the body, and only on it?

Most of a frame is background. When a channel has as many numbers on the mask as in all, there is none
beside it, and no pixel of the background need be looked at by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np

_njit = numba.njit(cache=True, nogil=True)
_COUNTED = (np.uint8, np.int32, np.float32, np.float64)  # by OpenCV, at memory's pace


@dataclass(frozen=True)
class MaskRows:
    """A mask (T,H,W) as rows.

    pixels: (T*H,W) bool.
    first, end: (T*H,), each row is True from `first` to before `end` at most; both W where it is empty.
    area: pixels of the mask, at least 1.
    """

    pixels: np.ndarray
    first: np.ndarray
    end: np.ndarray
    area: int


def mask_rows(mask: np.ndarray) -> MaskRows:
    """The rows of a mask (T,H,W) bool."""
    pixels = np.ascontiguousarray(mask).reshape(-1, mask.shape[2])
    width = pixels.shape[1]
    first = np.where(pixels.any(axis=1), pixels.argmax(axis=1), width)
    return MaskRows(pixels, first, _ends(pixels, first), max(1, int(np.count_nonzero(pixels))))


@_njit
def _ends(pixels, first):
    out = np.full(pixels.shape[0], pixels.shape[1])
    for r in range(pixels.shape[0]):
        while out[r] > first[r] and not pixels[r, out[r] - 1]:
            out[r] -= 1
    return out


@_njit
def _on_mask(values, pixels, first, end):
    """Pixels of the mask on which all of `values` (R,W,C) are 0, and numbers on it that are not."""
    missing, numbers = 0, 0
    for r in range(pixels.shape[0]):
        for column in range(first[r], end[r]):
            if pixels[r, column]:
                values_set = 0
                for c in range(values.shape[2]):
                    values_set += values[r, column, c] != 0
                numbers += values_set
                missing += values_set == 0
    return missing, numbers


def disagreements(channel: np.ndarray, mask: MaskRows, *, background: float = 0) -> tuple[int, int]:
    """How a channel differs from a mask.

    Args:
        channel: (T,H,W) or (T,H,W,C); one of another size is background on all of the mask.
        mask: the mask.
        background: the channel's value off the body.

    Returns:
        Pixels of the mask on which the channel is `background`, and pixels beside the mask on which it
        is not.
    """
    if int(np.prod(channel.shape[:3])) != mask.pixels.size:
        return mask.area, 0
    values = channel if background == 0 else channel != background
    values = np.ascontiguousarray(values).reshape(*mask.pixels.shape, -1)
    missing, numbers = _on_mask(values, mask.pixels, mask.first, mask.end)
    if numbers == _numbers(values):
        return missing, 0
    return missing, int(np.count_nonzero((values != 0).any(axis=2) & ~mask.pixels))


def _numbers(values: np.ndarray) -> int:
    """How many are not 0."""
    plain = values.reshape(len(values), -1)
    if plain.dtype == bool:
        plain = plain.view(np.uint8)
    return cv2.countNonZero(plain) if plain.dtype in _COUNTED else int(np.count_nonzero(plain))
