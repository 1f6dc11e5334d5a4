"""A method measured as its paper measures it, the published figures beside ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from textures.evaluation.comparison import Values, figure, paired_difference
from textures.evaluation.networks import NETWORKS
from textures.evaluation.summary import ORDER_SIGNS, MeasureSummary
from textures.metrics import PROTOCOLS, score
from textures.texture_method import ComparedImages, PublishedTable

LOWER_IS_BETTER = frozenset({"st-lpips", "fid"})
DEFINITIONS = {
    "st-lpips": "ST-LPIPS (Ghildyal & Liu 2022) over the whole image: not the paper's LPIPS, whose "
    "weights no package ships.",
    "fid": "Frechet distance of Inception's features.",
}
NOT_COMPUTED = {"fid": "not computed: no package here ships Inception's weights"}


def table_summaries(
    table: PublishedTable,
    items: Iterable[tuple[str, ComparedImages]],
    *,
    networks: Mapping[str, Any],
    seed: int,
) -> list[MeasureSummary]:
    """The measures of a published table with intervals over people.

    Args:
        table: says which measures.
        items: what is measured, with what comes before its rows' names, as that of its weights.
        networks: that are installed, by name.
        seed: of the resampling of people.
    """
    names = [name for measures in table.columns.values() for name in measures]
    values: dict[str, dict[str, dict[tuple[str, str], float]]] = {name: {} for name in names}
    computed = [n for n in names if n in PROTOCOLS or n in networks]
    numbers: dict[str, int] = {}
    for prefix, item in items:
        number = numbers[prefix] = numbers.get(prefix, -1) + 1
        for row, image in item.images.items():
            for name in computed:
                key = (str(item.person), str(number))
                values[name].setdefault(prefix + row, {})[key] = _measured(
                    name, image, item, networks
                )
    return [_summary(name, values[name], computed, seed) for name in names]


@torch.no_grad()
def _measured(
    name: str, image: np.ndarray, item: ComparedImages, networks: Mapping[str, Any]
) -> float:
    if name in PROTOCOLS:
        return score(name, image, item.target, item.mask)
    return float(networks[name].distance(image, item.target))


def _summary(
    name: str, values: Mapping[str, Values], computed: list[str], seed: int
) -> MeasureSummary:
    higher = name not in LOWER_IS_BETTER
    definition = PROTOCOLS[name].definition if name in PROTOCOLS else DEFINITIONS[name]
    reason = None
    if name not in computed:
        reason = NOT_COMPUTED.get(name) or f"not computed; to get it: {NETWORKS[name].advice}"
    figures = {row: figure(x, np.random.default_rng(seed)) for row, x in values.items()}
    differences = [
        paired_difference(a, b, values, np.random.default_rng(seed), higher_is_better=higher)
        for a, b in itertools.combinations(values, 2)
    ]
    return MeasureSummary(
        name=name,
        definition=definition,
        higher_is_better=higher,
        figures={row: mean for row, mean in figures.items() if mean is not None},
        differences=tuple(item for item in differences if item is not None),
        not_computed=reason,
    )


def table_lines(table: PublishedTable, summaries: Iterable[MeasureSummary]) -> list[str]:
    """A published table as text: a block per measure, ours and the published figure in each row."""
    columns = {name: column for column, names in table.columns.items() for name in names}
    lines = [table.title, table.data]
    for summary in summaries:
        column = columns[summary.name]
        arrow = "higher is better" if summary.higher_is_better else "lower is better"
        lines.append(f"{summary.name} for the paper's {column} ({arrow}): {summary.definition}")
        if summary.not_computed is not None:
            lines.append(f"  {summary.not_computed}")
        width = max(map(len, [*summary.figures, *table.rows]), default=0)
        unmeasured = [r for r in table.rows if not any(x.endswith(r) for x in summary.figures)]
        for row in [*summary.figures, *unmeasured]:
            parts = [f"  {row:{width}}"]
            if row in summary.figures:
                measured = summary.figures[row]
                parts.append(f"{measured.mean}  {measured.items} items of {measured.people} people")
            name = next((r for r in table.rows if row.endswith(r)), "")
            parts += [
                f"published {key} {value:g}"
                for key, value in table.rows.get(name, {}).items()
                if key.split()[0] == column
            ]
            if len(parts) > 1:
                lines.append("  ".join(parts))
        for item in summary.differences:
            lines.append(
                f"  {item.first} {ORDER_SIGNS[item.order]} {item.second}: better by {item.difference}"
            )
    return lines
