"""A folder of crops as the harvest sees it: people, names of textures, and files that are left out."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write
from textures.harvest.identities import (
    IdentityRule,
    Person,
    identify,
    person_of_name,
    unusable_name,
)
from textures.market1501 import IMAGE_SUFFIXES, SPLIT_FOLDERS, is_market1501, read_split

LEFT_OUT = "left_out.csv"
SHEET_STEM = "contact_sheet"  # the picture's name, which no texture gets
LONGEST_NAME = 200  # of a texture, in bytes; file systems allow 255
PEOPLE_SHOWN, FILES_SHOWN = 20, 5

UNREAD_PHOTOGRAPHS = frozenset(
    {".heic", ".heif", ".avif", ".dng", ".cr2", ".nef", ".arw", ".tif", ".tiff"}
)
"""Endings of photographs, of telephones above all, that need a decoder which is not installed."""


@dataclass(frozen=True, kw_only=True)
class SourceCrop:
    """One crop.

    source: its path below the folder, a Market-1501 crop's file name. texture: its texture's file name.
    folder_split: "train", "query" or "gallery" in a Market-1501 folder, else None.
    """

    path: Path
    source: str
    texture: str
    person: Person
    folder_split: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file that gives no texture: its path below the folder, why, and more about it for messages.

    `foreseen` ones are no fault of the data: Market-1501's junk and distractors.
    """

    source: str
    reason: str
    detail: str = ""
    foreseen: bool = False


@dataclass(frozen=True, kw_only=True)
class CropFolder:
    """All crops of a folder in the order of their paths, and every file that is left out.

    unread: what lies beside Market-1501's chosen folders and is not looked into.
    """

    folder: Path
    crops: tuple[SourceCrop, ...]
    left_out: tuple[LeftOut, ...]
    unread: tuple[str, ...] = ()


def read_crop_folder(
    folder: Path,
    *,
    splits: Iterable[str] | None = None,
    rule: IdentityRule | None = None,
    out: Path | None = None,
) -> CropFolder:
    """The crops of a folder.

    Args:
        folder: with Market-1501's layout, or any other; one image is a folder of one crop.
        splits: of Market-1501 ("train", "query", "gallery"); all that are there when None.
        rule: where identities come from in a folder that is not Market-1501's.
        out: a folder that is not looked into, as textures are written there.

    Raises:
        BadInput: for a folder without a crop, splits or a rule that the folder cannot have, and two crops
            of one name.
    """
    folder, rule = Path(folder), rule or IdentityRule()
    if folder.is_dir() and is_market1501(folder):
        if rule != IdentityRule():
            raise BadInput(
                f"{folder}: has Market-1501's folders, whose file names say who is who; leave --identity "
                "and --identity-csv out, or give one of its folders"
            )
        result = _market(folder, splits)
    elif splits:
        raise BadInput(
            f"{folder}: splits {', '.join(splits)} were asked for, "
            "but it has none of Market-1501's folders"
        )
    elif folder.is_file():
        result = _any_folder(folder.parent, [folder.name], rule)
    elif folder.is_dir():
        result = _any_folder(folder, _files(folder, out), rule)
    else:
        raise BadInput(f"{folder}: no such folder; give a folder of pedestrian crops")
    if not result.crops:
        raise BadInput(
            f"{folder}: no image found; expected files ending in {', '.join(sorted(IMAGE_SUFFIXES))}"
            + "".join(f"; {line}" for line in left_out_lines(result.left_out))
        )
    return result


def texture_name(source: str) -> str:
    """The file name of a source's texture: a function of the source alone, different for each.

    Folders are joined by `~`, which is written `%7E` in names, and `.png` is added. A name that is too
    long for a file system ends with a hash.
    """
    return f"{_bounded('~'.join(map(_escaped, PurePosixPath(source).parts)), source)}.png"


def person_texture_name(identity: str) -> str:
    """The file name of a person's texture: a function of the identity alone, different for each."""
    stem = _bounded("~".join(map(_escaped, identity.split("/"))), identity)
    return f"{stem}~.png" if stem == SHEET_STEM else f"{stem}.png"


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("~", "%7E")


def _bounded(name: str, source: str) -> str:
    """A file's name, shortened to a beginning and the source's hash where it is too long."""
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    beginning = os.fsencode(name)[: LONGEST_NAME - 66].decode(errors="ignore")
    return f"{beginning}~~{hashlib.sha256(os.fsencode(source)).hexdigest()}"


