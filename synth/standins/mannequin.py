"""A mannequin on a CMU-like skeleton that follows targets for feet, pelvis, spine and arms.

The targets of a motion say per frame where the balls of the feet are, how the pelvis stands and
turns, how spine and neck bend, where the arms point. Legs are solved so that feet stay on their
targets. The result is the channels of an Acclaim file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from mocap.retargeting.ground import SIDES, bent_leg
from mocap.retargeting.skeleton import Bone, Skeleton, axis_rotations, ordered_rotation
from mocap.rotations import unit

FPS = 120.0
_LEG_TILT = 20.0  # CMU's rest pose stands with the legs this far apart, degrees
_FOOT_DROP = 15.0
_REACH = 0.995
_TRUNK = ("lowerback", "upperback", "thorax")
_NECK = ("lowerneck", "upperneck", "head")


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Build of a mannequin: height in metres; legs, arms and width as factors of the average."""

    height: float = 1.75
    legs: float = 1.0
    arms: float = 1.0
    width: float = 1.0


def mannequin_skeleton(proportions: Proportions, name: str) -> Skeleton:
    """Make a skeleton with CMU's bones, channels and rest pose (arms out, legs apart).

    Args:
        proportions: Build of the mannequin.
        name: Name of the skeleton, as in its .asf file.

    Returns:
        The skeleton, lengths in metres.
    """
    h, legs, arms = proportions.height, proportions.legs, proportions.arms
    bones = [Bone("root", (0.0, 0.0, 0.0), 0.0, dofs=("tx", "ty", "tz", "rx", "ry", "rz"))]
    parents = {"root": ""}

    def add(
        bone: str,
        parent: str,
        direction: Sequence[float] | np.ndarray,
        length: float,
        axis: tuple[float, float, float] = (0, 0, 0),
        dofs: str = "rx ry rz",
    ) -> None:
        x, y, z = (float(v) for v in unit(np.asarray(direction, dtype=float)))
        a, b, c = (float(v) for v in np.radians(axis))
        bones.append(Bone(bone, (x, y, z), length * h, (a, b, c), "XYZ", tuple(dofs.split())))
        parents[bone] = parent

    back = 0.067
    for bone, parent in zip(_TRUNK, ("root", *_TRUNK)):
        add(bone, parent, (0, 1, -0.03), back)
    for bone, parent in zip(_NECK, ("thorax", *_NECK)):
        add(bone, parent, (0, 1, 0.02), 0.05)
    tilt, drop = np.radians(_LEG_TILT), np.radians(_FOOT_DROP)
    for s, x in (("l", 1.0), ("r", -1.0)):
        shin = np.array([x * np.sin(tilt), -np.cos(tilt), 0.0])
        leg, foot = (0, 0, x * _LEG_TILT), (-90, 0, x * _LEG_TILT)
        add(f"{s}hipjoint", "root", (0.09 * x * proportions.width, -0.1, 0.035), 0.08, dofs="")
        add(f"{s}femur", f"{s}hipjoint", shin, 0.243 * legs, leg)
        add(f"{s}tibia", f"{s}femur", shin, 0.236 * legs, leg, "rx")
        toe = np.sin(drop) * shin + np.cos(drop) * np.array([0.0, 0.0, 1.0])
        add(f"{s}foot", f"{s}tibia", toe, 0.072, foot, "rx rz")
        add(f"{s}toes", f"{s}foot", (0, 0, 1), 0.036, foot, "rx")
        out, upper = (x, 0, 0), (180, -30 * x, -90 * x)
        add(
            f"{s}clavicle",
            "thorax",
            (0.97 * x * proportions.width, 0.24, -0.03),
            0.112,
            dofs="ry rz",
        )
        add(f"{s}humerus", f"{s}clavicle", out, 0.16 * arms, upper)
        add(f"{s}radius", f"{s}humerus", out, 0.1 * arms, upper, "rx")
        add(f"{s}wrist", f"{s}radius", out, 0.046 * arms, (0, 90 * x, 90 * x), "ry")
        add(f"{s}hand", f"{s}wrist", out, 0.025, (0, 90 * x, 90 * x), "rx rz")
        add(f"{s}fingers", f"{s}hand", out, 0.02, (0, 90 * x, 90 * x), "rx")
        add(f"{s}thumb", f"{s}wrist", (x, 0, 1), 0.028, (-90, 45 * x, 0), "rx rz")
    order = ["root"]
    for parent in order:
        order.extend(bone.name for bone in bones if parents[bone.name] == parent)
    ordered = {bone.name: bone for bone in bones}
    return Skeleton(
        tuple(ordered[bone] for bone in order),
        tuple(order.index(parents[bone]) if bone != "root" else -1 for bone in order),
        name,
    )


