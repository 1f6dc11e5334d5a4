"""Which texture is shown beside which: of the same people, or of any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from textures.library import TextureEntry, read_library, sha256_of

PAIRINGS = ("people", "any")


@dataclass(frozen=True, kw_only=True)
class StudyTexture:
    """A texture of a library: its file, and whom it is of."""

    path: Path
    identity: str
    entry: TextureEntry


@dataclass(frozen=True, kw_only=True)
class TexturePair:
    """Two textures, one of each library; pairs of one `person` are resampled together."""

    person: str
    first: StudyTexture
    second: StudyTexture


def read_study_textures(folder: Path, body: Body) -> list[StudyTexture]:
    """A library's textures, of the body's UV layout. Raises BadInput."""
    return [
        StudyTexture(path=Path(folder) / entry.file, identity=entry.identity, entry=entry)
        for entry in read_library(Path(folder), body)
    ]


def texture_digest(textures: Sequence[StudyTexture]) -> list[str]:
    """Of each texture its file's name, its person and the digest of its bytes, as one line."""
    return [f"{t.entry.file} {t.identity} {sha256_of(t.path)}" for t in textures]


def pair_textures(
    first: Sequence[StudyTexture],
    second: Sequence[StudyTexture],
    *,
    count: int,
    pairing: str,
    rng: np.random.Generator,
) -> list[TexturePair]:
    """Pairs of textures, everybody once before anybody twice.

    Args:
        first: one library's.
        second: the other's.
        count: of the pairs.
        pairing: "people": of the same identity; "any": whoever is dealt.
        rng: deals.

    Raises:
        BadInput: where no person is in both libraries, but pairs are to be of the same people.
    """
    of_first, of_second = _by_person(first), _by_person(second)
    if pairing == "people":
        shared = sorted(of_first.keys() & of_second.keys())
        if not shared:
            raise BadInput(
                f"{first[0].path.parent} and {second[0].path.parent}: no person is in both "
                f"({len(of_first)} and {len(of_second)} people); pair any with --pairing any"
            )
        names = dealt(shared, count, rng)
        partners = names
    else:
        names = dealt(sorted(of_first), count, rng)
        partners = dealt(sorted(of_second), count, rng)
    return [
        TexturePair(
            person=name,
            first=of_first[name][rng.integers(len(of_first[name]))],
            second=of_second[partner][rng.integers(len(of_second[partner]))],
        )
        for name, partner in zip(names, partners)
    ]


def dealt(items: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """`count` of the items in random order, each once before any twice."""
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += [items[index] for index in rng.permutation(len(items))]
    return chosen[:count]


def _by_person(textures: Sequence[StudyTexture]) -> dict[str, list[StudyTexture]]:
    people: dict[str, list[StudyTexture]] = defaultdict(list)
    for texture in textures:
        people[texture.identity].append(texture)
    return people
