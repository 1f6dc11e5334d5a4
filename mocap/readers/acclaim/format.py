"""Acclaim as a format of motion files: an .amc file for each motion, an .asf for each person."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mocap.errors import BadInput
from mocap.readers.acclaim.asf_amc import count_frames, read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.retargeting.capture import Capture
from mocap.retargeting.skeleton import Skeleton


def list_acclaim(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    """The one motion of an .amc file, whose frame rate no file says."""
    frames = count_frames(path, _skeleton_of(path, skeleton))
    subject, _, trial = path.stem.rpartition("_")
    subject = subject or path.parent.name
    return (StoredMotion(path.stem, subject, trial, frames, None, "acclaim", path),)


def read_acclaim(
    path: Path, *, skeleton: Path | None, member: str = "", fps: float | None = None
) -> Capture:
    """The capture in an .amc file. Raises BadInput when it or its skeleton is damaged."""
    bones = _skeleton_of(path, skeleton)
    try:
        return acclaim_capture(bones, read_amc(path, bones))
    except BadInput as error:
        if str(path) in str(error):
            raise
        raise BadInput(f"{skeleton}: {error}") from error


def skeleton_beside(path: Path, skeletons: Iterable[Path]) -> Path:
    """The .asf file of an .amc file among those in its folder: the subject's, else the only one."""
    subject = path.stem.rpartition("_")[0]
    skeletons = sorted(skeletons)
    for skeleton in skeletons:
        if skeleton.stem == subject:
            return skeleton
    if len(skeletons) == 1:
        return skeletons[0]
    candidates = f"{len(skeletons)} others" if skeletons else "none"
    raise BadInput(
        f"{path}: found {candidates} beside it, expected its skeleton {subject}.asf; "
        "put the .asf file there"
    )


def _skeleton_of(path: Path, skeleton: Path | None) -> Skeleton:
    if skeleton is None:
        raise BadInput(f"{path}: found no skeleton, expected its .asf file; name that file too")
    return _read_skeleton(skeleton, skeleton.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read_skeleton(path: Path, modified: int) -> Skeleton:
    return read_asf(path)


ACCLAIM = MotionFormat(
    name="acclaim",
    suffixes=(".amc",),
    list_motions=list_acclaim,
    read=read_acclaim,
    find_skeleton=skeleton_beside,
    skeleton_suffix=".asf",
)
