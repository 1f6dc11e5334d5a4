"""A place on the floor for every further person of a clip: near the others, through nobody.

The rule for distance is conservative. At each frame a person is the smallest disc about the middle of
their joints that holds all of them, `FLESH` wider; in no frame do two discs come nearer than `MARGIN`.
A person's path keeps its form: it is turned by the heading that was drawn and moved as a whole.
Places are tried on rings about the middle of the first person's path, from a narrow one outwards, at
angles drawn at random, and the first that is free is taken; the floor has no end, so there always is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES

FLESH = 0.22
"""Metres of body around a joint: head top, hands, feet."""

MARGIN = 0.1
"""Metres between the discs of two people at the least, in every frame."""

_FIRST_RING, _RING_STEP = 0.4, 0.15  # metres
_TRIES = 12  # angles on each ring
_FLOOR = [0, 2]  # the axes of the floor
_JOINTS = len(JOINT_NAMES)


@dataclass(frozen=True)
class FloorDiscs:
    """Where people stand: discs on the floor, frame by frame.

    Attributes:
        middle: (T,P,2) x and z, metres.
        radius: (T,P) metres.
    """

    middle: np.ndarray
    radius: np.ndarray

    def gap(self, other: FloorDiscs) -> float:
        """Metres between the nearest discs of the two in any frame; below 0 they overlap."""
        apart = np.linalg.norm(self.middle[:, :, None] - other.middle[:, None], axis=-1)
        return float((apart - self.radius[:, :, None] - other.radius[:, None]).min())


def floor_discs(joints: np.ndarray) -> FloorDiscs:
    """The discs of P people by their joints (T,24P,3)."""
    points = joints.reshape(len(joints), -1, _JOINTS, 3)[..., _FLOOR]
    middle = (points.min(axis=2) + points.max(axis=2)) / 2
    radius = np.linalg.norm(points - middle[:, :, None], axis=-1).max(axis=2) + FLESH
    return FloorDiscs(middle, radius)


def place_figure(
    joints: np.ndarray, company_joints: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """By how much a person is moved on the floor to stand free.

    Args:
        joints: (T,24,3) of the person, metres in the world.
        company_joints: (T,24P,3) of those who have their places, the first person's first.
        rng: draws the angles.

    Returns:
        (3,) metres; the height stays.

    Raises:
        ValueError: joints that are not finite.
    """
    if not (np.isfinite(joints).all() and np.isfinite(company_joints).all()):
        raise ValueError("joints hold values that are not finite")
    person, company = floor_discs(joints), floor_discs(company_joints)
    start = _middle_of_path(person)
    centre = _middle_of_path(FloorDiscs(company.middle[:, :1], company.radius[:, :1]))
    ring = _FIRST_RING
    while True:
        for angle in rng.uniform(0, 2 * np.pi, _TRIES):
            shift = centre + ring * np.array([np.sin(angle), np.cos(angle)]) - start
            if FloorDiscs(person.middle + shift, person.radius).gap(company) >= MARGIN:
                return np.array([shift[0], 0.0, shift[1]])
        ring += _RING_STEP


def turned_motion(
    pose: np.ndarray, translation: np.ndarray, pelvis: np.ndarray, heading: float
) -> tuple[np.ndarray, np.ndarray]:
    """A motion turned about the vertical through the world's origin.

    Args:
        pose: (T,72) axis-angle vectors, radians.
        translation: (T,3) metres, as SMPL's.
        pelvis: (3,) where the pelvis of the shaped body rests, metres.
        heading: radians, anticlockwise seen from above.

    Returns:
        Pose (T,72) and translation (T,3), float32.
    """
    turn = Rotation.from_rotvec([0.0, heading, 0.0])
    turned = pose.copy()
    turned[:, :3] = (turn * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    moved = turn.apply(translation + pelvis) - pelvis
    return turned, moved.astype(np.float32)


def _middle_of_path(discs: FloorDiscs) -> np.ndarray:
    """(2,) the middle of the box about a path."""
    return (discs.middle.min(axis=(0, 1)) + discs.middle.max(axis=(0, 1))) / 2