ArmTargets = tuple[np.ndarray, np.ndarray, np.ndarray]  # upper arm, elbow, forearm twist


@dataclass(kw_only=True)
class MotionTargets:
    """Where a mannequin is to be at `times` (T,) seconds. World: y up, it starts facing +z.

    hips: (T, 3) midpoint of the hip joints, metres; pelvis: (T, 3, 3).
    spine, neck: (T, 3) bends forward, to the left, and turns to the left, radians, over their length.
    arms: by side, upper arm (T, 3, 3) in the chest's frame, elbow (T,) and forearm twist (T,), radians.
    balls: by side (T, 3) ball of the foot; yaw, pitch (T,) of the foot, pitch raises the heel.
    """

    times: np.ndarray
    hips: np.ndarray
    pelvis: np.ndarray
    spine: np.ndarray
    neck: np.ndarray
    arms: dict[str, ArmTargets]
    balls: dict[str, np.ndarray]
    yaw: dict[str, np.ndarray]
    pitch: dict[str, np.ndarray]


def ball_to_ankle(skeleton: Skeleton) -> np.ndarray:
    """Vector (3,) from the ball of a flat foot facing +z to its ankle, metres."""
    length = skeleton.bones[skeleton.index["lfoot"]].length
    drop = np.radians(_FOOT_DROP)
    return length * np.array([0.0, np.sin(drop), -np.cos(drop)])


def sole_height(skeleton: Skeleton) -> float:
    """Height of the ball of a standing foot above the ground, metres."""
    return 0.45 * float(ball_to_ankle(skeleton)[1]) + 0.018


def leg_length(skeleton: Skeleton) -> float:
    """Hip to ankle of the straight leg, metres."""
    return sum(skeleton.bones[skeleton.index[name]].length for name in ("lfemur", "ltibia"))


def standing_height(skeleton: Skeleton) -> float:
    """Height of the hips over the ground with the knees hardly bent, metres."""
    ankle = sole_height(skeleton) + float(ball_to_ankle(skeleton)[1])
    return 0.992 * leg_length(skeleton) + ankle


def arm_rotation(
    direction: Sequence[float] | np.ndarray,
    bend_direction: Sequence[float] | np.ndarray,
    side: str,
) -> np.ndarray:
    """Rotation of an upper arm that points it and sets the plane in which the elbow bends.

    Both vectors are (outwards, up, forward), so that one description serves both arms.

    Args:
        direction: Direction (3,) of the upper arm.
        bend_direction: Direction (3,) to which the elbow bends the forearm.
        side: `left` or `right`.

    Returns:
        Rotation (3, 3) in the chest's frame.
    """
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    upper_arm = unit(np.asarray(direction, dtype=float) * mirror)
    hinge = unit(np.cross(upper_arm, np.asarray(bend_direction, dtype=float) * mirror))
    x = mirror[0]
    rest_hinge = ordered_rotation(np.radians([180, -30 * x, -90 * x]), "XYZ")[:, 0]
    rest_frame = np.stack(
        [np.array([x, 0.0, 0.0]), rest_hinge, np.cross([x, 0.0, 0.0], rest_hinge)], 1
    )
    return np.stack([upper_arm, hinge, np.cross(upper_arm, hinge)], 1) @ rest_frame.T


