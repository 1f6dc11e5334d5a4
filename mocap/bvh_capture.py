"""BVH motions as captures: rest frames found, rest poses told apart, units inferred, rates corrected."""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from mocap.body import JOINT_NAMES, Body
from mocap.bvh import BvhMotion, bvh_kinematics, chain, local_motion, read_bvh
from mocap.bvh_skeleton import (
    MOTIONBUILDER,
    PlacedJoints,
    is_daz,
    is_motionbuilder,
    place_joints,
    unit_of_length,
)
from mocap.capture import CHILD, CMU_BONES, SIDES, Capture, cmu_capture
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.retarget import retarget_capture
from mocap.rotations import halfway, shortest_arc, unit
from mocap.skeleton import ordered_rotation

_LOG = logging.getLogger(__name__)
_CMU_NAME = re.compile(r"(\d{2,3}_\d{2})(?!\d)")
_RATES = (5.0, 1000.0)
_LEFT, _UP, _AHEAD = np.eye(3)

# Angles (degrees, applied in the order XYZ) of the frames in which CMU's Acclaim files count each
# bone's rotation; the same in every subject's file. The bone points along its frame's -y.
_CMU_FRAMES = {
    "femur": (0, 0, 20),
    "tibia": (0, 0, 20),
    "foot": (-90, 0, 20),
    "toes": (-90, 0, 20),
    "humerus": (180, -30, -90),
    "radius": (180, -30, -90),
    "wrist": (0, 90, 90),
    "hand": (0, 90, 90),
    "fingers": (0, 90, 90),
}
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
    "shoulder": _LEFT,
    "elbow": _LEFT,
    "wrist": _LEFT,
}


def bvh_motion(path: Path | str, body: Body, *, fps: float | None = None) -> Motion:
    """The motion in a BVH file on ``body`` (mean shape), without an added rest frame.

    ``fps`` overrides the frame rate; else a motion of CMU's on a skeleton of CMU's or cgspeed's has
    the rate of CMU's index (their headers say 120 for all), others what their header says. What was
    inferred, mended or dropped is logged. Raises BadInput when the file cannot be understood, when a
    bone cannot be placed, or when no frame rate is known.
    """
    path = Path(path)
    capture, rate = bvh_capture(read_bvh(path), fps=fps)
    for note in capture.notes:
        _LOG.info("%s: %s", path, note)
    pose, translation = retarget_capture(capture, body, fps=rate)
    name = cmu_name(path) or path.stem
    subject, _, trial = name.rpartition("_")
    return Motion(pose, translation, rate, subject or path.parent.name, trial, name, str(path))


def bvh_capture(motion: BvhMotion, *, fps: float | None = None) -> tuple[Capture, float]:
    """The capture in a BVH file and its frame rate; errors as ``bvh_motion``."""
    names = set(motion.names)
    acclaim = names >= set(CMU_BONES) - {"lhipjoint", "rhipjoint"}
    known = acclaim or is_motionbuilder(motion) or is_daz(motion)
    rate, notes = frame_rate(motion, known=known, fps=fps)
    if acclaim or is_motionbuilder(motion):
        capture = _cmu_bones_capture(motion, notes)
    else:
        capture = _placed_capture(motion, place_joints(motion), notes)
    if not all(np.isfinite(place).all() for place in capture.places.values()):
        raise BadInput(
            f"{motion.path}: positions overflow, expected a person; fetch the file again"
        )
    return capture, rate


def cmu_name(path: Path) -> str | None:
    """The CMU motion that a file's name begins with ("05_20" of "05_20-daz.bvh"), if CMU has it."""
    match = _CMU_NAME.match(path.stem)
    return match.group(1) if match and match.group(1) in _cmu_rates() else None


def frame_rate(
    motion: BvhMotion, *, known: bool, fps: float | None = None
) -> tuple[float, tuple[str, ...]]:
    """Frames a second and what to say of them; ``known``: on a skeleton in which CMU's data comes."""
    stated = 1 / motion.frame_time if motion.frame_time > 0 else float("nan")
    name = cmu_name(motion.path)
    if fps is not None:
        if not _RATES[0] <= fps <= _RATES[1]:
            raise BadInput(f"{motion.path}: a rate of {fps} fps was given, expected 5 to 1000")
        return float(fps), ()
    if known and name:
        rate = _cmu_rates()[name]
        if abs(stated - rate) < 0.01 * rate:
            return rate, ()
        return rate, (f"the header says {stated:.3g} fps; CMU's index says {rate:g} for {name}",)
    if _RATES[0] <= stated <= _RATES[1]:
        nearest = round(stated)
        return (float(nearest) if abs(stated - nearest) < 0.002 * stated else stated), ()
    raise BadInput(
        f"{motion.path}: 'Frame Time: {motion.frame_time:g}' makes {stated:.3g} fps, expected 5 to 1000; "
        "correct the line or give the rate with --fps"
    )


