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
    plain_arc,
    product,
    rotate,
    side_axis,
    slerp,
    store,
    vector,
    vertical_row,
)

# Sine of the angle by which a knee is bent where its own bend says as much of its axis as the thigh's
# twist does. Captured knees are overstretched by less.
_IN_LINE_SINE = math.sin(math.radians(10.0))
_ABREAST = np.uint64(16)  # frames; unsigned, so that no index can count from an end


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


@numba.njit(**INLINED)
def _reaching_leg(pelvis_rotation, upper, lower, offset, socket, thigh, shin, lengths):
    """Thigh and shin as they are, and as they are to be: the ankle at `offset` from the pelvis."""
    offset = _difference(offset, rotate(pelvis_rotation, socket))
    upper_leg, lower_leg = rotate(upper, thigh), rotate(lower, shin)
    outward = _cross(offset, _knee_hinge(upper, upper_leg, lower_leg))
    knee_offset, ankle_offset = _bend_leg(offset, outward, lengths[0], lengths[1])
    return upper_leg, lower_leg, knee_offset, _difference(ankle_offset, knee_offset)


@numba.njit(**INLINED)
def _reach_abreast(rows, socket, thigh, shin, lengths):
    """Turn the thighs and shins of 16 frames, in place; a row tells where that is right.

    `rows` (256,) holds 16 rows: quaternions of pelvis, thigh and shin, the ankle's offset from the
    pelvis, and `plain_arc`'s number. One flat array with distances that the compiler knows, and no
    branch, so that it works on the frames abreast.
    """
    n = _ABREAST
    for t in range(n):
        pelvis_rotation = rows[t], rows[n + t], rows[2 * n + t], rows[3 * n + t]
        upper = rows[4 * n + t], rows[5 * n + t], rows[6 * n + t], rows[7 * n + t]
        lower = rows[8 * n + t], rows[9 * n + t], rows[10 * n + t], rows[11 * n + t]
        offset = rows[12 * n + t], rows[13 * n + t], rows[14 * n + t]
        upper_leg, lower_leg, new_upper_leg, new_lower_leg = _reaching_leg(
            pelvis_rotation, upper, lower, offset, socket, thigh, shin, lengths
        )
        turn, upper_margin = plain_arc(upper_leg, new_upper_leg)
        upper = product(turn, upper)
        turn, lower_margin = plain_arc(lower_leg, new_lower_leg)
        lower = product(turn, lower)
        rows[4 * n + t], rows[5 * n + t], rows[6 * n + t], rows[7 * n + t] = upper
        rows[8 * n + t], rows[9 * n + t], rows[10 * n + t], rows[11 * n + t] = lower
        rows[15 * n + t] = upper_margin if upper_margin < lower_margin else lower_margin


@numba.njit(**COMPILED)
def reach_ankles(quaternions, joints, legs, pelvis, targets):
    """Turn thighs and shins so that the ankles arrive at `targets` (T, 2, 3), in place.

    Knees bend about the axes about which they are bent already, and the bones turn by the least that
    this takes. `pelvis` (T, 3) is where the pelvis joint is.
    """
    n, count = _ABREAST, np.uint64(len(quaternions))
    rows = np.empty(16 * n)
    for side in range(2):
        hip, knee, ankle = legs[side, 0], legs[side, 1], legs[side, 2]
        socket = _difference(vector(joints, hip), vector(joints, 0))
        thigh = _difference(vector(joints, knee), vector(joints, hip))
        shin = _difference(vector(joints, ankle), vector(joints, knee))
        lengths = math.sqrt(_dot(thigh, thigh)), math.sqrt(_dot(shin, shin))
        for start in range(np.uint64(0), count, n):
            for i in range(n):
                t = min(start + i, count - np.uint64(1))
                for k in range(np.uint64(4)):
                    rows[k * n + i] = quaternions[t, 0, k]
                    rows[(np.uint64(4) + k) * n + i] = quaternions[t, hip, k]
                    rows[(np.uint64(8) + k) * n + i] = quaternions[t, knee, k]
                for k in range(np.uint64(3)):
                    rows[(np.uint64(12) + k) * n + i] = targets[t, side, k] - pelvis[t, k]
            _reach_abreast(rows, socket, thigh, shin, lengths)
            for i in range(min(n, count - start)):
                t = start + i
                if rows[np.uint64(15) * n + i] > 0:
                    for k in range(np.uint64(4)):
                        quaternions[t, hip, k] = rows[(np.uint64(4) + k) * n + i]
                        quaternions[t, knee, k] = rows[(np.uint64(8) + k) * n + i]
                    continue
                # A bone of no length, or one that is turned right about.
                upper, lower = load(quaternions, t, hip), load(quaternions, t, knee)
                upper_leg, lower_leg, new_upper_leg, new_lower_leg = _reaching_leg(
                    load(quaternions, t, 0),
                    upper,
                    lower,
                    _difference(vector(targets[t], side), vector(pelvis, t)),
                    socket,
                    thigh,
                    shin,
                    lengths,
                )
                store(quaternions, t, hip, product(arc(upper_leg, new_upper_leg), upper))
                store(quaternions, t, knee, product(arc(lower_leg, new_lower_leg), lower))


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
def median_nod(quaternions, chest, head):
    """The median angle by which a head is bent forward against the chest, radians."""
    angles = np.empty(len(quaternions))
    for t in range(len(quaternions)):
        _, y, z = forward_axis(
            product(inverse(load(quaternions, t, chest)), load(quaternions, t, head))
        )
        angles[t] = math.atan2(-y, z)
    return np.median(angles)


@numba.njit(**COMPILED)
def rotate_joint(quaternions, joint, rotation):
    """Turn a joint by `rotation` (4,) in its own axes, in place."""
    q = rotation[0], rotation[1], rotation[2], rotation[3]
    for t in range(len(quaternions)):
        store(quaternions, t, joint, product(load(quaternions, t, joint), q))


@numba.njit(**COMPILED)
def flatten_foot(quaternions, leg, standing, limit):
    """Turn a foot by one constant rotation so that its sole is level while it stands, in place.

    The world's up in the ankle's own axes is its median over the frames (T,) in which it is
    `standing`, five at least; a foot that is tilted by more than `limit` radians is let be.
    """
    ankle, foot = leg[2], leg[3]
    rows, number = np.empty((3, len(quaternions))), 0
    for t in range(len(quaternions)):
        if standing[t]:
            rows[0, number], rows[1, number], rows[2, number] = vertical_row(
                load(quaternions, t, ankle)
            )
            number += 1
    if number < 5:
        return
    up = (
        np.median(rows[0, :number]),
        np.median(rows[1, :number]),
        np.median(rows[2, :number]),
    )
    cosine = up[1] / max(math.sqrt(_dot(up, up)), 1e-12)
    if math.acos(min(max(cosine, -1.0), 1.0)) > limit:
        return
    level = arc((0.0, 1.0, 0.0), up)
    for t in range(len(quaternions)):
        store(quaternions, t, ankle, product(load(quaternions, t, ankle), level))
        store(quaternions, t, foot, product(load(quaternions, t, foot), level))


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
