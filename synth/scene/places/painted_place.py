"""Painted places: streets, squares, parks and rooms, in metres, about a person and before a camera.

A place is a pure function of its seed, of where the person is and of the clip's cameras: things stand
beyond the person's way, where nothing could hide them, on the floor under their feet, and the horizon is
the camera's. It is lit by the light that lights the person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from synth.scene.backgrounds import draw_colour, smooth_noise
from synth.scene.lights.area_lamps import AreaLamps
from synth.scene.lights.light import Light, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky
from synth.scene.places.painted_materials import PAINTERS, paint_pyramid
from synth.scene.places.painted_tracing import BOX, COLUMNS, ELLIPSOID, TracedPlace
from textures.visibility.camera import Camera
from textures.visibility.shading import sh_irradiance

_AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
_LEAST_LIT, _MOST_LIT = 0.3, 1.25  # of white: nothing in a place is black or burnt out by its light
_ROOM = 0.8  # metres between the person's way and the nearest thing
_STREET_THINGS = ("pole", "tree", "bush", "bush", "car", "car", "bin", "bench", "box", "person")


def paint_place(
    seed: int,
    *,
    ground: Sequence[float],
    reach: float,
    cameras: Sequence[Camera],
    light: Light,
) -> TracedPlace:
    """The painted place of a seed.

    Args:
        seed: of everything that is drawn.
        ground: (3,) the point of the floor under the middle of the person's way, metres in the world.
        reach: metres from there to the farthest that the person gets.
        cameras: of the clip's frames.
        light: what lights the person.
    """
    rng = np.random.default_rng(seed)
    is_room = rng.random() < {SunSky.kind: 0.0, AreaLamps.kind: 1.0}.get(light.kind, 0.4)
    layout = _Layout(rng, np.array(ground, float), reach, cameras)
    (_lay_room if is_room else _lay_street)(layout)
    cube, sun = cube_light(light)
    brightness = float(cube[2].mean() + (sun[1] * sun[3:].mean() if sun[3:].any() else 0.0))
    cloudy = rng.random()
    blue = np.array([0.3, 0.52, 0.9]) * (1 - 0.8 * cloudy) + 0.75 * 0.8 * cloudy
    horizon = np.array([0.78, 0.84, 0.92]) * (1 - cloudy) + np.array([0.8, 0.8, 0.82]) * cloudy
    sky = np.stack([blue * rng.uniform(0.6, 1.0), horizon, np.full(3, 0.95)])
    clouds = np.clip(smooth_noise(rng, 256, 256, 5, 5) * 1.2 + 1.4 * cloudy - 0.5, 0, 1)
    return TracedPlace(
        solids=layout.solid_rows(),
        textures=np.stack([paint_pyramid(rng, name) for name in layout.materials]),
        extents=np.array([PAINTERS[name][1] for name in layout.materials]),
        floor=layout.floor,
        bands=np.array(layout.bands, float).reshape(-1, 3),
        light=cube,
        sun=np.zeros(6) if is_room else sun,
        sky=sky * min(brightness, 1.1),
        clouds=clouds.astype(np.float64),
        haze=1e6 if is_room else float(rng.uniform(150, 700)),
    )


@singledispatch
def cube_light(light: Light) -> tuple[np.ndarray, np.ndarray]:
    """What white surfaces show that face along the axes, (6,3), and a sun that casts shadows, (6,).

    The sun's first numbers point towards it, the others are its colour; black: there is none.
    """
    return np.full((6, 3), 0.8), np.zeros(6)


@cube_light.register
def _of_harmonics(light: SphericalHarmonics) -> tuple[np.ndarray, np.ndarray]:
    lit = 0.35 + 0.6 * sh_irradiance(_AXES, np.array(light.coefficients))
    return np.repeat(np.clip(lit, _LEAST_LIT, _MOST_LIT)[:, None], 3, axis=1), np.zeros(6)


@cube_light.register
def _of_sun(light: SunSky) -> tuple[np.ndarray, np.ndarray]:
    zenith, nadir = light.sky_brightness
    share = (_AXES[:, 1:2] + 1) / 2
    sun = np.concatenate([light.towards_sun, light.strength * np.array(light.colour)])
    return nadir + share * (zenith - nadir), sun


@cube_light.register
def _of_lamps(light: AreaLamps) -> tuple[np.ndarray, np.ndarray]:
    lit = np.full((6, 3), light.ambient)
    for lamp in light.lamps:
        beam = direction(lamp.azimuth, lamp.elevation)
        facing = np.clip(0.25 + 0.75 * _AXES @ beam, 0, None)
        lit += 0.8 * lamp.strength * facing[:, None] * np.array(lamp.colour)
    return np.clip(lit, _LEAST_LIT, _MOST_LIT), np.zeros(6)


class _Layout:
    """Solids about a person, in metres across and away from the cameras."""

    def __init__(
        self, rng: np.random.Generator, ground: np.ndarray, reach: float, cameras: Sequence[Camera]
    ):
        self.rng, self.ground, self.reach = rng, ground, reach
        forward = np.mean([camera.rotation[2] for camera in cameras], axis=0)[[0, 2]]
        forward /= max(float(np.linalg.norm(forward)), 1e-9)
        self.heading = math.atan2(
            forward[0], forward[1]
        )  # of the axis that leads away, from +z to +x
        lens = cameras[0].width / 2 / cameras[0].intrinsics[0, 0]
        turns = [math.atan2(c.rotation[2, 0], c.rotation[2, 2]) - self.heading for c in cameras]
        turns = [(turn + math.pi) % (2 * math.pi) - math.pi for turn in turns]
        self.half_angle = min(math.atan(lens) + max(map(abs, turns)) + 0.05, 1.3)
        self.standpoints = np.array([self.local(camera.position) for camera in cameras])
        self.distance = float(-self.standpoints[:, 1].min())
        self.turn = 0.0
        self.materials: list[str] = []
        self.rows: list[np.ndarray] = []
        self.footprints: list[tuple[float, float, float]] = []
        self.bands: list[tuple[float, float, float]] = []
        self.floor = np.zeros(6)

    def local(self, point: np.ndarray) -> tuple[float, float]:
        """A point of the world as metres across and away."""
        x, z = point[0] - self.ground[0], point[2] - self.ground[2]
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        return cosine * x - sine * z, sine * x + cosine * z

    def half_width(self, away: float) -> float:
        """How far to either side the cameras see at a distance beyond the person."""
        return (self.distance + away) * math.tan(self.half_angle) + abs(
            self.standpoints[:, 0]
        ).max()

    def material(self, name: str) -> int:
        """The number of a new material."""
        self.materials.append(name)
        return len(self.materials) - 1

    def lay_floor(self, material: int) -> None:
        """The floor, whose axes are turned as the things on it."""
        angle = self.heading + self.turn
        x, z = self.ground[0], self.ground[2]
        self.floor = np.array([self.ground[1], math.cos(angle), math.sin(angle), x, z, material])

    def add(
        self,
        across: float,
        away: float,
        size: tuple[float, float, float],
        material: int,
        *,
        base: float = 0.0,
        kind: int = BOX,
        turn: float | None = None,
        top: int | None = None,
        scale: float = 1.0,
        tint: Sequence[float] | np.ndarray = (1.0, 1.0, 1.0),
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """A solid of `size` (wide, high, deep) metres whose foot is `base` metres above the floor."""
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        angle = self.heading + (self.turn if turn is None else turn)
        row = np.zeros(COLUMNS)
        row[0] = kind
        row[1] = self.ground[0] + cosine * across + sine * away
        row[2] = self.ground[1] + base + size[1] / 2
        row[3] = self.ground[2] - sine * across + cosine * away
        row[4:7] = np.array(size) / 2
        row[7:9] = math.cos(angle), math.sin(angle)
        row[9:12] = material, material if top is None else top, scale
        row[12:15] = tint
        row[15:17] = shift
        self.rows.append(row)

    def solid_rows(self) -> np.ndarray:
        """All solids, (N, COLUMNS)."""
        return np.array(self.rows).reshape(-1, COLUMNS)

    def turned_point(self, position: float, depth: float) -> tuple[float, float]:
        """Across and away of a point by the turned axes, `depth` beyond the person's middle."""
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        return cosine * position + sine * depth, -sine * position + cosine * depth

    def free_spot(self, low: float, high: float, radius: float) -> tuple[float, float] | None:
        """A spot beyond the person's way on which nothing stands yet; None where none was found."""
        for _ in range(12):
            away = self.rng.uniform(low + radius, max(high - radius, low + radius + 0.1))
            across = self.rng.uniform(-1, 1) * self.half_width(away)
            near = any(math.hypot(across - x, away - z) < radius + r for x, z, r in self.footprints)
            if not near and away - radius > self.reach + _ROOM:
                self.footprints.append((across, away, radius))
                return across, away
        return None


