"""Key poses of the mannequin's actions, easing between them, cycles, manners and unrest.

Directions of arms are (outwards, up, forward) in the chest's frame; angles of key poses
are in degrees. Key poses are joined by minimum-jerk curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from mocap.retargeting.ground import SIDES
from mocap.retargeting.skeleton import Skeleton, axis_rotations
from synth.standins.mannequin import (
    FPS,
    ArmTargets,
    MotionTargets,
    arm_rotation,
    sole_height,
    standing_height,
)

Arm = tuple[Sequence[float], Sequence[float], float]  # upper arm, direction of the bend, degrees
Pose = TypeVar("Pose")
Values = float | Sequence[float] | np.ndarray

HANG: Arm = ((0.14, -1.0, 0.03), (-0.15, 0.1, 1.0), 14.0)
GUARD: Arm = ((0.25, -0.9, 0.3), (-0.45, 0.75, 0.5), 118.0)
FORWARD: Arm = ((0.12, 0.0, 1.0), (-0.1, 1.0, 0.3), 8.0)
OVERHEAD: Arm = ((0.3, 1.0, 0.05), (-0.6, 0.4, 0.3), 18.0)
SIDEWAYS: Arm = ((1.0, 0.05, 0.0), (0.0, 0.4, 0.8), 10.0)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How an action is carried out.

    `tempo`, `size` and `unrest` are 1 as a rule; `lead` is the side that acts, `left` or `right`;
    `variant` is 0, 1 or 2; `phase` in [0, 1) shifts the start.
    """

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
        """The side that does not lead."""
        return "right" if self.manner.lead == "left" else "left"

    def constant(self, value: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """A value (...) at every frame, (T, ...) float64."""
        value = np.asarray(value, dtype=float)
        return np.broadcast_to(value, (len(self.times), *value.shape)).copy()


def action_context(skeleton: Skeleton, manner: Manner, rng: np.random.Generator) -> ActionContext:
    """Prepare an action of `manner.seconds` at the mannequin's frame rate."""
    return ActionContext(skeleton, manner, np.arange(round(manner.seconds * FPS)) / FPS, rng)


def ease(
    times: np.ndarray, keys: Sequence[float], values: Sequence[Values] | np.ndarray
) -> np.ndarray:
    """Join key values by minimum-jerk curves.

    Args:
        times: Times (T,) of the result, seconds.
        keys: Times (K,) of the key values, ascending.
        values: Key values (K, ...).

    Returns:
        Values (T, ...) float64; before the first and after the last key they stay.
    """
    values = np.asarray(values, dtype=float)
    interval, share = _ease_position(times, keys)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return values[interval] * (1 - share) + values[interval + 1] * share


def _ease_position(times: np.ndarray, keys: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The interval between keys of each time, and the eased share of it that is over."""
    key_times = np.asarray(keys, dtype=float)
    interval = np.clip(np.searchsorted(key_times, times, side="right") - 1, 0, len(key_times) - 2)
    duration = key_times[interval + 1] - key_times[interval]
    share = np.clip((times - key_times[interval]) / duration, 0, 1)
    return interval, share**3 * (10 - 15 * share + 6 * share**2)


def ease_arm(
    times: np.ndarray, keys: Sequence[float], arms: Sequence[Arm], side: str
) -> ArmTargets:
    """Move an arm through key poses.

    Args:
        times: Times (T,) of the result, seconds.
        keys: Times (K,) of the key poses, ascending.
        arms: The K key poses.
        side: `left` or `right`.

    Returns:
        Upper arm (T, 3, 3) in the chest's frame, elbow (T,) and forearm twist (T,), radians.
    """
    rotations = np.stack([arm_rotation(upper, bend, side) for upper, bend, _ in arms])
    interval, share = _ease_position(times, keys)
    upper_arm = Slerp(np.arange(len(keys)), Rotation.from_matrix(rotations))(interval + share)
    elbow = ease(times, keys, np.radians([degrees for *_, degrees in arms]))
    return upper_arm.as_matrix(), elbow, np.zeros(len(times))


def repeat_keys(
    s: ActionContext, period: float, idle: Pose, keys: Sequence[float], poses: Sequence[Pose]
) -> tuple[list[float], list[Pose]]:
    """Repeat key poses for as long as the action lasts.

    Args:
        s: Manner and frame times.
        period: Seconds per repetition, at tempo 1.
        idle: Pose before the first repetition.
        keys: Shares (K,) of a period at which the key poses are reached, ascending.
        poses: The K key poses.

    Returns:
        Times in seconds and poses.
    """
    m = s.manner
    period, start = period / m.tempo, 0.25 + 0.35 * m.phase
    times, out = [0.0, start], [idle, idle]
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
    """Targets of someone who stands at ease.

    Args:
        s: Skeleton, manner and frame times.
        width: Metres between the feet.
        stagger: Metres by which the leading foot is ahead.

    Returns:
        Targets, with arrays that an action may change.
    """
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
    """Add small slow wandering of trunk, head and arms, so that nobody stands like a statue."""

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
    """Pelvis rotations (T, 3, 3) that lean `forward` radians, one number or (T,)."""
    return axis_rotations(np.broadcast_to(forward, s.times.shape), "X")


def ease_cycles(
    s: ActionContext,
    period: float,
    keys: Sequence[float],
    values: Sequence[Values] | np.ndarray,
    idle: Values,
) -> np.ndarray:
    """Repeat key values, joined by minimum-jerk curves.

    Args:
        s: Manner and frame times.
        period: Seconds per repetition, at tempo 1.
        keys: Shares (K,) of a period at which the values are reached, ascending.
        values: Key values (K, ...).
        idle: Value (...) before the first repetition.

    Returns:
        Values (T, ...) float64.
    """
    times, out = repeat_keys(s, period, idle, keys, list(values))
    return ease(s.times, times, out)


def arch(gone: np.ndarray) -> np.ndarray:
    """Height (T,) of 0 to 1 of a foot on its way, from the share `gone` (T,) of that way."""
    return 4 * gone * (1 - gone)


def ease_arm_cycles(
    s: ActionContext, period: float, keys: Sequence[float], **arms: Sequence[Arm]
) -> dict[str, ArmTargets]:
    """Move arms through repeated key poses, from hanging.

    Args:
        s: Manner and frame times.
        period: Seconds per repetition, at tempo 1.
        keys: Shares (K,) of a period at which the poses are reached, ascending.
        **arms: The K key poses by side.

    Returns:
        Targets of the arms by side, as `ease_arm` gives them.
    """
    out = {}
    for side, poses in arms.items():
        times, all_poses = repeat_keys(s, period, HANG, keys, poses)
        out[side] = ease_arm(s.times, times, all_poses, side)
    return out
