"""An environment behind the person: a floor that its lower half is projected on, under a dome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.scene.environment_pictures import radiance_towards
from synth.scene.places.background_geometry import pixel_rays
from synth.scene.places.scene_place import Dome
from textures.visibility.camera import Camera
from textures.visibility.shading import linear_to_srgb, to_bytes

_ROOM = 1.25  # by how much the dome is larger than the way to the farthest camera


class DomeGeometry:
    """A dome about a point of the floor, wide enough for all cameras of a clip to stand in it.

    Args:
        dome: of the row.
        ground: (3,) the point of the floor over which the picture was taken, metres in the world.
        cameras: of the whole clip.
    """

    def __init__(self, dome: Dome, ground: Sequence[float], cameras: Sequence[Camera]):
        self.centre = np.array([ground[0], ground[1] + dome.camera_height, ground[2]])
        self.level = float(ground[1])
        away = [camera.position - self.centre for camera in cameras]
        farthest = max(float(np.linalg.norm(way)) for way in away)
        floor_radius = max(dome.radius, _ROOM * farthest)
        self._radius = float(np.hypot(floor_radius, dome.camera_height))

    def points(self, camera: Camera) -> np.ndarray:
        """See `BackgroundGeometry.points`: all of it is within reach."""
        rays, start = pixel_rays(camera), camera.position
        # |start + s ray - centre| = radius, for the larger s: the camera stands inside.
        offset = start - self.centre
        square, slope = (rays**2).sum(axis=-1), rays @ offset
        excess = offset @ offset - self._radius**2
        distance = (-slope + np.sqrt(slope**2 - square * excess)) / square
        with np.errstate(divide="ignore"):
            to_floor = (self.level - start[1]) / rays[..., 1]
        distance = np.where((to_floor > 0) & (to_floor < distance), to_floor, distance)
        points = start + distance[..., None] * rays
        return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=-1)


def dome_picture(
    radiance: np.ndarray, *, scale: float, geometry: DomeGeometry, turn: float, camera: Camera
) -> np.ndarray:
    """What a camera sees of an environment, (H,W,3) uint8 sRGB.

    Args:
        radiance: (H,2H,3) float32 linear RGB.
        scale: what the radiance is multiplied by, the exposure.
        geometry: the floor and the dome that it is projected on.
        turn: azimuth of its middle column, radians.
        camera: what looks at it.
    """
    directions = geometry.points(camera)[..., :3] - geometry.centre
    view = radiance_towards(radiance, directions, turn=turn) * np.float32(scale)
    return to_bytes(linear_to_srgb(np.clip(view, 0, 1)))
