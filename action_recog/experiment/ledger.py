"""What an output folder is of, so that arms, splits, seeds and shares can be added to it later."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar

from msgspec import Meta

from action_recog.errors import BadInput
from action_recog.experiment.protocol import COMPARISONS, Comparison, ExperimentData
from action_recog.json_files import read_json
from action_recog.training.checkpoints import write_text_whole
from action_recog.training.messages import announce

Value = TypeVar("Value")

_FILE = "experiment.json"


@dataclass(frozen=True, kw_only=True)
class _Ledger:
    """Everything that was asked for in a folder; paths are relative to it."""

    films: dict[str, str]
    shuffled: list[str]
    diversity: list[Annotated[int, Meta(ge=1, le=10**6)]]
    diversity_films: str | None
    weights_2d: str | None
    splits: list[Annotated[int, Meta(ge=1, le=3)]]
    seeds: list[Annotated[int, Meta(ge=0, le=2**63 - 1)]]
    label_shares: list[Annotated[int, Meta(ge=1, le=100)]]
    comparisons: list[Comparison]
    validate: bool


@dataclass(frozen=True)
class Request:
    """What is asked of an experiment: data with arms, splits and shares; seeds; comparisons."""

    data: ExperimentData
    seeds: tuple[int, ...]
    comparisons: tuple[Comparison, ...]


def with_earlier(request: Request, out: Path) -> Request:
    """Add what was asked for in a folder before; whether it is of the same data shows in its runs.

    Args:
        request: What is asked for now; its paths go before the earlier ones.
        out: Output folder, which need not exist.

    Returns:
        Both together.

    Raises:
        BadInput: For a ledger that cannot be read, and where one of the two is a validation.
    """
    path = out / _FILE
    if not path.is_file():
        return request
    earlier = read_json(
        path, _Ledger, advice="remove the file; finished runs are re-used without it"
    )
    data = request.data
    if earlier.validate != data.validate:
        kinds = "a validation", "a test"
        old, new = kinds if earlier.validate else kinds[::-1]
        raise BadInput(f"{out}: is the folder of {old}, this is {new}; give another output folder")
    films = {name: _path(out, folder) for name, folder in earlier.films.items()}
    for name, folder in films.items():
        if name not in data.films:
            announce(f"{name}: an arm of {out} since earlier, trained on {folder}")
    weights = data.weights_2d or (_path(out, earlier.weights_2d) if earlier.weights_2d else None)
    textures = data.diversity_films
    if textures is None and earlier.diversity_films:
        textures = _path(out, earlier.diversity_films)
    merged = replace(
        data,
        films={**films, **data.films},
        shuffled=_union(earlier.shuffled, data.shuffled),
        diversity=_union(earlier.diversity, data.diversity),
        diversity_films=textures,
        weights_2d=weights,
        splits=tuple(sorted({*earlier.splits, *data.splits})),
        label_shares=tuple(sorted({*earlier.label_shares, *data.label_shares})),
    )
    requested = {*earlier.comparisons, *request.comparisons}
    return Request(
        merged,
        _union(earlier.seeds, request.seeds),
        tuple(name for name in COMPARISONS if name in requested),
    )


def _union(first: Sequence[Value], second: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys([*first, *second]))


def _path(out: Path, relative: str) -> Path:
    """The path that a ledger names, without its detours."""
    return Path(os.path.normpath(out.resolve() / relative))


def write_ledger(request: Request, out: Path) -> None:
    """Write what a folder is of."""
    data = request.data

    def relative(path: Path | None) -> str | None:
        return None if path is None else os.path.relpath(path.resolve(), out.resolve())

    ledger = _Ledger(
        films={name: str(relative(folder)) for name, folder in data.films.items()},
        shuffled=list(data.shuffled),
        diversity=list(data.diversity),
        diversity_films=relative(data.diversity_films),
        weights_2d=relative(data.weights_2d),
        splits=list(data.splits),
        seeds=list(request.seeds),
        label_shares=list(data.label_shares),
        comparisons=list(request.comparisons),
        validate=data.validate,
    )
    write_text_whole(out / _FILE, json.dumps(asdict(ledger), indent=1) + "\n")
