"""How a person's bones point in the rest pose of CMU's skeletons, and frames made of two directions."""

from __future__ import annotations

import numpy as np

from mocap.rotations import unit

_LEFTWARD, _UPWARD, _FORWARD = np.eye(3)

# The rest pose of CMU's Acclaim skeletons, the mean of its subjects; the left side's. Limb bones by the
# joint that they begin at, "across" the axes of their hinges: how CMU's bones count a bend.
_SPREAD = np.radians(20.0)
REST_BONES = {
    "hip": np.array([np.sin(_SPREAD), -np.cos(_SPREAD), 0.0]),
    "knee": np.array([np.sin(_SPREAD), -np.cos(_SPREAD), 0.0]),
    "ankle": unit(np.array([0.082, -0.224, 0.971])),
    "foot": _FORWARD,
    "shoulder": _LEFTWARD,
    "elbow": _LEFTWARD,
    "wrist": _LEFTWARD,
    "hand": _LEFTWARD,
}
KNEE_AXIS = np.array([np.cos(_SPREAD), np.sin(_SPREAD), 0.0])
ELBOW_AXIS = np.array([0.0, -np.cos(np.radians(30.0)), 0.5])
SOLE_UP = -REST_BONES["knee"]
# Bones of the trunk in the middle plane, from the pelvis to the chest and on to the head.
REST_SPINE = np.array([[0.0, 0.997, -0.076], [0.0, 1.0, 0.008], [0.0, 0.999, 0.044]])
REST_NECK = np.array([[0.0, 0.997, 0.076], [0.0, 0.985, -0.173]])
REST_HEAD = unit(np.array([0.0, 0.998, -0.066]))
# From the root to between the hips, on skeletons on which the back begins at the root, as CMU's does.
REST_HIPS = unit(np.array([0.0, -0.929, 0.371]))
MIRROR = np.array([-1.0, 1.0, 1.0])


def typical_vector(vectors: np.ndarray) -> np.ndarray:
    """The mean (3,) of vectors (T, 3) without those that point elsewhere: thighs flip in captures."""
    mean = vectors.sum(axis=0)
    near = (unit(vectors) * unit(mean)).sum(axis=-1) > 0.5
    return vectors[near].sum(axis=0) if near.any() else mean


def column_direction(directions: np.ndarray, k: int, count: int) -> np.ndarray:
    """The direction of bone k of `count` by those of a column's bones."""
    location = k * (len(directions) - 1) / max(count - 1, 1)
    low = min(int(location), len(directions) - 2)
    return unit(directions[low] + (location - low) * (directions[low + 1] - directions[low]))


def frames_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) whose first column is along `first`, the second towards `second`."""
    x = unit(np.asarray(first, dtype=float))
    across = np.asarray(second, dtype=float)
    across = across - (across * x).sum(-1, keepdims=True) * x
    lost = np.linalg.norm(across, axis=-1, keepdims=True) < 1e-9
    aside = np.eye(3)[np.abs(x).argmin(-1)]
    across = np.where(lost, aside - (aside * x).sum(-1, keepdims=True) * x, across)
    y = unit(across)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
