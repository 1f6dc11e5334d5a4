"""The table of an experiment: accuracy over splits, gains with their uncertainty, text/JSON/CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from action_recog.experiment.evaluation import PairedDifference, paired_bootstrap
from action_recog.training.checkpoints import revision, write_text_whole


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One training and its test.

    `init` names the arm. `names`, `groups`, `top1` and `top5` are per test video; the last two say
    whether the label was the best class and whether it was among the best five.
    """

    init: str
    split: int
    seed: int
    names: tuple[str, ...]
    groups: tuple[str, ...]
    top1: np.ndarray
    top5: np.ndarray
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One initialisation: accuracy in per cent, and the gain over the first row.

    `top1_by_split` and `top5_by_split` are means over seeds; `top1` and `top5` their means over
    splits, `top1_std` and `top5_std` the standard deviations. `gain` is in top-1 and resamples
    videos, `gain_by_group` resamples groups of videos.
    """

    init: str
    top1: float
    top1_std: float
    top5: float
    top5_std: float
    top1_by_split: dict[int, float]
    top5_by_split: dict[int, float]
    gain: PairedDifference | None
    gain_by_group: PairedDifference | None


@dataclass(frozen=True)
class Table:
    """The rows of an experiment and the runs behind them.

    `stand_in` names the inputs that were generated, such as ("videos", "films"); `facts` is what
    the JSON file says besides.
    """

    rows: tuple[Row, ...]
    stand_in: tuple[str, ...]
    runs: tuple[RunResult, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The label that every figure carries."""
        return f"stand-in data ({', '.join(self.stand_in)})" if self.stand_in else "recorded data"


def _by_video(runs: Sequence[RunResult], init: str) -> tuple[np.ndarray, np.ndarray]:
    """Top-1 of every (split, video), averaged over seeds, in a fixed order; and its group."""
    values: dict[tuple[int, str], list[float]] = {}
    groups: dict[tuple[int, str], str] = {}
    for run in runs:
        if run.init == init:
            for name, group, right in zip(run.names, run.groups, run.top1):
                values.setdefault((run.split, name), []).append(float(right))
                groups[run.split, name] = group
    keys = sorted(values)
    return np.array([np.mean(values[k]) for k in keys]), np.array([groups[k] for k in keys])


def _percentages(runs: Sequence[RunResult], init: str, attribute: str) -> dict[int, float]:
    by_split: dict[int, list[float]] = {}
    for run in runs:
        if run.init == init:
            by_split.setdefault(run.split, []).append(100 * float(getattr(run, attribute).mean()))
    return {split: float(np.mean(v)) for split, v in sorted(by_split.items())}


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def summarise(
    runs: Sequence[RunResult],
    *,
    inits: Sequence[str],
    stand_in: tuple[str, ...],
    seed: int = 0,
) -> Table:
    """Summarise runs in a table with one row per initialisation.

    Args:
        runs: Results of every split and seed.
        inits: Names in the order of the rows; the others are compared with the first.
        stand_in: Names of the inputs that were generated.
        seed: Of the bootstrap. Every comparison draws the same resamples, so that equal results have
            equal intervals and p values, whatever stands before them in the table.

    Returns:
        The table, without `facts`.
    """
    baseline, groups = _by_video(runs, inits[0])
    rows = []
    for init in inits:
        top1 = _percentages(runs, init, "top1")
        top5 = _percentages(runs, init, "top5")
        gain = gain_by_group = None
        if init != inits[0]:
            values, _ = _by_video(runs, init)
            gain = paired_bootstrap(values, baseline, rng=np.random.default_rng(seed))
            gain_by_group = paired_bootstrap(
                values, baseline, rng=np.random.default_rng(seed), groups=groups
            )
        rows.append(
            Row(
                init=init,
                top1=float(np.mean(list(top1.values()))),
                top1_std=_spread(list(top1.values())),
                top5=float(np.mean(list(top5.values()))),
                top5_std=_spread(list(top5.values())),
                top1_by_split=top1,
                top5_by_split=top5,
                gain=gain,
                gain_by_group=gain_by_group,
            )
        )
    return Table(tuple(rows), stand_in, tuple(runs))


