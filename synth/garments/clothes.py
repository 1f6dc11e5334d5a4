"""Tops, trousers, skirts, coats and shoes on a T-posed body.

Cloth that follows one limb or the shoulders is cut from the skin and moved out; cloth that hangs, or
bridges the legs, is lofted on the outlines of the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synth.garments.attire import Lower, Upper
from synth.garments.garment import Garment
from synth.garments.patches import Patch
from synth.garments.swing import Swing
from synth.garments.wardrobe_forms import JOINT, RING, WardrobeForms

WEIGHTS = slice(3, 27)
HEIGHT, ARM, DEPTH = 27, 28, 29
"""Columns of the values of `WardrobeForms.cloth`."""
BOTTOM_LAYER, TOP_LAYER, HAIR_LAYER = 1, 2, 3
_HOOD_DEPTH = 0.15  # metres that a hood hangs
_HOOD_SLACK, _HOOD_REACH = 0.3, 0.5  # by its depth: how far it is pressed in, how far it swings


def shell(
    kind: str, patch: Patch, vertices: np.ndarray, normals: np.ndarray, offset: np.ndarray
) -> Garment:
    """A piece of skin moved out.

    Args:
        kind: of the garment.
        patch: piece of `WardrobeForms.cloth` whose first columns hold the shaped position, with the
            normals as its last three.
        vertices: (N,3) positions of the patch's vertices on the shaped body.
        normals: (N,3) unit vectors.
        offset: (N,) metres.
    """
    weights = np.clip(patch.values[:, WEIGHTS], 0, None)
    return Garment(
        kind=kind,
        vertices=(vertices + normals * offset[:, None]).astype(np.float32),
        faces=patch.faces.astype(np.int32),
        weights=weights / weights.sum(1, keepdims=True),
        uv=patch.uv,
        uv_faces=patch.uv_faces.astype(np.int32),
        face_parts=patch.face_parts,
    )


def make_top(
    forms: WardrobeForms,
    skin: Patch,
    vertices: np.ndarray,
    top: Upper,
    underlayers: Sequence[Garment] = (),
) -> list[Garment]:
    """A shirt, dress, jacket or coat: shoulders and sleeves, and what hangs from them.

    Args:
        forms: of the body.
        skin: `WardrobeForms.cloth` on the shaped body, from `shaped_patch`.
        vertices: (V,3) of the shaped, T-posed body.
        top: its measures.
        underlayers: what is worn under it.
    """
    neck = forms.joint("neck")
    join = float(forms.trunk.level[0]) - 0.015
    patch = skin.select(_touched(skin, skin.values[:, HEIGHT] > join))
    patch = patch.cut(top.sleeve - patch.values[:, ARM])
    opening = neck[1] + 0.012 + top.rise - 0.38 * (patch.values[:, DEPTH] - neck[2])
    patch = patch.cut(opening - patch.values[:, HEIGHT])
    on_arm = patch.values[:, ARM] > -0.25
    patch = patch.cut(np.where(on_arm, 1.0, patch.values[:, HEIGHT] - join))
    progress = np.clip(patch.values[:, ARM] / max(top.sleeve, 0.05), 0, 1)
    offset = top.ease + (top.cuff - top.ease) * progress
    collar = np.clip((patch.values[:, HEIGHT] - neck[1] + 0.05) / 0.05, 0, 1)
    offset = offset * (1 - 0.5 * collar)
    if top.hood:
        centre = np.array([0, neck[1] - 0.02, neck[2] - 0.11])
        away = np.linalg.norm((patch.values[:, :3] - centre) / (0.10, 0.075, 0.1), axis=1)
        hood = np.clip(1.2 - away, 0, 1)
        offset = offset + top.hood * hood
    upper = shell("top", patch, patch.values[:, :3], patch.values[:, -3:], offset)
    if top.hood:
        swing = Swing(
            depth=(_HOOD_DEPTH * hood)[None],
            length=np.full((1, len(hood)), np.inf),
            outward=patch.values[None, :, -3:],
            joint=JOINT["spine3"],
            slack=(_HOOD_SLACK * top.hood * hood)[None],
            reach=(_HOOD_REACH * top.hood * hood)[None],
        )
        upper = replace(upper, swing=swing)
    garments = [replace(upper, layer=TOP_LAYER)]
    rows = forms.trunk.rows_between(forms.trunk.level[0], top.lower)
    count = rows[1] - rows[0]
    if count > 2:
        progress = np.linspace(0, 1, count)[:, None]
        margin = top.ease - 0.004 + np.minimum(progress * 4, 1) * 0.004
        margin = margin + top.flare * progress + _folds(top.folds, count) * progress
        garments.append(
            forms.trunk.garment(
                "top",
                vertices,
                forms.body.weights,
                rows=rows,
                margin=margin,
                taper=top.taper,
                underlay=forms.trunk.thickness(vertices, rows, underlayers),
                held=_waist(forms),
                layer=TOP_LAYER,
            )
        )
    return garments


def _waist(forms: WardrobeForms) -> float:
    """The height below which cloth swings."""
    return float(forms.joint("left_hip")[1] + 0.04)


def _touched(patch: Patch, mask: np.ndarray) -> np.ndarray:
    """Which faces have a vertex of the mask (V,)."""
    a, b, c = patch.faces.T
    return mask[a] | mask[b] | mask[c]


def _folds(folds: tuple[float, int, float], rows: int) -> np.ndarray:
    """Metres (rows,32) by which folds stand off, at least 0."""
    depth, number, phase = folds
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    drift = np.linspace(0, 0.8, rows)[:, None]
    return depth * (0.5 + 0.5 * np.sin(number * angle + phase + drift))


def make_bottom(
    forms: WardrobeForms, skin: Patch, vertices: np.ndarray, bottom: Lower
) -> list[Garment]:
    """Trousers, shorts or a skirt; arguments as in `make_top`."""
    if bottom.skirt:
        rows = forms.trunk.rows_between(bottom.upper, bottom.lower)
        count = rows[1] - rows[0]
        if count < 3:
            return []
        progress = np.linspace(0, 1, count)[:, None]
        margin = bottom.ease + bottom.hem * progress + _folds(bottom.folds, count) * progress
        taper = bottom.taper * RING / 0.02
        return [
            forms.trunk.garment(
                "skirt",
                vertices,
                forms.body.weights,
                rows=rows,
                margin=margin,
                taper=taper,
                held=_waist(forms),
                layer=BOTTOM_LAYER,
            )
        ]
    on_leg = (skin.values[:, HEIGHT] < bottom.upper) & (skin.values[:, ARM] < 0)
    patch = skin.select(_touched(skin, on_leg))
    patch = patch.cut(bottom.upper - patch.values[:, HEIGHT])
    patch = patch.cut(patch.values[:, HEIGHT] - bottom.lower)
    hip = forms.joint("left_hip")[1]
    y = patch.values[:, HEIGHT]
    progress = np.clip((hip - 0.06 - y) / max(hip - 0.06 - bottom.lower, 0.1), 0, 1)
    offset = bottom.ease + (bottom.hem - bottom.ease) * progress
    depth, number, phase = bottom.folds
    offset = offset + depth * (0.5 + 0.5 * np.sin(y * number * 9 + phase)) * (progress > 0.02)
    # Between the legs there is no room for more cloth than half the gap.
    offset = np.minimum(offset, 0.003 + 0.6 * np.abs(patch.values[:, 0]))
    normals = patch.values[:, -3:] * np.where(y < hip - 0.1, 0.0, 1.0)[:, None] ** [[0, 1, 0]]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    trousers = shell("trousers", patch, patch.values[:, :3], normals, offset)
    return [replace(trousers, layer=BOTTOM_LAYER)]


def make_shoes(forms: WardrobeForms, vertices: np.ndarray, *, sole: float) -> list[Garment]:
    """Shoes about both feet, with soles.

    Args:
        forms: of the body.
        vertices: (V,3) of the shaped, T-posed body.
        sole: thickness of the soles, metres.
    """
    garments = []
    for loft in forms.shoes:
        downward = np.clip(-loft.directions[..., 1], 0, 1)
        margin = 0.007 + (sole - 0.003) * downward
        garments.append(
            loft.garment(
                "shoe",
                vertices,
                forms.body.weights,
                rows=(0, len(loft.level)),
                margin=margin,
                hanging=False,
            )
        )
    return garments


def shaped_patch(
    patch: Patch, numbers: np.ndarray, vertices: np.ndarray, normals: np.ndarray
) -> Patch:
    """A patch of the template on a shaped body.

    Args:
        patch: `WardrobeForms.cloth` or `scalp`.
        numbers: which of the body's vertices its are.
        vertices: (V,3) of the shaped, T-posed body.
        normals: (V,3) unit vectors, smoothed, which become its last three values.
    """
    values = np.concatenate([vertices[numbers], patch.values[:, 3:], normals[numbers]], 1)
    return replace(patch, values=values.astype(np.float32))