def understanding_lines(crops: CropFolder) -> list[str]:
    """What was understood of a folder: people, crops of each, and the rules that say who is who."""
    rules = Counter(crop.person.rule for crop in crops.crops)
    people = Counter(crop.person.identity for crop in crops.crops).most_common()
    shown = [f"{identity} {count}" for identity, count in people[:PEOPLE_SHOWN]]
    smaller = [count for _, count in people[PEOPLE_SHOWN:]]
    if smaller:
        shown.append(f"and {len(smaller):,} more people with {min(smaller)} to {max(smaller)} each")
    lines = [
        f"{crops.folder}: {len(crops.crops):,} crops of {len(people):,} people",
        "who is who: " + "; ".join(f"{count:,} crops {rule}" for rule, count in rules.items()),
        f"crops of each: {', '.join(shown)}",
    ]
    if crops.unread:
        lines.append(f"not looked into, as no chosen split: {', '.join(crops.unread)}")
    return lines


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """A line per reason: how many files, and the names of the first."""
    lines = []
    for reason, count in Counter(item.reason for item in left_out).items():
        items = [item for item in left_out if item.reason == reason]
        shown = [item.detail or item.source for item in items[:FILES_SHOWN]]
        remaining = f", and {count - len(shown):,} more" if count > len(shown) else ""
        lines.append(f"left out, {reason}: {count:,} ({', '.join(shown)}{remaining})")
    return lines


def write_left_out(out: Path, left_out: Sequence[LeftOut]) -> Path:
    """Write left_out.csv: every file that gave no texture, and why."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "reason", "detail"])
    writer.writerows([item.source, item.reason, item.detail] for item in left_out)
    path = Path(out) / LEFT_OUT
    with atomic_write(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace")
    return path


def _files(folder: Path, out: Path | None = None) -> list[str]:
    """Every file below a folder, sorted, and links to folders, which are not followed."""
    sources: list[str] = []
    spared = None if out is None else Path(out).resolve()
    for parent, folders, files in os.walk(folder):
        path = Path(parent)
        folders[:] = [name for name in folders if (path / name).resolve() != spared]
        links = [name for name in folders if (path / name).is_symlink()]
        sources += [(path / name).relative_to(folder).as_posix() for name in [*files, *links]]
    return sorted(sources)


def _unsuitable(path: Path, source: str) -> str | None:
    """Why a file is no crop, as far as its name says; None for an image."""
    if path.is_dir():
        return "links to folders"
    if any(name.startswith(".") for name in PurePosixPath(source).parts):
        return "hidden files"
    if path.suffix.lower() in UNREAD_PHOTOGRAPHS:
        return f"photographs in a format that is not read, {path.suffix.lower()}: save them as JPEG"
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return f"not an image by its ending {path.suffix.lower() or '(none)'}"
    return None if path.is_file() else "links to nothing"


def _any_folder(folder: Path, sources: Sequence[str], rule: IdentityRule) -> CropFolder:
    """The crops among the files of a folder without Market-1501's layout."""
    used = {STAND_IN}
    if rule.table is not None and rule.table.resolve().is_relative_to(folder.resolve()):
        used.add(rule.table.resolve().relative_to(folder.resolve()).as_posix())
    reasons = {
        source: reason
        for source in sources
        if source not in used and (reason := _unsuitable(folder / source, source))
    }
    images = [source for source in sources if source not in reasons and source not in used]
    people, more_reasons = identify(images, folder, rule)
    reasons |= more_reasons
    crops = tuple(
        SourceCrop(
            path=folder / source,
            source=source,
            texture=texture_name(source),
            person=people[source],
        )
        for source in images
        if source in people
    )
    left_out = tuple(LeftOut(source=source, reason=reasons[source]) for source in sorted(reasons))
    return CropFolder(folder=folder, crops=crops, left_out=left_out)


def _market(folder: Path, splits: Iterable[str] | None) -> CropFolder:
    """The crops of Market-1501's layout, without junk and distractors."""
    present = [split for split, name in SPLIT_FOLDERS.items() if (folder / name).is_dir()]
    chosen = list(dict.fromkeys(splits or present))
    crops: dict[str, SourceCrop] = {}
    left_out = []
    for split in chosen:
        subfolder = folder / SPLIT_FOLDERS[split]
        read_split(folder, split)  # refuses images without a Market-1501 name
        for file in _files(subfolder):
            path = subfolder / file
            fault = _unsuitable(path, file)
            reason = fault or unusable_name(path.name)
            if reason is not None:
                left_out.append(
                    LeftOut(
                        source=f"{subfolder.name}/{file}", reason=reason, foreseen=fault is None
                    )
                )
                continue
            texture = f"{path.stem}.png"
            if texture in crops:
                raise BadInput(
                    f"{path}: has the name of {crops[texture].path}, but each crop of Market-1501 has a "
                    "name of its own; remove or rename one"
                )
            crops[texture] = SourceCrop(
                path=path,
                source=path.name,
                texture=texture,
                person=person_of_name(path.name),
                folder_split=split,
            )
    read = {SPLIT_FOLDERS[split] for split in chosen} | {STAND_IN}
    unread = sorted(path.name for path in folder.iterdir() if path.name not in read)
    return CropFolder(
        folder=folder,
        crops=tuple(crops.values()),
        left_out=tuple(left_out),
        unread=tuple(unread),
    )
