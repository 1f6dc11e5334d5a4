"""Poses of people in the street: walking, standing, riding, their hands free or busy.

Hands go where people's hands go (a telephone, a pocket, a strap, the handlebar, each other) by reaching
for it, so that the same errand looks different from each body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from synth.garments.attire import Luggage
from synth.standins.arm_reach import arm_rotations
from textures.wardrobe.painted_garments import sample_weighted

_J = {name: index for index, name in enumerate(JOINT_NAMES)}
SIDES = (("left", 1), ("right", -1))
BUSY = frozenset({"umbrella", "ridden bicycle", "pushed bicycle"})
"""Luggage that only somebody who holds it as here can have."""
UPPER_ARM, FOREARM = 0.26, 0.235
# What hands do, and how often: one at a time, or both together.
ONE_HAND = {
    "swing": 73, "ear": 3, "look": 6, "pocket": 4, "strap": 4, "hip": 2, "hair": 1, "raised": 2,
    "back": 2, "out": 3,
}  # fmt: skip
BOTH_HANDS = {
    "each": 76, "read": 5, "crossed": 2.5, "pockets": 3, "carry": 4, "behind": 2, "push": 4, "clasp": 3.5,
}  # fmt: skip
# Where a wrist goes, relative to the shoulder of that side as the left arm's (x outwards), and where
# the elbow does: metres and their spread.
_REACHES: dict[str, tuple[tuple[float, float, float], float, tuple[float, float, float]]] = {
    "ear": ((-0.05, 0.17, 0.08), 0.02, (0.7, -0.6, 0.1)),
    "look": ((-0.11, -0.06, 0.3), 0.05, (0.5, -1, -0.1)),
    "pocket": ((0.02, -0.43, 0.06), 0.03, (0.6, 0.1, -0.8)),
    "strap": ((-0.06, -0.1, 0.13), 0.025, (0.6, -1, -0.2)),
    "hip": ((0.0, -0.33, -0.01), 0.03, (1, 0.1, -0.4)),
    "hair": ((-0.1, 0.26, 0.05), 0.04, (1, 0.2, 0.3)),
    "raised": ((0.02, 0.12, 0.35), 0.12, (0.5, -1, 0)),
    "back": ((-0.1, -0.32, -0.16), 0.04, (0.7, 0, -1)),
    "out": ((0.2, -0.22, 0.12), 0.13, (0.3, -0.5, -1)),
    "read": ((-0.1, -0.12, 0.3), 0.05, (0.6, -1, -0.2)),
    "carry": ((-0.04, -0.26, 0.26), 0.06, (0.5, -0.6, -0.8)),
    "push": ((0.1, -0.28, 0.3), 0.04, (0.6, -0.8, -0.4)),
    "ride": ((0.06, -0.14, 0.42), 0.04, (0.8, -0.5, -0.3)),
    "clasp": ((-0.15, -0.36, 0.16), 0.04, (0.8, 0, -0.6)),
    "hold": ((-0.04, -0.04, 0.24), 0.03, (0.5, -1, -0.2)),
}


def sample_street_pose(rng: np.random.Generator, luggage: Sequence[Luggage] = ()) -> np.ndarray:
    """Draw the pose of somebody in the street.

    Args:
        rng: Source of the pose.
        luggage: What they carry: an umbrella is held up, what hangs from a hand keeps it down.

    Returns:
        SMPL pose (24,3), axis-angles; the pelvis faces +z.
    """
    rotations = [Rotation.identity()] * 24
    kinds = {thing.kind for thing in luggage}
    riding = "ridden bicycle" in kinds
    walking = rng.random() < 0.74
    stride = rng.uniform(0.15, 0.62) if walking else abs(rng.normal(0, 0.06))
    phase = rng.uniform(0, 2 * np.pi)
    tasks = _tasks(rng, luggage)
    for side, sign in SIDES:
        angle = phase + (0 if sign > 0 else np.pi)
        _pose_leg(rng, rotations, side, sign, angle, stride)
        swing = -rng.uniform(0.5, 1.0) * stride * np.sin(angle) + rng.normal(0, 0.08)
        rotations[_J[f"{side}_collar"]] = _euler(
            0, rng.normal(0, 0.06), -sign * rng.normal(0.05, 0.06)
        )
        if tasks[side] == "swing":
            _hang_arm(rng, rotations, side, sign, swing, stride)
        else:
            _reach_arm(rng, rotations, side, sign, tasks[side])
    if riding:
        _pose_rider(rng, rotations)
    lean, twist = rng.normal(0.04, 0.06), 0.15 * stride * np.sin(phase) + rng.normal(0, 0.05)
    for name in ("spine1", "spine2", "spine3"):
        rotations[_J[name]] = _euler(
            lean / 2 + rng.normal(0, 0.03) + 0.15 * riding, twist, rng.normal(0, 0.025)
        )
    look = rng.normal(0, 0.35)
    down = rng.normal(0.05, 0.11) + 0.3 * rng.random() * (tasks["left"] in ("look", "read"))
    rotations[_J["neck"]] = _euler(down, 0.4 * look, rng.normal(0, 0.05))
    rotations[_J["head"]] = _euler(rng.normal(0.05, 0.14), 0.6 * look, rng.normal(0, 0.07))
    return np.stack([rotation.as_rotvec() for rotation in rotations])


def _tasks(rng: np.random.Generator, luggage: Sequence[Luggage]) -> dict[str, str]:
    """What each hand does."""
    errand = sample_weighted(rng, BOTH_HANDS)
    tasks = dict.fromkeys(("left", "right"), errand)
    if errand == "each":
        tasks = {side: sample_weighted(rng, ONE_HAND) for side, _ in SIDES}
    elif errand == "pockets":
        tasks = dict.fromkeys(tasks, "pocket")
    elif errand == "behind":
        tasks = dict.fromkeys(tasks, "back")
    for thing in luggage:
        side = "left" if thing.side > 0 else "right"
        if thing.kind == "umbrella":
            tasks[side] = "hold"
        elif thing.kind == "ridden bicycle":
            return {"left": "ride", "right": "ride" if rng.random() < 0.9 else "look"}
        elif thing.kind == "pushed bicycle":
            return dict.fromkeys(tasks, "swing") | {side: "push"}
        elif thing.kind in ("handbag", "carrier") and rng.random() < 0.85:
            tasks[side] = "swing"
        elif thing.kind in ("backpack", "tote") and rng.random() < 0.2:
            tasks[side] = "strap"
    return tasks


def _pose_leg(
    rng: np.random.Generator,
    rotations: list[Rotation],
    side: str,
    sign: int,
    angle: float,
    stride: float,
) -> None:
    forward = stride * np.sin(angle) + 0.1 * stride
    lift = 1.5 * stride * max(0.0, np.cos(angle + 0.3)) ** 1.5
    bend = max(0.0, 0.07 + lift + rng.normal(0, 0.05))
    spread = sign * rng.normal(0.02, 0.05)
    rotations[_J[f"{side}_hip"]] = _euler(-forward, sign * rng.normal(0.06, 0.13), spread)
    rotations[_J[f"{side}_knee"]] = _euler(bend, 0, 0)
    push = 0.4 * max(0.0, -np.sin(angle)) * stride
    rotations[_J[f"{side}_ankle"]] = _euler(rng.normal(0.04, 0.1) + push, rng.normal(0, 0.1), 0)


def _hang_arm(
    rng: np.random.Generator,
    rotations: list[Rotation],
    side: str,
    sign: int,
    swing: float,
    stride: float,
) -> None:
    lowering = rng.normal(1.3, 0.09)
    elbow = abs(rng.normal(0.25, 0.15)) + 0.4 * stride * rng.random()
    twist = rng.normal(0, 0.22)
    upper = Rotation.from_rotvec([swing, 0, 0]) * Rotation.from_rotvec([0, 0, -sign * lowering])
    rotations[_J[f"{side}_shoulder"]] = upper * Rotation.from_rotvec([twist, 0, 0])
    rotations[_J[f"{side}_elbow"]] = Rotation.from_rotvec([0, -sign * elbow, 0])
    rotations[_J[f"{side}_wrist"]] = Rotation.from_rotvec(rng.normal(0, 0.12, 3))


def _reach_arm(
    rng: np.random.Generator, rotations: list[Rotation], side: str, sign: int, task: str
) -> None:
    if task == "crossed":  # each wrist lies at the other elbow
        target = np.array([-0.22, -0.14 + 0.03 * sign, 0.14 + 0.03 * sign])
        spread, pole = 0.02, np.array([0.9, -0.8, 0.2])
    else:
        middle, spread, direction = _REACHES[task]
        target, pole = np.array(middle), np.array(direction)
    target = (target + rng.normal(0, spread, 3)) * (sign, 1, 1)
    pole = (pole + rng.normal(0, 0.15, 3)) * (sign, 1, 1)
    shoulder, elbow = arm_rotations(sign, target, pole, UPPER_ARM, FOREARM)
    rotations[_J[f"{side}_shoulder"]] = shoulder
    rotations[_J[f"{side}_elbow"]] = elbow
    rotations[_J[f"{side}_wrist"]] = Rotation.from_rotvec(rng.normal(0, 0.15, 3))


def _pose_rider(rng: np.random.Generator, rotations: list[Rotation]) -> None:
    crank = rng.uniform(0, 2 * np.pi)
    for side, sign in SIDES:
        lift = 0.95 + 0.35 * sign * np.sin(crank)
        rotations[_J[f"{side}_hip"]] = _euler(-lift, sign * rng.normal(0.12, 0.05), 0)
        rotations[_J[f"{side}_knee"]] = _euler(rng.uniform(0.9, 1.25) * lift, 0, 0)
        rotations[_J[f"{side}_ankle"]] = _euler(0.15, 0, 0)


def _euler(x: float, y: float, z: float) -> Rotation:
    return Rotation.from_euler("xyz", [x, y, z])
