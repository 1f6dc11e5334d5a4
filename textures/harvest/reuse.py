"""What an earlier run left: textures that are kept, and why others are made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mocap.errors import BadInput
from textures.harvest.crop_folder import FILES_SHOWN
from textures.harvest.subjects import Subject
from textures.library import MANIFEST, TextureEntry

# What a texture and its scores follow from: fields of its line, as a message calls them.
MAKING = {
    "source_sha256": "the crop changed",
    "generator": "the weights changed",
    "scorer": "the weights that score changed",
    "size": "the size changed",
    "uv_layout": "the UV layout changed",
}


def reasons_to_make(earlier: TextureEntry | None, entry: TextureEntry, out: Path) -> list[str]:
    """Why a texture is made although a library is there; nothing where the library's is the same."""
    if earlier is None:
        return ["new"]
    if not (out / earlier.file).is_file():
        return ["the PNG was gone"]
    reasons = [
        reason for name, reason in MAKING.items() if getattr(earlier, name) != getattr(entry, name)
    ]
    if reasons[:1] == [MAKING["source_sha256"]] and entry.sources:
        reasons[:1] = _crop_changes(set(earlier.sources), set(entry.sources))
    return reasons


def _crop_changes(earlier: set[str], current: set[str]) -> list[str]:
    changes = [
        text
        for text, crops in (
            ("crops are new", current - earlier),
            ("crops are gone", earlier - current),
        )
        if crops
    ]
    return [" and ".join(changes)] if changes else [MAKING["source_sha256"]]


def reuse_lines(kept_count: int, reasons: Iterable[Sequence[str]]) -> list[str]:
    """What is said of textures that are kept, and of those that are made and why."""
    lines = [f"kept: {kept_count:,} textures of the same crops, weights and size"]
    for reason, count in Counter(" and ".join(texts) for texts in reasons).items():
        lines.append(f"to make: {count:,} textures, {reason}")
    return lines


def gone_lines(gone: Sequence[str], out: Path, folder: Path) -> list[str]:
    """What is said of textures whose crops are not among those of this run."""
    if not gone:
        return []
    return [
        f"kept, though their crops are no longer among those of {folder}: {len(gone):,} textures "
        f"({shown_names(gone)}); to drop them, remove their lines from {out / MANIFEST}"
    ]


def shown_names(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    remaining = f", and {len(names) - FILES_SHOWN:,} more" if len(names) > FILES_SHOWN else ""
    return ", ".join(names[:FILES_SHOWN]) + remaining


def superseded_entries(
    listed: Mapping[str, TextureEntry], subjects: Sequence[Subject], out: Path
) -> list[str]:
    """Textures whose crops go into other textures now, as another rule says who is who.

    Args:
        listed: the library's lines by file.
        subjects: what gets a texture now.
        out: the library's folder, for messages.

    Raises:
        BadInput: where the library has textures of crops alone and persons are asked for, or the other
            way round: a whole library would be made anew in silence.
    """
    names = {subject.texture for subject in subjects}
    owners = {crop.source: subject for subject in subjects for crop in subject.crops}
    superseded = []
    for name, entry in listed.items():
        sources = entry.sources or (entry.source,)
        if name not in names and all(source in owners for source in sources):
            superseded.append(name)
    replaced = [listed[name] for name in superseded]
    if any(not entry.sources for entry in replaced) and not any(e.sources for e in listed.values()):
        raise BadInput(
            f"{out / MANIFEST}: has textures of crops, such as {replaced[0].source}, and textures of "
            "whole persons are to be made; give --per crop, or another folder with --out"
        )
    if any(entry.sources for entry in replaced) and not any(s.named for s in subjects):
        raise BadInput(
            f"{out / MANIFEST}: has textures of persons, such as {replaced[0].identity}, and textures of "
            "single crops are to be made; give --per person, or another folder with --out"
        )
    return sorted(superseded)
