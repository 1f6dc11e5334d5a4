"""Rendered films as a labelled set: the motion's category, or its sequence, is the class.

A film folder holds `clips.jsonl`, one JSON object per published clip: `path` (the clip's files
without suffix, relative to the folder), `sequence`, `category`, `split`, `stand_in`, ...
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from action_recog.errors import BadInput
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

FilmLabel = Literal["category", "sequence"]


def read_films(
    folder: str | os.PathLike[str],
    *,
    label: FilmLabel = "category",
    splits: Collection[str] = ("train", "val", "test"),
) -> VideoSet:
    """Read the films of a folder whose split is in `splits`.

    Args:
        folder: Folder that `synth render-videos` wrote, with `clips.jsonl` in it.
        label: Field of a row that is the class: the motion's `category` or its `sequence`.
        splits: Splits of the motions whose films are read.

    Returns:
        The films in the order of the rows, their classes in alphabetical order. A film's name is
        its path without suffix, its group the motion sequence.

    Raises:
        BadInput: With file and line, for a row that cannot be read and a film that is missing; and
            for fewer than two classes.
    """
    folder = Path(folder)
    index = folder / "clips.jsonl"
    if not index.is_file():
        raise BadInput(f"{index}: no such file; expected a folder that `synth render-videos` wrote")
    rows: list[tuple[Path, str, str, str, bool]] = []
    with index.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                stem, value, split = str(row["path"]), str(row[label]), str(row["split"])
                sequence, stand_in = str(row["sequence"]), bool(row.get("stand_in", False))
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(
                    f"{index}, line {number}: {error!r}; expected a JSON object with path, "
                    "sequence, category and split: render the folder again"
                ) from None
            if split not in splits:
                continue
            path = folder / (stem if stem.lower().endswith(".mp4") else f"{stem}.mp4")
            if not path.is_file():
                raise BadInput(
                    f"{index}, line {number}: the film {path} is missing; render it again"
                )
            rows.append((path, stem, value, sequence, stand_in))
    classes = tuple(sorted({value for _, _, value, _, _ in rows}))
    if len(classes) < 2:
        raise BadInput(
            f"{index}: {len(rows)} films of {len(classes)} {label} in {'/'.join(splits)}; "
            "expected at least two classes to tell apart"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return VideoSet(
        name=f"films in {folder.name} by {label}",
        classes=classes,
        videos=tuple(
            LabelledVideo(path, stem, numbers[value], sequence)
            for path, stem, value, sequence, _ in rows
        ),
        stand_in=is_stand_in(folder) or any(stand_in for *_, stand_in in rows),
    )
