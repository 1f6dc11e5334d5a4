"""What stands in rooms of painted places and hangs on their walls."""

from __future__ import annotations

import numpy as np

from synth.scene.places.painted_layout import PlaceLayout, draw_paint
from synth.scene.places.painted_plants import add_bush
from synth.scene.places.painted_solids import CYLINDER, ELLIPSOID

Spot = tuple[float, float]
Size = tuple[float, float, float]


def add_table(layout: PlaceLayout, spot: Spot, size: Size) -> None:
    """A table with four legs and a few things on it."""
    rng = layout.rng
    wood, tint = layout.shared_material("wood"), draw_paint(rng, 0.1) * 1.4
    wide, tall, deep = size
    layout.add(*spot, (wide, 0.05, deep), wood, base=tall - 0.05, tint=tint)
    for x in (-wide / 2 + 0.05, wide / 2 - 0.05):
        for z in (-deep / 2 + 0.05, deep / 2 - 0.05):
            foot = layout.spot_beside(spot, x, z, layout.turn)
            layout.add(*foot, (0.05, tall - 0.05, 0.05), wood, tint=tint)
    _add_goods(layout, spot, size, int(rng.integers(0, 5)))


def add_chair(layout: PlaceLayout, spot: Spot) -> None:
    """A chair: seat, back and legs."""
    rng = layout.rng
    wood, tint, turn = layout.shared_material("wood"), draw_paint(rng, 0.3) * 1.4, rng.uniform(0, 6)
    layout.add(*spot, (0.44, 0.05, 0.44), wood, base=0.44, tint=tint, turn=turn)
    rear = layout.spot_beside(spot, 0.0, 0.2, turn)
    layout.add(*rear, (0.42, 0.36, 0.04), wood, base=0.55, tint=tint, turn=turn)
    for x in (-0.19, 0.19):
        for z in (-0.19, 0.19):
            foot = layout.spot_beside(spot, x, z, turn)
            layout.add(
                *foot, (0.04, 0.44 if z < 0 else 0.9, 0.04), wood, tint=tint * 0.8, turn=turn
            )


def add_sofa(layout: PlaceLayout, spot: Spot) -> None:
    """A sofa or armchair: seat, back, arms and cushions."""
    rng = layout.rng
    cloth, tint = layout.shared_material("cloth"), draw_paint(rng, 0.3) * 1.5
    wide, turn = rng.uniform(0.8, 2.2), layout.turn
    layout.add(*spot, (wide, 0.42, 0.8), cloth, tint=tint)
    layout.add(*layout.spot_beside(spot, 0, 0.34, turn), (wide, 0.82, 0.22), cloth, tint=tint)
    for x in (-wide / 2, wide / 2):
        layout.add(*layout.spot_beside(spot, x, 0, turn), (0.2, 0.6, 0.85), cloth, tint=tint)
    for _ in range(int(rng.integers(0, 3))):
        cushion = layout.spot_beside(spot, rng.uniform(-0.35, 0.35) * wide, 0.15, turn)
        colour = draw_paint(rng, 0.6) * 1.4
        layout.add(*cushion, (0.45, 0.42, 0.25), cloth, base=0.4, kind=ELLIPSOID, tint=colour)


def add_cabinet(layout: PlaceLayout, spot: Spot, size: Size) -> None:
    """A cupboard, chest or rack, with doors, a top and what stands on it."""
    rng = layout.rng
    wide, tall, deep = size
    tint = draw_paint(rng, 0.12) * 1.4
    kind = str(rng.choice(["cupboard", "shelf", "metal", "wood"]))
    name = {"cupboard": "panels", "shelf": "shelf"}.get(kind, kind)
    material, wood = layout.shared_material(name), layout.shared_material("wood")
    colour = np.full(3, rng.uniform(0.7, 1.2)) if name == "shelf" else tint
    shift = tuple(rng.uniform(0, 2, 2)) if name == "shelf" else (wide / 2, 0.0)
    layout.add(*spot, size, material, top=wood, tint=colour, shift=shift)
    layout.add(*spot, (wide + 0.04, 0.03, deep + 0.04), wood, base=tall, tint=tint)
    if tall < 1.4:
        _add_goods(layout, spot, (wide, tall + 0.03, deep), int(rng.integers(1, 6)))


def add_plant(layout: PlaceLayout, spot: Spot) -> None:
    """A plant in a pot."""
    rng = layout.rng
    pot = layout.shared_material("concrete")
    layout.add(*spot, (0.36, 0.36, 0.36), pot, kind=CYLINDER, tint=draw_paint(rng, 0.2) * 1.3)
    begin = len(layout.rows)
    add_bush(layout, spot, rng.uniform(0.6, 1.1))
    for row in layout.rows[begin:]:  # in the pot, not on the floor
        row[2] += 0.36
    bark = layout.shared_material("bark")
    layout.add(*spot, (0.05, 0.5, 0.05), bark, base=0.3, kind=CYLINDER, tint=(0.6, 0.5, 0.35))


def _add_goods(layout: PlaceLayout, spot: Spot, size: Size, count: int) -> None:
    """Books, boxes, bottles, screens: small things on a top."""
    rng = layout.rng
    wide, tall, deep = size
    metal = layout.shared_material("metal")
    for _ in range(count):
        foot = layout.spot_beside(
            spot, rng.uniform(-0.42, 0.42) * wide, rng.uniform(-0.3, 0.3) * deep, layout.turn
        )
        small = tuple(rng.uniform((0.06, 0.06, 0.06), (0.4, 0.35, 0.25)))
        kind = CYLINDER if rng.random() < 0.4 else 0
        if kind:
            small = (small[0] * 0.4, small[1], small[0] * 0.4)
        tint, turn = draw_paint(rng, 0.5) * 1.3, float(rng.uniform(0, 3))
        layout.add(
            *foot, (small[0], small[1], small[2]), metal, base=tall, kind=kind, tint=tint, turn=turn
        )


