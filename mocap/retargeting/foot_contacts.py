"""When feet bear, and holding them where they do: signals over the frames of a motion, compiled.

Runs of marked frames are taken whole; what is changed in them fades out on either side.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from mocap.quaternions import (
    COMPILED,
    INLINED,
    from_vector,
    inverse,
    load,
    product,
    rotation_vector,
    store,
)

_SHORTEST = 3  # frames of a run
_WANDERS = 0.06  # metres
_LOWEST, _NEAR = 0.05, 0.05  # of the frames; metres


@numba.njit(**COMPILED)
def smoothed(rows, sigma, reach):
    """Rows (K, T) under a Gaussian of `sigma` frames, cut `reach` frames from its middle.

    Past the ends the first and the last value go on.
    """
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    count = rows.shape[1]
    out, padded = np.empty_like(rows), np.empty(count + 2 * reach)
    for k in range(len(rows)):
        padded[:reach] = rows[k, 0]
        padded[reach : reach + count] = rows[k]
        padded[reach + count :] = rows[k, count - 1]
        smooth = out[k]
        for t in range(count):
            smooth[t] = weights[0] * padded[reach + t]
        for i in range(1, reach + 1):
            before, after, weight = padded[reach - i :], padded[reach + i :], weights[i]
            for t in range(count):
                smooth[t] += weight * (before[t] + after[t])
    return out


@numba.njit(**COMPILED)
def speeds(joints, fps):
    """Speeds (T, N) in metres per second of joints (T, N, 3), T > 2.

    Paths are smoothed over some hundredths of a second, for converted captures tremble.
    """
    count, number = joints.shape[:2]
    rows = np.empty((3 * number, count))
    for t in range(count):
        for i in range(number):
            for k in range(3):
                rows[3 * i + k, t] = joints[t, i, k]
    sigma = 0.04 * fps
    rows = smoothed(rows, sigma, int(4 * sigma + 0.5))
    out = np.empty((count, number))
    for i in range(number):
        x, y, z = rows[3 * i], rows[3 * i + 1], rows[3 * i + 2]
        for t in range(count):
            low, high = max(t - 1, 0), min(t + 1, count - 1)
            a, b, c = x[high] - x[low], y[high] - y[low], z[high] - z[low]
            out[t, i] = math.sqrt(a * a + b * b + c * c) * fps / (high - low)
    return out


@numba.njit(**COMPILED)
def near_ground(joints):
    """Where joints (T, 2, 3) are within 5 cm of the lowest that the lower of the two gets.

    The lowest twentieth of the frames is not counted.
    """
    count = len(joints)
    heights = np.empty(count)
    for t in range(count):
        heights[t] = min(joints[t, 0, 1], joints[t, 1, 1])
    rank = (count - 1) * _LOWEST
    first = int(rank)
    heights = np.partition(heights, min(first + 1, count - 1))
    floor = heights[: first + 1].max()
    floor += (heights[min(first + 1, count - 1)] - floor) * (rank - first)
    out = np.empty((count, 2), np.bool_)
    for t in range(count):
        for i in range(2):
            out[t, i] = joints[t, i, 1] < floor + _NEAR
    return out


@numba.njit(**COMPILED)
def smooth_envelope(values, reach):
    """Values (T,), none below 0, made smooth over `reach` frames, nowhere much below themselves."""
    count = len(values)
    envelope = np.zeros((1, count))
    positive = False
    for t in range(count):
        if values[t] > 0:
            positive = True
            for frame in range(max(t - reach, 0), min(t + reach + 1, count)):
                envelope[0, frame] = max(envelope[0, frame], values[t])
    return smoothed(envelope, reach / 2, reach)[0] if positive else envelope[0]


@numba.njit(**COMPILED)
def _runs(marked):
    """First and one-past-last frames (R, 2) of each run of marked frames that is not too short."""
    out = np.empty((len(marked) // (_SHORTEST + 1) + 1, 2), np.int64)
    number, start = 0, 0
    for t in range(len(marked) + 1):
        if t < len(marked) and marked[t]:
            continue
        if t - start >= _SHORTEST:
            out[number] = start, t
            number += 1
        start = t + 1
    return out[:number]


@numba.njit(**COMPILED)
def _fade(values, runs, ramp):
    """Let values (T, 3), known in `runs`, fade out over `ramp` frames beside each, in place."""
    count = len(values)
    for r in range(len(runs)):
        start, stop = runs[r]
        last = runs[r - 1, 1] if r else 0
        for t in range(max(last, start - math.ceil(ramp)), start):
            share = min((start - t) / ramp, 1.0)
            values[t] += (1 - share * share * (3 - 2 * share)) * values[start]
        following = runs[r + 1, 0] if r + 1 < len(runs) else count
        for t in range(stop, min(following, stop + math.ceil(ramp))):
            share = min((t - stop + 1) / ramp, 1.0)
            values[t] += (1 - share * share * (3 - 2 * share)) * values[stop - 1]


@numba.njit(**COMPILED)
def hold_positions(positions, track, bearing, ramp):
    """Move positions (T, 3) in place so that `track` (T, 3) stays still in each run of `bearing` (T,).

    The horizontal position becomes the run's median. Runs in which it wanders by more than 6 cm are left
    alone: it slides.
    """
    shift, runs, held = np.zeros(track.shape), _runs(bearing), 0
    for r in range(len(runs)):
        start, stop = runs[r]
        x, z = np.median(track[start:stop, 0].copy()), np.median(track[start:stop, 2].copy())
        farthest = 0.0
        for t in range(start, stop):
            a, b = x - track[t, 0], z - track[t, 2]
            shift[t, 0], shift[t, 2] = a, b
            farthest = max(farthest, a * a + b * b)
        if farthest <= _WANDERS * _WANDERS:
            runs[held] = start, stop
            held += 1
        else:
            shift[start:stop] = 0.0
    _fade(shift, runs[:held], ramp)
    positions += shift


@numba.njit(**INLINED)
def _mean_quaternion(quaternions, joint, start, stop):
    """The mean of a joint's quaternions: the main axis of their scatter, by power iteration."""
    scatter = np.zeros((4, 4))
    for t in range(start, stop):
        for a in range(4):
            for b in range(4):
                scatter[a, b] += quaternions[t, joint, a] * quaternions[t, joint, b]
    mean, moved, tries = quaternions[start, joint].copy(), 1.0, 0
    while moved > 1e-30 and tries < 1000:
        step = np.zeros(4)
        for a in range(4):
            for b in range(4):
                step[a] += scatter[a, b] * mean[b]
        step /= math.sqrt((step * step).sum())
        moved = ((step - mean) ** 2).sum()
        mean = step
        tries += 1
    return mean[0], mean[1], mean[2], mean[3]


@numba.njit(**COMPILED)
def hold_rotations(quaternions, ankle, foot, standing, ramp):
    """Bring an ankle's rotations to their mean in each run of `standing` (T,) frames, in place.

    The foot follows. `quaternions` (T, 24, 4) global.
    """
    vectors, runs = np.zeros((len(quaternions), 3)), _runs(standing)
    for r in range(len(runs)):
        start, stop = runs[r]
        mean = _mean_quaternion(quaternions, ankle, start, stop)
        for t in range(start, stop):
            x, y, z = rotation_vector(product(mean, inverse(load(quaternions, t, ankle))))
            vectors[t, 0], vectors[t, 1], vectors[t, 2] = x, y, z
    _fade(vectors, runs, ramp)
    for t in range(len(quaternions)):
        v = (vectors[t, 0], vectors[t, 1], vectors[t, 2])
        if v[0] != 0 or v[1] != 0 or v[2] != 0:
            correction = from_vector(v)
            store(quaternions, t, ankle, product(correction, load(quaternions, t, ankle)))
            store(quaternions, t, foot, product(correction, load(quaternions, t, foot)))