def _lay_street(layout: _Layout) -> None:
    """A floor with bands, a row of buildings, trees or walls beyond, and what stands in streets."""
    rng = layout.rng
    layout.turn = float(rng.uniform(-0.55, 0.55))
    back = layout.reach + rng.uniform(2.5, 18.0)
    ground = layout.material(str(rng.choice(["ground", "asphalt", "lawn"], p=[0.5, 0.25, 0.25])))
    layout.lay_floor(ground)
    if rng.random() < 0.7:
        begin = rng.uniform(0.3, 0.7) * back
        road = layout.material(str(rng.choice(["asphalt", "lawn", "ground"])))
        layout.bands.append((begin, begin + rng.uniform(2, 7), road))
    if rng.random() < 0.4:
        layout.bands.append((-rng.uniform(4, 9), -rng.uniform(1.5, 3), layout.material("asphalt")))
    half_row = layout.half_width(back) / max(math.cos(layout.turn), 0.5) + 8
    depth = back + abs(math.sin(layout.turn)) * min(half_row, 12) * 0.5
    lining = str(rng.choice(["buildings", "trees", "wall"], p=[0.6, 0.25, 0.15]))
    leaves, wood = layout.material("leaves"), layout.material("wood")
    if lining == "buildings":
        facades = [layout.material("facade") for _ in range(int(rng.integers(1, 4)))]
        position = -half_row
        while position < half_row:
            wide, deep = rng.uniform(6, 16), rng.uniform(8, 14)
            step = rng.uniform(0, 2.5)
            across, away = layout.turned_point(position + wide / 2, depth + deep / 2 + step)
            size = (wide, rng.uniform(5, 19), deep)
            shift = tuple(rng.uniform(0, 10, 2))
            layout.add(across, away, size, facades[int(rng.integers(len(facades)))], shift=shift)
            position += wide + (rng.uniform(0, 5) if rng.random() < 0.4 else 0.0)
    elif lining == "trees":
        for _ in range(int(rng.integers(10, 22))):
            across, away = layout.turned_point(
                rng.uniform(-half_row, half_row), depth + rng.uniform(0, 14)
            )
            _add_tree(layout, across, away, leaves, wood, rng.uniform(0.8, 1.7))
    else:
        wall = layout.material("wall")
        across, away = layout.turned_point(0.0, depth + 0.3)
        layout.add(across, away, (2 * half_row + 40, rng.uniform(1.6, 6.0), 0.6), wall)
        for _ in range(int(rng.integers(0, 9))):
            across, away = layout.turned_point(
                rng.uniform(-half_row, half_row), depth + rng.uniform(5, 20)
            )
            _add_tree(layout, across, away, leaves, wood, rng.uniform(1.0, 1.8))
    metals = [layout.material("metal") for _ in range(2)]
    for _ in range(int(rng.integers(3, 13))):
        _add_street_thing(layout, back, leaves, wood, metals)


