"""How high the lowest points of the feet are, and toes bent off the floor: compiled, frame by frame.

A skinned height is a sum over the joints that move the point: weight times (the second row of the
joint's rotation times the rest offset from the joint, plus the joint's height).
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from mocap.bodies.body import PARENTS
from mocap.quaternions import (
    COMPILED,
    INLINED,
    about_x,
    inverse,
    load,
    product,
    store,
    vertical_row,
)
from mocap.retargeting.foot_contacts import smooth_envelope

SINK_TOLERANCE = 0.002  # metres under the floor that are let be
_BENDS = np.radians(np.arange(0.0, 61.0, 4.0))
_BEND_SINES, _BEND_COSINES = np.sin(-_BENDS / 2), np.cos(-_BENDS / 2)
_GAIN_TOLERANCE = 0.001
_LANES = 16  # the number of points is made a multiple of it


class SoleTerms(NamedTuple):
    """Soles, laid out for these sums.

    Attributes:
        chain: (K,) joints needed, parents first.
        parents: (24,) parent of each joint.
        offsets: (24, 3) metres from the parent.
        joints: (2, J) those that move each foot.
        spans: (2, J, 3) unsigned, the points that each moves at all, the first and how many, and where
            its rows (4, moved) begin in `shares`.
        shares: weight times rest offset, and weight.
        points: how many, for each foot.
    """

    chain: np.ndarray
    parents: np.ndarray
    offsets: np.ndarray
    joints: np.ndarray
    spans: np.ndarray
    shares: np.ndarray
    points: int


def sole_terms(joints: np.ndarray, feet: tuple[tuple[np.ndarray, np.ndarray], ...]) -> SoleTerms:
    """Of rest `joints` (24, 3) and, for each foot, points (N, 3) and weights (N, 24)."""
    moving = [np.flatnonzero(weights.max(axis=0) > 1e-3) for _, weights in feet]
    widest = max(map(len, moving))
    points = -(-max(len(vertices) for vertices, _ in feet) // _LANES) * _LANES
    foot_joints, spans = (
        np.zeros((len(feet), widest), np.int64),
        np.zeros((len(feet), widest, 3), np.uint64),
    )
    shares, size = [], 0
    for side, (vertices, weights) in enumerate(feet):
        # Points moved by the same joints lie together, so that each joint has a short span of them.
        order = np.argsort(weights @ np.arange(weights.shape[1]), kind="stable")
        order = np.concatenate([order, np.full(points - len(order), order[-1])])
        for k, joint in enumerate(moving[side]):
            moved = np.flatnonzero(weights[order, joint])
            span = order[moved[0] : moved[-1] + 1]
            weight = weights[span, joint, None]
            foot_joints[side, k] = joint
            spans[side, k] = moved[0], len(span), size
            shares.append(np.hstack([weight * (vertices[span] - joints[joint]), weight]).T.ravel())
            size += len(shares[-1])
    needed: set[int] = set()
    for joint in np.unique(np.concatenate(moving)).tolist():
        while joint >= 0:
            needed.add(joint)
            joint = PARENTS[joint]
    parents = np.array(PARENTS)
    offsets = joints - np.where(parents[:, None] >= 0, joints[parents], joints)
    flat = np.concatenate(shares)
    return SoleTerms(np.array(sorted(needed)), parents, offsets, foot_joints, spans, flat, points)


@numba.njit(**INLINED)
def _levels(rows, terms, levels):
    """Heights of the needed joints above the pelvis joint into `levels` (24,), of rows (24, 3)."""
    levels[0] = 0.0
    for joint in terms.chain[1:]:
        p = terms.parents[joint]
        rise = 0.0
        for k in range(3):
            rise += rows[p, k] * terms.offsets[joint, k]
        levels[joint] = levels[p] + rise


@numba.njit(**INLINED)
def _smallest(values):
    """The least of the values, folded to a quarter again and again, in place: many abreast."""
    size = len(values)
    while size % 4 == 0:
        size //= 4
        a, b, c = values[:size], values[size : 2 * size], values[2 * size : 3 * size]
        d = values[3 * size : 4 * size]
        for v in range(size):
            first, second = (a[v] if a[v] < b[v] else b[v]), (c[v] if c[v] < d[v] else d[v])
            a[v] = first if first < second else second
    smallest = values[0]
    for v in range(1, size):
        smallest = values[v] if values[v] < smallest else smallest
    return smallest


@numba.njit(**INLINED)
def _lowest_point(rows, levels, terms, side, heights):
    heights[:] = 0.0
    for i in range(terms.joints.shape[1]):
        joint = terms.joints[side, i]
        x, y, z, level = rows[joint, 0], rows[joint, 1], rows[joint, 2], levels[joint]
        # Unsigned, so that no index can count from an end and all points are worked on abreast.
        start, count, a = terms.spans[side, i, 0], terms.spans[side, i, 1], terms.spans[side, i, 2]
        b, c, d = a + count, a + np.uint64(2) * count, a + np.uint64(3) * count
        share = terms.shares
        for v in range(count):
            rise = share[a + v] * x + share[b + v] * y + share[c + v] * z
            heights[start + v] += rise + share[d + v] * level
    return _smallest(heights)


@numba.njit(**COMPILED)
def lowest_points(rows, terms):
    """Height (T, 2) of each foot's lowest point above the pelvis joint.

    `rows` (T, 24, 3) are the second rows of the joints' global rotation matrices.
    """
    out = np.empty((len(rows), len(terms.joints)))
    levels, heights = np.empty(rows.shape[1]), np.empty(terms.points)
    for t in range(len(rows)):
        _levels(rows[t], terms, levels)
        for side in range(len(terms.joints)):
            out[t, side] = _lowest_point(rows[t], levels, terms, side, heights)
    return out


@numba.njit(**INLINED)
def _fill_frame(quaternions, t, terms, rows, levels):
    """The needed joints' `rows` (24, 3) and `levels` (24,) of one frame."""
    for joint in terms.chain:
        rows[joint, 0], rows[joint, 1], rows[joint, 2] = vertical_row(load(quaternions, t, joint))
    _levels(rows, terms, levels)


