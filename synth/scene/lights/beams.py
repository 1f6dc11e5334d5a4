"""A light as a few beams: what maps of shadows are made for, by either engine.

A sun is a handful of points of its disc, a lamp a grid of points on its square, a sky an even spread of
directions, and an environment the suns of equal energy into which its picture is cut (Debevec, "A median
cut algorithm for light probe sampling", 2005). Each beam is bright enough that all of them together
light a surface as the light does.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, fields
from functools import lru_cache, singledispatch
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput
from synth.scene.environment_pictures import read_environment
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import WAIST, Light, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

_SUN_POINTS = 4
_LAMP_SIDE = 2  # points along a lamp's side
_SKY_DIRECTIONS, _CONTACT_DIRECTIONS = 28, 16
_SPREAD_SUNS = 28
_PEAK, _PEAK_SUNS = 3.0, 6  # times the mean radiance; suns that stand for what is above it
_ENVIRONMENT_HEIGHT = 128  # rows in which an environment's picture is cut
_SHARP, _SOFT, _VAGUE = 0.012, 0.02, 0.04  # metres of the maps' texels
_GOLDEN = (1 + math.sqrt(5)) / 2


@dataclass(frozen=True)
class Beams:
    """N beams of light.

    sources: (N,4) float64: where each comes from, a point in the world (metres) and 1, or the unit
        direction towards it and 0.
    colours: (N,3) float64, linear RGB: what a white surface shows that squarely faces the beam; for a
        point, at one metre from it on its axis.
    axes: (N,3) float64: the unit direction in which a lamp faces, 0 for a beam of parallel rays.
    texels: (N,) float64, metres: how fine a map of its shadow is worth while.
    angles: (N,) float64, radians: how wide the part of the light is that it stands for.
    """

    sources: np.ndarray
    colours: np.ndarray
    axes: np.ndarray
    texels: np.ndarray
    angles: np.ndarray

    def __len__(self) -> int:
        return len(self.sources)

    def selected(self, chosen: np.ndarray) -> Beams:
        """The beams that `chosen` (N,) bool says."""
        return Beams(*(getattr(self, field.name)[chosen] for field in fields(self)))


@singledispatch
def light_beams(light: Light, ground: np.ndarray) -> Beams:
    """The beams of a light of any kind.

    Args:
        light: the light, whose class picks the function.
        ground: (3,) the point on the floor about which lamps stand, metres.

    Raises:
        BadInput: a kind that no function knows, or a file that cannot be read.
    """
    raise BadInput(f"light of kind {light.kind!r}: its shadows are not known")


@light_beams.register
def _harmonics_beams(light: SphericalHarmonics, ground: np.ndarray) -> Beams:
    """An even sky, whose shadows stand for those that the harmonics lack."""
    return _sky_beams(np.zeros(3), np.ones(3), _CONTACT_DIRECTIONS)


@light_beams.register
def _sun_sky_beams(light: SunSky, ground: np.ndarray) -> Beams:
    zenith, nadir = light.sky_brightness
    # Radiance m + s y gives a white surface m + 2/3 s n_y.
    mean, slope = (zenith + nadir) / 2, (zenith - nadir) * 0.75
    middle = light.towards_sun
    right, up = _across(middle)
    points = np.arange(_SUN_POINTS) + 0.5
    radius = np.sqrt(points / _SUN_POINTS) * math.tan(light.angle / 2)
    turn = 2 * math.pi * points / _GOLDEN
    headings = middle + radius[:, None] * (
        np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * up
    )
    headings /= np.linalg.norm(headings, axis=1, keepdims=True)
    colour = light.strength * np.array(light.colour) / _SUN_POINTS
    sun = _parallel(headings, np.tile(colour, (_SUN_POINTS, 1)), _SHARP, light.angle / 2)
    return _together(sun, _sky_beams(slope, mean, _SKY_DIRECTIONS))


@light_beams.register
def _lamp_beams(light: AreaLamps, ground: np.ndarray) -> Beams:
    middle = np.asarray(ground, np.float64) + WAIST
    lamps = [_square_beams(lamp, middle) for lamp in light.lamps]
    return _together(*lamps, _sky_beams(np.zeros(3), np.full(3, light.ambient), _SKY_DIRECTIONS))


@light_beams.register
def _environment_beams(light: Environment, ground: np.ndarray) -> Beams:
    parts = environment_light(light.file)
    groups = []
    for suns in (parts.peaks, parts.spread):
        count = len(suns.angles)
        groups.append(
            Beams(
                np.concatenate(
                    [turn_directions(suns.directions, light.turn), np.zeros((count, 1))], axis=1
                ),
                light.strength * suns.colours,
                np.zeros((count, 3)),
                np.where(suns.angles < 0.06, _SHARP, np.where(suns.angles < 0.4, _SOFT, _VAGUE)),
                suns.angles,
            )
        )
    return _together(*groups)


def turn_directions(directions: np.ndarray, azimuth: float) -> np.ndarray:
    """Directions (N,3) after a turn about the vertical that takes +z to `azimuth`, radians."""
    cosine, sine = math.cos(azimuth), math.sin(azimuth)
    turn = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    return directions @ turn.T


def _parallel(headings: np.ndarray, colours: np.ndarray, texel: float, angle: float) -> Beams:
    count = len(headings)
    return Beams(
        np.concatenate([headings, np.zeros((count, 1))], axis=1),
        colours,
        np.zeros((count, 3)),
        np.full(count, texel),
        np.full(count, angle),
    )


def _together(*beams: Beams) -> Beams:
    return Beams(
        *(
            np.concatenate([getattr(group, name) for group in beams])
            for name in ("sources", "colours", "axes", "texels", "angles")
        )
    )


def _sky_beams(slope: np.ndarray, mean: np.ndarray, count: int) -> Beams:
    """A sky of radiance `mean` + `slope` y, (3,) each, as `count` even directions of the sphere."""
    number = np.arange(count) + 0.5
    y = 1 - 2 * number / count
    bearing = 2 * math.pi * number / _GOLDEN
    level = np.sqrt(1 - y**2)
    headings = np.stack([level * np.sin(bearing), y, level * np.cos(bearing)], axis=1)
    radiance = mean + slope * y[:, None]
    # A surface sees a quarter of the sphere's mean, weighed by the cosine.
    return _parallel(headings, 4 / count * radiance, _VAGUE, math.sqrt(16 / count))


def _square_beams(lamp: Lamp, middle: np.ndarray) -> Beams:
    to_lamp = direction(lamp.azimuth, lamp.elevation)
    right, up = _across(to_lamp)
    offsets = ((np.arange(_LAMP_SIDE) + 0.5) / _LAMP_SIDE - 0.5) * lamp.size
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    points = middle + lamp.distance * to_lamp + grid @ np.stack([right, up])
    count = len(points)
    # Its strength is what shows at the person's middle, `distance` away.
    colour = lamp.strength * lamp.distance**2 * np.array(lamp.colour) / count
    return Beams(
        np.concatenate([points, np.ones((count, 1))], axis=1),
        np.tile(colour, (count, 1)),
        np.tile(-to_lamp, (count, 1)),
        np.full(count, _SOFT),
        np.full(count, lamp.size / lamp.distance / _LAMP_SIDE),
    )


def _across(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors that stand on `axis` (3,) and on each other."""
    side = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    right = np.cross(side, axis)
    right /= np.linalg.norm(right)
    return right, np.cross(axis, right)


