"""Real numbers as integers with a stated error: fixed point, and octahedral unit vectors.

Steps are powers of two, so that `number * step` is exact and the only error is the rounding to
the grid: half a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

_njit = numba.njit(cache=True, nogil=True)
_WIDEST = 2.0**100

NORMAL_LEVELS = 1023
NORMAL_ERROR_DEGREES = 0.12
"""No unit vector is turned by more: the worst, (1, 1, 1), is turned by 0.119 degrees."""


@dataclass(frozen=True)
class FixedPoint:
    """`(numbers + base of the frame) * step`: numbers (N,C) uint16, base (T,C) int32."""

    step: float
    base: np.ndarray
    numbers: np.ndarray

    @property
    def error(self) -> float:
        """The most by which a value is off."""
        return self.step / 2


def fixed_point(values: np.ndarray, starts: np.ndarray, step: float) -> FixedPoint:
    """Values (N,C) of T frames, of which frame t has those from `starts[t]` to `starts[t+1]`.

    `step` is doubled until every frame's range fits 16 bits. Raises ValueError for values that
    are not finite.
    """
    values = np.ascontiguousarray(values)
    while step <= _WIDEST:
        base = np.zeros((len(starts) - 1, values.shape[1]), np.int32)
        numbers = np.empty(values.shape, np.uint16)
        fits = _to_grid(values, starts, 1.0 / step, base, numbers)
        if fits == 1:
            return FixedPoint(step, base, numbers)
        if fits < 0:
            break
        step *= 2
    raise ValueError("values that are not finite cannot be stored")


def real_numbers(fixed: FixedPoint, starts: np.ndarray) -> np.ndarray:
    """The values (N,C) float32 of fixed-point numbers."""
    return _from_grid(fixed.numbers, starts, fixed.step, fixed.base)


def octahedral(normals: np.ndarray) -> np.ndarray:
    """Unit vectors (N,3) as (N,2) uint16 from 0 to `2 * NORMAL_LEVELS`.

    The sphere is projected on an octahedron and that unfolded to a square (Meyer et al. 2010, "On
    Floating-Point Normal Vectors"). Its middle is -z, towards the camera, so that the folds, at
    which neighbours part, lie among surfaces seen from behind.
    """
    return _octahedral(np.ascontiguousarray(normals))


def unit_vectors(numbers: np.ndarray) -> np.ndarray:
    """The unit vectors (N,3) float32 of `octahedral` numbers (N,2) uint16."""
    return _unit_vectors(np.ascontiguousarray(numbers))


@_njit
def _to_grid(values, starts, scale, base, numbers):
    """1: done; 0: the range is too wide; -1: a value is not finite."""
    for t in range(len(starts) - 1):
        for c in range(values.shape[1]):
            low, high = np.inf, -np.inf
            for n in range(starts[t], starts[t + 1]):
                if not np.isfinite(values[n, c]):
                    return -1
                number = np.rint(values[n, c] * scale)
                low, high = min(low, number), max(high, number)
            if starts[t] == starts[t + 1]:
                continue
            if high - low > 65535.0 or low < -2147483648.0 or high > 2147483647.0:
                return 0
            base[t, c] = np.int32(low)
            for n in range(starts[t], starts[t + 1]):
                numbers[n, c] = np.uint16(np.rint(values[n, c] * scale) - low)
    return 1


@_njit
def _from_grid(numbers, starts, step, base):
    out = np.empty(numbers.shape, np.float32)
    for t in range(len(starts) - 1):
        for c in range(numbers.shape[1]):
            low = np.float64(base[t, c])
            for n in range(starts[t], starts[t + 1]):
                out[n, c] = (low + numbers[n, c]) * step
    return out


@_njit
def _octahedral(normals):
    out = np.empty((len(normals), 2), np.uint16)
    for n in range(len(normals)):
        x, y, z = np.float64(normals[n, 0]), np.float64(normals[n, 1]), np.float64(normals[n, 2])
        size = abs(x) + abs(y) + abs(z)
        if not size > 0.0:
            x, y, z, size = 0.0, 0.0, -1.0, 1.0
        u, v = x / size, y / size
        if z > 0.0:
            u, v = (
                (1.0 - abs(v)) * (1.0 if u >= 0.0 else -1.0),
                (1.0 - abs(u)) * (1.0 if v >= 0.0 else -1.0),
            )
        out[n, 0] = np.uint16(np.rint((u + 1.0) * NORMAL_LEVELS))
        out[n, 1] = np.uint16(np.rint((v + 1.0) * NORMAL_LEVELS))
    return out


@_njit
def _unit_vectors(numbers):
    out = np.empty((len(numbers), 3), np.float32)
    for n in range(len(numbers)):
        u = numbers[n, 0] / NORMAL_LEVELS - 1.0
        v = numbers[n, 1] / NORMAL_LEVELS - 1.0
        z = abs(u) + abs(v) - 1.0
        if z > 0.0:
            u, v = (
                (1.0 - abs(v)) * (1.0 if u >= 0.0 else -1.0),
                (1.0 - abs(u)) * (1.0 if v >= 0.0 else -1.0),
            )
        length = np.sqrt(u * u + v * v + z * z)
        out[n, 0], out[n, 1], out[n, 2] = u / length, v / length, z / length
    return out
