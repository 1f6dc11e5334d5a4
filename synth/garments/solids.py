"""Closed solids that things are built of: rounded boxes, tubes, ribbons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.garments.lofts import grid_faces

Solid = tuple[np.ndarray, np.ndarray]
"""Vertices (V,3) and faces (F,3)."""


def rounded_box(
    centre: np.ndarray, size: Sequence[float], *, roundness: float = 0.45, taper: float = 0.0
) -> Solid:
    """A box with rounded corners.

    Args:
        centre: (3,) metres.
        size: width, height, depth, metres.
        roundness: 1 is an ellipsoid, 0 a box.
        taper: share by which the top is narrower than the bottom.
    """
    points, faces = ellipsoid(np.zeros(3), (1.0, 1.0, 1.0), 9, 16, power=roundness)
    points = points * np.asarray(size) / 2
    narrow = 1 - taper * (points[:, 1:2] / size[1] + 0.5)
    return points * np.concatenate([narrow, np.ones_like(narrow), narrow], 1) + centre, faces


def ellipsoid(
    centre: np.ndarray, radii: Sequence[float], rings: int, columns: int, *, power: float = 1.0
) -> Solid:
    """An ellipsoid, or with `power` below 1 a superellipsoid (a rounded box); poles up and down."""
    polar = np.linspace(0, np.pi, rings)[1:-1, None]
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)

    def rounded(values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.abs(values) ** power

    level = np.broadcast_to(rounded(np.cos(polar)), (rings - 2, columns))
    radius = rounded(np.sin(polar))
    grid = np.stack([radius * rounded(np.sin(angle)), level, radius * rounded(np.cos(angle))], -1)
    points = np.concatenate([[[0, 1.0, 0]], grid.reshape(-1, 3), [[0, -1.0, 0]]])
    middle = grid_faces(rings - 2, columns, True).reshape(-1, 3) + 1
    c = np.arange(columns)
    after = (c + 1) % columns
    top = np.stack([np.zeros_like(c), c + 1, after + 1], 1)
    last = len(points) - 1
    first = last - columns
    bottom = np.stack([np.full_like(c, last), first + after, first + c], 1)
    return points * np.asarray(radii) + centre, np.concatenate([top, middle, bottom])


def tube(path: np.ndarray, radii: Sequence[float], columns: int) -> Solid:
    """A tube along a path (N,3), N radii, both ends closed."""
    path = np.asarray(path, float)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # The axis that the path keeps farthest from never makes the rings turn over.
    side = np.cross(tangent, np.eye(3)[np.abs(tangent).max(0).argmin()])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(tangent, side)
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    ring = (
        np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * other[:, None]
    )
    grid = path[:, None] + ring * np.asarray(radii)[:, None, None]
    points = np.concatenate([grid.reshape(-1, 3), path[:1], path[-1:]])
    faces = grid_faces(len(path), columns, True).reshape(-1, 3)[:, ::-1]
    c = np.arange(columns)
    after = (c + 1) % columns
    start, end, last = len(points) - 2, len(points) - 1, (len(path) - 1) * columns
    caps = [
        np.stack([np.full_like(c, start), after, c], 1),
        np.stack([np.full_like(c, end), last + c, last + after], 1),
    ]
    return points, np.concatenate([faces, *caps])


def joined(solids: Sequence[Solid]) -> Solid:
    """Several solids as one."""
    starts = np.cumsum([0, *(len(points) for points, _ in solids)])
    return (
        np.concatenate([points for points, _ in solids]),
        np.concatenate([faces + start for (_, faces), start in zip(solids, starts)]),
    )


def shifted(point: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    """A point (3,) moved by metres to the left, up and ahead."""
    return point + np.array([x, y, z])
