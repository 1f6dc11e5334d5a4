"""What an evaluation comes to: figures with intervals, paired differences, and what was not computed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textures.evaluation.comparison import Figure, PairedDifference, figure, paired_difference
from textures.evaluation.evaluation import PHOTOGRAPHS, TextureEvaluation
from textures.evaluation.inception import InceptionScores
from textures.evaluation.measures import (
    NETWORK_ATTRIBUTES,
    PERSON_MEASURES,
    SET_MEASURES,
    all_measures,
)
from textures.evaluation.networks import NETWORKS

ORDER_SIGNS = {"better": ">", "worse": "<", "open": "~"}


@dataclass(frozen=True, kw_only=True)
class MeasureSummary:
    """One measure: its definition, a figure per set, the paired differences, or why there is none."""

    name: str
    definition: str
    higher_is_better: bool
    figures: Mapping[str, Figure]
    differences: tuple[PairedDifference, ...]
    not_computed: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The summary as JSON has it."""
        content = dataclasses.asdict(self)
        for row, difference in zip(content["differences"], self.differences):
            row["order"] = difference.order
        return content


def summarise(
    evaluation: TextureEvaluation,
    sets: Sequence[str],
    networks: Sequence[str],
    *,
    labelled: bool,
    seed: int,
) -> list[MeasureSummary]:
    """All measures with intervals over people.

    Args:
        evaluation: what was measured.
        sets: their names, in the order of the table.
        networks: that are installed.
        labelled: whether labels of clothing were given.
        seed: of the resampling, for each measure anew.
    """
    summaries = []
    for name, measure in all_measures().items():
        values, classes = evaluation.values.get(name, {}), evaluation.classes.get(name)
        pictures = evaluation.pictures.get(name, {})
        reason = measure.unavailable
        if reason is not None:
            pass
        elif measure.network is not None and measure.network not in networks:
            reason = f"not computed; to get it: {NETWORKS[measure.network].advice}"
        elif name in (*PERSON_MEASURES, *NETWORK_ATTRIBUTES) and not labelled:
            reason = "not computed; to get it: --attributes with Market-1501's attributes as CSV"
        elif not pictures and not any(
            np.isfinite(x) for items in values.values() for x in items.values()
        ):
            reason = "not computed; no photograph that it could be computed on"
        figures, differences = {}, []
        if reason is None and name in SET_MEASURES:
            scores = InceptionScores(pictures, SET_MEASURES[name].parts, seed=seed)
            present = [item for item in (*sets, PHOTOGRAPHS) if item in pictures]
            for item in present:
                mean = scores.figure(item)
                if mean is not None:
                    figures[item] = mean
            for first, second in itertools.combinations(present, 2):
                difference = scores.difference(first, second)
                if difference is not None:
                    differences.append(difference)
        elif reason is None:
            present = [item for item in (*sets, PHOTOGRAPHS) if item in values]
            for item in present:
                mean = figure(values[item], np.random.default_rng(seed), classes)
                if mean is not None:
                    figures[item] = mean
            for first, second in itertools.combinations(present, 2):
                difference = paired_difference(
                    first,
                    second,
                    values,
                    np.random.default_rng(seed),
                    higher_is_better=measure.higher_is_better,
                    classes=classes,
                )
                if difference is not None:
                    differences.append(difference)
        summaries.append(
            MeasureSummary(
                name=name,
                definition=measure.definition,
                higher_is_better=measure.higher_is_better,
                figures=figures,
                differences=tuple(differences),
                not_computed=reason,
            )
        )
    return summaries


def summary_lines(summaries: Sequence[MeasureSummary], *, subjects: str = "people") -> list[str]:
    """The summaries as text: a block per measure; `subjects` names what the intervals are over."""
    lines = []
    for summary in summaries:
        arrow = "higher is better" if summary.higher_is_better else "lower is better"
        if summary.not_computed is not None:
            lines.append(f"{summary.name}: {summary.not_computed}")
            continue
        lines.append(f"{summary.name} ({arrow})")
        width = max(map(len, summary.figures), default=0)
        for name, value in summary.figures.items():
            lines.append(
                f"  {name:{width}}  {value.mean}  {value.items} items of {value.people} {subjects}"
            )
        for item in summary.differences:
            lines.append(
                f"  {item.first} {ORDER_SIGNS[item.order]} {item.second}: better by {item.difference} "
                f"on {item.items} items of {item.people} {subjects}"
            )
    return lines
