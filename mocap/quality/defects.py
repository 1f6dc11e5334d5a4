"""One function for each defect that a motion can have; each gives the worst of it.

Arrays in, `Reason` out: nothing is read and nothing is changed. Limits are in `mocap.quality.verdict`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import binary_closing, maximum_filter1d, median_filter

from mocap.bodies.body import JOINT_NAMES
from mocap.quality.limb_collisions import WINDOW, Capsules
from mocap.quality.signals import (
    angles_between,
    local_rotations,
    reason_of,
    runs_of,
    worst_run,
)
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds
from mocap.retargeting.ground import SIDES, Soles, chain_joints, foot_heights

# Fingers and toes: their capture is poor everywhere, and hardly seen.
_TIPS = {f"{side}_{name}" for side in SIDES for name in ("hand", "foot")}
_ENDS = _TIPS | {f"{side}_{name}" for side in SIDES for name in ("wrist", "ankle")}
# Where no sport turns a joint as fast as a smeared flip does.
_SLOW = {"pelvis", "spine1", "spine2", "spine3", "neck", "head"} | {
    f"{side}_{name}" for side in SIDES for name in ("hip", "knee")
}


def find_flips(rotations: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """Joints that turn more than a body can, each at the first frame after its worst such turn.

    `rotations` (T, 24, 3, 3) global. Worst is the worst away from the ends, if there is one.
    """
    per_frame = float(np.clip(limits.flip_speed / fps, limits.flip_least, limits.flip_most))
    span = max(1, round(limits.smeared_seconds * fps))
    smeared = limits.smeared_flip * max(1.0, span / fps / limits.smeared_seconds)
    edge = int(limits.edge_seconds * fps + 1e-6)
    turns_over: dict[int, np.ndarray] = {}
    out = []
    for joint, name in enumerate(JOINT_NAMES):
        if name in _TIPS:
            continue
        tests = [(1, per_frame)]
        if name in _SLOW and span > 1 and smeared < 180:
            tests.append((span, smeared))
        for reach, limit in tests:
            if reach not in turns_over:
                turns_over[reach] = _turns(rotations, reach)
            turns = turns_over[reach][:, joint]
            if not len(turns) or turns.max() <= limit:
                continue
            inner = turns.copy()
            inner[: max(0, edge - reach + 1)] = 0
            inner[max(0, len(rotations) - 1 - edge - reach) :] = 0
            worst = inner if inner.max() > limit else turns
            frame = int(worst.argmax())
            value = float(worst[frame])
            out.append(reason_of("flip", name, frame + reach, fps, value, limit, "degrees"))
            break
    return out


def find_truncation(
    rotations: np.ndarray, root: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS
) -> list[Reason]:
    """Scraps, and frames that are missing (everything jumps) or filled in (nothing moves).

    `rotations` (T, 24, 3, 3) global, `root` (T, 3) metres.
    """
    seconds = (len(root) - 1) / fps
    if seconds < limits.least_seconds:
        unit = "seconds in all"
        return [reason_of("truncated", "", len(root) - 1, fps, seconds, limits.least_seconds, unit)]
    out = []
    turns = _turns(rotations, 1)
    usual = median_filter(turns, size=(2 * max(2, round(0.1 * fps)) + 1, 1), mode="nearest")
    jumps = (turns > np.maximum(limits.gap_least, limits.gap_ratio * usual)).sum(axis=1)
    if jumps.max() >= limits.gap_joints:
        frame, unit = int(jumps.argmax()), "joints that jump at once"
        value = float(jumps[frame])
        out.append(reason_of("truncated", "", frame + 1, fps, value, limits.gap_joints, unit))
    shifts = np.linalg.norm(np.diff(root, axis=0), axis=1)
    held = (turns.max(axis=1) < limits.held_degrees) & (shifts < limits.held_metres)
    if not held.all():  # a motion in which nothing moves at all is static
        length, start = max(((b - a, a) for a, b in runs_of(held)), default=(0, 0))
        if length / fps >= limits.held_seconds:
            unit = "seconds held without any movement"
            value = length / fps
            out.append(reason_of("truncated", "", start, fps, value, limits.held_seconds, unit))
    return out


def find_disorder(
    positions: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS
) -> list[Reason]:
    """Frames that are not in the order of time. `positions` (T, 24, 3) in the world, metres.

    What moves smoothly goes twice as far in two frames as in one, what is shuffled as far.
    """
    if len(positions) < 3 or fps < limits.order_fps:
        return []
    steps, strides = (
        np.array(
            [
                np.linalg.norm(positions[k:, joint] - positions[:-k, joint], axis=-1).mean()
                for joint in range(positions.shape[1])
            ]
        )
        for k in (1, 2)
    )
    moving = steps > limits.order_step
    if moving.sum() < limits.order_joints:
        return []
    ratio = float(np.median(steps[moving] / strides[moving]))
    if ratio <= limits.order_ratio:
        return []
    unit_text = "of the way of two frames in one: frames are out of order"
    return [reason_of("order", "", 0, fps, ratio, limits.order_ratio, unit_text)]


def find_root_speed(root: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """A root (T, 3) that is carried off faster than anybody runs."""
    speeds = np.linalg.norm(np.diff(root, axis=0), axis=1) * fps
    if not len(speeds) or speeds.max() <= limits.root_speed:
        return []
    frame = int(speeds.argmax())
    value = float(speeds[frame])
    return [reason_of("speed", JOINT_NAMES[0], frame + 1, fps, value, limits.root_speed, "m/s")]


def find_static(positions: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """A motion in which nothing moves. `positions` (T, 24, 3) in the world, metres."""
    low, high = np.percentile(positions, [5, 95], axis=0)
    ranges = np.linalg.norm(high - low, axis=-1)
    joint = int(ranges.argmax())
    if ranges[joint] >= limits.static_range:
        return []
    value = float(ranges[joint])
    return [
        reason_of("static", JOINT_NAMES[joint], 0, fps, value, limits.static_range, "m at most")
    ]


def find_speeds(positions: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """Joints faster than any person's. `positions` (T, 24, 3) relative to the pelvis, metres."""
    speeds = np.linalg.norm(np.diff(positions, axis=0), axis=-1) * fps
    out = []
    for joint, name in enumerate(JOINT_NAMES):
        limit = limits.end_speed if name in _ENDS else limits.middle_speed
        if len(speeds) and speeds[:, joint].max() > limit:
            frame = int(speeds[:, joint].argmax())
            out.append(
                reason_of("speed", name, frame + 1, fps, float(speeds[frame, joint]), limit, "m/s")
            )
    return out


