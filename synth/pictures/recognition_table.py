"""table.json, which `synth eval-ucf101` wrote, as the report shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import Label, read_json

_ADVICE = "run `synth eval-ucf101` again"
_Percent = Annotated[float, Meta(ge=-100, le=100)]
_Split = Annotated[str, Meta(pattern=r"(?#the number of a split)\A[0-9]{1,3}\Z")]


@dataclass(frozen=True, kw_only=True)
class _Gain:
    difference: _Percent
    low: _Percent
    high: _Percent
    p: Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class _Row:
    init: Label
    top1: _Percent
    top1_std: _Percent
    top5: _Percent
    top5_std: _Percent
    top1_by_split: Annotated[dict[_Split, _Percent], Meta(min_length=1)]
    gain: _Gain | None


@dataclass(frozen=True, kw_only=True)
class _Run:
    seconds: Annotated[float, Meta(ge=0, le=1e12)]


@dataclass(frozen=True, kw_only=True)
class _RecognitionTable:
    data: Label
    stand_in: tuple[Label, ...]
    rows: Annotated[tuple[_Row, ...], Meta(min_length=1)]
    runs: tuple[_Run, ...]
    films: dict[Label, Annotated[int, Meta(ge=0, le=10**12)]]
    film_classes: dict[Label, tuple[Label, ...]]


def read_recognition_table(path: Path) -> dict[str, Any]:
    """The fields of a table.json that a report shows.

    Raises:
        BadInput: for a file that is missing or no such table, naming the field.
    """
    table = read_json(path, _RecognitionTable, advice=_ADVICE, extra_fields=True)
    splits = table.rows[0].top1_by_split.keys()
    for number, row in enumerate(table.rows):
        if row.top1_by_split.keys() != splits:
            raise BadInput(
                f"{path}: rows[{number}] has the splits {', '.join(row.top1_by_split)}, expected "
                f"{', '.join(splits)} as in rows[0]; {_ADVICE}"
            )
    if missing := sorted(table.films.keys() - table.film_classes.keys()):
        raise BadInput(f"{path}: film_classes lacks {missing[0]}, which films has; {_ADVICE}")
    return asdict(table)
