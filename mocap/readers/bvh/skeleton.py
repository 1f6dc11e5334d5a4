"""The joints of a BVH skeleton by SMPL's names, and the length of its unit.

Two skeletons are CMU's own bones under other names (cgspeed's MotionBuilder files; files with the
Acclaim names). All others, cgspeed's Daz figure among them, are placed by their joints' names and by
the tree they form: the pelvis is where the legs meet, the chest where the arms do.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mocap.errors import BadInput
from mocap.readers.bvh.parser import BvhMotion
from mocap.retargeting.capture import SIDES
from mocap.retargeting.skeleton import CMU_LENGTH, INCH

# cgspeed's MotionBuilder names, joint by joint the CMU bone that begins there.
MOTIONBUILDER = {
    "Hips": "root",
    "LowerBack": "lowerback",
    "Spine": "upperback",
    "Spine1": "thorax",
    "Neck": "lowerneck",
    "Neck1": "upperneck",
    "Head": "head",
    **{
        side + joint: side[0].lower() + bone
        for side in ("Left", "Right")
        for joint, bone in {
            "UpLeg": "femur",
            "Leg": "tibia",
            "Foot": "foot",
            "ToeBase": "toes",
            "Shoulder": "clavicle",
            "Arm": "humerus",
            "ForeArm": "radius",
            "Hand": "wrist",
            "FingerBase": "hand",
            "HandIndex1": "fingers",
        }.items()
    },
}
DAZ = frozenset(
    {"hip", "abdomen", "chest", "neck", "head"}
    | {
        side + joint
        for side in "lr"
        for joint in ("Buttock", "Thigh", "Shin", "Foot", "Collar", "Shldr", "ForeArm", "Hand")
    }
)
_KNOWN_UNITS = (  # metres a unit, what to call it
    (1.0, "metres"),
    (0.01, "centimetres"),
    (0.001, "millimetres"),
    (INCH, "inches"),
    (INCH / CMU_LENGTH, "CMU's units of 1/0.45 inch"),
)
_LEGS = (0.52, 1.15)  # metres, hip to knee to ankle: a child of five to a giant
_USUAL_LEG = 0.83

# What joints are called, by SMPL's name, without side and punctuation; most usual first. Numbers only
# where they tell joints apart.
_WORDS = {
    "hip": ("upleg", "upperleg", "legupper", "thigh", "femur", "hip"),
    "knee": ("lowleg", "lowerleg", "leglower", "shin", "calf", "tibia", "knee", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball", "forefoot"),
    "collar": ("collar", "clavicle", "scapula", "shoulderblade", "shoulder"),
    "shoulder": ("uparm", "upperarm", "armupper", "arm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowarm", "lowerarm", "armlower", "radius", "elbow"),
    "wrist": ("wrist", "hand"),
    "hand": (
        *("fingerbase", "fingers", "handmiddle1", "middle1", "mid1", "middlefinger1"),
        *("fmiddle1", "finger2", "handindex1", "index1", "hand", "middle", "finger"),
    ),
}
_LIMBS = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
# (side, SMPL's joint) -> (rank of the word, index) of the joints so called.
_NamedJoints: TypeAlias = dict[tuple[str, str], list[tuple[int, int]]]
_PARTS = frozenset(word for words in _WORDS.values() for word in words)


@dataclass(frozen=True)
class PlacedJoints:
    """A BVH skeleton's joints by SMPL's names, as indices.

    limbs: "left_hip" and so on; hips, knees, ankles, shoulders, elbows are always there, collars,
    wrists, feet and hands where the file has them. trunk: from above the pelvis to the chest.
    neck: between chest and head. unused: names of joints that nothing is taken from.
    """

    pelvis: int
    trunk: tuple[int, ...]
    neck: tuple[int, ...]
    head: int
    limbs: Mapping[str, int]
    unused: tuple[str, ...]


def is_motionbuilder(motion: BvhMotion) -> bool:
    """Whether the joints are those of cgspeed's MotionBuilder files."""
    return set(motion.names) >= set(MOTIONBUILDER) | {"LHipJoint", "RHipJoint"}


def is_daz(motion: BvhMotion) -> bool:
    """Whether the joints are those of cgspeed's files for the Daz figure."""
    return set(motion.names) >= DAZ


def unit_of_length(leg: float) -> tuple[float, str]:
    """The file's unit of length in metres, and a note for the user on how it was inferred.

    The unit is the one of those in use that makes the leg a person's; no two of them do. Where none
    does the leg is taken to be 0.83 m.

    Args:
        leg: From hip to knee to ankle, in the file's units.
    """
    for size, name in _KNOWN_UNITS:
        if _LEGS[0] <= leg * size <= _LEGS[1]:
            return size, f"lengths are in {name}: the legs are {leg * size:.2f} m"
    size = _USUAL_LEG / leg
    return size, f"a leg of {leg:.4g} is in no usual unit, taken to be {_USUAL_LEG} m"


