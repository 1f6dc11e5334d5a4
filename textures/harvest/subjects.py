"""Subjects of a harvest: who gets a texture, and of which crops.

Where something says who is who, a person gets one texture of all his crops, named by the identity; a crop
of nobody gets one of its own, named by the crop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mocap.errors import BadInput
from textures.harvest.crop_folder import SourceCrop, person_texture_name
from textures.harvest.identities import BY_FILE

PERSON, CROP = "person", "crop"
CHOICES = (PERSON, CROP)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What gets one texture: its file name, whom it shows, and its crops in the order of their paths.

    named: whether it is a person of whom all crops are taken together.
    """

    texture: str
    identity: str
    crops: tuple[SourceCrop, ...]
    named: bool

    @property
    def sources(self) -> tuple[str, ...]:
        """The crops' paths, as a line of textures.jsonl lists them: of a person only."""
        return tuple(crop.source for crop in self.crops) if self.named else ()


def grouped_subjects(crops: Sequence[SourceCrop], grouping: str | None) -> list[Subject]:
    """The subjects of a folder, in the order of their texture's names.

    Args:
        crops: all that can be used.
        grouping: "person", "crop", or None for a person wherever something says who is who.

    Raises:
        BadInput: for persons where nobody is named.
    """
    named = [] if grouping == CROP else [crop for crop in crops if crop.person.rule != BY_FILE]
    if grouping == PERSON and not named:
        raise BadInput(
            f"--per person: nothing says who is on {crops[0].source} and the other crops; sort them into "
            "a folder a person, or give --identity or --identity-csv"
        )
    people: dict[str, list[SourceCrop]] = {}
    for crop in named:
        people.setdefault(crop.person.identity, []).append(crop)
    subjects = [
        Subject(
            texture=person_texture_name(identity),
            identity=identity,
            crops=tuple(sorted(members, key=lambda crop: crop.source)),
            named=True,
        )
        for identity, members in people.items()
    ]
    subjects += [
        Subject(texture=crop.texture, identity=crop.person.identity, crops=(crop,), named=False)
        for crop in crops
        if grouping == CROP or crop.person.rule == BY_FILE
    ]
    return sorted(subjects, key=lambda subject: subject.texture)


def subject_lines(subjects: Sequence[Subject]) -> list[str]:
    """What is said of who gets a texture."""
    people = [subject for subject in subjects if subject.named]
    single = len(subjects) - len(people)
    lines = []
    if people:
        crops = sum(len(subject.crops) for subject in people)
        lines.append(
            f"one texture a person: {len(people):,} of {crops:,} crops (--per crop: one a crop)"
        )
    if single:
        nobody = all(s.crops[0].person.rule == BY_FILE for s in subjects if not s.named)
        reason = ", as nothing says who is on them" if nobody else ""
        lines.append(f"one texture a crop: {single:,} crops{reason}")
    return lines


def subject_digest(subject: Subject, digests: Mapping[str, str]) -> str:
    """The sha256 of a crop, or of the names and digests of all crops of a person.

    Args:
        subject: whose.
        digests: the sha256 of each of its crops that can be opened, by path.
    """
    if not subject.named:
        return digests[subject.crops[0].source]
    lines = [f"{source}\0{digests[source]}\n" for source in subject.sources if source in digests]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
