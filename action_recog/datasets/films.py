"""Rendered films as a labelled set: the motion's category, or its sequence, is the class.

A film folder holds `clips.jsonl`, one JSON object per published clip: `path` (the clip's files
without suffix, relative to the folder), `sequence`, `category`, `split`, `texture`, `stand_in`, ...
Packed by `synth pack`, the same objects and videos lie in WebDataset shards.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from action_recog.datasets.webdataset import holds_packed_films, read_shards
from action_recog.errors import BadInput
from action_recog.json_files import (
    MAX_LINE_BYTES,
    RelativePath,
    decode_json,
    path_inside,
    read_json_lines,
)
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

FilmLabel = Literal["category", "sequence"]

_Name = Annotated[str, Meta(max_length=1000)]
_INDEX = "clips.jsonl"
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
    """Whether a folder holds films, packed or not, or folders that do."""
    return bool(_film_folders(Path(folder)))


def _film_folders(folder: Path) -> list[Path]:
    """The folder, where it holds films, else the folders in it that do."""
    if _holds_films(folder):
        return [folder]
    if not folder.is_dir():
        return []
    return [child for child in sorted(folder.iterdir()) if child.is_dir() and _holds_films(child)]


def _holds_films(folder: Path) -> bool:
    return (folder / _INDEX).is_file() or holds_packed_films(folder)


def list_films(
    folder: str | os.PathLike[str], *, splits: Collection[str] = ("train", "val", "test")
) -> list[Film]:
    """List the films of a folder, or of the film folders in it, whose split is in `splits`.

    Args:
        folder: Folder that `synth render-videos` or `synth pack` wrote, or a folder of such.
        splits: Splits of the motions whose films are read.

    Returns:
        The films in the order of the rows; folders in alphabetical order. Whether a film's file is there
        shows when it is decoded.

    Raises:
        BadInput: With file and line, or shard and sample, for a row that cannot be read, leads out of
            the folder or stands there twice.
    """
    folder = Path(folder)
    folders = _film_folders(folder)
    if not folders:
        raise BadInput(
            f"{folder / _INDEX}: no such file; expected a folder that `synth render-videos` or "
            "`synth pack` wrote, or a folder of such folders"
        )
    films = []
    for child in folders:
        rows, generated = _rows_of(child)
        generated |= is_stand_in(folder)
        prefix = "" if child == folder else f"{child.name}/"
        films += [
            Film(
                path=path,
                name=prefix + row.path,
                sequence=row.sequence,
                category=row.category,
                texture=row.texture,
                stand_in=generated or row.stand_in,
            )
            for row, path in rows
            if row.split in splits
        ]
    return films


class _Line(NamedTuple):
    """A row before it is read: its file, where in it, its text, and its video if that is known."""

    file: Path
    position: str
    text: bytes
    video: Path | None


def _lines_of(folder: Path) -> tuple[Iterator[_Line], bool]:
    """The lines of a film folder, and whether it says that its films are generated."""
    index = folder / _INDEX
    if index.is_file():
        lines = read_json_lines(index, advice=_ADVICE)
        return (_Line(index, f"line {number}", text, None) for number, text in lines), is_stand_in(
            folder
        )
    samples, generated = read_shards(folder)
    return (
        _Line(s.shard, f"sample {s.key}", s.text("json", MAX_LINE_BYTES), s.video())
        for s in samples
    ), generated


def _rows_of(folder: Path) -> tuple[list[tuple[_FilmLine, Path]], bool]:
    """The rows of a film folder with their videos, and whether it says that they are generated."""
    rows = []
    earlier: dict[str, _Line] = {}
    lines, generated = _lines_of(folder)
    for line in lines:
        try:
            row = decode_json(line.text, _FilmLine)
            video = line.video
            if video is None:
                named = row.path if row.path.lower().endswith(".mp4") else f"{row.path}.mp4"
                video = path_inside(folder, named)
            twin = earlier.setdefault(row.path, line)
            if twin is not line:
                file = "" if twin.file == line.file else f"{twin.file.name}, "
                raise BadInput(f"the film {row.path} stands in {file}{twin.position} already")
        except BadInput as error:
            raise BadInput(
                f"{line.file}, {line.position}: {error}; expected a JSON object with path, sequence, "
                f"category and split, each film once: {_ADVICE}"
            ) from None
        rows.append((row, video))
    return rows, generated


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
        first = _film_folders(folder)[0]
        source = first / _INDEX if (first / _INDEX).is_file() else first
        raise BadInput(f"{source}: {error}, in {'/'.join(splits)}") from None
