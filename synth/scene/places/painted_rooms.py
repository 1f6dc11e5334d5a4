"""Painted places under a ceiling: rooms, halls and shops."""

from __future__ import annotations

import numpy as np

from synth.scene.places.painted_furniture import (
    add_cabinet,
    add_chair,
    add_plant,
    add_sofa,
    add_table,
    add_window,
    hang_on_wall,
)
from synth.scene.places.painted_layout import ROOM, PlaceLayout, draw_paint
from synth.scene.places.painted_solids import CYLINDER


def lay_room(layout: PlaceLayout) -> None:
    """A room or hall with a wall behind the person and one on either side, and what fills it."""
    rng = layout.rng
    layout.turn = float(rng.uniform(-0.6, 0.6))
    hall = rng.random() < 0.35
    names, shares = ["ground", "planks", "concrete", "cloth"], [0.35, 0.35, 0.2, 0.1]
    if hall:
        names, shares = ["ground", "planks", "concrete", "asphalt"], [0.35, 0.3, 0.25, 0.1]
    floor = str(rng.choice(names, p=shares))
    shiny = (
        0.0 if floor == "cloth" else float(rng.uniform(0.0, 0.45) if rng.random() < 0.7 else 0.0)
    )
    layout.lay_floor(layout.material(floor), mirrored=shiny)
    depth = layout.reach + ROOM + (rng.uniform(3, 16) if hall else rng.uniform(0.8, 6.0))
    tall = rng.uniform(3.5, 7.0) if hall else rng.uniform(2.4, 3.6)
    low, high = _lay_shell(layout, depth, tall, hall)
    hang_on_wall(layout, depth, tall, low, high)
    _add_side_windows(layout, depth, tall, (low, high))
    _add_ceiling_lamps(layout, depth, tall, (low, high))
    if hall:
        _add_columns(layout, depth, tall)
    _fill_along_wall(layout, depth, tall, (low, high))
    _fill_floor(layout, depth, (low, high))


def _lay_shell(layout: PlaceLayout, depth: float, tall: float, hall: bool) -> tuple[float, float]:
    """Walls and ceiling, which throw no shadows; where the side walls stand, by the turned axes."""
    rng = layout.rng
    kinds = ["wall", "wall", "wall", "brick", "boards", "concrete"]
    wall = layout.material(kinds[int(rng.integers(len(kinds)))])
    other = wall if rng.random() < 0.5 else layout.material(kinds[int(rng.integers(len(kinds)))])
    cosine, sine = np.cos(layout.turn), np.sin(layout.turn)
    # Of the cameras, by the room's axes.
    sides = [cosine * x - sine * z for x, z in layout.standpoints]
    wide = (4, 14) if hall else (2.0, 7)
    low = min(-rng.uniform(*wide) - layout.reach, min(sides) - 0.5)
    high = max(rng.uniform(*wide) + layout.reach, max(sides) + 0.5)
    length, middle = 2 * (layout.distance + depth) + 6, (low + high) / 2
    shift = tuple(rng.uniform(0, 5, 2))
    back = layout.turned_point(middle, depth + 0.1)
    layout.add(*back, (high - low + 0.4, tall, 0.2), wall, casts=False, shift=shift)
    for x in (low - 0.1, high + 0.1):
        side = layout.turned_point(x, depth - length / 2)
        layout.add(*side, (0.2, tall, length), other, casts=False, shift=shift)
    ceiling_spot = layout.turned_point(middle, depth - length / 2)
    plaster = layout.material("concrete" if hall and rng.random() < 0.5 else "plaster")
    layout.add(
        *ceiling_spot,
        (high - low + 1, 0.2, length),
        plaster,
        base=tall,
        tint=(1.1,) * 3,
        casts=False,
    )
    wood = layout.shared_material("wood")
    skirting = (high - low, rng.uniform(0.06, 0.14), 0.04)
    tint = draw_paint(rng, 0.05) * 1.3
    layout.add(*layout.turned_point(middle, depth - 0.02), skirting, wood, tint=tint)
    if rng.random() < 0.35:  # panelling or another paint below
        panel = (high - low, rng.uniform(0.9, 1.5), 0.03)
        name = str(rng.choice(["panels", "wall", "boards"]))
        panel_spot = layout.turned_point(middle, depth - 0.01)
        layout.add(
            *panel_spot, panel, layout.material(name), tint=draw_paint(rng, 0.3) * 1.4, casts=False
        )
    if rng.random() < 0.4:  # beams below the ceiling
        beam = draw_paint(rng, 0.05) * 1.2
        for position in np.arange(low, high, rng.uniform(0.8, 2.5))[:14]:
            spot = layout.turned_point(float(position), depth - length / 2)
            size = (0.18, 0.25, length)
            layout.add(*spot, size, wood, base=tall - 0.25, tint=beam, casts=False)
    return low, high


