"""Plain SMPL poses: a .npz with poses, path and frame rate, a .npy with poses alone, AIST++'s .pkl.

Poses are `poses` ((T, 72), (T, 24, 3), or SMPL-H's and SMPL-X's numbers) or what else
`mocap.readers.smpl.pose_arrays` knows; perhaps there is `trans` (or `transl`, ...) (T, 3) in metres and
`fps` (or `frame_rate`, `framerate`). Without a path the body stays in its place. The frame rate is never
guessed. AIST++ (Li et al., 2021) stores `smpl_trans` in the units of its cameras, with `smpl_scaling`,
the length of a metre in them, and its motions have 60 frames a second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.parsing.pickled_arrays import open_arrays
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.pose_arrays import find_poses, has_poses, image_labels, read_pose_arrays
from mocap.readers.smpl.recording import (
    Recording,
    missing_rate,
    read_number,
    read_rate,
    read_translation,
    subject_and_trial,
)

RATES = ("fps", "frame_rate", "framerate", "frameRate", "FPS")
AIST_SCALING, AIST_FPS = "smpl_scaling", 60.0


def list_smpl_arrays(path: Path | str) -> StoredMotion:
    """The motion of a file of plain SMPL poses, which are not decoded.

    Raises:
        BadInput: With file and array, where one is missing or damaged.
    """
    path = Path(path)
    with open_arrays(path) as arrays:
        frames = find_poses(arrays).frames
        subject, trial = subject_and_trial(path, path.stem)
        return StoredMotion(path.stem, subject, trial, frames, _rate(arrays), "smpl", path)


def read_smpl_poses(
    path: Path | str, *, fps: float | None = None, up_axis: str | None = None
) -> Recording:
    """The motion of a file of plain SMPL poses.

    Args:
        path: A .npz, .npy or .pkl file.
        fps: The frame rate where the file has none.
        up_axis: The world's, "y" or "z". Without it the axis is y, and poses whose trunks point along
            another axis nearly all the time are refused: name the axis, or turn the poses.

    Raises:
        BadInput: With file and array, where one is missing or damaged, or no frame rate is known.
    """
    path = Path(path)
    with open_arrays(path) as arrays:
        poses = find_poses(arrays)
        rate = _rate(arrays) or fps
        if rate is None:
            raise missing_rate(path, path.stem)
        pose, dropped = read_pose_arrays(arrays, poses)
        if poses.translation is None:
            translation = np.zeros((len(pose), 3), np.float32)
        else:
            translation = read_translation(arrays, poses.translation, len(pose))
        if AIST_SCALING in arrays:
            translation /= read_number(arrays, AIST_SCALING, 1e-3, 1e5, "units in a metre")
    subject, trial = subject_and_trial(path, path.stem)
    return Recording(
        pose,
        translation,
        up_axis or "y",
        float(rate),
        path.stem,
        subject,
        trial,
        str(path),
        dropped=dropped,
    )


def _rate(arrays: ArrayFile) -> float | None:
    for name in RATES:
        if name in arrays:
            return read_rate(arrays, name)
    return AIST_FPS if AIST_SCALING in arrays else None


def _is_shape_alone(path: Path) -> bool:
    """Whether the file holds a body's shape, or a body model, and no poses: no motion, and no fault."""
    with open_arrays(path) as arrays:
        if has_poses(arrays) or image_labels(arrays):
            return False
        return ("betas" in arrays and "gender" in arrays) or "v_template" in arrays


def _list(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    return () if _is_shape_alone(path) else (list_smpl_arrays(path),)


def _read(path: Path, *, skeleton: Path | None, member: str, fps: float | None) -> Recording:
    if _is_shape_alone(path):
        raise BadInput(f"{path}: a body's shape without poses, expected a motion; use another file")
    return read_smpl_poses(path, fps=fps)


SMPL_ARRAYS = MotionFormat(
    name="smpl",
    suffixes=(".npz", ".npy", ".pkl"),
    list_motions=_list,
    read=_read,
)
