"""Where things stand in a painted place, in metres across and away from cameras, and their colours."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence

import numpy as np

from synth.scene.places.painted_solids import (
    BOX,
    CASTS,
    COLUMNS,
    COSINE,
    GLOW,
    HALF_SIZE,
    HOLES,
    SHIFT,
    SIDES,
    TINT,
)
from textures.visibility.camera import Camera

ROOM = 0.8
"""Metres between the person's way and the nearest thing."""

MOST_MATERIALS = 16

_PLAIN = np.array(
    [
        *([0.86, 0.84, 0.80], [0.62, 0.60, 0.57], [0.34, 0.33, 0.33], [0.10, 0.10, 0.11]),
        *([0.55, 0.40, 0.26], [0.38, 0.25, 0.15], [0.70, 0.58, 0.42], [0.20, 0.24, 0.30]),
    ]
)


def draw_paint(rng: np.random.Generator, accent: float = 0.2) -> np.ndarray:
    """A colour (3,) sRGB in [0, 1] of things people make: mostly white to black and wood, some a hue."""
    if rng.random() < accent:
        hue = rng.choice([0.0, 0.03, 0.1, 0.15, 0.3, 0.55, 0.6, 0.63]) + rng.normal(0, 0.02)
        return np.array(
            colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(0.35, 0.85), rng.uniform(0.2, 0.8))
        )
    colour = _PLAIN[rng.integers(len(_PLAIN))] * rng.uniform(0.75, 1.1)
    return np.clip(colour * (1 + rng.normal(0, 0.03, 3)), 0.02, 0.95)


class PlaceLayout:
    """Solids about a person, in metres across and away from the cameras.

    Args:
        rng: of the place.
        ground: (3,) the floor's point under the middle of the person's way, metres in the world.
        reach: metres from there to the farthest that the person gets.
        cameras: of the clip's frames.
    """

    def __init__(
        self, rng: np.random.Generator, ground: np.ndarray, reach: float, cameras: Sequence[Camera]
    ):
        self.rng, self.ground, self.reach = rng, ground, reach
        forward = np.mean([camera.rotation[2] for camera in cameras], axis=0)[[0, 2]]
        forward /= max(float(np.linalg.norm(forward)), 1e-9)
        # Of the axis that leads away, from +z to +x.
        self.heading = math.atan2(forward[0], forward[1])
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
        self.bands: list[tuple[float, float, float, float]] = []
        self.lamps: list[np.ndarray] = []
        self.floor = np.zeros(7)

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
        """The number of a new material, or of the last of that name where there are enough."""
        if len(self.materials) >= MOST_MATERIALS and name in self.materials:
            return len(self.materials) - 1 - self.materials[::-1].index(name)
        self.materials.append(name)
        return len(self.materials) - 1

    def shared_material(self, name: str) -> int:
        """The number of the first material of that name, a new one where there is none."""
        return self.materials.index(name) if name in self.materials else self.material(name)

    def lay_floor(self, material: int, mirrored: float = 0.0) -> None:
        """The floor, whose axes are turned as the things on it, and how much it mirrors."""
        angle = self.heading + self.turn
        x, z = self.ground[0], self.ground[2]
        self.floor = np.array(
            [self.ground[1], math.cos(angle), math.sin(angle), x, z, material, mirrored]
        )

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
        holes: float = 0.0,
        glow: float = 0.0,
        casts: bool = True,
    ) -> None:
        """A solid of `size` (wide, high, deep) metres whose foot is `base` metres above the floor."""
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        angle = self.heading + (self.turn if turn is None else turn)
        row = np.zeros(COLUMNS)
        row[0] = kind
        row[1] = self.ground[0] + cosine * across + sine * away
        row[2] = self.ground[1] + base + size[1] / 2
        row[3] = self.ground[2] - sine * across + cosine * away
        row[HALF_SIZE : HALF_SIZE + 3] = np.array(size) / 2
        row[COSINE : COSINE + 2] = math.cos(angle), math.sin(angle)
        row[SIDES : SIDES + 3] = material, material if top is None else top, scale
        row[TINT : TINT + 3] = tint
        row[SHIFT : SHIFT + 2] = shift
        row[HOLES], row[GLOW], row[CASTS] = holes, glow, casts
        self.rows.append(row)

    def add_lamp(self, across: float, away: float, height: float) -> None:
        """A lamp or a window that lights what is near it."""
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        x, z = cosine * across + sine * away, -sine * across + cosine * away
        self.lamps.append(np.array([x, height, z]))

    def solid_rows(self) -> np.ndarray:
        """All solids, (N, COLUMNS)."""
        return np.array(self.rows).reshape(-1, COLUMNS)

    def turned_point(self, position: float, depth: float) -> tuple[float, float]:
        """Across and away of a point by the turned axes, `depth` beyond the person's middle."""
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        return cosine * position + sine * depth, -sine * position + cosine * depth

    def spot_beside(
        self, spot: tuple[float, float], across: float, away: float, turn: float
    ) -> tuple[float, float]:
        """A spot so many metres off another by axes that are turned by `turn`."""
        cosine, sine = math.cos(turn), math.sin(turn)
        return spot[0] + cosine * across + sine * away, spot[1] - sine * across + cosine * away

    def free_spot(self, low: float, high: float, radius: float) -> tuple[float, float] | None:
        """A spot beyond the person's way on which nothing stands yet; None where none was found."""
        for _ in range(12):
            away = self.rng.uniform(low + radius, max(high - radius, low + radius + 0.1))
            across = self.rng.uniform(-1, 1) * self.half_width(away)
            near = any(math.hypot(across - x, away - z) < radius + r for x, z, r in self.footprints)
            if not near and away - radius > self.reach + ROOM:
                self.footprints.append((across, away, radius))
                return across, away
        return None
