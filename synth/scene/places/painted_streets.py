"""Painted places under the sky: streets, squares, parks, meadows and woods."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from synth.scene.places.painted_layout import ROOM, PlaceLayout, draw_paint
from synth.scene.places.painted_plants import (
    add_bush,
    add_horizon,
    add_leafy_ground,
    add_stones,
    add_tree,
)
from synth.scene.places.painted_street_things import add_street_thing


def lay_outdoors(layout: PlaceLayout) -> None:
    """One of the kinds of places under the sky, with a horizon behind it."""
    kinds: dict[str, tuple[float, Callable[[PlaceLayout], None]]] = {
        "street": (0.42, _lay_street),
        "park": (0.18, _lay_park),
        "meadow": (0.14, _lay_meadow),
        "woods": (0.14, _lay_woods),
        "yard": (0.12, _lay_yard),
    }
    names = list(kinds)
    kind = names[int(layout.rng.choice(len(names), p=[kinds[name][0] for name in names]))]
    layout.turn = float(layout.rng.uniform(-0.55, 0.55))
    kinds[kind][1](layout)
    add_horizon(layout)


def _edge(layout: PlaceLayout, back: float) -> tuple[float, float]:
    """How far to either side a row at `back` must reach, and how deep it lies by the turned axes."""
    half_row = layout.half_width(back) / max(math.cos(layout.turn), 0.5) + 8
    return half_row, back + abs(math.sin(layout.turn)) * min(half_row, 12) * 0.5


def _add_bands(layout: PlaceLayout, back: float, names: tuple[str, ...], ragged: float) -> None:
    """Roads, paths and kerbs across the floor."""
    rng = layout.rng
    if rng.random() < 0.75:
        begin = rng.uniform(0.3, 0.7) * back
        end = begin + rng.uniform(2, 7)
        road = layout.material(str(rng.choice(names)))
        layout.bands.append((begin, end, road, ragged))
        if ragged < 0.5:  # kerbs
            kerb = layout.shared_material("concrete")
            layout.bands.append((begin - 0.16, begin, kerb, 0.0))
            layout.bands.append((end, end + 0.16, kerb, 0.0))
    if rng.random() < 0.4:
        near = -rng.uniform(1.5, 3)
        layout.bands.append((near - rng.uniform(2, 6), near, layout.material(names[0]), ragged))


def _lay_street(layout: PlaceLayout) -> None:
    """A pavement with a road, a row of houses beyond, and what stands in streets."""
    rng = layout.rng
    back = layout.reach + rng.uniform(2.5, 20.0)
    ground = str(rng.choice(["ground", "asphalt", "concrete", "lawn"], p=[0.45, 0.25, 0.2, 0.1]))
    layout.lay_floor(layout.material(ground), mirrored=0.12 if rng.random() < 0.12 else 0.0)
    _add_bands(layout, back, ("asphalt", "ground", "lawn"), 0.1)
    half_row, depth = _edge(layout, back)
    facades = [layout.material("facade") for _ in range(int(rng.integers(2, 5)))]
    position = -half_row
    while position < half_row:
        wide, deep = rng.uniform(6, 16), rng.uniform(8, 14)
        step = rng.uniform(0, 2.5)
        spot = layout.turned_point(position + wide / 2, depth + deep / 2 + step)
        facade = facades[int(rng.integers(len(facades)))]
        _add_house(layout, spot, (wide, rng.uniform(5, 19), deep), facade)
        position += wide + (rng.uniform(0, 6) if rng.random() < 0.4 else 0.0)
    for _ in range(int(rng.integers(5, 15))):
        add_street_thing(layout, back)
    add_stones(layout, layout.reach + ROOM + 0.3, back, int(rng.integers(0, 8)))


def _add_house(
    layout: PlaceLayout, spot: tuple[float, float], size: tuple[float, float, float], facade: int
) -> None:
    """A house with what casts shadows on its front: plinth, cornice, balconies, an awning."""
    rng = layout.rng
    wide, tall, deep = size
    layout.add(*spot, size, facade, shift=tuple(rng.uniform(0, 10, 2)))
    stone, tint = layout.shared_material("concrete"), np.full(3, rng.uniform(0.6, 1.3))
    plinth = (wide + 0.06, rng.uniform(0.3, 0.9), deep + 0.1)
    layout.add(*spot, plinth, stone, tint=tint)
    layout.add(*spot, (wide + 0.5, 0.3, deep + 0.5), stone, base=tall, tint=tint * 0.9)
    front = layout.spot_beside(spot, 0.0, -deep / 2, layout.turn)
    if rng.random() < 0.5:  # a shop: an awning over dark panes
        across = rng.uniform(-0.25, 0.25) * wide
        shop = layout.spot_beside(front, across, -0.02, layout.turn)
        span = rng.uniform(0.3, 0.5) * wide
        shelf = layout.shared_material("shelf")
        layout.add(*shop, (span, 2.3, 0.1), shelf, base=0.3, tint=(0.5,) * 3)
        awning = layout.spot_beside(front, across, -0.5, layout.turn)
        cloth = draw_paint(rng, 0.7) * 1.4
        layout.add(
            *awning, (span + 0.2, 0.3, 1.0), layout.shared_material("metal"), base=2.6, tint=cloth
        )
    if rng.random() < 0.3:
        for base in np.arange(3.0, tall - 2.0, 3.0)[:4]:
            balcony = layout.spot_beside(front, rng.uniform(-0.3, 0.3) * wide, -0.5, layout.turn)
            layout.add(*balcony, (2.6, 0.95, 1.0), stone, base=float(base), tint=tint)


def _lay_park(layout: PlaceLayout) -> None:
    """Lawn and paths among trees and bushes, with benches and people."""
    rng = layout.rng
    back = layout.reach + rng.uniform(4.0, 16.0)
    layout.lay_floor(layout.material("lawn" if rng.random() < 0.7 else "soil"))
    _add_bands(layout, back, ("soil", "asphalt", "ground"), 1.0)
    half_row, depth = _edge(layout, back)
    for _ in range(int(rng.integers(7, 15))):
        spot = layout.turned_point(rng.uniform(-half_row, half_row), depth + rng.uniform(0, 22))
        add_tree(layout, *spot, rng.uniform(0.8, 1.8))
    add_leafy_ground(layout, depth, depth + 6, int(rng.integers(2, 9)))
    for _ in range(int(rng.integers(2, 7))):
        add_street_thing(layout, back)
    add_stones(layout, layout.reach + ROOM + 0.3, back, int(rng.integers(4, 18)))


def _lay_meadow(layout: PlaceLayout) -> None:
    """An open field with a track, tufts and a few bushes, and far trees."""
    rng = layout.rng
    back = layout.reach + rng.uniform(10.0, 35.0)
    layout.lay_floor(
        layout.material(str(rng.choice(["lawn", "soil", "sand"], p=[0.6, 0.25, 0.15])))
    )
    _add_bands(layout, back, ("soil", "sand", "lawn"), 2.0)
    half_row, depth = _edge(layout, back)
    for _ in range(int(rng.integers(0, 9))):
        spot = layout.turned_point(rng.uniform(-half_row, half_row), depth + rng.uniform(0, 25))
        add_tree(layout, *spot, rng.uniform(0.9, 2.0))
    for _ in range(int(rng.integers(0, 5))):
        free = layout.free_spot(layout.reach + ROOM, back, 1.0)
        if free is not None:
            add_bush(layout, free, rng.uniform(0.6, 2.0))
    add_stones(layout, layout.reach + ROOM + 0.3, back, int(rng.integers(10, 30)))


def _lay_woods(layout: PlaceLayout) -> None:
    """Trunks close and far, leaves above the picture, undergrowth and a floor of leaves."""
    rng = layout.rng
    layout.lay_floor(layout.material("soil"))
    low = layout.reach + ROOM + 0.6
    bark = layout.shared_material("bark")
    for _ in range(int(rng.integers(14, 30))):
        away = low + rng.uniform(0, 26)
        across = rng.uniform(-1.1, 1.1) * layout.half_width(away)
        thick, tint = rng.uniform(0.15, 0.7), np.full(3, rng.uniform(0.35, 1.0))
        lean = float(rng.uniform(0, 3))
        layout.add(across, away, (thick, 9.0, thick), bark, kind=2, tint=tint, turn=lean)
    for _ in range(int(rng.integers(4, 9))):
        away = low + rng.uniform(6, 26)
        add_tree(layout, rng.uniform(-1, 1) * layout.half_width(away), away, rng.uniform(0.8, 1.5))
    add_leafy_ground(layout, low + 2, low + 24, int(rng.integers(4, 12)))
    add_stones(layout, low, low + 14, int(rng.integers(10, 26)))


def _lay_yard(layout: PlaceLayout) -> None:
    """A wall or fence with bushes and trees over it, and what is left in yards."""
    rng = layout.rng
    back = layout.reach + rng.uniform(2.5, 9.0)
    names = ["ground", "asphalt", "concrete", "soil", "lawn"]
    layout.lay_floor(layout.material(names[int(rng.integers(5))]))
    half_row, depth = _edge(layout, back)
    wall = layout.material(str(rng.choice(["wall", "boards", "brick"])))
    long, tall = 2 * half_row + 40, rng.uniform(1.6, 5.0)
    layout.add(*layout.turned_point(0.0, depth + 0.3), (long, tall, 0.6), wall)
    coping = layout.shared_material("concrete")
    layout.add(*layout.turned_point(0.0, depth + 0.3), (long, 0.12, 0.8), coping, base=tall)
    for position in np.arange(-half_row, half_row, rng.uniform(2.5, 5)):
        pillar = layout.turned_point(float(position), depth + 0.25)
        layout.add(*pillar, (0.4, tall + 0.1, 0.8), wall)
    for _ in range(int(rng.integers(1, 8))):
        spot = layout.turned_point(rng.uniform(-half_row, half_row), depth + rng.uniform(4, 20))
        add_tree(layout, *spot, rng.uniform(1.0, 1.8))
    add_leafy_ground(layout, depth - 0.8, depth - 0.3, int(rng.integers(0, 6)))
    for _ in range(int(rng.integers(3, 10))):
        add_street_thing(layout, back)
    add_stones(layout, layout.reach + ROOM + 0.3, back, int(rng.integers(0, 10)))
