"""Captures of Acclaim motions: forward kinematics of CMU's bones, compiled.

The same rotations and joints as `mocap.retargeting.skeleton.forward_kinematics` gives, of those bones
only that a capture needs, and many times faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from mocap.bodies.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.quaternions import (
    COMPILED,
    INLINED,
    load,
    matrices_to_quaternions,
    midpoint,
    product,
    rotate,
    store,
)
from mocap.retargeting.capture import BONES, CMU_BONES, ENDS, Capture, rest_measures
from mocap.retargeting.skeleton import Skeleton, forward_kinematics, ordered_rotation

# pi / 2 in two parts, the first of so few bits that its multiples by whole numbers are exact.
_RIGHT_ANGLE, _RIGHT_ANGLE_REST = 1.5707963267341256, 6.077100506506192e-11
# Taylor's series, highest power first, exact to rounding up to pi / 4.
_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1))
_COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(8, -1, -1))
# Frames that are worked on abreast, and rows of so many; unsigned, as no index then counts from an end.
_ABREAST, _TWO, _THREE, _FOUR = (np.uint64(16 * rows) for rows in (1, 2, 3, 4))


@dataclass(frozen=True)
class _Chain:
    """A skeleton's B bones that a capture needs, parents first, and where its joints are among them.

    parents: (B,) indices, -1 for the root. before, after: (1, B, 4) unit quaternions, rotations into a
    bone's own frame from its parent's, and back out to the rest pose. steps: (B, 3, 2) column and axis
    of its angles, the last applied first; column -1 for none. reach: (B, 3) metres to its end, in its
    own frame. shift: (3,) columns of the root's position. position: (3,) metres, the root at rest.
    first, second: (24,) the bones that move SMPL's joints, -1 where there is no second. ends: (P,) the
    bones at whose ends the capture's joints are. rest_directions, leg_length, notes: the capture's.
    """

    parents: np.ndarray
    before: np.ndarray
    after: np.ndarray
    steps: np.ndarray
    reach: np.ndarray
    shift: np.ndarray
    position: np.ndarray
    first: np.ndarray
    second: np.ndarray
    ends: np.ndarray
    rest_directions: Mapping[str, np.ndarray]
    leg_length: float
    notes: tuple[str, ...]


def acclaim_capture(skeleton: Skeleton, frames: np.ndarray) -> Capture:
    """The capture in the frames of an Acclaim motion.

    Args:
        skeleton: With the bones of CMU's skeletons, by name.
        frames: (T, C) radians and metres, in the columns `skeleton.channels`.

    Raises:
        BadInput: Where the skeleton lacks a bone of CMU's.
    """
    chain = _chain(skeleton)
    turns, joints = _perform(
        np.ascontiguousarray(frames, dtype=np.float64),
        chain.parents,
        chain.before,
        chain.after,
        chain.steps,
        chain.reach,
        chain.shift,
        chain.position,
        chain.first,
        chain.second,
        chain.ends,
    )
    by_joint = {joint: joints[:, i] for i, joint in enumerate(ENDS)}
    return Capture(turns, chain.rest_directions, by_joint, chain.leg_length, chain.notes)


@lru_cache(maxsize=16)
def _chain(skeleton: Skeleton) -> _Chain:
    lacking = [name for name in CMU_BONES if name not in skeleton.index]
    if lacking:
        raise BadInput(
            f"skeleton '{skeleton.name}' has no bone {', '.join(lacking)}, expected the names of CMU's "
            "skeletons; rename its bones or use CMU's .asf"
        )
    needed = {0}
    for name in CMU_BONES:
        index = skeleton.index[name]
        while index not in needed:
            needed.add(index)
            index = skeleton.parents[index]
    chosen = sorted(needed)
    chain_index = {bone: i for i, bone in enumerate(chosen)}
    frames = [
        ordered_rotation(np.array(skeleton.bones[i].axis), skeleton.bones[i].axis_order)
        for i in chosen
    ]
    parents = np.array([chain_index.get(skeleton.parents[i], -1) for i in chosen])
    before = [frames[p].T @ frame if p >= 0 else frame for p, frame in zip(parents, frames)]
    steps = np.full((len(chosen), 3, 2), -1)
    reach = np.zeros((len(chosen), 3))
    for i, chosen_bone in enumerate(chosen):
        bone = skeleton.bones[chosen_bone]
        reach[i] = frames[i].T @ (np.array(bone.direction) * bone.length)
        for step, letter in enumerate(reversed(bone.axis_order.lower())):
            column = skeleton.columns.get((bone.name, f"r{letter}"), -1)
            steps[i, step] = column, "xyz".index(letter)
    directions = {
        name: np.array(skeleton.bones[skeleton.index[name]].direction) for name in CMU_BONES
    }
    _, rest_ends = forward_kinematics(skeleton, np.zeros((1, len(skeleton.channels))))
    rest_directions, leg_length = rest_measures(
        directions, {name: rest_ends[0, skeleton.index[name]] for name in CMU_BONES}
    )
    moved = [b.name for b in skeleton.bones[1:] if any(dof[0] != "r" for dof in b.dofs)]
    notes = (f"dropped, SMPL's bones do not stretch: channels of {', '.join(moved)}",)
    return _Chain(
        parents=parents,
        before=matrices_to_quaternions(np.array(before)[None]),
        after=matrices_to_quaternions(np.array([frame.T for frame in frames])[None]),
        steps=steps,
        reach=reach,
        shift=np.array([skeleton.columns.get(("root", f"t{a}"), -1) for a in "xyz"]),
        position=np.array(skeleton.root_position, dtype=np.float64),
        first=np.array([chain_index[skeleton.index[BONES[name][0]]] for name in JOINT_NAMES]),
        second=np.array(
            [
                chain_index[skeleton.index[BONES[name][1]]] if len(BONES[name]) > 1 else -1
                for name in JOINT_NAMES
            ]
        ),
        ends=np.array([chain_index[skeleton.index[bone]] for bone in ENDS.values()]),
        rest_directions=rest_directions,
        leg_length=leg_length,
        notes=notes if moved else (),
    )


@numba.njit(**INLINED)
def _half_turn(angle):
    """Sine and cosine of half an angle, without branches, so that rows of angles are vectorized."""
    quarter = math.floor(angle * (1 / math.pi) + 0.5)
    r = angle / 2 - quarter * _RIGHT_ANGLE - quarter * _RIGHT_ANGLE_REST
    squared = r * r
    sine, cosine = 0.0, 0.0
    for coefficient in _SINE:
        sine = sine * squared + coefficient
    for coefficient in _COSINE:
        cosine = cosine * squared + coefficient
    sine *= r
    quarter -= 4 * math.floor(quarter / 4)
    odd = (quarter == 1) | (quarter == 3)
    first, second = (cosine if odd else sine), (sine if odd else cosine)
    return (-first if quarter >= 2 else first), (
        -second if (quarter == 1) | (quarter == 2) else second
    )


@numba.njit(**INLINED)
def _rotation(rows, start):
    """Quaternion in four rows from `start` of a flat array of rows of 16."""
    return rows[start], rows[start + _ABREAST], rows[start + _TWO], rows[start + _THREE]


@numba.njit(**INLINED)
def _set_rotation(rows, start, q):
    rows[start], rows[start + _ABREAST], rows[start + _TWO], rows[start + _THREE] = q


@numba.njit(**INLINED)
def _turn_about(rotations, first, sines, cosines, row, axis):
    """Turn 16 rotations about a coordinate axis, in place, by twice the angles of sines and cosines."""
    if axis == 0:
        for t in range(_ABREAST):
            x, y, z, w = _rotation(rotations, first + t)
            s, c = sines[row + t], cosines[row + t]
            q = x * c + w * s, y * c + z * s, z * c - y * s, w * c - x * s
            _set_rotation(rotations, first + t, q)
    elif axis == 1:
        for t in range(_ABREAST):
            x, y, z, w = _rotation(rotations, first + t)
            s, c = sines[row + t], cosines[row + t]
            q = x * c - z * s, y * c + w * s, z * c + x * s, w * c - y * s
            _set_rotation(rotations, first + t, q)
    else:
        for t in range(_ABREAST):
            x, y, z, w = _rotation(rotations, first + t)
            s, c = sines[row + t], cosines[row + t]
            q = x * c + y * s, y * c - x * s, z * c + w * s, w * c - z * s
            _set_rotation(rotations, first + t, q)


@numba.njit(**INLINED)
def _turn_bones(rotations, tips, sines, cosines, parents, before, steps, reach):
    """Rotations and ends of all bones but the root's end, of 16 frames, from half their angles."""
    for b in range(np.uint64(len(parents))):
        bone, tip = b * _FOUR, b * _THREE
        q = load(before, 0, b)
        if parents[b] < 0:
            for t in range(_ABREAST):
                _set_rotation(rotations, bone + t, q)
        else:
            up = np.uint64(parents[b]) * _FOUR
            for t in range(_ABREAST):
                _set_rotation(rotations, bone + t, product(_rotation(rotations, up + t), q))
        for step in range(3):
            if steps[b, step, 0] >= 0:
                row = np.uint64(steps[b, step, 0]) * _ABREAST
                _turn_about(rotations, bone, sines, cosines, row, steps[b, step, 1])
        if parents[b] >= 0:
            up = np.uint64(parents[b]) * _THREE
            offset = reach[b, 0], reach[b, 1], reach[b, 2]
            for t in range(_ABREAST):
                x, y, z = rotate(_rotation(rotations, bone + t), offset)
                tips[tip + t] = x + tips[up + t]
                tips[tip + _ABREAST + t] = y + tips[up + _ABREAST + t]
                tips[tip + _TWO + t] = z + tips[up + _TWO + t]


