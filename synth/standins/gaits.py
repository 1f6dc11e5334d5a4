"""The mannequin's gaits: walk, run, march, sneak, turn on the spot.

One periodic gait serves all: feet are planted in turn along the path, the pelvis moves over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from mocap.retargeting.ground import SIDES
from mocap.retargeting.skeleton import axis_rotations
from synth.standins.keyframes import ActionContext, standing_targets
from synth.standins.mannequin import FPS, MotionTargets, arm_rotation, sole_height


@dataclass(frozen=True, kw_only=True)
class Gait:
    """A periodic gait. Lengths in metres, angles in degrees, times in seconds."""

    speed: float
    step: float  # seconds per step
    duty: float  # share of the cycle for which a foot is on the ground
    clearance: float
    strike: float  # toes up at the first contact
    push: float  # heel up at the last
    bob: float  # upwards at mid-stance
    swing: float  # of the arms
    elbow: float
    lean: float
    crouch: float = 0.0
    turn: float = 0.0  # degrees per second, to the left
    width: float = 0.12
    aside: float = 0.0  # degrees between facing and going


def travel(s: ActionContext, g: Gait) -> MotionTargets:
    """Move along a path: feet planted in turn on it, the pelvis over them.

    Args:
        s: Skeleton, manner and frame times.
        g: The gait.

    Returns:
        Targets of the motion, which begins at the origin, facing +z.
    """
    t, m = s.times, s.manner
    step = g.step / m.tempo
    start = m.phase

    def heading(time: np.ndarray) -> np.ndarray:
        return np.radians(g.turn) * time

    fine = np.arange(-3.0, m.seconds + 3.0, 1 / FPS)
    course = heading(fine) + np.radians(g.aside)
    speed = g.speed * m.tempo
    path = np.stack([np.sin(course), np.cos(course)], 1).cumsum(axis=0) * speed / FPS
    path -= [np.interp(0.0, fine, path[:, k]) for k in (0, 1)]

    def position_at(time: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(time, fine, path[:, k]) for k in (0, 1)], -1)

    p = standing_targets(s)
    ground = sole_height(s.skeleton)
    phases = {}
    for side, offset in zip(SIDES, (0.0, 0.5)):
        x = 1.0 if side == "left" else -1.0
        phase = t / (2 * step) + start + offset
        cycle = np.floor(phase)
        progress = phase - cycle
        phases[side] = phase

        def footprint(
            number: np.ndarray, x: float = x, offset: float = offset
        ) -> tuple[np.ndarray, np.ndarray]:
            time = (number + g.duty / 2 - start - offset) * 2 * step
            way = heading(time)
            aside = np.stack([np.cos(way), -np.sin(way)], -1) * x * g.width / 2
            ahead = np.stack([np.sin(way), np.cos(way)], -1) * 0.085
            return position_at(time) + aside + ahead, way + x * np.radians(6.0)

        print_from, yaw_from = footprint(cycle)
        print_to, yaw_to = footprint(cycle + 1)
        swing = np.clip((progress - g.duty) / (1 - g.duty), 0, 1)
        gone = swing**2 * (3 - 2 * swing)
        flat = print_from + (print_to - print_from) * gone[:, None]
        stance = np.array([0.0, 0.16, 0.6, 1.0]) * g.duty
        keys = [*stance, g.duty + 0.22 * (1 - g.duty), g.duty + 0.75 * (1 - g.duty), 1.0001]
        angles = np.radians([-g.strike, 0.0, 0.0, g.push, 1.15 * g.push, 0.0, -g.strike])
        p.pitch[side] = gaussian_filter1d(
            PchipInterpolator(keys, angles)(progress), 1.5, mode="nearest"
        )
        lift = g.clearance * np.sin(np.pi * swing**0.85) ** 2
        heel = 0.16 * np.sin(np.maximum(-p.pitch[side], 0.0))
        p.balls[side] = np.stack([flat[:, 0], ground + heel + lift, flat[:, 1]], 1)
        p.yaw[side] = yaw_from + (yaw_to - yaw_from) * gone
    left = 2 * np.pi * phases["left"]
    middle = np.pi * g.duty
    position = position_at(t)
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
        bends = np.stack([s.constant(-0.2), np.sin(angle), np.cos(angle)], 1)
        elbow = np.radians(g.elbow * (1 + 0.25 * back))
        rotations = np.stack([arm_rotation(u, b, side) for u, b in zip(uppers, bends)])
        p.arms[side] = (rotations, elbow, s.constant(0.0))
    return p


def walk(s: ActionContext) -> MotionTargets:
    """Walk, straight on or veering."""
    m = s.manner
    turn = (0.0, 22.0, -22.0)[m.variant] * m.size
    gait = Gait(
        speed=1.3,
        step=0.54,
        duty=0.61,
        clearance=0.055,
        strike=18,
        push=46,
        bob=0.016,
        swing=24,
        elbow=22,
        lean=4,
        turn=turn,
    )
    return travel(s, gait)


def run(s: ActionContext) -> MotionTargets:
    """Run, straight on or in a circle."""
    m = s.manner
    turn = (0.0, 0.0, 30.0 if m.lead == "left" else -30.0)[m.variant]
    gait = Gait(
        speed=2.9,
        step=0.36,
        duty=0.36,
        clearance=0.2,
        strike=2,
        push=52,
        bob=-0.035,
        swing=42,
        elbow=92,
        lean=14,
        turn=turn,
        width=0.07,
    )
    return travel(s, replace(gait, speed=2.9 * (0.8 + 0.2 * m.size), crouch=0.05))


def march(s: ActionContext) -> MotionTargets:
    """March with high knees, forward or in place."""
    m = s.manner
    speed = (1.0, 0.0, 0.7)[m.variant]
    gait = Gait(
        speed=speed,
        step=0.52,
        duty=0.56,
        clearance=0.36 * m.size,
        strike=0,
        push=22,
        bob=0.012,
        swing=48,
        elbow=12,
        lean=0,
        width=0.15,
    )
    return travel(s, gait)


def sneak(s: ActionContext) -> MotionTargets:
    """Creep with bent knees, looking about."""
    m = s.manner
    gait = Gait(
        speed=0.5,
        step=0.85,
        duty=0.64,
        clearance=0.13,
        strike=0,
        push=34,
        bob=0.01,
        swing=8,
        elbow=75,
        lean=34 * m.size,
        crouch=0.11 * m.size,
    )
    p = travel(s, gait)
    look = np.radians(35.0) * np.sin(2 * np.pi * (0.3 * m.tempo * s.times + m.phase))
    p.neck[:, 2] += look
    return p


def turn(s: ActionContext) -> MotionTargets:
    """Turn in place by small steps."""
    m = s.manner
    way = 1.0 if m.lead == "left" else -1.0
    rate = (75.0, 110.0, 55.0)[m.variant] * way
    gait = Gait(
        speed=0.0,
        step=0.42,
        duty=0.62,
        clearance=0.05,
        strike=0,
        push=14,
        bob=0.005,
        swing=7,
        elbow=16,
        lean=2,
        turn=rate * m.tempo,
        width=0.2,
    )
    p = travel(s, gait)
    p.neck[:, 2] += way * np.radians(18.0)
    return p
