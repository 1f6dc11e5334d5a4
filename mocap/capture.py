"""A recorded motion, free of its file's format: how each of SMPL's segments turned, where joints were.

All captures are counted from one rest pose, the T-pose of CMU's Acclaim skeletons: standing, facing
+z, arms along +x and -x. Formats differ in their rest poses and in which joints they have; who reads
one says what its rest pose is in these terms, so that the same motion gives the same capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mocap.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.footing import SIDES
from mocap.rotations import halfway, unit
from mocap.skeleton import Skeleton, forward_kinematics

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
_BONES = {
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
_ENDS = {
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
CMU_BONES = tuple(
    sorted({bone for bones in _BONES.values() for bone in bones} | set(_ENDS.values()))
)


@dataclass(frozen=True)
class Capture:
    """What was recorded, T frames.

    turned: (T, 24, 3, 3) float64 rotations of SMPL's segments away from the common rest pose, in the
    world. rest: unit vectors (3,) in the rest pose: of limb bones by the joint they begin at
    ("left_hip" to the knee, and so on), and "trunk", from between the hips to between the shoulders.
    places: (T, 3) float64 metres, the joints that have a counterpart among SMPL's: always hips, knees,
    ankles, feet (the bases of the toes), shoulders, elbows, wrists and head, where the source has them
    neck and hands. leg_length: hip to knee to ankle, mean of both sides, metres.
    notes: what was inferred, mended or dropped, for the user.
    """

    turned: np.ndarray
    rest: Mapping[str, np.ndarray]
    places: Mapping[str, np.ndarray]
    leg_length: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.turned)

    def pair(self, joint: str) -> np.ndarray:
        """Places (T, 2, 3) of the left and the right ``joint``."""
        return np.stack([self.places[f"{side}_{joint}"] for side in SIDES], axis=1)


def acclaim_capture(skeleton: Skeleton, frames: np.ndarray) -> Capture:
    """The capture in Acclaim ``frames`` (T, C) of ``skeleton.channels``.

    Raises BadInput when the skeleton lacks a bone of CMU's.
    """
    lacking = [name for name in CMU_BONES if name not in skeleton.index]
    if lacking:
        raise BadInput(
            f"skeleton '{skeleton.name}' has no bone {', '.join(lacking)}, expected the names of CMU's "
            "skeletons; rename its bones or use CMU's .asf"
        )
    turned, ends = forward_kinematics(skeleton, frames)
    directions, lengths = {}, {}
    for name in CMU_BONES:
        bone = skeleton.bones[skeleton.index[name]]
        directions[name], lengths[name] = np.array(bone.direction), bone.length
    _, rest = forward_kinematics(skeleton, np.zeros((1, len(skeleton.channels))))
    moved = [b.name for b in skeleton.bones[1:] if any(dof[0] != "r" for dof in b.dofs)]
    notes = (f"dropped, SMPL's bones do not stretch: channels of {', '.join(moved)}",)
    return cmu_capture(
        {name: turned[:, skeleton.index[name]] for name in CMU_BONES},
        {name: ends[:, skeleton.index[name]] for name in CMU_BONES},
        directions,
        {name: rest[0, skeleton.index[name]] for name in CMU_BONES},
        notes if moved else (),
    )


def cmu_capture(
    turned: Mapping[str, np.ndarray],
    ends: Mapping[str, np.ndarray],
    directions: Mapping[str, np.ndarray],
    rest_ends: Mapping[str, np.ndarray],
    notes: tuple[str, ...] = (),
) -> Capture:
    """The capture of a skeleton with CMU's bones, given by name.

    ``turned`` (T, 3, 3) away from CMU's rest pose, ``ends`` (T, 3) where bones end, metres,
    ``directions`` (3,) at rest, ``rest_ends`` (3,) where bones end at rest.
    """
    count = len(turned["root"])
    out = np.empty((count, len(JOINT_NAMES), 3, 3))
    for j, name in enumerate(JOINT_NAMES):
        bones = _BONES[name]
        own = turned[bones[0]]
        out[:, j] = own if len(bones) == 1 else halfway(own, turned[bones[1]])
    rest = {
        f"{side}_{joint}": directions[_BONES[f"{side}_{joint}"][0]]
        for side in SIDES
        for joint in CHILD
    }
    hips, shoulders = (
        (rest_ends[f"l{bone}"] + rest_ends[f"r{bone}"]) / 2 for bone in ("hipjoint", "clavicle")
    )
    rest["trunk"] = unit(shoulders - hips)
    legs = [
        np.linalg.norm(rest_ends[s + "tibia"] - rest_ends[s + "femur"])
        + np.linalg.norm(rest_ends[s + "femur"] - rest_ends[s + "hipjoint"])
        for s in "lr"
    ]
    places = {joint: ends[bone] for joint, bone in _ENDS.items()}
    return Capture(out, rest, places, float(np.mean(legs)), notes)
