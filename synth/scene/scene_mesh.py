"""All that a scene's camera sees, people and things before them, as one mesh that moves.

Visibility knows one mesh, so what hides what is right in every channel by construction: the nearest face
wins, whoever's it is. A scene of one body is that body's own mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning
from synth.garments.garment import DressedBody
from synth.scene.dressed_figure import figure_geometry
from synth.scene.occluders import Occluder, occluder_texture, posed_occluder
from synth.scene.posed_clip import PosedClip
from synth.scene.renderer import Texture
from textures.library import read_texture

_TEXTURE_SIZE = 256


@dataclass(frozen=True)
class SceneGeometry:
    """A clip's moving mesh, with one more frame at either end.

    Attributes:
        mesh: the people in their order, then the occluders; `face_instances` where there is more than
            one of them.
        vertices: (T+2,V,3) float32, metres in the world.
        joints: (T+2,24P,3) float32, the joints of the first person, then of the next.
        shaded_mesh: the mesh with UVs into the pictures of `textures`; those of labels are the body's.
        dressed: of each person, what knows the texture of their fabrics; None for a body alone.
        occluders: in the order of their instances.
    """

    mesh: Mesh
    vertices: np.ndarray
    joints: np.ndarray
    shaded_mesh: Mesh
    dressed: tuple[DressedBody | None, ...]
    occluders: tuple[Occluder, ...]

    def textures(self, paths: Sequence[Path]) -> list[Texture]:
        """What each instance shows, for a renderer of `shaded_mesh`; `paths` are the people's textures.

        Raises BadInput for the texture of somebody dressed that cannot be read.
        """
        pictures: list[Texture] = [
            path if dressed is None else dressed.texture_with_swatches(read_texture(path))
            for path, dressed in zip(paths, self.dressed, strict=True)
        ]
        return pictures + [occluder_texture(occluder) for occluder in self.occluders]


def merged_mesh(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one, faces and vertices one after another; a single one as it is.

    The name and the UV layout are the first's. Every mesh keeps its UVs, which are of its own texture.
    """
    if len(meshes) == 1:
        return meshes[0]
    first_vertex = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    first_uv = np.cumsum([0, *(len(mesh.uv) for mesh in meshes[:-1])])
    counts = [len(mesh.faces) for mesh in meshes]
    return Mesh(
        name=meshes[0].name,
        uv_layout=meshes[0].uv_layout,
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate(
            [mesh.faces + n for mesh, n in zip(meshes, first_vertex)], dtype=np.int32
        ),
        uv=np.concatenate([mesh.uv for mesh in meshes]),
        uv_faces=np.concatenate(
            [mesh.uv_faces + n for mesh, n in zip(meshes, first_uv)], dtype=np.int32
        ),
        face_parts=np.concatenate([mesh.face_parts for mesh in meshes]),
        face_instances=np.repeat(np.arange(1, len(meshes) + 1, dtype=np.uint8), counts),
    )


def scene_geometry(
    posed_clip: PosedClip,
    bodies: Sequence[tuple[Body, Skinning]],
    *,
    texture_sizes: Sequence[int] = (),
) -> SceneGeometry:
    """The mesh of a clip.

    Args:
        posed_clip: its figures and occluders.
        bodies: of the figures, in their order.
        texture_sizes: texels along the sides of the people's textures, for the UVs of `shaded_mesh`; of
            no consequence for labels.

    Raises:
        ValueError: not as many bodies as figures.
    """
    sizes = texture_sizes or [_TEXTURE_SIZE] * len(bodies)
    people = [
        figure_geometry(figure, *body, texture_size=size, fps=posed_clip.fps, ends=posed_clip.ends)
        for figure, body, size in zip(posed_clip.figures, bodies, sizes, strict=True)
    ]
    things = [
        posed_occluder(occluder, len(posed_clip), ends=posed_clip.ends)
        for occluder in posed_clip.occluders
    ]
    meshes = [mesh for mesh, _ in things]
    vertices = [person.vertices for person in people] + [moved for _, moved in things]
    joints = [person.joints for person in people]
    alone = len(vertices) == 1
    return SceneGeometry(
        mesh=merged_mesh([person.mesh for person in people] + meshes),
        vertices=vertices[0] if alone else np.concatenate(vertices, axis=1),
        joints=joints[0] if alone else np.concatenate(joints, axis=1),
        shaded_mesh=merged_mesh([person.shaded_mesh for person in people] + meshes),
        dressed=tuple(person.dressed for person in people),
        occluders=posed_clip.occluders,
    )
