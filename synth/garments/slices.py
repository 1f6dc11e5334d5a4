"""Plane slices of a body, and the convex outline of each: cloth that bridges legs and hollows.

A slice keeps which edges of the body a plane cuts in the T-pose and where, so that it moves with the
posed body. Cloth hangs on the outline of its slices (their support in every direction), never inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from mocap.bodies.body import Body

CLEARANCE = 0.008
"""Metres of cloth off what is beneath it, at the least, however it swings."""

SHARPNESS = 110.0
"""1/metre: how far a vertex of cloth looks past the outermost point when it takes over its motion."""


@dataclass(frozen=True)
class Slices:
    """R slices of up to M points, each between two vertices of the body.

    Attributes:
        first: (R,M) int32 vertices.
        second: (R,M) int32 vertices.
        share: (R,M) float32, how much of the second.
        valid: (R,M) bool.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    valid: np.ndarray

    def values(self, values: np.ndarray) -> np.ndarray:
        """(R,M,C) of values (V,C) at the body's vertices."""
        share = self.share[..., None]
        return (1 - share) * values[self.first] + share * values[self.second]

    def rows(self, start: int, stop: int) -> Slices:
        """The slices from `start` to before `stop`."""
        return Slices(*(array[start:stop] for array in vars(self).values()))


