"""What a check is, and how its figures are compared with their limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from synth.checks.clip_data import ClipData


class CheckFailed(RuntimeError):
    """A clip contradicts itself; the message says in what and by how much."""


@dataclass(frozen=True)
class Figure:
    """What a figure means, and what it may be.

    `worst` says whether the greatest or the least of many is the worst: a figure may be at most, or at
    least, its `limit`. None: it is only shown. Shares (unit "%") are of 1.
    """

    name: str
    meaning: str
    unit: str = ""
    worst: Literal["greatest", "least"] = "greatest"
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of a clip against itself.

    `needs` names fields of `ClipData`, or of its ground truth, without which it is not run. `measure`
    gives its `figures` by their names; those that say nothing of this clip are left out.
    """

    name: str
    needs: tuple[str, ...] = ()
    measure: Callable[[ClipData], dict[str, float]]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class CheckResult:
    """What came of one check: its figures and findings (none: it is passed), or why it was not run."""

    figures: dict[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    not_run: str = ""


def compare_with_limits(figures: dict[str, float], check: Check) -> CheckResult:
    """The findings of figures that a check has measured."""
    findings = []
    for figure in check.figures:
        value = figures.get(figure.name)
        if figure.limit is None or value is None:
            continue
        is_lower_limit = figure.worst == "least"
        if math.isfinite(value) and (
            value >= figure.limit if is_lower_limit else value <= figure.limit
        ):
            continue
        bound = "at least" if is_lower_limit else "at most"
        findings.append(
            f"{figure.meaning}: {_with_unit(value, figure.unit)}, expected {bound} "
            f"{_with_unit(figure.limit, figure.unit)}"
        )
    return CheckResult(figures, tuple(findings))


def _with_unit(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.3g} %"
    return f"{value:.4g} {unit}".rstrip()