@dataclass(frozen=True)
class Suns:
    """Parts of an environment's sphere, where the picture's middle column stands at azimuth 0.

    directions: (N,3) unit. colours: (N,3) linear RGB, such that an even environment shows 1 on white.
    angles: (N,) radians, which the parts take.
    """

    directions: np.ndarray
    colours: np.ndarray
    angles: np.ndarray


@dataclass(frozen=True)
class EnvironmentLight:
    """An environment's light, scaled such that an even one shows 1 on white.

    peaks: what outshines `_PEAK` times the mean, as suns. spread: the remainder, as suns of about equal
    energy. remainder: (H,2H,3) float32, its radiance.
    """

    peaks: Suns
    spread: Suns
    remainder: np.ndarray


@lru_cache(maxsize=4)
def environment_light(file: str) -> EnvironmentLight:
    """Cut an environment's picture into suns.

    Raises:
        BadInput: a file that is missing, cannot be read, is not of 2:1 or is black.
    """
    picture = read_environment(Path(file))
    height = min(_ENVIRONMENT_HEIGHT, picture.shape[0])
    picture = cv2.resize(picture, (2 * height, height), interpolation=cv2.INTER_AREA)
    latitude = math.pi * (0.5 - (np.arange(height) + 0.5) / height)
    solid = np.cos(latitude)[:, None] * (math.pi / height) ** 2
    luminance = picture.astype(np.float64) @ LUMINANCE
    mean = float((luminance * solid).sum() / solid.sum() / (2 * height))
    if not (math.isfinite(mean) and mean > 0):
        raise BadInput(f"{file}: its mean brightness is {mean}, expected above 0")
    radiance, luminance = picture / mean, luminance / mean
    left = np.minimum(1.0, _PEAK / np.maximum(luminance, _PEAK))[..., None]
    remainder = radiance * left
    return EnvironmentLight(
        _cut_into_suns(radiance - remainder, latitude, solid, _PEAK_SUNS),
        _cut_into_suns(remainder, latitude, solid, _SPREAD_SUNS),
        remainder.astype(np.float32),
    )