@numba.njit(**COMPILED)
def lowest_points_posed(quaternions, terms):
    """`lowest_points` of global joint quaternions (T, 24, 4)."""
    out = np.empty((len(quaternions), len(terms.joints)))
    rows, levels = np.empty((quaternions.shape[1], 3)), np.empty(quaternions.shape[1])
    heights = np.empty(terms.points)
    for t in range(len(quaternions)):
        _fill_frame(quaternions, t, terms, rows, levels)
        for side in range(len(terms.joints)):
            out[t, side] = _lowest_point(rows, levels, terms, side, heights)
    return out


@numba.njit(**INLINED)
def _raise_toes(quaternions, t, joint, ankle, foot, angle):
    """Raise the toes by `angle` about the side axis of `joint`, the foot following."""
    bent = product(load(quaternions, t, joint), about_x(-angle))
    if joint == ankle:
        relative = product(inverse(load(quaternions, t, ankle)), load(quaternions, t, foot))
        store(quaternions, t, foot, product(bent, relative))
    store(quaternions, t, joint, bent)


@numba.njit(**COMPILED)
def bend_off_floor(quaternions, pelvis, lowest, terms, side, ankle, foot, reach):
    """Bend first toes, then the ankle, upwards where a foot would sink into the floor, in place.

    `quaternions` (T, 24, 4) global, `pelvis` (T, 3) metres, `lowest` (T, 2) metres of each foot's lowest
    point above the pelvis, kept up to date; `reach` frames over which bends are spread. A capture's
    toes often reach below the ground when the heel rises; real ones bend, until they are level, never
    past it: heels do not. Of the bends that help as much as any the least is taken; what a bend cannot
    mend stays.
    """
    rows, levels = np.empty((quaternions.shape[1], 3)), np.empty(quaternions.shape[1])
    heights, points = np.empty(len(_BENDS)), np.empty(terms.points)
    for joint in (foot, ankle):
        angles = np.zeros(len(quaternions))
        for t in range(len(quaternions)):
            heights[0] = lowest[t, side] + pelvis[t, 1]
            if not heights[0] < -SINK_TOLERANCE:
                continue
            _fill_frame(quaternions, t, terms, rows, levels)
            slope = -rows[joint, 2]
            level, best, tried = np.arcsin(min(max(slope, -1.0), 1.0)), heights[0], 1
            turned = load(quaternions, t, joint)
            relative = product(inverse(load(quaternions, t, ankle)), load(quaternions, t, foot))
            # Once more than enough is gained, no further bend can change the choice.
            while (
                tried < len(_BENDS)
                and _BENDS[tried] <= level
                and best < _GAIN_TOLERANCE - SINK_TOLERANCE
            ):
                bent = product(turned, (_BEND_SINES[tried], 0.0, 0.0, _BEND_COSINES[tried]))
                rows[joint, 0], rows[joint, 1], rows[joint, 2] = vertical_row(bent)
                if joint == ankle:
                    rows[foot, 0], rows[foot, 1], rows[foot, 2] = vertical_row(
                        product(bent, relative)
                    )
                    _levels(rows, terms, levels)
                height = _lowest_point(rows, levels, terms, side, points)
                heights[tried] = height + pelvis[t, 1]
                best = max(best, heights[tried])
                tried += 1
            threshold, choice = min(best - _GAIN_TOLERANCE, -SINK_TOLERANCE), 0
            while heights[choice] < threshold:
                choice += 1
            angles[t] = _BENDS[choice]
        angles = smooth_envelope(angles, reach)
        for t in range(len(quaternions)):
            if angles[t] > 0:
                _raise_toes(quaternions, t, joint, ankle, foot, angles[t])
                _fill_frame(quaternions, t, terms, rows, levels)
                lowest[t, side] = _lowest_point(rows, levels, terms, side, points)
