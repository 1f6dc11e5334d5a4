"""What is physically wrong with a motion, where, and by how much.

What cannot be posed at all is said first and alone: positions of joints that were read as rotations. Then
two things are looked at. The *capture*, at its own frame rate, as its file has it: joints that flip,
frames that are missing or held. And the *motion* that the body performs after retargeting: feet and
floor, speeds, limbs inside each other. Retargeting mends what it can, so that what is wrong with the
capture need not show in the motion; it counts all the same. What is wrong with the motion alone is named
"retargeting", a fault of this program and not of the take. Of a body in a world with another axis upwards
nothing is said of floor, balance and sliding: those come right with the axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.motion import Motion
from mocap.quality.defects import (
    find_disorder,
    find_flips,
    find_limb_collisions,
    find_root_speed,
    find_skating,
    find_snaps,
    find_speeds,
    find_static,
    find_sunk_feet,
    find_truncation,
)
from mocap.quality.joint_positions import find_positions
from mocap.quality.joint_ranges import (
    bone_directions,
    find_bends,
    find_twists,
    local_quaternions,
)
from mocap.quality.limb_collisions import Capsules
from mocap.quality.posture import (
    find_drift,
    find_floating,
    find_leaning,
    find_up_axis,
    lowest_heights,
)
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds, Verdict
from mocap.retargeting.capture import Capture
from mocap.retargeting.ground import SIDES, chain_joints, global_rotations, soles_of


class MotionAssessor:
    """Assesses motions of one body: `MotionAssessor(body)(motion, capture, fps=120.0)`."""

    def __init__(self, body: Body, thresholds: Thresholds = THRESHOLDS):
        self.thresholds = thresholds
        self.soles = soles_of(body)
        self.capsules = Capsules(body)
        self.bones = bone_directions(self.soles)

    def __call__(
        self, motion: Motion, capture: Capture | None = None, *, fps: float | None = None
    ) -> Verdict:
        """The verdict on one motion.

        Args:
            motion: On the assessor's body, at any frame rate.
            capture: What it was retargeted from; without it (files that hold SMPL poses) the motion
                itself is taken for it.
            fps: The capture's frame rate, at which frames are counted in the verdict.
        """
        limits = self.thresholds
        unreadable = find_positions(motion.pose, motion.fps, limits) if capture is None else []
        if unreadable:
            return Verdict(tuple(unreadable))
        rotations = global_rotations(motion.pose)
        pelvis = motion.translation + self.soles.joints[0]
        positions = chain_joints(rotations, self.soles.joints)
        if capture is None:
            turned, root, fps = rotations, pelvis, motion.fps
        elif fps is None:
            raise ValueError("a capture needs its frame rate")
        else:
            turned, root = capture.rotation_matrices, capture.pair("hip").mean(axis=1)
        reasons = [
            *find_flips(turned, fps, limits),
            *find_truncation(turned, root, fps, limits),
            *find_root_speed(root, fps, limits),
        ]
        snaps = [] if capture is None else self._snaps(positions, motion.fps, capture, fps)
        snapping = {reason.joint for reason in snaps}
        fast = find_speeds(positions, motion.fps, limits)

        def in_file_frames(listed: Iterable[Reason]) -> list[Reason]:
            """Reasons with their frames at the file's rate."""
            last = len(root) - 1
            return [replace(r, frame=min(round(r.frame * fps / motion.fps), last)) for r in listed]

        reasons += in_file_frames([*snaps, *(r for r in fast if r.joint not in snapping)])
        end, edge = (len(root) - 1) / fps, limits.edge_seconds + 1e-9
        notes = tuple(
            r
            for r in reasons
            if r.defect in ("flip", "speed", "retargeting") and not edge < r.seconds < end - edge
        )
        reasons = [r for r in reasons if r not in notes]
        flipping = {r.joint for r in reasons if r.defect == "flip"}
        ranges = self._ranges(rotations, motion.fps, capture, fps)
        reasons += in_file_frames(
            [
                *find_static(positions + pelvis[:, None], motion.fps, limits),
                *find_disorder(positions + pelvis[:, None], motion.fps, limits),
                *(r for r in ranges if r.joint not in flipping),  # a joint that jumped stays there
                *self._stance(rotations, positions, pelvis, motion.fps),
                *find_limb_collisions(rotations, positions, self.capsules, motion.fps, limits),
            ]
        )
        return Verdict(tuple(reasons), notes)

    def _ranges(
        self, rotations: np.ndarray, motion_fps: float, capture: Capture | None, fps: float
    ) -> list[Reason]:
        """Twists and bends of the body; a twist that the capture does not have is retargeting's."""
        local = local_quaternions(rotations)
        reasons = find_twists(local, self.bones, motion_fps, self.thresholds)
        if reasons and capture is not None:
            captured = local_quaternions(capture.rotation_matrices)
            directions = {**self.bones, **_limb_directions(capture)}
            twisted = {r.joint for r in find_twists(captured, directions, fps, self.thresholds)}
            reasons = [
                r if r.joint in twisted else replace(r, defect="retargeting") for r in reasons
            ]
        return [*reasons, *find_bends(local, motion_fps, self.thresholds)]

    def _stance(
        self, rotations: np.ndarray, positions: np.ndarray, pelvis: np.ndarray, fps: float
    ) -> list[Reason]:
        """How the body stands in its world; only its up axis, where that is wrong."""
        limits, soles = self.thresholds, self.soles
        lying = find_up_axis(rotations, positions, fps, limits)
        if lying:
            return lying
        heights = lowest_heights(rotations, positions, pelvis, self.capsules, soles)
        return [
            *find_leaning(rotations, positions, self.capsules, fps, limits),
            *find_floating(heights, fps, limits),
            *find_drift(positions + pelvis[:, None], heights, fps, limits),
            *find_sunk_feet(rotations, pelvis, soles, fps, limits),
            *find_skating(rotations, pelvis, soles, fps, limits),
        ]

    def _snaps(
        self, positions: np.ndarray, motion_fps: float, capture: Capture, fps: float
    ) -> list[Reason]:
        """`find_snaps` on the body's `positions` (T, 24, 3), against the capture at the same times."""
        frames = np.rint(np.arange(len(positions)) * fps / motion_fps).astype(int)
        frames = np.minimum(frames, len(capture) - 1)
        scale = self.soles.hip_to_ankle / capture.leg_length
        middle = capture.pair("hip").mean(axis=1)
        captured = {
            joint: scale * (locations - middle)[frames]
            for joint, locations in capture.joints.items()
        }
        hips = [JOINT_NAMES.index(f"{side}_hip") for side in SIDES]
        relative = positions - positions[:, hips].mean(axis=1, keepdims=True)
        return find_snaps(relative, captured, motion_fps, self.thresholds)


def _limb_directions(capture: Capture) -> dict[str, np.ndarray]:
    """A capture's rest directions by joint, without that of the trunk, which is no joint."""
    return {
        joint: direction
        for joint, direction in capture.rest_directions.items()
        if joint in JOINT_NAMES
    }
