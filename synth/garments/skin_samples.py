"""The nearest point of a body's surface, and UVs there that no seam of the layout tears apart."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from mocap.bodies.body import Body

SPACING = 0.012  # metres between the samples of large faces
CANDIDATES = 16  # near samples that a corner may take its UV from
STRETCH = 2.0  # how much larger than on the body a face may lie in the texture


class SkinSamples:
    """Points of a T-posed body's surface, closely spaced, with their UVs and parts."""

    def __init__(self, body: Body) -> None:
        corners = body.template[body.faces].astype(np.float64)
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        steps = np.clip(np.ceil(longest / SPACING), 1, 6).astype(int)
        uv_faces = body.mesh.uv_faces
        sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        (u, v), (s, t) = ((body.uv[uv_faces[:, k]] - body.uv[uv_faces[:, 0]]).T for k in (1, 2))
        uv_sides = u * t - v * s  # NumPy 2.5's cross product takes 3D vectors alone
        area = np.maximum(np.linalg.norm(sides, axis=1), 1e-12)
        density = np.sqrt(np.abs(uv_sides) / area)
        positions, uvs, faces = [], [], []
        for number in np.unique(steps):
            chosen = np.flatnonzero(steps == number)
            grid = np.array(
                [
                    (i + 1 / 3, j + 1 / 3, number - i - j - 2 / 3)
                    for i in range(number)
                    for j in range(number - i)
                ]
            )
            shares = grid / number
            positions.append(np.einsum("sk,fkd->fsd", shares, corners[chosen]).reshape(-1, 3))
            uvs.append(np.einsum("sk,fkd->fsd", shares, body.uv[uv_faces[chosen]]).reshape(-1, 2))
            faces.append(np.repeat(chosen, len(shares)))
        self.position = np.concatenate(positions)
        self.uv = np.concatenate(uvs).astype(np.float32)
        face = np.concatenate(faces)
        self.density = density[face]
        self.label = body.face_parts[face]
        self._tree = cKDTree(self.position)

    def corner_uvs(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        allowed: np.ndarray | None = None,
        upright: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """UVs of the points of the body that are nearest to each corner of a mesh around it.

        The three corners of a face are given UVs that lie together: none is across a seam.

        Args:
            vertices: (V,3) around the T-posed template.
            faces: (F,3).
            allowed: (S,) bool, the samples that count; all by default.
            upright: how many times as much a metre of height counts; cloth that hangs takes after
                the body beside it.

        Returns:
            UVs (3F,2) float32, faces into them (F,3) int32, parts (F,) uint8.
        """
        stretch = np.array([1.0, upright, 1.0])
        whole = allowed is None and upright == 1.0
        indices = np.arange(len(self.position)) if allowed is None else np.flatnonzero(allowed)
        tree = self._tree if whole else cKDTree(self.position[indices] * stretch)
        corners = vertices[faces]
        nearest = indices[tree.query(corners.mean(1) * stretch)[1]]
        candidates = indices[tree.query(vertices * stretch, k=CANDIDATES)[1]][faces]
        size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        reach = STRETCH * self.density[nearest] * size
        middle = self.uv[nearest][:, None, None]
        close = np.linalg.norm(self.uv[candidates] - middle, axis=-1) < reach[:, None, None]
        best = np.take_along_axis(candidates, close.argmax(-1)[..., None], -1)[..., 0]
        best = np.where(close.any(-1), best, nearest[:, None])
        uv_faces = np.arange(best.size, dtype=np.int32).reshape(-1, 3)
        return self.uv[best.ravel()], uv_faces, self.label[nearest]
