"""The results of an experiment: rows by arm, differences of every pair, trend, learning curves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from action_recog.errors import BadInput
from action_recog.experiment.protocol import Comparison
from action_recog.experiment.statistics import (
    Contrast,
    hierarchical_bootstrap,
    holm,
    trend_weights,
    unit_scores,
)

PAPER_TABLE_3 = (
    ("UCF101 (baseline)", 82.03, 94.43),
    ("SURREAL", 85.83, 96.98),
    ("SURREAL++", 86.89, 97.04),
)
"""Table 3 of RSTG (CVPR 2019): training data, top-1 and top-5 in per cent; no uncertainty is given."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One training and its test.

    `init` names the arm, `share` the percentage of labelled videos. `names`, `groups`, `labels`,
    `predicted`, `top1` and `top5` are per test video; the last two say whether the label was the best
    class and whether it was among the best five. `epochs` and `training_accuracy` (0..1) are those on the
    labelled videos; `capped` says that a training to convergence ended by its cap.
    """

    init: str
    split: int
    seed: int
    share: int = 100
    converged: bool = False
    capped: bool = False
    names: tuple[str, ...]
    groups: tuple[str, ...]
    labels: np.ndarray
    predicted: np.ndarray
    top1: np.ndarray
    top5: np.ndarray
    pretraining_steps: int
    labelled_steps: int
    epochs: float
    training_accuracy: float
    folder: str
    seconds: float

    @property
    def steps_in_all(self) -> int:
        """The optimiser's steps, pretraining included."""
        return self.pretraining_steps + self.labelled_steps


@dataclass(frozen=True, kw_only=True)
class Row:
    """One arm: accuracy in per cent, what it took, and the gain over the first row.

    Values by split are means over seeds, `top1` and `top5` their means over splits, `top1_std` and
    `top5_std` the standard deviations over splits, None for one split. Steps, epochs and
    `training_accuracy` (per cent) are means over runs. `class_top1` is the accuracy by class.
    """

    init: str
    initial_weights: str
    pretraining_steps: float
    labelled_steps: float
    epochs: float
    training_accuracy: float
    top1: float
    top1_std: float | None
    top5: float
    top5_std: float | None
    top1_by_split: dict[int, float]
    top5_by_split: dict[int, float]
    class_top1: tuple[float | None, ...]
    capped: int
    runs: int
    gain: Contrast | None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Top-1 of arm `a` minus that of arm `b`; `p_holm` holds for all pairs of a table together."""

    a: str
    b: str
    contrast: Contrast
    p_holm: float


@dataclass(frozen=True, kw_only=True)
class ComparisonTable:
    """One comparison of all arms: rows, all pairs, and the trend over the number of textures.

    `share` is the percentage of the labelled videos. `trend` is in points of top-1 per tenfold of the
    number of textures.
    """

    comparison: Comparison
    share: int
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    trend: Contrast | None
    units: int
    seeds: int
    splits: tuple[int, ...]
    videos: int
    runs: tuple[RunResult, ...]

    def row(self, init: str) -> Row:
        """The row of an arm."""
        return next(row for row in self.rows if row.init == init)


@dataclass(frozen=True)
class Table:
    """The comparisons of an experiment, the first of them with all labels leading.

    `stand_in` names the inputs that were generated, such as ("videos", "films"); `partial` says what is
    missing, "" for whole data; `facts` is what the JSON file says besides.
    """

    comparisons: tuple[ComparisonTable, ...]
    classes: tuple[str, ...]
    stand_in: tuple[str, ...]
    partial: str = ""
    validation: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def leading(self) -> ComparisonTable:
        """The comparison that claims rest on."""
        return self.comparisons[0]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of the leading comparison."""
        return self.leading.rows

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """All runs, each once."""
        by_folder = {run.folder: run for table in self.comparisons for run in table.runs}
        return tuple(by_folder.values())

    @property
    def learning_curves(self) -> tuple[tuple[ComparisonTable, ...], ...]:
        """Each comparison made at several shares of the labels: its tables by ascending share."""
        curves = []
        for comparison in dict.fromkeys(table.comparison for table in self.comparisons):
            tables = [table for table in self.comparisons if table.comparison == comparison]
            if len(tables) > 1:
                curves.append(tuple(sorted(tables, key=lambda table: table.share)))
        return tuple(curves)

    @property
    def data(self) -> str:
        """The label that every figure carries."""
        kind = f"stand-in data ({', '.join(self.stand_in)})" if self.stand_in else "recorded data"
        if self.validation:
            kind += ", VALIDATION: groups held out of the training lists, no test list was opened"
        return f"{kind}, PARTIAL: {self.partial} missing" if self.partial else kind


Key = tuple[int, str]


def _results_by_video(
    runs: Sequence[RunResult], init: str
) -> tuple[dict[Key, dict[int, float]], dict[Key, str]]:
    """Top-1 of every (split, video) by seed, and its group."""
    values: dict[Key, dict[int, float]] = {}
    groups: dict[Key, str] = {}
    for run in runs:
        if run.init == init:
            for name, group, right in zip(run.names, run.groups, run.top1):
                values.setdefault((run.split, name), {})[run.seed] = float(right)
                groups[run.split, name] = group
    return values, groups


