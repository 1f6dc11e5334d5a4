"""Where directions of the world lie in a photograph."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from synth.scene.camera import looking
from synth.scene.places.scene_place import PhotographCamera


def photograph_rotation(photograph: PhotographCamera, yaw: float) -> np.ndarray:
    """Rotation (3,3) from the world to the axes of the camera that took a photograph from side `yaw`."""
    level = looking(np.array([yaw]), np.array([photograph.pitch]))[0]
    roll: np.ndarray = Rotation.from_rotvec([0.0, 0.0, -photograph.roll]).as_matrix()
    return roll @ level


def inside_polygon(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points (N,2) lie in the polygon of `corners` (M,2): (N,) bool, by crossings."""
    x, y = points[:, :1], points[:, 1:]
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        meeting = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return (crosses & (x < meeting)).sum(axis=1) % 2 == 1


def in_photograph(directions: np.ndarray, photograph: PhotographCamera, yaw: float) -> np.ndarray:
    """Where directions of the world lie in a photograph taken from side `yaw`.

    Args:
        directions: (...,3) of any length.
        photograph: the camera that took it.
        yaw: radians.

    Returns:
        (...,2) by its width and its height; NaN for what lies behind it.
    """
    in_camera = directions @ photograph_rotation(photograph, yaw).T
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = photograph.focal * in_camera[..., :2] / in_camera[..., 2:] / photograph.size + 0.5
    shares[~(in_camera[..., 2] > 0)] = np.nan
    return shares
