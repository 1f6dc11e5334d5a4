"""What a run is to do: lines that are kept, and tasks, each a subject whose texture is to be made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from textures.harvest.crop_choice import looked_at
from textures.harvest.crop_folder import LeftOut, SourceCrop
from textures.harvest.harvester import BATCH, Harvester
from textures.harvest.refusal import REFUSED
from textures.harvest.reuse import (
    gone_lines,
    reasons_to_make,
    reuse_lines,
    shown_names,
)
from textures.harvest.sheet_file import ShownFit
from textures.harvest.subjects import Subject, subject_digest
from textures.library import (
    CAMERA_SEPARATOR,
    TextureEntry,
    assign_splits,
    sha256_of,
    write_manifest,
)

UNREADABLE = "cannot be used"


@dataclass(frozen=True)
class HarvestTask:
    """A subject whose texture is to be made, and its line as far as it is known beforehand."""

    subject: Subject
    entry: TextureEntry
    crops: tuple[SourceCrop, ...]


@dataclass
class HarvestRun:
    """What a run gathers: lines by file, files that gave none, fits for the sheet, counts."""

    out: Path
    entries: dict[str, TextureEntry]
    bad: list[LeftOut]
    fits: dict[str, ShownFit]
    new: int = 0
    cut: int = 0

    def write_lines(self) -> None:
        write_manifest(self.out, [self.entries[key] for key in sorted(self.entries)])


def base_entry(harvester: Harvester, *, licence: str, stand_in: bool) -> TextureEntry:
    """A line with all that textures of one run have in common."""
    return TextureEntry(
        file="texture.png",
        uv_layout=harvester.body.uv_layout,
        size=harvester.size,
        source="",
        source_sha256="",
        identity="",
        camera=None,
        split="train",
        licence=licence,
        generator=harvester.tag,
        scorer=harvester.scorer,
        stand_in=stand_in,
        anonymous_face=harvester.anonymous_faces,
    )


def planned_tasks(
    run: HarvestRun,
    subjects: Sequence[Subject],
    listed: dict[str, TextureEntry],
    base: TextureEntry,
    harvester: Harvester,
    folder: Path,
    report: Callable[[str], None],
) -> tuple[list[HarvestTask], int]:
    """What is to be made, and how many crops' textures are kept; the run gets the lines of those."""
    out = run.out
    old = {name: entry for name, entry in listed.items() if (out / name).is_file()}
    people = {subject.texture: subject.identity for subject in subjects}
    gone = sorted(set(old) - set(people))
    for line in gone_lines(gone, out, folder):
        report(line)
    lost = sorted(set(listed) - set(old) - set(people))
    if lost:
        report(f"dropped: {len(lost):,} lines whose crop and PNG are gone ({shown_names(lost)})")
    assigned = _splits(
        subjects,
        {
            e.identity: e.split
            for e in listed.values()
            if people.get(e.file, e.identity) == e.identity
        },
    )
    run.entries |= {
        name: dataclasses.replace(
            entry,
            identity=identity,
            split=assigned[identity],
            licence=entry.licence or base.licence,
        )
        for name, entry in old.items()
        for identity in [people.get(name, entry.identity)]
    }
    tasks, kept_crops, kept_textures, reasons = [], 0, 0, []
    for subject in subjects:
        digests: dict[str, str] = {}
        for crop in subject.crops:
            try:
                digests[crop.source] = sha256_of(crop.path)
            except OSError as error:
                detail = f"{crop.path}: cannot be opened ({error.strerror}); check the path"
                run.bad.append(unreadable_crop(crop.source, detail, stays=subject.texture in old))
        readable = [crop for crop in subject.crops if crop.source in digests]
        if not readable:
            continue
        entry = dataclasses.replace(
            base,
            file=subject.texture,
            source=readable[0].source,
            source_sha256=subject_digest(subject, digests),
            identity=subject.identity,
            camera=camera_names(readable),
            split=assigned[subject.identity],
            sources=subject.sources,
        )
        earlier = listed.get(subject.texture)
        texts = reasons_to_make(earlier, entry, out)
        if earlier is not None and not texts:
            run.entries[subject.texture] = _kept_entry(entry, earlier)
            run.bad += [refused_crop(source, reason) for source, reason in earlier.refused.items()]
            kept_crops, kept_textures = kept_crops + len(readable), kept_textures + 1
        else:
            crops = tuple(looked_at(readable, harvester.most_crops))
            tasks.append(HarvestTask(subject, entry, crops))
            reasons.append(texts)
    for line in reuse_lines(kept_textures, reasons) if listed else []:
        report(line)
    return tasks, kept_crops


def _kept_entry(entry: TextureEntry, earlier: TextureEntry) -> TextureEntry:
    """The line of a texture that is kept, with what only its making tells."""
    if not entry.sources:
        return dataclasses.replace(entry, scores=earlier.scores, boxes=earlier.boxes)
    return dataclasses.replace(
        entry,
        scores=earlier.scores,
        source=earlier.source,
        camera=earlier.camera,
        crops=earlier.crops,
        refused=earlier.refused,
        boxes=earlier.boxes,
    )


def task_chunks(tasks: Sequence[HarvestTask]) -> Iterator[list[HarvestTask]]:
    """Tasks in their order, in groups of a batch of crops or somewhat more."""
    chunk: list[HarvestTask] = []
    for task in tasks:
        chunk.append(task)
        if sum(len(member.crops) for member in chunk) >= BATCH:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def camera_names(crops: Sequence[SourceCrop]) -> str | None:
    """The crops' cameras, as a line says them."""
    names = sorted({crop.person.camera for crop in crops if crop.person.camera})
    return CAMERA_SEPARATOR.join(names) or None


def unreadable_crop(source: str, detail: str, *, stays: bool) -> LeftOut:
    """A crop that cannot be used, whose texture of an earlier run stays if there is one."""
    ending = "; its texture of an earlier run stays" if stays else ""
    return LeftOut(source=source, reason=UNREADABLE, detail=detail + ending)


def refused_crop(source: str, reason: str) -> LeftOut:
    return LeftOut(source=source, reason=REFUSED, detail=f"{source}: {reason}")


def _splits(subjects: Sequence[Subject], assigned: dict[str, str]) -> dict[str, str]:
    """Market-1501's own test identities go to "test"; `assign_splits` deals out the others."""
    fixed = {
        subject.identity: "test"
        for subject in subjects
        if any(crop.folder_split in ("query", "gallery") for crop in subject.crops)
    }
    free = [subject.identity for subject in subjects if subject.identity not in fixed]
    return assign_splits(free, {k: v for k, v in assigned.items() if k not in fixed}) | fixed
