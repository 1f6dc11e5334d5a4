"""Any videos in folders by class as a labelled set: shapes, fractals, SURREAL's release by sequence.

The folders right below the one that is given are the classes; videos lie in them at any depth. Of
SURREAL's release (run0/01_01/01_01_c0001.mp4 and so on), whichever of its folders is given, the sequences
are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from action_recog.datasets.ucf101 import VIDEO_SUFFIXES, group_of
from action_recog.errors import BadInput
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

_SURREAL_CLIP = re.compile(r"(?P<sequence>.+)_c\d{4}", re.ASCII)


def read_class_folders(folder: str | os.PathLike[str]) -> VideoSet:
    """Read a folder of class folders.

    Args:
        folder: Its folders are the classes; those without videos and hidden files do not count.

    Returns:
        The videos in alphabetical order. A video's name is its path without suffix, relative to the
        folder; its group is that of a name such as `v_Class_g01_c02`, else the video itself.

    Raises:
        BadInput: For a folder that is missing, fewer than two classes, and two videos whose paths differ
            in the suffix alone.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected films, or videos in a folder per class")
    by_class = {
        child.name: _videos_below(child)
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    }
    by_class = {name: paths for name, paths in by_class.items() if paths}
    if all(_is_surreal_clip(path) for paths in by_class.values() for path in paths):
        clips = [path for paths in by_class.values() for path in paths]
        by_class = {name: [] for name in sorted({path.parent.name for path in clips})}
        for path in clips:
            by_class[path.parent.name].append(path)
    if len(by_class) < 2:
        raise BadInput(
            f"{folder}: no clips.jsonl, no shards, and {len(by_class)} of its folders hold "
            f"{'/'.join(VIDEO_SUFFIXES)} files; expected the films of `synth render-videos`, or a "
            "folder of videos for each of at least two classes"
        )
    videos = []
    path_of: dict[str, Path] = {}
    for label, (name, paths) in enumerate(by_class.items()):
        for path in paths:
            relative = path.relative_to(folder).with_suffix("").as_posix()
            twin = path_of.setdefault(relative, path)
            if twin != path:
                raise BadInput(
                    f"{twin} and {path.name}: two videos of one name, expected one; remove or rename the "
                    "other"
                )
            videos.append(LabelledVideo(path, relative, label, group_of(relative, name)))
    return VideoSet(
        f"videos in {folder.name} by folder",
        tuple(by_class),
        tuple(videos),
        is_stand_in(folder),
    )


def _videos_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    )


def _is_surreal_clip(path: Path) -> bool:
    """Whether a video lies as in SURREAL's release: SEQUENCE/SEQUENCE_c0001.mp4, with its labels."""
    match = _SURREAL_CLIP.fullmatch(path.stem)
    if match is None or match["sequence"] != path.parent.name:
        return False
    return path.with_name(f"{path.stem}_info.mat").is_file()
