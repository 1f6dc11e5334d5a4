"""The pixels that show the body, in order, and the prediction of each from its neighbours.

Dense channels are stored on the body only: of a mask (T,H,W) the values of its N pixels, frame by
frame and row by row. Each is predicted from neighbours that come before it in the same frame, and
the residual is near 0 and deflates well. Of the pixel left, above and above-left (each only
where it shows the body), a value is predicted as

    left + above - aboveleft    where all three exist (a plane through them),
    (left + above) // 2         where the third is missing,
    left, or above              where only that one exists,
    the value before it         where neither exists, 0 for the first of a frame.

Integers are of 16 bits and wrap. Residuals r are stored as (r << 1) ^ (r >> 15), which is small
where r is near 0 on either side, split into a low and a high byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from synth.clips.mask_rows import MaskRows, mask_rows

_njit = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True)
class BodyPixels:
    """The N pixels of a mask that show the body, in order.

    shape: (T,H,W).
    rows: the mask.
    index: (N,) int32, positions in a frame (row * W + column).
    starts: (T+1,) int64, where each frame's pixels begin.
    left, upper, corner: (N,) int32, the numbers of the neighbours to the left, above and above-left among
        the N, -1 where they are background.
    """

    shape: tuple[int, int, int]
    rows: MaskRows
    index: np.ndarray
    starts: np.ndarray
    left: np.ndarray
    upper: np.ndarray
    corner: np.ndarray

    def gather(self, frames: np.ndarray) -> np.ndarray:
        """The values (N, C) of `frames` (T,H,W) or (T,H,W,C)."""
        flat = np.ascontiguousarray(frames).reshape(len(frames), self.shape[1] * self.shape[2], -1)
        return _gather(flat, self.index, self.starts)

    def scatter(self, values: np.ndarray, background: float) -> np.ndarray:
        """Frames (T,H,W,C) that hold `values` (N,C) on the body; the dtype stays."""
        frames, height, width = self.shape
        out = np.full((frames, height * width, values.shape[1]), background, values.dtype)
        _scatter(out, np.ascontiguousarray(values), self.index, self.starts)
        return out.reshape(*self.shape, -1)


def body_pixels(mask: np.ndarray) -> BodyPixels:
    """The pixels of a mask (T,H,W) bool."""
    mask = np.ascontiguousarray(mask, dtype=bool)
    counts = mask.reshape(len(mask), -1).sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    index, left, upper, corner = _neighbours(mask, starts)
    frames, height, width = mask.shape
    return BodyPixels((frames, height, width), mask_rows(mask), index, starts, left, upper, corner)


def residuals(values: np.ndarray, pixels: BodyPixels) -> np.ndarray:
    """What the prediction leaves of `values` (N,C) uint16: (2,C,N) uint8, low and high bytes."""
    values = np.ascontiguousarray(values)
    return _residuals(values, pixels.starts, pixels.left, pixels.upper, pixels.corner)


def values_of(planes: np.ndarray, pixels: BodyPixels) -> np.ndarray:
    """The values (N,C) uint16 of which `residuals` are `planes` (2,C,N) uint8."""
    planes = np.ascontiguousarray(planes)
    return _values(planes, pixels.starts, pixels.left, pixels.upper, pixels.corner)


def pack_mask(mask: np.ndarray) -> np.ndarray:
    """A mask (T,H,W) as bits (T,H,ceil(W/8)) uint8 that say where a row differs from the one above."""
    changes = mask.copy()
    changes[:, 1:] ^= mask[:, :-1]
    return np.packbits(changes, axis=-1)


def unpack_mask(bits: np.ndarray, width: int) -> np.ndarray:
    """The mask (T,H,W) bool of `pack_mask`'s bits."""
    return np.unpackbits(np.bitwise_xor.accumulate(bits, axis=1), axis=-1, count=width).view(bool)


@_njit
def _neighbours(mask, starts):
    total = starts[-1]
    index, left = np.empty(total, np.int32), np.empty(total, np.int32)
    upper, corner = np.empty(total, np.int32), np.empty(total, np.int32)
    frames, height, width = mask.shape
    before, current = np.empty(width + 1, np.int32), np.empty(width + 1, np.int32)
    n = 0
    for t in range(frames):
        before[:] = -1
        for row in range(height):
            current[0] = -1
            for column in range(width):
                current[column + 1] = -1
                if mask[t, row, column]:
                    index[n] = row * width + column
                    left[n] = current[column]
                    upper[n] = before[column + 1]
                    corner[n] = before[column]
                    current[column + 1] = n
                    n += 1
            before, current = current, before
    return index, left, upper, corner


@_njit
def _predict(values, n, c, first, left, upper, corner):
    side, top = left[n], upper[n]
    if side >= 0:
        if top >= 0:
            a, b = np.int32(values[side, c]), np.int32(values[top, c])
            if corner[n] >= 0:
                return a + b - np.int32(values[corner[n], c])
            return (a + b) // 2
        return np.int32(values[side, c])
    if top >= 0:
        return np.int32(values[top, c])
    if n > first:
        return np.int32(values[n - 1, c])
    return np.int32(0)


@_njit
def _residuals(values, starts, left, upper, corner):
    total, channels = values.shape
    planes = np.empty((2, channels, total), np.uint8)
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(channels):
                residual = np.int32(values[n, c]) - _predict(
                    values, n, c, starts[t], left, upper, corner
                )
                residual = ((residual + 32768) & 65535) - 32768
                code = ((residual << 1) ^ (residual >> 15)) & 65535
                planes[0, c, n] = code & 255
                planes[1, c, n] = code >> 8
    return planes


@_njit
def _values(planes, starts, left, upper, corner):
    channels, total = planes.shape[1:]
    values = np.empty((total, channels), np.uint16)
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(channels):
                code = np.int32(planes[0, c, n]) | np.int32(planes[1, c, n]) << 8
                residual = (code >> 1) ^ -(code & 1)
                guess = _predict(values, n, c, starts[t], left, upper, corner)
                values[n, c] = (residual + guess) & 65535
    return values


@_njit
def _gather(frames, index, starts):
    out = np.empty((len(index), frames.shape[2]), frames.dtype)
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(frames.shape[2]):
                out[n, c] = frames[t, index[n], c]
    return out


@_njit
def _scatter(out, values, index, starts):
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(out.shape[2]):
                out[t, index[n], c] = values[n, c]
