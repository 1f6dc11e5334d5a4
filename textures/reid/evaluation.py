"""Retrieval scores of a re-ID network: CMC and mAP in Market-1501's single-query protocol.

For a query, gallery images of the same identity from the same camera are left out, as is junk
(identity -1); distractors (identity 0) stay as wrong answers. Two definitions of average precision
are in use and differ by tenths of a percent, so each has a name: `precision-at-hits` (torchreid,
fast-reid, scikit-learn) and `trapezoid` (the benchmark's own script).
"""

from __future__ import annotations

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
    identities, cameras = np.asarray(gallery_identities), np.asarray(gallery_cameras)
    queries = zip(distances, np.asarray(query_identities), np.asarray(query_cameras))
    cmc = np.zeros(len(identities))
    precisions = []
    for row, identity, camera in queries:
        order = np.argsort(row, kind="stable")
        matches = identities[order] == identity
        ignored = (matches & (cameras[order] == camera)) | (identities[order] == JUNK)
        hits = matches[~ignored]
        if not hits.any():
            continue
        positions = np.flatnonzero(hits)
        cmc[positions[0] :] += 1
        precisions.append(AVERAGE_PRECISION_OF[average_precision](positions))
    if not precisions:
        raise BadInput(
            "no query has a right answer in the gallery from another camera: nothing can be scored"
        )
    return Retrieval(
        cmc / len(precisions), float(np.mean(precisions)), average_precision, len(precisions)
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
    network: PCB, images: np.ndarray, *, device: str = "cpu", batch: int = 64
) -> np.ndarray:
    """Unit descriptors (N,D) of (N,H,W,3) uint8 RGB images.

    Each is the mean over the image and its mirror image.
    """
    network.eval()
    rows = []
    for start in range(0, len(images), batch):
        x = torch.from_numpy(np.ascontiguousarray(images[start : start + batch])).to(device)
        x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
        total = network.descriptor(x) + network.descriptor(x.flip(3))
        rows.append(torch.nn.functional.normalize(total, dim=1).cpu().numpy())
    return np.concatenate(rows)


def cosine_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(Q,G) of 1 - cosine between unit descriptors."""
    return 1.0 - queries @ gallery.T
