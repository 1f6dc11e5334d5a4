"""Poses that hold positions of joints where rotations belong, as HumanML3D's arrays do."""

from __future__ import annotations

import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.quality.signals import reason_of
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds
from mocap.retargeting.ground import SIDES

_SHORTEST = 0.02  # of the largest distance: shorter bones say nothing
_LEAST_MOVE = 0.03  # of its length, by which a bone's end moves against its start
_LEG_TO_FOOT = 3.0  # people's: 5 to 6
_LEG_TO_LEG = 0.9
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


def _has_legs(pose: np.ndarray) -> bool:
    """Whether the vectors, as positions, have two legs of one length that are much longer than feet."""
    vectors = pose.reshape(len(pose), 24, 3).astype(np.float64)
    legs = []
    for side in SIDES:
        hip, knee, ankle, foot = (
            vectors[:, JOINT_NAMES.index(f"{side}_{name}")]
            for name in ("hip", "knee", "ankle", "foot")
        )
        thigh, shin, sole = (
            float(np.linalg.norm(end - start, axis=-1).mean())
            for start, end in ((hip, knee), (knee, ankle), (ankle, foot))
        )
        if thigh + shin < _LEG_TO_FOOT * sole:
            return False
        legs.append(thigh + shin)
    return min(legs) > _LEG_TO_LEG * max(legs)


def find_positions(pose: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """Poses that are positions of joints. `pose` (T, 72) as read."""
    rigid, counted = rigid_bones(pose, limits)
    if counted < limits.rigid_least or rigid < limits.rigid_share * counted:
        return []
    unit_text = "of the bones keep their length if the rotations are positions of joints"
    share = rigid / counted
    if not _has_legs(pose):
        return []
    return [reason_of("positions", "", 0, fps, share, limits.rigid_share, unit_text, _ADVICE)]