def hang_on_wall(layout: PlaceLayout, depth: float, tall: float, low: float, high: float) -> None:
    """Doors, windows with their light and curtains, pictures, pipes and sockets on the wall behind."""
    rng = layout.rng
    position = low + rng.uniform(0.3, 2)
    most_windows = int(rng.integers(0, 4))
    while position < high - 1.2:
        kind = str(rng.choice(["picture", "window", "door", "board"], p=[0.36, 0.3, 0.18, 0.16]))
        wide = rng.uniform(0.3, 1.2) if kind == "picture" else rng.uniform(0.8, 2.2)
        foot = layout.turned_point(position + wide / 2, depth - 0.02)
        if kind == "door":
            _add_door(layout, foot, tall)
        elif kind == "window" and most_windows > 0 and tall > 2.3:
            most_windows -= 1
            add_window(
                layout, foot, layout.turn, (wide, min(rng.uniform(1.0, 2.2), tall - 1.2)), 0.9
            )
        elif kind == "board":
            wood, high_side = layout.shared_material("panels"), rng.uniform(0.6, 1.2)
            tint = draw_paint(rng, 0.2) * 1.3
            layout.add(*foot, (wide, high_side, 0.06), wood, base=1.0, tint=tint, scale=2.0)
        else:
            size = (wide, rng.uniform(0.3, 1.0), 0.05)
            picture, base = layout.material("picture"), rng.uniform(1.1, 1.5)
            layout.add(*foot, size, picture, base=base, scale=wide, shift=(wide / 2, 0.0))
        position += wide + rng.exponential(1.0) + 0.15
    for _ in range(int(rng.integers(0, 4))):  # pipes, ducts and posts along the wall
        foot = layout.turned_point(rng.uniform(low, high), depth - 0.08)
        thick, tint = rng.uniform(0.04, 0.3), draw_paint(rng, 0.1) * 1.2
        layout.add(
            *foot, (thick, tall, min(thick, 0.2)), layout.shared_material("metal"), tint=tint
        )


def _add_door(layout: PlaceLayout, foot: Spot, tall: float) -> None:
    rng = layout.rng
    panels, wood = layout.shared_material("panels"), layout.shared_material("wood")
    size = (rng.uniform(0.8, 1.7), min(2.05, tall - 0.1), 0.05)
    tint = draw_paint(rng, 0.15) * 1.4
    layout.add(*foot, (size[0] + 0.2, size[1] + 0.1, 0.04), wood, tint=draw_paint(rng, 0.0) * 1.3)
    open_door = rng.random() < 0.25
    shade = (0.06, 0.06, 0.07) if open_door else tint
    layout.add(*foot, size, panels, tint=shade, shift=(size[0] / 2, 0.0), scale=size[0] / 0.9)
    if not open_door:
        knob = layout.spot_beside(foot, 0.38 * size[0], -0.04, layout.turn)
        layout.add(*knob, (0.12, 0.04, 0.06), layout.shared_material("metal"), base=1.0)


def add_window(
    layout: PlaceLayout, foot: Spot, turn: float, size: tuple[float, float], base: float
) -> None:
    """A window that is much brighter than the room, its bars, sill, light and sometimes curtains."""
    rng = layout.rng
    wide, tall = size
    frame, view = layout.shared_material("wood"), layout.shared_material("view")
    tint = draw_paint(rng, 0.05) * 1.4
    layout.add(
        *foot, (wide + 0.14, tall + 0.14, 0.05), frame, base=base - 0.07, tint=tint, turn=turn
    )
    glow, shift = rng.uniform(0.9, 3.5), (wide / 2 + float(rng.uniform(0, 2)), -base)
    layout.add(*foot, (wide, tall, 0.08), view, base=base, glow=glow, turn=turn, shift=shift)
    front = layout.spot_beside(foot, 0.0, -0.06, turn)
    for share in np.linspace(-0.5, 0.5, int(rng.integers(2, 5)) + 1)[1:-1]:
        bar = layout.spot_beside(front, float(share) * wide, 0.0, turn)
        layout.add(*bar, (0.06, tall, 0.04), frame, base=base, tint=tint, turn=turn)
    if rng.random() < 0.6:
        high = base + tall * rng.uniform(0.3, 0.75)
        layout.add(*front, (wide, 0.06, 0.04), frame, base=high, tint=tint, turn=turn)
    sill = (wide + 0.3, 0.05, 0.22)
    layout.add(*front, sill, frame, base=base - 0.1, tint=tint, turn=turn)
    if rng.random() < 0.4:
        cloth, colour = layout.shared_material("curtain"), draw_paint(rng, 0.25) * 1.4
        for side in (-1, 1):
            spot = layout.spot_beside(front, side * (wide / 2 + 0.05), -0.05, turn)
            drape = (rng.uniform(0.2, 0.45) * wide, base + tall + 0.1, 0.12)
            layout.add(*spot, drape, cloth, base=0.05, tint=colour, turn=turn)
    away = layout.spot_beside(foot, 0.0, -0.5, turn)
    layout.add_lamp(*away, base + tall / 2)
