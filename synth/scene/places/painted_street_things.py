"""What stands in streets and squares of painted places: cars, poles, benches, fences, passers-by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synth.scene.backgrounds import draw_colour
from synth.scene.places.painted_layout import ROOM, PlaceLayout, draw_paint
from synth.scene.places.painted_plants import add_bush, add_tree
from synth.scene.places.painted_solids import CYLINDER, ELLIPSOID

_CAR_COLOURS = np.array(
    [
        *([0.75, 0.75, 0.76], [0.05, 0.05, 0.06], [0.4, 0.41, 0.43], [0.2, 0.21, 0.22]),
        *([0.4, 0.04, 0.04], [0.05, 0.1, 0.25], [0.75, 0.75, 0.76], [0.12, 0.13, 0.12]),
    ]
)
Spot = tuple[float, float]
_PASSERS_BY = 5.0  # metres beyond the person: nearer, it shows of what they are made


def add_street_thing(layout: PlaceLayout, back: float) -> None:
    """One thing on a free spot between the person and `back` metres beyond; none where none is free."""
    names = list(_THINGS)
    kind = names[int(layout.rng.integers(len(names)))]
    radius, add = _THINGS[kind]
    low = layout.reach + ROOM
    spot = layout.free_spot(low, max(back - 0.5, low + 2.2), radius)
    if kind == "person" and spot is not None and spot[1] < low + _PASSERS_BY:
        add = _add_bin
    if spot is not None:
        add(layout, spot)


def add_car(layout: PlaceLayout, spot: Spot) -> None:
    """A car along the street: body, cabin with windows, wheels, lights."""
    rng = layout.rng
    metal, dark = layout.shared_material("metal"), layout.shared_material("glass")
    turn = layout.turn + float(rng.normal(0, 0.04))
    tint = _CAR_COLOURS[rng.integers(len(_CAR_COLOURS))] * rng.uniform(0.9, 1.1) * 1.5
    van = rng.random() < 0.25
    long, tall = rng.uniform(3.7, 4.6), rng.uniform(0.5, 0.62)
    layout.add(*spot, (long, tall, 1.75), metal, base=0.3, turn=turn, tint=tint)
    cabin = rng.uniform(0.8, 1.3) if van else rng.uniform(0.5, 0.62)
    middle = layout.spot_beside(spot, 0.0 if van else 0.05 * long, 0.0, turn)
    size = (long * (0.9 if van else 0.55), cabin, 1.55)
    layout.add(*middle, size, metal, base=0.3 + tall, turn=turn, tint=tint)
    for share in (-0.24, 0.22):
        pane = layout.spot_beside(middle, share * size[0], 0.0, turn)
        glazing = (0.42 * size[0], min(0.42, 0.75 * cabin), 1.6)
        layout.add(*pane, glazing, dark, base=0.35 + tall, turn=turn)
    layout.add(*middle, (size[0] + 0.05, 0.36, 1.3), dark, base=0.36 + tall, turn=turn)
    for x in (-0.32 * long, 0.32 * long):
        wheel = layout.spot_beside(spot, x, 0.0, turn)
        layout.add(*wheel, (0.64, 0.64, 1.8), metal, kind=ELLIPSOID, turn=turn, tint=(0.05,) * 3)
    for x in (-0.5 * long, 0.5 * long):
        bumper = layout.spot_beside(spot, x, 0.0, turn)
        layout.add(*bumper, (0.12, 0.18, 1.7), metal, base=0.36, turn=turn, tint=(0.12,) * 3)
        lamp = (0.04, 0.12, 1.66)
        red = (1.2, 0.1, 0.06) if x > 0 else (1.4, 1.4, 1.2)
        layout.add(*bumper, lamp, metal, base=0.3 + 0.75 * tall, turn=turn, tint=red)


def _add_pole(layout: PlaceLayout, spot: Spot) -> None:
    rng = layout.rng
    metal, tall = layout.shared_material("metal"), rng.uniform(2.5, 8)
    thick, tint = rng.uniform(0.07, 0.2), draw_paint(rng, 0.1)
    layout.add(*spot, (thick, tall, thick), metal, kind=CYLINDER, tint=tint)
    if rng.random() < 0.6:
        sign = layout.material("picture") if rng.random() < 0.3 else metal
        size = (rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.8), 0.05)
        front = spot[0], spot[1] - thick / 2 - 0.03
        layout.add(*front, size, sign, base=rng.uniform(1.6, 2.4), tint=draw_paint(rng, 0.6) * 1.3)
    elif tall > 4:
        arm = layout.spot_beside(spot, 0.6, 0.0, layout.turn)
        layout.add(*arm, (1.2, 0.07, 0.07), metal, base=tall - 0.1, tint=tint)


def _add_bin(layout: PlaceLayout, spot: Spot) -> None:
    rng, metal = layout.rng, layout.shared_material("metal")
    wide, tall, tint = rng.uniform(0.4, 0.6), rng.uniform(0.8, 1.2), draw_paint(rng, 0.4)
    kind = CYLINDER if rng.random() < 0.6 else 0
    layout.add(*spot, (wide, tall, wide), metal, tint=tint, kind=kind)
    layout.add(
        *spot, (wide + 0.06, 0.08, wide + 0.06), metal, base=tall, tint=tint * 0.6, kind=kind
    )


def _add_bench(layout: PlaceLayout, spot: Spot) -> None:
    wood, metal = layout.shared_material("wood"), layout.shared_material("metal")
    turn, tint = layout.turn, draw_paint(layout.rng, 0.1) * 1.5
    for away in (-0.15, 0.0, 0.15):
        layout.add(
            *layout.spot_beside(spot, 0.0, away, turn),
            (1.7, 0.05, 0.12),
            wood,
            base=0.42,
            tint=tint,
        )
    for base in (0.58, 0.74):
        layout.add(
            *layout.spot_beside(spot, 0.0, 0.24, turn),
            (1.7, 0.11, 0.04),
            wood,
            base=base,
            tint=tint,
        )
    for side in (-0.65, 0.65):
        foot = layout.spot_beside(spot, side, 0.0, turn)
        layout.add(*foot, (0.06, 0.42, 0.42), metal, tint=(0.15,) * 3)


def _add_boxes(layout: PlaceLayout, spot: Spot) -> None:
    """Crates, cabinets or bags, in a heap."""
    rng = layout.rng
    base = 0.0
    for _ in range(int(rng.integers(1, 4))):
        size = tuple(rng.uniform((0.4, 0.25, 0.35), (1.1, 0.9, 0.9)))
        name = str(rng.choice(["wood", "metal", "concrete"]))
        turn, tint = float(rng.uniform(-0.8, 0.8)), draw_paint(rng, 0.2) * 1.4
        foot = layout.spot_beside(spot, rng.normal(0, 0.12), rng.normal(0, 0.12), layout.turn)
        material = layout.shared_material(name)
        layout.add(*foot, (size[0], size[1], size[2]), material, base=base, turn=turn, tint=tint)
        base = base + size[1] if rng.random() < 0.6 else 0.0


def add_fence(layout: PlaceLayout, spot: Spot) -> None:
    """A railing of posts and bars along the street."""
    rng = layout.rng
    metal, turn = layout.shared_material("metal"), layout.turn
    tint, tall = draw_paint(rng, 0.1), rng.uniform(0.8, 1.3)
    posts, step = int(rng.integers(3, 8)), rng.uniform(0.6, 1.6)
    for number in range(posts):
        foot = layout.spot_beside(spot, (number - (posts - 1) / 2) * step, 0.0, turn)
        layout.add(*foot, (0.07, tall, 0.07), metal, tint=tint)
    for base in (0.35 * tall, 0.68 * tall, tall - 0.05):
        layout.add(*spot, ((posts - 1) * step, 0.045, 0.045), metal, base=base, tint=tint)


def add_passer_by(layout: PlaceLayout, spot: Spot) -> None:
    """Somebody far behind, in ellipsoids: legs, trunk, arms, head and hair."""
    rng = layout.rng
    tall, cloth = rng.uniform(1.55, 1.9), layout.shared_material("metal")
    trousers, shirt = draw_paint(rng, 0.2), draw_paint(rng, 0.4)
    skin = np.array([0.75, 0.56, 0.45]) * rng.uniform(0.4, 1.2)
    turn = float(rng.uniform(0, 6))
    stride = rng.uniform(0.0, 0.2)
    for side in (-0.09, 0.09):
        foot = layout.spot_beside(spot, side, stride * np.sign(side), turn)
        size = (0.17, 0.52 * tall, 0.19)
        layout.add(*foot, size, cloth, kind=ELLIPSOID, tint=trousers * 1.4, turn=turn)
        arm = layout.spot_beside(spot, 2.7 * side, -stride * np.sign(side) / 2, turn)
        size = (0.11, 0.4 * tall, 0.12)
        layout.add(*arm, size, cloth, base=0.42 * tall, kind=ELLIPSOID, tint=shirt * 1.3, turn=turn)
    trunk = (0.44, 0.4 * tall, 0.26)
    layout.add(*spot, trunk, cloth, base=0.45 * tall, kind=ELLIPSOID, tint=shirt * 1.4, turn=turn)
    head = (0.16, 0.13 * tall, 0.19)
    layout.add(*spot, head, cloth, base=0.87 * tall, kind=ELLIPSOID, tint=skin * 1.3, turn=turn)
    hair = draw_colour(rng, saturation=0.2, low=0.03, high=0.4)
    rear = layout.spot_beside(spot, 0.0, 0.03, turn)
    layout.add(*rear, head, cloth, base=0.89 * tall, kind=ELLIPSOID, tint=hair, turn=turn)


_THINGS: dict[str, tuple[float, Callable[[PlaceLayout, Spot], None]]] = {
    "pole": (0.35, _add_pole),
    "tree": (1.0, lambda layout, spot: add_tree(layout, *spot, layout.rng.uniform(0.6, 1.2))),
    "bush": (0.8, lambda layout, spot: add_bush(layout, spot, layout.rng.uniform(0.8, 2.0))),
    "car": (2.3, add_car),
    "second car": (2.3, add_car),
    "bin": (0.35, _add_bin),
    "bench": (0.9, _add_bench),
    "boxes": (0.7, _add_boxes),
    "fence": (1.6, add_fence),
    "person": (0.35, add_passer_by),
}
"""Radius in metres that each takes, and what adds it."""
