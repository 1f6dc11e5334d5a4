"""All that a scene's camera sees, people and things before them, as one mesh that moves.

Visibility knows one mesh, so what hides what is right in every channel by construction: the nearest face
wins, whoever's it is. A scene of one body is that body's own mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning
from synth.scene.occluders import posed_occluder
from synth.scene.posed_clip import PosedClip, skin_figure


@dataclass(frozen=True)
class SceneGeometry:
    """A clip's moving mesh, with one more frame at either end.

    Attributes:
        mesh: the people in their order, then the occluders; `face_instances` where there is more than
            one of them.
        vertices: (T+2,V,3) float32, metres in the world.
        joints: (T+2,24P,3) float32, the joints of the first person, then of the next.
    """

    mesh: Mesh
    vertices: np.ndarray
    joints: np.ndarray


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


def scene_geometry(posed_clip: PosedClip, bodies: Sequence[tuple[Body, Skinning]]) -> SceneGeometry:
    """The mesh of a clip.

    Args:
        posed_clip: its figures and occluders.
        bodies: of the figures, in their order.

    Raises:
        ValueError: not as many bodies as figures.
    """
    meshes: list[Mesh] = []
    vertices: list[np.ndarray] = []
    joints: list[np.ndarray] = []
    for figure, (body, skinning) in zip(posed_clip.figures, bodies, strict=True):
        figure_vertices, figure_joints = skin_figure(figure, skinning)
        meshes.append(body.mesh)
        vertices.append(figure_vertices)
        joints.append(figure_joints)
    for occluder in posed_clip.occluders:
        mesh, moved = posed_occluder(occluder, len(posed_clip), ends=posed_clip.ends)
        meshes.append(mesh)
        vertices.append(moved)
    if len(meshes) == 1:
        return SceneGeometry(meshes[0], vertices[0], joints[0])
    return SceneGeometry(
        merged_mesh(meshes), np.concatenate(vertices, axis=1), np.concatenate(joints, axis=1)
    )
