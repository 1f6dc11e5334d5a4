"""BVH files on other skeletons, read by their joints' names; cgspeed's Daz figure is one of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.quaternions import matrices_to_quaternions
from mocap.readers.bvh.estimated_rest import estimated_segments
from mocap.readers.bvh.figure_axes import check_sides, figure_axes, upright_turn, zero_pose
from mocap.readers.bvh.parser import BvhMotion, chain, local_motion
from mocap.readers.bvh.rest_frames import (
    bleeds,
    is_rest_frame,
    is_standing,
    limb_directions,
    mend_start,
)
from mocap.readers.bvh.segments import Segments, carriers, past_split_forearms, wrung_joints
from mocap.readers.bvh.skeleton import PlacedJoints, is_daz, metres_per_unit
from mocap.retargeting.capture import CHILD, SIDES, Capture
from mocap.retargeting.skeleton import ordered_rotation
from mocap.rotations import halfway, unit

_LEFTWARD, _UPWARD, _FORWARD = np.eye(3)

# What the Daz figure's zero pose stands for, as angles (degrees) from CMU's rest pose: cgspeed turned
# CMU's skeleton so (the first frame of the MotionBuilder files) when it was matched to the figure.
_DAZ_POSE = {
    "neck": (-16, 0, 0),
    "head": (16, 0, 0),
    **{
        f"{side}_{joint}": (0, 0, -8 * sign)
        for side, sign in (("left", 1), ("right", -1))
        for joint in ("shoulder", "elbow", "wrist", "hand")
    },
    **{
        f"{side}_{joint}": (0, 0, -21 * sign)
        for side, sign in (("left", 1), ("right", -1))
        for joint in ("hip", "knee", "ankle", "foot")
    },
}
# The figure's one neck joint turns as the lower of CMU's two neck bones; the middle between those two
# lies this far on the way from the lower one to the head, in all subjects at hand.
_DAZ_NECK = 0.35
# The figure's legs begin this much below CMU's hips, metres along the pelvis: its ankles are nearer to
# its hips by as much, whether the legs are straight or bent.
_DAZ_HIPS = 0.017
# Directions of CMU's bones at rest, the same for all of its subjects; the left side's.
_CMU_REST = {
    "hip": np.array([0.34202, -0.939693, 0.0]),
    "knee": np.array([0.34202, -0.939693, 0.0]),
    "shoulder": _LEFTWARD,
    "elbow": _LEFTWARD,
    "wrist": _LEFTWARD,
}


def placed_capture(motion: BvhMotion, placed: PlacedJoints, notes: tuple[str, ...]) -> Capture:
    """The capture in a file on any skeleton whose joints have been found by name.

    Its zero pose, or an added rest frame, is brought to the common rest pose.

    Args:
        motion: The file.
        placed: Its joints.
        notes: For the user, to which the capture's notes are added.

    Raises:
        BadInput: Where hips, trunk or legs have no length, or left and right contradict each other.
    """
    limbs, daz = placed.limbs, is_daz(motion)
    hips_shift = _DAZ_HIPS if daz else 0.0
    local, offsets = local_motion(motion)
    rotations, positions = chain(motion.parents, local, offsets)
    check_sides(motion, placed, positions)
    zero = zero_pose(motion)
    stands = is_standing(zero, placed)
    if not stands:
        placed = past_split_forearms(motion, placed, positions)
        limbs = placed.limbs
    world = upright_turn(zero, positions, placed, stands)
    if not np.allclose(world, np.eye(3)):
        notes += ("turned so that y is up",)
    directions = limb_directions(positions, limbs)
    reference, reference_turn = zero, np.broadcast_to(np.eye(3), local.shape[1:])
    if is_rest_frame(rotations[:, placed.pelvis] if stands else None, directions):
        notes += ("the first frame is an added rest pose: left out",)
        if not daz or not stands:
            reference, reference_turn, stands = positions[0], rotations[0], True
        local, offsets = local[1:], offsets[1:]
        directions = {name: direction[1:] for name, direction in directions.items()}
        if bleeds(directions):
            mend_start(local)
            notes += ("the rest pose bled into the first 7 frames: mended from those after",)
        rotations, positions = chain(motion.parents, local, offsets)
    rotations, positions = world @ rotations, positions @ world.T
    bones = carriers(motion, placed, rotations, positions)
    wrung = wrung_joints(motion, placed, bones, rotations, positions)
    if stands and not wrung:
        axes = figure_axes(reference, placed, motion)
        turned = rotations @ (np.swapaxes(reference_turn, -1, -2) @ axes)
        tips = axes.T @ (reference_turn @ np.nan_to_num(motion.ends)[..., None])
        segments = _rested_segments(placed, bones, turned, reference @ axes, tips[..., 0])
    else:
        daz = False
        segments = estimated_segments(motion, placed, bones, rotations, positions)
        reason = (
            f"the rotations of {', '.join(wrung)} contradict the joints' positions"
            if wrung
            else "with all angles at zero the figure does not stand"
        )
        notes += (f"{reason}: the rest pose is taken from the positions over the motion",)
    joints = _smpl_joints(segments)
    rest_directions = dict(segments.directions)
    if daz:
        for name, angles in _DAZ_POSE.items():
            turn = ordered_rotation(np.radians(angles), "XYZ")
            joints[:, JOINT_NAMES.index(name)] = joints[:, JOINT_NAMES.index(name)] @ turn
        neck, head = (JOINT_NAMES.index(name) for name in ("neck", "head"))
        joints[:, neck] = _rotation_along([joints[:, neck], joints[:, head]], _DAZ_NECK)
        for side, sign in (("left", 1), ("right", -1)):
            rest_directions.update({f"{side}_{j}": d * [sign, 1, 1] for j, d in _CMU_REST.items()})
    for side in SIDES:
        _share_twist(joints, side, rest_directions[f"{side}_elbow"])
    leg = np.mean(
        [
            np.linalg.norm(
                positions[:, limbs[f"{side}_{b}"]] - positions[:, limbs[f"{side}_{a}"]], axis=-1
            ).mean()
            for side in SIDES
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        ]
    )
    size, unit_note = metres_per_unit(motion, 2 * leg)
    if placed.unused:
        notes += (f"dropped, SMPL has no such joints: {', '.join(placed.unused)}",)
    out = {
        name: size * positions[:, joint] for name, joint in limbs.items() if "collar" not in name
    }
    out["head"] = size * positions[:, placed.head]
    if placed.neck:
        out["neck"] = size * positions[:, placed.neck[0]]
    for side in SIDES:
        _add_tips(out, motion, rotations, placed, side, size)
    for side in SIDES:
        out[f"{side}_hip"] = out[f"{side}_hip"] + hips_shift * joints[:, 0, :, 1]
    return Capture(
        matrices_to_quaternions(joints),
        rest_directions,
        out,
        float(2 * leg * size),
        (*notes, unit_note),
    )


def _rested_segments(
    placed: PlacedJoints,
    bones: Mapping[str, int],
    turned: np.ndarray,
    rest_pose: np.ndarray,
    tips: np.ndarray,
) -> Segments:
    """Segments of joints (T, J, 3, 3) that turned away from `rest_pose` (J, 3), y up, facing +z."""
    limbs = placed.limbs
    directions = {}
    for side in SIDES:
        for joint, child in CHILD.items():
            start, stop = f"{side}_{joint}", f"{side}_{child}"
            if start in limbs and stop in limbs:
                directions[start] = unit(rest_pose[limbs[stop]] - rest_pose[limbs[start]])
        if f"{side}_wrist" not in limbs:
            directions[f"{side}_elbow"] = unit(tips[limbs[f"{side}_elbow"]])
        directions.setdefault(f"{side}_wrist", directions[f"{side}_elbow"])
    hips, shoulders = (
        (rest_pose[limbs[f"left_{joint}"]] + rest_pose[limbs[f"right_{joint}"]]) / 2
        for joint in ("hip", "shoulder")
    )
    directions["trunk"] = unit(shoulders - hips)
    return Segments(
        turned[:, placed.pelvis],
        [turned[:, joint] for joint in placed.trunk],
        [turned[:, joint] for joint in placed.neck],
        turned[:, placed.head],
        {name: turned[:, joint] for name, joint in bones.items()},
        directions,
    )


def _smpl_joints(segments: Segments) -> np.ndarray:
    """Rotations (T, 24, 3, 3) of SMPL's segments; what the file lacks turns as the segment before."""
    joints = np.empty((len(segments.head), len(JOINT_NAMES), 3, 3))
    trunk = [segments.pelvis, *segments.trunk]
    for k, name in enumerate(("pelvis", "spine1", "spine2", "spine3")):
        joints[:, JOINT_NAMES.index(name)] = _rotation_along(trunk, k / 3)
    necks = list(segments.neck) or [halfway(trunk[-1], segments.head)]
    joints[:, JOINT_NAMES.index("neck")] = _rotation_along(necks, 0.5)
    joints[:, JOINT_NAMES.index("head")] = segments.head
    for side in SIDES:
        for limb in (
            ("hip", "knee", "ankle", "foot"),
            ("collar", "shoulder", "elbow", "wrist", "hand"),
        ):
            before = trunk[-1]
            for joint in limb:
                before = segments.limbs.get(f"{side}_{joint}", before)
                joints[:, JOINT_NAMES.index(f"{side}_{joint}")] = before
    return joints


