"""Plain SMPL poses: a .npz with poses, path and frame rate, or a .npy with poses alone.

A .npz holds `poses` (or `pose`; (T, 72), (T, 24, 3), or SMPL-H's and SMPL-X's numbers), perhaps
`trans` (or `translation`, `transl`) (T, 3) in metres and `fps` (or `frame_rate`,
`framerate`). Without a path the body stays in its place. The frame rate is never guessed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.recording import (
    Recording,
    missing_rate,
    pose_frames,
    read_pose,
    read_rate,
    read_translation,
    subject_and_trial,
)
from mocap.rotations import axis_angle_to_matrices

POSES = ("poses", "pose", "")
TRANSLATIONS = ("trans", "translation", "transl")
RATES = ("fps", "frame_rate", "framerate")
_MIN_SHARE, _MIN_COSINE = 0.9, 0.9


def list_smpl_arrays(path: Path | str) -> StoredMotion:
    """The motion of a file of plain SMPL poses, which are not decoded.

    Raises:
        BadInput: With file and array, where one is missing or damaged.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        frames, _ = pose_frames(arrays, _poses(arrays))
        subject, trial = subject_and_trial(path, path.stem)
        return StoredMotion(path.stem, subject, trial, frames, _rate(arrays), "smpl", path)


def read_smpl_poses(
    path: Path | str, *, fps: float | None = None, up_axis: str | None = None
) -> Recording:
    """The motion of a file of plain SMPL poses.

    Args:
        path: A .npz or .npy file.
        fps: The frame rate where the file has none.
        up_axis: The world's, "y" or "z". Without it the axis is y, and poses whose trunks point along
            another axis nearly all the time are refused: name the axis, or turn the poses.

    Raises:
        BadInput: With file and array, where one is missing or damaged, or no frame rate is known.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        poses = _poses(arrays)
        rate = _rate(arrays) or fps
        if rate is None:
            raise missing_rate(path, path.stem)
        pose, dropped = read_pose(arrays, poses)
        paths = [name for name in TRANSLATIONS if name in arrays]
        if paths:
            translation = read_translation(arrays, paths[0], len(pose))
        else:
            translation = np.zeros((len(pose), 3), np.float32)
    if up_axis is None:
        _refuse_other_up(path, pose)
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


def _poses(arrays: ArrayFile) -> str:
    for name in POSES:
        if name in arrays:
            return name
    raise BadInput(
        f"{arrays.path}: no array 'poses' among {arrays.listed()}, expected SMPL "
        "poses (frames, 72); name the array 'poses'"
    )


def _rate(arrays: ArrayFile) -> float | None:
    for name in RATES:
        if name in arrays:
            return read_rate(arrays, name)
    return None


def _refuse_other_up(path: Path, pose: np.ndarray) -> None:
    trunks = axis_angle_to_matrices(pose[:, :3])[..., 1]
    for axis, cosines in (("z", trunks[:, 2]), ("-y", -trunks[:, 1])):
        if (cosines > _MIN_COSINE).mean() > _MIN_SHARE:
            raise BadInput(
                f"{path}: found trunks that point along {axis}, expected a world in which y is up; "
                + (
                    "AMASS's world is z up: give the rate its name there (mocap_framerate), or turn "
                    "the poses"
                    if axis == "z"
                    else "these seem to be a camera's axes: turn the poses by 180 degrees about x"
                )
            )


def _is_shape_alone(path: Path) -> bool:
    """Whether the file holds a body's shape and no poses, as AMASS puts beside its motions."""
    with ArrayFile(path) as arrays:
        if any(name in arrays for name in POSES):
            return False
        return "betas" in arrays and "gender" in arrays


def _list(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    return () if _is_shape_alone(path) else (list_smpl_arrays(path),)


def _read(path: Path, *, skeleton: Path | None, member: str, fps: float | None) -> Recording:
    if _is_shape_alone(path):
        raise BadInput(f"{path}: a body's shape without poses, expected a motion; use another file")
    return read_smpl_poses(path, fps=fps)


SMPL_ARRAYS = MotionFormat(
    name="smpl",
    suffixes=(".npz", ".npy"),
    list_motions=_list,
    read=_read,
)
