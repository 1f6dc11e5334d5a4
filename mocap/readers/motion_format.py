"""What a format of motion files offers to the rest of the package.

A new format is one module (or folder) with a `MotionFormat`, and one line in
`mocap.readers.formats.FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mocap.readers.smpl.recording import Recording
from mocap.retargeting.capture import Capture


@dataclass(frozen=True)
class StoredMotion:
    """A motion as its file's header describes it, nothing decoded.

    `fps` is None where the file does not say; `format` is the name of the file's format.
    """

    name: str
    subject: str
    trial: str
    frames: int
    fps: float | None
    format: str
    path: Path


class MotionReader(Protocol):
    """Reads one motion of a file; see `MotionFormat.read`."""

    def __call__(
        self, path: Path, *, skeleton: Path | None, member: str, fps: float | None
    ) -> Capture | Recording: ...


def every_file(path: Path) -> bool:
    """Whether a file is of a format that its suffix alone tells: always."""
    return True


@dataclass(frozen=True, kw_only=True)
class MotionFormat:
    """A format of motion files, as functions. All of them raise BadInput for damaged files.

    name: of the format, as entries of a motion library and indices on disk have it.
    suffixes: of its files, in lower case, each with its dot.
    list_motions: the motions of a file (and the skeleton beside it, if any), nothing decoded.
    read: one motion of a file, as a capture, or as a recording where the file holds SMPL poses.
    `skeleton` is the file beside it, `member` the motion's name ("" in files that hold one),
    `fps` the frame rate to assume where the file's is missing or wrong.
    recognises: whether a file with one of the suffixes is of this format.
    find_skeleton: of a motion file and the skeleton files in its folder, the one that belongs to
    the motion; None for formats without such files, which `skeleton_suffix` names.
    holds_many: whether one file holds many motions, each read by its name.
    """

    name: str
    suffixes: tuple[str, ...]
    list_motions: Callable[[Path, Path | None], tuple[StoredMotion, ...]]
    read: MotionReader
    recognises: Callable[[Path], bool] = every_file
    find_skeleton: Callable[[Path, Iterable[Path]], Path] | None = None
    skeleton_suffix: str = ""
    holds_many: bool = False
