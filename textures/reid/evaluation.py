"""Retrieval scores of a re-ID network: CMC and mAP in Market-1501's single-query protocol.

For a query, gallery images of the same identity from the same camera are left out, as is junk
(identity -1); distractors (identity 0) stay as wrong answers. Two definitions of average precision
are in use and differ by tenths of a percent, so each has a name: `precision-at-hits` (torchreid,
fast-reid, scikit-learn) and `trapezoid` (the benchmark's own script).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from mocap.errors import BadInput
from textures.market1501 import JUNK
from textures.reid.pcb import PCB

AVERAGE_PRECISIONS = ("precision-at-hits", "trapezoid")


@dataclass(frozen=True)
class Retrieval:
    """Scores of a retrieval.

    `cmc[k-1]` is the share of queries with a right answer among the first k; `queries` counts those
    that were scored.
    """

    cmc: np.ndarray
    mean_average_precision: float
    average_precision: str
    queries: int

    def rank(self, k: int) -> float:
        """The share of queries with a right answer among the first `k`."""
        return float(self.cmc[min(k, len(self.cmc)) - 1])


@dataclass(frozen=True)
class QueryScores:
    """What each of Q queries comes to.

    scored (Q,): whether it has a right answer in the gallery; the others have NaN. first (Q,): how many
    wrong answers come before the first right one. precisions: average precision (Q,) by definition.
    """

    scored: np.ndarray
    first: np.ndarray
    precisions: dict[str, np.ndarray]

    def hits(self, k: int) -> np.ndarray:
        """(Q,) 1 where a right answer is among the first `k`, 0 where none is, NaN where not scored."""
        return np.where(self.scored, self.first < k, np.nan)


def query_scores(
    distances: np.ndarray,
    *,
    query_identities: ArrayLike,
    query_cameras: ArrayLike,
    gallery_identities: ArrayLike,
    gallery_cameras: ArrayLike,
) -> QueryScores:
    """Score each query of a (Q,G) matrix of distances; ties keep the gallery's order."""
    identities, cameras = np.asarray(gallery_identities), np.asarray(gallery_cameras)
    queries = zip(distances, np.asarray(query_identities), np.asarray(query_cameras), strict=True)
    scored, first = np.zeros(len(distances), bool), np.full(len(distances), np.nan)
    precisions = {name: first.copy() for name in AVERAGE_PRECISIONS}
    for number, (row, identity, camera) in enumerate(queries):
        order = np.argsort(row, kind="stable")
        matches = identities[order] == identity
        ignored = (matches & (cameras[order] == camera)) | (identities[order] == JUNK)
        positions = np.flatnonzero(matches[~ignored])
        if not len(positions):
            continue
        scored[number], first[number] = True, positions[0]
        for name, values in precisions.items():
            values[number] = AVERAGE_PRECISION_OF[name](positions)
    return QueryScores(scored, first, precisions)


def evaluate(
    distances: np.ndarray,
    *,
    query_identities: ArrayLike,
    query_cameras: ArrayLike,
    gallery_identities: ArrayLike,
    gallery_cameras: ArrayLike,
    average_precision: str = "precision-at-hits",
) -> Retrieval:
    """Score a (Q,G) matrix of distances. Ties keep the gallery's order.

    Queries without a right answer in the gallery are not scored. Raises BadInput when no query can
    be, or for an unknown definition of average precision.
    """
    if average_precision not in AVERAGE_PRECISIONS:
        raise BadInput(
            f"{average_precision}: unknown average precision; expected {AVERAGE_PRECISIONS}"
        )
    scores = query_scores(
        distances,
        query_identities=query_identities,
        query_cameras=query_cameras,
        gallery_identities=gallery_identities,
        gallery_cameras=gallery_cameras,
    )
    if not scores.scored.any():
        raise BadInput(
            "no query has a right answer in the gallery from another camera: nothing can be scored"
        )
    first = scores.first[scores.scored].astype(int)
    hits = np.bincount(first, minlength=len(np.asarray(gallery_identities)))
    return Retrieval(
        np.cumsum(hits) / len(first),
        float(scores.precisions[average_precision][scores.scored].mean()),
        average_precision,
        len(first),
    )


def precision_at_hits(positions: np.ndarray) -> float:
    """Mean, over the hits at these 0-based positions, of the precision there."""
    return float(np.mean(np.arange(1, len(positions) + 1) / (positions + 1)))


def trapezoid(positions: np.ndarray) -> float:
    """As `precision_at_hits`, each precision averaged with the one just before the hit.

    Before the first rank that is 1.
    """
    hits = np.arange(len(positions))
    after = (hits + 1) / (positions + 1)
    before = np.where(positions > 0, hits / np.maximum(positions, 1), 1.0)
    return float(np.mean((before + after) / 2))


AVERAGE_PRECISION_OF = dict(zip(AVERAGE_PRECISIONS, (precision_at_hits, trapezoid)))


@torch.no_grad()
def describe(
    network: PCB, images: np.ndarray, *, device: str = "cpu", batch: int = 64, mirrored: bool = True
) -> np.ndarray:
    """Unit descriptors (N,D) of (N,H,W,3) uint8 RGB images.

    Each is the mean over the image and its mirror image, or of the image alone.
    """
    network.eval()
    rows = []
    for start in range(0, len(images), batch):
        x = torch.from_numpy(np.ascontiguousarray(images[start : start + batch])).to(device)
        x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
        total = network.descriptor(x)
        if mirrored:
            total = total + network.descriptor(x.flip(3))
        rows.append(torch.nn.functional.normalize(total, dim=1).cpu().numpy())
    return np.concatenate(rows)


def pooled_queries(
    descriptors: np.ndarray, groups: Sequence[np.ndarray], pooling: str
) -> np.ndarray:
    """Multi-query descriptors (Q,D), as Market-1501's script makes them: pooled, then of unit length.

    Args:
        descriptors: (N,D) of unit length.
        groups: of each query, the rows of its person's pictures by its camera.
        pooling: "mean" or "max" (the largest value of each number).
    """
    rows = [getattr(descriptors[group], pooling)(axis=0) for group in groups]
    stacked = np.stack(rows)
    return stacked / np.linalg.norm(stacked, axis=1, keepdims=True).clip(1e-12)


def cosine_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(Q,G) of 1 - cosine between unit descriptors."""
    return 1.0 - queries @ gallery.T
