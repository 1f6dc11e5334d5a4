"""BVH files on other skeletons, read by their joints' names; cgspeed's Daz figure is one of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.quaternions import matrices_to_quaternions
from mocap.readers.bvh.parser import BvhMotion, chain, local_motion
from mocap.readers.bvh.rest_frames import bleeds, is_rest_frame, limb_directions, mend_start
from mocap.readers.bvh.skeleton import PlacedJoints, is_daz, metres_per_unit
from mocap.retargeting.capture import CHILD, SIDES, Capture
from mocap.retargeting.skeleton import ordered_rotation
from mocap.rotations import halfway, shortest_arc, unit

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
    local, offsets = local_motion(motion)
    rotations, positions = chain(motion.parents, local, offsets)
    zero = _zero_pose(motion)
    world = _upright(zero, positions, placed)
    if not np.allclose(world, np.eye(3)):
        notes += ("turned so that y is up",)
    directions = limb_directions(positions, limbs)
    reference, reference_turn = zero, np.broadcast_to(np.eye(3), local.shape[1:])
    if is_rest_frame(rotations[:, placed.pelvis], directions):
        notes += ("the first frame is an added rest pose: left out",)
        if not daz:
            reference, reference_turn = positions[0], rotations[0]
        local, offsets = local[1:], offsets[1:]
        directions = {name: direction[1:] for name, direction in directions.items()}
        if bleeds(directions):
            mend_start(local)
            notes += ("the rest pose bled into the first 7 frames: mended from those after",)
        rotations, positions = chain(motion.parents, local, offsets)
    axes = _figure_axes(reference, placed, motion)
    turned = world @ rotations @ np.swapaxes(reference_turn, -1, -2) @ axes
    positions = positions @ world.T

    def rest_direction(start: str, stop: str) -> np.ndarray:
        return unit(axes.T @ (reference[limbs[stop]] - reference[limbs[start]]))

    joints = np.empty((len(turned), len(JOINT_NAMES), 3, 3))
    trunk = [turned[:, joint] for joint in (placed.pelvis, *placed.trunk)]
    for k, name in enumerate(("pelvis", "spine1", "spine2", "spine3")):
        joints[:, JOINT_NAMES.index(name)] = _rotation_along(trunk, k / 3)
    necks = [turned[:, joint] for joint in placed.neck]
    necks = necks or [halfway(trunk[-1], turned[:, placed.head])]
    joints[:, JOINT_NAMES.index("neck")] = _rotation_along(necks, 0.5)
    joints[:, JOINT_NAMES.index("head")] = turned[:, placed.head]
    for side in SIDES:
        before = JOINT_NAMES.index("spine3")
        for joint in ("hip", "knee", "ankle", "foot"):
            before = _fill_joint(joints, turned, limbs, f"{side}_{joint}", before)
        before = JOINT_NAMES.index("spine3")
        for joint in ("collar", "shoulder", "elbow", "wrist", "hand"):
            before = _fill_joint(joints, turned, limbs, f"{side}_{joint}", before)
    rest_directions = {}
    for side in SIDES:
        for joint, child in CHILD.items():
            start, stop = f"{side}_{joint}", f"{side}_{child}"
            if start in limbs and stop in limbs:
                rest_directions[start] = rest_direction(start, stop)
        elbow = limbs[f"{side}_elbow"]
        if f"{side}_wrist" not in limbs:
            tip = reference_turn[elbow] @ motion.ends[elbow]
            rest_directions[f"{side}_elbow"] = unit(axes.T @ tip)
        rest_directions.setdefault(f"{side}_wrist", rest_directions[f"{side}_elbow"])
    hips, shoulders = (
        (reference[limbs[f"left_{joint}"]] + reference[limbs[f"right_{joint}"]]) / 2
        for joint in ("hip", "shoulder")
    )
    rest_directions["trunk"] = unit(axes.T @ (shoulders - hips))
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
            np.linalg.norm(reference[limbs[f"{side}_{b}"]] - reference[limbs[f"{side}_{a}"]])
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
        _add_tips(out, motion, world @ rotations, placed, side, size)
    if daz:
        for side in SIDES:
            out[f"{side}_hip"] = out[f"{side}_hip"] + _DAZ_HIPS * joints[:, 0, :, 1]
    return Capture(
        matrices_to_quaternions(joints),
        rest_directions,
        out,
        float(2 * leg * size),
        (*notes, unit_note),
    )


def _fill_joint(
    joints: np.ndarray, turned: np.ndarray, limbs: Mapping[str, int], name: str, before: int
) -> int:
    """Fill SMPL's joint `name`, with the joint before where the file lacks it; its index."""
    j = JOINT_NAMES.index(name)
    joints[:, j] = turned[:, limbs[name]] if name in limbs else joints[:, before]
    return j


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


def _zero_pose(motion: BvhMotion) -> np.ndarray:
    """Joint positions (J, 3) with all angles at zero and the root at the origin."""
    out = np.zeros_like(motion.offsets)
    for joint, parent in enumerate(motion.parents):
        if parent >= 0:
            out[joint] = out[parent] + motion.offsets[joint]
    return out


def _upright(zero: np.ndarray, positions: np.ndarray, placed: PlacedJoints) -> np.ndarray:
    """Rotation (3, 3) of the file's world that puts y up: BVH's own, or that of z-up writers.

    Where the figure stands along y with all angles at zero, y is up; else the axis along which it is
    longest from hips to head over the motion.
    """
    hips = [placed.limbs["left_hip"], placed.limbs["right_hip"]]
    zero_trunk = unit(zero[placed.head] - zero[hips].mean(axis=0))
    if zero_trunk[1] > 0.8:
        return np.eye(3)
    mean = unit(positions[:, placed.head] - positions[:, hips].mean(axis=1)).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    return shortest_arc(np.eye(3)[axis] * np.sign(mean[axis]), _UPWARD)


def _figure_axes(reference: np.ndarray, placed: PlacedJoints, motion: BvhMotion) -> np.ndarray:
    """The figure's left, up and ahead in its reference pose, as columns (x, y, z in CMU's)."""
    leftward, upward = (
        reference[placed.limbs["left_hip"]] - reference[placed.limbs["right_hip"]],
        reference[placed.head]
        - (reference[placed.limbs["left_hip"]] + reference[placed.limbs["right_hip"]]) / 2,
    )
    arms = reference[placed.limbs["left_shoulder"]] - reference[placed.limbs["right_shoulder"]]
    if min(np.linalg.norm(leftward), np.linalg.norm(upward)) < 1e-9:
        raise BadInput(
            f"{motion.path}: the hips or the trunk have no length, expected OFFSETs of a person; "
            "fetch the file again"
        )
    if unit(leftward) @ unit(arms) < 0.3:
        raise BadInput(
            f"{motion.path}: left and right of the hips and of the shoulders do not agree, expected "
            "both lefts on one side; correct the names of the joints"
        )
    axes = np.zeros((3, 3))
    axes[:, 1] = _snapped(unit(upward), 20.0)
    axes[:, 0] = _snapped(unit(leftward - (leftward @ axes[:, 1]) * axes[:, 1]), 15.0)
    axes[:, 0] = unit(axes[:, 0] - (axes[:, 0] @ axes[:, 1]) * axes[:, 1])
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes


def _snapped(direction: np.ndarray, degrees: float) -> np.ndarray:
    """The coordinate axis nearest to a direction, if it is within some degrees."""
    axis = int(np.abs(direction).argmax())
    near = np.eye(3)[axis] * np.sign(direction[axis])
    return near if near @ direction > np.cos(np.radians(degrees)) else direction
