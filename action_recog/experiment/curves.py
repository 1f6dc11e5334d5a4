"""What happened in trainings: the rows of metrics.jsonl, and curves averaged over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from action_recog.errors import BadInput
from action_recog.json_files import decode_json, read_bounded_file

_Number = Annotated[int, Meta(ge=0, le=2**53)] | float
_ADVICE = "run the experiment again"


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Read a run folder's metrics.jsonl.

    Args:
        folder: Run folder.

    Returns:
        The rows that have a step, clips, loss and accuracy; torn lines are passed over.
    """
    try:
        lines = read_bounded_file(folder / "metrics.jsonl", advice=_ADVICE).splitlines()
    except BadInput:
        return []
    rows = []
    for line in lines:
        try:
            row = decode_json(line, dict[str, _Number])
        except BadInput:
            continue
        if row.keys() >= {"step", "clips", "loss", "accuracy"}:
            rows.append(row)
    return rows


@dataclass(frozen=True)
class Curve:
    """A quantity over optimiser steps: `x` (N,) ascending and `y` (N,), with a name."""

    name: str
    x: np.ndarray
    y: np.ndarray


def mean_curve(name: str, folders: Sequence[Path], key: str, *, points: int = 60) -> Curve | None:
    """Average a quantity over runs.

    Args:
        name: Name of the curve.
        folders: Run folders.
        key: Field of their metrics.
        points: Number of points, spread evenly up to the longest run.

    Returns:
        The mean over the runs that go as far as the point, None where no run has the field.
    """
    series = []
    for folder in folders:
        rows = [row for row in read_metrics(folder) if key in row]
        if rows:
            series.append(([row["step"] for row in rows], [row[key] for row in rows]))
    if not series:
        return None
    ends = [steps[-1] for steps, _ in series]
    x = np.linspace(min(steps[0] for steps, _ in series), max(ends), points)
    y = np.full((len(series), points), np.nan)
    for number, (steps, values) in enumerate(series):
        inside = x <= ends[number] + 1e-9
        y[number, inside] = np.interp(x[inside], steps, values)
    defined = np.isfinite(y).any(0)
    return Curve(name, x[defined], np.nanmean(y[:, defined], axis=0))