def _add_side_windows(
    layout: PlaceLayout, depth: float, tall: float, sides: tuple[float, float]
) -> None:
    """Windows in one of the side walls, from the back wall towards the camera."""
    rng = layout.rng
    if rng.random() < 0.45 or tall < 2.4:
        return
    wall = sides[int(rng.integers(2))]
    inwards = 0.03 if wall < 0 else -0.03
    turn = layout.turn + (-np.pi / 2 if wall < 0 else np.pi / 2)
    wide, gap = rng.uniform(0.8, 2.5), rng.uniform(0.4, 1.8)
    base = float(rng.choice([0.1, 0.8, 1.0]))
    high = min(rng.uniform(1.2, 3.5), tall - base - 0.25)
    for away in depth - rng.uniform(0.4, 1.5) - wide / 2 - np.arange(3) * (wide + gap):
        add_window(layout, layout.turned_point(wall + inwards, away), turn, (wide, high), base)


def _add_ceiling_lamps(
    layout: PlaceLayout, depth: float, tall: float, sides: tuple[float, float]
) -> None:
    """Tubes, panels or bulbs under the ceiling, which light what is near."""
    rng = layout.rng
    lamp = layout.shared_material("plaster")
    size = [(1.2, 0.06, 0.16), (0.6, 0.04, 0.6), (0.3, 0.12, 0.3)][int(rng.integers(3))]
    step, glow = rng.uniform(1.6, 3.5), rng.uniform(1.0, 4.0)
    drop = 0.0 if rng.random() < 0.6 else rng.uniform(0.2, 0.9)
    if rng.random() < 0.25:
        return
    for away in depth - rng.uniform(0.6, 2.0) - np.arange(4) * step:
        for position in np.arange(sides[0] + 0.8, sides[1] - 0.4, step * 1.2)[:5]:
            spot = layout.turned_point(float(position), float(away))
            base = tall - size[1] - drop
            layout.add(*spot, size, lamp, base=base, glow=glow, casts=False)
            if drop:
                layout.add(*spot, (0.02, drop, 0.02), lamp, base=tall - drop, tint=(0.1,) * 3)
            if rng.random() < 0.4:
                layout.add_lamp(*spot, base - 0.3)


def _add_columns(layout: PlaceLayout, depth: float, tall: float) -> None:
    rng = layout.rng
    if rng.random() < 0.4:
        return
    stone, thick = layout.material("concrete"), rng.uniform(0.25, 0.7)
    kind, step = CYLINDER if rng.random() < 0.5 else 0, rng.uniform(2.5, 5)
    tint = draw_paint(rng, 0.1) * 1.3
    for away in np.arange(depth - 1.5, layout.reach + ROOM + thick, -step)[:4]:
        for position in np.arange(-3, 4) * step + rng.uniform(-1, 1):
            spot = layout.turned_point(float(position), float(away))
            if spot[1] > layout.reach + ROOM + thick:
                layout.footprints.append((*spot, thick))
                layout.add(*spot, (thick, tall, thick), stone, kind=kind, tint=tint)
                foot = (thick * 1.3, 0.2, thick * 1.3)
                layout.add(*spot, foot, stone, kind=kind, tint=tint * 0.8)


def _fill_along_wall(
    layout: PlaceLayout, depth: float, tall: float, sides: tuple[float, float]
) -> None:
    """Cabinets, racks, sofas and tables along the wall behind the person."""
    rng = layout.rng
    position, crowded = sides[0] + rng.uniform(0.1, 1.5), rng.uniform(0.05, 0.9)
    while position < sides[1] - 0.8:
        wide, deep = rng.uniform(0.4, 2.2), rng.uniform(0.3, 0.7)
        high = min(
            float(rng.choice([0.45, 0.75, 0.9, 1.2, 1.9, 2.2])) * rng.uniform(0.9, 1.1), tall - 0.2
        )
        free = depth - deep - abs(np.sin(layout.turn)) * 0.5 > layout.reach + ROOM
        if free and rng.random() < crowded:
            foot = layout.turned_point(position + wide / 2, depth - deep / 2 - 0.03)
            if foot[1] - deep > layout.reach + ROOM:
                layout.footprints.append((*foot, wide / 2))
                draw = rng.random()
                if draw < 0.25 and high < 1.2:
                    add_table(layout, foot, (wide, high, deep))
                elif draw < 0.4:
                    add_sofa(layout, foot)
                else:
                    add_cabinet(layout, foot, (wide, high, deep))
        position += wide + rng.exponential(0.5)


def _fill_floor(layout: PlaceLayout, depth: float, sides: tuple[float, float]) -> None:
    """Tables, chairs, plants and shelves on the floor."""
    rng = layout.rng
    for _ in range(int(rng.integers(0, 9))):
        spot = layout.free_spot(layout.reach + ROOM, depth - 0.6, 0.55)
        if spot is None or abs(spot[0]) > min(-sides[0], sides[1]) * 0.85:
            continue
        kind = str(
            rng.choice(
                ["chair", "table", "plant", "sofa", "cabinet"], p=[0.35, 0.25, 0.15, 0.1, 0.15]
            )
        )
        if kind == "chair":
            add_chair(layout, spot)
        elif kind == "plant":
            add_plant(layout, spot)
        elif kind == "sofa":
            add_sofa(layout, spot)
        elif kind == "table":
            add_table(layout, spot, (rng.uniform(0.6, 1.6), rng.uniform(0.45, 0.9), 0.7))
        else:
            add_cabinet(layout, spot, (rng.uniform(0.5, 1.2), rng.uniform(0.6, 2.0), 0.5))
