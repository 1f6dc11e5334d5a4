"""Rotations that scipy.spatial.transform does not offer in one call."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) at length 1; zero vectors stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def shortest_arc(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) that turn the directions `start` (..., 3) onto `end` by the least angle.

    Opposite directions have no least arc; any axis across `start` is then taken.
    """
    start, end = np.broadcast_arrays(unit(np.asarray(start, float)), unit(np.asarray(end, float)))
    axis = np.cross(start, end)
    cosine = (start * end).sum(-1)
    angle = np.arctan2(np.linalg.norm(axis, axis=-1), cosine)
    across = np.cross(start, np.eye(3)[np.abs(start).argmin(-1)])
    axis = np.where((np.linalg.norm(axis, axis=-1) < 1e-9)[..., None], across, axis)
    vectors = unit(axis) * angle[..., None]
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*start.shape, 3)


def halfway(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) halfway along the arc from `first` to `second` (T, 3, 3)."""
    step = Rotation.from_matrix(np.swapaxes(first, -1, -2) @ second).as_rotvec()
    return first @ Rotation.from_rotvec(step / 2).as_matrix()


def axis_angle_to_matrices(axis_angle: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (..., 3) in radians as rotations (..., 3, 3)."""
    vectors = np.asarray(axis_angle, dtype=np.float64)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape, 3)
