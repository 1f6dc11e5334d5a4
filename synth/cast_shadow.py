"""How far a body's shadow on the floor may reach, so that no more of a picture is rendered."""

from __future__ import annotations

import itertools
import math

import numpy as np

from synth.light import WAIST, AreaLamps, Lamp, Light, SphericalHarmonics, SunSky, direction

_AMBIENT = 2.0  # metres around a body where it takes more than a hundredth of an even sky


def shadow_bounds(light: Light, vertices: np.ndarray, ground: np.ndarray) -> np.ndarray | None:
    """Points (N,3) of the floor whose convex hull holds the shadow; None when nothing bounds it.

    ``vertices`` (V,3) of the body, ``ground`` (3,) a point of the floor, about which lamps stand.
    """
    if isinstance(light, SphericalHarmonics):
        return np.zeros((0, 3))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    level = ground[1]
    corners = np.array(list(itertools.product(*zip(low, high))))
    corners[:, 1] = np.maximum(corners[:, 1], level)
    points = [_around(corners * (1, 0, 1) + (0, level, 0), _AMBIENT)]
    if isinstance(light, SunSky):
        towards = light.towards_sun
        if towards[1] <= math.sin(light.angle / 2) + 1e-3:
            return None
        for turn in (-light.angle / 2, 0.0, light.angle / 2):
            beam = direction(light.azimuth, light.elevation + turn)
            reach = (corners[:, 1:2] - level) / beam[1]
            points.append(_around(corners - reach * beam, float(reach.max()) * light.angle / 2))
    elif isinstance(light, AreaLamps):
        for lamp in light.lamps:
            thrown = _thrown(lamp, corners, ground)
            if thrown is None:
                return None
            points.append(thrown)
    else:
        return None
    return np.concatenate(points)


def _around(points: np.ndarray, radius: float) -> np.ndarray:
    """The points moved by ``radius`` to each corner of a level square."""
    moves = np.array([(x, 0.0, z) for x in (-radius, radius) for z in (-radius, radius)])
    return (points[:, None] + moves).reshape(-1, 3)


def _thrown(lamp: Lamp, corners: np.ndarray, ground: np.ndarray) -> np.ndarray | None:
    """Where a lamp throws the corners onto the floor; None when a corner is as high as the lamp."""
    middle = ground + WAIST
    half = lamp.size / math.sqrt(2)
    lamp_at = middle + lamp.distance * direction(lamp.azimuth, lamp.elevation)
    thrown = []
    for move in itertools.product((-half, half), repeat=3):
        start = lamp_at + move
        fall = start[1] - corners[:, 1]
        if fall.min() < 0.05:
            return None
        share = (start[1] - ground[1]) / fall
        thrown.append(start + share[:, None] * (corners - start))
    return np.concatenate(thrown)
