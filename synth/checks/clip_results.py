"""What the checks said of a clip, and where it stands.

That is a file beside the clip or, in SURREAL's layout, a variable of its `_info.mat`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import decode_json, read_json
from synth.checks.check import CheckResult
from synth.clips.clip_info import CHECK
from synth.clips.mat_files import read_mat, text_of

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

    def to_json(self) -> str:
        """The fields as text."""
        return json.dumps(self.to_fields(), indent=1) + "\n"


def write_clip_results(path: Path, results: ClipResults) -> None:
    """Write the results as JSON, whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(results.to_json(), encoding="utf-8")


def read_clip_results(stem: Path | str) -> dict[str, Any]:
    """The fields of a clip's results. Raises BadInput where there are none that can be read."""
    advice = "no results that can be read; run `synth check` on the clip"
    path = Path(f"{stem}{SUFFIX}")
    if path.is_file():
        return asdict(read_json(path, _Results, advice=advice, extra_fields=True))
    text = _stored_in_info(stem)
    if not text:
        raise BadInput(f"{path}: {advice}")
    try:
        return asdict(decode_json(text.encode(), _Results, extra_fields=True))
    except BadInput as error:
        raise BadInput(f"{stem}_info.mat: {CHECK}: {error}; {advice}") from None


def has_clip_results(stem: Path | str) -> bool:
    """Whether anything was published of a clip's checks."""
    return Path(f"{stem}{SUFFIX}").is_file() or bool(_stored_in_info(stem))


def _clip_results_text(stem: Path | str) -> str:
    path = Path(f"{stem}{SUFFIX}")
    return path.read_text(encoding="utf-8") if path.is_file() else _stored_in_info(stem)


def _stored_in_info(stem: Path | str) -> str:
    """What a clip in SURREAL's layout says in its `_info.mat`; empty where it says nothing."""
    path = Path(f"{stem}_info.mat")
    if not path.is_file():
        return ""
    return text_of(read_mat(path, [CHECK], advice="render the clip again").get(CHECK, ""))


def _short(value: float) -> float | str:
    """To six digits and nine places; what JSON has no number for, in words."""
    return round(float(f"{value:.6g}"), 9) + 0.0 if math.isfinite(value) else str(value)