def _cut_into_suns(
    radiance: np.ndarray, latitude: np.ndarray, solid: np.ndarray, count: int
) -> Suns:
    """At most `count` suns of a radiance (H,2H,3), none where it is black."""
    height = len(latitude)
    longitude = math.pi * ((np.arange(2 * height) + 0.5) / height - 1)
    # Seen from inside, what lies right of the middle lies to the right of who looks at it: at -x where
    # the middle is at +z.
    x = np.cos(latitude)[:, None] * -np.sin(longitude)
    y = np.broadcast_to(np.sin(latitude)[:, None], x.shape)
    z = np.cos(latitude)[:, None] * np.cos(longitude)
    directions = np.stack([x, y, z], axis=-1)
    energy = np.maximum(radiance @ LUMINANCE, 0.0) * solid
    suns = Suns(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    parts = []
    for top, bottom, left, right in _median_cut(energy, latitude, count):
        window = np.s_[top:bottom, left:right]
        lit = energy[window] > 0
        if not lit.any():
            continue
        headings = (directions[window] * energy[window][..., None]).sum(axis=(0, 1))
        colour = (radiance[window] * solid[top:bottom, :, None]).sum(axis=(0, 1)) / math.pi
        spread = float((lit * solid[top:bottom]).sum())
        parts.append((headings / np.linalg.norm(headings), colour, math.sqrt(4 * spread / math.pi)))
    return Suns(*(np.array(values) for values in zip(*parts))) if parts else suns


def _median_cut(
    energy: np.ndarray, latitude: np.ndarray, count: int
) -> list[tuple[int, int, int, int]]:
    """Rectangles (top, bottom, left, right) of about equal energy, cut across their longer side.

    Parts are halved in rounds, as often as gives at least `count`, the greatest energy first in the last.
    """
    parts = deque([(0, energy.shape[0], 0, energy.shape[1])])
    finished: list[tuple[int, int, int, int]] = []
    while parts and len(parts) + len(finished) < count:
        top, bottom, left, right = max(parts, key=lambda p: energy[p[0] : p[1], p[2] : p[3]].sum())
        parts.remove((top, bottom, left, right))
        tall = bottom - top
        wide = (right - left) * math.cos(latitude[(top + bottom - 1) // 2])
        upright = tall >= wide and tall > 1
        if not upright and right - left < 2:
            finished.append((top, bottom, left, right))
            continue
        profile = energy[top:bottom, left:right].sum(axis=1 if upright else 0)
        total = np.cumsum(profile)
        cut = int(np.searchsorted(total, total[-1] / 2)) + 1
        cut = min(max(cut, 1), len(profile) - 1)
        if upright:
            parts += [(top, top + cut, left, right), (top + cut, bottom, left, right)]
        else:
            parts += [(top, bottom, left, left + cut), (top, bottom, left + cut, right)]
    return [*finished, *parts]
