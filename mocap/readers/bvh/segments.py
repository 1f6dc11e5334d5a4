"""The parts of a figure that turn, and whether joints' rotations and positions agree on how they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mocap.readers.bvh.parser import BvhMotion, bvh_kinematics
from mocap.readers.bvh.skeleton import PlacedJoints, words_of
from mocap.retargeting.capture import SIDES
from mocap.rotations import unit

RIGID = np.radians(3.0)  # how far a direction wanders in the frame of a joint that carries it
HINGE_WANDERS = np.radians(11.0)  # of a knee's or an elbow's axis in the frames of its bones
_IN_LINE = np.cos(np.radians(1.0))
_END_WORDS = (["end"], ["nub"], ["tip"], ["top"], ["site"])
_BENT_SINE = np.sin(np.radians(20.0))  # from where a limb's plane is sure


@dataclass(frozen=True)
class Segments:
    """How the parts of a figure turn away from the rest pose of CMU's skeletons.

    Attributes:
        pelvis, head: (T, 3, 3) rotations in the world, as all others.
        trunk: from above the pelvis to the chest.
        neck: between chest and head.
        limbs: by the joint at which a limb's bone begins.
        directions: (3,) of limb bones in the rest pose, by the same names, and "trunk", from between
            the hips to between the shoulders.
    """

    pelvis: np.ndarray
    trunk: Sequence[np.ndarray]
    neck: Sequence[np.ndarray]
    head: np.ndarray
    limbs: Mapping[str, np.ndarray]
    directions: Mapping[str, np.ndarray]


def limb_chains(placed: PlacedJoints) -> list[tuple[str, ...]]:
    """Names of the limbs' joints, from the trunk outwards, as far as the file has them."""
    chains = (
        ("hip", "knee", "ankle", "foot"),
        ("collar", "shoulder", "elbow", "wrist", "hand"),
    )
    named = [tuple(f"{side}_{joint}" for joint in chain) for side in SIDES for chain in chains]
    return [tuple(name for name in chain if name in placed.limbs) for chain in named]


def carriers(
    motion: BvhMotion, placed: PlacedJoints, rotations: np.ndarray, positions: np.ndarray
) -> dict[str, int]:
    """The joint that carries each limb bone: its first, or one further down that turns it or twists it.

    Args:
        motion: The file.
        placed: Its joints.
        rotations: (T, J, 3, 3) of the joints in the world.
        positions: (T, J, 3) of the joints.
    """
    out = dict(placed.limbs)
    for chain in limb_chains(placed):
        for k, name in enumerate(chain[:-1]):
            start, stop = placed.limbs[name], placed.limbs[chain[k + 1]]
            upwards = [stop]
            while upwards[-1] != start and motion.parents[upwards[-1]] >= 0:
                upwards.append(motion.parents[upwards[-1]])
            candidates = upwards[:0:-1] if upwards[-1] == start else [start]
            if len(candidates) < 2:
                continue
            bone = positions[:, stop] - positions[:, start]
            axis = limb_axis(positions, placed, name)
            out[name] = min(
                candidates,
                key=lambda j: (
                    round(wander(rotations[:, j], bone), 2)
                    + (round(wander(rotations[:, j], axis), 2) if axis is not None else 0.0)
                ),
            )
    return out


def limb_axis(positions: np.ndarray, placed: PlacedJoints, name: str) -> np.ndarray | None:
    """The axis (T, 3) about which a limb's hinge bends, as long as the sine of its bend."""
    side, _, joint = name.partition("_")
    for chain in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        names = [f"{side}_{link}" for link in chain]
        if joint in chain[:2] and all(link in placed.limbs for link in names):
            first, second, third = (positions[:, placed.limbs[link]] for link in names)
            return np.cross(unit(second - first), unit(third - second))
    return None


def is_unsteady(rotations: np.ndarray, vectors: np.ndarray, limit: float) -> bool:
    """Whether vectors (T, 3) wander by more than `limit` in a joint's frame, but for some flips."""
    local = unit(np.einsum("tji,tj->ti", rotations, vectors))
    near = local @ unit(local.sum(axis=0)) > 0.5
    return near.mean() < 0.6 or wander(rotations[near], vectors[near]) > limit