def metres_per_unit(motion: BvhMotion, leg: float) -> tuple[float, str]:
    """The `unit_of_length` of a leg. Raises BadInput where the leg has no length."""
    if not (np.isfinite(leg) and leg > 1e-9):
        raise BadInput(
            f"{motion.path}: the legs have no length, expected OFFSETs of a person; "
            "fetch the file again"
        )
    return unit_of_length(float(leg))


def place_joints(motion: BvhMotion) -> PlacedJoints:
    """Find SMPL's joints by name and by the tree.

    Raises:
        BadInput: With the names of the joints that cannot be found.
    """
    tree = _Tree(motion)
    named = _by_name(motion)
    limbs: dict[str, int] = {}
    for side in SIDES:
        for chain in _LIMBS:
            limbs.update(_limb(tree, named, side, chain))
    lacking = [
        f"{side}_{joint}"
        for side in SIDES
        for joint in ("hip", "knee", "ankle", "shoulder", "elbow")
        if f"{side}_{joint}" not in limbs
    ] + [
        f"{side}_wrist"
        for side in SIDES
        if f"{side}_elbow" in limbs
        and f"{side}_wrist" not in limbs
        and np.isnan(motion.ends[limbs[f"{side}_elbow"]]).any()
    ]
    pelvis = chest = head = -1
    if not lacking:
        pelvis = tree.common_ancestor(limbs["left_hip"], limbs["right_hip"])
        chest = tree.common_ancestor(limbs["left_shoulder"], limbs["right_shoulder"])
        if pelvis in limbs.values() or chest == pelvis or not tree.descends_from(chest, pelvis):
            lacking.append("spine")
        head = _head(motion, tree, chest)
        if head < 0:
            lacking.append("head")
    if lacking:
        raise BadInput(
            f"{motion.path}: could not place {', '.join(lacking)} among the joints "
            f"{_listed(motion.names)}; rename the joints as in LeftUpLeg, LeftLeg, LeftFoot, LeftArm, "
            "LeftForeArm, LeftHand, Spine, Neck, Head"
        )
    _add_ends(tree, named, limbs, chest)
    trunk = tuple(tree.path(pelvis, chest))
    neck = tuple(tree.path(chest, head)[:-1])
    used = {pelvis, head, *trunk, *neck, *limbs.values()}
    unused = tuple(name for i, name in enumerate(motion.names) if i not in used)
    return PlacedJoints(pelvis, trunk, neck, head, limbs, unused)


class _Tree:
    """The tree that a skeleton's joints form."""

    def __init__(self, motion: BvhMotion):
        self.parents = motion.parents
        self.children: list[list[int]] = [[] for _ in motion.parents]
        for joint, parent in enumerate(motion.parents):
            if parent >= 0:
                self.children[parent].append(joint)
        self.size = [1] * len(self.parents)
        for joint in range(len(self.parents) - 1, 0, -1):  # children come after their parents
            self.size[self.parents[joint]] += self.size[joint]

    def ancestors(self, joint: int) -> list[int]:
        """The joint, its parent, and so on to the root."""
        out = []
        while joint >= 0:
            out.append(joint)
            joint = self.parents[joint]
        return out

    def descends_from(self, joint: int, top: int) -> bool:
        return joint != top and top in self.ancestors(joint)

    def path(self, top: int, joint: int) -> list[int]:
        """From below `top` down to `joint`; nothing if it does not descend from `top`."""
        chain = self.ancestors(joint)
        return chain[: chain.index(top)][::-1] if top in chain else []

    def common_ancestor(self, first: int, second: int) -> int:
        ancestors = set(self.ancestors(second))
        return next((joint for joint in self.ancestors(first) if joint in ancestors), -1)

    def main_child(self, joint: int) -> int | None:
        """The child with which the limb continues: the one with most joints below it."""
        return max(self.children[joint], key=lambda child: self.size[child], default=None)


def plain_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Joints' names without what stands before all of them: "mixamorig:", "mixamorig_"."""
    plain = tuple(name.rsplit(":", 1)[-1] for name in names)
    prefix = plain[0].split("_")[0] + "_"
    if all(name.startswith(prefix) for name in plain):
        plain = tuple(name.removeprefix(prefix) for name in plain)
    return plain if all(plain) and len(set(plain)) == len(names) else names


def words_of(name: str) -> list[str]:
    """The words of a joint's name, lower case: "mixamorig:LeftUpLeg" is left, up, leg."""
    name = name.rsplit(":", 1)[-1]
    pieces = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [piece.lower() for piece in pieces]


