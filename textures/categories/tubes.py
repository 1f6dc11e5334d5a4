"""Closed tubes, of which simple animals are built, and the unrolling of a tube in a texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tube:
    """R rings of C points each, closed by a pole at either end.

    Attributes:
        rings: (R,C,3) float64. Seen from outside, columns run to the right where rings run down.
        poles: (2,3) float64: before the first ring, after the last one.
    """

    rings: np.ndarray
    poles: np.ndarray

    def vertices(self) -> np.ndarray:
        """(R*C+2,3): the rings' points, then the two poles."""
        return np.concatenate([self.rings.reshape(-1, 3), self.poles])

    def faces(self) -> np.ndarray:
        """(F,3) int32, counter-clockwise seen from outside."""
        return self._triangles(self.rings.shape[1], 0)

    def uv_faces(self) -> np.ndarray:
        """(F,3) int32 indices into `unrolled`, face by face as `faces`."""
        return self._triangles(self.rings.shape[1] + 1, 1)

    def _triangles(self, columns: int, seam: int) -> np.ndarray:
        """Two triangles for a cell of the grid, one for each column at a pole.

        With a seam (1) the last column is the first one's copy, and a pole has a point for each column.
        """
        rows, count = self.rings.shape[:2]
        r, c = np.mgrid[: rows - 1, :count]
        following = c + 1 if seam else (c + 1) % count
        a, b = r * columns + c, r * columns + following
        cells = np.stack([a, a + columns, b, b, a + columns, b + columns], -1).reshape(-1, 3)
        column = np.arange(count)
        right = column + 1 if seam else (column + 1) % count
        top, size = rows * columns, count if seam else 1
        first = top + (column if seam else np.zeros(count, int))
        last = first + size
        lowest = (rows - 1) * columns
        caps = [
            np.stack([first, column, right], -1),
            np.stack([lowest + column, last, lowest + right], -1),
        ]
        return np.concatenate([cells, *caps]).astype(np.int32)

    def unrolled(
        self, island: Sequence[float], *, across: np.ndarray, down: np.ndarray
    ) -> np.ndarray:
        """UVs (T,2) of the tube cut open along its first column.

        Args:
            island: left, bottom, right, top of the UVs.
            across: (C+1,) increasing from 0 to 1, where columns lie across the island.
            down: (R+2,) increasing from 0 to 1, where the first pole, the rings and the last pole lie.
        """
        left, bottom, right, top = island
        u = left + (right - left) * np.asarray(across)
        v = top - (top - bottom) * np.asarray(down)
        rings = np.stack(np.broadcast_arrays(u[None], v[1:-1, None]), -1).reshape(-1, 2)
        middle = (u[1:] + u[:-1]) / 2
        poles = [np.stack([middle, np.full(len(middle), end)], -1) for end in (v[0], v[-1])]
        return np.concatenate([rings, *poles])


def lofted(
    spine: np.ndarray, radii: np.ndarray, *, side: np.ndarray, columns: int, poles: np.ndarray
) -> Tube:
    """A tube of ellipses around a spine.

    Args:
        spine: (R,3), from the first ring to the last.
        radii: (R,2), along `side` and across it.
        side: (3,) unit vector, at right angles to the spine.
        columns: of each ring; the first lies below, the second quarter on the side of `side`.
        poles: (2,3), the tube's ends.
    """
    path = np.concatenate([poles[:1], spine, poles[1:]])
    tangent = path[2:] - path[:-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    upward = np.cross(-tangent, side)
    angle = 2 * np.pi * np.arange(columns) / columns
    rings = (
        spine[:, None]
        + radii[:, :1, None] * np.sin(angle)[:, None] * side
        - radii[:, 1:, None] * np.cos(angle)[:, None] * upward[:, None]
    )
    return Tube(rings, np.asarray(poles, np.float64))


def lengthwise(tube: Tube) -> np.ndarray:
    """(R+2,) from 0 to 1: how far along the tube its first pole, its rings and its last pole lie."""
    path = np.concatenate([tube.poles[:1], tube.rings.mean(1), tube.poles[1:]])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