@numba.njit(**INLINED)
def _turn_joint(rotations, first, second, after, out):
    """Rotations `out` of one of SMPL's joints in 16 frames: of one bone, or halfway between two."""
    q, start = load(after, 0, first), np.uint64(first) * _FOUR
    for t in range(_ABREAST):
        _set_rotation(out, t, product(_rotation(rotations, start + t), q))
    if second >= 0:
        q, start = load(after, 0, second), np.uint64(second) * _FOUR
        for t in range(_ABREAST):
            other = product(_rotation(rotations, start + t), q)
            _set_rotation(out, t, midpoint(_rotation(out, t), other))


@numba.njit(**COMPILED)
def _perform(frames, parents, before, after, steps, reach, shift, position, first, second, ends):
    """Turns (T, 24, 4) and places (T, P, 3).

    Sixteen frames at a time, the last one again where fewer are left: what is done to a bone is then
    done to rows of 16 numbers abreast.
    """
    count, width, bones = np.uint64(len(frames)), np.uint64(frames.shape[1]), len(parents)
    turns, joints = np.empty((len(frames), len(first), 4)), np.empty((len(frames), len(ends), 3))
    angles, joint = np.empty(16 * frames.shape[1]), np.empty(4 * 16)
    sines, cosines = np.empty(len(angles)), np.empty(len(angles))
    rotations, tips = np.empty(4 * 16 * bones), np.empty(3 * 16 * bones)
    for start in range(np.uint64(0), count, _ABREAST):
        held = min(_ABREAST, count - start)
        for t in range(_ABREAST):
            row = frames[min(start + t, count - np.uint64(1))]
            for c in range(width):
                angles[c * _ABREAST + t] = row[c]
            for axis in range(3):
                moved = row[shift[axis]] if shift[axis] >= 0 else 0.0
                tips[np.uint64(axis) * _ABREAST + t] = position[axis] + moved
        for i in range(len(angles)):
            sines[i], cosines[i] = _half_turn(angles[i])
        _turn_bones(rotations, tips, sines, cosines, parents, before, steps, reach)
        for j in range(len(first)):
            _turn_joint(rotations, first[j], second[j], after, joint)
            for t in range(held):
                store(turns, start + t, j, _rotation(joint, t))
        for i in range(len(ends)):
            tip = np.uint64(ends[i]) * _THREE
            for t in range(held):
                for axis in range(np.uint64(3)):
                    joints[start + t, i, axis] = tips[tip + axis * _ABREAST + t]
    return turns, joints