def _add_street_thing(
    layout: _Layout, back: float, leaves: int, wood: int, metals: Sequence[int]
) -> None:
    rng = layout.rng
    kind = str(rng.choice(_STREET_THINGS))
    radius = {"car": 2.2, "tree": 1.0, "bench": 0.9, "bush": 0.8, "box": 0.7}.get(kind, 0.35)
    spot = layout.free_spot(layout.reach + _ROOM, max(back - 0.5, layout.reach + 3), radius)
    if spot is None:
        return
    metal = metals[int(rng.integers(len(metals)))]
    tint = draw_colour(rng, saturation=0.5, low=0.3, high=1.0) * 1.3
    if kind == "pole":
        layout.add(*spot, (0.14, rng.uniform(2.5, 7), 0.14), metal, tint=tint)
        if rng.random() < 0.5:
            layout.add(*spot, (0.6, 0.6, 0.16), metal, base=2.2, tint=draw_colour(rng, low=0.4))
    elif kind == "tree":
        _add_tree(layout, *spot, leaves, wood, rng.uniform(0.6, 1.2))
    elif kind == "bush":
        size = (rng.uniform(0.8, 2.0), rng.uniform(0.6, 1.4), rng.uniform(0.8, 1.6))
        layout.add(*spot, size, leaves, kind=ELLIPSOID, base=-0.12 * size[1])
    elif kind == "car":
        _add_car(layout, spot, metal, wood, tint)
    elif kind == "bin":
        layout.add(*spot, (0.5, rng.uniform(0.8, 1.2), 0.5), metal, tint=tint)
    elif kind == "bench":
        layout.add(*spot, (1.6, 0.07, 0.45), wood, base=0.42)
        for side in (-0.65, 0.65):
            across, away = spot
            layout.add(across + side, away, (0.07, 0.42, 0.4), metal, turn=0.0)
        layout.add(spot[0], spot[1] + 0.22, (1.6, 0.4, 0.05), wood, base=0.5)
    elif kind == "box":
        size = (rng.uniform(0.5, 1.3), rng.uniform(0.4, 1.9), rng.uniform(0.4, 1.0))
        layout.add(*spot, size, metal, tint=tint, turn=float(rng.uniform(-0.8, 0.8)))
    else:
        _add_passer_by(layout, spot, metals)


