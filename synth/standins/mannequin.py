"""A mannequin on a CMU-like skeleton: it is told where its feet, pelvis, spine and arms are.

A performance gives, frame by frame, what a choreographer would: where the balls of the feet are, how
the pelvis stands and turns, how spine and neck bend, where the arms point. Legs are solved so that feet
stay where they were put. The result is the channels of an Acclaim file.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Proportions:
    """Of a mannequin: height in metres; legs, arms and width as factors of the average."""

    height: float = 1.75
    legs: float = 1.0
    arms: float = 1.0
    width: float = 1.0


def mannequin_skeleton(proportions: Proportions, name: str) -> Skeleton:
    """CMU's bones, channels and rest pose (arms out, legs apart) in the given proportions."""
    h, legs, arms = proportions.height, proportions.legs, proportions.arms
    bones = [Bone("root", (0.0, 0.0, 0.0), 0.0, dofs=("tx", "ty", "tz", "rx", "ry", "rz"))]
    parents = {"root": ""}

    def add(bone: str, parent: str, direction, length: float, axis=(0, 0, 0), dofs="rx ry rz"):
        vector = unit(np.asarray(direction, dtype=float))
        angles = tuple(float(v) for v in np.radians(axis))
        way = tuple(float(v) for v in vector)
        bones.append(Bone(bone, way, length * h, angles, "XYZ", tuple(dofs.split())))
        parents[bone] = parent

    back = 0.067
    for bone, parent in zip(_TRUNK, ("root", *_TRUNK)):
        add(bone, parent, (0, 1, -0.03), back)
    for bone, parent in zip(_NECK, ("thorax", *_NECK)):
        add(bone, parent, (0, 1, 0.02), 0.05)
    tilt, drop = np.radians(_LEG_TILT), np.radians(_FOOT_DROP)
    for s, x in (("l", 1.0), ("r", -1.0)):
        down = np.array([x * np.sin(tilt), -np.cos(tilt), 0.0])
        leg, foot = (0, 0, x * _LEG_TILT), (-90, 0, x * _LEG_TILT)
        add(f"{s}hipjoint", "root", (0.09 * x * proportions.width, -0.1, 0.035), 0.08, dofs="")
        add(f"{s}femur", f"{s}hipjoint", down, 0.243 * legs, leg)
        add(f"{s}tibia", f"{s}femur", down, 0.236 * legs, leg, "rx")
        toe = np.sin(drop) * down + np.cos(drop) * np.array([0.0, 0.0, 1.0])
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


