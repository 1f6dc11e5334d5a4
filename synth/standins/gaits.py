"""The mannequin's ways of getting about: walk, run, march, sneak, turn on the spot.

One periodic gait serves all: feet are planted in turn along the path, the pelvis moves over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from mocap.retargeting.ground import SIDES
from mocap.retargeting.skeleton import axis_rotations
from synth.standins.keyframes import ActionContext, standing_targets
from synth.standins.mannequin import FPS, MotionTargets, arm_rotation, sole_height


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


def travel(s: ActionContext, g: Gait) -> MotionTargets:
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

    p = standing_targets(s)
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
        @ axis_rotations(s.constant(np.radians(0.35 * g.lean)), "X")
        @ axis_rotations(drop, "Z"),
        spine=np.stack([s.constant(np.radians(0.65 * g.lean)), drop, -1.9 * twist], 1),
        neck=np.stack([s.constant(np.radians(-0.7 * g.lean)), 0 * drop, 0.9 * twist], 1),
    )
    for side in SIDES:
        back = -np.cos(2 * np.pi * phases[side] - 0.2)
        angle = np.radians(g.swing) * m.size * back + np.radians(0.12 * g.swing)
        uppers = np.stack([s.constant(0.16), -np.cos(angle), np.sin(angle)], 1)
        towards = np.stack([s.constant(-0.2), np.sin(angle), np.cos(angle)], 1)
        elbow = np.radians(g.elbow * (1 + 0.25 * back))
        turns = np.stack([arm_rotation(u, w, side) for u, w in zip(uppers, towards)])
        p.arms[side] = (turns, elbow, s.constant(0.0))
    return p


def _monotone(part: np.ndarray, keys: Sequence[float], values: np.ndarray) -> np.ndarray:
    return PchipInterpolator(keys, values)(part)


def walk(s: ActionContext) -> MotionTargets:
    m = s.manner
    turn = (0.0, 22.0, -22.0)[m.variant] * m.size
    return travel(s, Gait(1.3, 0.54, 0.61, 0.055, 18, 46, 0.016, 24, 22, 4, turn=turn))


def run(s: ActionContext) -> MotionTargets:
    m = s.manner
    turn = (0.0, 0.0, 30.0 if m.lead == "left" else -30.0)[m.variant]
    gait = Gait(2.9, 0.36, 0.36, 0.2, 2, 52, -0.035, 42, 92, 14, turn=turn, width=0.07)
    return travel(s, replace(gait, speed=2.9 * (0.8 + 0.2 * m.size), crouch=0.05))


def march(s: ActionContext) -> MotionTargets:
    m = s.manner
    speed = (1.0, 0.0, 0.7)[m.variant]
    gait = Gait(speed, 0.52, 0.56, 0.36 * m.size, 0, 22, 0.012, 48, 12, 0, width=0.15)
    return travel(s, gait)


def sneak(s: ActionContext) -> MotionTargets:
    m = s.manner
    gait = Gait(0.5, 0.85, 0.64, 0.13, 0, 34, 0.01, 8, 75, 34 * m.size, crouch=0.11 * m.size)
    p = travel(s, gait)
    look = np.radians(35.0) * np.sin(2 * np.pi * (0.3 * m.tempo * s.times + m.phase))
    p.neck[:, 2] += look
    return p


def turn(s: ActionContext) -> MotionTargets:
    m = s.manner
    way = 1.0 if m.lead == "left" else -1.0
    rate = (75.0, 110.0, 55.0)[m.variant] * way
    gait = Gait(0.0, 0.42, 0.62, 0.05, 0, 14, 0.005, 7, 16, 2, turn=rate * m.tempo, width=0.2)
    p = travel(s, gait)
    p.neck[:, 2] += way * np.radians(18.0)
    return p
