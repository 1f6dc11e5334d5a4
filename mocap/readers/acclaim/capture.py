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
def _turn_about(q, axis, s, c):
    """`q` rotated about a coordinate axis by twice the angle of sine `s` and cosine `c`."""
    x, y, z, w = q
    if axis == 0:
        return x * c + w * s, y * c + z * s, z * c - y * s, w * c - x * s
    if axis == 1:
        return x * c - z * s, y * c + w * s, z * c + x * s, w * c - y * s
    return x * c + y * s, y * c - x * s, z * c + w * s, w * c - z * s


@numba.njit(**COMPILED)
def _perform(frames, parents, before, after, steps, reach, shift, position, first, second, ends):
    """Turns (T, 24, 4) and places (T, P, 3)."""
    count, width, bones = len(frames), frames.shape[1], len(parents)
    turns, joints = np.empty((count, len(first), 4)), np.empty((count, len(ends), 3))
    sines, cosines = np.empty(width), np.empty(width)
    bone_rotations, tips = np.empty((1, bones, 4)), np.empty((bones, 3))
    for t in range(count):
        row = frames[t]
        for c in range(width):
            sines[c], cosines[c] = _half_turn(row[c])
        for b in range(bones):
            p = parents[b]
            q = load(before, 0, b)
            if p >= 0:
                q = product(load(bone_rotations, 0, p), q)
            for step in range(3):
                column = steps[b, step, 0]
                if column >= 0:
                    q = _turn_about(q, steps[b, step, 1], sines[column], cosines[column])
            store(bone_rotations, 0, b, q)
            if p >= 0:
                x, y, z = rotate(q, (reach[b, 0], reach[b, 1], reach[b, 2]))
                tips[b, 0], tips[b, 1], tips[b, 2] = x + tips[p, 0], y + tips[p, 1], z + tips[p, 2]
            else:
                for axis in range(3):
                    moved = row[shift[axis]] if shift[axis] >= 0 else 0.0
                    tips[b, axis] = position[axis] + moved
        for j in range(len(first)):
            q = product(load(bone_rotations, 0, first[j]), load(after, 0, first[j]))
            if second[j] >= 0:
                q = midpoint(
                    q, product(load(bone_rotations, 0, second[j]), load(after, 0, second[j]))
                )
            store(turns, t, j, q)
        for i in range(len(ends)):
            for axis in range(3):
                joints[t, i, axis] = tips[ends[i], axis]
    return turns, joints
