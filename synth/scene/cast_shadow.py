"""How far a body's shadow on the floor reaches, so that no more of a picture is rendered.

Strictly, a shadow under a sky ends nowhere; it is cut where it takes less than about a hundredth of
the light, and fades out before the cut, so that none shows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from synth.scene.lights.light import Light
from textures.visibility.camera import Camera

_FARTHEST = 8.0  # metres from the person: the shadows of low suns and low lamps end here
_FADE = 0.6  # metres before the end


@dataclass(frozen=True)
class FloorPatch:
    """A level rectangle of the floor.

    low, high: its corners' x and z (2,), metres in the world.
    level: its y.
    """

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
        """How much of a shadow remains at each pixel, (h,w) as `seen_from` gives it."""
        return self.seen_from(camera, box)[1]

    def seen_from(
        self, camera: Camera, box: tuple[int, int, int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The floor at each pixel, and how much of a shadow remains there.

        Args:
            camera: the camera that sees the floor.
            box: left, top, right, bottom of the pixels that are asked about.

        Returns:
            Points (h,w,3) in metres, of no use where the floor is not seen, and (h,w) float32, 0 where
            it is not, 1 well inside the patch.
        """
        left, top, right, bottom = box
        x, y = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(camera.intrinsics).T
        rays = rays @ camera.rotation
        position = camera.position
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (self.level - position[1]) / rays[..., 1]
            points = position[[0, 2]] + distance[..., None] * rays[..., [0, 2]]
            inside = np.minimum(points - self.low, self.high - points).min(axis=-1)
        inside[~(np.isfinite(distance) & (distance > 0))] = 0.0
        world = np.stack(
            [points[..., 0], np.full(inside.shape, self.level), points[..., 1]], axis=-1
        )
        return world, np.clip(inside / _FADE, 0.0, 1.0).astype(np.float32)


def shadow_patch(light: Light, vertices: np.ndarray, ground: np.ndarray) -> FloorPatch:
    """The part of the floor that the body's shadow may fall on.

    Args:
        light: what throws the shadow.
        vertices: (V,3) of the body, metres in the world.
        ground: (3,) the point of the floor about which lamps stand.
    """
    level = float(ground[1])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    corners = np.array(list(itertools.product(*zip(low, high))))
    corners[:, 1] = np.maximum(corners[:, 1], level)
    reached = np.concatenate([corners[:, [0, 2]], *light.floor_shadow(corners, ground)])
    margin = light.shadow_margin
    feet = (low + high)[[0, 2]] / 2
    return FloorPatch(
        np.maximum(reached.min(axis=0) - margin, feet - _FARTHEST),
        np.minimum(reached.max(axis=0) + margin, feet + _FARTHEST),
        level,
    )
