"""Limbs inside each other, measured on a body that is reduced to capsules."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.retargeting.ground import SIDES

WINDOW = 4096
"""Frames that are looked at together where each is looked at alone: what a long take needs is bounded."""
# Limb -> the joints at its two ends. Its radius is measured on the body.
_LIMBS = {
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "hand": ("wrist", "hand"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "foot": ("ankle", "foot"),
}
_ARM, _LEG = ("upper_arm", "forearm", "hand"), ("thigh", "shin", "foot")
_TRUNK = ("spine1", "spine2", "spine3")


class Capsules:
    """Limbs, trunk and head of a body's mean shape as segments with radii.

    names: (N,) such as "left_forearm"; joints: (N,) index of the joint that each follows; starts, ends:
    (N, 3) metres, at rest, relative to that joint; radii: (N,) metres, the median distance of the skin
    from the limb's axis (of the trunk, which is flat, that of front and back).
    """

    def __init__(self, body: Body):
        rest_joints = body.rest_joints.astype(np.float64)
        template = body.template.astype(np.float64)
        owner = body.weights.argmax(axis=1)
        rest_positions = dict(zip(JOINT_NAMES, rest_joints, strict=True))
        rows = []
        for side in SIDES:
            for limb, (first, second) in _LIMBS.items():
                joint, end = f"{side}_{first}", rest_positions[f"{side}_{second}"]
                skin = template[owner == JOINT_NAMES.index(joint)]
                radius = _radius(skin, rest_positions[joint], end, 50)
                rows.append((f"{side}_{limb}", joint, rest_positions[joint], end, radius))
        skin = template[np.isin(owner, [JOINT_NAMES.index(name) for name in _TRUNK])]
        start, end = (
            rest_positions["spine1"],
            (rest_positions["spine3"] + rest_positions["neck"]) / 2,
        )
        rows.append(("trunk", "spine2", start, end, _radius(skin, start, end, 15)))
        skin = template[owner == JOINT_NAMES.index("head")]
        centre = (skin.min(axis=0) + skin.max(axis=0)) / 2
        rows.append(("head", "head", centre, centre, float(np.ptp(skin[:, 0]) / 2)))
        names, joints, starts, ends, radii = zip(*rows, strict=True)
        self.names: tuple[str, ...] = names
        self.joints = np.array([JOINT_NAMES.index(name) for name in joints])
        self.starts = np.array(starts) - rest_joints[self.joints]
        self.ends = np.array(ends) - rest_joints[self.joints]
        self.radii = np.array(radii)
        self.pairs = [
            (i, j)
            for i, j in combinations(range(len(names)), 2)
            if not _touch_by_nature(names[i], names[j])
        ]

    def segments(
        self, rotations: np.ndarray, positions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the capsules' axes begin and end on a posed body, (T, N, 3) each, metres.

        Args:
            rotations: (T, 24, 3, 3) global.
            positions: (T, 24, 3) of the joints, metres.
        """
        turned, origins = rotations[:, self.joints], positions[:, self.joints]
        starts = origins + np.einsum("tnij,nj->tni", turned, self.starts)
        ends = origins + np.einsum("tnij,nj->tni", turned, self.ends)
        return starts, ends

    def depths(self, rotations: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """How deep the two capsules of each of `pairs` are inside each other, (T, pairs).

        0: the capsules touch or are apart; 1: their axes meet.

        Args:
            rotations: (T, 24, 3, 3) global.
            positions: (T, 24, 3) of the joints, metres.
        """
        out = np.empty((len(rotations), len(self.pairs)))
        for start in range(0, len(out), WINDOW):
            frames = slice(start, start + WINDOW)
            out[frames] = self._depths(rotations[frames], positions[frames])
        return out

    def _depths(self, rotations: np.ndarray, positions: np.ndarray) -> np.ndarray:
        starts, ends = self.segments(rotations, positions)
        first, second = (list(side) for side in zip(*self.pairs, strict=True))
        apart = segment_distances(
            starts[:, first], ends[:, first], starts[:, second], ends[:, second]
        )
        return np.maximum(1 - apart / (self.radii[first] + self.radii[second]), 0.0)


def segment_distances(
    start: np.ndarray, end: np.ndarray, other_start: np.ndarray, other_end: np.ndarray
) -> np.ndarray:
    """Shortest distances (...) between segments given by their ends (..., 3)."""
    direction, other_direction, offset = end - start, other_end - other_start, start - other_start
    a, e, b = (
        (direction**2).sum(-1),
        (other_direction**2).sum(-1),
        (direction * other_direction).sum(-1),
    )
    c, f = (direction * offset).sum(-1), (other_direction * offset).sum(-1)
    across = a * e - b * b
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where(across > 1e-12, (b * f - c * e) / across, 0.0).clip(0, 1)
        t = np.where(e > 1e-12, (b * s + f) / e, 0.0).clip(0, 1)
        s = np.where(a > 1e-12, (b * t - c) / a, 0.0).clip(0, 1)
        t = np.where(e > 1e-12, (b * s + f) / e, 0.0).clip(0, 1)
    gap = offset + s[..., None] * direction - t[..., None] * other_direction
    return np.linalg.norm(gap, axis=-1)


def _radius(skin: np.ndarray, start: np.ndarray, end: np.ndarray, percentile: float) -> float:
    """Distance of the skin (N, 3) from the axis, away from the ends, where joints are thicker."""
    length = float(np.linalg.norm(end - start))
    axis = (end - start) / length
    axial = (skin - start) @ axis
    middle = (axial > 0.15 * length) & (axial < 0.85 * length)
    out = skin[middle] - start - axial[middle, None] * axis
    return float(np.percentile(np.linalg.norm(out, axis=1), percentile))


def _touch_by_nature(first: str, second: str) -> bool:
    """Whether two capsules hang together, or lie so close at rest that touching says nothing."""
    side, _, limb = first.partition("_")
    other_side, _, other = second.partition("_")
    limb, other = limb or first, other or second
    if side == other_side:
        return {limb, other} <= set(_ARM) or {limb, other} <= set(_LEG)
    roots = {"thigh", "trunk", "upper_arm", "head"}
    return {limb, other} <= roots and {limb, other} != {"upper_arm"}
