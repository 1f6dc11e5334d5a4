"""BVH motions as captures and on a body, with the kind of skeleton and the frame rate inferred."""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import CMU_INDEX
from mocap.motion import Motion
from mocap.readers.bvh.cmu_bones import cmu_bones_capture, cmu_placed_joints, has_cmu_rest
from mocap.readers.bvh.named_joints import placed_capture
from mocap.readers.bvh.parser import BvhMotion, read_bvh
from mocap.readers.bvh.segments import contradicting_joints
from mocap.readers.bvh.skeleton import is_daz, is_motionbuilder, place_joints, plain_names
from mocap.retargeting.capture import CMU_BONES, Capture
from mocap.retargeting.retarget import retarget

_LOG = logging.getLogger(__name__)
_CMU_NAME = re.compile(r"(\d{2,3}_\d{2})(?!\d)")
_RATES = (5.0, 1000.0)
_CGSPEED_RATE = (
    120.0  # which the headers of cgspeed's files say of all motions, those of 60 fps too
)


def bvh_motion(path: Path | str, body: Body, *, fps: float | None = None) -> Motion:
    """The motion in a BVH file on a body of mean shape, without an added rest frame.

    What was inferred, mended or dropped is logged.

    Args:
        path: A .bvh file.
        body: The body that performs the motion.
        fps: The frame rate. Without it the header's, but that a motion of CMU's on a skeleton of CMU's
            or cgspeed's whose header says 120, as cgspeed's do of all, has the rate of CMU's index.

    Raises:
        BadInput: Where the file cannot be understood, a bone cannot be placed, or no frame rate is
            known.
    """
    path = Path(path)
    capture, rate = bvh_capture(read_bvh(path), fps=fps)
    for note in capture.notes:
        _LOG.info("%s: %s", path, note)
    pose, translation = retarget(capture, body, fps=rate)
    name = cmu_name(path) or path.stem
    subject, _, trial = name.rpartition("_")
    return Motion(pose, translation, rate, subject or path.parent.name, trial, name, str(path))


def bvh_capture(motion: BvhMotion, *, fps: float | None = None) -> tuple[Capture, float]:
    """The capture in a BVH file and its frame rate; arguments and errors as of `bvh_motion`."""
    motion = replace(motion, names=plain_names(motion.names))
    names = set(motion.names)
    acclaim = names >= set(CMU_BONES) - {"lhipjoint", "rhipjoint"}
    cmu_skeleton = acclaim or is_motionbuilder(motion) or is_daz(motion)
    rate, notes = frame_rate(motion, cmu_skeleton=cmu_skeleton, fps=fps)
    if acclaim or is_motionbuilder(motion):
        placed = cmu_placed_joints(motion)
        if has_cmu_rest(motion) and not contradicting_joints(motion, placed):
            capture = cmu_bones_capture(motion, notes)
        else:
            capture = placed_capture(motion, placed, notes)
    else:
        capture = placed_capture(motion, place_joints(motion), notes)
    if not all(np.isfinite(positions).all() for positions in capture.joints.values()):
        raise BadInput(
            f"{motion.path}: positions overflow, expected a person; fetch the file again"
        )
    return capture, rate


def cmu_name(path: Path) -> str | None:
    """The CMU motion that a file's name begins with ("05_20" of "05_20-daz.bvh"), if CMU has it."""
    match = _CMU_NAME.match(path.stem)
    return match.group(1) if match and match.group(1) in _cmu_rates() else None


def has_frame_rate(motion: BvhMotion) -> bool:
    """Whether a file's header states a frame rate that a motion can have."""
    return motion.frame_time > 0 and _RATES[0] <= 1 / motion.frame_time <= _RATES[1]


def frame_rate(
    motion: BvhMotion, *, cmu_skeleton: bool, fps: float | None = None
) -> tuple[float, tuple[str, ...]]:
    """The frame rate of a motion, and notes on it for the user.

    Args:
        motion: The file.
        cmu_skeleton: Whether its skeleton is one in which CMU's data comes.
        fps: The rate to use whatever the file says.

    Raises:
        BadInput: Where no rate from 5 to 1000 is known.
    """
    stated = 1 / motion.frame_time if motion.frame_time > 0 else float("nan")
    name = cmu_name(motion.path)
    if fps is not None:
        if not _RATES[0] <= fps <= _RATES[1]:
            raise BadInput(f"{motion.path}: a rate of {fps} fps was given, expected 5 to 1000")
        return float(fps), ()
    if cmu_skeleton and name and abs(stated - _CGSPEED_RATE) < 0.01 * _CGSPEED_RATE:
        rate = _cmu_rates()[name]
        if rate == _CGSPEED_RATE:
            return rate, ()
        return rate, (f"the header says {stated:.3g} fps; CMU's index says {rate:g} for {name}",)
    if has_frame_rate(motion):
        nearest = round(stated)
        return (float(nearest) if abs(stated - nearest) < 0.002 * stated else stated), ()
    raise BadInput(
        f"{motion.path}: 'Frame Time: {motion.frame_time:g}' makes {stated:.3g} fps, expected 5 to 1000; "
        "correct the line or give the rate with --source-fps"
    )


@lru_cache(maxsize=1)
def _cmu_rates() -> dict[str, float]:
    with CMU_INDEX.open(newline="", encoding="ascii") as file:
        return {row["motion"]: float(row["fps"]) for row in csv.DictReader(file)}
