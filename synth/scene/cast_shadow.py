"""How far a body's shadow on the floor reaches, so that no more of a picture is rendered.

Strictly, a shadow under a sky ends nowhere; it is cut where it takes less than about a hundredth of
the light, and fades out before the cut, so that none shows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from synth.scene.light import WAIST, AreaLamps, Environment, Light, SunSky, direction
from textures.visibility.camera import Camera

_AMBIENT = 0.9  # metres around a body where it takes more than a hundredth of an even sky
_ENVIRONMENT = 3.0  # metres for a sky that may hold a sun
_FARTHEST = 8.0  # metres from the person: the shadows of low suns and low lamps end here
_FADE = 0.6  # metres before the end


@dataclass(frozen=True)
class FloorPatch:
    """A level rectangle: ``low`` and ``high`` are its corners' x and z (2,), ``level`` its y."""

    low: np.ndarray
    high: np.ndarray
    level: float

    @property
    def corners(self) -> np.ndarray:
        """(4,3) metres in the world, counter-clockwise seen from above."""
        (x0, z0), (x1, z1) = self.low, self.high
        y = self.level
        return np.array([[x0, y, z0], [x0, y, z1], [x1, y, z1], [x1, y, z0]])

    def fade(self, camera: Camera, box: tuple[int, int, int, int]) -> np.ndarray:
        """What is left of a shadow at each pixel of ``box`` (left, top, right, bottom): (h,w)
        float32, 0 where the floor is not seen, 1 well inside the patch.
        """
        left, top, right, bottom = box
        x, y = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(camera.intrinsics).T
        rays = rays @ camera.rotation
        position = camera.position
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (self.level - position[1]) / rays[..., 1]
            points = position[[0, 2]] + along[..., None] * rays[..., [0, 2]]
            inside = np.minimum(points - self.low, self.high - points).min(axis=-1)
        inside[~(np.isfinite(along) & (along > 0))] = 0.0
        return np.clip(inside / _FADE, 0.0, 1.0).astype(np.float32)


def shadow_patch(light: Light, vertices: np.ndarray, ground: np.ndarray) -> FloorPatch:
    """The part of the floor that the body's shadow under ``light`` may fall on.

    ``vertices`` (V,3) of the body, ``ground`` (3,) the point of the floor about which lamps stand.
    """
    level = float(ground[1])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    corners = np.array(list(itertools.product(*zip(low, high))))
    corners[:, 1] = np.maximum(corners[:, 1], level)
    points, margin = [corners[:, [0, 2]]], _AMBIENT
    if isinstance(light, SunSky):
        for turn in (-light.angle / 2, light.angle / 2):
            beam = direction(light.azimuth, max(light.elevation + turn, 1e-3))
            height = corners[:, 1:2] - level
            points.append(corners[:, [0, 2]] - height / beam[1] * beam[[0, 2]])
    elif isinstance(light, AreaLamps):
        for lamp in light.lamps:
            middle = ground + WAIST + lamp.distance * direction(lamp.azimuth, lamp.elevation)
            for move in itertools.product((-lamp.size / 2, lamp.size / 2), repeat=3):
                points.append(_thrown(middle + move, corners, level))
    elif isinstance(light, Environment):
        margin = _ENVIRONMENT
    reached = np.concatenate(points)
    feet = (low + high)[[0, 2]] / 2
    return FloorPatch(
        np.maximum(reached.min(axis=0) - margin, feet - _FARTHEST),
        np.minimum(reached.max(axis=0) + margin, feet + _FARTHEST),
        level,
    )


def _thrown(lamp: np.ndarray, corners: np.ndarray, level: float) -> np.ndarray:
    """Where a point light (3,) throws ``corners`` (N,3) onto the floor: x and z (N,2).

    A corner that is as high as the light is thrown very far.
    """
    fall = np.maximum(lamp[1] - corners[:, 1:2], 1e-3)
    share = (lamp[1] - level) / fall
    return lamp[[0, 2]] + share * (corners[:, [0, 2]] - lamp[[0, 2]])