@lru_cache(maxsize=1)
def _cmu_rates() -> dict[str, float]:
    with Path(__file__).with_name("cmu_index.csv").open(newline="", encoding="ascii") as file:
        return {row["motion"]: float(row["fps"]) for row in csv.DictReader(file)}


# ---------------------------------------------------------------- CMU's own bones


def _cmu_bones_capture(motion: BvhMotion, notes: tuple[str, ...]) -> Capture:
    """Files whose joints are CMU's bones, with CMU's rest pose or with its bones' own frames."""
    joints = motion.index
    if is_motionbuilder(motion):
        of_bone = {bone: joints[joint] for joint, bone in MOTIONBUILDER.items()}
        motion, mended = _with_lost_bones(motion, of_bone)
        notes += mended
    else:
        of_bone = {name: i for name, i in joints.items() if name in CMU_BONES}
    offsets = np.where(np.isnan(motion.ends), 0.0, motion.ends)
    tip: dict[str, int | None] = {}
    for bone, joint in of_bone.items():
        children = [of_bone[b] for b in _CMU_CHILD.get(bone, ()) if b in of_bone]
        own = [c for c in children if motion.parents[c] == joint]
        tip[bone] = own[0] if own else None
    reach = {b: motion.offsets[c] if c is not None else offsets[of_bone[b]] for b, c in tip.items()}
    arm = unit(reach["lhumerus"])
    frames = _cmu_frames() if arm @ -_UP > 0.9 else {}
    if not frames and arm @ _LEFT < 0.9:
        raise BadInput(
            f"{motion.path}: bone lhumerus points along {np.round(arm, 2)}, expected +x (CMU's rest "
            "pose) or -y (its bones' frames); the axes of this file are not known"
        )
    rotations, positions = bvh_kinematics(motion)
    if _is_rest_frame(
        rotations[:, 0], _limb_ways(positions, {k: of_bone[v] for k, v in _CMU_LIMBS.items()})
    ):
        rotations, positions = rotations[1:], positions[1:]
        notes += ("the first frame is an added rest pose: left out",)
    turned, ends, directions = {}, {}, {}
    for bone, joint in of_bone.items():
        frame = frames.get(bone, np.eye(3))
        turned[bone] = rotations[:, joint] @ frame.T
        directions[bone] = unit(frame @ reach[bone])
        if tip[bone] is not None:
            ends[bone] = positions[:, tip[bone]]
        else:
            ends[bone] = positions[:, joint] + rotations[:, joint] @ reach[bone]
    ends["root"] = positions[:, of_bone["root"]]
    for side in "lr":
        ends[f"{side}hipjoint"] = positions[:, of_bone[f"{side}femur"]]
        turned[f"{side}hipjoint"] = turned["root"]
    rest = _rest_ends(motion, of_bone, frames, reach)
    legs = [np.linalg.norm(motion.offsets[of_bone[s + b]]) for s in "lr" for b in ("tibia", "foot")]
    unit_size, said = _unit(motion, sum(legs) / 2)
    unused = sorted(set(motion.names) - {motion.names[i] for i in of_bone.values()})
    if unused:
        notes += (f"dropped, SMPL has no such joints: {', '.join(unused)}",)
    capture = cmu_capture(
        turned,
        {bone: unit_size * end for bone, end in ends.items()},
        directions,
        {bone: unit_size * end for bone, end in rest.items()},
    )
    return replace(capture, notes=(*notes, said))


_CMU_CHILD = {
    "root": (),
    "lowerback": ("upperback",),
    "upperback": ("thorax",),
    "thorax": ("lowerneck",),
    "lowerneck": ("upperneck",),
    "upperneck": ("head",),
    "head": (),
    **{
        side + bone: (side + child,) if child else ()
        for side in "lr"
        for bone, child in {
            "femur": "tibia",
            "tibia": "foot",
            "foot": "toes",
            "toes": "",
            "clavicle": "humerus",
            "humerus": "radius",
            "radius": "wrist",
            "wrist": "hand",
            "hand": "fingers",
            "fingers": "",
        }.items()
    },
}
_CMU_LIMBS = {
    f"{side}_{joint}": side[0] + bone
    for side in SIDES
    for joint, bone in {
        "hip": "femur",
        "knee": "tibia",
        "ankle": "foot",
        "shoulder": "humerus",
        "elbow": "radius",
        "wrist": "wrist",
    }.items()
}