def _add_tree(
    layout: _Layout, across: float, away: float, leaves: int, wood: int, size: float
) -> None:
    rng = layout.rng
    trunk = rng.uniform(1.6, 2.8) * size
    layout.add(across, away, (0.3 * size, trunk + size, 0.3 * size), wood, tint=(0.55, 0.5, 0.45))
    for _ in range(int(rng.integers(3, 7))):
        wide = rng.uniform(1.4, 3.0) * size
        x, z = rng.uniform(-1.0, 1.0, 2) * size
        crown = (wide, rng.uniform(1.2, 2.6) * size, wide)
        base = trunk + rng.uniform(-0.2, 2.0) * size
        tint = np.full(3, rng.uniform(0.7, 1.2))
        layout.add(
            *(across + x, away + z, crown, leaves),
            base=base,
            kind=ELLIPSOID,
            scale=1.6,
            turn=float(rng.uniform(0, 6)),
            tint=tint,
            shift=tuple(rng.uniform(0, 3, 2)),
        )


def _add_car(
    layout: _Layout, spot: tuple[float, float], metal: int, dark: int, tint: np.ndarray
) -> None:
    turn = layout.turn + float(layout.rng.normal(0, 0.04))
    across, away = spot
    cosine, sine = math.cos(turn), math.sin(turn)
    layout.add(across, away, (4.2, 0.72, 1.75), metal, base=0.28, turn=turn, tint=tint)
    layout.add(across, away, (2.4, 0.62, 1.55), metal, base=0.9, turn=turn, tint=tint)
    glass = (0.06, 0.07, 0.09)
    layout.add(across, away, (2.1, 0.42, 1.62), dark, base=0.98, turn=turn, tint=glass)
    for x in (-1.35, 1.35):
        wheel = (0.64, 0.64, 1.8)
        foot = across + cosine * x, away - sine * x
        layout.add(*foot, wheel, dark, kind=ELLIPSOID, turn=turn, tint=(0.07, 0.07, 0.07))


def _add_passer_by(layout: _Layout, spot: tuple[float, float], cloths: Sequence[int]) -> None:
    rng = layout.rng
    tall = rng.uniform(1.55, 1.9)
    trousers, shirt = draw_colour(rng, low=0.05, high=0.6), draw_colour(rng, saturation=0.5)
    skin = np.array([0.75, 0.56, 0.45]) * rng.uniform(0.4, 1.2)
    cloth = cloths[int(rng.integers(len(cloths)))]
    for side in (-0.09, 0.09):
        size = (0.16, 0.5 * tall, 0.18)
        layout.add(spot[0] + side, spot[1], size, cloth, kind=ELLIPSOID, tint=trousers * 1.4)
    layout.add(
        *spot, (0.46, 0.4 * tall, 0.28), cloth, base=0.45 * tall, kind=ELLIPSOID, tint=shirt * 1.4
    )
    layout.add(
        *spot, (0.18, 0.14 * tall, 0.2), cloth, base=0.86 * tall, kind=ELLIPSOID, tint=skin * 1.4
    )