def wander(rotations: np.ndarray, vectors: np.ndarray) -> float:
    """How far (radians) vectors (T, 3) wander in a joint's frame; the longer, the more they count."""
    local = np.einsum("tji,tj->ti", rotations, vectors)
    lengths = np.linalg.norm(local, axis=-1)
    if lengths.sum() < 1e-9:
        return 0.0
    cosine = np.linalg.norm(local.sum(axis=0)) / lengths.sum()
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))


def contradicting_joints(motion: BvhMotion, placed: PlacedJoints) -> list[str]:
    """The `wrung_joints` of a file as it is written."""
    rotations, positions = bvh_kinematics(motion)
    bones = carriers(motion, placed, rotations, positions)
    return wrung_joints(motion, placed, bones, rotations, positions)


def bone_tip(motion: BvhMotion, joint: int) -> np.ndarray:
    """Where the bone of a limb's or the head's last joint ends (3,), in its frame; else zeros.

    That is its End Site, or where an only child is, or one that is called an end.
    """
    tip = np.nan_to_num(motion.ends[joint])
    children = [i for i, parent in enumerate(motion.parents) if parent == joint]
    called_ends = [i for i in children if words_of(motion.names[i])[-1:] in _END_WORDS]
    if not tip.any() and len(called_ends or children) == 1:
        tip = motion.offsets[(called_ends or children)[0]]
    return tip


def past_split_forearms(
    motion: BvhMotion, placed: PlacedJoints, positions: np.ndarray
) -> PlacedJoints:
    """The joints, with wrists where forearms of two bones end.

    Some skeletons, CMU's among them, split the forearm in two, of which the second only twists. Its
    joint is called a hand then, but stays in line with the forearm for ever.

    Args:
        motion: The file.
        placed: Its joints.
        positions: (T, J, 3) of the joints.
    """
    limbs = dict(placed.limbs)
    for side in SIDES:
        elbow, wrist, hand = (limbs.get(f"{side}_{name}") for name in ("elbow", "wrist", "hand"))
        if elbow is None or wrist is None or hand is None:
            continue
        forearm, palm = positions[:, wrist] - positions[:, elbow], positions[:, hand]
        palm = palm - positions[:, wrist]
        in_line = (unit(forearm) * unit(palm)).sum(axis=-1) > _IN_LINE
        onward = [i for i, parent in enumerate(motion.parents) if parent == hand]
        if not in_line.all() or len(onward) != 1 or not motion.offsets[onward[0]].any():
            return placed
        limbs[f"{side}_wrist"], limbs[f"{side}_hand"] = hand, onward[0]
    return replace(placed, limbs=limbs)


def wrung_joints(
    motion: BvhMotion,
    placed: PlacedJoints,
    bones: Mapping[str, int],
    rotations: np.ndarray,
    positions: np.ndarray,
) -> list[str]:
    """Names of joints whose rotations contradict the joints' positions: their twist means nothing.

    Args:
        motion: The file.
        placed: Its joints.
        bones: The joints that carry the limbs' bones.
        rotations: (T, J, 3, 3) of the joints in the world.
        positions: (T, J, 3) of the joints.
    """
    hips = positions[:, placed.limbs["left_hip"]] - positions[:, placed.limbs["right_hip"]]
    out = []
    if wander(rotations[:, placed.pelvis], hips) > RIGID:
        out.append(motion.names[placed.pelvis])
    for name, joint in bones.items():
        axis = limb_axis(positions, placed, name)
        upper = name.endswith(("hip", "shoulder"))
        if axis is not None and upper and is_free_hinge(rotations[:, joint], axis):
            out.append(motion.names[joint])
    return out


def is_free_hinge(rotations: np.ndarray, axis: np.ndarray, limit: float = HINGE_WANDERS) -> bool:
    """Whether a hinge's axis (T, 3), as long as its bend's sine, wanders further in a bone's frame."""
    bent = np.linalg.norm(axis, axis=-1) > _BENT_SINE
    return bool(bent.sum() >= 2 and wander(rotations[bent], axis[bent]) > limit)
