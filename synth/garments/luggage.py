"""Carried things: backpacks, bags on the shoulder or in the hand, umbrellas; bicycles too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synth.garments.attire import Luggage
from synth.garments.bicycle import GROUND, make_bicycle
from synth.garments.garment import Garment
from synth.garments.lofts import grid_faces
from synth.garments.slices import outline
from synth.garments.solids import Solid, ellipsoid, joined, rounded_box, shifted, tube
from synth.garments.swing import strand_swing
from synth.garments.wardrobe_forms import JOINT, WardrobeForms

STRAP_COLUMNS = 20


def make_luggage(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    """Something carried, with its straps.

    Args:
        forms: of the body.
        vertices: (V,3) of the shaped, T-posed body.
        thing: what it is.
        cloth: metres that the clothes beneath stand off the body.

    Raises:
        ValueError: for a kind that there is not.
    """
    makers = {
        "backpack": _backpack,
        "shoulder bag": _shoulder_bag,
        "tote": _tote,
        "handbag": _hand_held,
        "carrier": _hand_held,
        "umbrella": _umbrella,
        "ridden bicycle": _bicycle,
        "pushed bicycle": _bicycle,
    }
    if thing.kind not in makers:
        raise ValueError(f"no luggage {thing.kind!r}: expected one of {', '.join(makers)}")
    return makers[thing.kind](forms, vertices, thing, cloth)


def _thing(
    thing: Luggage, solid: Solid, weights: dict[str, float], upright: int | None = None
) -> Garment:
    points, faces = solid
    rows = np.zeros((len(points), 24), np.float32)
    for name, share in weights.items():
        rows[:, JOINT[name]] = share
    return Garment(
        kind=thing.kind,
        vertices=points.astype(np.float32),
        faces=faces.astype(np.int32),
        weights=rows,
        uv=None,
        uv_faces=None,
        face_parts=np.zeros(len(faces), np.uint8),
        colour=thing.colour,
        upright=upright,
    )


def _hung(thing: Garment, held: Sequence[int] | np.ndarray, side: int, joint: str) -> Garment:
    """A bag that swings as one about the vertices by which it is held, away from the body's side."""
    count = len(thing.vertices)
    shares = np.zeros((2, count))
    shares[0, held] = 1 / len(held)
    shares[1] = 1 / count
    swing = strand_swing(
        shares,
        thing.vertices,
        ring=np.zeros(count, np.intp),
        segment=np.ones(count, np.intp),
        outward=(float(side), 0.0, 0.0),
        joint=JOINT[joint],
    )
    return replace(thing, swing=swing)


def _strap(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, side: int, margin: float
) -> Garment:
    """A band about the trunk in the plane of a strap."""
    slices = forms.straps[thing.kind, side]
    points = slices.values(vertices.astype(np.float64))
    if thing.kind == "backpack":
        upward = np.array([0.0, 1.0, 0.0])
    else:
        upward = points[0][slices.valid[0]]
        upward = upward[upward[:, 1].argmax()] - upward[upward[:, 1].argmin()]
        upward = upward * (1, 1, 0) / np.hypot(*upward[:2])
    angle = np.linspace(0, 2 * np.pi, STRAP_COLUMNS, endpoint=False)
    directions = np.cos(angle)[:, None] * upward + np.sin(angle)[:, None] * (0, 0, 1)
    directions = np.broadcast_to(directions, (2, STRAP_COLUMNS, 3))
    rings, shares = outline(points, slices.valid, directions, np.full((2, STRAP_COLUMNS), margin))
    weights = (shares @ slices.values(forms.body.weights)).reshape(-1, 24)
    faces = grid_faces(2, STRAP_COLUMNS, True).reshape(-1, 3)
    return Garment(
        kind="strap",
        vertices=rings.reshape(-1, 3).astype(np.float32),
        faces=faces,
        weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        uv=None,
        uv_faces=None,
        face_parts=np.zeros(len(faces), np.uint8),
        colour=thing.colour,
    )


def _reach(
    forms: WardrobeForms, vertices: np.ndarray, direction: np.ndarray, low: float, high: float
) -> float:
    """How far the trunk reaches in a direction between two heights of the template."""
    y = forms.body.template[:, 1]
    trunk = (forms.arm < -0.1) & (y > low) & (y < high)
    return float((vertices[trunk] @ direction).max())