def text_table(table: Table) -> str:
    """The table for a terminal."""
    splits = sorted(table.rows[0].top1_by_split)
    seeds = len({run.seed for run in table.runs})
    videos = sum(len(run.names) for run in table.runs if run.init == table.rows[0].init) // seeds
    lines = [
        f"Video-level accuracy in %, {len(splits)} split{'s' * (len(splits) > 1)}, "
        f"{seeds} seed{'s' * (seeds > 1)}, {videos} test videos: {table.data}",
        "",
    ]
    cells = [["initialisation", "top-1", "top-5", *(f"split {s}" for s in splits), "gain", "p"]]
    for row in table.rows:
        gain = row.gain
        cells.append(
            [
                row.init,
                f"{row.top1:.2f} ± {row.top1_std:.2f}",
                f"{row.top5:.2f} ± {row.top5_std:.2f}",
                *(f"{row.top1_by_split[s]:.2f}" for s in splits),
                f"{gain.difference:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]" if gain else "",
                (f"{gain.p:.4f}" if gain.p >= 0.0001 else "<0.0001") if gain else "",
            ]
        )
    widths = [max(len(texts[i]) for texts in cells) for i in range(len(cells[0]))]
    for number, texts in enumerate(cells):
        padded = [
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(texts, widths))
        ]
        lines.append("  ".join(padded).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    lines += [
        "",
        "± is the standard deviation over splits; the gain in top-1 over the first row carries its",
        "95 % interval and p value from a paired bootstrap over the test videos.",
    ]
    if table.stand_in:
        lines.append(
            f"Measured on stand-in data ({', '.join(table.stand_in)}): says nothing of UCF101."
        )
    return "\n".join(lines) + "\n"


def json_table(table: Table) -> dict[str, Any]:
    """Everything but the single videos' results, for a report."""
    return {
        "data": table.data,
        "stand_in": list(table.stand_in),
        "rows": [asdict(row) for row in table.rows],
        "runs": [
            {
                "init": run.init,
                "split": run.split,
                "seed": run.seed,
                "videos": len(run.names),
                "top1": 100 * float(run.top1.mean()),
                "top5": 100 * float(run.top5.mean()),
                "seconds": round(run.seconds, 1),
            }
            for run in table.runs
        ],
        "git_revision": revision(),
        **table.facts,
    }


def csv_table(table: Table) -> str:
    """One line per row of the table and split, and one for the mean."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["initialisation", "split", "top1", "top5", "top1_std", "top5_std", "gain", "gain_low",
         "gain_high", "p", "data"]
    )  # fmt: skip
    for row in table.rows:
        for split in row.top1_by_split:
            top1, top5 = row.top1_by_split[split], row.top5_by_split[split]
            writer.writerow([row.init, split, f"{top1:.4f}", f"{top5:.4f}", *[""] * 6, table.data])
        gain = row.gain
        numbers = [gain.difference, gain.low, gain.high, gain.p] if gain else []
        writer.writerow(
            [row.init, "mean"]
            + [f"{v:.4f}" for v in (row.top1, row.top5, row.top1_std, row.top5_std)]
            + ([f"{v:.4f}" for v in numbers] or [""] * 4)
            + [table.data]
        )
    return text.getvalue()


def write_table(table: Table, out: Path) -> None:
    """Write table.txt, table.json and table.csv in `out`."""
    write_text_whole(out / "table.txt", text_table(table))
    write_text_whole(out / "table.csv", csv_table(table))
    write_text_whole(
        out / "table.json", json.dumps(json_table(table), indent=1, allow_nan=False) + "\n"
    )
