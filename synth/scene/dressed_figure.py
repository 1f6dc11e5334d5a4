"""A person of a film in clothes that have a shape: one mesh, frame by frame."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from synth.garments.clothing import make_clothes
from synth.garments.garment import DressedBody, dressed_body, joint_frames
from synth.garments.moving_clothes import moving_clothes
from synth.garments.wardrobe_forms import WardrobeForms, prepare_forms
from synth.scene.posed_clip import PosedFigure, one_thread, skin_figure

CARRIED_PART = 26
"""The part label of what is carried, after SURREAL's 24 and occluders; cloth has the part beneath it."""

_ARM = ("shoulder", "elbow", "wrist", "hand")
_ARMS = [n for n, name in enumerate(JOINT_NAMES) if name.endswith(_ARM)]
_MOST_FORMS = 3  # bodies of which the forms are kept: the genders
_forms: OrderedDict[int, tuple[Body, WardrobeForms]] = OrderedDict()


@dataclass(frozen=True)
class FigureGeometry:
    """A person's mesh over T+2 frames.

    Attributes:
        mesh: of the body and what is worn; UVs of cloth are those of the body beneath.
        shaded_mesh: the same with UVs into `dressed.texture_with_swatches` of the texture.
        vertices: (T+2,V,3) float32, metres in the world.
        joints: (T+2,24,3) float32.
        dressed: what knows the texture of fabrics; None for a body alone.
    """

    mesh: Mesh
    shaded_mesh: Mesh
    vertices: np.ndarray
    joints: np.ndarray
    dressed: DressedBody | None = None


def figure_geometry(
    figure: PosedFigure,
    body: Body,
    skinning: Skinning,
    *,
    texture_size: int,
    fps: float,
    ends: tuple[bool, bool] = (True, True),
) -> FigureGeometry:
    """The moving mesh of a person.

    Args:
        figure: pose, shape and clothes.
        body: theirs.
        skinning: of the body.
        texture_size: texels along the side of their texture, on which the shading's UVs depend alone.
        fps: frames a second, by which cloth swings.
        ends: whether the first and the last frame are real, or repeat their neighbours.
    """
    vertices, joints = skin_figure(figure, skinning)
    if figure.clothes is None:
        return FigureGeometry(body.mesh, body.mesh, vertices, joints)
    with one_thread():
        shaped, _ = skin(
            skinning,
            pose=np.zeros((1, 72)),
            betas=figure.betas,
            translation=np.zeros((1, 3)),
        )
        frames = joint_frames(
            skinning, pose=figure.pose, betas=figure.betas, translation=figure.translation
        )
    garments = make_clothes(_forms_of(body), shaped[0].astype(np.float64), figure.clothes)
    dressed = dressed_body(body, garments, texture_size)
    parts = np.where(dressed.carried, CARRIED_PART, dressed.mesh.face_parts).astype(np.uint8)
    if figure.clothes.swing:
        posed = moving_clothes(
            dressed,
            vertices,
            frames,
            fps=fps,
            solid=body.weights[:, _ARMS].sum(1) < 0.3,
            real=slice(0 if ends[0] else 1, len(vertices) - (0 if ends[1] else 1)),
        )
    else:
        posed = np.stack([dressed.posed(v, f) for v, f in zip(vertices, frames)])
    return FigureGeometry(
        replace(dressed.mesh, face_parts=parts),
        replace(dressed.shaded_mesh, face_parts=parts),
        posed.astype(np.float32),
        joints,
        dressed,
    )


def _forms_of(body: Body) -> WardrobeForms:
    """The forms of a body, which take seconds to prepare, kept for the bodies used last."""
    entry = _forms.pop(id(body), None)
    if entry is None or entry[0] is not body:
        entry = (body, prepare_forms(body))
    _forms[id(body)] = entry
    while len(_forms) > _MOST_FORMS:
        _forms.popitem(last=False)
    return entry[1]
