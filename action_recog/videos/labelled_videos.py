"""Labelled videos, wherever they come from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

STAND_IN = "STAND_IN"  # a folder that holds a file of this name holds generated data


@dataclass(frozen=True)
class LabelledVideo:
    """A video file with its class.

    `name` is unique in its set, `label` counts from 0, `group` is what may not be divided between
    training and test (UCF101: videos cut from one recording).
    """

    path: Path
    name: str
    label: int
    group: str


@dataclass(frozen=True)
class VideoSet:
    """Videos with their class names; `stand_in` says that they are generated, not recorded."""

    name: str
    classes: tuple[str, ...]
    videos: tuple[LabelledVideo, ...]
    stand_in: bool

    def __len__(self) -> int:
        return len(self.videos)

    def subset(self, videos: Iterable[LabelledVideo], *, name: str) -> VideoSet:
        """The same classes over other videos."""
        return VideoSet(name, self.classes, tuple(videos), self.stand_in)


def is_stand_in(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder says that its content is generated."""
    return (Path(folder) / STAND_IN).exists()
