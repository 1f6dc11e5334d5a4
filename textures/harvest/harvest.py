"""Harvest: a folder of pedestrian crops becomes a library of body textures.

For each person, or for each crop where nobody is named: body fits, what the crops show of the surface,
a method's textures, and one texture of all of it; then scores, a line in textures.jsonl, and a contact
sheet to look at. Can be stopped and run again: textures that are there, of the same crops' bytes, weights
and size, are kept, and it is said how many are and why others are made.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import is_stand_in
from textures.harvest.crop_folder import (
    LeftOut,
    SourceCrop,
    left_out_lines,
    read_crop_folder,
    understanding_lines,
    write_left_out,
)
from textures.harvest.crop_image import CropImage, full_size_box, read_crop
from textures.harvest.harvester import Harvester
from textures.harvest.identities import IdentityRule
from textures.harvest.licence import licence_tag
from textures.harvest.person_cut import Box
from textures.harvest.removal import (
    remember_removals,
    removal_lines,
    remove_textures,
    without_removed,
)
from textures.harvest.reuse import shown_names, superseded_entries
from textures.harvest.sheet_file import shown_fit, write_contact_sheet
from textures.harvest.subjects import Subject, grouped_subjects, subject_lines
from textures.harvest.tasks import (
    HarvestRun,
    HarvestTask,
    base_entry,
    camera_names,
    planned_tasks,
    refused_crop,
    task_chunks,
    unreadable_crop,
)
from textures.library import MANIFEST, TextureEntry, read_manifest, write_texture
from textures.market1501 import is_market1501


@dataclass(frozen=True, kw_only=True)
class Harvest:
    """What was done.

    Entries of the whole library, how many textures were made, every file that gave none, and the
    contact sheet.
    """

    entries: list[TextureEntry]
    new: int
    left_out: tuple[LeftOut, ...]
    contact_sheet: Path | None


def harvest(
    images: Path,
    out: Path,
    harvester: Harvester,
    *,
    splits: tuple[str, ...] | None = None,
    identities: IdentityRule | None = None,
    grouping: str | None = None,
    licence: str = "",
    stand_in: bool = False,
    removals: Path | None = None,
    sheet_rows: int = 40,
    report: Callable[[str], None] = print,
) -> Harvest:
    """Make a texture for every person or crop below `images` and write the library `out`.

    Files that give no texture are reported and listed in left_out.csv. Nothing is written when no crop
    can be used.

    Args:
        images: Market-1501's folder, or any folder of crops.
        out: the library's folder. Textures that are there, of the same crops and networks, are kept.
        harvester: makes the textures.
        splits: of a Market-1501 folder ("train", "query", "gallery"); all when None.
        identities: who is who in any other folder; its folders say so when None.
        grouping: "person" or "crop"; None for a person wherever something says who is who.
        licence: tag of the photographs, written to every line.
        stand_in: whether the crops are generated; written to every line.
        removals: a list of people and crops that are removed from the library, which remembers them.
        sheet_rows: textures on the contact sheet; 0 for no sheet.
        report: is told what was understood of the folder before work begins, what is left out, and
            which textures are of crops that are gone.

    Raises:
        BadInput: for a folder without a usable crop, or one that the options do not fit.
    """
    out = Path(out)
    stand_in = stand_in or is_stand_in(images) or is_stand_in(Path(images).parent)
    folder = read_crop_folder(images, splits=splits, rule=identities, out=out)
    licence = licence_tag(images, licence, stand_in=stand_in, report=report)
    removal = remember_removals(out, removals)
    earlier_entries = list(read_manifest(out).values()) if (out / MANIFEST).is_file() else []
    matched = removal.matched(folder.crops, earlier_entries)
    lines = removal_lines(removal, matched, remove_textures(out, removal))
    folder = without_removed(folder, removal)
    if not folder.crops:
        raise BadInput(f"{images}: every crop is to be removed; no texture is left to make")
    subjects = grouped_subjects(folder.crops, grouping)
    lines += [*understanding_lines(folder), *subject_lines(subjects)]
    lines += adaptation_lines(Path(images), harvester.fitter.name, stand_in=stand_in)
    for line in [*lines, *left_out_lines(folder.left_out)]:
        report(line)
    listed = {e.file: e for e in read_manifest(out).values()} if (out / MANIFEST).is_file() else {}
    for name in _superseded(listed, subjects, out, report):
        del listed[name]
    base = base_entry(harvester, licence=licence, stand_in=stand_in)
    run = HarvestRun(out=out, entries={}, bad=[], fits={})
    tasks, kept_crops = planned_tasks(run, subjects, listed, base, harvester, folder.folder, report)
    crops = sum(len(task.crops) for task in tasks)
    with tqdm(total=crops + kept_crops, initial=kept_crops, desc="textures", unit="crop") as bar:
        started, finished = time.monotonic(), 0
        for chunk in task_chunks(tasks):
            _make(run, chunk, harvester, listed)
            count = sum(len(task.crops) for task in chunk)
            if not finished and count < crops:
                seconds = (time.monotonic() - started) / count * crops
                bar.clear()
                report(duration_line(seconds, crops))
            finished += count
            bar.update(count)
    if run.cut:
        report(
            f"cut around their person: {run.cut:,} photographs that were no tight crops (boxes in "
            f"{MANIFEST})"
        )
    for line in left_out_lines(run.bad):
        report(line)
    if not run.entries:
        raise BadInput(
            f"{images}: none of its {len(folder.crops)} images could be used; nothing was written"
        )
    run.write_lines()
    left_out = (*folder.left_out, *run.bad)
    write_left_out(out, left_out)
    sheet = None
    if sheet_rows:
        paths = {crop.source: crop.path for crop in folder.crops}
        unusable = {item.source for item in run.bad}
        shown = [
            entry
            for _, entry in sorted(run.entries.items())
            if entry.source in paths and entry.source not in unusable
        ]
        sheet = write_contact_sheet(out, shown, paths, run.fits, harvester, sheet_rows)
    return Harvest(
        entries=[run.entries[key] for key in sorted(run.entries)],
        new=run.new,
        left_out=left_out,
        contact_sheet=sheet,
    )


def adaptation_lines(images: Path, fitter: str, *, stand_in: bool) -> list[str]:
    """What is said of a better body fit to who has Market-1501 and fits by the shipped network."""
    market = images.is_dir() and is_market1501(images)
    if stand_in or not market or "network" not in fitter.split("+"):
        return []
    return [
        "bodies fit better after our network has seen these crops: with joints of them (a CSV), "
        f"`synth train body-fit --images {images} --joints joints.csv`, then --body-fit"
    ]


def duration_line(seconds: float, crops: int) -> str:
    """How long a harvest will take, as a line says it."""
    hours, minutes = seconds / 3600, seconds / 60
    if hours >= 2:
        text = f"about {hours:.1f} hours"
    elif minutes >= 1.5:
        text = f"about {minutes:.0f} min"
    else:
        text = f"about {max(1, seconds):.0f} s"
    return f"{text} for {crops:,} crops, by the first batch"


def _superseded(
    listed: dict[str, TextureEntry],
    subjects: Sequence[Subject],
    out: Path,
    report: Callable[[str], None],
) -> list[str]:
    names = superseded_entries(listed, subjects, out)
    if names:
        report(
            f"dropped: {len(names):,} lines of textures whose crops go into others now, as who is who "
            f"has changed ({shown_names(names)})"
        )
    return names


def _make(
    run: HarvestRun,
    chunk: Sequence[HarvestTask],
    harvester: Harvester,
    listed: dict[str, TextureEntry],
) -> None:
    """Make the textures of a chunk of subjects, and write them and the lines."""
    owners: list[int] = []
    crops: list[SourceCrop] = []
    pictures: list[CropImage] = []
    for number, task in enumerate(chunk):
        readable = 0
        stays = (run.out / task.entry.file).is_file() and task.entry.file in listed
        faults = []
        for crop in task.crops:
            try:
                pictures.append(read_crop(crop.path))
            except BadInput as error:
                faults.append((crop.source, str(error)))
                continue
            crops.append(crop)
            owners.append(number)
            readable += 1
        run.bad += [
            unreadable_crop(source, text, stays=stays and not readable) for source, text in faults
        ]
    if not pictures:
        return
    fit = harvester.fit(pictures)
    refusals = harvester.refusals(pictures, fit)
    boxes: dict[int, Box] = {}
    cuts = harvester.cuts(pictures, fit, refusals)
    if any(cut.box for cut in cuts):
        for index, cut in enumerate(cuts):
            if cut.box is not None:
                boxes[index] = full_size_box(cut.box, pictures[index])
                pictures[index] = read_crop(crops[index].path, boxes[index])
        fit = harvester.fit(pictures)
        refusals = harvester.refusals(pictures, fit)
    refusals = [cut.reason or refusal for cut, refusal in zip(cuts, refusals)]
    judged = harvester.judged(pictures, fit)
    groups: list[list[int]] = [[] for _ in chunk]
    refused: list[dict[str, str]] = [{} for _ in chunk]
    for index, (owner, crop, reason) in enumerate(zip(owners, crops, refusals)):
        if reason is None:
            groups[owner].append(index)
        else:
            refused[owner][crop.source] = reason
    for number, task in enumerate(chunk):
        ending = ""
        if refused[number] and not groups[number]:
            earlier = run.entries.pop(task.entry.file, None)
            ending = "; its texture of an earlier run is no longer listed" * (earlier is not None)
        run.bad += [
            refused_crop(source, reason + ending) for source, reason in refused[number].items()
        ]
    usable = [number for number, group in enumerate(groups) if group]
    if not usable:
        return
    run.out.mkdir(parents=True, exist_ok=True)
    cameras = [crop.person.camera or "" for crop in crops]
    results = harvester.make(judged, [groups[number] for number in usable], cameras)
    for number, result in zip(usable, results):
        task, members = chunk[number], [crops[index] for index in result.crops]
        write_texture(run.out / task.entry.file, result.texture)
        run.entries[task.entry.file] = dataclasses.replace(
            task.entry,
            scores=result.scores,
            source=members[0].source,
            camera=camera_names(members),
            crops=len(members),
            refused=refused[number] if task.subject.named else {},
            boxes={
                crops[index].source: boxes[index]
                for index in sorted(result.crops)
                if index in boxes
            },
        )
        run.cut += len(run.entries[task.entry.file].boxes)
        run.fits[task.entry.file] = shown_fit(fit, result.crops[0])
        run.new += 1
    run.write_lines()
