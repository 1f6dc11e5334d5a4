"""What the checks said of a clip, and the file beside the clip that says it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mocap.files import atomic_write
from mocap.parsing.json_files import read_json
from synth.checks.check import CheckResult

VERSION = 2  # raised whenever a check or a limit changes
SUFFIX = "_check.json"


@dataclass(frozen=True, kw_only=True)
class _Check:
    """One check in the file: its `figures`, numbers or words for what is none, or why it did not run."""

    good: bool | None = None
    figures: dict[str, float | str] = field(default_factory=dict)
    not_run: str = ""


@dataclass(frozen=True, kw_only=True)
class _Results:
    """What the file holds."""

    version: int
    good: bool
    findings: list[str]
    checks: dict[str, _Check]


@dataclass(frozen=True)
class ClipResults:
    """The result of every check of a clip, by name."""

    results: Mapping[str, CheckResult]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that is wrong, each with its figure."""
        return tuple(text for result in self.results.values() for text in result.findings)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of all checks."""
        out: dict[str, float] = {}
        for result in self.results.values():
            out |= result.figures
        return out

    def to_fields(self) -> dict[str, Any]:
        """As plain data: the same clip, the same fields. Figures to six digits."""
        checks: dict[str, dict[str, Any]] = {}
        for name, result in self.results.items():
            if result.not_run:
                checks[name] = {"not_run": result.not_run}
                continue
            checks[name] = {
                "good": not result.findings,
                "figures": {key: _short(value) for key, value in result.figures.items()},
            }
        return {
            "version": VERSION,
            "good": self.good,
            "findings": list(self.findings),
            "checks": checks,
        }


def write_clip_results(path: Path, results: ClipResults) -> None:
    """Write the results as JSON, whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(results.to_fields(), indent=1) + "\n", encoding="utf-8")


def read_clip_results(stem: Path | str) -> dict[str, Any]:
    """The fields of a clip's results. Raises BadInput where there are none that can be read."""
    advice = "no results that can be read; run `synth check` on the clip"
    return asdict(read_json(Path(f"{stem}{SUFFIX}"), _Results, advice=advice, extra_fields=True))


def _short(value: float) -> float | str:
    """To six digits and nine places; what JSON has no number for, in words."""
    return round(float(f"{value:.6g}"), 9) + 0.0 if math.isfinite(value) else str(value)
