"""Seventeen actions for the mannequin: five gaits, and twelve on the spot.

An action turns a context (skeleton, manner, frame times) into the mannequin's targets; a new one is
a function and a line of `ACTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mocap.retargeting.ground import SIDES
from synth.standins.gaits import march, run, sneak, turn, walk
from synth.standins.keyframes import (
    FORWARD,
    GUARD,
    HANG,
    OVERHEAD,
    SIDEWAYS,
    ActionContext,
    Arm,
    arch,
    ease,
    ease_arm,
    ease_arm_cycles,
    ease_cycles,
    lean_pelvis,
    repeat_keys,
    standing_targets,
)
from synth.standins.mannequin import MotionTargets, leg_length


def wave(s: ActionContext) -> MotionTargets:
    """Wave with the leading hand."""
    m, p = s.manner, standing_targets(s)
    wide = 27.0 * m.size
    upper = ((0.85, 0.2, 0.35), (0.9, -0.3, 0.4), (0.7, 0.7, 0.25))[m.variant]
    middle = (85.0, 100.0, 48.0)[m.variant]
    out: Arm = (upper, (-0.1, 1.0, 0.15), middle - wide)
    back: Arm = (upper, (-0.1, 1.0, 0.25), middle + wide)
    p.arms.update(ease_arm_cycles(s, 0.75, (0.5, 1.0), **{m.lead: (out, back)}))
    sign = 1.0 if m.lead == "left" else -1.0
    p.spine[:, 1] -= sign * ease_cycles(s, 0.75, (0.5, 1.0), np.radians([3.0, 5.0]), 0.0)
    return p


def clap(s: ActionContext) -> MotionTargets:
    """Clap both hands."""
    m, p = s.manner, standing_targets(s)
    height = (-0.75, -0.45, 0.55)[m.variant]
    wide = 0.3 if m.variant == 2 else 0.0
    apart: Arm = ((0.5 * m.size + wide, height, 0.75), (-0.35, 0.75, 0.85), 72.0)
    shut: Arm = ((0.18 + 0.5 * wide, height, 0.75), (-0.95, 0.55, 0.6), 76.0 - 50 * wide)
    arms = ease_arm_cycles(s, 0.55, (0.5, 1.0), left=(apart, shut), right=(apart, shut))
    p.arms.update(arms)
    return p


def punch(s: ActionContext) -> MotionTargets:
    """Box: both fists, one fist or hooks."""
    m, p = s.manner, standing_targets(s, width=0.3, stagger=0.32)
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
        times, arms = repeat_keys(s, period, GUARD, keys, poses)
        p.arms[side] = ease_arm(s.times, times, arms, side)
    sign = 1.0 if m.lead == "left" else -1.0
    swing = np.array([-22.0, 8.0, 4.0, 34.0 if m.variant != 1 else 6.0, 6.0, 4.0]) * m.size * sign
    p.spine[:, 2] += ease_cycles(s, period, keys, np.radians(swing), 0.0)
    p.neck[:, 2] -= 0.8 * p.spine[:, 2]
    p.spine[:, 0] += np.radians(10.0)
    p.hips[:, 2] += ease_cycles(s, period, keys, [0.05, 0.0, 0.0, 0.06, 0.0, 0.0], 0.0)
    p.pitch[s.other] += np.radians(24.0)
    return p


def throw(s: ActionContext) -> MotionTargets:
    """Throw overarm or underarm."""
    m, p = s.manner, standing_targets(s, width=0.24, stagger=0.0)
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
    times, arms = repeat_keys(s, period, HANG, keys, (cocked, cocked, release, after, HANG))
    p.arms[side] = ease_arm(s.times, times, arms, side)
    aim: Arm = ((0.3, -0.15, 1.0), (-0.2, 0.6, 0.4), 25.0)
    times, arms = repeat_keys(s, period, HANG, keys, (aim, aim, GUARD, HANG, HANG))
    p.arms[s.other] = ease_arm(s.times, times, arms, s.other)
    twist = np.radians(np.array([38.0, 34.0, -14.0, -34.0, 0.0]) * m.size * sign)
    p.spine[:, 2] += ease_cycles(s, period, keys, twist, 0.0)
    p.neck[:, 2] -= 0.75 * p.spine[:, 2]
    p.spine[:, 0] += ease_cycles(s, period, keys, np.radians([-8.0, -8.0, 6.0, 22.0, 2.0]), 0.0)
    stride = 0.42 * m.size
    gone = ease_cycles(s, period, (0.2, 0.46, 0.7, 1.0), [0.0, 1.0, 1.0, 0.0], 0.0)
    p.balls[s.other][:, 2] += stride * gone
    p.balls[s.other][:, 1] += 0.13 * arch(gone)
    p.hips[:, 2] += ease_cycles(s, period, keys, [-0.06, 0.02, 0.2, 0.26, 0.0], 0.0)
    p.hips[:, 0] += sign * ease_cycles(s, period, (0.2, 0.42, 1.0), [0.06, 0.0, 0.0], 0.0)
    p.pitch[side] += ease_cycles(s, period, keys, np.radians([0.0, 5.0, 28.0, 40.0, 0.0]), 0.0)
    return p


def kick(s: ActionContext) -> MotionTargets:
    """Kick forward with the leading leg."""
    m, p = s.manner, standing_targets(s, width=0.2)
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
    p.balls[side] = start + ease_cycles(s, period, keys, moves, np.zeros(3))
    pitch = np.radians([38.0, 30.0, 25.0 if m.variant == 1 else -10.0, 25.0, 8.0, 0.0])
    p.pitch[side] += ease_cycles(s, period, keys, pitch, 0.0)
    p.hips[:, 0] -= sign * ease_cycles(s, period, keys, [0.08, 0.09, 0.09, 0.09, 0.06, 0.0], 0.0)
    p.hips[:, 2] += ease_cycles(s, period, keys, [0.03, 0.0, 0.03, 0.0, 0.0, 0.0], 0.0)
    tip = ease_cycles(s, period, keys, np.radians([6.0, -4.0, -16.0, -6.0, 0.0, 0.0]), 0.0)
    p.spine[:, 0] += ease_cycles(s, period, keys, np.radians([8.0, 10.0, 14.0, 8.0, 2.0, 0.0]), 0.0)
    for arm in SIDES:
        far: Arm = ((0.7, -0.7, -0.35 if arm == side else 0.45), (0.0, 0.3, 1.0), 40.0)
        times, arms = repeat_keys(s, period, GUARD, keys, (GUARD, GUARD, far, GUARD, GUARD, GUARD))
        p.arms[arm] = ease_arm(s.times, times, arms, arm)
    return replace(p, pelvis=lean_pelvis(s, tip))


def squat(s: ActionContext) -> MotionTargets:
    """Squat with both feet on the ground."""
    m, p = s.manner, standing_targets(s, width=0.34)
    deep = 0.4 * m.size * leg_length(s.skeleton)
    keys, period = (0.42, 0.55, 0.95, 1.0), 1.9
    depth = ease_cycles(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    p.hips[:, 1] -= deep * depth
    p.hips[:, 2] -= 0.14 * m.size * depth
    p.spine[:, 0] += np.radians(24.0) * depth
    p.neck[:, 0] -= np.radians(18.0) * depth
    for side in SIDES:
        p.yaw[side] *= 1.8
        front = (FORWARD, GUARD, HANG)[m.variant]
        times, arms = repeat_keys(s, period, HANG, keys, (front, front, HANG, HANG))
        p.arms[side] = ease_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean_pelvis(s, np.radians(26.0) * m.size * depth))


def lunge(s: ActionContext) -> MotionTargets:
    """Step far forward and sink, side after side."""
    m, p = s.manner, standing_targets(s, width=0.2)
    far = 0.72 * m.size * leg_length(s.skeleton)
    period = 3.4
    keys = (0.02, 0.22, 0.34, 0.5, 0.54, 0.74, 0.86, 1.0)
    sides = (m.lead, s.other if m.variant != 1 else m.lead)
    gone = {side: s.constant(0.0) for side in SIDES}
    for number, side in enumerate(sides):
        out = [0, 1, 1, 0, 0, 0, 0, 0] if number == 0 else [0, 0, 0, 0, 0, 1, 1, 0]
        gone[side] += ease_cycles(s, period, keys, out, 0.0)
    for side in SIDES:
        rear = "right" if side == "left" else "left"
        p.balls[side][:, 2] += far * gone[side]
        p.balls[side][:, 1] += 0.13 * arch(gone[side])
        p.pitch[rear] += np.radians(52.0) * gone[side] ** 2
    depth = gone["left"] + gone["right"]
    shift, sink = 0.52 * far * depth, depth**2
    p.hips[:, 2] += shift
    p.hips[:, 1] -= 0.27 * m.size * leg_length(s.skeleton) * sink
    hips: Arm = ((0.75, -0.75, -0.25), (-0.9, -0.1, 0.6), 88.0)
    for side in SIDES:
        pose = (HANG, GUARD, hips)[m.variant]
        p.arms[side] = ease_arm(s.times, [0.0, 0.6, 1.0], [HANG, pose, pose], side)
    return p


def jump(s: ActionContext) -> MotionTargets:
    """Jump with both feet."""
    m, p = s.manner, standing_targets(s, width=0.22)
    high = 0.26 * m.size
    air = 2 * np.sqrt(2 * high / 9.81)
    far = (0.0, 0.55, 0.0)[m.variant] * m.size
    period = (1.7 + air) / min(m.tempo, 1.1)
    start = 0.25 + 0.35 * m.phase
    elapsed = s.times - start
    number = np.floor(elapsed / (period))
    local = np.where(elapsed < 0, 0.0, elapsed - number * period)
    number = np.maximum(number, 0.0)
    crouch, takeoff = 0.5, 0.78
    landing = takeoff + air
    keys = [0.0, crouch, takeoff, landing, landing + 0.2, landing + 0.65, 99.0]
    bend = ease(local, keys, [0.0, 1.0, 0.05, 0.05, 0.85, 0.0, 0.0])
    flying = (local > takeoff) & (local < landing)
    airborne = np.clip(local - takeoff, 0, air)
    height = np.where(flying, 0.5 * 9.81 * airborne * (air - airborne), 0.0)
    height = gaussian_filter1d(height, 2.5, mode="nearest")  # feet leave the ground over 20 ms
    ahead = far * (number + np.clip((local - takeoff) / air, 0, 1))
    p.hips[:, 1] += height - 0.27 * bend
    p.hips[:, 2] += ahead - 0.08 * np.maximum(bend, 0)
    tuck = (0.0, 0.1, 0.2)[m.variant] * np.sin(np.pi * airborne / air) * flying
    raised = ease(
        local,
        [0, crouch, takeoff - 0.06, takeoff + 0.1, landing - 0.08, landing, 99],
        [0, 0, 0.5, 1, 0.3, 0, 0],
    )
    for side in SIDES:
        p.balls[side][:, 1] += height + tuck
        p.balls[side][:, 2] += ahead + 0.1 * np.sin(np.pi * airborne / air) * flying * (far > 0)
        p.pitch[side] += np.radians(48.0) * raised
        back: Arm = ((0.25, -0.7, -0.75), (0.0, -0.3, 0.7), 20.0)
        swing = OVERHEAD if m.variant != 1 else FORWARD
        cycles = int(np.ceil(m.seconds / (period))) + 1
        times, arms = [0.0], [HANG]
        for k in range(cycles):
            begin = start + k * period
            times += [
                begin + 0.05,
                begin + crouch - 0.1,
                begin + takeoff + 0.1,
                begin + landing + 0.1,
                begin + landing + 0.6,
            ]
            arms += [HANG, back, swing, FORWARD, HANG]
        p.arms[side] = ease_arm(s.times, times, arms, side)
    p.spine[:, 0] += np.radians(22.0) * np.maximum(bend, 0)
    return replace(p, pelvis=lean_pelvis(s, np.radians(24.0) * np.maximum(bend, 0)))


def jumping_jack(s: ActionContext) -> MotionTargets:
    """Hop with feet apart and arms up, and back."""
    m, p = s.manner, standing_targets(s, width=0.16)
    period = 1.0
    keys = (0.5, 1.0)
    apart = ease_cycles(s, period, keys, [1.0, 0.0], 0.0)
    rate = np.abs(np.gradient(apart, s.times))
    hop = 0.07 * np.clip(rate / max(float(rate.max()), 1e-9), 0, 1)
    wide = (0.22, 0.16, 0.26)[m.variant] * m.size
    for side in SIDES:
        x = 1.0 if side == "left" else -1.0
        p.balls[side][:, 0] += x * wide * apart
        p.balls[side][:, 1] += hop
        p.pitch[side] += np.radians(14.0) + 4.0 * hop
        top: Arm = (OVERHEAD, SIDEWAYS, OVERHEAD)[m.variant]
        p.arms[side] = ease_arm_cycles(
            s, period, (0.22, 0.5, 0.78, 1.0), **{side: (SIDEWAYS, top, SIDEWAYS, HANG)}
        )[side]
    p.hips[:, 1] += 0.9 * hop - 0.02
    return p


def bow(s: ActionContext) -> MotionTargets:
    """Bow and rise."""
    m, p = s.manner, standing_targets(s, width=0.16)
    keys, period = (0.4, 0.56, 0.95, 1.0), 2.4
    bent = ease_cycles(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    depth = (48.0, 70.0, 32.0)[m.variant] * m.size
    p.spine[:, 0] += np.radians(0.55 * depth) * bent
    p.neck[:, 0] += np.radians(14.0) * bent
    p.hips[:, 2] -= 0.0022 * depth * bent
    for side in SIDES:
        low: Arm = ((0.12, -1.0, 0.4), (-0.2, 0.3, 1.0), 12.0)
        if m.variant == 1 and side == m.lead:
            low = ((0.35, -0.75, 0.45), (-1.0, 0.05, 0.15), 95.0)  # hand on the belly
        times, arms = repeat_keys(s, period, HANG, keys, (low, low, HANG, HANG))
        p.arms[side] = ease_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean_pelvis(s, np.radians(0.5 * depth) * bent))


def stretch(s: ActionContext) -> MotionTargets:
    """Bend or turn the trunk to both sides."""
    m, p = s.manner, standing_targets(s, width=0.32)
    keys, period = (0.22, 0.38, 0.5, 0.72, 0.88, 1.0), 3.4
    side_bend = np.radians(np.array([26.0, 26.0, 0.0, -26.0, -26.0, 0.0]) * m.size)
    if m.variant == 2:  # turning instead of bending
        p.spine[:, 2] += ease_cycles(s, period, keys, 1.6 * side_bend, 0.0)
    else:
        p.spine[:, 1] += ease_cycles(s, period, keys, side_bend, 0.0)
        p.hips[:, 0] -= 0.12 * ease_cycles(s, period, keys, side_bend, 0.0)
    pose: Arm = (OVERHEAD, ((0.8, 0.65, 0.0), (-0.6, 0.8, 0.0), 95.0), SIDEWAYS)[m.variant]
    for side in SIDES:
        p.arms[side] = ease_arm(s.times, [0.0, 0.2, 1.0, 2.0], [HANG, HANG, pose, pose], side)
    return p


def pick_up(s: ActionContext) -> MotionTargets:
    """Bend, pick something up and rise."""
    m, p = s.manner, standing_targets(s, width=0.3)
    keys, period = (0.34, 0.46, 0.78, 1.0), 2.8
    bent = ease_cycles(s, period, keys, [1.0, 1.0, 0.0, 0.0], 0.0)
    held = ease_cycles(s, period, keys, [0.0, 0.3, 1.0, 0.0], 0.0)
    knees = (0.45, 0.22, 0.36)[m.variant] * leg_length(s.skeleton)
    trunk = np.radians((52.0, 92.0, 70.0)[m.variant])
    p.hips[:, 1] -= knees * bent
    p.hips[:, 2] -= 0.12 * bent
    p.spine[:, 0] += 0.5 * trunk * bent
    p.neck[:, 0] += np.radians(12.0) * bent
    reach: Arm = ((0.08, 0.25 - np.cos(trunk), 0.3 + np.sin(trunk)), (-0.25, 0.4, 1.0), 10.0)
    carry: Arm = ((0.15, -0.9, 0.35), (-0.35, 0.35, 1.0), 70.0 + 20 * float(held.max()))
    for side in SIDES:
        used = m.variant != 2 or side == m.lead
        poses = (reach, reach, carry, HANG) if used else (HANG,) * 4
        times, arms = repeat_keys(s, period, HANG, keys, poses)
        p.arms[side] = ease_arm(s.times, times, arms, side)
    return replace(p, pelvis=lean_pelvis(s, 0.5 * trunk * bent))


@dataclass(frozen=True)
class Action:
    """A category, how it moves the mannequin, and what an index says of its three variants."""

    category: str
    animate: Callable[[ActionContext], MotionTargets]
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
