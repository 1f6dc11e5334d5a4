"""The motions in the files of a folder, remembered between runs.

A file is looked into once; then its size and time of change, and its skeleton's, tell whether what is
remembered still holds. The memory is JSON in the user's cache folder, one file for each folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write, cache_folder
from mocap.parsing.json_files import read_json
from mocap.readers.formats import SKELETON_SUFFIXES, SUFFIXES, find_skeleton, list_file
from mocap.readers.motion_format import StoredMotion

# Raised whenever the same file would be listed differently, so that old caches are not read.
FORMAT = 2
_WORTH_KEEPING = 0.5  # seconds; what is looked into faster is looked into again
_SAVE_EVERY = 10.0  # seconds, so that an interrupted run goes on where it stopped


@dataclass(frozen=True)
class ListedFile:
    """A motion file: its motions, or the `error` for which it cannot be used.

    skeleton: the .asf file of an .amc file. indices: the index files that may list its motions, the
    nearest first, each with its time of change (ns). stamp: size and time of change of the file and
    of its skeleton.
    """

    path: Path
    skeleton: Path | None
    indices: tuple[tuple[Path, int], ...]
    stamp: tuple[int, ...]
    motions: tuple[StoredMotion, ...]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _RememberedMotion:
    """The fields of a `StoredMotion` but its path."""

    name: str
    subject: str
    trial: str
    frames: Annotated[int, Meta(ge=0)]
    fps: Annotated[float, Meta(gt=0)] | None
    format: str


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What is remembered of a file, with the stamp it had."""

    stamp: tuple[int, ...]
    motions: tuple[_RememberedMotion, ...]
    error: str


@dataclass(frozen=True, kw_only=True)
class _Memory:
    """The file of the memory of a folder; the record of each file by its path in the folder."""

    format: int
    folder: str
    files: dict[str, _Record]


def memory_path(folder: Path, kind: str) -> Path:
    """The file, in the user's cache folder, that remembers one kind of thing about a folder."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
    return cache_folder() / "motions" / f"{name}.{kind}"


def file_stamp(*paths: Path | None) -> tuple[int, ...]:
    """Sizes and times of change of files; unequal stamps mean that one of them may have changed."""
    out: list[int] = []
    for path in paths:
        if path is not None:
            stat = path.stat()
            out += [stat.st_size, stat.st_mtime_ns]
    return tuple(out)


def list_folder(folder: Path, index_names: tuple[str, ...] = ()) -> list[ListedFile]:
    """Every motion file in a folder and its subfolders, in order; hidden ones are left out.

    Args:
        folder: Where to look.
        index_names: Names of index files, which are looked for beside the motions and above them.
    """
    remembered = _remembered(folder)
    files = _scan(folder, index_names)
    out: list[ListedFile] = []
    fresh = False
    started = saved = time.monotonic()
    with tqdm(total=len(files), desc="indexing", unit="file", delay=1) as bar:
        for file in files:
            key = file.path.relative_to(folder).as_posix()
            record = remembered.get(key)
            if not file.error and record is not None and record.stamp == file.stamp:
                motions = tuple(
                    StoredMotion(**vars(motion), path=file.path) for motion in record.motions
                )
                file = replace(file, motions=motions, error=record.error)
            elif not file.error:
                try:
                    file = replace(file, motions=list_file(file.path, file.skeleton))
                except BadInput as problem:
                    file = replace(file, error=str(problem))
                fresh = True
            out.append(file)
            bar.update()
            if fresh and time.monotonic() - saved > _SAVE_EVERY:
                _remember(folder, out, remembered)
                saved = time.monotonic()
    if fresh and time.monotonic() - started > _WORTH_KEEPING:
        _remember(folder, out, {})
    return out


def _scan(folder: Path, index_names: tuple[str, ...]) -> list[ListedFile]:
    """The motion files, not looked into."""
    out = []
    folder_indices: dict[str, tuple[tuple[Path, int], ...]] = {}
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        current = Path(directory)
        local_indices = tuple(
            (current / name, (current / name).stat().st_mtime_ns)
            for name in index_names
            if name in names
        )
        indices = (
            local_indices + folder_indices.get(str(current.parent), ())
            if current != folder
            else local_indices
        )
        folder_indices[directory] = indices
        skeletons = [current / name for name in names if name.lower().endswith(SKELETON_SUFFIXES)]
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                continue
            path, skeleton, error = current / name, None, ""
            stamp: tuple[int, ...] = ()
            try:
                skeleton = find_skeleton(path, skeletons)
                stamp = file_stamp(path, skeleton)
            except BadInput as problem:
                error = str(problem)
            except OSError as problem:
                error = f"{path}: cannot be read ({problem.strerror}); check the file"
            out.append(ListedFile(path, skeleton, indices, stamp, (), error))
    return out


def _remembered(folder: Path) -> dict[str, _Record]:
    """By file, what was written by `_remember`; nothing where it cannot be used."""
    path = memory_path(folder, "json")
    if not path.is_file():
        return {}
    try:
        memory = read_json(path, _Memory, advice="it is made again", extra_fields=True)
    except BadInput as error:
        print(error, file=sys.stderr)
        return {}
    current = memory.format == FORMAT and memory.folder == str(folder.resolve())
    return memory.files if current else {}


def _remember(folder: Path, listed: list[ListedFile], unreached: dict[str, _Record]) -> None:
    """Write the listed files. `unreached` are files not listed yet, as they were remembered."""
    files: dict[str, Any] = {key: asdict(record) for key, record in unreached.items()}
    for file in listed:
        if file.stamp:
            motions = [asdict(motion) for motion in file.motions]
            for motion in motions:
                del motion["path"]
            files[file.path.relative_to(folder).as_posix()] = {
                "stamp": file.stamp,
                "motions": motions,
                "error": file.error,
            }
    memory = {"format": FORMAT, "folder": str(folder.resolve()), "files": files}
    try:
        with atomic_write(memory_path(folder, "json")) as path:
            path.write_text(json.dumps(memory), encoding="utf-8")
    except OSError as error:
        print(f"the index of {folder} cannot be kept: {error}", file=sys.stderr)
