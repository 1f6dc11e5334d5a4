"""Arms that reach for a point: two bones, solved, with the elbow kept where people keep it."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

_OUT = np.array([1.0, 0.0, 0.0])


def arm_rotations(
    side: int, target: np.ndarray, pole: np.ndarray, upper: float, forearm: float
) -> tuple[Rotation, Rotation]:
    """Rotations of shoulder and elbow that bring the wrist to a point.

    Args:
        side: 1 for the left arm, which lies along +x in the T-pose, -1 for the right.
        target: wrist (3,) relative to the shoulder joint, metres; brought into reach.
        pole: direction (3,) in which the elbow is wanted.
        upper: length of the upper arm, metres.
        forearm: length of the forearm, metres.

    Returns:
        The shoulder's rotation and the elbow's.
    """
    distance = float(
        np.clip(np.linalg.norm(target), abs(upper - forearm) + 0.05, upper + forearm - 0.004)
    )
    direction = target / np.linalg.norm(target)
    cosine = (upper**2 + forearm**2 - distance**2) / (2 * upper * forearm)
    bend = np.pi - np.arccos(np.clip(cosine, -1, 1))
    elbow = Rotation.from_rotvec([0, -side * bend, 0])
    bone = side * upper * _OUT
    wrist = bone + elbow.apply(side * forearm * _OUT)
    wrist /= np.linalg.norm(wrist)
    axis = np.cross(wrist, direction)
    sine = np.linalg.norm(axis)
    angle = np.arctan2(sine, wrist @ direction)
    axis = axis / sine if sine > 1e-9 else np.array([0.0, 1.0, 0.0])
    turn = Rotation.from_rotvec(axis * angle)
    placed = turn.apply(bone)
    placed = placed - direction * (placed @ direction)
    aim = pole - direction * (pole @ direction)
    swivel = np.arctan2(np.cross(placed, aim) @ direction, placed @ aim)
    return Rotation.from_rotvec(direction * swivel) * turn, elbow
