"""AMASS (Mahmood et al., 2019): motion capture as SMPL-H or SMPL-X poses, one .npz per motion.

Arrays `poses` (T, 156) or (T, 165) (in SMPL-X's files also, or only, `root_orient`, `pose_body` and so
on), `trans` (T, 3), `betas`, `gender` and the frame rate under one of two spellings. The world is z up
with the floor at z = 0. Soft-tissue parameters, markers and labels are not looked at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.pose_arrays import PoseArrays, find_poses, has_poses, read_pose_arrays
from mocap.readers.smpl.recording import (
    Recording,
    read_rate,
    read_translation,
    subject_and_trial,
)

RATES = ("mocap_framerate", "mocap_frame_rate")
_SUFFIXES = ("_poses", "_stageii")
_MOST_BETAS = 400
_LONGEST_WORD = 4096  # bytes


def list_amass(path: Path | str) -> StoredMotion:
    """The motion of an AMASS file, its poses not decoded.

    Raises:
        BadInput: With file and array, where one is missing or damaged.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        frames = _poses(arrays).frames
        name, subject, trial = _names(path)
        return StoredMotion(name, subject, trial, frames, _rate(arrays), "amass", path)


def read_amass(path: Path | str) -> Recording:
    """The motion of an AMASS file. The body's 22 joints are read; fingers, jaw and eyes stay at rest.

    Arrays of Python objects are never decoded: where the poses, the translation or the rate are such,
    the file is refused; where only the gender or the betas are, they stay None.

    Raises:
        BadInput: With file and array, where one is missing or damaged, and where the world is not z up.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        poses, rate = _poses(arrays), _rate(arrays)
        pose, dropped = read_pose_arrays(arrays, poses)
        translation = read_translation(arrays, poses.translation or "trans", len(pose))
        if "dmpls" in arrays:
            dropped = (*dropped, "soft tissue (dmpls)")
        gender, betas = _gender(arrays), _betas(arrays)
    name, subject, trial = _names(path)
    return Recording(
        pose,
        translation,
        "z",
        rate,
        name,
        subject,
        trial,
        str(path),
        gender=gender,
        betas=betas,
        dropped=dropped,
    )


def _names(path: Path) -> tuple[str, str, str]:
    name = path.stem
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return (name, *subject_and_trial(path, name))


def _poses(arrays: ArrayFile) -> PoseArrays:
    poses = find_poses(arrays)
    if poses.translation is None:
        raise BadInput(
            f"{arrays.path}: no array 'trans', expected the path (frames, 3); fetch the file again"
        )
    return poses


def _rate(arrays: ArrayFile) -> float:
    for name in RATES:
        if name in arrays:
            return read_rate(arrays, name)
    raise BadInput(
        f"{arrays.path}: no frame rate, expected {' or '.join(RATES)}; add one of them to the archive"
    )


def _gender(arrays: ArrayFile) -> str | None:
    """ "male", "female" or "neutral", whether stored as text, bytes or an array of one of them."""
    if "gender" not in arrays:
        return None
    try:
        value = arrays.read("gender", limit=_LONGEST_WORD)
    except BadInput:
        return None
    if value.size != 1 or value.dtype.kind not in "US":
        return None
    try:
        text = value.reshape(-1)[0]
        word = (text.decode("ascii") if isinstance(text, bytes) else str(text)).strip().lower()
    except (UnicodeDecodeError, ValueError):
        return None
    word = word.removeprefix("b'").removesuffix("'")  # bytes that were once printed into text
    return word if word in ("male", "female", "neutral") else None


def _betas(arrays: ArrayFile) -> np.ndarray | None:
    if "betas" not in arrays:
        return None
    try:
        header = arrays.header("betas")
        if header.dtype.kind != "f" or not 1 <= np.prod(header.shape, dtype=object) <= _MOST_BETAS:
            return None
        betas = arrays.read("betas").reshape(-1).astype(np.float64)
    except BadInput:
        return None
    return betas if np.isfinite(betas).all() else None


def _is_amass(path: Path) -> bool:
    with ArrayFile(path) as arrays:
        return has_poses(arrays) and any(name in arrays for name in RATES)


def _list(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    return (list_amass(path),)


def _read(path: Path, *, skeleton: Path | None, member: str, fps: float | None) -> Recording:
    return read_amass(path)


AMASS = MotionFormat(
    name="amass",
    suffixes=(".npz", ".npy"),
    list_motions=_list,
    read=_read,
    recognises=_is_amass,
)
