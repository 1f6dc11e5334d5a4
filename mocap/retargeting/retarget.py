"""From a captured skeleton to SMPL's pose: what the bones did, on a body with lengths of its own.

A bone's rotation away from its rest pose is carried over, twist included, corrected for the
difference between the two rest poses: limbs by the least rotation between their rest directions, feet
so that the sole is flat where the captured one was; the trunk turns as the captured trunk turned.
Then the legs are bent so that the ankles are where the captured ankles were, at the body's scale (and
as much further apart as its hips are), still where they stood, and the floor is put under the standing
feet.
"""

from __future__ import annotations

import math

import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS, Body
from mocap.quaternions import arcs, rotated_by
from mocap.retargeting.capture import CHILD, SIDES, Capture
from mocap.retargeting.foot_contacts import hold_positions, hold_rotations, smooth_envelope
from mocap.retargeting.ground import Soles, contacts, floor_offset, soles_of
from mocap.retargeting.legs import (
    axis_angle_pose,
    ball_positions,
    bridge,
    flatten_foot,
    median_nod,
    place_pelvis,
    reach_ankles,
    reversed_thighs,
    rotate_joint,
)
from mocap.retargeting.sole_heights import bend_off_floor, lowest_points_posed

_DOWNWARD = np.array([0.0, -1.0, 0.0])
_UPWARD = -_DOWNWARD
_HEAD_BAND = np.radians(15.0)
_FLAT_LIMIT = np.radians(12.0)
_TRUNK_SHARE = 0.7
_TRUNK_LIMIT = np.radians(8.0)
_TRUNK = [
    JOINT_NAMES.index(name)
    for name in ("spine1", "spine2", "spine3", "left_collar", "right_collar")
]
# Joint, where its bone begins and ends, and the capture's name for it: a hand's bone is the wrist's.
_LIMBS = [
    (
        JOINT_NAMES.index(f"{side}_{joint}"),
        JOINT_NAMES.index(f"{side}_{start}"),
        JOINT_NAMES.index(f"{side}_{CHILD[start]}"),
        f"{side}_{start}",
    )
    for side in SIDES
    for joint, start in [*((joint, joint) for joint in CHILD), ("hand", "wrist")]
]
# Joints whose soles are flat where the captured ones are: turned as the shin at rest is to upright.
_SOLES = [
    (JOINT_NAMES.index(f"{side}_{joint}"), f"{side}_knee")
    for side in SIDES
    for joint in ("ankle", "foot")
]
_FADE = 0.12  # seconds over which a held foot is let go
_SPREAD = 0.04  # seconds over which what a frame needs is spread
_LEGS = np.array(
    [
        [JOINT_NAMES.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot")]
        for side in SIDES
    ]
)
_PARENTS = np.array(PARENTS)
_LIMB_JOINTS, _LIMB_STARTS, _LIMB_STOPS = np.array([limb[:3] for limb in _LIMBS]).T
_SOLE_JOINTS = [joint for joint, _ in _SOLES]


def retarget(capture: Capture, body: Body, *, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """A capture's motion on a body of the mean shape.

    World axes, facing and timing are the source's; lengths are scaled by the ratio of the legs.

    Args:
        capture: what was recorded, T frames.
        body: whose lengths the motion is made for.
        fps: frames per second of the capture.

    Returns:
        SMPL pose (T, 72), radians, and translation (T, 3), metres, float32.
    """
    soles = soles_of(body)
    quaternions = rotated_by(
        np.ascontiguousarray(capture.quaternions), _rest_corrections(capture, soles)
    )
    _level_head(quaternions)
    for leg in _LEGS:
        _mend_flipped_leg(quaternions, leg, soles, fps)
    ankles = capture.pair("ankle")
    standing, treading = contacts(ankles, capture.pair("foot"), fps)
    treading |= standing
    for i, leg in enumerate(_LEGS):
        flatten_foot(quaternions, leg, standing[:, i], _FLAT_LIMIT)
    scale = soles.hip_to_ankle / capture.leg_length
    pelvis, targets = place_pelvis(
        quaternions, soles.joints, _LEGS, capture.pair("hip"), ankles, scale
    )
    for i, leg in enumerate(_LEGS):
        _hold_foot(quaternions, targets[:, i], leg, standing[:, i], treading[:, i], soles, fps)
    reach_ankles(quaternions, soles.joints, _LEGS, pelvis, targets)
    lowest = lowest_points_posed(quaternions, soles.terms)
    lift = floor_offset(lowest + pelvis[:, 1:2], standing)
    pelvis[:, 1] += lift
    frames = max(1, round(_SPREAD * fps))
    for i, (_, _, ankle, foot) in enumerate(_LEGS):
        bend_off_floor(quaternions, pelvis, lowest, soles.terms, i, ankle, foot, frames)
    penetration = np.maximum(-(lowest + pelvis[:, 1:2]), 0.0)
    for i in range(len(SIDES)):
        targets[:, i, 1] += lift + smooth_envelope(penetration[:, i], frames)
    reach_ankles(quaternions, soles.joints, _LEGS, pelvis, targets)
    return axis_angle_pose(quaternions, _PARENTS), (pelvis - soles.joints[0]).astype(np.float32)


def _rest_corrections(capture: Capture, soles: Soles) -> np.ndarray:
    """Turns (24, 4) from the body's rest pose to the capture's, joint by joint."""
    body_directions, captured_directions = np.zeros((2, len(JOINT_NAMES), 3))
    body_directions[:, 1] = captured_directions[:, 1] = 1.0  # no turn, where nothing else is said
    body_directions[_LIMB_JOINTS] = soles.joints[_LIMB_STOPS] - soles.joints[_LIMB_STARTS]
    captured_directions[_LIMB_JOINTS] = [capture.rest_directions[name] for *_, name in _LIMBS]
    body_directions[_SOLE_JOINTS] = _DOWNWARD
    captured_directions[_SOLE_JOINTS] = [capture.rest_directions[name] for _, name in _SOLES]
    out = arcs(body_directions, captured_directions)
    tilt = _trunk_tilt(capture, soles)
    out[0] = _about_x(tilt / 2)
    out[_TRUNK] = _about_x(tilt)
    return out


def _about_x(angle: float) -> np.ndarray:
    """The turn (4,) by an angle about x."""
    return np.array([math.sin(angle / 2), 0.0, 0.0, math.cos(angle / 2)])


def _trunk_tilt(capture: Capture, soles: Soles) -> float:
    """Most of the tilt between the trunks at rest, from the hips to the shoulders, radians about x.

    Where a hip or shoulder centre lies within the flesh is a convention: CMU's hips are 5 cm in front
    of its shoulders, the free body's 2 cm behind. Turning as the trunk turned leans the body forward,
    copying the direction leans it back; people stand in between. The pelvis tilts by half as much as
    the chest, so that the bend is not all in the waist.
    """
    body_trunk, captured_trunk = soles.trunk, capture.rest_directions["trunk"]
    tilt = math.atan2(captured_trunk[2], captured_trunk[1]) - math.atan2(
        body_trunk[2], body_trunk[1]
    )
    return min(max(_TRUNK_SHARE * tilt, -_TRUNK_LIMIT), _TRUNK_LIMIT)


def _level_head(quaternions: np.ndarray) -> None:
    """Take a constant nod beyond 15 degrees out of head and neck, in place.

    CMU's head segment follows a headband that was not levelled on every subject: some walk through
    all their motions with the head bent 40 degrees against the chest. Movements are kept.
    """
    chest, neck, head = (JOINT_NAMES.index(name) for name in ("spine3", "neck", "head"))
    nod = median_nod(quaternions, chest, head)
    excess = nod - min(max(nod, -_HEAD_BAND), _HEAD_BAND)
    if excess:
        rotate_joint(quaternions, neck, _about_x(-excess / 2))
        rotate_joint(quaternions, head, _about_x(-excess))


def _mend_flipped_leg(quaternions: np.ndarray, leg: np.ndarray, soles: Soles, fps: float) -> None:
    """Bridge frames in which the capture turned a thigh round, its knee pointing back, in place.

    Such flips last a few frames, or begin or end with a jump that no hip can make (known from CMU's
    05_05). There the leg's own rotations are interpolated from the frames around; where the ankle is
    remains what was captured.
    """
    turned, jump = reversed_thighs(quaternions, soles.joints, leg)
    if not turned.any():
        return
    bad = np.zeros(len(turned), dtype=bool)
    edges = np.flatnonzero(np.diff(np.r_[False, turned, False].astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start <= 0.5 * fps or jump[start] or jump[stop]:
            bad[max(start - 2, 0) : stop + 2] = True
    if bad.any() and np.count_nonzero(~bad) >= 2:
        bridge(quaternions, leg, bad)


def _hold_foot(
    quaternions: np.ndarray,
    target: np.ndarray,
    leg: np.ndarray,
    standing: np.ndarray,
    treading: np.ndarray,
    soles: Soles,
    fps: float,
) -> None:
    """Keep a foot from sliding, in place: all of it while it stands, its ball while that bears.

    `target` (T, 3) is where the ankle is to be.
    """
    _, _, ankle, foot = leg
    ramp = max(1.0, _FADE * fps)
    hold_rotations(quaternions, ankle, foot, standing, ramp)
    hold_positions(target, target, standing, ramp)
    ball = ball_positions(quaternions, ankle, soles.joints[foot] - soles.joints[ankle], target)
    hold_positions(target, ball, treading, ramp)