def _with_lost_bones(
    motion: BvhMotion, of_bone: dict[str, int]
) -> tuple[BvhMotion, tuple[str, ...]]:
    """cgspeed's MotionBuilder files lost the bones that branch at their end; give those back.

    The chest's length is the upper back's (in CMU's skeletons they are equal to 2%), the second half of
    the forearm is half as long as the first (in CMU's, exactly).
    """
    offsets, index = motion.offsets.copy(), motion.index
    mended = False
    chest = motion.offsets[of_bone["thorax"]]
    for bone in ("lowerneck", "lclavicle", "rclavicle"):
        if np.linalg.norm(offsets[of_bone[bone]]) < 1e-6:
            offsets[of_bone[bone]], mended = chest, True
    for side, thumb in (("l", "LThumb"), ("r", "RThumb")):
        wrist = motion.offsets[of_bone[f"{side}wrist"]] / 2
        for joint in (of_bone[f"{side}hand"], index.get(thumb)):
            if joint is not None and np.linalg.norm(offsets[joint]) < 1e-6:
                offsets[joint], mended = wrist, True
    note = "the chest and the ends of the forearms have no length in this file: given back"
    return replace(motion, offsets=offsets), (note,) if mended else ()


def _cmu_frames() -> dict[str, np.ndarray]:
    """Rotations (3, 3) of CMU's bone frames, by bone; the right side mirrors the left."""
    out = {}
    for bone, angles in _CMU_FRAMES.items():
        for side, sign in (("l", 1), ("r", -1)):
            mirrored = np.radians(angles) * [1, sign, sign]
            out[side + bone] = ordered_rotation(mirrored, "XYZ")
    return out


def _rest_ends(motion: BvhMotion, of_bone: dict, frames: dict, reach: dict) -> dict:
    """Where bones end in CMU's rest pose, the file's units, the root at the origin."""
    starts = {of_bone["root"]: np.zeros(3)}
    bone_at = {joint: bone for bone, joint in of_bone.items()}
    for joint, parent in enumerate(motion.parents):
        if parent >= 0:
            frame = frames.get(bone_at.get(parent, ""), np.eye(3))
            starts[joint] = starts[parent] + frame @ motion.offsets[joint]
    ends = {
        bone: starts[joint] + frames.get(bone, np.eye(3)) @ reach[bone]
        for bone, joint in of_bone.items()
    }
    for side in "lr":
        ends[f"{side}hipjoint"] = starts[of_bone[f"{side}femur"]]
    return ends


def _unit(motion: BvhMotion, leg: float) -> tuple[float, str]:
    if not (np.isfinite(leg) and leg > 1e-9):
        raise BadInput(
            f"{motion.path}: the legs have no length, expected OFFSETs of a person; "
            "fetch the file again"
        )
    return unit_of_length(float(leg))


# ---------------------------------------------------------------- other skeletons


