"""What the mannequin's actions are written with: manners, key poses, easing, cycles, unrest.

Directions of arms are (outwards, up, forward) in the chest's frame; angles are in degrees where they
are written down. Key poses are joined by minimum-jerk curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from mocap.retargeting.ground import SIDES
from mocap.retargeting.skeleton import Skeleton, axis_rotations
from synth.standins.mannequin import (
    FPS,
    MotionTargets,
    arm_rotation,
    sole_height,
    standing_height,
)

Arm = tuple[Sequence[float], Sequence[float], float]  # upper arm, where the elbow bends to, degrees

HANG: Arm = ((0.14, -1.0, 0.03), (-0.15, 0.1, 1.0), 14.0)
GUARD: Arm = ((0.25, -0.9, 0.3), (-0.45, 0.75, 0.5), 118.0)
FORWARD: Arm = ((0.12, 0.0, 1.0), (-0.1, 1.0, 0.3), 8.0)
OVERHEAD: Arm = ((0.3, 1.0, 0.05), (-0.6, 0.4, 0.3), 18.0)
SIDEWAYS: Arm = ((1.0, 0.05, 0.0), (0.0, 0.4, 0.8), 10.0)


@dataclass(frozen=True)
class Manner:
    """How an action is done. tempo, size: 1 is usual; lead: the side that acts; variant: 0, 1 or 2."""

    seconds: float
    tempo: float
    size: float
    lead: str
    variant: int
    unrest: float
    phase: float


@dataclass(frozen=True)
class ActionContext:
    """A skeleton, a manner and the frame times (T,) seconds, with the generator for unrest."""

    skeleton: Skeleton
    manner: Manner
    times: np.ndarray
    rng: np.random.Generator

    @property
    def other(self) -> str:
        return "right" if self.manner.lead == "left" else "left"

    def constant(self, value) -> np.ndarray:
        value = np.asarray(value, dtype=float)
        return np.broadcast_to(value, (len(self.times), *value.shape)).copy()


def action_context(skeleton: Skeleton, manner: Manner, rng: np.random.Generator) -> ActionContext:
    return ActionContext(skeleton, manner, np.arange(round(manner.seconds * FPS)) / FPS, rng)


def ease(times: np.ndarray, keys: Sequence[float], values) -> np.ndarray:
    """Values (K, ...) at `keys` (K,) joined by minimum-jerk curves, at `times` (T,)."""
    values = np.asarray(values, dtype=float)
    place, part = _ease_position(times, keys)
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    return values[place] * (1 - part) + values[place + 1] * part


def _ease_position(times: np.ndarray, keys: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    keys = np.asarray(keys, dtype=float)
    place = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    part = np.clip((times - keys[place]) / (keys[place + 1] - keys[place]), 0, 1)
    return place, part**3 * (10 - 15 * part + 6 * part**2)


def ease_arm(times: np.ndarray, keys: Sequence[float], arms: Sequence[Arm], side: str):
    """Upper arm (T, 3, 3), elbow and twist (T,) through key poses."""
    rotations = np.stack([arm_rotation(upper, towards, side) for upper, towards, _ in arms])
    place, part = _ease_position(times, keys)
    turns = Slerp(np.arange(len(keys)), Rotation.from_matrix(rotations))(place + part)
    elbow = ease(times, keys, np.radians([degrees for *_, degrees in arms]))
    return turns.as_matrix(), elbow, np.zeros(len(times))


def repeat_keys(s: ActionContext, period: float, rest, keys: Sequence[float], poses: Sequence):
    """Key times and poses: at rest, then `poses` at the parts `keys` of every period."""
    m = s.manner
    period, start = period / m.tempo, 0.25 + 0.35 * m.phase
    times, out = [0.0, start], [rest, rest]
    k = 0
    while start + (k + 1) * period < m.seconds + period:
        for key, pose in zip(keys, poses):
            times.append(start + (k + key) * period)
            out.append(pose)
        k += 1
    return times, out


def standing_targets(
    s: ActionContext, *, width: float = 0.2, stagger: float = 0.0
) -> MotionTargets:
    """Standing at ease; `stagger` puts the leading foot that far ahead, metres."""
    balls, yaw = {}, {}
    ground = sole_height(s.skeleton)
    for side in SIDES:
        x = 1.0 if side == "left" else -1.0
        ahead = stagger / 2 if side == s.manner.lead else -stagger / 2
        balls[side] = s.constant([x * (width / 2 + 0.02), ground, 0.1 + ahead])
        yaw[side] = s.constant(x * np.radians(9.0))
    height = standing_height(s.skeleton) - 0.004
    zero = s.constant(0.0)
    return MotionTargets(
        times=s.times,
        hips=s.constant([0.0, height, 0.0]),
        pelvis=s.constant(np.eye(3)),
        spine=s.constant([0.03, 0.0, 0.0]),
        neck=s.constant([-0.02, 0.0, 0.0]),
        arms={side: ease_arm(s.times, [0, 1], [HANG, HANG], side) for side in SIDES},
        balls=balls,
        yaw=yaw,
        pitch={side: zero.copy() for side in SIDES},
    )


def add_unrest(s: ActionContext, p: MotionTargets) -> MotionTargets:
    """Small slow wandering of trunk, head and arms, so that nobody stands like a statue."""

    def wander(shape: tuple[int, ...], size: float) -> np.ndarray:
        noise = s.rng.normal(size=(len(s.times), *shape))
        smooth = gaussian_filter1d(noise, 0.35 * FPS, axis=0, mode="nearest")
        return size * s.manner.unrest * smooth / max(float(smooth.std()), 1e-9)

    arms = {}
    for side, (upper, elbow, twist) in p.arms.items():
        shake = Rotation.from_rotvec(wander((3,), np.radians(1.8))).as_matrix()
        elbow = np.clip(elbow + wander((), np.radians(2.5)), np.radians(3), np.radians(145))
        arms[side] = (shake @ upper, elbow, twist + wander((), np.radians(5)))
    return replace(
        p,
        hips=p.hips + wander((3,), 0.004) * np.array([1.0, 0.2, 1.0]),
        spine=p.spine + wander((3,), np.radians(1.2)),
        neck=p.neck + wander((3,), np.radians(2.0)),
        arms=arms,
    )


def lean_pelvis(s: ActionContext, forward: np.ndarray | float) -> np.ndarray:
    """Pelvis rotations (T, 3, 3) tipped `forward` radians."""
    return axis_rotations(np.broadcast_to(forward, s.times.shape), "X")


def ease_cycles(s: ActionContext, period: float, keys: Sequence[float], values, rest):
    """`values` at the parts `keys` of each period, eased, from `rest`."""
    times, out = repeat_keys(s, period, rest, keys, list(values))
    return ease(s.times, times, out)


def arch(gone: np.ndarray) -> np.ndarray:
    """Height (T,) of 0 to 1 of a foot on its way, from the part `gone` (T,) of that way."""
    return 4 * gone * (1 - gone)


def ease_arm_cycles(s: ActionContext, period: float, keys: Sequence[float], **arms: Sequence[Arm]):
    """Arms through key poses each period, from hanging; `arms` by side."""
    out = {}
    for side, poses in arms.items():
        times, all_poses = repeat_keys(s, period, HANG, keys, poses)
        out[side] = ease_arm(s.times, times, all_poses, side)
    return out
