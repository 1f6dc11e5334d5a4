"""Hair, caps and hats on a T-posed head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synth.garments.attire import Hair
from synth.garments.clothes import DEPTH, HAIR_LAYER, HEIGHT, shell
from synth.garments.garment import Garment
from synth.garments.lofts import grid_faces
from synth.garments.patches import Patch
from synth.garments.solids import ellipsoid, shifted, tube
from synth.garments.swing import strand_swing
from synth.garments.wardrobe_forms import JOINT, WardrobeForms
from textures.wardrobe.hairlines import LONG, cap_rim, hairline

_TAIL_RINGS = 10


def make_hair(forms: WardrobeForms, skin: Patch, vertices: np.ndarray, hair: Hair) -> list[Garment]:
    """Hair as a shell of the scalp, and strands, a tail or a bun; arguments as in `make_top`."""
    if hair.style == "bald":
        return []
    head = forms.joint("head")
    unit = _head_unit(forms)
    patch = skin
    depth = patch.values[:, DEPTH] - head[2]
    line = head[1] + hairline(depth, hair.style) * unit + hair.hairline
    clearance = patch.values[:, HEIGHT] - line
    patch = Patch(
        np.concatenate([patch.values, clearance[:, None]], 1).astype(np.float32),
        patch.faces,
        patch.uv,
        patch.uv_faces,
        patch.face_parts,
    ).cut(clearance)
    rise = np.clip(patch.values[:, -1] / 0.035, 0, 1)
    offset = 0.003 + hair.thickness * np.sqrt(rise)
    garments = [shell("hair", patch, patch.values[:, :3], patch.values[:, -4:-1], offset)]
    chin = head[1] - 0.45 * unit
    if hair.style in LONG:
        rows = forms.hair.rows_between(forms.hair.level[0], chin - hair.length)
        count = rows[1] - rows[0]
        margin = np.interp(np.arange(count), [0, 3, 8, count], [0.004, 1, 1, 1])[:, None]
        margin = margin * (hair.thickness + 0.004)
        garments.append(
            forms.hair.garment(
                "hair",
                vertices,
                forms.body.weights,
                rows=rows,
                margin=margin,
                taper=0.004,
                held=float(chin + 0.02),
                layer=HAIR_LAYER,
            )
        )
    elif hair.style == "ponytail":
        back = _back_of_head(forms, vertices, 0.35 * unit)
        drop = back[1] - chin + hair.length
        path = back + np.array(
            [[0, 0, 0.01], [0, 0.005, -0.04], [0, -0.3 * drop, -0.055], [0, -drop, -0.03]]
        )
        share = np.linspace(0, 3, _TAIL_RINGS)
        path = np.stack([np.interp(share, range(4), column) for column in path.T], 1)
        radii = np.interp(share, range(4), [0.018, 0.028, 0.03, 0.008])
        points, faces = tube(path, list(radii), 8)
        tail = _strands(forms, points, faces, bend=float(chin))
        ring = np.concatenate([np.repeat(np.arange(_TAIL_RINGS), 8), [0, _TAIL_RINGS - 1]])
        shares = (ring == np.arange(_TAIL_RINGS)[:, None]).astype(float)
        swing = strand_swing(
            shares / shares.sum(1, keepdims=True),
            points,
            ring=ring,
            segment=np.maximum(ring, 1),
            outward=(0.0, 0.0, -1.0),
            joint=JOINT["spine3"],
            slack=0.01,
        )
        garments.append(replace(tail, swing=swing))
    elif hair.style == "bun":
        back = _back_of_head(forms, vertices, 0.62 * unit)
        points, faces = ellipsoid(shifted(back, 0, 0.015, -0.02), (0.04, 0.038, 0.036), 8, 10)
        garments.append(_strands(forms, points, faces, bend=-9.0))
    return garments


def make_headwear(
    forms: WardrobeForms, skin: Patch, vertices: np.ndarray, kind: str, brim: float
) -> list[Garment]:
    """A cap with its visor ahead, or a hat with its brim all round, `brim` metres wide."""
    head, unit = forms.joint("head"), _head_unit(forms)
    patch = skin
    depth = patch.values[:, DEPTH] - head[2]
    patch = patch.cut(patch.values[:, HEIGHT] - head[1] - cap_rim(depth) * unit)
    loose = 0.014 if kind == "cap" else 0.022
    offset = np.full(len(patch.values), loose)
    garments = [shell(kind, patch, patch.values[:, :3], patch.values[:, -3:], offset)]
    columns = 13 if kind == "cap" else 24
    reach = 1.0 if kind == "cap" else np.pi
    angle = np.linspace(-reach, reach, columns, endpoint=kind == "cap")
    crown = patch.values[:, :3]
    centre = np.array([0, 0, (crown[:, 2].min() + crown[:, 2].max()) / 2])
    half_width = np.abs(crown[:, 0]).max() + loose
    half_depth = np.ptp(crown[:, 2]) / 2 + loose
    rings = []
    for share in (0.0, 0.5, 1.0):
        width = brim * share * (np.cos(angle * (np.pi / 2 / reach)) ** 0.5 if kind == "cap" else 1)
        x = np.sin(angle) * (half_width + width)
        z = centre[2] + np.cos(angle) * (half_depth + width)
        rim = head[1] + cap_rim(z - head[2]) * unit + 0.008
        rings.append(np.stack([x, rim - 0.3 * brim * share, z], 1))
    points = np.concatenate(rings)
    faces = grid_faces(3, columns, kind != "cap").reshape(-1, 3)
    position = forms.samples.position
    crown = position[:, 1] > head[1] + (cap_rim(position[:, 2] - head[2])) * unit + 0.012
    garments.append(_rigid(forms, kind, points, faces, crown))
    return garments


def _head_unit(forms: WardrobeForms) -> float:
    return float(forms.body.template[:, 1].max() - forms.joint("head")[1])


def _back_of_head(forms: WardrobeForms, vertices: np.ndarray, height: float) -> np.ndarray:
    """The point (3,) on the back of the head, `height` above the head joint."""
    template, head = forms.body.template, forms.joint("head")
    near = (np.abs(template[:, 0]) < 0.03) & (np.abs(template[:, 1] - head[1] - height) < 0.025)
    chosen = vertices[near]
    return np.array([0, chosen[:, 1].mean(), chosen[:, 2].min()])


def _strands(
    forms: WardrobeForms, points: np.ndarray, faces: np.ndarray, *, bend: float
) -> Garment:
    """Hair that turns with the head, and with the chest below the height `bend`."""
    garment = _rigid(forms, "hair", points, faces)
    follow = np.clip((bend - points[:, 1]) / 0.15, 0, 1)
    garment.weights[:, JOINT["head"]] = 1 - follow
    garment.weights[:, JOINT["spine3"]] = follow
    return garment


def _rigid(
    forms: WardrobeForms,
    kind: str,
    points: np.ndarray,
    faces: np.ndarray,
    allowed: np.ndarray | None = None,
) -> Garment:
    """Something of the head's texture (where its samples are allowed) that turns with the head."""
    weights = np.zeros((len(points), 24), np.float32)
    weights[:, JOINT["head"]] = 1
    scalp = forms.samples.label == JOINT["head"] + 1
    if allowed is not None:
        scalp &= allowed
    uv, uv_faces, parts = forms.samples.corner_uvs(points, faces, scalp)
    return Garment(
        kind=kind,
        vertices=points.astype(np.float32),
        faces=faces.astype(np.int32),
        weights=weights,
        uv=uv,
        uv_faces=uv_faces,
        face_parts=parts,
    )