def _placed_capture(motion: BvhMotion, placed: PlacedJoints, notes: tuple[str, ...]) -> Capture:
    """Skeletons placed by name: their zero pose, or an added rest frame, is brought to CMU's rest."""
    limbs, daz = placed.limbs, is_daz(motion)
    local, places = local_motion(motion)
    rotations, positions = chain(motion.parents, local, places)
    zero = _zero_pose(motion)
    world = _upright(zero, positions, placed)
    if not np.allclose(world, np.eye(3)):
        notes += ("turned so that y is up",)
    ways = _limb_ways(positions, limbs)
    reference, reference_turn = zero, np.broadcast_to(np.eye(3), local.shape[1:])
    if _is_rest_frame(rotations[:, placed.pelvis], ways):
        notes += ("the first frame is an added rest pose: left out",)
        if not daz:
            reference, reference_turn = positions[0], rotations[0]
        local, places = local[1:], places[1:]
        ways = {name: way[1:] for name, way in ways.items()}
        if _bleeds(ways):
            _mend_start(local)
            notes += ("the rest pose bled into the first 7 frames: mended from those after",)
        rotations, positions = chain(motion.parents, local, places)
    axes = _figure_axes(reference, placed, motion)
    turned = world @ rotations @ np.swapaxes(reference_turn, -1, -2) @ axes
    positions = positions @ world.T

    def way(start: str, stop: str) -> np.ndarray:
        return unit(axes.T @ (reference[limbs[stop]] - reference[limbs[start]]))

    joints = np.empty((len(turned), len(JOINT_NAMES), 3, 3))
    trunk = [turned[:, joint] for joint in (placed.pelvis, *placed.trunk)]
    for k, name in enumerate(("pelvis", "spine1", "spine2", "spine3")):
        joints[:, JOINT_NAMES.index(name)] = _along(trunk, k / 3)
    neck = [turned[:, joint] for joint in placed.neck]
    neck = neck or [halfway(trunk[-1], turned[:, placed.head])]
    joints[:, JOINT_NAMES.index("neck")] = _along(neck, 0.5)
    joints[:, JOINT_NAMES.index("head")] = turned[:, placed.head]
    for side in SIDES:
        before = JOINT_NAMES.index("spine3")
        for joint in ("hip", "knee", "ankle", "foot"):
            before = _take(joints, turned, limbs, f"{side}_{joint}", before)
        before = JOINT_NAMES.index("spine3")
        for joint in ("collar", "shoulder", "elbow", "wrist", "hand"):
            before = _take(joints, turned, limbs, f"{side}_{joint}", before)
    rest = {}
    for side in SIDES:
        for joint, child in CHILD.items():
            start, stop = f"{side}_{joint}", f"{side}_{child}"
            if start in limbs and stop in limbs:
                rest[start] = way(start, stop)
        elbow = limbs[f"{side}_elbow"]
        if f"{side}_wrist" not in limbs:
            tip = reference_turn[elbow] @ motion.ends[elbow]
            rest[f"{side}_elbow"] = unit(axes.T @ tip)
        rest.setdefault(f"{side}_wrist", rest[f"{side}_elbow"])
    hips, shoulders = (
        (reference[limbs[f"left_{joint}"]] + reference[limbs[f"right_{joint}"]]) / 2
        for joint in ("hip", "shoulder")
    )
    rest["trunk"] = unit(axes.T @ (shoulders - hips))
    if daz:
        for name, angles in _DAZ_POSE.items():
            turn = ordered_rotation(np.radians(angles), "XYZ")
            joints[:, JOINT_NAMES.index(name)] = joints[:, JOINT_NAMES.index(name)] @ turn
        neck, head = (JOINT_NAMES.index(name) for name in ("neck", "head"))
        joints[:, neck] = _along([joints[:, neck], joints[:, head]], _DAZ_NECK)
        for side, sign in (("left", 1), ("right", -1)):
            rest.update({f"{side}_{j}": d * [sign, 1, 1] for j, d in _CMU_REST.items()})
    for side in SIDES:
        _share_twist(joints, side, rest[f"{side}_elbow"])
    leg = np.mean(
        [
            np.linalg.norm(reference[limbs[f"{side}_{b}"]] - reference[limbs[f"{side}_{a}"]])
            for side in SIDES
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        ]
    )
    size, said = _unit(motion, 2 * leg)
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
    return Capture(joints, rest, out, float(2 * leg * size), (*notes, said))


def _take(joints: np.ndarray, turned: np.ndarray, limbs: dict, name: str, before: int) -> int:
    """Fill SMPL's joint ``name``; where the file lacks it, it goes with the joint before."""
    j = JOINT_NAMES.index(name)
    joints[:, j] = turned[:, limbs[name]] if name in limbs else joints[:, before]
    return j


