"""Any videos in folders by class as a labelled set: shapes, fractals, SURREAL's release by sequence.

The folders right below the one that is given are the classes; videos lie in them at any depth.
"""

from __future__ import annotations

import os
from pathlib import Path

from action_recog.datasets.ucf101 import VIDEO_SUFFIXES, parse_name
from action_recog.errors import BadInput
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in


def read_class_folders(folder: str | os.PathLike[str]) -> VideoSet:
    """Read a folder of class folders.

    Args:
        folder: Its folders are the classes; those without videos and hidden files do not count.

    Returns:
        The videos in alphabetical order. A video's name is its path without suffix, relative to the
        folder; its group is that of a name such as `v_Class_g01_c02`, else the video itself.

    Raises:
        BadInput: For a folder that is missing, and for fewer than two classes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected films, or videos in a folder per class")
    by_class = {
        child.name: _videos_below(child)
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    }
    classes = tuple(name for name, paths in by_class.items() if paths)
    if len(classes) < 2:
        raise BadInput(
            f"{folder}: no clips.jsonl, and {len(classes)} of its folders hold "
            f"{'/'.join(VIDEO_SUFFIXES)} files; expected the films of `synth render-videos`, or a "
            "folder of videos for each of at least two classes"
        )
    videos = []
    for label, name in enumerate(classes):
        for path in by_class[name]:
            relative = path.relative_to(folder).with_suffix("").as_posix()
            videos.append(LabelledVideo(path, relative, label, _group(relative, name)))
    return VideoSet(
        f"videos in {folder.name} by folder", classes, tuple(videos), is_stand_in(folder)
    )


def _videos_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    )


def _group(relative: str, class_name: str) -> str:
    try:
        return f"{class_name}_g{parse_name(relative)[1]:02d}"
    except ValueError:
        return relative
