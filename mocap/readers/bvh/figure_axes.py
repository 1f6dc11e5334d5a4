"""Which way is up, left and ahead for a figure in a BVH file, which states none of them."""

from __future__ import annotations

import numpy as np

from mocap.errors import BadInput
from mocap.readers.bvh.parser import BvhMotion
from mocap.readers.bvh.skeleton import PlacedJoints
from mocap.rotations import shortest_arc, unit

_FAVOUR = np.array([0.7, 1.5, 1.0])
_UPWARD = np.array([0.0, 1.0, 0.0])


def zero_pose(motion: BvhMotion) -> np.ndarray:
    """Joint positions (J, 3) with all angles at zero and the root at the origin."""
    out = np.zeros_like(motion.offsets)
    for joint, parent in enumerate(motion.parents):
        if parent >= 0:
            out[joint] = out[parent] + motion.offsets[joint]
    return out


def upright_turn(
    zero: np.ndarray, positions: np.ndarray, placed: PlacedJoints, stands: bool
) -> np.ndarray:
    """Rotation (3, 3) of the file's world that puts y up: BVH's own, or that of z-up writers.

    Where the figure stands along y with all angles at zero, y is up; else the axis along which it is
    longest from hips to head over the motion.
    """
    hips = [placed.limbs["left_hip"], placed.limbs["right_hip"]]
    zero_trunk = unit(zero[placed.head] - zero[hips].mean(axis=0))
    if stands and zero_trunk[1] > 0.8:
        return np.eye(3)
    ankles = [placed.limbs["left_ankle"], placed.limbs["right_ankle"]]
    low = hips if stands else ankles  # a bow turns the trunk, seldom the whole figure
    mean = unit(positions[:, placed.head] - positions[:, low].mean(axis=1)).mean(axis=0)
    favour = np.ones(3) if stands else _FAVOUR  # what lies and crawls is seldom z up
    axis = int((np.abs(mean) * favour).argmax())
    return shortest_arc(np.eye(3)[axis] * np.sign(mean[axis]), _UPWARD)


def check_sides(motion: BvhMotion, placed: PlacedJoints, positions: np.ndarray) -> None:
    """Refuse figures without hips, or whose left hip is over the motion below their right shoulder."""
    hips, shoulders = (
        positions[:, placed.limbs[f"left_{joint}"]] - positions[:, placed.limbs[f"right_{joint}"]]
        for joint in ("hip", "shoulder")
    )
    if min(np.linalg.norm(hips, axis=-1).min(), np.linalg.norm(shoulders, axis=-1).min()) < 1e-9:
        raise BadInput(
            f"{motion.path}: the hips or the shoulders have no width, expected OFFSETs of a person; "
            "fetch the file again"
        )
    if np.median((unit(hips) * unit(shoulders)).sum(axis=-1)) < 0:
        raise BadInput(
            f"{motion.path}: left and right of the hips and of the shoulders do not agree in most "
            "frames, expected both lefts on one side; correct the names of the joints"
        )


def figure_axes(reference: np.ndarray, placed: PlacedJoints, motion: BvhMotion) -> np.ndarray:
    """The figure's left, up and ahead in its reference pose, as columns (x, y, z in CMU's)."""
    leftward, upward = (
        reference[placed.limbs["left_hip"]] - reference[placed.limbs["right_hip"]],
        reference[placed.head]
        - (reference[placed.limbs["left_hip"]] + reference[placed.limbs["right_hip"]]) / 2,
    )
    if min(np.linalg.norm(leftward), np.linalg.norm(upward)) < 1e-9:
        raise BadInput(
            f"{motion.path}: the hips or the trunk have no length, expected OFFSETs of a person; "
            "fetch the file again"
        )
    axes = np.zeros((3, 3))
    axes[:, 1] = _snapped(unit(upward), 20.0)
    axes[:, 0] = _snapped(unit(leftward - (leftward @ axes[:, 1]) * axes[:, 1]), 15.0)
    axes[:, 0] = unit(axes[:, 0] - (axes[:, 0] @ axes[:, 1]) * axes[:, 1])
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes


def _snapped(direction: np.ndarray, degrees: float) -> np.ndarray:
    """The coordinate axis nearest to a direction, if it is within some degrees."""
    axis = int(np.abs(direction).argmax())
    near = np.eye(3)[axis] * np.sign(direction[axis])
    return near if near @ direction > np.cos(np.radians(degrees)) else direction