def _add_tips(
    out: dict,
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


def _along(turns: list[np.ndarray], fraction: float) -> np.ndarray:
    """Rotations (T, 3, 3) at a fraction of the way along a list of them, on the arc between two."""
    at = fraction * (len(turns) - 1)
    low = min(int(at + 1e-9), len(turns) - 1)
    share = at - low
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
    half = Rotation.from_rotvec(angle[:, None] / 2 * axis).as_matrix()
    joints[:, elbow] = joints[:, elbow] @ half


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
    at_zero = unit(zero[placed.head] - zero[hips].mean(axis=0))
    if at_zero[1] > 0.8:
        return np.eye(3)
    mean = unit(positions[:, placed.head] - positions[:, hips].mean(axis=1)).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    return shortest_arc(np.eye(3)[axis] * np.sign(mean[axis]), _UP)


def _figure_axes(reference: np.ndarray, placed: PlacedJoints, motion: BvhMotion) -> np.ndarray:
    """The figure's left, up and ahead in its reference pose, as columns; CMU's rest pose has x, y, z."""
    left, up = (
        reference[placed.limbs["left_hip"]] - reference[placed.limbs["right_hip"]],
        reference[placed.head]
        - (reference[placed.limbs["left_hip"]] + reference[placed.limbs["right_hip"]]) / 2,
    )
    arms = reference[placed.limbs["left_shoulder"]] - reference[placed.limbs["right_shoulder"]]
    if min(np.linalg.norm(left), np.linalg.norm(up)) < 1e-9:
        raise BadInput(
            f"{motion.path}: the hips or the trunk have no length, expected OFFSETs of a person; "
            "fetch the file again"
        )
    if unit(left) @ unit(arms) < 0.3:
        raise BadInput(
            f"{motion.path}: left and right of the hips and of the shoulders do not agree, expected "
            "both lefts on one side; correct the names of the joints"
        )
    axes = np.zeros((3, 3))
    axes[:, 1] = _snapped(unit(up), 20.0)
    axes[:, 0] = _snapped(unit(left - (left @ axes[:, 1]) * axes[:, 1]), 15.0)
    axes[:, 0] = unit(axes[:, 0] - (axes[:, 0] @ axes[:, 1]) * axes[:, 1])
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes


def _snapped(way: np.ndarray, degrees: float) -> np.ndarray:
    """The coordinate axis nearest to a direction, if it is within some degrees."""
    axis = int(np.abs(way).argmax())
    near = np.eye(3)[axis] * np.sign(way[axis])
    return near if near @ way > np.cos(np.radians(degrees)) else way


# ---------------------------------------------------------------- rest frames


def _limb_ways(positions: np.ndarray, limbs: dict[str, int]) -> dict[str, np.ndarray]:
    """Directions (T, 3) of thighs, shins, upper arms and forearms, and of the hips to the left."""
    out = {}
    for side in SIDES:
        for joint in ("hip", "knee", "shoulder", "elbow"):
            child = CHILD[joint]
            start, stop = f"{side}_{joint}", f"{side}_{child}"
            if start in limbs and stop in limbs:
                out[start] = unit(positions[:, limbs[stop]] - positions[:, limbs[start]])
    out["hips"] = unit(positions[:, limbs["left_hip"]] - positions[:, limbs["right_hip"]])
    return out


def _is_rest_frame(pelvis: np.ndarray, ways: dict[str, np.ndarray]) -> bool:
    """Whether frame 0 was added: a T-pose squarely on the axes from which the motion jumps away."""
    entries = np.abs(pelvis[0])
    if len(pelvis) < 2 or not np.all((entries < 1e-3) | (entries > 1 - 1e-3)):
        return False
    thighs = unit(ways["left_hip"][0] + ways["right_hip"][0])
    for name, way in ways.items():
        if name == "hips":
            continue
        side, _, joint = name.partition("_")
        ahead = ways["hips"][0] * (1 if side == "left" else -1)
        wanted = ahead if joint in ("shoulder", "elbow") else thighs
        if way[0] @ wanted < np.cos(np.radians(30.0)):
            return False
    first, _ = _steps(ways)
    return bool(first[0] > np.radians(3.0))


def _bleeds(ways: dict[str, np.ndarray]) -> bool:
    """Whether the first frames glide away from the rest pose faster than the motion ever goes on."""
    if len(ways["hips"]) < 16:
        return False
    first, later = _steps(ways)
    return bool(first[:3].max() > max(np.radians(3.0), 2 * later))


def _steps(ways: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """The largest turn of a limb from frame to frame: of the first 8, and the later ones' 90%."""
    turns = np.max(
        [np.arccos(np.clip((w[:-1] * w[1:]).sum(-1), -1, 1)) for w in ways.values()], axis=0
    )
    return turns[:8], float(np.percentile(turns[8:], 90)) if len(turns) > 8 else 0.0


def _mend_start(local: np.ndarray) -> None:
    """Replace the turns of frames 0 to 6, except the root's, from frames 3 and 7, in place.

    cgspeed's Daz files were smoothed across the added rest frame: frames 0, 1 and 2 are 60, 40 and 15%
    on the way back to it, 4 to 6 ring by some degrees, frame 3 is right.
    """
    for joint in range(1, local.shape[1]):
        local[:3, joint] = local[3, joint]
        pair = Rotation.from_matrix(local[[3, 7], joint])
        local[4:7, joint] = Slerp([3, 7], pair)([4, 5, 6]).as_matrix()