def _lay_room(layout: _Layout) -> None:
    """A room with a wall behind the person and one on either side, furniture along them."""
    rng = layout.rng
    layout.turn = float(rng.uniform(-0.6, 0.6))
    layout.lay_floor(layout.material(str(rng.choice(["ground", "wood"], p=[0.7, 0.3]))))
    depth = layout.reach + _ROOM + rng.uniform(0.8, 6.0)
    tall = rng.uniform(2.4, 4.6)
    wall, other = layout.material("wall"), layout.material("wall")
    cosine, sine = math.cos(layout.turn), math.sin(layout.turn)
    sides = [
        cosine * x - sine * z for x, z in layout.standpoints
    ]  # of the cameras, by the room's axes
    low = min(-rng.uniform(2.5, 8) - layout.reach, min(sides) - 0.5)
    high = max(rng.uniform(2.5, 8) + layout.reach, max(sides) + 0.5)
    length = 2 * (layout.distance + depth) + 6
    middle = (low + high) / 2
    layout.add(*layout.turned_point(middle, depth + 0.1), (high - low + 0.4, tall, 0.2), wall)
    for x in (low - 0.1, high + 0.1):
        layout.add(*layout.turned_point(x, depth - length / 2), (0.2, tall, length), other)
    ceiling = (high - low + 1, 0.2, length)
    plaster = layout.material("wall")
    layout.add(
        *layout.turned_point(middle, depth - length / 2),
        ceiling,
        plaster,
        base=tall,
        tint=(1.2,) * 3,
    )
    wood, metal = layout.material("wood"), layout.material("metal")
    skirting = (high - low, rng.uniform(0.06, 0.14), 0.04)
    layout.add(*layout.turned_point(middle, depth - 0.02), skirting, wood)
    _hang_pictures(layout, depth, tall, low, high, (wood, plaster))
    position = low + rng.uniform(0.2, 2)
    while position < high - 1.0:  # furniture along the wall
        wide, deep = rng.uniform(0.5, 1.9), rng.uniform(0.35, 0.7)
        size = (
            wide,
            min(rng.choice([0.45, 0.75, 0.9, 1.9]) * rng.uniform(0.9, 1.1), tall - 0.2),
            deep,
        )
        if rng.random() < 0.6 and depth - deep > layout.reach + _ROOM:
            tint = draw_colour(rng, saturation=0.4, low=0.4, high=1.0) * 1.2
            foot = layout.turned_point(position + wide / 2, depth - deep / 2)
            material = int(rng.choice([wood, metal]))
            if rng.random() < 0.4 and size[1] < 1.2:
                _add_table(layout, foot, size, material, tint)
            else:
                layout.add(*foot, size, material, tint=tint)
        position += wide + rng.exponential(0.8)
    leaves = layout.material("leaves")
    for _ in range(int(rng.integers(0, 5))):
        spot = layout.free_spot(layout.reach + _ROOM, depth - 0.6, 0.5)
        if spot is None or abs(spot[0]) > min(-low, high) * 0.8:
            continue
        if rng.random() < 0.4:
            layout.add(*spot, (0.4, 0.4, 0.4), metal)
            layout.add(*spot, (0.9, rng.uniform(0.7, 1.4), 0.9), leaves, base=0.4, kind=ELLIPSOID)
        else:
            size = (rng.uniform(0.6, 1.6), rng.uniform(0.45, 0.9), rng.uniform(0.5, 0.9))
            _add_table(layout, spot, size, wood, np.ones(3))


def _hang_pictures(
    layout: _Layout,
    depth: float,
    tall: float,
    low: float,
    high: float,
    materials: tuple[int, int],
) -> None:
    """Doors, windows and pictures on the wall behind the person; of wood and of what is bright."""
    rng, (wood, bright_material) = layout.rng, materials
    position = low + rng.uniform(0.3, 2)
    while position < high - 1.2:
        kind = str(rng.choice(["picture", "window", "door"], p=[0.5, 0.3, 0.2]))
        wide = rng.uniform(0.4, 1.3) if kind == "picture" else rng.uniform(0.8, 1.8)
        foot = layout.turned_point(position + wide / 2, depth - 0.02)
        if kind == "door":
            size = (0.95, min(2.05, tall - 0.1), 0.05)
            layout.add(*foot, size, wood, tint=draw_colour(rng, low=0.5) * 1.3)
        elif kind == "window":
            high_side = min(rng.uniform(1.0, 1.6), tall - 1.2)
            layout.add(
                *foot, (wide + 0.14, high_side + 0.14, 0.03), wood, base=0.93, tint=(1.3,) * 3
            )
            bright = np.array([2.2, 2.4, 2.6]) * rng.uniform(0.8, 1.8)
            layout.add(*foot, (wide, high_side, 0.05), bright_material, base=1.0, tint=bright)
        else:
            size = (wide, rng.uniform(0.4, 1.1), 0.05)
            picture = layout.material("picture") if len(layout.materials) < 14 else wood
            layout.add(
                *foot, size, picture, base=rng.uniform(1.1, 1.5), scale=wide, shift=(wide / 2, 0.0)
            )
        position += wide + rng.exponential(1.2) + 0.2


def _add_table(
    layout: _Layout,
    spot: tuple[float, float],
    size: tuple[float, float, float],
    material: int,
    tint: np.ndarray,
) -> None:
    wide, tall, deep = size
    layout.add(*spot, (wide, 0.05, deep), material, base=tall - 0.05, tint=tint)
    cosine, sine = math.cos(layout.turn), math.sin(layout.turn)
    for x in (-wide / 2 + 0.05, wide / 2 - 0.05):
        for z in (-deep / 2 + 0.05, deep / 2 - 0.05):
            foot = spot[0] + cosine * x + sine * z, spot[1] - sine * x + cosine * z
            layout.add(*foot, (0.05, tall - 0.05, 0.05), material, tint=tint)
