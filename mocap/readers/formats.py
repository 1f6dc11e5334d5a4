"""The kinds of motion file: what each holds at a glance, and each as a capture and as a motion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.readers.acclaim.asf_amc import count_frames, read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture, cmu_name
from mocap.readers.bvh.parser import read_bvh, read_bvh_start
from mocap.readers.smpl.archives import read_recording, stored_motions
from mocap.readers.smpl.recording import StoredMotion
from mocap.retargeting.capture import Capture
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import Skeleton

SUFFIXES = (".amc", ".bvh", ".npz", ".npy")
# Where two files hold a motion of the same name, the first kind keeps the plain name.
FORMATS = ("acclaim", "amass", "surreal", "bvh", "smpl")


def list_file(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    """The motions of a file, their poses not decoded. ``fps`` is None where the file does not say.

    ``skeleton`` is the .asf file of an .amc file. Raises BadInput where there is no motion; a body's
    shape without poses, as AMASS puts beside its motions, has none and is no error.
    """
    suffix = path.suffix.lower()
    if suffix == ".amc":
        frames = count_frames(path, _skeleton(skeleton, skeleton.stat().st_mtime_ns))
        subject, _, trial = path.stem.rpartition("_")
        subject = subject or path.parent.name
        return (StoredMotion(path.stem, subject, trial, frames, None, "acclaim", path),)
    if suffix == ".bvh":
        start, rows = read_bvh_start(path)
        capture, rate = bvh_capture(start)
        frames = rows - (len(start) - len(capture))  # an added rest frame is left out
        known = cmu_name(path)
        subject, _, trial = (known or path.stem).rpartition("_")
        subject = subject or path.parent.name
        return (StoredMotion(path.stem, subject, trial, frames, rate, "bvh", path),)
    return stored_motions(path)


def skeleton_beside(path: Path, skeletons: Iterable[Path]) -> Path:
    """The .asf file of an .amc file among those in its folder: the subject's, else the only one."""
    subject = path.stem.rpartition("_")[0]
    skeletons = sorted(skeletons)
    for skeleton in skeletons:
        if skeleton.stem == subject:
            return skeleton
    if len(skeletons) == 1:
        return skeletons[0]
    found = f"{len(skeletons)} others" if skeletons else "none"
    raise BadInput(
        f"{path}: found {found} beside it, expected its skeleton {subject}.asf; put the .asf file there"
    )


def read_capture(path: Path, *, format: str, skeleton: Path | None, fps: float) -> Capture:
    """The capture in an .amc or .bvh file. Raises BadInput when it or its skeleton is damaged."""
    if format == "bvh":
        return bvh_capture(read_bvh(path), fps=fps)[0]
    bones = _skeleton(skeleton, skeleton.stat().st_mtime_ns)
    try:
        return acclaim_capture(bones, read_amc(path, bones))
    except BadInput as error:
        if str(path) in str(error):
            raise
        raise BadInput(f"{skeleton}: {error}") from error


def thinned(capture: Capture, step: int) -> Capture:
    """Every ``step``-th frame of a capture."""
    if step == 1:
        return capture
    places = {joint: place[::step] for joint, place in capture.places.items()}
    return replace(capture, turns=capture.turns[::step], places=places)


def pose_capture(
    capture: Capture, body: Body, *, fps: float, subject: str, trial: str, name: str, source: str
) -> Motion:
    """The motion of a capture at ``fps`` on ``body``, mean shape."""
    pose, translation = retarget(capture, body, fps=fps)
    return Motion(pose, translation, fps, subject, trial, name, source)


def pose_recording(path: Path, body: Body, *, member: str, fps: float) -> Motion:
    """The motion ``member`` of an .npz or .npy file on ``body``, at the file's own rate."""
    return read_recording(path, name=member, fps=fps).on(body)


@lru_cache(maxsize=64)
def _skeleton(path: Path, changed: int) -> Skeleton:
    return read_asf(path)
