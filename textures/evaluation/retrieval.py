"""A person's photographs found by a rendered body: the protocol `market1501-train100`.

Of each person one query per camera, the first photograph by name; all other photographs of all people
are the gallery. As in Market-1501's protocol, photographs of the person by the query's own camera are
neither right nor wrong, and here neither are those by the cameras that the texture has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from textures.evaluation.openvino_networks import OpenVinoNetwork
from textures.harvest.crop_folder import SourceCrop
from textures.market1501 import JUNK
from textures.reid.evaluation import cosine_distances, evaluate


@dataclass(frozen=True)
class BodyQuery:
    """A rendered or cut-out body: its set, its key (person, photograph), its picture.

    cameras: whose photographs of the person are neither right nor wrong.
    """

    texture_set: str
    key: tuple[str, str]
    cameras: frozenset[str]
    image: np.ndarray


def retrieval_scores(
    network: OpenVinoNetwork,
    queries: Sequence[BodyQuery],
    gallery: Sequence[SourceCrop],
    pictures: Sequence[np.ndarray],
) -> list[tuple[BodyQuery, tuple[float, float]]]:
    """Rank-1 (0 or 1) and average precision of each query that has a right answer.

    Args:
        network: that describes pictures.
        queries: bodies.
        gallery: photographs; the query's own is never an answer.
        pictures: theirs, (h,w,3) uint8 RGB.
    """
    names = sorted({crop.person.identity for crop in gallery})
    number = {identity: index + 1 for index, identity in enumerate(names)}
    described = network.unit_descriptors(tqdm(pictures, desc="gallery", mininterval=2.0))
    identities = np.array([number[crop.person.identity] for crop in gallery])
    cameras = np.array([crop.person.camera or "" for crop in gallery])
    sources = np.array([crop.source for crop in gallery])
    scores = []
    for query in tqdm(queries, desc="retrieval", mininterval=2.0):
        person = number.get(query.key[0], JUNK)
        matches = identities == person
        hidden = (matches & np.isin(cameras, sorted(query.cameras))) | (sources == query.key[1])
        if not (matches & ~hidden).any():
            continue
        result = evaluate(
            cosine_distances(network.unit_descriptors([query.image]), described),
            query_identities=[person],
            query_cameras=["none"],
            gallery_identities=np.where(hidden, JUNK, identities),
            gallery_cameras=cameras,
        )
        scores.append((query, (result.rank(1), result.mean_average_precision)))
    return scores
