"""Recorded SMPL poses, and how they stand on a body.

SMPL poses in files (AMASS, SURREAL, plain arrays) carry SMPL's numbers for the body that was recorded,
in a world whose up axis depends on the source. The pose is the same on every body; the path is not: it
belongs to legs of a certain length and to a certain floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.parsing.array_files import ArrayFile
from mocap.readers.smpl.pose_arrays import bounded
from mocap.retargeting.ground import (
    SIDES,
    chain_joints,
    floor_offset,
    foot_heights,
    global_rotations,
    soles_of,
    standing_feet,
)

_LARGEST_DISTANCE = 1e5  # metres
_FEET = [JOINT_NAMES.index(f"{side}_foot") for side in SIDES]
_LEGS = (0.8, 1.25)  # plausible ratios of two people's legs
_SAME_LEGS = 0.05  # feet roll while they stand: the ratio is no more exact
_TRAVEL = 0.05  # metres (RMS) the pelvis must move over standing feet to tell the ratio
# What paths in other units are multiplied by to be metres, the largest first.
_UNITS = {"millimetres": 1e-3, "centimetres": 1e-2, "decimetres": 0.1}
# Ratios of path to steps from which a path is not in metres: where both agree, and in any case.
_SAME_UNIT, _OTHER_UNIT = 5.0, 25.0
_MIN_AGREEMENT = 0.5  # correlation of path and steps
_SAMPLE = 20_000  # frames that are enough to tell
_MIN_STEP = 2e-3  # metres (RMS) by which a foot must move against the pelvis in a tenth of a second
# Rotates z up, the floor's plane x and y, into y up: x stays, z becomes y, y becomes -z.
_TO_Y_UP = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])}


@dataclass(frozen=True)
class Recording:
    """SMPL poses as recorded.

    pose (T, 72) float32, radians; translation (T, 3) float32, metres, as in SMPL added to a pelvis at
    its rest position; `up_axis` names the world's up axis, "y" or "z". gender and betas describe the
    recorded person and are information only; `dropped` says what the file held that SMPL's 24
    joints cannot express.
    """

    pose: np.ndarray
    translation: np.ndarray
    up_axis: str
    fps: float
    name: str
    subject: str
    trial: str
    source: str
    gender: str | None = None
    betas: np.ndarray | None = None
    dropped: tuple[str, ...] = ()

    def to_motion(self, body: Body, *, fit_path: bool = True) -> Motion:
        """The motion on a body of mean shape, in our world (y up).

        The rest position of the recorded pelvis is taken to be the body's own: exact for the body
        that was recorded, a few centimetres' constant shift for another.

        Args:
            body: The body that performs the motion.
            fit_path: Whether the path is scaled to the body's legs, as the standing feet show it, and
                shifted so that they stand on y = 0; jumps and steps keep their heights. Otherwise it
                is the recorded one.

        Raises:
            BadInput: Where the path is in other units than metres, as the steps show.
        """
        to_y_up = _TO_Y_UP[self.up_axis]
        pose = self.pose.copy()
        if self.up_axis != "y":
            root = Rotation.from_matrix(to_y_up) * Rotation.from_rotvec(self.pose[:, :3])
            pose[:, :3] = root.as_rotvec()
        rest_pelvis = body.rest_joints[0].astype(np.float64)
        translation = (self.translation.astype(np.float64) + rest_pelvis) @ to_y_up.T - rest_pelvis
        self._refuse_other_units(pose, translation, body)
        if fit_path:
            translation = _fit_path(pose, translation, body, self.fps)
        return Motion(
            pose,
            translation.astype(np.float32),
            self.fps,
            self.subject,
            self.trial,
            self.name,
            self.source,
        )

    def _refuse_other_units(self, pose: np.ndarray, translation: np.ndarray, body: Body) -> None:
        """Compare the path with the steps: over the lower foot the pelvis goes as that foot recedes."""
        pose, translation = pose[:_SAMPLE], translation[:_SAMPLE]
        span = max(1, round(0.1 * self.fps))
        if len(pose) <= span:
            return
        feet = chain_joints(global_rotations(pose), soles_of(body).joints)[:, _FEET]
        lower = feet[..., 1].argmin(axis=1)[:-span]
        frames = np.arange(len(lower))
        steps = feet[frames, lower] - feet[frames + span, lower]
        moved = translation[span:] - translation[:-span]
        # In relation to their means too: vehicles carry people off, whatever their steps.
        centred = steps - steps.mean(axis=0), moved - moved.mean(axis=0)
        for limit, (step, move) in ((np.inf, (steps, moved)), (_OTHER_UNIT, centred)):
            product, squares = float((step * move).sum()), float((step**2).sum())
            if squares < len(step) * _MIN_STEP**2:
                continue
            ratio = float(np.sqrt((move**2).sum() / squares))
            agreement = product / max(ratio * squares, 1e-12)
            if ratio > limit or (ratio > _SAME_UNIT and agreement > _MIN_AGREEMENT):
                unit = min(_UNITS, key=lambda name: abs(np.log(ratio * _UNITS[name])))
                raise BadInput(
                    f"{self.source}: found a path {ratio:.3g} times as long as its steps, as if in "
                    f"{unit}, expected metres; multiply the translation by {_UNITS[unit]:g}"
                )


def _fit_path(pose: np.ndarray, translation: np.ndarray, body: Body, fps: float) -> np.ndarray:
    soles = soles_of(body)
    rotations = global_rotations(pose)
    joints = chain_joints(rotations, soles.joints)
    pelvis = translation + soles.joints[0]
    ankles, toes = (
        joints[:, [JOINT_NAMES.index(f"{side}_{name}") for side in SIDES]]
        for name in ("ankle", "foot")
    )
    standing = standing_feet(ankles + pelvis[:, None], toes + pelvis[:, None], fps)
    pelvis = pelvis * _leg_ratio(pelvis, toes, standing)
    standing = standing_feet(ankles + pelvis[:, None], toes + pelvis[:, None], fps)
    lowest = foot_heights(rotations, soles) + pelvis[:, 1:2]
    pelvis[:, 1] += floor_offset(lowest, standing)
    return pelvis - soles.joints[0]


def _leg_ratio(pelvis: np.ndarray, toes: np.ndarray, standing: np.ndarray) -> float:
    """How much longer this body's legs are than the recorded ones; 1 where they are as good as equal.

    Over a foot that stands, the pelvis moves as the toes recede from it: pelvis (T, 3) in the world,
    toes (T, 2, 3) from the pelvis. Where nobody walks there is nothing to scale, and a ratio that no
    two people have (treadmills, vehicles) is not believed.
    """
    products, squares, count = 0.0, 0.0, 0
    for side in range(standing.shape[1]):
        edges = np.flatnonzero(np.diff(np.r_[0, standing[:, side].astype(int), 0]))
        for start, stop in edges.reshape(-1, 2):
            moved = pelvis[start:stop] - pelvis[start:stop].mean(axis=0)
            receded = toes[start:stop, side] - toes[start:stop, side].mean(axis=0)
            products -= float((moved * receded).sum())
            squares += float((moved * moved).sum())
            count += stop - start
    if count < 10 or squares < count * _TRAVEL**2:
        return 1.0
    ratio = products / squares
    if not _LEGS[0] <= ratio <= _LEGS[1] or abs(ratio - 1) < _SAME_LEGS:
        return 1.0
    return ratio


def read_translation(arrays: ArrayFile, name: str, frames: int) -> np.ndarray:
    """Translations (T, 3) float32, metres, as many as there are poses."""
    shape = arrays.header(name).shape
    if shape != (frames, 3):
        raise arrays.fail(name, f"shape {shape}", f"({frames}, 3), one translation a pose")
    return bounded(arrays, name, arrays.read_rows(name, 3), _LARGEST_DISTANCE, "metres")


def read_rate(arrays: ArrayFile, name: str) -> float:
    """A frame rate: one number, 1 to 1000 frames per second."""
    return read_number(arrays, name, 1, 1000, "frames a second")


def read_number(arrays: ArrayFile, name: str, low: float, high: float, unit: str) -> float:
    """One number between two limits. Raises BadInput for anything else."""
    header = arrays.header(name)
    if header.dtype.kind not in "fiu" or int(np.prod(header.shape, dtype=object)) != 1:
        actual = f"{header.dtype} values of shape {header.shape}"
        raise arrays.fail(name, actual, f"one number, the {unit}")
    value = float(arrays.read(name).reshape(()))
    if not low <= value <= high:
        raise arrays.fail(name, f"{value:g} {unit}", f"{low:g} to {high:g}", "correct the number")
    return value


def subject_and_trial(path: Path, name: str) -> tuple[str, str]:
    """The subject and the trial of a motion, from its folder and its name.

    Folder "01" with "01_02" is ("01", "02"); "3" with "walk" ("3", "walk"). Files without a folder of
    their own fall back on their name before the last underscore.
    """
    folder = path.parent.name
    if folder and name.startswith(f"{folder}_"):
        return folder, name[len(folder) + 1 :]
    subject, _, trial = name.rpartition("_")
    if subject.isdigit():
        return subject, trial
    return (folder, name) if folder else (subject or name, trial or name)


def missing_rate(path: Path, name: str) -> BadInput:
    """The error for poses without a frame rate, to be raised."""
    return BadInput(
        f"{path}: '{name}' has no frame rate, expected one in the file (fps); save it there, or give "
        "the rate with --source-fps"
    )
