"""Legs of global joint turns (T, 24, 4): reaching for ankles, mended where a capture turned them round.

Compiled; ``joints`` are the body's (24, 3) in the T-pose, ``legs`` (2, 4) the numbers of hip, knee,
ankle and foot, left and right.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from mocap.quaternions import (
    COMPILED,
    WITHIN,
    ahead,
    arc,
    arc_factor,
    get,
    inverse,
    partway,
    product,
    put,
    turn,
    vector,
)


@numba.njit(**WITHIN)
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@numba.njit(**WITHIN)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(**WITHIN)
def _bent(reach, forward, thigh, shin):
    """Knee and ankle from the hip; see ``mocap.retargeting.ground.bent_leg``."""
    distance = math.sqrt(_dot(reach, reach))
    f = 1 / max(distance, 1e-9)
    along = reach[0] * f, reach[1] * f, reach[2] * f
    distance = min(max(distance, abs(thigh - shin) * 1.01 + 1e-6), (thigh + shin) * 0.9995)
    part = _dot(forward, along)
    out = _minus(forward, (part * along[0], part * along[1], part * along[2]))
    near = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    aside = math.sqrt(max(thigh**2 - near**2, 0.0)) / max(math.sqrt(_dot(out, out)), 1e-12)
    knee = (
        near * along[0] + aside * out[0],
        near * along[1] + aside * out[1],
        near * along[2] + aside * out[2],
    )
    return knee, (distance * along[0], distance * along[1], distance * along[2])


@numba.njit(**COMPILED)
def bent_legs(hips, ankles, forward, thigh, shin):
    """Knees and ankles; see ``mocap.retargeting.ground.bent_leg``."""
    knees, reached = np.empty(hips.shape), np.empty(hips.shape)
    for t in range(len(hips)):
        way = _minus(vector(ankles, t), vector(hips, t))
        knee, ankle = _bent(way, vector(forward, t), thigh, shin)
        for k in range(3):
            knees[t, k], reached[t, k] = hips[t, k] + knee[k], hips[t, k] + ankle[k]
    return knees, reached


@numba.njit(**COMPILED)
def reach(turns, joints, legs, pelvis, targets):
    """Turn thighs and shins by the least so that the ankles arrive at ``targets`` (T, 2, 3), in place.

    ``pelvis`` (T, 3) is where the pelvis joint is.
    """
    for side in range(2):
        hip, knee, ankle = legs[side, 0], legs[side, 1], legs[side, 2]
        socket = _minus(vector(joints, hip), vector(joints, 0))
        thigh = _minus(vector(joints, knee), vector(joints, hip))
        shin = _minus(vector(joints, ankle), vector(joints, knee))
        lengths = math.sqrt(_dot(thigh, thigh)), math.sqrt(_dot(shin, shin))
        for t in range(len(turns)):
            upper, lower = get(turns, t, hip), get(turns, t, knee)
            way = _minus(vector(targets[t], side), vector(pelvis, t))
            way = _minus(way, turn(get(turns, t, 0), socket))
            bend, end = _bent(way, ahead(upper), lengths[0], lengths[1])
            put(turns, t, hip, product(arc(turn(upper, thigh), bend), upper))
            put(turns, t, knee, product(arc(turn(lower, shin), _minus(end, bend)), lower))


@numba.njit(**COMPILED)
def place(turns, joints, legs, hips, ankles, scale):
    """Pelvis (T, 3), and ankles (T, 2, 3) at the body's scale, as much further apart as its hips are.

    ``hips`` and ``ankles`` (T, 2, 3) are captured ones; the middle of the body's hips is at theirs.
    """
    pelvis, targets = np.empty((len(turns), 3)), np.empty(hips.shape)
    left, right = vector(joints, legs[0, 0]), vector(joints, legs[1, 0])
    middle = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2, (left[2] + right[2]) / 2
    half = _minus(left, middle)
    rest = _minus(middle, vector(joints, 0))
    for t in range(len(turns)):
        root = get(turns, t, 0)
        own, down = turn(root, half), turn(root, rest)
        for k in range(3):
            seen = scale * (hips[t, 0, k] - hips[t, 1, k]) / 2
            wider = own[k] - seen if k != 1 else 0.0
            pelvis[t, k] = scale * (hips[t, 0, k] + hips[t, 1, k]) / 2 - down[k]
            targets[t, 0, k] = scale * ankles[t, 0, k] + wider
            targets[t, 1, k] = scale * ankles[t, 1, k] - wider
    return pelvis, targets


@numba.njit(**COMPILED)
def balls(turns, ankle, offset, targets):
    """Where the ball of a foot is, ``offset`` (3,) from an ankle at ``targets`` (T, 3)."""
    out = np.empty((len(turns), 3))
    for t in range(len(turns)):
        x, y, z = turn(get(turns, t, ankle), (offset[0], offset[1], offset[2]))
        out[t, 0], out[t, 1], out[t, 2] = targets[t, 0] + x, targets[t, 1] + y, targets[t, 2] + z
    return out


@numba.njit(**COMPILED)
def knees_point_back(turns, joints, leg):
    """Frames (T,) in which a knee points back, and edges (T + 1,) at which its thigh jumps.

    A jump is more than 60 degrees from one frame to the next; the ends count as such.
    """
    hip, knee, ankle = leg[0], leg[1], leg[2]
    thigh = _minus(vector(joints, knee), vector(joints, hip))
    shin = _minus(vector(joints, ankle), vector(joints, knee))
    back, jump = np.empty(len(turns), np.bool_), np.ones(len(turns) + 1, np.bool_)
    for t in range(len(turns)):
        upper = get(turns, t, hip)
        a, b = turn(upper, thigh), turn(get(turns, t, knee), shin)
        along = a[0] + b[0], a[1] + b[1], a[2] + b[2]
        f = 1 / max(math.sqrt(_dot(along, along)), 1e-12)
        along = along[0] * f, along[1] * f, along[2] * f
        front = ahead(upper)
        pelvis = ahead(get(turns, t, 0))
        back[t] = _dot(front, pelvis) - _dot(front, along) * _dot(along, pelvis) < 0
        if t:
            x, y, z, w = get(turns, t - 1, hip)
            cosine = x * upper[0] + y * upper[1] + z * upper[2] + w * upper[3]
            jump[t] = 4 * cosine * cosine - 1 < 2
    return back, jump


@numba.njit(**COMPILED)
def bridge(turns, leg, bad):
    """Turn a leg in ``bad`` frames (T,) from how it is before to how it is after, in place.

    Each joint's turn from the one above goes along the arc; at the ends of the motion it stays.
    """
    above = (0, leg[0], leg[1], leg[2])
    count = len(turns)
    local = np.empty((count, 4, 4))
    for t in range(count):
        for i in range(4):
            own = product(inverse(get(turns, t, above[i])), get(turns, t, leg[i]))
            put(local, t, i, own)
    before = -1
    for t in range(count):
        if not bad[t]:
            before = t
            continue
        after = t
        while after < count and bad[after]:
            after += 1
        low = before if before >= 0 else after
        high = after if after < count else before
        share = (t - low) / (high - low) if high > low else 0.0
        for i in range(4):
            own = partway(get(local, low, i), get(local, high, i), share)
            put(turns, t, leg[i], product(get(turns, t, above[i]), own))


@numba.njit(**COMPILED)
def nods(turns, chest, head):
    """Angles (T,) by which a head is bent forward against the chest, radians."""
    out = np.empty(len(turns))
    for t in range(len(turns)):
        _, y, z = ahead(product(inverse(get(turns, t, chest)), get(turns, t, head)))
        out[t] = math.atan2(-y, z)
    return out


@numba.njit(**COMPILED)
def turn_joint(turns, joint, own):
    """Turn a joint by ``own`` (4,) in its own axes, in place."""
    q = own[0], own[1], own[2], own[3]
    for t in range(len(turns)):
        put(turns, t, joint, product(get(turns, t, joint), q))


@numba.njit(**COMPILED)
def pose_of(turns, parents):
    """SMPL pose (T, 72) float32 of global turns (T, 24, 4)."""
    count, number = turns.shape[:2]
    out = np.empty((count, 3 * number), np.float32)
    local, factors = np.empty((3, number)), np.empty(number)
    for t in range(count):
        for j in range(number):
            own, p = get(turns, t, j), parents[j]
            if p >= 0:
                own = product(inverse(get(turns, t, p)), own)
            local[0, j], local[1, j], local[2, j], factors[j] = own
        for j in range(number):  # apart from the rest, so that joints are worked on abreast
            factors[j] = arc_factor(factors[j])
        for j in range(number):
            for k in range(3):
                out[t, 3 * j + k] = local[k, j] * factors[j]
    return out
