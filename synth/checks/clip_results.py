"""What the checks said of a clip, and the file beside the clip that says it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.checks.clip_checks import Outcome

VERSION = 1  # raised whenever a check or a limit changes
SUFFIX = "_check.json"


@dataclass(frozen=True)
class Verdict:
    """The outcome of every check, by name."""

    outcomes: Mapping[str, Outcome]

    @property
    def good(self) -> bool:
        return not self.findings

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that is wrong, each with its figure."""
        return tuple(text for outcome in self.outcomes.values() for text in outcome.findings)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of all checks."""
        out: dict[str, float] = {}
        for outcome in self.outcomes.values():
            out |= outcome.figures
        return out

    def to_fields(self) -> dict[str, Any]:
        """As plain data: the same clip, the same fields. Figures to six digits."""
        checks = {}
        for name, outcome in self.outcomes.items():
            if outcome.not_run:
                checks[name] = {"not_run": outcome.not_run}
                continue
            checks[name] = {
                "good": not outcome.findings,
                "figures": {key: _short(value) for key, value in outcome.figures.items()},
            }
        return {
            "version": VERSION,
            "good": self.good,
            "findings": list(self.findings),
            "checks": checks,
        }


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write the verdict as JSON, whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(verdict.to_fields(), indent=1) + "\n", encoding="utf-8")


def read_verdict(stem: Path | str) -> dict[str, Any]:
    """The fields of a clip's verdict. Raises BadInput where there is none, or no readable one."""
    path = Path(f"{stem}{SUFFIX}")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(fields["good"], bool) and isinstance(fields["checks"], dict):
            return fields
        reason = "neither good nor bad"
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
    raise BadInput(f"{path}: no verdict that can be read ({reason}); run `synth check` on the clip")


def _short(value: float) -> float | str:
    """To six digits and nine places; what JSON has no number for, in words."""
    return round(float(f"{value:.6g}"), 9) + 0.0 if math.isfinite(value) else str(value)