@dataclass
class Performance:
    """What a mannequin does at ``times`` (T,) seconds. World: y up, it starts facing +z.

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
    arms: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
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


def arm_rotation(direction: np.ndarray, towards: np.ndarray, side: str) -> np.ndarray:
    """Upper arm rotation (3, 3) in the chest's frame that points it and bends the elbow ``towards``.

    Both vectors are (outwards, up, forward), so that one description serves both arms.
    """
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    along = unit(np.asarray(direction, dtype=float) * mirror)
    hinge = unit(np.cross(along, np.asarray(towards, dtype=float) * mirror))
    x = mirror[0]
    rest_hinge = ordered_rotation(np.radians([180, -30 * x, -90 * x]), "XYZ")[:, 0]
    rest = np.stack([np.array([x, 0.0, 0.0]), rest_hinge, np.cross([x, 0.0, 0.0], rest_hinge)], 1)
    return np.stack([along, hinge, np.cross(along, hinge)], 1) @ rest.T


def perform(skeleton: Skeleton, performance: Performance) -> np.ndarray:
    """Channels (T, C) of ``skeleton`` for a performance; hips sink where a leg would not reach."""
    count = len(performance.times)
    frames = np.zeros((count, len(skeleton.channels)))
    turned = {"root": performance.pelvis}

    def put(bone: str, parent: str, rotation: np.ndarray) -> None:
        """Write the angles with which ``bone`` has the global ``rotation`` (T, 3, 3)."""
        own = skeleton.bones[skeleton.index[bone]]
        frame = ordered_rotation(np.array(own.axis), own.axis_order)
        local = rotation
        if parent:
            local = np.swapaxes(turned[parent], -1, -2) @ rotation
        angles = Rotation.from_matrix(frame.T @ local @ frame).as_euler("xyz")
        for k, dof in enumerate(("rx", "ry", "rz")):
            if dof in own.dofs:
                frames[:, skeleton.columns[bone, dof]] = angles[:, k]
            else:
                angles[:, k] = 0.0
        done = frame @ ordered_rotation(angles, "XYZ") @ frame.T
        turned[bone] = done if not parent else turned[parent] @ done

    put("root", "", performance.pelvis)
    for names, bends, first in (
        (_TRUNK, performance.spine, "root"),
        (_NECK, performance.neck, "thorax"),
    ):
        share = bends / len(names)
        step = (
            axis_rotations(share[:, 2], "Y")
            @ axis_rotations(share[:, 0], "X")
            @ axis_rotations(-share[:, 1], "Z")
        )
        for bone, parent in zip(names, (first, *names)):
            put(bone, parent, turned[parent] @ step)
    for side in SIDES:
        _put_arm(skeleton, side, performance.arms[side], turned, frames, put)
    _put_legs(skeleton, performance, turned, frames, put)
    return frames


def _put_arm(skeleton, side, arm, turned, frames, put) -> None:
    s, x = side[0], 1.0 if side == "left" else -1.0
    upper, elbow, twist = arm
    raised = np.arcsin(np.clip(upper[:, 1, 0] * x, -1, 1))  # the shoulder blade helps above level
    shrug = axis_rotations(x * (0.12 + 0.22 * np.maximum(raised + 0.4, 0.0) - 0.12), "Z")
    put(f"{s}clavicle", "thorax", turned["thorax"] @ shrug)
    put(f"{s}humerus", f"{s}clavicle", turned["thorax"] @ upper)
    frames[:, skeleton.columns[f"{s}radius", "rx"]] = elbow
    frames[:, skeleton.columns[f"{s}wrist", "ry"]] = twist
    frames[:, skeleton.columns[f"{s}fingers", "rx"]] = np.radians(7.0)


def _put_legs(skeleton, performance, turned, frames, put) -> None:
    to_ankle = ball_to_ankle(skeleton)
    joint = {s: skeleton.bones[skeleton.index[f"{s}hipjoint"]] for s in "lr"}
    offset = {s: np.array(bone.direction) * bone.length for s, bone in joint.items()}
    middle = (offset["l"] + offset["r"]) / 2
    flat, ankles = {}, {}
    for side in SIDES:
        flat[side] = axis_rotations(performance.yaw[side], "Y") @ axis_rotations(
            performance.pitch[side], "X"
        )
        ankles[side] = performance.balls[side] + flat[side] @ to_ankle
    hips = performance.hips.copy()
    reach = _REACH * leg_length(skeleton)
    for _ in range(3):
        excess = np.zeros(len(hips))
        for side in SIDES:
            hip = hips + turned["root"] @ (offset[side[0]] - middle)
            gap = ankles[side] - hip
            down = np.sqrt(np.maximum(reach**2 - gap[:, 0] ** 2 - gap[:, 2] ** 2, 1e-4))
            excess = np.maximum(excess, -gap[:, 1] - down)
        wide = maximum_filter1d(np.maximum(excess, 0.0), 13, mode="nearest")
        hips[:, 1] -= gaussian_filter1d(wide, 4.0, mode="nearest")
    root = hips - turned["root"] @ middle
    for k, dof in enumerate(("tx", "ty", "tz")):
        frames[:, skeleton.columns["root", dof]] = root[:, k]
    for side in SIDES:
        s, x = side[0], 1.0 if side == "left" else -1.0
        hip = root + turned["root"] @ offset[s]
        foot = skeleton.bones[skeleton.index[f"{s}foot"]]
        wanted = flat[side] @ axis_rotations(np.radians(-x * _LEG_TILT), "Z")
        across = turned["root"][:, :, 0] + axis_rotations(performance.yaw[side], "Y")[:, :, 0]
        # CMU's ankle has two angles, so a foot is not quite as wanted; its ball stays where it is.
        for _ in range(3):
            _bend_leg(skeleton, side, hip, ankles[side], across, turned, frames, put)
            put(f"{s}foot", f"{s}tibia", wanted)
            to_ball = turned[f"{s}foot"] @ (np.array(foot.direction) * foot.length)
            ankles[side] = performance.balls[side] - to_ball
        planted = performance.balls[side][:, 1] < sole_height(skeleton) + 0.01
        toes = gaussian_filter1d(
            np.where(planted, performance.pitch[side], 0.0), 3.0, mode="nearest"
        )
        frames[:, skeleton.columns[f"{s}toes", "rx"]] = -np.clip(toes, 0.0, 1.0)


def _bend_leg(skeleton, side, hip, ankle, across, turned, frames, put) -> None:
    """Thigh and shin from ``hip`` to ``ankle`` (T, 3), the knee's hinge along ``across`` (T, 3)."""
    s, x = side[0], 1.0 if side == "left" else -1.0
    thigh, shin = (skeleton.bones[skeleton.index[f"{s}{b}"]] for b in ("femur", "tibia"))
    line = unit(ankle - hip)
    hinge = unit(across - (across * line).sum(-1, keepdims=True) * line)
    knee, ankle = bent_leg(hip, ankle, np.cross(line, hinge), thigh.length, shin.length)
    along = unit(knee - hip)
    down = np.array(thigh.direction)
    rest_hinge = axis_rotations(np.radians(x * _LEG_TILT), "Z")[:, 0]
    rest = np.stack([down, rest_hinge, np.cross(down, rest_hinge)], 1)
    put(f"{s}femur", "root", np.stack([along, hinge, np.cross(along, hinge)], -1) @ rest.T)
    bend = np.arccos(np.clip((along * unit(ankle - knee)).sum(-1), -1, 1))
    frames[:, skeleton.columns[f"{s}tibia", "rx"]] = bend
    turn = Rotation.from_rotvec(bend[:, None] * rest_hinge).as_matrix()
    turned[f"{s}tibia"] = turned[f"{s}femur"] @ turn
