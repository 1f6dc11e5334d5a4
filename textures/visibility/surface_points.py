"""Points fixed on a mesh's surface: what dense point tracks follow.

A point is a face and a barycentric position in it, so it moves with the mesh and is exact in every
frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SurfacePoints:
    """N points by face and position in it.

    Attributes:
        faces: (N,) int32.
        barycentric: (N,3) float32, which sums to 1 but for rounding.
    """

    faces: np.ndarray
    barycentric: np.ndarray

    def positions(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Where the points are on the mesh `vertices` (V,3), `faces` (F,3): (N,3) float64."""
        corners = np.asarray(vertices, dtype=np.float64)[faces[self.faces]]
        return np.einsum("nk,nkd->nd", self.barycentric.astype(np.float64), corners)


def draw_surface_points(
    vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator
) -> SurfacePoints:
    """Draw points that are spread evenly over the area of a mesh.

    Args:
        vertices: (V,3) metres.
        faces: (F,3) vertex indices.
        count: how many points.
        rng: what draws them.

    Raises:
        ValueError: for a mesh without area or a negative count.
    """
    if count < 0:
        raise ValueError(f"{count} surface points: expected 0 or more")
    a, b, c = np.asarray(vertices, dtype=np.float64)[faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    if not area.sum() > 0:
        raise ValueError("the mesh has no area, so no points can be drawn on it")
    chosen = rng.choice(len(faces), size=count, p=area / area.sum())
    # A uniform point of the unit square, folded along its diagonal, is uniform on a triangle.
    u, v = rng.random((2, count))
    folded = u + v > 1
    u[folded], v[folded] = 1 - u[folded], 1 - v[folded]
    return SurfacePoints(
        faces=chosen.astype(np.int32),
        barycentric=np.stack([1 - u - v, u, v], axis=1).astype(np.float32),
    )