def _add_tips(
    out: dict[str, np.ndarray],
    motion: BvhMotion,
    rotations: np.ndarray,
    placed: PlacedJoints,
    side: str,
    size: float,
) -> None:
    """Toes and wrists of files that have no joint there: where the joint before ends."""
    for joint, before in (("foot", "ankle"), ("wrist", "elbow")):
        if f"{side}_{joint}" in out:
            continue
        start = placed.limbs[f"{side}_{before}"]
        tip = motion.ends[start]
        if np.isnan(tip).any():
            tip = np.zeros(3)
        shift = (rotations[:, start] @ tip) * size
        out[f"{side}_{joint}"] = out[f"{side}_{before}"] + shift


def _rotation_along(turns: list[np.ndarray], fraction: float) -> np.ndarray:
    """Rotations (T, 3, 3) at a fraction of the way along a list of them, on the arc between two."""
    location = fraction * (len(turns) - 1)
    low = min(int(location + 1e-9), len(turns) - 1)
    share = location - low
    if share < 1e-9:
        return turns[low]
    step = np.swapaxes(turns[low], -1, -2) @ turns[low + 1]
    vectors = Rotation.from_matrix(step).as_rotvec()
    return turns[low] @ Rotation.from_rotvec(share * vectors).as_matrix()


def _share_twist(joints: np.ndarray, side: str, axis: np.ndarray) -> None:
    """Let the elbow take half the hand's twist about the forearm, as a forearm does, in place."""
    elbow, wrist = (JOINT_NAMES.index(f"{side}_{name}") for name in ("elbow", "wrist"))
    turn = Rotation.from_matrix(np.swapaxes(joints[:, elbow], -1, -2) @ joints[:, wrist]).as_quat()
    angle = 2 * np.arctan2(turn[:, :3] @ axis, turn[:, 3])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    half_twist = Rotation.from_rotvec(angle[:, None] / 2 * axis).as_matrix()
    joints[:, elbow] = joints[:, elbow] @ half_twist
