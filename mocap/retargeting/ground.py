"""Where a posed body meets the ground: soles, floor, and legs that reach for given ankles.

Over all frames of a motion at once. World: metres, y up, the floor is y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import ref

import numpy as np
from scipy.spatial import ConvexHull

from mocap.bodies.body import JOINT_NAMES, PARENTS, Body
from mocap.retargeting.foot_contacts import near_ground, speeds
from mocap.retargeting.legs import bent_legs
from mocap.retargeting.sole_heights import SoleTerms, lowest_points, sole_terms
from mocap.rotations import axis_angle_to_matrices

SIDES = ("left", "right")
_MEAN_SOLES: dict[int, tuple[ref, Soles]] = {}  # of the bodies alive, by their id
_FLOOR_PERCENTILE = 10.0
_WINDOW = 4096  # frames that are worked on at once
_STANDING_SPEED, _TREADING_SPEED = 0.25, 0.4  # metres per second


@dataclass(frozen=True)
class Soles:
    """What of a shaped body is needed to place it: its joints and the hulls of its feet.

    Attributes:
        joints: (24, 3) float64 metres, in the T-pose.
        feet: for left and right, T-posed vertices (N, 3) of the foot's hull and their skinning weights
            (N, 24).
    """

    joints: np.ndarray
    feet: tuple[tuple[np.ndarray, np.ndarray], ...]

    @cached_property
    def terms(self) -> SoleTerms:
        """The feet, laid out for `mocap.retargeting.sole_heights`."""
        return sole_terms(self.joints, self.feet)

    @cached_property
    def hip_to_ankle(self) -> float:
        """Hip to knee to ankle, mean of both sides, metres."""
        total = 0.0
        for side in SIDES:
            hip, knee, ankle = (self.joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
            total += float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))
        return total / 2

    @cached_property
    def trunk(self) -> np.ndarray:
        """From between the hips to between the shoulders (3,), metres."""
        hips, shoulders = (
            (self.joint(f"left_{joint}") + self.joint(f"right_{joint}")) / 2
            for joint in ("hip", "shoulder")
        )
        return shoulders - hips

    def leg_length(self) -> float:
        """Hip to knee to ankle to sole, mean of both sides, metres."""
        heights = [
            self.joint(f"{side}_ankle")[1] - vertices[:, 1].min()
            for side, (vertices, _) in zip(SIDES, self.feet, strict=True)
        ]
        return self.hip_to_ankle + float(np.mean(heights))

    def joint(self, name: str) -> np.ndarray:
        return self.joints[JOINT_NAMES.index(name)]


def soles_of(body: Body, betas: np.ndarray | None = None) -> Soles:
    """The soles and joints of a body with shape `betas` (10,), the mean shape by default."""
    cached = _MEAN_SOLES.get(id(body)) if betas is None else None
    if cached is not None and cached[0]() is body:
        return cached[1]
    vertices = body.template.astype(np.float64)
    if betas is not None:
        vertices = vertices + body.shape_directions @ np.asarray(betas, dtype=np.float64)
    feet = []
    for side in SIDES:
        hull_vertices = []
        for name in (f"{side}_ankle", f"{side}_foot"):
            segment_vertices = np.flatnonzero(body.weights[:, JOINT_NAMES.index(name)] > 0.5)
            hull_vertices.append(segment_vertices[ConvexHull(vertices[segment_vertices]).vertices])
        indices = np.unique(np.concatenate(hull_vertices))
        feet.append((vertices[indices], body.weights[indices].astype(np.float64)))
    soles = Soles(body.joint_regressor.astype(np.float64) @ vertices, tuple(feet))
    if betas is None:
        number = id(body)
        _MEAN_SOLES[number] = (ref(body, lambda _: _MEAN_SOLES.pop(number, None)), soles)
    return soles


def chain_joints(rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Positions (T, 24, 3) of joints from global `rotations` (T, 24, 3, 3), the pelvis at 0."""
    positions = np.zeros((len(rotations), len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            offset = joints[joint] - joints[parent]
            positions[:, joint] = positions[:, parent] + rotations[:, parent] @ offset
    return positions


def global_rotations(pose: np.ndarray) -> np.ndarray:
    """Global joint rotations (T, 24, 3, 3) of SMPL poses (T, 72)."""
    vectors = np.asarray(pose).reshape(len(pose), -1, 3)
    out = np.empty((*vectors.shape, 3))
    for start in range(0, len(out), _WINDOW):  # a long take is not held twice
        turns = out[start : start + _WINDOW]
        local = axis_angle_to_matrices(vectors[start : start + _WINDOW])
        for joint, parent in enumerate(PARENTS):
            turns[:, joint] = local[:, joint] if parent < 0 else turns[:, parent] @ local[:, joint]
    return out


def foot_heights(rotations: np.ndarray, soles: Soles) -> np.ndarray:
    """Height (T, 2) of the lowest point of the left and right foot above the pelvis joint."""
    return lowest_points(np.ascontiguousarray(rotations[:, :, 1], dtype=np.float64), soles.terms)


def standing_feet(ankles: np.ndarray, toes: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T, 2) in which each foot rests flat on the ground: still, and as low as feet get.

    `ankles`, `toes` (T, 2, 3): ankles and toe bases of the left and right foot.
    """
    return contacts(ankles, toes, fps)[0]


def treading_feet(toes: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T, 2) in which the balls of the feet `toes` (T, 2, 3) bear: the heels may be up."""
    return contacts(toes, toes, fps)[1]


def contacts(ankles: np.ndarray, toes: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """`standing_feet` and `treading_feet` at once."""
    if len(toes) < 3:
        no_contact = np.zeros(toes.shape[:2], dtype=bool)
        return no_contact, no_contact.copy()
    moving = speeds(toes, fps)
    standing = (
        (speeds(ankles, fps) < _STANDING_SPEED) & (moving < _STANDING_SPEED) & near_ground(ankles)
    )
    return standing, (moving < _TREADING_SPEED) & near_ground(toes)


def floor_offset(lowest: np.ndarray, standing: np.ndarray) -> float:
    """What to add to heights so that standing feet are at 0.

    In motions without standing feet (runs) the lowest tenth of the frames is taken instead.

    Args:
        lowest: (T, 2) metres, the lowest point of each foot.
        standing: (T, 2) bool, whether the foot rests flat.
    """
    if standing.sum() >= 10:
        return -float(np.median(lowest[standing]))
    return -float(np.percentile(lowest.min(axis=1), _FLOOR_PERCENTILE))


def fit_to_ground(
    pose: np.ndarray, translation: np.ndarray, body: Body, betas: np.ndarray
) -> np.ndarray:
    """The translation that lets a body of another shape walk a motion made for the mean shape.

    The path is scaled with the legs, and where the mean shape's feet are at the floor (y = 0) the new
    feet are. The mean shape's own translation comes back unchanged.

    Args:
        pose: (T, 72) axis-angle vectors, as in `Motion`.
        translation: (T, 3) metres, as in `Motion`.
        body: the body that the motion was made for.
        betas: (10,) of the new shape.

    Returns:
        (T, 3) float32, metres.
    """
    mean, shaped = soles_of(body), soles_of(body, betas)
    scale = shaped.leg_length() / mean.leg_length()
    rotations = global_rotations(pose)
    pelvis = translation + mean.joints[0]
    before = foot_heights(rotations, mean).min(axis=1) + pelvis[:, 1]
    pelvis = pelvis * scale
    after = foot_heights(rotations, shaped).min(axis=1) + pelvis[:, 1]
    grounded = before < before.min() + 0.03
    pelvis[:, 1] += np.median((scale * before - after)[grounded])
    return (pelvis - shaped.joints[0]).astype(np.float32)


def bent_leg(
    hip: np.ndarray, ankle: np.ndarray, forward: np.ndarray, thigh: float, shin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Knees and ankles of legs of given lengths that reach from hips towards ankles.

    Where the ankle is out of reach the leg is stretched towards it, never quite straight.

    Args:
        hip: (T, 3) metres.
        ankle: (T, 3) metres, where the ankle is to be.
        forward: (T, 3) directions, never along the line from hip to ankle; the knee lies on their side
            of it. A captured leg gives its knee's hinge instead, see `legs.reach_ankles`.
        thigh: metres.
        shin: metres.

    Returns:
        Knees (T, 3) and ankles (T, 3).
    """
    arrays = (np.ascontiguousarray(a, dtype=np.float64) for a in (hip, ankle, forward))
    return bent_legs(*arrays, thigh, shin)
