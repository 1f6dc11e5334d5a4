"""What the inspection of a folder of clips found, as a table and as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synth.checks.clip_checks import CHECKS, Check, Figure, Outcome
from synth.checks.inspection import Inspection
from synth.checks.limits import LIMITS


@dataclass(frozen=True)
class Worst:
    """The worst of a figure over the clips, and the clip that has it."""

    value: float
    stem: str


def worst_of(inspections: Sequence[Inspection], figure: Figure, check: Check) -> Worst | None:
    """None where no clip has the figure."""
    found = [
        Worst(inspection.verdict.outcomes[check.name].figures[figure.name], inspection.stem)
        for inspection in inspections
        if inspection.verdict is not None
        and figure.name in inspection.verdict.outcomes.get(check.name, Outcome()).figures
    ]
    if not found:
        return None
    order = (lambda w: -w.value) if figure.worst == "least" else (lambda w: w.value)
    return max(found, key=lambda w: (math.isnan(w.value), order(w)))


def summary_fields(inspections: Sequence[Inspection]) -> dict[str, Any]:
    """Everything, for programs: counts, bad clips with reasons, missing files, worst figures."""
    checks: dict[str, Any] = {}
    for check in CHECKS:
        outcomes = _outcomes(inspections, check)
        figures = {}
        for figure in check.figures:
            if (worst := worst_of(inspections, figure, check)) is not None:
                value = worst.value if math.isfinite(worst.value) else str(worst.value)
                figures[figure.name] = {
                    "worst": value,
                    "limit": getattr(LIMITS, figure.name, None),
                    "clip": worst.stem,
                }
        checks[check.name] = {
            "run": sum(not outcome.not_run for outcome in outcomes),
            "bad": sum(bool(outcome.findings) for outcome in outcomes),
            "not_run": sorted({outcome.not_run for outcome in outcomes if outcome.not_run}),
            "figures": figures,
        }
    return {
        "clips": len(inspections),
        "bad": {i.stem: list(i.wrong) for i in inspections if i.wrong},
        "missing": [name for inspection in inspections for name in inspection.missing],
        "checks": checks,
    }


def summary_table(inspections: Sequence[Inspection]) -> str:
    """A line for each figure of each check: on how many clips it was measured, its worst value, its
    limit, how many clips it makes bad, and the worst clip."""
    rows = [("check", "clips", "bad", "figure", "worst", "limit", "clip")]
    idle = []
    for check in CHECKS:
        outcomes = _outcomes(inspections, check)
        run = sum(not outcome.not_run for outcome in outcomes)
        bad = sum(bool(outcome.findings) for outcome in outcomes)
        if not run:
            reasons = sorted({outcome.not_run for outcome in outcomes})
            idle.append(f"not run: {check.name} ({'; '.join(reasons) or 'no clip could be read'})")
            continue
        head = (check.name, str(run), str(bad))
        for figure in check.figures:
            worst = worst_of(inspections, figure, check)
            if worst is None:
                continue
            limit = getattr(LIMITS, figure.name, None)
            bound = (
                "" if limit is None else f"{'>=' if figure.worst == 'least' else '<='} {limit:g}"
            )
            where = worst.stem if worst.value else ""  # a 0 is everybody's
            rows.append((*head, figure.name, f"{worst.value:.3g}", bound, where))
            head = ("", "", "")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]
    return "\n".join([*lines, *idle])


def _outcomes(inspections: Sequence[Inspection], check: Check) -> list[Outcome]:
    return [
        inspection.verdict.outcomes[check.name]
        for inspection in inspections
        if inspection.verdict is not None and check.name in inspection.verdict.outcomes
    ]