def find_snaps(
    positions: np.ndarray,
    captured: Mapping[str, np.ndarray],
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Joints that are much faster on the body than they were captured: retargeting is at fault.

    `positions` (T, 24, 3) on the body and `captured` (T, 3) by joint at its scale, both relative to
    the middle of the hips, metres.
    """
    out = []
    for joint, name in enumerate(JOINT_NAMES):
        if name not in captured or len(positions) < 2:
            continue
        speeds, usual = (
            np.linalg.norm(np.diff(p, axis=0), axis=-1) * fps
            for p in (positions[:, joint], captured[name])
        )
        allowed = np.maximum(
            limits.snap_speed, limits.snap_factor * maximum_filter1d(usual, 5, mode="nearest")
        )
        frame = int((speeds / allowed).argmax())
        if speeds[frame] > allowed[frame]:
            value, limit = float(speeds[frame]), float(allowed[frame])
            unit = "m/s on the body and not in the capture"
            out.append(reason_of("retargeting", name, frame + 1, fps, value, limit, unit))
    return out


def find_sunk_feet(
    rotations: np.ndarray,
    pelvis: np.ndarray,
    soles: Soles,
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Feet under the floor y = 0. `rotations` (T, 24, 3, 3) global, `pelvis` (T, 3) metres."""
    depth = -(foot_heights(rotations, soles) + pelvis[:, 1:2])
    out = []
    for side, name in enumerate(SIDES):
        worst = worst_run(depth[:, side], limits.floor_depth, limits.floor_seconds, fps)
        if worst is not None:
            frame, value = worst
            out.append(
                reason_of(
                    "floor", f"{name}_foot", frame, fps, value, limits.floor_depth, "m below it"
                )
            )
    return out


def find_skating(
    rotations: np.ndarray,
    pelvis: np.ndarray,
    soles: Soles,
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Feet that slide for much of the time in which one of them is on the floor."""
    contact, speeds = foot_slides(rotations, pelvis, soles, fps, limits.contact_height)
    total = int(contact.any(axis=1).sum())
    if total / fps < limits.slide_contact_seconds:
        return []
    slowest = np.where(contact, speeds, np.inf).min(axis=1, initial=np.inf)
    pace = np.linalg.norm(np.diff(pelvis[:, [0, 2]], axis=0), axis=1) * fps
    min_speed = np.maximum(limits.slide_speed, limits.slide_pace * pace)
    sliding = contact.any(axis=1) & (slowest > min_speed)
    for start, stop in runs_of(_contact_phases(contact.any(axis=1), fps, limits)):
        if (stop - start) / fps < limits.slide_phase_seconds:
            sliding[start:stop] = False
    if not sliding.any():
        return []
    share = float(sliding.sum() / total)
    if share <= limits.slide_share:
        return []
    length, start = max((stop - start, start) for start, stop in runs_of(sliding))
    side = SIDES[int(contact[start : start + length].sum(axis=0).argmax())]
    unit = "of the time on the floor"
    return [reason_of("skating", f"{side}_foot", start, fps, share, limits.slide_share, unit)]


def _contact_phases(contact: np.ndarray, fps: float, limits: Thresholds) -> np.ndarray:
    """Contact (T,) without breaks of a frame or two, which trembling heights make."""
    gap = int(limits.slide_break_seconds * fps)
    if not gap:
        return contact
    padded = np.pad(contact, gap, mode="edge")
    return binary_closing(padded, np.ones(gap + 1))[gap:-gap] | contact


def foot_slides(
    rotations: np.ndarray,
    pelvis: np.ndarray,
    soles: Soles,
    fps: float,
    height: float = THRESHOLDS.contact_height,
) -> tuple[np.ndarray, np.ndarray]:
    """Contact (T-1, 2) of each foot from one frame to the next, and its horizontal speed (T-1, 2), m/s.

    A foot is on the floor where heel, ball or toe is below `height` in both frames; it slides as
    fast as the slowest of those: a rolling foot does not slide.
    """
    positions = chain_joints(rotations, soles.joints) + pelvis[:, None]
    contact = np.zeros((len(rotations) - 1, 2), dtype=bool)
    speeds = np.zeros((len(rotations) - 1, 2))
    for side, name in enumerate(SIDES):
        vertices, _ = soles.feet[side]
        ankle, foot = (JOINT_NAMES.index(f"{name}_{joint}") for joint in ("ankle", "foot"))
        ground = vertices[:, 1].min()
        middle = soles.joints[foot]
        heel = [soles.joints[ankle][0], ground, vertices[:, 2].min() + 0.02]
        toe = [middle[0], ground, vertices[:, 2].max() - 0.03]
        points = [(ankle, heel), (ankle, [middle[0], ground, middle[2]]), (foot, toe)]
        low, pace = [], []
        for joint, point in points:
            arm = np.array(point) - soles.joints[joint]
            path = positions[:, joint] + rotations[:, joint] @ arm
            low.append(path[:, 1] < height)
            pace.append(np.linalg.norm(np.diff(path[:, [0, 2]], axis=0), axis=1) * fps)
        touching = np.array([mask[:-1] & mask[1:] for mask in low])
        contact[:, side] = touching.any(axis=0)
        slowest = np.where(touching, np.array(pace), np.inf).min(axis=0)
        speeds[:, side] = np.where(contact[:, side], slowest, 0.0)
    return contact, speeds


def find_limb_collisions(
    rotations: np.ndarray,
    positions: np.ndarray,
    capsules: Capsules,
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Limbs that stay inside each other. `positions` (T, 24, 3) of the joints, metres."""
    depths = capsules.depths(rotations, positions)
    out = []
    for pair, (first, second) in enumerate(capsules.pairs):
        if depths[:, pair].max() <= limits.collision_depth:
            continue
        worst = worst_run(depths[:, pair], limits.collision_depth, limits.collision_seconds, fps)
        if worst is not None:
            frame, value = worst
            names = f"{capsules.names[first]} in {capsules.names[second]}"
            out.append(
                reason_of(
                    "crossing", names, frame, fps, value, limits.collision_depth, "of their radii"
                )
            )
    return out


def _turns(rotations: np.ndarray, reach: int) -> np.ndarray:
    """Degrees (T - reach, 24) by which joints turn, against their parents, in `reach` frames."""
    out = np.empty((max(len(rotations) - reach, 0), rotations.shape[1]))
    for start in range(0, len(out), WINDOW):
        stop = min(start + WINDOW, len(out))
        local = local_rotations(rotations[start : stop + reach])
        out[start:stop] = angles_between(local[:-reach], local[reach:])
    return out
