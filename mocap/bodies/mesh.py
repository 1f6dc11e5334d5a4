"""A textured triangle mesh with labelled faces, whatever it is of and however it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

HEAD, HAND = "head", "hand"
"""Names of the face groups that texture masks and checks ask for."""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Triangles with UVs and part labels: all that visibility, UV layouts and shading need.

    Frame: right-handed, metres, y up; the template faces +z and its left side points to +x. A mesh has
    no skeleton; a `Body` has a mesh, and so may anything else that moves vertices.

    Attributes:
        name: what the mesh is of ("free", "smpl:basicModel_f", ...), for messages.
        uv_layout: name of the UV layout; textures carry it and are refused on another.
        vertices: (V, 3) float32, the template.
        faces: (F, 3) int32 vertex indices, counter-clockwise seen from outside.
        uv: (T, 2) float32, (0, 0) at the bottom-left of the texture image.
        uv_faces: (F, 3) int32 indices into `uv`.
        face_parts: (F,) uint8 part labels from 1; 0 is background.
        face_groups: (F,) bool masks by name, such as "head" and "hand".
        face_instances: (F,) uint8 from 1, where several things are merged into one mesh: to which of
            them a face belongs, each with UVs into a texture of its own; None for a mesh of one.
    """

    name: str
    uv_layout: str
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    uv_faces: np.ndarray
    face_parts: np.ndarray
    face_groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    face_instances: np.ndarray | None = None

    def face_group(self, name: str) -> np.ndarray:
        """(F,) bool: the faces of a named group, none where the mesh has no such group."""
        group = self.face_groups.get(name)
        return np.zeros(len(self.faces), bool) if group is None else group

    @property
    def instances(self) -> int:
        """How many things are merged in the mesh: 1 but for those of `face_instances`."""
        return 1 if self.face_instances is None else int(self.face_instances.max())