def body_edges(body: Body) -> np.ndarray:
    """Vertex pairs (E,2) of the body's faces, each once."""
    pairs = np.concatenate([body.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def plane_slices(
    vertices: np.ndarray,
    edges: np.ndarray,
    normals: Sequence[np.ndarray],
    offsets: Sequence[float] | np.ndarray,
    allowed: np.ndarray,
) -> Slices:
    """Cut a mesh with planes.

    Args:
        vertices: (V,3) T-posed.
        edges: (E,2) vertex pairs.
        normals: of the planes, (3,) each.
        offsets: of the planes: they hold the points x with normal . x = offset.
        allowed: (V,) bool, or (R,V): the vertices that count.

    Returns:
        A slice for each plane.

    Raises:
        ValueError: where a plane meets nothing.
    """
    allowed = np.broadcast_to(allowed, (len(offsets), len(vertices)))
    rows = []
    for normal, offset, mask in zip(normals, offsets, allowed):
        signed = vertices @ normal - offset
        a, b = edges.T
        cut = ((signed[a] < 0) != (signed[b] < 0)) & mask[a] & mask[b]
        if cut.sum() < 3:
            raise ValueError(f"a plane at {offset:.3f} m meets nothing of the body")
        a, b = a[cut], b[cut]
        rows.append((a, b, signed[a] / (signed[a] - signed[b])))
    width = max(len(row[0]) for row in rows)
    first, second = (np.zeros((len(rows), width), np.int32) for _ in range(2))
    share: np.ndarray = np.zeros((len(rows), width), np.float32)
    valid = np.zeros((len(rows), width), bool)
    for r, (a, b, t) in enumerate(rows):
        first[r, : len(a)], second[r, : len(a)], share[r, : len(a)] = a, b, t
        valid[r, : len(a)] = True
    return Slices(first, second, share, valid)


def outline(
    points: np.ndarray, valid: np.ndarray, directions: np.ndarray, margin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The convex outline of slices, moved out.

    Args:
        points: (R,M,3).
        valid: (R,M) bool, the first ones of each row.
        directions: (R,A,3) unit vectors in which the outline is looked for.
        margin: (R,A) metres beyond the outermost point.

    Returns:
        Outline (R,A,3), and the shares (R,A,M) of the points in each of its vertices.
    """
    shape = (*directions.shape[:2], points.shape[1])
    position, shares = np.empty(directions.shape), np.zeros(shape)
    _outline(
        np.ascontiguousarray(points, dtype=np.float64),
        valid.sum(1),
        np.ascontiguousarray(directions, dtype=np.float64),
        np.ascontiguousarray(margin, dtype=np.float64),
        position,
        shares,
    )
    return position, shares


@numba.njit(cache=True, nogil=True)
def _outline(points, counts, directions, margin, position, shares):
    reach = np.empty(points.shape[1], np.float64)
    for r in range(directions.shape[0]):
        count = counts[r]
        for a in range(directions.shape[1]):
            x, y, z = directions[r, a]
            farthest = -np.inf
            for m in range(count):
                reach[m] = points[r, m, 0] * x + points[r, m, 1] * y + points[r, m, 2] * z
                farthest = max(farthest, reach[m])
            total, px, py, pz = 0.0, 0.0, 0.0, 0.0
            for m in range(count):
                lack = SHARPNESS * (farthest - reach[m])
                if lack < 8.0:  # what is farther in has no say
                    share = np.exp(-lack)
                    shares[r, a, m] = share
                    total += share
                    px += share * points[r, m, 0]
                    py += share * points[r, m, 1]
                    pz += share * points[r, m, 2]
            for m in range(count):
                shares[r, a, m] /= total
            px, py, pz = px / total, py / total, pz / total
            lack = farthest + margin[r, a] - (px * x + py * y + pz * z)
            position[r, a, 0] = px + lack * x
            position[r, a, 1] = py + lack * y
            position[r, a, 2] = pz + lack * z


@dataclass(frozen=True)
class Drape:
    """Cloth that hangs on the outline of slices of a body.

    Attributes:
        slices: R of them, from the top to the hem.
        directions: (R,A,3) unit vectors in the T-pose.
        weights: (R,24) of the joints whose mean frame turns the directions of each ring; rows sum to 1.
        margin: (R,A) metres off the body.
        taper: Metres by which a ring may be nearer than the one above it, as far as the body
            allows; infinite for cloth that clings.
        underlay: (R,A) metres off the body of what is worn beneath it.
    """

    slices: Slices
    directions: np.ndarray
    weights: np.ndarray
    margin: np.ndarray
    taper: float
    underlay: np.ndarray | float = 0.0

    def rings(
        self, vertices: np.ndarray, turn: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cloth (R,A,3) about a body's vertices (V,3), and the shares (R,A,M) of its points."""
        position, shares, _, _ = self._rings(vertices, turn)
        return position, shares

    def _rings(
        self, vertices: np.ndarray, turn: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As `rings`, with the directions (R,A,3) and how far in cloth may be pressed (R,A,3)."""
        directions = self.directions
        if turn is not None:
            directions = directions @ np.swapaxes(turn, -1, -2)
        position, shares = outline(
            self.slices.values(vertices), self.slices.valid, directions, self.margin
        )
        clearance = np.minimum(self.margin, CLEARANCE + self.underlay)
        limits = position - (self.margin - clearance)[..., None] * directions
        if np.isfinite(self.taper):
            for row in range(1, len(position)):
                reach = (position[row] * directions[row]).sum(-1)
                upper = (position[row - 1] * directions[row]).sum(-1) - self.taper
                position[row] += np.maximum(0, upper - reach)[:, None] * directions[row]
        return position, shares, directions, limits

    def hang(self, vertices: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Vertices (R*A,3) of the cloth on a posed body's (V,3) with joint frames (24,3,4)."""
        return self.rings(vertices, self.turns(frames))[0].reshape(-1, 3)

    def outward(self, frames: np.ndarray) -> np.ndarray:
        """The directions (R,A,3) out of the limbs, of joint frames (24,3,4)."""
        return self.directions @ np.swapaxes(self.turns(frames), -1, -2)

    def turns(self, frames: np.ndarray) -> np.ndarray:
        """The rotation (R,3,3) of each ring: the mean of its joints', frames (24,3,4).

        So the front of a skirt lies on top of thighs that are raised.
        """
        mean = (self.weights @ frames[:, :, :3].reshape(24, 9)).reshape(-1, 3, 3)
        u, _, v = np.linalg.svd(mean.astype(np.float64))
        u[:, :, 2] *= np.sign(np.linalg.det(u @ v))[:, None]
        return u @ v

    def bounds(self, vertices: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far in the cloth may be pressed, (R,A,3), and the directions (R,A,3) out of the limbs.

        Arguments as of `hang`.
        """
        _, _, directions, limits = self._rings(vertices, self.turns(frames))
        return limits, directions
