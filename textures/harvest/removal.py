"""Removal on request: people and crops of whom a library has no texture, and never gets one again.

The library remembers the list in removed.txt, so that a later harvest of the same photographs leaves them
out without being told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mocap.errors import BadInput
from mocap.files import atomic_write
from textures.harvest.contact_sheet import CONTACT_SHEET
from textures.harvest.crop_folder import LEFT_OUT, CropFolder, LeftOut, SourceCrop
from textures.library import MANIFEST, TextureEntry, read_manifest, write_manifest

REMOVED = "removed.txt"
REASON = "removed on request"
MOST_CHARACTERS = 1000


@dataclass(frozen=True, kw_only=True)
class RemovalList:
    """Identities and crops' names, as someone who wants to be removed would give them.

    A crop is named by its path below the folder, its file name, or that without its ending.
    """

    names: frozenset[str]

    def names_crop(self, crop: SourceCrop) -> bool:
        """Whether a crop is to be left out, for its own sake or its person's."""
        return crop.person.identity in self.names or self.names_source(crop.source)

    def names_source(self, source: str) -> bool:
        """Whether a crop of this path is to be left out."""
        path = PurePosixPath(source)
        return not self.names.isdisjoint({source, path.name, path.stem})

    def matched(self, crops: Iterable[SourceCrop], entries: Iterable[TextureEntry]) -> set[str]:
        """Which names say something of these crops and textures."""
        labels: set[str] = set()
        for crop in crops:
            path = PurePosixPath(crop.source)
            labels |= {crop.person.identity, crop.source, path.name, path.stem}
        for entry in entries:
            labels |= {entry.identity, entry.file, PurePosixPath(entry.file).stem}
            for source in (entry.source, *entry.sources):
                path = PurePosixPath(source)
                labels |= {source, path.name, path.stem}
        return set(self.names) & labels


def read_removal_list(path: Path) -> frozenset[str]:
    """Names of a list, one a line; empty lines and those that begin with # say nothing.

    Raises:
        BadInput: for a file that cannot be read, is no text, or names nobody.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
    names = set()
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        if len(name) > MOST_CHARACTERS or not name.isprintable():
            raise BadInput(
                f"{path}, line {number}: found {name[:40]!r}, expected an identity or a crop's name"
            )
        names.add(name)
    if not names:
        raise BadInput(f"{path}: names nobody; expected identities or crops' names, one a line")
    return frozenset(names)


def remember_removals(out: Path, new: Path | None) -> RemovalList:
    """The library's list with the names of a new one, which it remembers from now on."""
    remembered = Path(out) / REMOVED
    names = read_removal_list(remembered) if remembered.is_file() else frozenset()
    if new is not None:
        names |= read_removal_list(new)
        with atomic_write(remembered) as temporary:
            header = "# People and crops of whom this library has no texture, on request.\n"
            temporary.write_text(header + "".join(f"{name}\n" for name in sorted(names)), "utf-8")
    return RemovalList(names=names)


def remove_textures(out: Path, removals: RemovalList) -> list[str]:
    """Delete the textures of a library that show anyone on the list, their lines, and their pictures.

    A texture of several crops goes where one of them is named; a harvest makes it again of the others.

    Returns:
        The deleted textures' names.
    """
    out = Path(out)
    if not removals.names or not (out / MANIFEST).is_file():
        return []
    entries = list(read_manifest(out).values())
    doomed = [entry for entry in entries if _shows_removed(entry, removals)]
    if not doomed:
        return []
    for path in (out / CONTACT_SHEET, out / LEFT_OUT, *(out / entry.file for entry in doomed)):
        path.unlink(missing_ok=True)
    names = {entry.file for entry in doomed}
    write_manifest(out, [entry for entry in entries if entry.file not in names])
    return sorted(names)


def without_removed(crops: CropFolder, removals: RemovalList) -> CropFolder:
    """The folder without the crops on the list, which are among those left out."""
    gone = [crop for crop in crops.crops if removals.names_crop(crop)]
    if not gone:
        return crops
    left_out = [LeftOut(source=crop.source, reason=REASON, foreseen=True) for crop in gone]
    return dataclasses.replace(
        crops,
        crops=tuple(crop for crop in crops.crops if not removals.names_crop(crop)),
        left_out=(*crops.left_out, *left_out),
    )


def removal_lines(removals: RemovalList, matched: set[str], deleted: list[str]) -> list[str]:
    """What is said of a list: how much it removed, and names that are nobody's."""
    lines = []
    if deleted:
        lines.append(f"{REASON}: {len(deleted):,} textures deleted")
    unmatched = sorted(removals.names - matched)
    if unmatched:
        shown = ", ".join(unmatched[:5]) + ", ..." * (len(unmatched) > 5)
        lines.append(
            f"to be removed, but nobody here is called so: {len(unmatched):,} names ({shown}); they are "
            f"remembered in {REMOVED}"
        )
    return lines


def _shows_removed(entry: TextureEntry, removals: RemovalList) -> bool:
    sources: Mapping[str, None] = dict.fromkeys((entry.source, *entry.sources))
    return entry.identity in removals.names or any(map(removals.names_source, sources))
