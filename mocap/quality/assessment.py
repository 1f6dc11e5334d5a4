"""What is physically wrong with a motion, where, and by how much.

Two things are looked at. The *capture*, at its own frame rate, as its file has it: joints that flip,
frames that are missing or held. And the *motion* that the body performs after retargeting: feet and
floor, speeds, limbs inside each other. Retargeting mends what it can, so that what is wrong with the
capture need not show in the motion; it counts all the same. What is wrong with the motion alone is named
"retargeting", a fault of this program and not of the take.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.motion import Motion
from mocap.quality.defects import (
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
from mocap.quality.limb_collisions import Capsules
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds, Verdict
from mocap.retargeting.capture import Capture
from mocap.retargeting.ground import SIDES, chain_joints, global_rotations, soles_of
from mocap.retargeting.retarget import leg_length


class MotionAssessor:
    """Assesses motions of one body: `MotionAssessor(body)(motion, capture, fps=120.0)`."""

    def __init__(self, body: Body, thresholds: Thresholds = THRESHOLDS):
        self.thresholds = thresholds
        self.soles = soles_of(body)
        self.capsules = Capsules(body)

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
        for reason in (
            *find_static(positions + pelvis[:, None], motion.fps, limits),
            *snaps,
            *(reason for reason in fast if reason.joint not in snapping),
            *find_sunk_feet(rotations, pelvis, self.soles, motion.fps, limits),
            *find_skating(rotations, pelvis, self.soles, motion.fps, limits),
            *find_limb_collisions(rotations, positions, self.capsules, motion.fps, limits),
        ):
            frame = min(round(reason.frame * fps / motion.fps), len(root) - 1)
            reasons.append(replace(reason, frame=frame))
        end, edge = (len(root) - 1) / fps, limits.edge_seconds + 1e-9
        notes = tuple(
            r
            for r in reasons
            if r.defect in ("flip", "speed", "retargeting") and not edge < r.seconds < end - edge
        )
        return Verdict(tuple(r for r in reasons if r not in notes), notes)

    def _snaps(
        self, positions: np.ndarray, motion_fps: float, capture: Capture, fps: float
    ) -> list[Reason]:
        """`find_snaps` on the body's `positions` (T, 24, 3), against the capture at the same times."""
        frames = np.rint(np.arange(len(positions)) * fps / motion_fps).astype(int)
        frames = np.minimum(frames, len(capture) - 1)
        scale = leg_length(self.soles) / capture.leg_length
        middle = capture.pair("hip").mean(axis=1)
        captured = {
            joint: scale * (locations - middle)[frames]
            for joint, locations in capture.joints.items()
        }
        hips = [JOINT_NAMES.index(f"{side}_hip") for side in SIDES]
        relative = positions - positions[:, hips].mean(axis=1, keepdims=True)
        return find_snaps(relative, captured, motion_fps, self.thresholds)