def _backpack(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    width, height, depth = thing.size
    chest = forms.joint("spine3")[1]
    top = forms.joint("left_shoulder")[1] + 0.02
    back = _reach(forms, vertices, np.array([0, 0, -1.0]), chest - 0.1, top)
    centre = np.array([0, top - height / 2, -back - cloth - depth / 2 + 0.01])
    pocket = rounded_box(
        shifted(centre, 0, -0.2 * height, -0.42 * depth), (0.8 * width, 0.42 * height, 0.4 * depth)
    )
    body = joined([rounded_box(centre, thing.size, taper=0.15), pocket])
    straps = [_strap(forms, vertices, thing, side, cloth + 0.008) for side in (1, -1)]
    return [_thing(thing, body, {"spine3": 0.6, "spine2": 0.4}), *straps]


def _shoulder_bag(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    hip = forms.joint("left_hip")[1]
    side = -thing.side  # it hangs on the hip across from its shoulder
    reach = _reach(forms, vertices, np.array([side, 0, 0.0]), hip - 0.1, hip + 0.1)
    width, height, depth = thing.size
    centre = np.array([side * (reach + cloth + depth / 2), hip - 0.02, -0.02])
    bag = rounded_box(centre, (depth, height, width), roundness=0.35)
    hung = _hung(_thing(thing, bag, {"pelvis": 1.0}), [0], side, "pelvis")
    return [
        hung,
        _strap(forms, vertices, thing, thing.side, cloth + 0.03),
    ]


def _tote(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    """A bag under the arm on a short strap over the same shoulder."""
    width, height, depth = thing.size
    shoulder, waist = forms.joint("left_shoulder"), forms.joint("spine1")
    reach = _reach(
        forms, vertices, np.array([thing.side, 0, 0.0]), waist[1] - 0.1, shoulder[1] - 0.1
    )
    x = reach + cloth + depth / 2
    middle = np.array([thing.side * x, waist[1] - 0.02, -0.04])
    top = np.array([thing.side * 0.13, shoulder[1] + 0.075 + cloth, -0.01])
    handles = []
    for z in (-0.09, 0.09):
        end = shifted(middle, 0, height / 2 - 0.02, z)
        bulge = (top + end) / 2 + (thing.side * 0.03, 0.02, 0.7 * z)
        handles.append(tube(np.stack([top, bulge, end]), [0.012] * 3, 6))
    bag = rounded_box(middle, (depth, height, width), roundness=0.4)
    tote = _thing(thing, joined([bag, *handles]), {"spine2": 0.5, "spine1": 0.5})
    # A tube's last vertices but one are the middles of its first ends: where the handles are held.
    ends = np.cumsum([len(bag[0]), *(len(points) for points, _ in handles)])[1:] - 2
    return [_hung(tote, ends, thing.side, "spine2")]


def _hand_held(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    """A bag that hangs from the hand; its first vertex is where it is held."""
    name = "left_hand" if thing.side > 0 else "right_hand"
    grip = forms.joint(name)
    width, height, depth = thing.size
    drop = 0.1 if thing.kind == "handbag" else 0.14
    centre = shifted(grip, 0, -drop - height / 2, 0)
    bag = rounded_box(centre, (depth, height, width), roundness=0.45, taper=0.25)
    handles = [
        tube(np.stack([grip, shifted(grip, 0, -drop - 0.03, z)]), [0.008, 0.008], 5)
        for z in (-0.3 * width, 0.3 * width)
    ]
    points, faces = joined([bag, *handles])
    held = (np.concatenate([grip[None], points]), faces + 1)
    return [_hung(_thing(thing, held, {name: 1.0}, JOINT[name]), [0], thing.side, "pelvis")]


def _umbrella(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    """An open umbrella, upright in the hand and above the head."""
    name = "left_hand" if thing.side > 0 else "right_hand"
    grip = forms.joint(name)
    radius, rise = thing.size[0], thing.size[1]
    top = shifted(grip, -thing.side * 0.12, rise, -0.12)
    canopy, faces = ellipsoid(np.zeros(3), (radius, 0.26, radius), 12, 16)
    upper = canopy[:, 1] >= -1e-9
    canopy[~upper, 1] *= -0.9  # its lower half is its inside
    canopy = canopy + top - (0, 0.2, 0)
    points, faces = joined(
        [(canopy, faces), tube(np.stack([grip - (0, 0.1, 0), top]), [0.009, 0.009], 6)]
    )
    return [
        _thing(thing, (np.concatenate([grip[None], points]), faces + 1), {name: 1.0}, JOINT[name])
    ]


def _bicycle(
    forms: WardrobeForms, vertices: np.ndarray, thing: Luggage, cloth: float
) -> list[Garment]:
    """A bicycle under the rider's pelvis, or on the ground beside whoever pushes it."""
    pelvis = forms.joint("pelvis")
    if thing.kind == "ridden bicycle":
        crank = shifted(pelvis, 0, -0.62, 0.2)
    else:
        sole = float(vertices[:, 1].min())
        crank = np.array([thing.side * 0.44, sole - GROUND, pelvis[2] + 0.05])
    points, faces = make_bicycle(crank)
    return [
        _thing(
            thing,
            (np.concatenate([pelvis[None], points]), faces + 1),
            {"pelvis": 1.0},
            JOINT["pelvis"],
        )
    ]
