"""The light of a painted place, which is the person's: from where, how much, and what throws shadows."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from synth.scene.lights.area_lamps import AreaLamps
from synth.scene.lights.light import Light, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky
from textures.visibility.shading import sh_irradiance

_AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
_LEAST_LIT, _MOST_LIT = 0.3, 1.25  # of white: nothing in a place is black or burnt out by its light
_LAMP_WIDTH = 0.09  # radians: half of a lamp's side as a room sees it
# Of a place's light: how much brighter than all of it the spot beside a lamp may be.
_HOTTEST = 0.35
_NEAREST_LIT = 0.5  # metres from a lamp to what it lights
_BEAM = 0.5  # of the strongest lamp's light: what comes from one direction


@singledispatch
def cube_light(light: Light) -> tuple[np.ndarray, np.ndarray]:
    """What white surfaces show that face along the axes, (6,3), and what casts shadows, (7,).

    The last is as `synth.scene.places.painted_tracing.TracedPlace.sun`.
    """
    return np.full((6, 3), 0.8), np.zeros(7)


@cube_light.register
def _of_harmonics(light: SphericalHarmonics) -> tuple[np.ndarray, np.ndarray]:
    lit = 0.35 + 0.6 * sh_irradiance(_AXES, np.array(light.coefficients))
    return np.repeat(np.clip(lit, _LEAST_LIT, _MOST_LIT)[:, None], 3, axis=1), np.zeros(7)


@cube_light.register
def _of_sun(light: SunSky) -> tuple[np.ndarray, np.ndarray]:
    zenith, nadir = light.sky_brightness
    share = (_AXES[:, 1:2] + 1) / 2
    sun = [*light.towards_sun, *(light.strength * np.array(light.colour)), 0.0]
    return nadir + share * (zenith - nadir), np.array(sun)


@cube_light.register
def _of_lamps(light: AreaLamps) -> tuple[np.ndarray, np.ndarray]:
    lit = np.full((6, 3), light.ambient)
    strongest = max(light.lamps, key=lambda lamp: lamp.strength, default=None)
    beam = np.zeros(7)
    for lamp in light.lamps:
        heading = direction(lamp.azimuth, lamp.elevation)
        facing = np.clip(0.25 + 0.75 * _AXES @ heading, 0, None)
        colour = 0.8 * lamp.strength * np.array(lamp.colour)
        if lamp is strongest and heading[1] > 0.15:
            beam[:3], beam[3:6], beam[6] = heading, _BEAM * colour, _LAMP_WIDTH
            colour = (1 - _BEAM) * colour
        lit += facing[:, None] * colour
    return np.clip(lit, _LEAST_LIT, _MOST_LIT), beam


def with_lamps(
    cube: np.ndarray, positions: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Some of a place's even light, given to lamps and windows in it, so that it falls off from them.

    Where the person stands a surface that faces up gets as much light as before.

    Args:
        cube: (6,3) the even light.
        positions: (L,3) of lamps, metres from the person's spot on the floor.
        rng: the source of their strengths, reaches and colours.

    Returns:
        The even light that stays (6,3), and the lamps (L,7) about the person's spot.
    """
    if not len(positions):
        return cube, np.zeros((0, 7))
    share = rng.uniform(0.3, 0.75)
    reaches = rng.uniform(1.5, 4.0, len(positions))
    strengths = rng.uniform(0.4, 1.6, len(positions))
    squares = (positions**2).sum(axis=1)
    facing = 0.35 + 0.65 * positions[:, 1] / np.sqrt(squares + 1e-6)
    weights = strengths * np.clip(facing, 0.1, None) * reaches**2 / (reaches**2 + squares)
    warmth = rng.normal(0, 0.07, (len(positions), 1)) + rng.normal(0.02, 0.07)
    colours = np.exp(warmth * np.array([1.0, 0.0, -1.6]))
    total = max(float((weights[:, None] * colours).sum(axis=0).mean()), 1e-6)
    # Where the person is far from the lamps, those may not burn out what is near them.
    apart = ((positions[:, None] - positions[None]) ** 2).sum(axis=-1) + _NEAREST_LIT**2
    hottest = float((strengths * reaches**2 / (reaches**2 + apart)).sum(axis=1).max())
    share = min(share, _HOTTEST / max(hottest / total - 1, 1e-6))
    scale = share * cube[2].mean() / total
    lamps = np.concatenate(
        [positions, strengths[:, None] * colours * scale, reaches[:, None]], axis=1
    )
    return cube * (1 - share), lamps
