"""table.json of `synth eval-ucf101`, as the report needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import Label, read_json

Percent = Annotated[float, Meta(ge=0, le=100)]
_ADVICE = "run `synth eval-ucf101` again"


@dataclass(frozen=True, kw_only=True)
class TableGain:
    """A gain in top-1, per cent, with its interval and the p value of no gain."""

    difference: Annotated[float, Meta(ge=-100, le=100)]
    low: Annotated[float, Meta(ge=-100, le=100)]
    high: Annotated[float, Meta(ge=-100, le=100)]
    p: Annotated[float, Meta(ge=0, le=1)]
    detectable: Annotated[float, Meta(ge=0, le=1000)]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One arm: accuracies in per cent, what it took, and the gain over the first row."""

    init: Label
    top1: Percent
    top1_std: Percent | None
    top5: Percent
    top5_std: Percent | None
    top1_by_split: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[0-9]{1,4}$")], Percent], Meta(min_length=1)
    ]
    initial_weights: Label
    pretraining_steps: Annotated[float, Meta(ge=0, le=1e12)]
    labelled_steps: Annotated[float, Meta(ge=0, le=1e12)]
    training_accuracy: Percent
    gain: TableGain | None = None


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """One training."""

    seconds: Annotated[float, Meta(ge=0, le=1e12)]


@dataclass(frozen=True, kw_only=True)
class RecognitionTable:
    """The leading table: `films` are numbers of clips, `film_classes` their classes, by the set's name.

    `partial` says what is missing of the videos, "" where they are whole.
    """

    data: Annotated[str, Meta(max_length=10_000)]
    stand_in: list[Label]
    partial: Annotated[str, Meta(max_length=10_000)] = ""
    validation: bool = False
    comparison: Label = "equal-steps"
    rows: Annotated[list[TableRow], Meta(min_length=1)]
    runs: list[TableRun]
    films: dict[str, Annotated[int, Meta(ge=0)]]
    film_classes: dict[str, list[Label]]

    @property
    def splits(self) -> list[str]:
        """The numbers of the splits, in order."""
        return sorted(self.rows[0].top1_by_split, key=int)


def read_recognition_table(folder: Path) -> RecognitionTable:
    """The table of a folder that `synth eval-ucf101` wrote.

    Raises:
        BadInput: with the file and the field, where there is none or it cannot be used.
    """
    path = Path(folder) / "table.json"
    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected a folder that `synth eval-ucf101` wrote")
    table = read_json(path, RecognitionTable, advice=_ADVICE, extra_fields=True)
    for number, row in enumerate(table.rows):
        if row.top1_by_split.keys() != table.rows[0].top1_by_split.keys():
            raise BadInput(
                f"{path}: field rows[{number}].top1_by_split has the splits "
                f"{', '.join(row.top1_by_split)}, expected those of the first row; {_ADVICE}"
            )
    if table.films.keys() != table.film_classes.keys():
        raise BadInput(f"{path}: fields films and film_classes name different sets; {_ADVICE}")
    return table
