"""What the inspection of a folder of clips candidates, as a table and as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synth.checks.check import Check, CheckResult, Figure
from synth.checks.clip_checks import CHECKS
from synth.checks.inspection import Inspection


@dataclass(frozen=True)
class Worst:
    """The worst of a figure over the clips, and the clip that has it."""

    value: float
    stem: str


def worst_of(inspections: Sequence[Inspection], figure: Figure, check: Check) -> Worst | None:
    """The worst of a figure over the clips; None where no clip has it."""
    candidates = [
        Worst(inspection.results.results[check.name].figures[figure.name], inspection.stem)
        for inspection in inspections
        if inspection.results is not None
        and figure.name in inspection.results.results.get(check.name, CheckResult()).figures
    ]
    if not candidates:
        return None
    order = (lambda w: -w.value) if figure.worst == "least" else (lambda w: w.value)
    return max(candidates, key=lambda w: (math.isnan(w.value), order(w)))


def summary_fields(inspections: Sequence[Inspection]) -> dict[str, Any]:
    """Everything, for programs: counts, bad clips with reasons, missing files, worst figures."""
    checks: dict[str, Any] = {}
    for check in CHECKS:
        results = _results_of(inspections, check)
        figures = {}
        for figure in check.figures:
            if (worst := worst_of(inspections, figure, check)) is not None:
                value = worst.value if math.isfinite(worst.value) else str(worst.value)
                figures[figure.name] = {
                    "worst": value,
                    "limit": figure.limit,
                    "clip": worst.stem,
                }
        checks[check.name] = {
            "run": sum(not result.not_run for result in results),
            "bad": sum(bool(result.findings) for result in results),
            "not_run": sorted({result.not_run for result in results if result.not_run}),
            "figures": figures,
        }
    return {
        "clips": len(inspections),
        "bad": {i.stem: list(i.wrong) for i in inspections if i.wrong},
        "missing": [name for inspection in inspections for name in inspection.missing],
        "checks": checks,
    }


def summary_table(inspections: Sequence[Inspection]) -> str:
    """A line per figure of each check.

    On how many clips it was measured, its worst value, its limit, how many clips it makes bad, and the
    worst clip.
    """
    rows = [("check", "clips", "bad", "figure", "worst", "limit", "clip")]
    idle = []
    for check in CHECKS:
        results = _results_of(inspections, check)
        run = sum(not result.not_run for result in results)
        bad = sum(bool(result.findings) for result in results)
        if not run:
            reasons = sorted({result.not_run for result in results})
            idle.append(f"not run: {check.name} ({'; '.join(reasons) or 'no clip could be read'})")
            continue
        head = (check.name, str(run), str(bad))
        for figure in check.figures:
            worst = worst_of(inspections, figure, check)
            if worst is None:
                continue
            sign = ">=" if figure.worst == "least" else "<="
            bound = "" if figure.limit is None else f"{sign} {figure.limit:g}"
            stem = worst.stem if worst.value else ""  # a 0 is everybody's
            rows.append((*head, figure.name, f"{worst.value:.3g}", bound, stem))
            head = ("", "", "")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]
    return "\n".join([*lines, *idle])


def _results_of(inspections: Sequence[Inspection], check: Check) -> list[CheckResult]:
    return [
        inspection.results.results[check.name]
        for inspection in inspections
        if inspection.results is not None and check.name in inspection.results.results
    ]
