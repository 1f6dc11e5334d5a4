"""A skeleton of rigid bones and its forward kinematics, as motion capture files describe it.

Every bone has a rest direction in world axes, a length, and a frame of its own (`axis`) in which
its angles are counted. With C the rotation of that frame and M the product of the bone's angles, in
the order that `axis_order` names ("XYZ": first about x, then y, then z), the bone turns by
`C M C^-1` relative to its parent, so that all rotations are the identity in the rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

INCH = 0.0254
CMU_LENGTH = 0.45


@dataclass(frozen=True)
class Bone:
    """One bone in the rest pose.

    Attributes:
        name: of the bone.
        direction: unit vector in world axes.
        length: metres.
        axis: angles (3,) of the bone's own frame, radians, applied in `axis_order`.
        axis_order: letters of the axes, e.g. "XYZ".
        dofs: its channels in the order in which an .amc file lists them.
        limits: a pair (lowest, highest) per channel, radians, or nothing.
    """

    name: str
    direction: tuple[float, float, float]
    length: float
    axis: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axis_order: str = "XYZ"
    dofs: tuple[str, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Skeleton:
    """Bones in an order where parents come first; bone 0 is the root and has no length.

    Attributes:
        bones: all of them.
        parents: each bone's parent (-1 for the root).
        name: of the skeleton.
        length_unit: the file's `length` (one unit is 0.0254 / length_unit metres).
        root_position: where the root rests, metres.
        degrees: whether the file counts angles in degrees.
    """

    bones: tuple[Bone, ...]
    parents: tuple[int, ...]
    name: str = "skeleton"
    length_unit: float = CMU_LENGTH
    root_position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    degrees: bool = True

    @property
    def metres_per_unit(self) -> float:
        return INCH / self.length_unit

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(bone.name for bone in self.bones)

    @cached_property
    def index(self) -> dict[str, int]:
        return {bone.name: i for i, bone in enumerate(self.bones)}

    @cached_property
    def channels(self) -> tuple[tuple[int, str], ...]:
        """(bone index, channel) of every column of a frames array."""
        return tuple((i, dof) for i, bone in enumerate(self.bones) for dof in bone.dofs)

    @cached_property
    def columns(self) -> dict[tuple[str, str], int]:
        """Column of a frames array by bone name and channel, e.g. `columns["lfemur", "rx"]`."""
        return {(self.bones[i].name, dof): c for c, (i, dof) in enumerate(self.channels)}


def axis_rotations(angles: np.ndarray, axis: str) -> np.ndarray:
    """Right-handed rotations (..., 3, 3) by `angles` (...) radians about axis "X", "Y" or "Z"."""
    angles = np.asarray(angles, dtype=np.float64)
    c, s = np.cos(angles), np.sin(angles)
    i = "XYZ".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    out = np.zeros((*angles.shape, 3, 3))
    out[..., i, i] = 1.0
    out[..., j, j] = c
    out[..., j, k] = -s
    out[..., k, j] = s
    out[..., k, k] = c
    return out


def ordered_rotation(angles: np.ndarray, order: str) -> np.ndarray:
    """Rotations (..., 3, 3) by `angles` (..., 3) about x, y, z, applied in `order`."""
    angles = np.asarray(angles, dtype=np.float64)
    out = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    for letter in order:
        out = axis_rotations(angles[..., "XYZ".index(letter)], letter) @ out
    return out


def forward_kinematics(skeleton: Skeleton, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations and ends of the bones over frames.

    A bone starts where its parent ends; the end of the root is the root's position. Bones keep their
    lengths and stay in their sockets: the channels tx, ty, tz and l of bones other than the root are
    left out.

    Args:
        skeleton: of B bones.
        frames: (T, C) radians and metres in the columns `skeleton.channels`.

    Returns:
        Rotations (T, B, 3, 3), identity in the rest pose, and bone ends (T, B, 3) in metres.
    """
    frames = np.asarray(frames, dtype=np.float64)
    count, total = len(frames), len(skeleton.bones)
    rotations = np.empty((count, total, 3, 3))
    ends = np.empty((count, total, 3))
    for i, bone in enumerate(skeleton.bones):
        angles = np.zeros((count, 3))
        shift = np.zeros((count, 3))
        for dof in bone.dofs:
            if skeleton.parents[i] >= 0 and dof[0] != "r":
                continue
            values = frames[:, skeleton.columns[bone.name, dof]]
            (angles if dof[0] == "r" else shift)[:, "xyz".index(dof[1])] = values
        frame = ordered_rotation(np.array(bone.axis), bone.axis_order)
        local = frame @ ordered_rotation(angles, bone.axis_order) @ frame.T
        parent = skeleton.parents[i]
        if parent < 0:
            rotations[:, i] = local
            ends[:, i] = shift + np.array(skeleton.root_position)
        else:
            rotations[:, i] = rotations[:, parent] @ local
            offset = np.array(bone.direction) * bone.length
            ends[:, i] = ends[:, parent] + rotations[:, i] @ offset
    return rotations, ends
