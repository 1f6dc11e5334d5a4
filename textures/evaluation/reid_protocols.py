"""Which crops are queries and which are the gallery when re-ID networks are compared.

`market1501`: Market-1501's query and gallery, with its distractors; a multi-query is the pictures of the
person by the query's camera in `gt_bbox`, where that folder is there. `market1501-trainN`, of N people of
a training folder: of each person one query per camera, the first by name; the gallery is all other crops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from textures.market1501 import (
    DISTRACTOR,
    SPLIT_FOLDERS,
    Crop,
    is_market1501,
    market_name,
    named_crops,
    read_people,
    read_split,
)

MULTI_QUERY_FOLDER = "gt_bbox"


@dataclass(frozen=True, kw_only=True)
class ReidProtocol:
    """Crops, and what each is for.

    name: of the protocol. crops: all of them. queries, gallery: their indices. companions: of each query,
    the indices of its person's pictures by its camera, the query among them where it belongs there.
    multi_query: where the companions come from, in words.
    """

    name: str
    crops: tuple[Crop, ...]
    queries: np.ndarray
    gallery: np.ndarray
    companions: tuple[np.ndarray, ...]
    multi_query: str

    @property
    def identities(self) -> np.ndarray:
        """Who each crop shows (N,)."""
        return np.array([market_name(crop).identity for crop in self.crops])

    @property
    def cameras(self) -> np.ndarray:
        """By which camera each crop is (N,)."""
        return np.array([market_name(crop).camera for crop in self.crops])

    def excluding(self, unreadable: Sequence[int]) -> ReidProtocol:
        """The protocol without some crops. Raises BadInput where no query or no gallery is left."""
        left = np.setdiff1d(np.arange(len(self.crops)), np.asarray(unreadable, int))
        number = np.full(len(self.crops), -1)
        number[left] = np.arange(len(left))

        def renumbered(indices: np.ndarray) -> np.ndarray:
            new = number[indices]
            return new[new >= 0]

        pairs = [
            (query, renumbered(group))
            for query, group in zip(number[self.queries], self.companions)
            if query >= 0
        ]
        gallery = renumbered(self.gallery)
        if not pairs or not len(gallery):
            raise BadInput(f"{self.name}: no readable query or no readable gallery is left")
        return ReidProtocol(
            name=self.name,
            crops=tuple(self.crops[index] for index in left),
            queries=np.array([query for query, _ in pairs]),
            gallery=gallery,
            companions=tuple(group if len(group) else np.array([query]) for query, group in pairs),
            multi_query=self.multi_query,
        )


def reid_protocol(folder: Path, people: Path | None = None) -> ReidProtocol:
    """The protocol that a folder of crops can serve.

    Args:
        folder: Market-1501's, or a flat folder of crops with its names.
        people: list of identities of the training folder, or of the flat one, to take; without one
            Market-1501's query and gallery are taken where they are there, else everybody.

    Raises:
        BadInput: for folders without usable crops, crops without such names, and lists of strangers.
    """
    folder = Path(folder)
    market = is_market1501(folder)
    if market and people is None and (folder / SPLIT_FOLDERS["query"]).is_dir():
        return _market_protocol(folder)
    if market or not folder.is_dir():
        crops = read_split(folder, "train")
    else:
        crops = named_crops(folder, "gallery")
    if people is not None:
        crops = _crops_of_list(crops, people)
    return _one_query_a_camera(crops, folder.name if not market else "market1501-train")


def _crops_of_list(crops: Sequence[Crop], people: Path) -> list[Crop]:
    """The crops of the people on a list, and distractors, who are wrong answers for everybody."""
    listed = {int(name) for name in read_people(people)}
    shown = {market_name(crop).identity for crop in crops}
    if strangers := sorted(listed - shown):
        names = ", ".join(f"{identity:04d}" for identity in strangers[:5])
        raise BadInput(f"{people}: {names}: no crop of these people")
    return [crop for crop in crops if market_name(crop).identity in listed | {DISTRACTOR}]


def _market_protocol(folder: Path) -> ReidProtocol:
    queries, gallery = read_split(folder, "query"), read_split(folder, "gallery")
    boxes: list[Crop] = []
    source = "query and gallery, without gt_bbox"
    if (folder / MULTI_QUERY_FOLDER).is_dir():
        boxes, source = named_crops(folder / MULTI_QUERY_FOLDER, "query"), MULTI_QUERY_FOLDER
    crops = (*queries, *gallery, *boxes)
    first = len(queries) + len(gallery) if boxes else 0
    return ReidProtocol(
        name="market1501",
        crops=crops,
        queries=np.arange(len(queries)),
        gallery=np.arange(len(queries), len(queries) + len(gallery)),
        companions=_companions(crops, np.arange(len(queries)), first),
        multi_query=source,
    )


def _one_query_a_camera(crops: Sequence[Crop], name: str) -> ReidProtocol:
    firsts: dict[tuple[int, int], int] = {}
    for index, crop in enumerate(crops):
        shot = market_name(crop)
        if shot.identity != DISTRACTOR:
            firsts.setdefault((shot.identity, shot.camera), index)
    queries = np.array(sorted(firsts.values()), int)
    people = len({identity for identity, _ in firsts})
    return ReidProtocol(
        name=f"{name}{people}" if name == "market1501-train" else name,
        crops=tuple(crops),
        queries=queries,
        gallery=np.setdiff1d(np.arange(len(crops)), queries),
        companions=_companions(crops, queries, 0),
        multi_query="all crops by the query's camera",
    )


def _companions(crops: Sequence[Crop], queries: np.ndarray, first: int) -> tuple[np.ndarray, ...]:
    """Of each query its person's crops, from the `first` on, by its camera; else the query itself."""
    shots = [(market_name(crop).identity, market_name(crop).camera) for crop in crops]
    groups: dict[tuple[int, int], list[int]] = {}
    for index in range(first, len(crops)):
        groups.setdefault(shots[index], []).append(index)
    return tuple(np.array(groups.get(shots[query], [query])) for query in queries)