def _by_name(motion: BvhMotion) -> _NamedJoints:
    """The joints by side and SMPL's name, the most usual word first."""
    out: _NamedJoints = {}
    for i, name in enumerate(motion.names):
        side, word = side_and_part(name)
        if not side:
            continue
        for joint, words in _WORDS.items():
            if word in words:
                out.setdefault((side, joint), []).append((words.index(word), i))
    return {key: sorted(matches) for key, matches in out.items()}


def side_and_part(name: str) -> tuple[str, str]:
    """("left", "upleg") of a name such as "LeftUpLeg", "lThigh", "Bip01 L Thigh"; no side: ""."""
    words = words_of(name)
    side = ""
    sides = {"left": "left", "l": "left", "lft": "left", "right": "right", "r": "right"}
    sides["rgt"] = "right"
    remaining: list[str] = []
    for word in words:
        if not side and word in sides:
            side = sides[word]
            if remaining and not "".join(remaining).isalpha():  # "Bip01 L Thigh"
                remaining = []
        else:
            remaining.append(word)
    if not side and words:
        for start, matched_side in (
            ("left", "left"),
            ("right", "right"),
            ("l", "left"),
            ("r", "right"),
        ):
            joint_word = words[0][len(start) :]
            if words[0].startswith(start) and joint_word + "".join(words[1:]) in _PARTS:
                return matched_side, joint_word + "".join(words[1:])
    joint_word = "".join(remaining)
    if joint_word not in _PARTS and joint_word.rstrip("0123456789") in _PARTS:
        joint_word = joint_word.rstrip("0123456789")
    if (
        joint_word not in _PARTS
    ):  # a prefix of the skeleton: "character_thigh", "mixamorigLeftUpLeg"
        endings = ("".join(remaining[k:]) for k in range(1, len(remaining)))
        joint_word = next((ending for ending in endings if ending in _PARTS), joint_word)
    return side, joint_word


def _limb(tree: _Tree, named: _NamedJoints, side: str, chain: tuple[str, ...]) -> dict[str, int]:
    """The three joints of a limb: by name, each under the one before; gaps filled along the tree."""
    first, second, third = ([i for _, i in named.get((side, joint), [])][:8] for joint in chain)
    best: tuple[int, ...] = ()
    most_named = 0
    options: list[Sequence[int | None]] = [joints or [None] for joints in (first, second, third)]
    for a, b, c in itertools.product(*options):
        filled = _filled(tree, a, b, c)
        if filled is None or len(set(filled)) != 3:
            continue
        count = sum(joint is not None for joint in (a, b, c))
        if count > most_named:
            best, most_named = filled, count
    if best:
        return {f"{side}_{joint}": i for joint, i in zip(chain, best, strict=True)}
    if chain[0] == "shoulder" and first and second:  # an arm that ends at the elbow's end site
        for a in first:
            for b in second:
                if tree.descends_from(b, a):
                    return {f"{side}_shoulder": a, f"{side}_elbow": b}
    return {}


def _filled(tree: _Tree, a: int | None, b: int | None, c: int | None) -> tuple[int, ...] | None:
    if a is None and b is not None:
        a = tree.parents[b] if tree.parents[b] >= 0 else None
    if b is None and a is not None:
        b = tree.path(a, c)[0] if c is not None and tree.path(a, c) else tree.main_child(a)
    if c is None and b is not None:
        c = tree.main_child(b)
    if a is None or b is None or c is None:
        return None
    return (a, b, c) if tree.descends_from(b, a) and tree.descends_from(c, b) else None


def _head(motion: BvhMotion, tree: _Tree, chest: int) -> int:
    """The joint called head under the chest, else the one after the neck."""
    candidates = [i for i in range(len(motion.names)) if tree.descends_from(i, chest)]
    for i in candidates:
        if "head" in words_of(motion.names[i]):
            return i
    for i in candidates:
        child = tree.main_child(i)
        if "neck" in words_of(motion.names[i]) and child is not None:
            return child
    return -1


def _add_ends(tree: _Tree, named: _NamedJoints, limbs: dict[str, int], chest: int) -> None:
    """Collars, the bases of the toes and the hands, where the file has them."""
    for side in SIDES:
        path = tree.path(chest, limbs[f"{side}_shoulder"])[:-1]
        if path:
            limbs[f"{side}_collar"] = path[-1]
        for joint, after in (("foot", "ankle"), ("hand", "wrist")):
            start = limbs.get(f"{side}_{after}")
            matches = [
                i
                for _, i in named.get((side, joint), [])
                if start is not None and tree.descends_from(i, start)
            ]
            if matches:
                limbs[f"{side}_{joint}"] = matches[0]


def _listed(names: tuple[str, ...], limit: int = 40) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
