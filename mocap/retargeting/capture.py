"""A recorded motion, free of its file's format: how each of SMPL's segments turned, where joints were.

All captures are counted from one rest pose, the T-pose of CMU's Acclaim skeletons: standing, facing
+z, arms along +x and -x. Formats differ in their rest poses and in which joints they have; who reads
one says what its rest pose is in these terms, so that the same motion gives the same capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mocap.bodies.body import JOINT_NAMES
from mocap.quaternions import matrices_to_quaternions, midpoints, quaternions_to_matrices
from mocap.retargeting.ground import SIDES
from mocap.rotations import unit

# SMPL joint -> the CMU bone that moves it (two: halfway between them). {} is l or r.
_LIMBS = {
    "hip": ("{}femur",),
    "knee": ("{}tibia",),
    "ankle": ("{}foot",),
    "foot": ("{}toes",),
    "collar": ("{}clavicle",),
    "shoulder": ("{}humerus",),
    "elbow": ("{}radius", "{}wrist"),  # half of the forearm's twist, so that the skin is not wrung
    "wrist": ("{}hand",),
    "hand": ("{}fingers",),
}
BONES = {
    "pelvis": ("root",),
    "spine1": ("lowerback",),
    "spine2": ("upperback",),
    "spine3": ("thorax",),
    "neck": ("lowerneck", "upperneck"),
    "head": ("head",),
    **{
        f"{side}_{joint}": tuple(bone.format(side[0]) for bone in bones)
        for side in SIDES
        for joint, bones in _LIMBS.items()
    },
}
# SMPL joint -> the CMU bone that ends there.
ENDS = {
    "neck": "lowerneck",
    "head": "upperneck",
    **{
        f"{side}_{joint}": side[0] + bone
        for side in SIDES
        for joint, bone in {
            "hip": "hipjoint",
            "knee": "femur",
            "ankle": "tibia",
            "foot": "foot",
            "shoulder": "clavicle",
            "elbow": "humerus",
            "wrist": "wrist",
            "hand": "hand",
        }.items()
    },
}
# Joints whose bone points at a child joint, and whose rest directions are made to agree.
CHILD = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"}
CMU_BONES = tuple(sorted({bone for bones in BONES.values() for bone in bones} | set(ENDS.values())))


@dataclass(frozen=True)
class Capture:
    """What was recorded, T frames.

    Attributes:
        quaternions: (T, 24, 4) float64 unit quaternions (x, y, z, w), the rotations of SMPL's segments
            away from the common rest pose, in the world; `rotation_matrices` gives them as matrices.
        rest_directions: unit vectors (3,) in the rest pose: of limb bones by the joint they begin at
            ("left_hip" to the knee, and so on), and "trunk", from between the hips to between the
            shoulders.
        joints: (T, 3) float64 metres, positions of the joints that have a counterpart among SMPL's:
            always hips, knees, ankles, feet (the bases of the toes), shoulders, elbows, wrists and head,
            where the source has them neck and hands.
        leg_length: hip to knee to ankle, mean of both sides, metres.
        notes: what was inferred, mended or dropped, for the user.
    """

    quaternions: np.ndarray
    rest_directions: Mapping[str, np.ndarray]
    joints: Mapping[str, np.ndarray]
    leg_length: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.quaternions)

    @cached_property
    def rotation_matrices(self) -> np.ndarray:
        """The rotations as matrices (T, 24, 3, 3)."""
        return quaternions_to_matrices(self.quaternions)

    def pair(self, joint: str) -> np.ndarray:
        """Positions (T, 2, 3) of the left and the right `joint`, metres."""
        out = np.empty((len(self), len(SIDES), 3))
        for i, side in enumerate(SIDES):
            out[:, i] = self.joints[f"{side}_{joint}"]
        return out


def cmu_capture(
    rotations: Mapping[str, np.ndarray],
    ends: Mapping[str, np.ndarray],
    directions: Mapping[str, np.ndarray],
    rest_ends: Mapping[str, np.ndarray],
    notes: tuple[str, ...] = (),
) -> Capture:
    """The capture of a skeleton with CMU's bones, given by name.

    Args:
        rotations: (T, 3, 3) away from CMU's rest pose.
        ends: (T, 3) where bones end, metres.
        directions: (3,) of the bones in the rest pose.
        rest_ends: (3,) where bones end in the rest pose, metres.
        notes: for the user.
    """
    bones = {
        bone: matrices_to_quaternions(matrices[:, None])[:, 0]
        for bone, matrices in rotations.items()
    }
    segments = [
        bones[names[0]] if len(names) == 1 else midpoints(bones[names[0]], bones[names[1]])
        for names in (BONES[joint] for joint in JOINT_NAMES)
    ]
    rest_directions, leg_length = rest_measures(directions, rest_ends)
    joints = {joint: ends[bone] for joint, bone in ENDS.items()}
    return Capture(np.stack(segments, axis=1), rest_directions, joints, leg_length, notes)


def rest_measures(
    directions: Mapping[str, np.ndarray], ends: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], float]:
    """A capture's `rest_directions` and `leg_length` from CMU's bones in the rest pose.

    Args:
        directions: (3,) by bone.
        ends: (3,) by bone, metres.
    """
    rest_directions = {
        f"{side}_{joint}": directions[BONES[f"{side}_{joint}"][0]]
        for side in SIDES
        for joint in CHILD
    }
    hips, shoulders = (
        (ends[f"l{bone}"] + ends[f"r{bone}"]) / 2 for bone in ("hipjoint", "clavicle")
    )
    rest_directions["trunk"] = unit(shoulders - hips)
    legs = [
        np.linalg.norm(ends[s + "tibia"] - ends[s + "femur"])
        + np.linalg.norm(ends[s + "femur"] - ends[s + "hipjoint"])
        for s in "lr"
    ]
    return rest_directions, float(np.mean(legs))