def solve_channels(skeleton: Skeleton, targets: MotionTargets) -> np.ndarray:
    """Solve a skeleton's channels for a motion's targets.

    Hips sink where a leg would not reach.

    Args:
        skeleton: A mannequin's skeleton.
        targets: Targets of T frames.

    Returns:
        Channels (T, C) as in an Acclaim file: metres and radians.
    """
    solver = _ChannelSolver(skeleton, targets)
    solver.solve_trunk()
    for side in SIDES:
        solver.solve_arm(side)
    solver.solve_legs()
    return solver.channels


class _ChannelSolver:
    """Channels (T, C) and the global rotations (T, 3, 3) of the bones that are solved so far."""

    def __init__(self, skeleton: Skeleton, targets: MotionTargets) -> None:
        self.skeleton, self.targets = skeleton, targets
        self.channels = np.zeros((len(targets.times), len(skeleton.channels)))
        self.rotations = {"root": targets.pelvis}

    def _bone(self, name: str) -> Bone:
        return self.skeleton.bones[self.skeleton.index[name]]

    def _set_channel(self, bone: str, dof: str, values: np.ndarray | float) -> None:
        self.channels[:, self.skeleton.columns[bone, dof]] = values

    def _set_rotation(self, name: str, parent: str, rotation: np.ndarray) -> None:
        """Set the angles with which a bone has the global `rotation` (T, 3, 3), as its dofs allow."""
        bone = self._bone(name)
        frame = ordered_rotation(np.array(bone.axis), bone.axis_order)
        local = rotation
        if parent:
            local = np.swapaxes(self.rotations[parent], -1, -2) @ rotation
        angles = Rotation.from_matrix(frame.T @ local @ frame).as_euler("xyz")
        for k, dof in enumerate(("rx", "ry", "rz")):
            if dof in bone.dofs:
                self._set_channel(name, dof, angles[:, k])
            else:
                angles[:, k] = 0.0
        allowed = frame @ ordered_rotation(angles, "XYZ") @ frame.T
        self.rotations[name] = allowed if not parent else self.rotations[parent] @ allowed

    def solve_trunk(self) -> None:
        """Pelvis, spine and neck."""
        targets = self.targets
        self._set_rotation("root", "", targets.pelvis)
        for names, bends, first in (
            (_TRUNK, targets.spine, "root"),
            (_NECK, targets.neck, "thorax"),
        ):
            share = bends / len(names)
            step = (
                axis_rotations(share[:, 2], "Y")
                @ axis_rotations(share[:, 0], "X")
                @ axis_rotations(-share[:, 1], "Z")
            )
            for bone, parent in zip(names, (first, *names)):
                self._set_rotation(bone, parent, self.rotations[parent] @ step)

    def solve_arm(self, side: str) -> None:
        """Collar bone, arm and hand of a side, after the trunk."""
        s, x = side[0], 1.0 if side == "left" else -1.0
        upper, elbow, twist = self.targets.arms[side]
        chest = self.rotations["thorax"]
        raised = np.arcsin(np.clip(upper[:, 1, 0] * x, -1, 1))  # the collar bone helps above level
        shrug = axis_rotations(x * (0.12 + 0.22 * np.maximum(raised + 0.4, 0.0) - 0.12), "Z")
        self._set_rotation(f"{s}clavicle", "thorax", chest @ shrug)
        self._set_rotation(f"{s}humerus", f"{s}clavicle", chest @ upper)
        self._set_channel(f"{s}radius", "rx", elbow)
        self._set_channel(f"{s}wrist", "ry", twist)
        self._set_channel(f"{s}fingers", "rx", np.radians(7.0))

    def solve_legs(self) -> None:
        """The root's position, legs and feet, after the trunk."""
        skeleton, targets, pelvis = self.skeleton, self.targets, self.rotations["root"]
        to_ankle = ball_to_ankle(skeleton)
        joint = {s: self._bone(f"{s}hipjoint") for s in "lr"}
        offset = {s: np.array(bone.direction) * bone.length for s, bone in joint.items()}
        middle = (offset["l"] + offset["r"]) / 2
        soles, ankles = {}, {}
        for side in SIDES:
            soles[side] = axis_rotations(targets.yaw[side], "Y") @ axis_rotations(
                targets.pitch[side], "X"
            )
            ankles[side] = targets.balls[side] + soles[side] @ to_ankle
        hips = targets.hips.copy()
        reach = _REACH * leg_length(skeleton)
        for _ in range(3):
            excess = np.zeros(len(hips))
            for side in SIDES:
                hip = hips + pelvis @ (offset[side[0]] - middle)
                gap = ankles[side] - hip
                drop = np.sqrt(np.maximum(reach**2 - gap[:, 0] ** 2 - gap[:, 2] ** 2, 1e-4))
                excess = np.maximum(excess, -gap[:, 1] - drop)
            wide = maximum_filter1d(np.maximum(excess, 0.0), 13, mode="nearest")
            hips[:, 1] -= gaussian_filter1d(wide, 4.0, mode="nearest")
        root = hips - pelvis @ middle
        for k, dof in enumerate(("tx", "ty", "tz")):
            self._set_channel("root", dof, root[:, k])
        for side in SIDES:
            s, x = side[0], 1.0 if side == "left" else -1.0
            hip = root + pelvis @ offset[s]
            foot = self._bone(f"{s}foot")
            foot_rotation = soles[side] @ axis_rotations(np.radians(-x * _LEG_TILT), "Z")
            across = pelvis[:, :, 0] + axis_rotations(targets.yaw[side], "Y")[:, :, 0]
            # CMU's ankle has two angles, so a foot is not quite on its target; its ball is.
            for _ in range(3):
                self._bend_leg(side, hip, ankles[side], across)
                self._set_rotation(f"{s}foot", f"{s}tibia", foot_rotation)
                to_ball = self.rotations[f"{s}foot"] @ (np.array(foot.direction) * foot.length)
                ankles[side] = targets.balls[side] - to_ball
            planted = targets.balls[side][:, 1] < sole_height(skeleton) + 0.01
            toes = gaussian_filter1d(
                np.where(planted, targets.pitch[side], 0.0), 3.0, mode="nearest"
            )
            self._set_channel(f"{s}toes", "rx", -np.clip(toes, 0.0, 1.0))

    def _bend_leg(self, side: str, hip: np.ndarray, ankle: np.ndarray, across: np.ndarray) -> None:
        """Thigh and shin from `hip` to `ankle` (T, 3), the knee's hinge along `across` (T, 3)."""
        s, x = side[0], 1.0 if side == "left" else -1.0
        thigh, shin = self._bone(f"{s}femur"), self._bone(f"{s}tibia")
        line = unit(ankle - hip)
        hinge = unit(across - (across * line).sum(-1, keepdims=True) * line)
        knee, ankle = bent_leg(hip, ankle, np.cross(line, hinge), thigh.length, shin.length)
        upper_leg = unit(knee - hip)
        rest_thigh = np.array(thigh.direction)
        rest_hinge = axis_rotations(np.radians(x * _LEG_TILT), "Z")[:, 0]
        rest_frame = np.stack([rest_thigh, rest_hinge, np.cross(rest_thigh, rest_hinge)], 1)
        self._set_rotation(
            f"{s}femur",
            "root",
            np.stack([upper_leg, hinge, np.cross(upper_leg, hinge)], -1) @ rest_frame.T,
        )
        bend = np.arccos(np.clip((upper_leg * unit(ankle - knee)).sum(-1), -1, 1))
        self._set_channel(f"{s}tibia", "rx", bend)
        knee_rotation = Rotation.from_rotvec(bend[:, None] * rest_hinge).as_matrix()
        self.rotations[f"{s}tibia"] = self.rotations[f"{s}femur"] @ knee_rotation
