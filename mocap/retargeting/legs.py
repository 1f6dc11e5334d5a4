"""Legs of global joint quaternions (T, 24, 4): reaching for ankles, and mending flipped thighs.

Compiled; `joints` are the body's (24, 3) in the T-pose, `legs` (2, 4) the numbers of hip, knee,
ankle and foot, left and right.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from mocap.quaternions import (
    COMPILED,
    INLINED,
    arc,
    arc_factor,
    forward_axis,
    inverse,
    load,
    product,
    rotate,
    side_axis,
    slerp,
    store,
    vector,
)

# Sine of the angle by which a knee is bent where its own bend says as much of its axis as the thigh's
# twist does. Captured knees are overstretched by less.
_IN_LINE_SINE = math.sin(math.radians(10.0))


@numba.njit(**INLINED)
def _difference(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@numba.njit(**INLINED)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(**INLINED)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@numba.njit(**INLINED)
def _knee_hinge(upper, thigh, shin):
    """The axis about which a knee bends, of any length: the shin turns about it against the thigh.

    A leg that is out of line shows it, whatever its twist: it is across `thigh` and `shin`, vectors of
    the posed leg. The less a leg is out of line, the more the axis is the thigh's own, which `upper`
    turns, so that nothing jumps where a knee passes through straight, and one that is captured a
    little overstretched bends forward.
    """
    across = _cross(thigh, shin)
    square = _dot(across, across) / max(_dot(thigh, thigh) * _dot(shin, shin), 1e-24)
    # Length of `across` in relation to the thigh's own axis: 1 at `_IN_LINE_SINE`.
    share = square / (_IN_LINE_SINE * _IN_LINE_SINE)
    f = share / max(math.sqrt(_dot(across, across)), 1e-12)
    axis = side_axis(upper)
    return axis[0] + f * across[0], axis[1] + f * across[1], axis[2] + f * across[2]


@numba.njit(**INLINED)
def _bend_leg(offset, outward, thigh, shin):
    """Knee and ankle from the hip; see `mocap.retargeting.ground.bent_leg`."""
    distance = math.sqrt(_dot(offset, offset))
    f = 1 / max(distance, 1e-9)
    direction = offset[0] * f, offset[1] * f, offset[2] * f
    distance = min(max(distance, abs(thigh - shin) * 1.01 + 1e-6), (thigh + shin) * 0.9995)
    projection = _dot(outward, direction)
    outward = _difference(
        outward, (projection * direction[0], projection * direction[1], projection * direction[2])
    )
    knee_along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    knee_aside = math.sqrt(max(thigh**2 - knee_along**2, 0.0)) / max(
        math.sqrt(_dot(outward, outward)), 1e-12
    )
    knee = (
        knee_along * direction[0] + knee_aside * outward[0],
        knee_along * direction[1] + knee_aside * outward[1],
        knee_along * direction[2] + knee_aside * outward[2],
    )
    return knee, (distance * direction[0], distance * direction[1], distance * direction[2])


@numba.njit(**COMPILED)
def bent_legs(hips, ankles, forward, thigh, shin):
    """Knees and ankles; see `mocap.retargeting.ground.bent_leg`."""
    knees, reached_ankles = np.empty(hips.shape), np.empty(hips.shape)
    for t in range(len(hips)):
        offset = _difference(vector(ankles, t), vector(hips, t))
        knee, ankle = _bend_leg(offset, vector(forward, t), thigh, shin)
        for k in range(3):
            knees[t, k], reached_ankles[t, k] = hips[t, k] + knee[k], hips[t, k] + ankle[k]
    return knees, reached_ankles


@numba.njit(**COMPILED)
def reach_ankles(quaternions, joints, legs, pelvis, targets):
    """Turn thighs and shins so that the ankles arrive at `targets` (T, 2, 3), in place.

    Knees bend about the axes about which they are bent already, and the bones turn by the least that
    this takes. `pelvis` (T, 3) is where the pelvis joint is.
    """
    for side in range(2):
        hip, knee, ankle = legs[side, 0], legs[side, 1], legs[side, 2]
        socket = _difference(vector(joints, hip), vector(joints, 0))
        thigh = _difference(vector(joints, knee), vector(joints, hip))
        shin = _difference(vector(joints, ankle), vector(joints, knee))
        lengths = math.sqrt(_dot(thigh, thigh)), math.sqrt(_dot(shin, shin))
        for t in range(len(quaternions)):
            upper, lower = load(quaternions, t, hip), load(quaternions, t, knee)
            offset = _difference(vector(targets[t], side), vector(pelvis, t))
            offset = _difference(offset, rotate(load(quaternions, t, 0), socket))
            upper_leg, lower_leg = rotate(upper, thigh), rotate(lower, shin)
            outward = _cross(offset, _knee_hinge(upper, upper_leg, lower_leg))
            knee_offset, ankle_offset = _bend_leg(offset, outward, lengths[0], lengths[1])
            store(quaternions, t, hip, product(arc(upper_leg, knee_offset), upper))
            turn = arc(lower_leg, _difference(ankle_offset, knee_offset))
            store(quaternions, t, knee, product(turn, lower))


@numba.njit(**COMPILED)
def place_pelvis(quaternions, joints, legs, hips, ankles, scale):
    """Pelvis (T, 3), and ankles (T, 2, 3) at the body's scale, as much further apart as its hips are.

    `hips` and `ankles` (T, 2, 3) are captured ones; the middle of the body's hips is at theirs.
    """
    pelvis, targets = np.empty((len(quaternions), 3)), np.empty(hips.shape)
    left, right = vector(joints, legs[0, 0]), vector(joints, legs[1, 0])
    middle = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2, (left[2] + right[2]) / 2
    half_width = _difference(left, middle)
    hips_offset = _difference(middle, vector(joints, 0))
    for t in range(len(quaternions)):
        pelvis_rotation = load(quaternions, t, 0)
        body_half_width, rotated_offset = (
            rotate(pelvis_rotation, half_width),
            rotate(pelvis_rotation, hips_offset),
        )
        for k in range(3):
            captured_half_width = scale * (hips[t, 0, k] - hips[t, 1, k]) / 2
            widening = body_half_width[k] - captured_half_width if k != 1 else 0.0
            pelvis[t, k] = scale * (hips[t, 0, k] + hips[t, 1, k]) / 2 - rotated_offset[k]
            targets[t, 0, k] = scale * ankles[t, 0, k] + widening
            targets[t, 1, k] = scale * ankles[t, 1, k] - widening
    return pelvis, targets


@numba.njit(**COMPILED)
def ball_positions(quaternions, ankle, offset, targets):
    """Where the ball of a foot is, `offset` (3,) from an ankle at `targets` (T, 3)."""
    out = np.empty((len(quaternions), 3))
    for t in range(len(quaternions)):
        x, y, z = rotate(load(quaternions, t, ankle), (offset[0], offset[1], offset[2]))
        out[t, 0], out[t, 1], out[t, 2] = targets[t, 0] + x, targets[t, 1] + y, targets[t, 2] + z
    return out


@numba.njit(**COMPILED)
def reversed_thighs(quaternions, joints, leg):
    """Frames (T,) in which a thigh is turned round, and edges (T + 1,) at which it jumps.

    Turned round is twisted about its bone by more than 90 degrees against the pelvis: that is the same
    however high the thigh is raised and however far its knee is bent. A jump is more than 60 degrees
    from one frame to the next; the ends count as such.
    """
    hip = leg[0]
    thigh = _difference(vector(joints, leg[1]), vector(joints, hip))
    square = _dot(thigh, thigh)
    turned, jump = np.empty(len(quaternions), np.bool_), np.ones(len(quaternions) + 1, np.bool_)
    for t in range(len(quaternions)):
        upper = load(quaternions, t, hip)
        x, y, z, w = product(inverse(load(quaternions, t, 0)), upper)
        about_bone = _dot(
            (x, y, z), thigh
        )  # the sine of half the twist, w its cosine, alike scaled
        turned[t] = about_bone * about_bone > w * w * square
        if t:
            x, y, z, w = load(quaternions, t - 1, hip)
            cosine = x * upper[0] + y * upper[1] + z * upper[2] + w * upper[3]
            jump[t] = 4 * cosine * cosine - 1 < 2
    return turned, jump


@numba.njit(**COMPILED)
def bridge(quaternions, leg, bad):
    """Turn a leg in `bad` frames (T,) from how it is before to how it is after, in place.

    Each joint's rotation from its parent goes along the arc; at the ends of the motion it stays.
    """
    parents = (0, leg[0], leg[1], leg[2])
    count = len(quaternions)
    local = np.empty((count, 4, 4))
    for t in range(count):
        for i in range(4):
            local_rotation = product(
                inverse(load(quaternions, t, parents[i])), load(quaternions, t, leg[i])
            )
            store(local, t, i, local_rotation)
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
            local_rotation = slerp(load(local, low, i), load(local, high, i), share)
            store(quaternions, t, leg[i], product(load(quaternions, t, parents[i]), local_rotation))


@numba.njit(**COMPILED)
def nod_angles(quaternions, chest, head):
    """Angles (T,) by which a head is bent forward against the chest, radians."""
    out = np.empty(len(quaternions))
    for t in range(len(quaternions)):
        _, y, z = forward_axis(
            product(inverse(load(quaternions, t, chest)), load(quaternions, t, head))
        )
        out[t] = math.atan2(-y, z)
    return out


@numba.njit(**COMPILED)
def rotate_joint(quaternions, joint, rotation):
    """Turn a joint by `rotation` (4,) in its own axes, in place."""
    q = rotation[0], rotation[1], rotation[2], rotation[3]
    for t in range(len(quaternions)):
        store(quaternions, t, joint, product(load(quaternions, t, joint), q))


@numba.njit(**COMPILED)
def axis_angle_pose(quaternions, parents):
    """SMPL pose (T, 72) float32 of global quaternions (T, 24, 4)."""
    count, number = quaternions.shape[:2]
    out = np.empty((count, 3 * number), np.float32)
    local, factors = np.empty((3, number)), np.empty(number)
    for t in range(count):
        for j in range(number):
            rotation, p = load(quaternions, t, j), parents[j]
            if p >= 0:
                rotation = product(inverse(load(quaternions, t, p)), rotation)
            local[0, j], local[1, j], local[2, j], factors[j] = rotation
        for j in range(number):  # apart from the rest, so that joints are worked on abreast
            factors[j] = arc_factor(factors[j])
        for j in range(number):
            for k in range(3):
                out[t, 3 * j + k] = local[k, j] * factors[j]
    return out
