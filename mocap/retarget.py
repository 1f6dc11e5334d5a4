"""From a captured skeleton to SMPL's pose: what the bones did, on a body with lengths of its own.

A bone's rotation away from its rest pose is carried over, twist included, corrected for the
difference between the two rest poses: limbs by the least rotation between their rest directions, feet
so that the sole is flat where the captured one was; the trunk turns as the captured trunk turned.
Then the legs are bent so that the ankles are where the captured ankles were, at the body's scale (and
as much further apart as its hips are), still where they stood, and the floor is put under the standing
feet.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from mocap.body import JOINT_NAMES, PARENTS, Body
from mocap.capture import CHILD, SIDES, Capture, acclaim_capture
from mocap.footing import (
    Soles,
    bend_off_floor,
    bent_leg,
    chain_joints,
    floor_offset,
    foot_heights,
    hold_places,
    hold_turns,
    lift_above_floor,
    soles_of,
    standing_feet,
    treading_feet,
)
from mocap.rotations import shortest_arc, to_axis_angle, turned_onto, unit
from mocap.skeleton import Skeleton

_DOWN = np.array([0.0, -1.0, 0.0])
_HEAD_BAND = np.radians(15.0)
_FLAT_LIMIT = np.radians(12.0)
_TRUNK_SHARE = 0.7
_TRUNK_LIMIT = np.radians(8.0)
_TRUNK = ("spine1", "spine2", "spine3", "left_collar", "right_collar")


def retarget(
    skeleton: Skeleton, frames: np.ndarray, body: Body, *, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """SMPL pose (T, 72) and translation (T, 3), float32, of ``body`` for an Acclaim motion.

    ``frames`` (T, C) in ``skeleton.channels``; otherwise as ``retarget_capture``. Raises BadInput when
    the skeleton lacks a bone of CMU's.
    """
    return retarget_capture(acclaim_capture(skeleton, frames), body, fps=fps)


def retarget_capture(capture: Capture, body: Body, *, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """SMPL pose (T, 72) and translation (T, 3), float32, of ``body`` (mean shape) for a capture.

    World axes, facing and timing are the source's; lengths are scaled by the ratio of the legs.
    """
    soles = soles_of(body)
    rotations = _body_rotations(capture, soles)
    _level_head(rotations)
    for side in SIDES:
        _mend_flipped_leg(rotations, side, soles, fps)
    ankles = capture.pair("ankle")
    standing = standing_feet(ankles, capture.pair("foot"), fps)
    for i, side in enumerate(SIDES):
        _flatten_foot(rotations, side, standing[:, i])
    scale = leg_length(soles) / capture.leg_length
    hip_rest = (soles.joint("left_hip") + soles.joint("right_hip")) / 2 - soles.joint("pelvis")
    hips = scale * capture.pair("hip")
    pelvis = hips.mean(axis=1) - rotations[:, 0] @ hip_rest
    treading = standing | treading_feet(capture.pair("foot"), fps)
    targets = {}
    for i, side in enumerate(SIDES):
        wider = rotations[:, 0] @ (soles.joint(f"{side}_hip") - soles.joint("pelvis") - hip_rest)
        wider -= hips[:, i] - hips.mean(axis=1)
        targets[side] = scale * ankles[:, i] + wider * [1, 0, 1]
        _hold_foot(rotations, targets[side], side, standing[:, i], treading[:, i], soles, fps)
    _reach(rotations, soles, pelvis, targets)
    lowest = foot_heights(rotations, soles) + pelvis[:, 1:2]
    lift = floor_offset(lowest, standing)
    pelvis[:, 1] += lift
    bend_off_floor(rotations, soles, pelvis[:, 1], fps)
    lowest = foot_heights(rotations, soles) + pelvis[:, 1:2]
    for i, side in enumerate(SIDES):
        targets[side][:, 1] += lift + lift_above_floor(lowest[:, i], fps)
    _reach(rotations, soles, pelvis, targets)
    local = rotations.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, joint] = np.swapaxes(rotations[:, parent], -1, -2) @ rotations[:, joint]
    pose = to_axis_angle(local).reshape(len(capture), 72).astype(np.float32)
    return pose, (pelvis - soles.joints[0]).astype(np.float32)


def _body_rotations(capture: Capture, soles: Soles) -> np.ndarray:
    """Global rotations (T, 24, 3, 3) of the body's joints from the capture's."""
    return np.stack(
        [
            capture.turned[:, j] @ _rest_correction(capture, name, soles)
            for j, name in enumerate(JOINT_NAMES)
        ],
        axis=1,
    )


def _rest_correction(capture: Capture, name: str, soles: Soles) -> np.ndarray:
    """Rotation (3, 3) from the body's rest pose to the capture's, for one joint."""
    side, _, joint = name.rpartition("_")
    if joint in ("ankle", "foot"):
        return shortest_arc(_DOWN, capture.rest[f"{side}_knee"])
    if name in _TRUNK or name == "pelvis":
        return _trunk_tilt(capture, soles, 0.5 if name == "pelvis" else 1.0)
    if joint == "hand":
        joint, name = "wrist", f"{side}_wrist"
    if joint not in CHILD:
        return np.eye(3)
    rest = soles.joint(f"{side}_{CHILD[joint]}") - soles.joint(name)
    return shortest_arc(rest, capture.rest[name])


def _trunk_tilt(capture: Capture, soles: Soles, share: float) -> np.ndarray:
    """A share of most of the tilt (3, 3) between the trunks at rest, from the hips to the shoulders.

    Where a hip or shoulder centre lies within the flesh is a convention: CMU's hips are 5 cm in front
    of its shoulders, the free body's 2 cm behind. Turning as the trunk turned leans the body forward,
    copying the direction leans it back; people stand in between. The pelvis tilts by half as much as
    the chest, so that the bend is not all in the waist.
    """
    middle = [
        (soles.joint(f"left_{joint}") + soles.joint(f"right_{joint}")) / 2
        for joint in ("hip", "shoulder")
    ]
    own, seen = unit(middle[1] - middle[0]), capture.rest["trunk"]
    tilt = np.arctan2(seen[2], seen[1]) - np.arctan2(own[2], own[1])
    angle = share * float(np.clip(_TRUNK_SHARE * tilt, -_TRUNK_LIMIT, _TRUNK_LIMIT))
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _level_head(rotations: np.ndarray) -> None:
    """Take a constant nod beyond 15 degrees out of head and neck, in place.

    CMU's head segment follows a headband that was not levelled on every subject: some walk through
    all their motions with the head bent 40 degrees against the chest. Movements are kept.
    """
    chest, neck, head = (JOINT_NAMES.index(name) for name in ("spine3", "neck", "head"))
    ahead = (np.swapaxes(rotations[:, chest], -1, -2) @ rotations[:, head])[..., 2]
    nod = float(np.median(np.arctan2(-ahead[:, 1], ahead[:, 2])))
    excess = nod - float(np.clip(nod, -_HEAD_BAND, _HEAD_BAND))
    if excess:
        for joint, share in ((neck, 0.5), (head, 1.0)):
            angle = -excess * share
            c, s = np.cos(angle), np.sin(angle)
            rotations[:, joint] = rotations[:, joint] @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _mend_flipped_leg(rotations: np.ndarray, side: str, soles: Soles, fps: float) -> None:
    """Bridge frames in which the capture turned a thigh round and the knee points back, in place.

    Such flips last a few frames, or begin or end with a jump that no hip can make (known from CMU's
    05_05). There the leg's own rotations are interpolated from the frames around; where the ankle is
    remains what was captured.
    """
    chain = [JOINT_NAMES.index(f"{side}_{name}") for name in ("hip", "knee", "ankle", "foot")]
    thigh, shin = rotations[:, chain[0]], rotations[:, chain[1]]
    rest = np.diff(soles.joints[chain[:3]], axis=0)
    along = unit(thigh @ rest[0] + shin @ rest[1])
    ahead = thigh[..., 2] - (thigh[..., 2] * along).sum(-1, keepdims=True) * along
    back = (ahead * rotations[:, 0, :, 2]).sum(-1) < 0
    step = np.trace(np.swapaxes(thigh[:-1], -1, -2) @ thigh[1:], axis1=1, axis2=2)
    jump = np.r_[True, step < 2.0, True]  # more than 60 degrees from one frame to the next
    bad = np.zeros(len(back), dtype=bool)
    edges = np.flatnonzero(np.diff(np.r_[False, back, False].astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start <= 0.5 * fps or jump[start] or jump[stop]:
            bad[max(start - 2, 0) : stop + 2] = True
    good = np.flatnonzero(~bad)
    if len(good) < 2 or not bad.any():
        return
    times = np.clip(np.arange(len(bad)), good[0], good[-1])
    parents = [0, *chain[:3]]
    local = [np.swapaxes(rotations[:, p], -1, -2) @ rotations[:, j] for p, j in zip(parents, chain)]
    for parent, joint, own in zip(parents, chain, local):
        bridged = Slerp(good, Rotation.from_matrix(own[good]))(times).as_matrix()
        rotations[:, joint] = rotations[:, parent] @ bridged


def _flatten_foot(rotations: np.ndarray, side: str, standing: np.ndarray) -> None:
    """Turn a foot by one constant rotation so that its sole is level while it stands, in place."""
    if standing.sum() < 5:
        return
    ankle, foot = JOINT_NAMES.index(f"{side}_ankle"), JOINT_NAMES.index(f"{side}_foot")
    up_seen = np.median(rotations[standing, ankle, 1], axis=0)  # world up in the foot's own axes
    tilt = np.arccos(np.clip(unit(up_seen)[1], -1, 1))
    if tilt > _FLAT_LIMIT:
        return
    level = shortest_arc(np.array([0.0, 1.0, 0.0]), up_seen)
    rotations[:, ankle] = rotations[:, ankle] @ level
    rotations[:, foot] = rotations[:, foot] @ level


def _hold_foot(
    rotations: np.ndarray,
    target: np.ndarray,
    side: str,
    standing: np.ndarray,
    treading: np.ndarray,
    soles: Soles,
    fps: float,
) -> None:
    """Keep a foot from sliding, in place: all of it while it stands, its ball while that bears.

    ``target`` (T, 3) is where the ankle is to be.
    """
    ankle, foot = (JOINT_NAMES.index(f"{side}_{joint}") for joint in ("ankle", "foot"))
    turn = hold_turns(rotations[:, ankle], standing, fps)
    rotations[:, ankle] = turn @ rotations[:, ankle]
    rotations[:, foot] = turn @ rotations[:, foot]
    target += hold_places(target, standing, fps)
    ball = target + rotations[:, ankle] @ (soles.joints[foot] - soles.joints[ankle])
    target += hold_places(ball, treading, fps)


def _reach(
    rotations: np.ndarray, soles: Soles, pelvis: np.ndarray, targets: dict[str, np.ndarray]
) -> None:
    """Turn thighs and shins by the least so that the ankles arrive at ``targets``, in place."""
    positions = chain_joints(rotations, soles.joints) + pelvis[:, None]
    for side in SIDES:
        hip, knee, ankle = (
            JOINT_NAMES.index(f"{side}_{name}") for name in ("hip", "knee", "ankle")
        )
        thigh = soles.joints[knee] - soles.joints[hip]
        shin = soles.joints[ankle] - soles.joints[knee]
        ahead = rotations[:, hip, :, 2]
        knees, ankles = bent_leg(
            positions[:, hip],
            targets[side],
            ahead,
            float(np.linalg.norm(thigh)),
            float(np.linalg.norm(shin)),
        )
        rotations[:, hip] = turned_onto(rotations[:, hip], thigh, knees - positions[:, hip])
        rotations[:, knee] = turned_onto(rotations[:, knee], shin, ankles - knees)


def leg_length(soles: Soles) -> float:
    """Hip to knee to ankle of the body, mean of both sides, metres."""
    names = ("hip", "knee", "ankle")
    legs = [[soles.joint(f"{side}_{name}") for name in names] for side in SIDES]
    return float(np.mean([np.linalg.norm(np.diff(leg, axis=0), axis=1).sum() for leg in legs]))
