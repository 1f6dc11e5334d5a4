"""One motion of a library, described without reading its poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocap.quality.verdict import Verdict


@dataclass(frozen=True)
class MotionEntry:
    """One motion that can be used. `fps` and `frames` are the file's own.

    name, subject, trial: "02_01", "02", "01"; the name is the motion's own in the library, fit for file
    names. description: the index's words, or the category where the index has none. category: coarse,
    for many motions ("walk"). skeleton: the .asf file that belongs to `path`, None for other kinds.
    format: one of `mocap.readers.formats.FORMATS`. member: the motion's name inside a file that
    holds many. verdict: None where the motion was not assessed yet.
    """

    name: str
    subject: str
    trial: str
    description: str
    category: str
    fps: float
    path: Path
    skeleton: Path | None
    frames: int
    format: str = "acclaim"
    member: str = ""
    verdict: Verdict | None = None

    @property
    def seconds(self) -> float:
        """Length of the motion, the duration of its last frame included."""
        return self.frames / self.fps

    @property
    def sequence_category(self) -> str:
        """The finest category, one per motion, as in RSTG's 2,607."""
        return self.name

    def source_in(self, folder: Path) -> str:
        """Where the motion is, relative to the library's folder: "02/02_01.amc", "data.npz#01_01"."""
        path = self.path.relative_to(folder).as_posix()
        return f"{path}#{self.member}" if self.member else path
