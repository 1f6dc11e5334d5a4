"""Where in the world the background lies that each pixel shows, and how it moves between cameras."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from textures.visibility.camera import Camera


class BackgroundGeometry(Protocol):
    """The surfaces of a place, which stand still."""

    def points(self, camera: Camera) -> np.ndarray:
        """What each pixel's centre shows: (H,W,4) float64, homogeneous points of the world.

        The last number is 1 for a point, metres, and 0 for a direction, of what is infinitely far away.
        """


class InfiniteBackground:
    """A background without parallax: directions alone."""

    def points(self, camera: Camera) -> np.ndarray:
        """See `BackgroundGeometry.points`."""
        rays = pixel_rays(camera)
        return np.concatenate([rays, np.zeros((*rays.shape[:2], 1))], axis=-1)


def pixel_rays(camera: Camera) -> np.ndarray:
    """Directions of the world that the pixels' centres look in, (H,W,3) float64, of depth 1."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    return pixels @ (np.linalg.inv(camera.intrinsics).T @ camera.rotation)


def background_flow(points: np.ndarray, other: Camera) -> np.ndarray:
    """How the background moves from one camera's picture to another's.

    Args:
        points: (H,W,4) of the first camera (see `BackgroundGeometry.points`).
        other: the second camera.

    Returns:
        (H,W,2) float32 pixels (dx, dy), y down, at every pixel, whatever stands before the background;
        NaN where the point lies behind the second camera.
    """
    height, width = points.shape[:2]
    in_camera = points[..., :3] @ other.rotation.T + points[..., 3:] * other.translation
    image = in_camera @ other.intrinsics.T
    depth = image[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        flow = image[..., :2] / depth[..., None]
    flow[..., 0] -= np.arange(width) + 0.5
    flow[..., 1] -= (np.arange(height) + 0.5)[:, None]
    flow[~(depth > 0)] = np.nan
    return flow.astype(np.float32)
