"""Rendered films as a labelled set: the motion's category, or its sequence, is the class.

A film folder holds `clips.jsonl`, one JSON object per published clip: `path` (the clip's files
without suffix, relative to the folder), `sequence`, `category`, `split`, `texture`, `stand_in`, ...
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
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
    texture: _Name = ""
    stand_in: bool = False


@dataclass(frozen=True, kw_only=True)
class Film:
    """A rendered clip: its file, and what it shows.

    `name` is its path without suffix, relative to the folder that was read; `texture` is "" where the
    folder does not tell.
    """

    path: Path
    name: str
    sequence: str
    category: str
    texture: str
    stand_in: bool


def is_film_folder(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds films, or folders that do."""
    return bool(_indices(Path(folder)))


def _indices(folder: Path) -> list[Path]:
    index = folder / "clips.jsonl"
    return [index] if index.is_file() else sorted(folder.glob("*/clips.jsonl"))


def list_films(
    folder: str | os.PathLike[str], *, splits: Collection[str] = ("train", "val", "test")
) -> list[Film]:
    """List the films of a folder, or of the film folders in it, whose split is in `splits`.

    Args:
        folder: Folder that `synth render-videos` wrote, with `clips.jsonl` in it, or a folder of such.
        splits: Splits of the motions whose films are read.

    Returns:
        The films in the order of the rows; folders in alphabetical order. Whether a film's file is there
        shows when it is decoded.

    Raises:
        BadInput: With file and line, for a row that cannot be read, leads out of the folder or stands
            there twice.
    """
    folder = Path(folder)
    indices = _indices(folder)
    if not indices:
        raise BadInput(
            f"{folder / 'clips.jsonl'}: no such file; expected a folder that `synth render-videos` "
            "wrote, or a folder of such folders"
        )
    return [
        film
        for index in indices
        for film in _films_of(
            index,
            splits,
            prefix="" if index.parent == folder else f"{index.parent.name}/",
            generated=is_stand_in(folder),
        )
    ]


def _films_of(index: Path, splits: Collection[str], *, prefix: str, generated: bool) -> list[Film]:
    folder = index.parent
    generated = generated or is_stand_in(folder)
    films: list[Film] = []
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
            films.append(
                Film(
                    path=path,
                    name=prefix + row.path,
                    sequence=row.sequence,
                    category=row.category,
                    texture=row.texture,
                    stand_in=generated or row.stand_in,
                )
            )
    return films


def labelled_films(films: Sequence[Film], *, name: str, label: FilmLabel) -> VideoSet:
    """Make films a labelled set.

    Args:
        films: The films.
        name: Name of the set.
        label: What is the class of a film: the motion's `category` or its `sequence`.

    Returns:
        The films in their order, their classes in alphabetical order. A film's group is its motion
        sequence.

    Raises:
        BadInput: For fewer than two classes.
    """
    values = [film.category if label == "category" else film.sequence for film in films]
    classes = tuple(sorted(set(values)))
    if len(classes) < 2:
        raise BadInput(
            f"{name}: {len(films)} films of {len(classes)} {label}; expected at least two classes to "
            "tell apart"
        )
    numbers = {value: number for number, value in enumerate(classes)}
    return VideoSet(
        name=name,
        classes=classes,
        videos=tuple(
            LabelledVideo(film.path, film.name, numbers[value], film.sequence)
            for film, value in zip(films, values)
        ),
        stand_in=any(film.stand_in for film in films),
    )


def read_films(
    folder: str | os.PathLike[str],
    *,
    label: FilmLabel = "category",
    splits: Collection[str] = ("train", "val", "test"),
) -> VideoSet:
    """Read the films of a folder whose split is in `splits` as a labelled set.

    Args:
        folder: As for `list_films`.
        label: Field of a row that is the class: the motion's `category` or its `sequence`.
        splits: Splits of the motions whose films are read.

    Returns:
        The films in the order of the rows, as `labelled_films` makes them a set.

    Raises:
        BadInput: As `list_films`, and for fewer than two classes.
    """
    folder = Path(folder)
    films = list_films(folder, splits=splits)
    try:
        return labelled_films(films, name=f"films in {folder.name} by {label}", label=label)
    except BadInput as error:
        raise BadInput(f"{_indices(folder)[0]}: {error}, in {'/'.join(splits)}") from None
