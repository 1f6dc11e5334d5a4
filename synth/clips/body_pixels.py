"""The pixels that show the body, in order, and what of each can be told from its neighbours.

Dense channels are stored on the body only: of a mask (T,H,W) the values of its N pixels, frame by
frame and row by row. Each is predicted from neighbours that come before it in the same frame, and
what is left over is near 0 and deflates well. Of the pixel left, above and above-left (each only
where it shows the body), a value is predicted as

    left + above - aboveleft    where there are all three (a plane through them),
    (left + above) // 2         where the third is missing,
    left, or above              where there is that one only,
    the value before it         where there is neither, 0 for the first of a frame.

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
    """``shape`` is (T,H,W), ``rows`` the mask. ``index`` (N,) int32 are positions in a frame (row * W +
    column), ``starts`` (T+1,) int64 where each frame's pixels begin. ``left``, ``above``, ``corner``
    (N,) int32 are the numbers of the neighbours among the N, -1 where they are background.
    """

    shape: tuple[int, int, int]
    rows: MaskRows
    index: np.ndarray
    starts: np.ndarray
    left: np.ndarray
    above: np.ndarray
    corner: np.ndarray

    def gather(self, frames: np.ndarray) -> np.ndarray:
        """The values (N, C) of ``frames`` (T,H,W) or (T,H,W,C)."""
        flat = np.ascontiguousarray(frames).reshape(len(frames), self.shape[1] * self.shape[2], -1)
        return _gather(flat, self.index, self.starts)

    def scatter(self, values: np.ndarray, background: float) -> np.ndarray:
        """Frames (T,H,W,C) that hold ``values`` (N,C) on the body; the dtype stays."""
        frames, height, width = self.shape
        out = np.full((frames, height * width, values.shape[1]), background, values.dtype)
        _scatter(out, np.ascontiguousarray(values), self.index, self.starts)
        return out.reshape(*self.shape, -1)


def body_pixels(mask: np.ndarray) -> BodyPixels:
    """The pixels of a mask (T,H,W) bool."""
    mask = np.ascontiguousarray(mask, dtype=bool)
    counts = mask.reshape(len(mask), -1).sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    index, left, above, corner = _neighbours(mask, starts)
    return BodyPixels(mask.shape, mask_rows(mask), index, starts, left, above, corner)


def residuals(values: np.ndarray, pixels: BodyPixels) -> np.ndarray:
    """What the prediction leaves of ``values`` (N,C) uint16: (2,C,N) uint8, low and high bytes."""
    values = np.ascontiguousarray(values)
    return _residuals(values, pixels.starts, pixels.left, pixels.above, pixels.corner)


def values_of(planes: np.ndarray, pixels: BodyPixels) -> np.ndarray:
    """The values (N,C) uint16 of which ``residuals`` are ``planes`` (2,C,N) uint8."""
    planes = np.ascontiguousarray(planes)
    return _values(planes, pixels.starts, pixels.left, pixels.above, pixels.corner)


def pack_mask(mask: np.ndarray) -> np.ndarray:
    """A mask (T,H,W) as bits (T,H,ceil(W/8)) uint8 that say where a row differs from the one above."""
    changes = mask.copy()
    changes[:, 1:] ^= mask[:, :-1]
    return np.packbits(changes, axis=-1)


def unpack_mask(bits: np.ndarray, width: int) -> np.ndarray:
    """The mask (T,H,W) bool of ``pack_mask``'s bits."""
    return np.unpackbits(np.bitwise_xor.accumulate(bits, axis=1), axis=-1, count=width).view(bool)


@_njit
def _neighbours(mask, starts):
    total = starts[-1]
    index, left = np.empty(total, np.int32), np.empty(total, np.int32)
    above, corner = np.empty(total, np.int32), np.empty(total, np.int32)
    frames, height, width = mask.shape
    before, here = np.empty(width + 1, np.int32), np.empty(width + 1, np.int32)
    n = 0
    for t in range(frames):
        before[:] = -1
        for row in range(height):
            here[0] = -1
            for column in range(width):
                here[column + 1] = -1
                if mask[t, row, column]:
                    index[n] = row * width + column
                    left[n] = here[column]
                    above[n] = before[column + 1]
                    corner[n] = before[column]
                    here[column + 1] = n
                    n += 1
            before, here = here, before
    return index, left, above, corner


@_njit
def _predict(values, n, c, first, left, above, corner):
    side, up = left[n], above[n]
    if side >= 0:
        if up >= 0:
            a, b = np.int32(values[side, c]), np.int32(values[up, c])
            if corner[n] >= 0:
                return a + b - np.int32(values[corner[n], c])
            return (a + b) // 2
        return np.int32(values[side, c])
    if up >= 0:
        return np.int32(values[up, c])
    if n > first:
        return np.int32(values[n - 1, c])
    return np.int32(0)


@_njit
def _residuals(values, starts, left, above, corner):
    total, channels = values.shape
    planes = np.empty((2, channels, total), np.uint8)
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(channels):
                rest = np.int32(values[n, c]) - _predict(
                    values, n, c, starts[t], left, above, corner
                )
                rest = ((rest + 32768) & 65535) - 32768
                code = ((rest << 1) ^ (rest >> 15)) & 65535
                planes[0, c, n] = code & 255
                planes[1, c, n] = code >> 8
    return planes


@_njit
def _values(planes, starts, left, above, corner):
    channels, total = planes.shape[1:]
    values = np.empty((total, channels), np.uint16)
    for t in range(len(starts) - 1):
        for n in range(starts[t], starts[t + 1]):
            for c in range(channels):
                code = np.int32(planes[0, c, n]) | np.int32(planes[1, c, n]) << 8
                rest = (code >> 1) ^ -(code & 1)
                guess = _predict(values, n, c, starts[t], left, above, corner)
                values[n, c] = (rest + guess) & 65535
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
