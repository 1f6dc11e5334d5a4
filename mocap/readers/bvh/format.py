"""BVH as a format of motion files: one motion in each file, with its skeleton."""

from __future__ import annotations

from pathlib import Path

from mocap.readers.bvh.capture import bvh_capture, cmu_name
from mocap.readers.bvh.parser import read_bvh, read_bvh_start
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.retargeting.capture import Capture


def list_bvh(path: Path, skeleton: Path | None = None) -> tuple[StoredMotion, ...]:
    """The one motion of a .bvh file."""
    start, rows = read_bvh_start(path)
    capture, rate = bvh_capture(start)
    frames = rows - (len(start) - len(capture))  # an added rest frame is left out
    subject, _, trial = (cmu_name(path) or path.stem).rpartition("_")
    subject = subject or path.parent.name
    return (StoredMotion(path.stem, subject, trial, frames, rate, "bvh", path),)


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
    index_rate_first=True,  # cgspeed's files say 120 frames per second for all of CMU's
)