def _top1_array(
    runs: Sequence[RunResult], inits: Sequence[str]
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Top-1 of every arm: (arms,videos,seeds), with groups and weights (videos,) of the videos.

    Raises:
        BadInput: Where the arms were not tested on the same videos with the same seeds.
    """
    by_arm = [_results_by_video(runs, init) for init in inits]
    first, groups = by_arm[0]
    keys = sorted(first)
    seeds = sorted({seed for values in first.values() for seed in values})
    for init, (of_arm, _) in zip(inits, by_arm):
        if of_arm.keys() != first.keys() or any(sorted(v) != seeds for v in of_arm.values()):
            raise BadInput(
                f"the arms {inits[0]} and {init} were not tested on the same videos with the same "
                "seeds; run the experiment again"
            )
    per_split = {split: sum(key[0] == split for key in keys) for split, _ in keys}
    weights = np.array([1 / per_split[split] for split, _ in keys])
    values = np.array([[[a[k][s] for s in seeds] for k in keys] for a, _ in by_arm])
    return values, [groups[key] for key in keys], weights


def _percentages(runs: Sequence[RunResult], attribute: str) -> dict[int, float]:
    by_split: dict[int, list[float]] = {}
    for run in runs:
        by_split.setdefault(run.split, []).append(100 * float(getattr(run, attribute).mean()))
    return {split: float(np.mean(v)) for split, v in sorted(by_split.items())}


def _spread(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _class_accuracies(runs: Sequence[RunResult], classes: int) -> tuple[float | None, ...]:
    labels = np.concatenate([run.labels for run in runs])
    right = np.concatenate([run.top1 for run in runs])
    return tuple(
        100 * float(right[labels == c].mean()) if (labels == c).any() else None
        for c in range(classes)
    )


def compare_arms(
    runs: Sequence[RunResult],
    *,
    comparison: Comparison,
    inits: Sequence[str],
    initial_weights: Sequence[str],
    classes: int,
    share: int = 100,
    textures: Sequence[tuple[str, int]] = (),
    seed: int = 0,
) -> ComparisonTable:
    """Compare arms: one row for each, a contrast for every pair, and a trend over textures.

    Args:
        runs: Results of every arm, split and seed of this comparison.
        comparison: What the arms have in common.
        inits: Names of the arms in the order of the rows; the others are compared with the first.
        initial_weights: What each of them starts from.
        classes: Number of classes.
        share: Percentage of the labelled videos.
        textures: Arms whose films differ in the number of textures alone, with that number.
        seed: Of the bootstrap. Every contrast sees the same resamples, so that equal results have equal
            intervals and p values, whatever stands before them in the table.

    Returns:
        The comparison.

    Raises:
        BadInput: Where the arms were not tested on the same videos with the same seeds.
    """
    values, units, weights = _top1_array(runs, inits)
    couples = list(itertools.combinations(range(len(inits)), 2))
    contrasts = [values[b] - values[a] for a, b in couples]
    has_trend = len({count for _, count in textures}) > 1
    if has_trend:
        slope = trend_weights([count for _, count in textures])
        of_arms = values[[list(inits).index(name) for name, _ in textures]]
        contrasts.append(np.einsum("a,avs->vs", slope, of_arms))
    estimates: list[Contrast] = []
    if contrasts:
        scores = unit_scores(np.stack(contrasts), units, weights)
        estimates = hierarchical_bootstrap(scores, rng=np.random.default_rng(seed))
    trend = estimates.pop() if has_trend else None
    adjusted = holm([estimate.p for estimate in estimates])
    pairs = tuple(
        Pair(a=inits[b], b=inits[a], contrast=estimate, p_holm=p_holm)
        for (a, b), estimate, p_holm in zip(couples, estimates, adjusted)
    )
    gains = {pair.a: pair.contrast for pair in pairs if pair.b == inits[0]}
    rows = []
    for init, start in zip(inits, initial_weights):
        of_arm = [run for run in runs if run.init == init]
        top1, top5 = _percentages(of_arm, "top1"), _percentages(of_arm, "top5")
        rows.append(
            Row(
                init=init,
                initial_weights=start,
                pretraining_steps=float(np.mean([run.pretraining_steps for run in of_arm])),
                labelled_steps=float(np.mean([run.labelled_steps for run in of_arm])),
                epochs=float(np.mean([run.epochs for run in of_arm])),
                training_accuracy=100 * float(np.mean([run.training_accuracy for run in of_arm])),
                top1=float(np.mean(list(top1.values()))),
                top1_std=_spread(list(top1.values())),
                top5=float(np.mean(list(top5.values()))),
                top5_std=_spread(list(top5.values())),
                top1_by_split=top1,
                top5_by_split=top5,
                class_top1=_class_accuracies(of_arm, classes),
                capped=sum(run.capped for run in of_arm),
                runs=len(of_arm),
                gain=gains.get(init),
            )
        )
    return ComparisonTable(
        comparison=comparison,
        share=share,
        rows=tuple(rows),
        pairs=pairs,
        trend=trend,
        units=len(set(units)),
        seeds=values.shape[2],
        splits=tuple(rows[0].top1_by_split),
        videos=values.shape[1],
        runs=tuple(runs),
    )


def confusion(runs: Sequence[RunResult], init: str, classes: int) -> np.ndarray:
    """How often videos of each class were taken for each other, over all runs of an arm.

    Args:
        runs: Results.
        init: Name of the arm.
        classes: Number of classes.

    Returns:
        Shares (classes,classes): rows are labels, columns predictions; a row sums to 1, or is 0.
    """
    matrix = np.zeros((classes, classes))
    for run in runs:
        if run.init == init:
            np.add.at(matrix, (run.labels, run.predicted), 1)
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
