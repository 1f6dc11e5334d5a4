"""Photographs that trainings learn from: which can be read, how many of a person, who is held out."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocap.errors import BadInput
from textures.market1501 import (
    SPLIT_FOLDERS,
    Crop,
    held_out_crops,
    is_market1501,
    market_name,
    read_image,
    read_split,
    training_crops,
)

MOST_LINES = 10  # of unreadable crops, each by itself


@dataclass(frozen=True)
class TrainingPhotographs:
    """Crops that are learnt from, crops of other people to measure on, and how many could not be read."""

    learnt: list[Crop]
    measured: list[Crop]
    unreadable: int = 0

    @property
    def crops(self) -> list[Crop]:
        """All of them, those that are learnt from first."""
        return [*self.learnt, *self.measured]

    def as_data(self, held_out_people: Path | None, otherwise: str) -> dict[str, object]:
        """What a card says of them; `otherwise` is who is held out where there is no list."""
        named = f"the people of {held_out_people.name}" if held_out_people else otherwise
        data: dict[str, object] = {
            "set": "Market-1501 (not shipped)",
            "identities": len({market_name(crop).identity for crop in self.learnt}),
            "crops": len(self.learnt),
            "held out": named,
        }
        return data | ({"unreadable crops": self.unreadable} if self.unreadable else {})


def photographs_of(
    images: Path,
    held_out_people: Path | None = None,
    *,
    limit: int | None = None,
    strict: bool = False,
) -> TrainingPhotographs:
    """The readable crops of a folder, those of listed people apart.

    Args:
        images: Market-1501's folder, or a flat folder of its crops.
        held_out_people: list of identities to measure on; nobody is held out when None.
        limit: crops of each person, at most, spread over cameras; all when None.
        strict: whether a crop that cannot be read ends the training before it begins.

    Raises:
        BadInput: for a folder without usable crops, a list of strangers, and, where `strict`, for a crop
            that cannot be read.
    """
    crops = training_crops(images)
    held = np.zeros(len(crops), bool)
    if held_out_people is not None:
        held = held_out_crops(crops, held_out_people)
    if limit is not None:
        chosen = _spread_over_cameras(crops, limit)
        crops, held = [crops[k] for k in chosen], held[chosen]
    readable = readable_crops(crops, images, strict=strict)
    paths = {crop.path for crop in readable}
    learnt = [crop for crop, out in zip(crops, held) if not out and crop.path in paths]
    measured = [crop for crop, out in zip(crops, held) if out and crop.path in paths]
    if not learnt or (held.any() and not measured):
        people = "that are held out" if learnt else "to learn from"
        raise BadInput(f"{images}: no readable crop of the people {people}")
    return TrainingPhotographs(learnt, measured, len(crops) - len(readable))


def reid_photographs(
    images: Path, held_out_people: Path | None, *, strict: bool = False
) -> TrainingPhotographs:
    """Crops to learn people from, and crops of other people to measure on.

    Args:
        images: Market-1501's folder, or a flat folder of its crops.
        held_out_people: list of identities to measure on; Market-1501's query and gallery when None.
        strict: as in `photographs_of`.

    Raises:
        BadInput: for a folder with nobody to measure on, and as `photographs_of`.
    """
    if held_out_people is not None:
        return photographs_of(images, held_out_people, strict=strict)
    if not is_market1501(images) or not (images / SPLIT_FOLDERS["query"]).is_dir():
        training_crops(images)  # says what is wrong with a folder that is none
        raise BadInput(
            f"{images}: has no query and gallery to measure on; hold people out of its crops with "
            "--without"
        )
    learnt = photographs_of(images, strict=strict)
    test_crops = read_split(images, "query") + read_split(images, "gallery")
    measured = readable_crops(test_crops, images, strict=strict)
    if not measured:
        raise BadInput(f"{images}: no readable crop in its query and gallery")
    unreadable = learnt.unreadable + len(test_crops) - len(measured)
    return TrainingPhotographs(learnt.learnt, measured, unreadable)


def readable_crops(crops: Sequence[Crop], images: Path, *, strict: bool = False) -> list[Crop]:
    """The crops whose images can be read; the others are named, counted and left out.

    Args:
        crops: to be looked into.
        images: their folder, for messages.
        strict: whether one that cannot be read is refused.

    Raises:
        BadInput: where `strict` and one cannot be read.
    """
    usable, reasons = [], []
    for crop in tqdm(crops, desc="reading crops", mininterval=2.0, delay=5.0):
        try:
            read_image(crop.path)
            usable.append(crop)
        except BadInput as error:
            reasons.append(str(error))
    if reasons and strict:
        raise BadInput(
            f"{images}: {len(reasons):,} of {len(crops):,} crops cannot be read, the first: "
            f"{reasons[0]}; or leave them out by training without --strict"
        )
    for reason in reasons[:MOST_LINES]:
        _say(f"left out: {reason}")
    if reasons:
        _say(f"left out: {len(reasons):,} of {len(crops):,} crops, which cannot be read")
    return usable


def _spread_over_cameras(crops: Sequence[Crop], limit: int) -> list[int]:
    """Indices of at most `limit` of each person's crops, in order, cameras in turn."""
    by_person: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, crop in enumerate(crops):
        name = market_name(crop)
        by_person[name.identity][name.camera].append(index)
    chosen = []
    for cameras in by_person.values():
        turns = [
            (turn, camera, index)
            for camera, members in cameras.items()
            for turn, index in enumerate(members)
        ]
        chosen += [index for _, _, index in sorted(turns)[:limit]]
    return sorted(chosen)


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
