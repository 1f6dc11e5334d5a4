"""What a garment is, how it follows a posed body, and a body with all that it wears as one mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, rotation_matrices
from synth.garments.layers import layer_edges, separated_layers
from synth.garments.slices import Drape
from synth.garments.swing import Swing

SWATCH = 8
"""Rows of texels below a texture that hold the colours of carried things."""


@dataclass(frozen=True, kw_only=True)
class Garment:
    """A mesh that a body wears or carries, in the body's T-pose.

    Attributes:
        kind: what it is ("top", "skirt", "hair", "backpack", ...).
        vertices: (V,3) float32 metres, around the T-posed, shaped body.
        faces: (F,3) int32, counter-clockwise seen from outside.
        weights: (V,24) float32 skinning weights; rows sum to 1.
        uv: (T,2) float32, UVs of the nearest points of the body, whose texture worn cloth and hair
            show; None for carried things.
        uv_faces: (F,3) int32 indices into `uv`; None for carried things.
        face_parts: (F,) uint8, the part of the nearest point of the body; 0 for carried things.
        colour: sRGB in [0,1] of a carried thing, or of cloth that has a fabric of its own; None of cloth
            and hair that show the body's texture.
        drape: how cloth that bridges the limbs hangs about the posed body; None for cloth that is
            skinned.
        upright: the joint from which a thing hangs by its weight, whatever the joint's tilt; None for
            what turns with the body.
        swing: how it lags behind the body and swings; None for what does not.
        layer: a garment lies outside of those with a lower number; 0 for what is in no layer.
    """

    kind: str
    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    uv: np.ndarray | None
    uv_faces: np.ndarray | None
    face_parts: np.ndarray
    colour: tuple[float, float, float] | None = None
    drape: Drape | None = None
    upright: int | None = None
    swing: Swing | None = None
    layer: int = 0

    @property
    def carried(self) -> bool:
        """Whether it is carried, not worn: neither body nor cloth."""
        return self.uv is None

    def outward(self, frames: np.ndarray) -> np.ndarray | None:
        """The directions (V,3) out of the limbs that cloth hangs about, of joint frames (24,3,4)."""
        return None if self.drape is None else self.drape.outward(frames).reshape(-1, 3)


@torch.no_grad()
def joint_frames(
    skinning: Skinning, *, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """The transforms of the joints from the T-pose, which skin what a body wears.

    Args:
        skinning: of the body.
        pose: (T,72) axis-angles, radians.
        betas: (10,), one shape.
        translation: (T,3) metres.

    Returns:
        (T,24,3,4) float32: a point x of the T-pose that follows a joint lands on A x + b.
    """
    rest_joints = skinning.shaped_joints(torch.tensor(np.asarray(betas, np.float32)[None]))
    rest_joints = rest_joints.expand(len(pose), -1, -1)
    rotations = rotation_matrices(torch.tensor(np.asarray(pose, np.float32)).view(-1, 24, 3))
    turned, joints = skinning.joint_transforms(rotations, rest_joints)
    offsets = joints - (turned @ rest_joints.unsqueeze(-1)).squeeze(-1)
    offsets = offsets + torch.tensor(np.asarray(translation, np.float32))[:, None]
    return torch.cat([turned, offsets.unsqueeze(-1)], -1).numpy()


def posed_garment(
    garment: Garment, frames: np.ndarray, vertices: np.ndarray, upright: np.ndarray
) -> np.ndarray:
    """Where a garment is on a posed body.

    Args:
        garment: What is worn or carried.
        frames: (24,3,4) of the joints, from `joint_frames`.
        vertices: (V,3) of the posed body, metres.
        upright: (3,3) rotation from the T-pose to the person's heading, gravity along its second
            column.

    Returns:
        (V,3) float32 vertices of the garment, metres.
    """
    if garment.drape is not None:
        return garment.drape.hang(vertices, frames).astype(np.float32)
    if garment.upright is not None:
        frame = frames[garment.upright]
        anchor = garment.vertices[0]  # the first vertex is where it is held
        held = frame[:, :3] @ anchor + frame[:, 3]
        return ((garment.vertices - anchor) @ upright.T + held).astype(np.float32)
    blended = (garment.weights @ frames.reshape(24, 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[..., :3], garment.vertices) + blended[..., 3]


@dataclass(frozen=True)
class DressedBody:
    """A body and what it wears as one list of faces.

    Attributes:
        mesh: Faces, parts and true UVs (those of carried things mean nothing).
        shaded_mesh: The same with UVs into `texture_with_swatches`.
        carried: (F,) bool, the faces of carried things.
        garments: What is worn and carried, in the order of the faces.
    """

    mesh: Mesh
    shaded_mesh: Mesh
    carried: np.ndarray
    garments: tuple[Garment, ...]

    def posed(
        self, vertices: np.ndarray, frames: np.ndarray, upright: np.ndarray | None = None
    ) -> np.ndarray:
        """Vertices (V',3) float64 of body and garments, of a posed body's (V,3).

        Args:
            vertices: (V,3) of the posed body, metres.
            frames: (24,3,4) of its joints.
            upright: (3,3), see `posed_garment`; by default the pelvis's heading about +y.
        """
        garments = self.garments
        placed = separated_layers(
            self.placed(vertices, frames, upright),
            [garment.faces for garment in garments],
            self.edges,
            [garment.layer for garment in garments],
            [np.full(len(g.vertices), g.drape is not None) for g in garments],
            [garment.outward(frames) for garment in garments],
        )
        return np.concatenate([vertices, *placed]).astype(np.float64)

    def placed(
        self, vertices: np.ndarray, frames: np.ndarray, upright: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The garments' vertices (V,3), each by itself; arguments as of `posed`."""
        if upright is None:
            yaw = np.arctan2(frames[0, 0, 2], frames[0, 2, 2])
            c, s = np.cos(yaw), np.sin(yaw)
            upright = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        return [posed_garment(garment, frames, vertices, upright) for garment in self.garments]

    @cached_property
    def edges(self) -> list[np.ndarray]:
        """The edges (E,2) of each garment that is in a layer; none of others."""
        empty = np.zeros((0, 2), np.int32)
        return [layer_edges(g.faces) if g.layer else empty for g in self.garments]

    @property
    def body_faces(self) -> np.ndarray:
        """(F,3), the faces of the body alone."""
        count = len(self.mesh.faces) - sum(len(garment.faces) for garment in self.garments)
        return self.mesh.faces[:count]

    @property
    def of_person(self) -> np.ndarray:
        """(V',) bool, the vertices of the body and of what is worn, not of what is carried."""
        bare = len(self.mesh.vertices) - sum(len(garment.vertices) for garment in self.garments)
        rows = [np.full(len(g.vertices), not g.carried) for g in self.garments]
        return np.concatenate([np.ones(bare, bool), *rows])

    def texture_with_swatches(self, texture: np.ndarray) -> np.ndarray:
        """The body's texture (S,S,3) uint8 with the colours of things and fabrics below, (S+8,S,3)."""
        rows = np.repeat(texture[-1:], SWATCH, axis=0)
        things = [garment for garment in self.garments if garment.colour is not None]
        for number, garment in enumerate(things):
            left, right = _swatch_columns(number, len(things), texture.shape[1])
            tones = np.linspace(0.72, 1.12, right - left)[:, None]
            rows[2:, left:right] = np.clip(np.array(garment.colour) * tones * 255, 0, 255)
        return np.concatenate([texture, rows])


def _swatch_columns(number: int, count: int, width: int) -> tuple[int, int]:
    return number * width // count, (number + 1) * width // count


def dressed_body(body: Body, garments: Sequence[Garment], texture_size: int) -> DressedBody:
    """Join a body and what it wears.

    Args:
        body: The body.
        garments: What it wears and carries.
        texture_size: Texels along the side of its texture.

    Returns:
        The joined mesh, whose vertices come from `DressedBody.posed`.
    """
    faces, uv, uv_faces, labels, carried = (
        [body.faces],
        [body.uv],
        [body.mesh.uv_faces],
        [body.face_parts],
        [np.zeros(len(body.faces), bool)],
    )
    things = [garment for garment in garments if garment.colour is not None]
    vertex_count, uv_count = len(body.template), len(body.uv)
    swatches: list[Garment] = []
    height = texture_size + SWATCH
    scaled = [_above_swatches(body.uv, texture_size)]
    for garment in garments:
        faces.append(garment.faces + vertex_count)
        labels.append(garment.face_parts)
        carried.append(np.full(len(garment.faces), garment.carried))
        garment_uv, garment_uv_faces = _uv_of(garment)
        if garment.colour is not None:
            left, right = _swatch_columns(len(swatches), len(things), texture_size)
            corner = np.zeros(len(garment_uv), np.intp)  # a vertex at each of the UVs
            corner[garment_uv_faces.ravel()] = garment.faces.ravel()
            shade = _shade_of_vertices(garment.vertices)[corner]
            columns = left + 1.5 + shade * (right - left - 3)
            rows = np.full(len(columns), texture_size + SWATCH * 0.65)
            swatches.append(garment)
            scaled.append(np.stack([columns / texture_size, 1 - rows / height], 1))
        else:
            scaled.append(_above_swatches(garment_uv, texture_size))
        uv.append(garment_uv)
        uv_faces.append(garment_uv_faces + uv_count)
        vertex_count += len(garment.vertices)
        uv_count += len(uv[-1])
    mesh = Mesh(
        name=body.name,
        uv_layout=body.uv_layout,
        vertices=np.concatenate([body.template, *(g.vertices for g in garments)]),
        faces=np.concatenate(faces).astype(np.int32),
        uv=np.concatenate(uv).astype(np.float32),
        uv_faces=np.concatenate(uv_faces).astype(np.int32),
        face_parts=np.concatenate(labels),
    )
    return DressedBody(
        mesh=mesh,
        shaded_mesh=replace(mesh, uv=np.concatenate(scaled).astype(np.float32)),
        carried=np.concatenate(carried),
        garments=tuple(garments),
    )


def _uv_of(garment: Garment) -> tuple[np.ndarray, np.ndarray]:
    """UVs of a garment and the faces that index them; those of a carried thing are nought."""
    if garment.uv is None or garment.uv_faces is None:
        return np.zeros((len(garment.vertices), 2), np.float32), garment.faces
    return garment.uv, garment.uv_faces


def _above_swatches(uv: np.ndarray, size: int) -> np.ndarray:
    """UVs of a square texture in one that has `SWATCH` rows more at the bottom."""
    return np.stack([uv[:, 0], 1 - (1 - uv[:, 1]) * size / (size + SWATCH)], 1)


def _shade_of_vertices(vertices: np.ndarray) -> np.ndarray:
    """How light each vertex (V,) of a carried thing is in its swatch, 0..1: darker folds and seams."""
    spread = np.sin(vertices[:, 1] * 47) * np.sin(vertices[:, 0] * 61 + vertices[:, 2] * 53)
    return np.clip(0.6 + 0.4 * spread, 0, 1)
