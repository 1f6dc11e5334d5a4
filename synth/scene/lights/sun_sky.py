"""Daylight: a sun that casts shadows, under a sky."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synth.scene.lights.light import WHITE, Colour, Light, direction, mixed_colour

GROUND = 0.4
"""How much of the sky's brightness the ground throws back at a surface that faces down."""


@dataclass(frozen=True)
class SunSky(Light):
    """A sun that casts shadows, under a sky that is a straight gradient from zenith to ground.

    `sky` is the brightness of a white surface that faces up and sees no sun; one that faces down
    gets `GROUND` of it, uncoloured; a wall the mean. `colour` and `sky_colour` are linear RGB.
    `angle` is the sun's diameter in radians: 0.009 is the real one, haze makes it wider and the
    shadows softer. Raises BadInput for a sun below the horizon or a negative strength.
    """

    elevation: float
    azimuth: float
    strength: float
    colour: Colour = WHITE
    sky: float = 0.3
    sky_colour: Colour = WHITE
    angle: float = 0.009

    kind: ClassVar[str] = "sun-sky"

    def __post_init__(self) -> None:
        self._check_number("elevation", low=0.0, high=math.pi / 2)
        self._check_number("azimuth")
        for name in ("strength", "sky"):
            self._check_number(name, low=0.0)
        self._check_number("angle", low=0.0, high=math.pi)
        for name in ("colour", "sky_colour"):
            self._check_numbers(name, 3, low=0.0)

    @property
    def towards_sun(self) -> np.ndarray:
        """Unit vector (3,) of the world towards the sun."""
        return direction(self.azimuth, self.elevation)

    @property
    def sky_brightness(self) -> tuple[np.ndarray, np.ndarray]:
        """What white surfaces show that face up and down, away from the sun: two (3,), linear RGB.

        Between them the brightness is linear in the normal's y, as is the sky's in the direction's.
        """
        return self.sky * np.array(self.sky_colour), np.full(3, self.sky * GROUND)

    def floor_shadow(self, corners: np.ndarray, ground: np.ndarray) -> list[np.ndarray]:
        """Where the sun's upper and lower rim throw `corners` (8,3): x and z (8,2) of either."""
        points = []
        for turn in (-self.angle / 2, self.angle / 2):
            beam = direction(self.azimuth, max(self.elevation + turn, 1e-3))
            height = corners[:, 1:2] - float(ground[1])
            points.append(corners[:, [0, 2]] - height / beam[1] * beam[[0, 2]])
        return points

    @classmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str] = ()) -> SunSky:
        """A day: sun 15 to 70 degrees high, on any side, from clear to overcast.

        `haze` in [0, 1] takes the sun from 1.1 down to 0.25 and widens it from 0.5 to 6 degrees,
        while the sky goes from 0.45 to 0.75 and from blue to white: a white wall in the shadow shows
        0.25 at least. The sun's colour is that of white light through the air's Rayleigh scattering,
        so a low sun is orange.
        """
        elevation = math.radians(rng.uniform(15.0, 70.0))
        haze = float(rng.random())
        return cls(
            elevation=elevation,
            azimuth=float(rng.uniform(0.0, 2 * math.pi)),
            strength=1.1 + (0.25 - 1.1) * haze,
            colour=_colour_through_air(elevation),
            sky=0.45 + 0.3 * haze,
            sky_colour=mixed_colour((0.75, 1.0, 1.45), WHITE, haze),
            angle=math.radians(0.53 + 5.5 * haze**2),
        )


def _colour_through_air(elevation: float) -> Colour:
    """Colour of the sun through the air, linear RGB of luminance 1.

    Rayleigh's optical thickness of one atmosphere is about 0.06, 0.10 and 0.22 at the sRGB
    primaries' wavelengths; a sun at `elevation` shines through 1 / sin(elevation) of them.
    """
    passed = np.exp(-np.array([0.06, 0.10, 0.22]) / math.sin(elevation))
    red, green, blue = (float(value) for value in passed / (passed @ (0.2126, 0.7152, 0.0722)))
    return red, green, blue
