"""The formats of motion files, and a file's motions and poses whatever its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mocap.errors import BadInput
from mocap.readers.acclaim.format import ACCLAIM
from mocap.readers.bvh.format import BVH
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.amass import AMASS
from mocap.readers.smpl.arrays import SMPL_ARRAYS
from mocap.readers.smpl.recording import Recording
from mocap.readers.smpl.surreal import SURREAL

# By name. Where two files hold a motion of the same name, the first format keeps the plain name; of
# formats that share a suffix, the first that recognises a file reads it.
FORMATS: dict[str, MotionFormat] = {
    motion_format.name: motion_format
    for motion_format in (
        ACCLAIM,
        AMASS,
        SURREAL,
        BVH,
        SMPL_ARRAYS,  # reads whatever .npz, .npy and .pkl files no other format recognises
    )
}
_USERS = Counter(suffix for motion_format in FORMATS.values() for suffix in motion_format.suffixes)
# The suffixes of one format come before those that several share.
SUFFIXES = tuple(sorted(_USERS, key=_USERS.__getitem__))
SKELETON_SUFFIXES = tuple(f.skeleton_suffix for f in FORMATS.values() if f.skeleton_suffix)


def find_format(path: Path | str) -> MotionFormat:
    """The format of a motion file. Raises BadInput where the file is damaged, or of no format."""
    path = Path(path)
    for motion_format in FORMATS.values():
        if path.suffix.lower() in motion_format.suffixes and motion_format.recognises(path):
            return motion_format
    raise BadInput(f"{path}: no motion file, expected one of {', '.join(SUFFIXES)}")


def list_file(path: Path | str, skeleton: Path | None = None) -> tuple[StoredMotion, ...]:
    """The motions of a file, their poses not decoded.

    Args:
        path: A file with one of `SUFFIXES`.
        skeleton: The file that `find_skeleton` names, the .asf file of an .amc file.

    Returns:
        The motions in the file's order, `fps` None where the file does not say. A body's shape
        without poses, as AMASS puts beside its motions, has none and is no error.

    Raises:
        BadInput: Where there is no motion, or the file is damaged.
    """
    return find_format(path).list_motions(Path(path), skeleton)


def find_skeleton(path: Path, skeletons: Sequence[Path]) -> Path | None:
    """The skeleton file of a motion file, by name; None for formats that have none.

    Args:
        path: A motion file.
        skeletons: The files in its folder that have one of `SKELETON_SUFFIXES`.

    Raises:
        BadInput: Where the format needs a skeleton and none, or more than one, may be meant.
    """
    for motion_format in FORMATS.values():
        if motion_format.find_skeleton and path.suffix.lower() in motion_format.suffixes:
            suffix = motion_format.skeleton_suffix
            return motion_format.find_skeleton(
                path, [file for file in skeletons if file.name.lower().endswith(suffix)]
            )
    return None


def read_recording(
    path: Path | str, *, name: str | None = None, fps: float | None = None
) -> Recording:
    """A motion of a file that holds SMPL poses, as recorded.

    Args:
        path: A .npz, .npy or .pkl file.
        name: The motion's name, in files that hold many (SURREAL's archive).
        fps: The frame rate where the file has none.

    Raises:
        BadInput: Where the file is damaged, holds no such motion, or holds a capture.
    """
    path = Path(path)
    recording = find_format(path).read(path, skeleton=None, member=name or "", fps=fps)
    if not isinstance(recording, Recording):
        raise BadInput(f"{path}: a capture, expected SMPL poses; use a .npz, .npy or .pkl file")
    return recording
