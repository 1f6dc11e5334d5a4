"""Seventeen actions for the mannequin, each with a manner: tempo, size, handedness, variant, unrest.

Periodic actions are written in phase, others as key poses joined by minimum-jerk curves. Directions of
arms are (outwards, up, forward) in the chest's frame; angles in degrees where they are written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from mocap.footing import SIDES
from mocap.skeleton import Skeleton, axis_rotations
from synth.standins.mannequin import (
    FPS,
    Performance,
    arm_rotation,
    leg_length,
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
class Scene:
    """A skeleton, a manner and the frame times (T,) seconds, with the generator for unrest."""

    skeleton: Skeleton
    manner: Manner
    times: np.ndarray
    rng: np.random.Generator

    @property
    def other(self) -> str:
        return "right" if self.manner.lead == "left" else "left"

    def full(self, value) -> np.ndarray:
        value = np.asarray(value, dtype=float)
        return np.broadcast_to(value, (len(self.times), *value.shape)).copy()


def scene(skeleton: Skeleton, manner: Manner, rng: np.random.Generator) -> Scene:
    return Scene(skeleton, manner, np.arange(round(manner.seconds * FPS)) / FPS, rng)


def eased(times: np.ndarray, keys: Sequence[float], values) -> np.ndarray:
    """Values (K, ...) at ``keys`` (K,) joined by minimum-jerk curves, at ``times`` (T,)."""
    values = np.asarray(values, dtype=float)
    place, part = _eased_place(times, keys)
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    return values[place] * (1 - part) + values[place + 1] * part


def _eased_place(times: np.ndarray, keys: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    keys = np.asarray(keys, dtype=float)
    place = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    part = np.clip((times - keys[place]) / (keys[place + 1] - keys[place]), 0, 1)
    return place, part**3 * (10 - 15 * part + 6 * part**2)


def eased_arm(times: np.ndarray, keys: Sequence[float], arms: Sequence[Arm], side: str):
    """Upper arm (T, 3, 3), elbow and twist (T,) through key poses."""
    rotations = np.stack([arm_rotation(upper, towards, side) for upper, towards, _ in arms])
    place, part = _eased_place(times, keys)
    turns = Slerp(np.arange(len(keys)), Rotation.from_matrix(rotations))(place + part)
    elbow = eased(times, keys, np.radians([degrees for *_, degrees in arms]))
    return turns.as_matrix(), elbow, np.zeros(len(times))


def repeated(s: Scene, period: float, rest, keys: Sequence[float], poses: Sequence):
    """Key times and poses: at rest, then ``poses`` at the parts ``keys`` of every period."""
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


def standing(s: Scene, *, width: float = 0.2, stagger: float = 0.0) -> Performance:
    """Standing at ease; ``stagger`` puts the leading foot that far ahead, metres."""
    balls, yaw = {}, {}
    ground = sole_height(s.skeleton)
    for side in SIDES:
        x = 1.0 if side == "left" else -1.0
        ahead = stagger / 2 if side == s.manner.lead else -stagger / 2
        balls[side] = s.full([x * (width / 2 + 0.02), ground, 0.1 + ahead])
        yaw[side] = s.full(x * np.radians(9.0))
    height = standing_height(s.skeleton) - 0.004
    zero = s.full(0.0)
    return Performance(
        times=s.times,
        hips=s.full([0.0, height, 0.0]),
        pelvis=s.full(np.eye(3)),
        spine=s.full([0.03, 0.0, 0.0]),
        neck=s.full([-0.02, 0.0, 0.0]),
        arms={side: eased_arm(s.times, [0, 1], [HANG, HANG], side) for side in SIDES},
        balls=balls,
        yaw=yaw,
        pitch={side: zero.copy() for side in SIDES},
    )


def unrest(s: Scene, p: Performance) -> Performance:
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


def lean(s: Scene, forward: np.ndarray | float) -> np.ndarray:
    """Pelvis rotations (T, 3, 3) tipped ``forward`` radians."""
    return axis_rotations(np.broadcast_to(forward, s.times.shape), "X")


# ------------------------------------------------------------------------------------- on the move


@dataclass(frozen=True)
class Gait:
    """Walking and its relatives. Lengths in metres, angles in degrees, times in seconds."""

    speed: float
    step: float  # seconds a step
    duty: float  # part of the cycle a foot is down
    clearance: float
    strike: float  # toes up at the first contact
    push: float  # heel up at the last
    bob: float  # upwards at mid-stance
    swing: float  # of the arms
    elbow: float
    lean: float
    crouch: float = 0.0
    turn: float = 0.0  # degrees a second, to the left
    width: float = 0.12
    aside: float = 0.0  # degrees between facing and going


def travel(s: Scene, g: Gait) -> Performance:
    """Walk, run, march, turn: feet planted in turn along the path, the pelvis over them."""
    t, m = s.times, s.manner
    step = g.step / m.tempo
    start = m.phase

    def heading(at: np.ndarray) -> np.ndarray:
        return np.radians(g.turn) * at

    fine = np.arange(-3.0, m.seconds + 3.0, 1 / FPS)
    course = heading(fine) + np.radians(g.aside)
    speed = g.speed * m.tempo
    path = np.stack([np.sin(course), np.cos(course)], 1).cumsum(axis=0) * speed / FPS
    path -= [np.interp(0.0, fine, path[:, k]) for k in (0, 1)]

    def where(at: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(at, fine, path[:, k]) for k in (0, 1)], -1)

    p = standing(s)
    ground = sole_height(s.skeleton)
    phases = {}
    for side, offset in zip(SIDES, (0.0, 0.5)):
        x = 1.0 if side == "left" else -1.0
        phase = t / (2 * step) + start + offset
        cycle = np.floor(phase)
        part = phase - cycle
        phases[side] = phase

        def foothold(number: np.ndarray, x=x, offset=offset) -> tuple[np.ndarray, np.ndarray]:
            at = (number + g.duty / 2 - start - offset) * 2 * step
            way = heading(at)
            aside = np.stack([np.cos(way), -np.sin(way)], -1) * x * g.width / 2
            ahead = np.stack([np.sin(way), np.cos(way)], -1) * 0.085
            return where(at) + aside + ahead, way + x * np.radians(6.0)

        here, yaw_here = foothold(cycle)
        there, yaw_there = foothold(cycle + 1)
        s_part = np.clip((part - g.duty) / (1 - g.duty), 0, 1)
        gone = s_part**2 * (3 - 2 * s_part)
        flat = here + (there - here) * gone[:, None]
        keys = np.array([0.0, 0.16, 0.6, 1.0]) * g.duty
        keys = [*keys, g.duty + 0.22 * (1 - g.duty), g.duty + 0.75 * (1 - g.duty), 1.0001]
        angles = np.radians([-g.strike, 0.0, 0.0, g.push, 1.15 * g.push, 0.0, -g.strike])
        p.pitch[side] = gaussian_filter1d(_monotone(part, keys, angles), 1.5, mode="nearest")
        lift = g.clearance * np.sin(np.pi * s_part**0.85) ** 2
        heel = 0.16 * np.sin(np.maximum(-p.pitch[side], 0.0))
        p.balls[side] = np.stack([flat[:, 0], ground + heel + lift, flat[:, 1]], 1)
        p.yaw[side] = yaw_here + (yaw_there - yaw_here) * gone
    left = 2 * np.pi * phases["left"]
    middle = np.pi * g.duty
    position = where(t)
    p.hips[:, 1] += -g.crouch - 0.01 + g.bob * np.cos(2 * (left - middle))
    sway = 0.02 * np.cos(left - middle)
    way = heading(t)
    p.hips[:, 0] = position[:, 0] + sway * np.cos(way)
    p.hips[:, 2] = position[:, 1] - sway * np.sin(way)
    reach = np.radians(6.0) * min(1.0, g.speed)
    twist = -reach * np.cos(left)
    drop = np.radians(3.0) * np.cos(left - middle)
    p = replace(
        p,
        pelvis=axis_rotations(way + twist, "Y")
        @ axis_rotations(s.full(np.radians(0.35 * g.lean)), "X")
        @ axis_rotations(drop, "Z"),
        spine=np.stack([s.full(np.radians(0.65 * g.lean)), drop, -1.9 * twist], 1),
        neck=np.stack([s.full(np.radians(-0.7 * g.lean)), 0 * drop, 0.9 * twist], 1),
    )
    for side in SIDES:
        back = -np.cos(2 * np.pi * phases[side] - 0.2)
        angle = np.radians(g.swing) * m.size * back + np.radians(0.12 * g.swing)
        uppers = np.stack([s.full(0.16), -np.cos(angle), np.sin(angle)], 1)
        towards = np.stack([s.full(-0.2), np.sin(angle), np.cos(angle)], 1)
        elbow = np.radians(g.elbow * (1 + 0.25 * back))
        turns = np.stack([arm_rotation(u, w, side) for u, w in zip(uppers, towards)])
        p.arms[side] = (turns, elbow, s.full(0.0))
    return p


def _monotone(part: np.ndarray, keys: Sequence[float], values: np.ndarray) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(keys, values)(part)


def walk(s: Scene) -> Performance:
    m = s.manner
    turn = (0.0, 22.0, -22.0)[m.variant] * m.size
    return travel(s, Gait(1.3, 0.54, 0.61, 0.055, 18, 46, 0.016, 24, 22, 4, turn=turn))


def run(s: Scene) -> Performance:
    m = s.manner
    turn = (0.0, 0.0, 30.0 if m.lead == "left" else -30.0)[m.variant]
    gait = Gait(2.9, 0.36, 0.36, 0.2, 2, 52, -0.035, 42, 92, 14, turn=turn, width=0.07)
    return travel(s, replace(gait, speed=2.9 * (0.8 + 0.2 * m.size), crouch=0.05))


def march(s: Scene) -> Performance:
    m = s.manner
    speed = (1.0, 0.0, 0.7)[m.variant]
    gait = Gait(speed, 0.52, 0.56, 0.36 * m.size, 0, 22, 0.012, 48, 12, 0, width=0.15)
    return travel(s, gait)


def sneak(s: Scene) -> Performance:
    m = s.manner
    gait = Gait(0.5, 0.85, 0.64, 0.13, 0, 34, 0.01, 8, 75, 34 * m.size, crouch=0.11 * m.size)
    p = travel(s, gait)
    look = np.radians(35.0) * np.sin(2 * np.pi * (0.3 * m.tempo * s.times + m.phase))
    p.neck[:, 2] += look
    return p


def turn(s: Scene) -> Performance:
    m = s.manner
    way = 1.0 if m.lead == "left" else -1.0
    rate = (75.0, 110.0, 55.0)[m.variant] * way
    gait = Gait(0.0, 0.42, 0.62, 0.05, 0, 14, 0.005, 7, 16, 2, turn=rate * m.tempo, width=0.2)
    p = travel(s, gait)
    p.neck[:, 2] += way * np.radians(18.0)
    return p


# -------------------------------------------------------------------------------------- on the spot


def _cyclic(s: Scene, period: float, keys: Sequence[float], values, rest):
    """``values`` at the parts ``keys`` of each period, eased, from ``rest``."""
    times, out = repeated(s, period, rest, keys, list(values))
    return eased(s.times, times, out)


def _arch(gone: np.ndarray) -> np.ndarray:
    """Height (T,) of 0 to 1 of a foot on its way, from the part ``gone`` (T,) of that way."""
    return 4 * gone * (1 - gone)


def _arms(s: Scene, period: float, keys: Sequence[float], **arms: Sequence[Arm]):
    """Arms through key poses each period, from hanging; ``arms`` by side."""
    out = {}
    for side, poses in arms.items():
        times, all_poses = repeated(s, period, HANG, keys, poses)
        out[side] = eased_arm(s.times, times, all_poses, side)
    return out


def wave(s: Scene) -> Performance:
    m, p = s.manner, standing(s)
    wide = 27.0 * m.size
    upper = ((0.85, 0.2, 0.35), (0.9, -0.3, 0.4), (0.7, 0.7, 0.25))[m.variant]
    middle = (85.0, 100.0, 48.0)[m.variant]
    out: Arm = (upper, (-0.1, 1.0, 0.15), middle - wide)
    back: Arm = (upper, (-0.1, 1.0, 0.25), middle + wide)
    p.arms.update(_arms(s, 0.75, (0.5, 1.0), **{m.lead: (out, back)}))
    sign = 1.0 if m.lead == "left" else -1.0
    p.spine[:, 1] -= sign * _cyclic(s, 0.75, (0.5, 1.0), np.radians([3.0, 5.0]), 0.0)
    return p


def clap(s: Scene) -> Performance:
    m, p = s.manner, standing(s)
    height = (-0.75, -0.45, 0.55)[m.variant]
    wide = 0.3 if m.variant == 2 else 0.0
    apart: Arm = ((0.5 * m.size + wide, height, 0.75), (-0.35, 0.75, 0.85), 72.0)
    shut: Arm = ((0.18 + 0.5 * wide, height, 0.75), (-0.95, 0.55, 0.6), 76.0 - 50 * wide)
    arms = _arms(s, 0.55, (0.5, 1.0), left=(apart, shut), right=(apart, shut))
    p.arms.update(arms)
    return p


def punch(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.3, stagger=0.32)
    p.hips[:, 1] -= 0.05
    blow: Arm = ((-0.12, 0.05, 1.0), (0.3, 0.9, 0.3), 8.0)
    if m.variant == 2:
        blow = ((0.35, 0.0, 1.0), (-1.0, 0.1, 0.4), 75.0)  # a hook
    keys = (0.16, 0.34, 0.5, 0.66, 0.84, 1.0)
    second = (GUARD, GUARD, GUARD, blow, GUARD, GUARD)
    if m.variant == 1:  # the leading hand only
        second = (GUARD,) * 6
    first = (blow, GUARD, GUARD, GUARD, GUARD, GUARD)
    period = 1.25
    for side, poses in ((m.lead, first), (s.other, second)):
        times, arms = repeated(s, period, GUARD, keys, poses)
        p.arms[side] = eased_arm(s.times, times, arms, side)
    sign = 1.0 if m.lead == "left" else -1.0
    swing = np.array([-22.0, 8.0, 4.0, 34.0 if m.variant != 1 else 6.0, 6.0, 4.0]) * m.size * sign
    p.spine[:, 2] += _cyclic(s, period, keys, np.radians(swing), 0.0)
    p.neck[:, 2] -= 0.8 * p.spine[:, 2]
    p.spine[:, 0] += np.radians(10.0)
    p.hips[:, 2] += _cyclic(s, period, keys, [0.05, 0.0, 0.0, 0.06, 0.0, 0.0], 0.0)
    p.pitch[s.other] += np.radians(24.0)
    return p


def throw(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.24, stagger=0.0)
    side, sign = m.lead, 1.0 if m.lead == "left" else -1.0
    if m.variant == 1:  # underarm
        cocked: Arm = ((0.2, -0.6, -0.85), (0.0, -0.9, 0.3), 12.0)
        release: Arm = ((0.1, -0.35, 1.0), (0.0, 1.0, 0.4), 12.0)
        after: Arm = ((-0.1, 0.3, 1.0), (-0.2, 1.0, 0.3), 35.0)
    else:
        cocked = ((0.95, 0.25, -0.3), (0.1, 1.0, -0.3), 98.0)
        release = ((0.5, 0.5, 0.8), (-0.1, 0.6, 1.0), 24.0)
        after = ((-0.35, -0.6, 0.7), (-0.4, -0.3, 0.8), 22.0)
    keys, period = (0.3, 0.42, 0.52, 0.68, 1.0), 1.9
    times, arms = repeated(s, period, HANG, keys, (cocked, cocked, release, after, HANG))
    p.arms[side] = eased_arm(s.times, times, arms, side)
    aim: Arm = ((0.3, -0.15, 1.0), (-0.2, 0.6, 0.4), 25.0)
    times, arms = repeated(s, period, HANG, keys, (aim, aim, GUARD, HANG, HANG))
    p.arms[s.other] = eased_arm(s.times, times, arms, s.other)
    twist = np.radians(np.array([38.0, 34.0, -14.0, -34.0, 0.0]) * m.size * sign)
    p.spine[:, 2] += _cyclic(s, period, keys, twist, 0.0)
    p.neck[:, 2] -= 0.75 * p.spine[:, 2]
    p.spine[:, 0] += _cyclic(s, period, keys, np.radians([-8.0, -8.0, 6.0, 22.0, 2.0]), 0.0)
    stride = 0.42 * m.size
    gone = _cyclic(s, period, (0.2, 0.46, 0.7, 1.0), [0.0, 1.0, 1.0, 0.0], 0.0)
    p.balls[s.other][:, 2] += stride * gone
    p.balls[s.other][:, 1] += 0.13 * _arch(gone)
    p.hips[:, 2] += _cyclic(s, period, keys, [-0.06, 0.02, 0.2, 0.26, 0.0], 0.0)
    p.hips[:, 0] += sign * _cyclic(s, period, (0.2, 0.42, 1.0), [0.06, 0.0, 0.0], 0.0)
    p.pitch[side] += _cyclic(s, period, keys, np.radians([0.0, 5.0, 28.0, 40.0, 0.0]), 0.0)
    return p


def kick(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.2)
    side, sign = m.lead, 1.0 if m.lead == "left" else -1.0
    leg = leg_length(s.skeleton)
    keys, period = (0.2, 0.38, 0.5, 0.62, 0.82, 1.0), 1.6
    high = (0.62, 0.35, 0.95)[m.variant] * m.size
    reach = (0.93, 0.8, 0.86)[m.variant] * leg
    start = p.balls[side].copy()
    back = np.array([0.0, 0.06, -0.22])
    chamber = np.array([-0.04 * sign, 0.42, 0.3])
    out = np.array([-0.06 * sign, high, reach])
    moves = [back, chamber, out, chamber, np.array([0.0, 0.1, 0.06]), np.zeros(3)]
    p.balls[side] = start + _cyclic(s, period, keys, moves, np.zeros(3))
    pitch = np.radians([38.0, 30.0, 25.0 if m.variant == 1 else -10.0, 25.0, 8.0, 0.0])
    p.pitch[side] += _cyclic(s, period, keys, pitch, 0.0)
    p.hips[:, 0] -= sign * _cyclic(s, period, keys, [0.08, 0.09, 0.09, 0.09, 0.06, 0.0], 0.0)
    p.hips[:, 2] += _cyclic(s, period, keys, [0.03, 0.0, 0.03, 0.0, 0.0, 0.0], 0.0)
    tip = _cyclic(s, period, keys, np.radians([6.0, -4.0, -16.0, -6.0, 0.0, 0.0]), 0.0)
    p.spine[:, 0] += _cyclic(s, period, keys, np.radians([8.0, 10.0, 14.0, 8.0, 2.0, 0.0]), 0.0)
    for arm in SIDES:
        far: Arm = ((0.7, -0.7, -0.35 if arm == side else 0.45), (0.0, 0.3, 1.0), 40.0)
        times, arms = repeated(s, period, GUARD, keys, (GUARD, GUARD, far, GUARD, GUARD, GUARD))
        p.arms[arm] = eased_arm(s.times, times, arms, arm)
    return replace(p, pelvis=lean(s, tip))


def squat(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.34)
    deep = 0.4 * m.size * leg_length(s.skeleton)
    keys, period = (0.42, 0.55, 0.95, 1.0), 1.9
    down = _cyclic(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    p.hips[:, 1] -= deep * down
    p.hips[:, 2] -= 0.14 * m.size * down
    p.spine[:, 0] += np.radians(24.0) * down
    p.neck[:, 0] -= np.radians(18.0) * down
    for side in SIDES:
        p.yaw[side] *= 1.8
        front = (FORWARD, GUARD, HANG)[m.variant]
        times, arms = repeated(s, period, HANG, keys, (front, front, HANG, HANG))
        p.arms[side] = eased_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean(s, np.radians(26.0) * m.size * down))


def lunge(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.2)
    far = 0.72 * m.size * leg_length(s.skeleton)
    period = 3.4
    keys = (0.02, 0.22, 0.34, 0.5, 0.54, 0.74, 0.86, 1.0)
    sides = (m.lead, s.other if m.variant != 1 else m.lead)
    gone = {side: s.full(0.0) for side in SIDES}
    for number, side in enumerate(sides):
        out = [0, 1, 1, 0, 0, 0, 0, 0] if number == 0 else [0, 0, 0, 0, 0, 1, 1, 0]
        gone[side] += _cyclic(s, period, keys, out, 0.0)
    for side in SIDES:
        rear = "right" if side == "left" else "left"
        p.balls[side][:, 2] += far * gone[side]
        p.balls[side][:, 1] += 0.13 * _arch(gone[side])
        p.pitch[rear] += np.radians(52.0) * gone[side] ** 2
    down = gone["left"] + gone["right"]
    shift, sink = 0.52 * far * down, down**2
    p.hips[:, 2] += shift
    p.hips[:, 1] -= 0.27 * m.size * leg_length(s.skeleton) * sink
    hips: Arm = ((0.75, -0.75, -0.25), (-0.9, -0.1, 0.6), 88.0)
    for side in SIDES:
        pose = (HANG, GUARD, hips)[m.variant]
        p.arms[side] = eased_arm(s.times, [0.0, 0.6, 1.0], [HANG, pose, pose], side)
    return p


def jump(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.22)
    high = 0.26 * m.size
    air = 2 * np.sqrt(2 * high / 9.81)
    far = (0.0, 0.55, 0.0)[m.variant] * m.size
    period = (1.7 + air) / min(m.tempo, 1.1)
    start = 0.25 + 0.35 * m.phase
    part = s.times - start
    number = np.floor(part / (period))
    local = np.where(part < 0, 0.0, part - number * period)
    number = np.maximum(number, 0.0)
    crouch_at, off = 0.5, 0.78
    land = off + air
    keys = [0.0, crouch_at, off, land, land + 0.2, land + 0.65, 99.0]
    bend = eased(local, keys, [0.0, 1.0, 0.05, 0.05, 0.85, 0.0, 0.0])
    flying = (local > off) & (local < land)
    since = np.clip(local - off, 0, air)
    height = np.where(flying, 0.5 * 9.81 * since * (air - since), 0.0)
    height = gaussian_filter1d(height, 2.5, mode="nearest")  # feet leave the ground over 20 ms
    ahead = far * (number + np.clip((local - off) / air, 0, 1))
    p.hips[:, 1] += height - 0.27 * bend
    p.hips[:, 2] += ahead - 0.08 * np.maximum(bend, 0)
    tuck = (0.0, 0.1, 0.2)[m.variant] * np.sin(np.pi * since / air) * flying
    raised = eased(
        local,
        [0, crouch_at, off - 0.06, off + 0.1, land - 0.08, land, 99],
        [0, 0, 0.5, 1, 0.3, 0, 0],
    )
    for side in SIDES:
        p.balls[side][:, 1] += height + tuck
        p.balls[side][:, 2] += ahead + 0.1 * np.sin(np.pi * since / air) * flying * (far > 0)
        p.pitch[side] += np.radians(48.0) * raised
        back: Arm = ((0.25, -0.7, -0.75), (0.0, -0.3, 0.7), 20.0)
        up = OVERHEAD if m.variant != 1 else FORWARD
        cycles = int(np.ceil(m.seconds / (period))) + 1
        times, arms = [0.0], [HANG]
        for k in range(cycles):
            at = start + k * period
            times += [
                at + 0.05,
                at + crouch_at - 0.1,
                at + off + 0.1,
                at + land + 0.1,
                at + land + 0.6,
            ]
            arms += [HANG, back, up, FORWARD, HANG]
        p.arms[side] = eased_arm(s.times, times, arms, side)
    p.spine[:, 0] += np.radians(22.0) * np.maximum(bend, 0)
    return replace(p, pelvis=lean(s, np.radians(24.0) * np.maximum(bend, 0)))


def jumping_jack(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.16)
    period = 1.0
    keys = (0.5, 1.0)
    apart = _cyclic(s, period, keys, [1.0, 0.0], 0.0)
    rate = np.abs(np.gradient(apart, s.times))
    hop = 0.07 * np.clip(rate / max(float(rate.max()), 1e-9), 0, 1)
    wide = (0.22, 0.16, 0.26)[m.variant] * m.size
    for side in SIDES:
        x = 1.0 if side == "left" else -1.0
        p.balls[side][:, 0] += x * wide * apart
        p.balls[side][:, 1] += hop
        p.pitch[side] += np.radians(14.0) + 4.0 * hop
        top: Arm = (OVERHEAD, SIDEWAYS, OVERHEAD)[m.variant]
        p.arms[side] = _arms(
            s, period, (0.22, 0.5, 0.78, 1.0), **{side: (SIDEWAYS, top, SIDEWAYS, HANG)}
        )[side]
    p.hips[:, 1] += 0.9 * hop - 0.02
    return p


def bow(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.16)
    keys, period = (0.4, 0.56, 0.95, 1.0), 2.4
    down = _cyclic(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    depth = (48.0, 70.0, 32.0)[m.variant] * m.size
    p.spine[:, 0] += np.radians(0.55 * depth) * down
    p.neck[:, 0] += np.radians(14.0) * down
    p.hips[:, 2] -= 0.0022 * depth * down
    for side in SIDES:
        low: Arm = ((0.12, -1.0, 0.4), (-0.2, 0.3, 1.0), 12.0)
        if m.variant == 1 and side == m.lead:
            low = ((0.35, -0.75, 0.45), (-1.0, 0.05, 0.15), 95.0)  # hand on the belly
        times, arms = repeated(s, period, HANG, keys, (low, low, HANG, HANG))
        p.arms[side] = eased_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean(s, np.radians(0.5 * depth) * down))


def stretch(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.32)
    keys, period = (0.22, 0.38, 0.5, 0.72, 0.88, 1.0), 3.4
    side_bend = np.radians(np.array([26.0, 26.0, 0.0, -26.0, -26.0, 0.0]) * m.size)
    if m.variant == 2:  # turning instead of bending
        p.spine[:, 2] += _cyclic(s, period, keys, 1.6 * side_bend, 0.0)
    else:
        p.spine[:, 1] += _cyclic(s, period, keys, side_bend, 0.0)
        p.hips[:, 0] -= 0.12 * _cyclic(s, period, keys, side_bend, 0.0)
    pose: Arm = (OVERHEAD, ((0.8, 0.65, 0.0), (-0.6, 0.8, 0.0), 95.0), SIDEWAYS)[m.variant]
    for side in SIDES:
        p.arms[side] = eased_arm(s.times, [0.0, 0.2, 1.0, 2.0], [HANG, HANG, pose, pose], side)
    return p


def pick_up(s: Scene) -> Performance:
    m, p = s.manner, standing(s, width=0.3)
    keys, period = (0.34, 0.46, 0.78, 1.0), 2.8
    down = _cyclic(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    held = _cyclic(s, period, keys, [0.0, 0.3, 1.0, 0.0], 0.0)
    knees = (0.45, 0.22, 0.36)[m.variant] * leg_length(s.skeleton)
    trunk = np.radians((52.0, 92.0, 70.0)[m.variant])
    p.hips[:, 1] -= knees * down
    p.hips[:, 2] -= 0.12 * down
    p.spine[:, 0] += 0.5 * trunk * down
    p.neck[:, 0] += np.radians(12.0) * down
    reach: Arm = ((0.08, 0.25 - np.cos(trunk), 0.3 + np.sin(trunk)), (-0.25, 0.4, 1.0), 10.0)
    carry: Arm = ((0.15, -0.9, 0.35), (-0.35, 0.35, 1.0), 70.0 + 20 * float(held.max()))
    for side in SIDES:
        used = m.variant != 2 or side == m.lead
        poses = (reach, reach, carry, HANG) if used else (HANG,) * 4
        times, arms = repeated(s, period, HANG, keys, poses)
        p.arms[side] = eased_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean(s, 0.5 * trunk * down))


@dataclass(frozen=True)
class Action:
    """A category, how it is performed, and what an index says of its three variants."""

    category: str
    stage: Callable[[Scene], Performance]
    descriptions: tuple[str, str, str]


ACTIONS: tuple[Action, ...] = (
    Action("walk", walk, ("walk", "walk, veer left", "walk, veer right")),
    Action("run", run, ("run/jog", "run", "run in circles")),
    Action("march", march, ("march", "marching in place", "slow march")),
    Action("sneak", sneak, ("sneak", "creeping walk", "walk stealthily")),
    Action("turn", turn, ("turn in place", "quick turn in place", "slow turn in place")),
    Action("jump", jump, ("jump", "forward jump", "jump, tucked legs")),
    Action(
        "jumping_jack", jumping_jack, ("jumping jacks", "half jumping jacks", "wide jumping jacks")
    ),
    Action("squat", squat, ("squats, arms forward", "squats, arms bent", "squats")),
    Action("lunge", lunge, ("lunges", "lunges, one side", "lunges, hands on hips")),
    Action("kick", kick, ("front kick", "kick ball", "high kick")),
    Action("punch", punch, ("boxing", "punch", "punches, hooks")),
    Action("throw", throw, ("throw ball", "underhand toss", "throw overhand")),
    Action("wave", wave, ("wave hello", "wave", "wave, arm up")),
    Action("clap", clap, ("clap hands", "clapping", "clap overhead")),
    Action("bow", bow, ("bow", "deep bow, hand on belly", "small bow")),
    Action("stretch", stretch, ("stretch, side bends", "stretching", "stretch, trunk rotations")),
    Action("pick_up", pick_up, ("pick up box", "bend over, pick up", "pick up with one hand")),
)
