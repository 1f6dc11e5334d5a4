"""BVH files whose joints are CMU's own bones: cgspeed's MotionBuilder files, files in CMU's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mocap.readers.bvh.parser import BvhMotion, bvh_kinematics
from mocap.readers.bvh.rest_frames import is_rest_frame, limb_directions
from mocap.readers.bvh.skeleton import (
    MOTIONBUILDER,
    PlacedJoints,
    is_motionbuilder,
    metres_per_unit,
)
from mocap.retargeting.capture import CMU_BONES, SIDES, Capture, cmu_capture
from mocap.retargeting.skeleton import ordered_rotation
from mocap.rotations import unit

_UPWARD = np.array([0.0, 1.0, 0.0])

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


def has_cmu_rest(motion: BvhMotion) -> bool:
    """Whether a file in CMU's names counts its bones' rotations from CMU's rest pose.

    Such files state that pose (or, in the bones' frames, one that turns into it). Others have the names
    of CMU's joints and frames of their writer's.
    """
    of_bone = _bone_joints(motion)
    tip, reach = _bone_ends(motion, of_bone)
    if any(tip[side + bone] is None for side in "lr" for bone in _CHAINED):
        return False  # joints of other bones are between: twist joints
    frames = _rest_axes(reach)
    pointing = {b: unit(frames.get(b, np.eye(3)) @ reach[b]) for b in of_bone}
    middle = (motion.offsets[of_bone["lfemur"]] + motion.offsets[of_bone["rfemur"]]) / 2
    expected = [
        (pointing[side + bone], np.array([sign * x, y, z]))
        for side, sign in (("l", 1), ("r", -1))
        for bone, (x, y, z) in _REST_LIMBS.items()
    ]
    expected += [(pointing[bone], _UPWARD) for bone in ("lowerback", "upperback")]
    expected += [(unit(-middle), _UPWARD)]
    return all(actual @ direction > _LIKE_REST for actual, direction in expected if actual.any())


def cmu_placed_joints(motion: BvhMotion) -> PlacedJoints:
    """The joints of a file in CMU's names: the wrist is where CMU's second bone of the forearm ends."""
    of_bone = _bone_joints(motion)
    trunk = tuple(of_bone[bone] for bone in ("lowerback", "upperback", "thorax"))
    limbs = {
        f"{side}_{joint}": of_bone[side[0] + bone]
        for side in SIDES
        for joint, bone in _LIMB_BONES.items()
        if side[0] + bone in of_bone
    }
    neck = tuple(of_bone[bone] for bone in ("lowerneck", "upperneck"))
    used = {*of_bone.values()}
    unused = tuple(name for i, name in enumerate(motion.names) if i not in used)
    return PlacedJoints(of_bone["root"], trunk, neck, of_bone["head"], limbs, unused)


def cmu_bones_capture(motion: BvhMotion, notes: tuple[str, ...]) -> Capture:
    """The capture in a file whose joints are CMU's bones, in CMU's rest pose or its bones' frames.

    Args:
        motion: The file.
        notes: For the user, to which the capture's notes are added.

    Raises:
        BadInput: Where the legs have no length.
    """
    of_bone = _bone_joints(motion)
    if is_motionbuilder(motion):
        motion, mended = _with_lost_bones(motion, of_bone)
        notes += mended
    tip, reach = _bone_ends(motion, of_bone)
    frames = _rest_axes(reach)
    rotations, positions = bvh_kinematics(motion)
    if is_rest_frame(
        rotations[:, 0], limb_directions(positions, {k: of_bone[v] for k, v in _CMU_LIMBS.items()})
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
    rest_ends = _rest_ends(motion, of_bone, frames, reach)
    legs = [
        float(np.linalg.norm(motion.offsets[of_bone[side + bone]]))
        for side in "lr"
        for bone in ("tibia", "foot")
    ]
    unit_size, unit_note = metres_per_unit(motion, sum(legs) / 2)
    unused = sorted(set(motion.names) - {motion.names[i] for i in of_bone.values()})
    if unused:
        notes += (f"dropped, SMPL has no such joints: {', '.join(unused)}",)
    capture = cmu_capture(
        turned,
        {bone: unit_size * end for bone, end in ends.items()},
        directions,
        {bone: unit_size * end for bone, end in rest_ends.items()},
    )
    return replace(capture, notes=(*notes, unit_note))


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
_LIMB_BONES = {
    "hip": "femur",
    "knee": "tibia",
    "ankle": "foot",
    "foot": "toes",
    "collar": "clavicle",
    "shoulder": "humerus",
    "elbow": "radius",
    "wrist": "hand",
    "hand": "fingers",
}
_REST_LIMBS = {  # directions of bones at rest, the left side's, by which CMU's rest pose is known
    "femur": (0.342, -0.940, 0.0),
    "tibia": (0.342, -0.940, 0.0),
    "humerus": (1.0, 0.0, 0.0),
    "radius": (1.0, 0.0, 0.0),
    "foot": (0.082, -0.224, 0.971),
}
_CHAINED = ("femur", "tibia", "humerus", "radius")
_LIKE_REST = np.cos(np.radians(35.0))
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


def _bone_joints(motion: BvhMotion) -> dict[str, int]:
    """The joint of each of CMU's bones that the file has."""
    joints = motion.index
    if is_motionbuilder(motion):
        return {bone: joints[joint] for joint, bone in MOTIONBUILDER.items()}
    return {name: i for name, i in joints.items() if name in CMU_BONES}


def _bone_ends(
    motion: BvhMotion, of_bone: dict[str, int]
) -> tuple[dict[str, int | None], dict[str, np.ndarray]]:
    """The joint at which each bone ends, if there is one, and where that is from the bone's joint."""
    offsets = np.where(np.isnan(motion.ends), 0.0, motion.ends)
    tip: dict[str, int | None] = {}
    for bone, joint in of_bone.items():
        children = [of_bone[b] for b in _CMU_CHILD.get(bone, ()) if b in of_bone]
        chained = [c for c in children if motion.parents[c] == joint]
        tip[bone] = chained[0] if chained else None
    return tip, {
        b: motion.offsets[c] if c is not None else offsets[of_bone[b]] for b, c in tip.items()
    }


def _rest_axes(reach: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The bones' frames, in files that count in those: there an upper arm points along -y."""
    return _cmu_frames() if unit(reach["lhumerus"]) @ -_UPWARD > 0.9 else {}


def _with_lost_bones(
    motion: BvhMotion, of_bone: dict[str, int]
) -> tuple[BvhMotion, tuple[str, ...]]:
    """A MotionBuilder file of cgspeed's with the bones that branch at their end, which it lost.

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


def _rest_ends(
    motion: BvhMotion,
    of_bone: dict[str, int],
    frames: dict[str, np.ndarray],
    reach: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Where bones end in CMU's rest pose, the file's units, the root at the origin."""
    starts = {of_bone["root"]: np.zeros(3)}
    bone_of = {joint: bone for bone, joint in of_bone.items()}
    for joint, parent in enumerate(motion.parents):
        if parent >= 0:
            frame = frames.get(bone_of.get(parent, ""), np.eye(3))
            starts[joint] = starts[parent] + frame @ motion.offsets[joint]
    ends = {
        bone: starts[joint] + frames.get(bone, np.eye(3)) @ reach[bone]
        for bone, joint in of_bone.items()
    }
    for side in "lr":
        ends[f"{side}hipjoint"] = starts[of_bone[f"{side}femur"]]
    return ends
