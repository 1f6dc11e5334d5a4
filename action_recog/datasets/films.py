"""Rendered films as a labelled set: the motion's category, or its sequence, is the class.

A film folder holds `clips.jsonl`, one JSON object per published clip: `path` (the clip's files
without suffix, relative to the folder), `sequence`, `category`, `split`, `stand_in`, ...
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from action_recog.errors import BadInput
from action_recog.json_files import RelativePath, decode_json, path_inside, read_json_lines
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

FilmLabel = Literal["category", "sequence"]

_Name = Annotated[str, Meta(max_length=1000)]
_ADVICE = "render the folder again"


@dataclass(frozen=True, kw_only=True)
class _FilmLine:
    """What is used of a line of clips.jsonl."""

    path: RelativePath
    sequence: _Name
    category: _Name
    split: _Name
    stand_in: bool = False


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
        its path without suffix, its group the motion sequence. Whether its file is there shows when
        it is decoded.

    Raises:
        BadInput: With file and line, for a row that cannot be read, leads out of the folder or stands
            there twice; and for fewer than two classes.
    """
    folder = Path(folder)
    index = folder / "clips.jsonl"
    if not index.is_file():
        raise BadInput(f"{index}: no such file; expected a folder that `synth render-videos` wrote")
    rows: list[tuple[Path, _FilmLine, str]] = []
    line_of: dict[str, int] = {}
    for number, text in read_json_lines(index, advice=_ADVICE):
        try:
            row = decode_json(text, _FilmLine)
            named = row.path if row.path.lower().endswith(".mp4") else f"{row.path}.mp4"
            path = path_inside(folder, named)
            earlier = line_of.setdefault(row.path, number)
            if earlier != number:
                raise BadInput(f"the film {row.path} stands in line {earlier} already")
        except BadInput as error:
            raise BadInput(
                f"{index}, line {number}: {error}; expected a JSON object with path, sequence, "
                f"category and split, each film once: {_ADVICE}"
            ) from None
        if row.split in splits:
            rows.append((path, row, getattr(row, label)))
    classes = tuple(sorted({value for _, _, value in rows}))
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
            LabelledVideo(path, row.path, numbers[value], row.sequence) for path, row, value in rows
        ),
        stand_in=is_stand_in(folder) or any(row.stand_in for _, row, _ in rows),
    )
