"""BVH as a format of motion files: one motion in each file, with its skeleton."""

from __future__ import annotations

from pathlib import Path

from mocap.readers.bvh.capture import bvh_capture, cmu_name, has_frame_rate
from mocap.readers.bvh.parser import read_bvh, read_bvh_start
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.retargeting.capture import Capture

_ANY_RATE = 30.0


def list_bvh(path: Path, skeleton: Path | None = None) -> tuple[StoredMotion, ...]:
    """The one motion of a .bvh file."""
    start, rows = read_bvh_start(path)
    stated = has_frame_rate(start)  # else the caller or an index beside the file gives it
    capture, rate = bvh_capture(start, fps=None if stated else _ANY_RATE)
    frames = rows - (len(start) - len(capture))  # an added rest frame is left out
    subject, _, trial = (cmu_name(path) or path.stem).rpartition("_")
    subject = subject or path.parent.name
    return (StoredMotion(path.stem, subject, trial, frames, rate if stated else None, "bvh", path),)


def read_bvh_capture(
    path: Path, *, skeleton: Path | None = None, member: str = "", fps: float | None = None
) -> Capture:
    """The capture in a .bvh file. Raises BadInput when the file is damaged."""
    return bvh_capture(read_bvh(path), fps=fps)[0]


BVH = MotionFormat(
    name="bvh",
    suffixes=(".bvh",),
    list_motions=list_bvh,
    read=read_bvh_capture,
)
