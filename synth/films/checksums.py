"""checksums.jsonl: the SHA-256 of every file of every clip of a film folder.

Each clip's are taken where it is made, before it is published, and stand in its line of the ledger. At
its end every run writes them whole, in the order of the plan, so that the same films have the same
checksums.jsonl, however many runs made them and whichever ended last.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import RelativePath, path_inside, read_json_records
from synth.clips.clip import find_clips, row_files
from synth.films.ledger import Sha256, Suffix, read_ledger
from synth.plans.plan_row import PlanRow

CHECKSUMS = "checksums.jsonl"
_ADVICE = "run `synth render-videos` again, which writes it anew"


@dataclass(frozen=True)
class ClipChecksums:
    """A line of checksums.jsonl: a clip's path without suffix, and the SHA-256 of its files by suffix."""

    path: RelativePath
    files: Mapping[Suffix, Sha256]


@dataclass(frozen=True)
class ChecksumReport:
    """How the files of a film folder compare with their checksums.

    `clips` and `files` that were compared, files that are `changed` or `missing` (or cannot be read),
    published clips of which nothing is `listed`, and lines of checksums.jsonl that are `damaged`.
    """

    clips: int
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    damaged: tuple[str, ...]


def file_checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clip_checksums(stem: Path, row: PlanRow) -> dict[str, str]:
    """The SHA-256 of each file of a clip by its suffix; `stem` is the path of its files without."""
    return {end: file_checksum(Path(f"{stem}{end}")) for end in row_files(row)}


def write_checksums(out: Path, rows: Sequence[PlanRow]) -> None:
    """Write checksums.jsonl of the published clips `rows`, whole, in their order.

    What the ledger and the file that is there do not tell is read from the clips: of those whose run
    was killed just then, and of films of earlier versions.
    """
    final = out / CHECKSUMS
    recorded, _ = _recorded(out)
    unknown = [row for row in rows if not _is_complete(recorded.get(row.stem), row)]
    for row in tqdm(unknown, unit="clip", desc="checksums", disable=len(unknown) < 100):
        recorded[row.stem] = clip_checksums(out / row.stem, row)
    text = "".join(_line(row, recorded[row.stem]) for row in rows)
    if final.is_file() and final.read_text(encoding="utf-8", errors="replace") == text:
        return  # a full disk would refuse it
    with atomic_write(final) as path:
        path.write_text(text, encoding="utf-8")


def verify_checksums(
    folder: Path, *, clips: int | None = None, workers: int | None = None
) -> ChecksumReport:
    """Compare the files of a film folder with their checksums.

    Args:
        folder: of films, which runs may be at work on.
        clips: so many of its clips, evenly spread; None: all.
        workers: threads that read; None: one per core.

    Raises:
        BadInput: a folder without clips and checksums.
    """
    folder = Path(folder)
    recorded, damaged = _recorded(folder)
    try:
        published = find_clips(folder, clips)
    except BadInput:
        if not recorded:
            raise
        published = []
    chosen = sorted({*published, *recorded}) if clips is None else published
    tasks = [(stem, end) for stem in chosen for end in recorded.get(stem, {})]

    def compare(task: tuple[str, str]) -> str:
        """Empty for a file that is as it was, else what has become of it."""
        stem, end = task
        try:
            return "" if file_checksum(folder / (stem + end)) == recorded[stem][end] else "changed"
        except OSError:
            return "missing"

    with ThreadPoolExecutor(workers or os.cpu_count()) as threads:
        states = list(
            tqdm(threads.map(compare, tasks), total=len(tasks), unit="file", desc="checksums")
        )

    def names(state: str) -> tuple[str, ...]:
        return tuple(stem + end for (stem, end), s in zip(tasks, states) if s == state)

    return ChecksumReport(
        clips=sum(stem in recorded for stem in chosen),
        files=len(tasks),
        changed=names("changed"),
        missing=names("missing"),
        unlisted=tuple(stem for stem in published if stem not in recorded),
        damaged=tuple(damaged),
    )


def _recorded(folder: Path) -> tuple[dict[str, Mapping[str, str]], list[str]]:
    """What checksums.jsonl and then the ledger say, by stem, and what is said of damaged lines."""
    recorded: dict[str, Mapping[str, str]] = {}
    damaged: list[str] = []
    path = folder / CHECKSUMS
    records = read_json_records(path, ClipChecksums)
    damaged += [f"{path}, {reason}; {_ADVICE}" for reason in records.torn]
    for line in records.values:
        try:
            path_inside(folder, line.path)
        except BadInput as error:
            damaged.append(f"{path}: {error}; {_ADVICE}")
            continue
        recorded[line.path] = line.files
    last: dict[str, float] = {}
    for entry in read_ledger(folder):
        if entry.checksums and entry.end >= last.get(entry.stem, 0.0):
            last[entry.stem] = entry.end
            recorded[entry.stem] = entry.checksums
    return recorded, damaged


def _is_complete(files: Mapping[str, str] | None, row: PlanRow) -> bool:
    return files is not None and files.keys() == {*row_files(row)}


def _line(row: PlanRow, files: Mapping[str, str]) -> str:
    ends: Iterable[str] = row_files(row)
    return json.dumps({"path": row.stem, "files": {end: files[end] for end in ends}}) + "\n"
