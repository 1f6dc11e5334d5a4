"""Re-ID networks side by side: the scores of each, with intervals over people, and paired differences."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textures.evaluation.comparison import Figure, PairedDifference, figure, paired_difference
from textures.evaluation.describers import Describer
from textures.evaluation.reid_protocols import ReidProtocol
from textures.evaluation.summary import ORDER_SIGNS
from textures.market1501 import market_name
from textures.reid.evaluation import (
    AVERAGE_PRECISIONS,
    QueryScores,
    cosine_distances,
    pooled_queries,
    query_scores,
)

RANKS = (1, 5, 10)
SINGLE = "single query"
POOLINGS = {"multi-query, mean": "mean", "multi-query, max": "max"}
QUERY_KINDS = (SINGLE, *POOLINGS)
MEASURES = (*(f"rank-{k}" for k in RANKS), *(f"mAP ({name})" for name in AVERAGE_PRECISIONS))


@dataclass(frozen=True, kw_only=True)
class ReidRow:
    """One network's figures for one kind of query, by measure."""

    network: str
    queries: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, kw_only=True)
class ReidDifference:
    """Two networks in one measure, for one kind of query."""

    queries: str
    measure: str
    difference: PairedDifference


@dataclass(frozen=True, kw_only=True)
class ReidComparison:
    """All rows of the table, all paired differences, and how many queries have a right answer."""

    rows: tuple[ReidRow, ...]
    differences: tuple[ReidDifference, ...]
    answerable: int


def compare_describers(
    describers: Sequence[Describer],
    protocol: ReidProtocol,
    images: Sequence[np.ndarray],
    *,
    seed: int,
) -> ReidComparison:
    """Score networks by a protocol.

    Args:
        describers: the networks.
        protocol: which crops are queries and gallery.
        images: of its crops, (h,w,3) uint8 RGB.
        seed: of the resampling of people, for each figure anew.

    Returns:
        The comparison; without rows where no query has a right answer.
    """
    values: dict[str, dict[str, dict[str, dict[tuple[str, str], float]]]] = {}
    answerable = 0
    for describer in describers:
        vectors = describer.unit_descriptors(images)
        for kind in QUERY_KINDS:
            scores = _scores(vectors, protocol, kind)
            answerable = int(scores.scored.sum())
            for measure, column in _columns(scores).items():
                values.setdefault(kind, {}).setdefault(measure, {})[describer.name] = {
                    _key(protocol, query): float(column[number])
                    for number, query in enumerate(protocol.queries)
                }
    names = [describer.name for describer in describers]
    rows, differences = [], []
    for kind, by_measure in values.items():
        for name in names:
            figures = {
                measure: mean
                for measure, sets in by_measure.items()
                if (mean := figure(sets[name], np.random.default_rng(seed))) is not None
            }
            if figures:
                rows.append(ReidRow(network=name, queries=kind, figures=figures))
        for (first, second), (measure, sets) in itertools.product(
            itertools.combinations(names, 2), by_measure.items()
        ):
            difference = paired_difference(
                *(first, second, sets, np.random.default_rng(seed)), higher_is_better=True
            )
            if difference is not None:
                differences.append(
                    ReidDifference(queries=kind, measure=measure, difference=difference)
                )
    return ReidComparison(rows=tuple(rows), differences=tuple(differences), answerable=answerable)


def _scores(vectors: np.ndarray, protocol: ReidProtocol, kind: str) -> QueryScores:
    if kind == SINGLE:
        queries = vectors[protocol.queries]
    else:
        queries = pooled_queries(vectors, protocol.companions, POOLINGS[kind])
    identities, cameras = protocol.identities, protocol.cameras
    return query_scores(
        cosine_distances(queries, vectors[protocol.gallery]),
        query_identities=identities[protocol.queries],
        query_cameras=cameras[protocol.queries],
        gallery_identities=identities[protocol.gallery],
        gallery_cameras=cameras[protocol.gallery],
    )


def _columns(scores: QueryScores) -> dict[str, np.ndarray]:
    columns = {f"rank-{k}": scores.hits(k) for k in RANKS}
    return columns | {f"mAP ({name})": scores.precisions[name] for name in AVERAGE_PRECISIONS}


def _key(protocol: ReidProtocol, query: int) -> tuple[str, str]:
    crop = protocol.crops[query]
    return f"{market_name(crop).identity:04d}", f"{crop.path.parent.name}/{crop.path.name}"


def comparison_lines(
    comparison: ReidComparison, protocol: ReidProtocol, describers: Sequence[Describer]
) -> list[str]:
    """The comparison as text: the protocol, one table, the differences, and how each was trained."""
    people = len(np.unique(protocol.identities[protocol.queries]))
    lines = [
        f"{protocol.name}: {len(protocol.queries):,} queries of {people:,} people, "
        f"{comparison.answerable:,} of which another camera's crop can answer; "
        f"{len(protocol.gallery):,} crops in the gallery; multi-query: {protocol.multi_query}",
    ]
    table = [("network", "queries", *MEASURES)]
    table += [
        (row.network, row.queries, *(str(row.figures[measure].mean) for measure in MEASURES))
        for row in comparison.rows
    ]
    widths = [max(map(len, column)) for column in zip(*table)]
    lines += ["  ".join(f"{cell:{w}}" for cell, w in zip(row, widths)).rstrip() for row in table]
    for item in comparison.differences:
        pair = item.difference
        lines.append(
            f"{item.queries}, {item.measure}: {pair.first} {ORDER_SIGNS[pair.order]} {pair.second}, "
            f"better by {pair.difference}"
        )
    lines += [
        f"{describer.name}: {describer.descriptor}; trained on {describer.training}"
        for describer in describers
    ]
    return lines


def comparison_as_dict(
    comparison: ReidComparison, protocol: ReidProtocol, describers: Sequence[Describer]
) -> dict[str, object]:
    """The comparison as JSON has it."""
    return {
        "protocol": protocol.name,
        "queries": len(protocol.queries),
        "answerable": comparison.answerable,
        "gallery": len(protocol.gallery),
        "people": len(np.unique(protocol.identities[protocol.queries])),
        "multi_query": protocol.multi_query,
        "networks": [
            {
                "name": describer.name,
                "descriptor": describer.descriptor,
                "trained_on": describer.training,
            }
            for describer in describers
        ],
        "rows": [dataclasses.asdict(row) for row in comparison.rows],
        "differences": [
            {**dataclasses.asdict(item), "order": item.difference.order}
            for item in comparison.differences
        ],
    }
