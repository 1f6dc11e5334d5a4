"""An object's mesh, how its shape varies, and the keypoints by which it is placed in photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.bodies.mesh import Mesh
from textures.visibility.vertex_normals import vertex_normals


@dataclass(frozen=True, kw_only=True)
class ObjectModel:
    """A mesh with shape directions and K keypoints.

    Attributes:
        mesh: the template.
        directions: (P,V,3) float32 metres; a shape (P,) is about as large as a standard normal number.
        keypoint_names: as the data set calls them.
        keypoint_vertices: (K,) indices of the vertices at the keypoints.
        sides: for each keypoint the number of its mirror image, its own in the middle.
    """

    mesh: Mesh
    directions: np.ndarray
    keypoint_names: tuple[str, ...]
    keypoint_vertices: np.ndarray
    sides: tuple[int, ...]

    def vertices(self, shape: np.ndarray | None = None) -> np.ndarray:
        """Vertices (V,3) float32 of a shape (P,), metres; of the template when None."""
        if shape is None:
            return self.mesh.vertices
        moved = np.tensordot(np.asarray(shape, np.float32), self.directions, 1)
        return self.mesh.vertices + moved

    def keypoints(self, shape: np.ndarray | None = None) -> np.ndarray:
        """Keypoints (K,3) float64 of a shape, metres."""
        points = np.asarray(self.mesh.vertices[self.keypoint_vertices], np.float64)
        if shape is None:
            return points
        moved = self.directions[:, self.keypoint_vertices].astype(np.float64)
        return points + np.tensordot(np.asarray(shape, np.float64), moved, 1)

    def keypoint_normals(self) -> np.ndarray:
        """Unit normals (K,3) of the template at its keypoints."""
        return vertex_normals(self.mesh.vertices, self.mesh.faces)[self.keypoint_vertices]
