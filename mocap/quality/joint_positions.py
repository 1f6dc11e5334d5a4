"""Poses that hold positions of joints where rotations belong, as HumanML3D's arrays do."""

from __future__ import annotations

import numpy as np

from mocap.bodies.body import PARENTS
from mocap.quality.signals import reason_of
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds

_SHORTEST = 0.02  # of the largest distance: shorter bones say nothing
_LEAST_MOVE = 0.03  # of its length, by which a bone's end moves against its start
_ADVICE = (
    "rotations cannot be read from these: fit SMPL's axis angles to the positions first (inverse "
    "kinematics)"
)


def rigid_bones(pose: np.ndarray, limits: Thresholds = THRESHOLDS) -> tuple[int, int]:
    """How many bones keep their length if a pose's vectors are positions, and of how many.

    Bones that keep their direction as well say nothing and do not count.

    Args:
        pose: (T, 72) as read.
        limits: `rigid_spread`, how much of a bone's movement may be a change of its length.
    """
    vectors = pose.reshape(len(pose), 24, 3).astype(np.float64)
    bones = vectors[:, 1:] - vectors[:, list(PARENTS[1:])]
    lengths = np.linalg.norm(bones, axis=-1)
    means = lengths.mean(axis=0)
    moves = np.sqrt(bones.var(axis=0).sum(axis=-1))
    counted = (means > _SHORTEST * means.max(initial=0.0)) & (moves > _LEAST_MOVE * means)
    rigid = counted & (lengths.std(axis=0) < limits.rigid_spread * moves)
    return int(rigid.sum()), int(counted.sum())


def find_positions(pose: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """Poses that are positions of joints. `pose` (T, 72) as read."""
    rigid, counted = rigid_bones(pose, limits)
    if counted < limits.rigid_least or rigid < limits.rigid_share * counted:
        return []
    unit_text = "of the bones keep their length if the rotations are positions of joints"
    share = rigid / counted
    return [reason_of("positions", "", 0, fps, share, limits.rigid_share, unit_text, _ADVICE)]
