"""The rest pose of a figure whose zero pose says nothing, from where its joints are over the motion.

Many writers count a bone's rotation in a frame that points along the bone (LAFAN1, Bandai-Namco,
Rokoko): with all angles at zero every bone lies along x, and the figure is a knot. Which way a bone
points in its joint's frame is in the OFFSETs, to the last digit; how the frame is twisted about the bone
is not written anywhere. Joints tell: a knee and an elbow bend in one plane, the hips and the shoulders
lie to the left and the right, a standing sole is level.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.readers.bvh.parser import BvhMotion
from mocap.readers.bvh.rest_bones import (
    ELBOW_AXIS,
    KNEE_AXIS,
    MIRROR,
    REST_BONES,
    REST_HEAD,
    REST_HIPS,
    REST_NECK,
    REST_SPINE,
    SOLE_UP,
    column_direction,
    frames_of,
    typical_vector,
)
from mocap.readers.bvh.segments import (
    HINGE_WANDERS,
    RIGID,
    Segments,
    bone_tip,
    is_free_hinge,
    is_unsteady,
    limb_axis,
    limb_chains,
    wander,
)
from mocap.readers.bvh.skeleton import PlacedJoints
from mocap.retargeting.capture import SIDES
from mocap.rotations import shortest_arc, unit

_LEFTWARD, _UPWARD, _FORWARD = np.eye(3)
_PRIOR_WEIGHT = np.sin(np.radians(4.0)) ** 2  # of an unbent limb's axis against a bent one's
_FREE_PRIOR_WEIGHT = np.sin(np.radians(14.0)) ** 2  # of one whose plane tells every frame's twist
_STANDING_BAND = 0.04  # metres above the lowest where ankles and toes stand, of legs of 0.83 m
_LEVEL = np.cos(np.radians(15.0))  # how near a sole's upward is to where the knee's axis puts it
_LIMP = np.radians(25.0)  # from where a back's bone wanders in the frame of its joint
_TURNS = np.radians(40.0)  # from where a head's or a foot's turns are no person's
_DOUBTED = np.radians(2.0)  # from where a hinge's axis wanders in a file in which another's is free
_USUAL_LEG = 0.83


def estimated_segments(
    motion: BvhMotion,
    placed: PlacedJoints,
    bones: Mapping[str, int],
    rotations: np.ndarray,
    positions: np.ndarray,
) -> Segments:
    """The segments of a figure from where its joints are, whatever its zero pose is.

    Args:
        motion: The file.
        placed: Its joints.
        bones: The joints that carry the limbs' bones.
        rotations: (T, J, 3, 3) of the joints in the world, y up.
        positions: (T, J, 3) of the joints, the file's units.
    """
    return _Estimate(motion, placed, bones, rotations, positions).segments()


class _Estimate:
    """Segments one after the other, from the pelvis outwards."""

    def __init__(
        self,
        motion: BvhMotion,
        placed: PlacedJoints,
        bones: Mapping[str, int],
        rotations: np.ndarray,
        positions: np.ndarray,
    ):
        self.motion, self.placed, self.bones = motion, placed, bones
        self.rotations, self.positions = rotations, positions
        axes = {name: limb_axis(positions, placed, name) for name in bones}
        wrung = any(
            axis is not None and is_free_hinge(rotations[:, bones[name]], axis)
            for name, axis in axes.items()
        )
        # Where one limb's twist means nothing, the others' is believed less.
        self.hinge_limit = _DOUBTED if wrung else HINGE_WANDERS
        self.hips = self._across("hip")
        self.shoulders = self._shoulder_line()
        self.limbs: dict[str, np.ndarray] = {}
        self.directions: dict[str, np.ndarray] = {}

    def joint(self, name: str) -> np.ndarray:
        return self.positions[:, self.placed.limbs[name]]

    def _across(self, joint: str) -> np.ndarray:
        return self.joint(f"left_{joint}") - self.joint(f"right_{joint}")

    def _middle(self, joint: str) -> np.ndarray:
        return (self.joint(f"left_{joint}") + self.joint(f"right_{joint}")) / 2

    def _shoulder_line(self) -> np.ndarray:
        """What lies across the chest: the roots of the collars, where they are apart, or shoulders."""
        shoulders = self._across("shoulder")
        if {"left_collar", "right_collar"} <= set(self.placed.limbs):
            collars = self._across("collar")
            if (
                np.linalg.norm(collars, axis=-1).mean()
                > 0.1 * np.linalg.norm(shoulders, axis=-1).mean()
            ):
                return collars
        return shoulders

    def segments(self) -> Segments:
        pelvis = self._pelvis()
        trunk = self._trunk(pelvis)
        neck, head = self._neck_and_head(trunk[-1])
        for side in SIDES:
            self._leg(side, pelvis)
            self._arm(side, trunk[-1])
        self.directions["trunk"] = self._trunk_direction(pelvis, trunk)
        return Segments(pelvis, trunk, neck, head, self.limbs, self.directions)

    def _pelvis(self) -> np.ndarray:
        joint = self.placed.pelvis
        root, middle = self.positions[:, joint], self._middle("hip")
        spine, rest_bone = np.zeros_like(root), REST_SPINE[0]
        for next_joint in self.placed.trunk:
            spine = self.positions[:, next_joint] - root
            if self._length(spine) > 0.1 * self._length(self.hips):
                break
        # Where the back begins at the root, the hips hang below it.
        if next_joint != self.placed.trunk[0] and self._length(root - middle) > 0.1 * self._length(
            self.hips
        ):
            spine, rest_bone = root - middle, -REST_HIPS
        elif self._length(root - middle) > 0.1 * self._length(self.hips):
            spine = spine + root - middle
        free = wander(self.rotations[:, joint], self.hips) > RIGID
        return self._turned(joint, self.hips, spine, _LEFTWARD, rest_bone, free)

    @staticmethod
    def _length(vectors: np.ndarray) -> float:
        return float(np.linalg.norm(vectors, axis=-1).mean())

    def _trunk(self, pelvis: np.ndarray) -> list[np.ndarray]:
        trunk = self.placed.trunk
        next_joint = self.placed.neck[0] if self.placed.neck else self.placed.head
        following = [*trunk[1:], next_joint]
        out: list[np.ndarray] = []
        for k, (joint, stop) in enumerate(zip(trunk, following, strict=True)):
            share = (k + 1) / len(trunk)
            left = (1 - share) * unit(self.hips) + share * unit(self.shoulders)
            bone = self.positions[:, stop] - self.positions[:, joint]
            rest_bone = column_direction(REST_SPINE, k, len(trunk))
            if self._length(bone) < 1e-3 * self._length(self.shoulders):  # a bone without length
                bone, rest_bone = (out[-1] if out else pelvis)[..., 1], _UPWARD
            out.append(self._column(joint, bone, left, rest_bone))
        return out

    def _column(
        self, joint: int, bone: np.ndarray, left: np.ndarray, rest_bone: np.ndarray
    ) -> np.ndarray:
        """A segment of the back or the neck by where it leads and what lies to the left."""
        frame = self.rotations[:, joint]
        free = wander(frame, left) > _LIMP or wander(frame, bone) > _LIMP
        return self._turned(joint, bone, left, rest_bone, _LEFTWARD, free)

    def _neck_and_head(self, chest: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        joints, head = self.placed.neck, self.placed.head
        neck: list[np.ndarray] = []
        for k, (joint, stop) in enumerate(zip(joints, [*joints[1:], head], strict=True)):
            bone = self.positions[:, stop] - self.positions[:, joint]
            rest_bone = (
                column_direction(REST_NECK, k, len(joints))
                if len(joints) > 1
                else REST_NECK.mean(axis=0)
            )
            if self._length(bone) < 1e-3 * self._length(self.shoulders):
                neck.append(self._following(joint, neck[-1] if neck else chest))
                continue
            neck.append(self._column(joint, bone, self.shoulders, unit(rest_bone)))
        tip, before = bone_tip(self.motion, head), neck[-1] if neck else chest
        frame = self.rotations[:, head]
        if wander(frame, self.shoulders) > _TURNS:
            return neck, before
        if np.linalg.norm(tip) < 1e-9:
            return neck, self._following(head, before)
        return neck, self._turned(head, frame @ tip, self.shoulders, REST_HEAD, _LEFTWARD, False)

    def _leg(self, side: str, pelvis: np.ndarray) -> None:
        mirror = np.ones(3) if side == "left" else MIRROR
        # An axis of rotation is mirrored the other way round than a direction.
        hinge = KNEE_AXIS * -mirror if side == "right" else KNEE_AXIS
        before = pelvis
        for name in ("hip", "knee"):
            before = self._hinged(f"{side}_{name}", before, REST_BONES[name] * mirror, hinge)
        self._foot(side, before, mirror, hinge)

    def _arm(self, side: str, chest: np.ndarray) -> None:
        mirror = np.ones(3) if side == "left" else MIRROR
        hinge = ELBOW_AXIS * -mirror if side == "right" else ELBOW_AXIS
        before, name = chest, f"{side}_collar"
        if name in self.placed.limbs:
            before = self._collar(side, chest)
            self.limbs[name] = before
        for joint in ("shoulder", "elbow"):
            before = self._hinged(f"{side}_{joint}", before, REST_BONES[joint] * mirror, hinge)
        for joint, child in (("wrist", "hand"), ("hand", "")):
            if f"{side}_{joint}" in self.placed.limbs:
                rest_bone = REST_BONES[joint] * mirror
                before = self._tip(f"{side}_{joint}", f"{side}_{child}", before, rest_bone, hinge)
        self.directions.setdefault(f"{side}_wrist", self.directions[f"{side}_elbow"])

    def _collar(self, side: str, chest: np.ndarray) -> np.ndarray:
        """A collar, which rests on the average as the chest does: on CMU's skeletons always.

        Where it leads tells how it turns; about itself it turns with the chest.
        """
        joint = self.bones[f"{side}_collar"]
        bone = self.joint(f"{side}_shoulder") - self.joint(f"{side}_collar")
        rest_bone = np.einsum("tji,tj->i", chest, unit(bone))
        return self._turned(joint, bone, chest[..., 1], rest_bone, _UPWARD, True)

    def _hinged(
        self, name: str, before: np.ndarray, rest_bone: np.ndarray, hinge: np.ndarray
    ) -> np.ndarray:
        """A bone beside a knee or an elbow, whose plane tells its twist; unbent, the bone before."""
        joint, bone = self.bones[name], self._bone(name)
        self.directions[name] = rest_bone
        axis = limb_axis(self.positions, self.placed, name)
        local = np.einsum("tji,tj->ti", before, unit(bone))
        carried = np.einsum("tij,tjk,k->ti", before, shortest_arc(rest_bone, local), hinge)
        if axis is None:  # an arm that ends at the elbow's end site
            axis = np.zeros_like(bone)
        free = is_free_hinge(self.rotations[:, joint], axis, self.hinge_limit)
        weighted = axis * np.linalg.norm(axis, axis=-1, keepdims=True)
        weighted = weighted + (_FREE_PRIOR_WEIGHT if free else _PRIOR_WEIGHT) * carried
        self.limbs[name] = self._turned(joint, bone, weighted, rest_bone, hinge, free)
        return self.limbs[name]

    def _bone(self, name: str) -> np.ndarray:
        """Where a limb's bone leads (T, 3): to the next joint, or to its End Site."""
        for chain in limb_chains(self.placed):
            if name in chain[:-1]:
                return self.joint(chain[chain.index(name) + 1]) - self.joint(name)
        joint = self.placed.limbs[name]
        return self.rotations[:, joint] @ bone_tip(self.motion, joint)

    def _tip(
        self, name: str, child: str, before: np.ndarray, rest_bone: np.ndarray, axis: np.ndarray
    ) -> np.ndarray:
        """A hand: where it leads is known; it is twisted as the bone before, on the average."""
        joint, bone = self.bones[name], self._bone(name)
        if self._length(bone) < 1e-3 * self._length(self.shoulders):
            self.limbs[name] = self._following(joint, before)
        else:
            across = np.einsum("tij,j->ti", before, axis)
            free = wander(self.rotations[:, joint], across) > np.radians(60.0)
            self.limbs[name] = self._turned(joint, bone, across, rest_bone, axis, free)
        if child:
            self.directions[name] = rest_bone
        return self.limbs[name]

    def _foot(self, side: str, shin: np.ndarray, mirror: np.ndarray, hinge: np.ndarray) -> None:
        """The foot, level where it stands, and its toes, level with it there."""
        name, toes = f"{side}_ankle", f"{side}_foot"
        joint, bone = self.bones[name], self._bone(name)
        rest_bone, sole = REST_BONES["ankle"] * mirror, SOLE_UP * mirror
        if self._length(bone) < 1e-3 * self._length(self.shoulders):
            self.limbs[name] = self._following(joint, shin)
            return
        knee_axis = np.einsum("tij,j->ti", shin, hinge)
        free = is_unsteady(self.rotations[:, joint], knee_axis, _TURNS)
        turned = self._turned(joint, bone, knee_axis, rest_bone, hinge, free)
        standing = self._standing(side, bone)
        sole_up = unit(turned[standing, 1].sum(axis=0)) if standing.any() else np.zeros(3)
        if not free and standing.sum() >= 5 and sole_up @ sole > _LEVEL:
            turned = turned @ shortest_arc(sole, sole_up)
        self.limbs[name] = turned
        if toes in self.placed.limbs:
            toe, tip = self.bones[toes], self._bone(toes)
            if free:
                self.limbs[toes] = turned
            elif self._length(tip) < 1e-3 * self._length(self.shoulders):
                self.limbs[toes] = self._following(toe, turned)
            else:
                across = np.einsum("tij,j->ti", turned, hinge)
                self.limbs[toes] = self._turned(toe, tip, across, _FORWARD, hinge, False)

    def _standing(self, side: str, bone: np.ndarray) -> np.ndarray:
        """Frames in which ankle and toes are both about as low as they get."""
        ankle = self.joint(f"{side}_ankle")
        leg = sum(self._length(self._bone(f"{side}_{joint}")) for joint in ("hip", "knee"))
        band = _STANDING_BAND * leg / _USUAL_LEG
        heights = np.stack([ankle[:, 1], (ankle + bone)[:, 1]])
        return (heights < np.percentile(heights, 5, axis=1, keepdims=True) + band).all(axis=0)

    def _turned(
        self,
        joint: int,
        first: np.ndarray,
        second: np.ndarray,
        rest_first: np.ndarray,
        rest_second: np.ndarray,
        free: bool,
    ) -> np.ndarray:
        """Rotations (T, 3, 3) away from rest of what a joint carries.

        In the joint's frame `first` (T, 3) is fixed and `second` (T, 3) is so on the average; at rest
        they are `rest_first` and, as far as it is across that, `rest_second`. Longer vectors count
        more. Where the joint's rotations are `free`, the two vectors tell the rotation frame by frame.
        """
        rest_bone = frames_of(rest_first, rest_second)
        if free:
            return frames_of(first, second) @ rest_bone.T
        frame = self.rotations[:, joint]
        local = [
            typical_vector(np.einsum("tji,tj->ti", frame, vectors)) for vectors in (first, second)
        ]
        return frame @ frames_of(*local) @ rest_bone.T

    def _following(self, joint: int, turned: np.ndarray) -> np.ndarray:
        """Rotations of what a joint carries, on the average those of what `turned`."""
        frame = self.rotations[:, joint]
        steps = np.swapaxes(frame, -1, -2) @ turned
        mean = Rotation.from_matrix(steps).mean().as_matrix()
        return frame @ mean

    def _trunk_direction(self, pelvis: np.ndarray, trunk: list[np.ndarray]) -> np.ndarray:
        """From between the hips to between the shoulders in the rest pose: bone by bone."""
        root = self.positions[:, self.placed.pelvis]
        steps = [(pelvis, root - self._middle("hip"))]
        start = root
        for before, joint in zip([pelvis, *trunk[:-1]], self.placed.trunk, strict=True):
            steps.append((before, self.positions[:, joint] - start))
            start = self.positions[:, joint]
        for side in SIDES:
            name, shoulder = f"{side}_collar", self.joint(f"{side}_shoulder")
            collar = self.joint(name) if name in self.limbs else shoulder
            steps.append((trunk[-1], (collar - start) / 2))
            steps.append((self.limbs.get(name, trunk[-1]), (shoulder - collar) / 2))
        total = sum(np.einsum("tji,tj->ti", turned, step).mean(axis=0) for turned, step in steps)
        return unit(np.asarray(total))
