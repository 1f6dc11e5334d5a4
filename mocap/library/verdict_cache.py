"""Verdicts on motions, remembered between runs: one line each, written as soon as it is reached.

A verdict holds for a file's content, a frame rate and the limits. Size and time of change tell that a
file is the one that was assessed; where they differ, its content does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mocap.files import atomic_write
from mocap.library.folder_index import file_stamp, memory_path
from mocap.library.motion_entry import MotionEntry
from mocap.parsing.json_files import read_json_records
from mocap.quality.verdict import THRESHOLDS, Verdict

# Raised whenever a motion would be retargeted or assessed differently under the same limits.
VERDICT_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line: the finding on a motion, and what tells whether it still holds."""

    source: str
    limits: str
    fps: float
    stamp: tuple[int, ...]
    digest: str
    verdict: Verdict | None
    error: str


@dataclass(frozen=True)
class Finding:
    """A verdict, or the `error` for which a motion could not be assessed."""

    verdict: Verdict | None
    error: str = ""


class VerdictCache:
    """The findings on the motions of a folder, in the user's cache folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = memory_path(folder, "verdicts.jsonl")
        limits = json.dumps([VERDICT_VERSION, asdict(THRESHOLDS)])
        self.limits = hashlib.sha256(limits.encode()).hexdigest()[:16]
        self._stamps: dict[tuple, tuple[int, ...]] = {}
        self._digests: dict[tuple, str] = {}
        self._rows = self._read()

    def find(self, entry: MotionEntry, *, compare_content: bool = False) -> Finding | None:
        """The finding on a motion, None where there is none that still holds.

        Args:
            entry: A motion of the folder.
            compare_content: Whether to recognise a file of another time of change by its content,
                which has to be read for that.
        """
        row = self._rows.get(entry.source_in(self.folder))
        if row is None or row.fps != entry.fps:
            return None
        if row.stamp != self._stamp(entry):
            if not compare_content or row.digest != self._digest(entry):
                return None
            self._append(replace(row, stamp=self._stamp(entry)))
        return Finding(row.verdict, row.error)

    def add(self, entry: MotionEntry, finding: Finding) -> None:
        """Remember the finding on a motion of the folder."""
        self._append(
            _Row(
                source=entry.source_in(self.folder),
                limits=self.limits,
                fps=entry.fps,
                stamp=self._stamp(entry),
                digest=self._digest(entry),
                verdict=finding.verdict,
                error=finding.error,
            )
        )

    def attach(
        self, entries: Iterable[MotionEntry]
    ) -> tuple[list[MotionEntry], list[tuple[Path, str]]]:
        """The entries with the verdicts that hold, and (path, error) of those that cannot be read."""
        out, unreadable = [], []
        for entry in entries:
            finding = self.find(entry)
            if finding is None:
                out.append(replace(entry, verdict=None))
            elif finding.verdict is None:
                unreadable.append((entry.path, finding.error))
            else:
                out.append(replace(entry, verdict=finding.verdict))
        return out, unreadable

    def _stamp(self, entry: MotionEntry) -> tuple[int, ...]:
        key = (entry.path, entry.skeleton)
        if key not in self._stamps:
            self._stamps[key] = file_stamp(*key)
        return self._stamps[key]

    def _digest(self, entry: MotionEntry) -> str:
        key = (entry.path, entry.skeleton)
        if key not in self._digests:
            digest = hashlib.blake2b(digest_size=16)
            for path in key:
                if path is not None:
                    with path.open("rb") as file:
                        digest.update(hashlib.file_digest(file, "blake2b").digest())
            self._digests[key] = digest.hexdigest()
        return self._digests[key]

    def _read(self) -> dict[str, _Row]:
        records = read_json_records(
            self.path, _Row
        )  # without those of another version, or cut short
        rows = {row.source: row for row in records.values if row.limits == self.limits}
        if len(records.values) + len(records.torn) > 2 * len(rows) + 100:
            with atomic_write(self.path) as path:
                path.write_text("".join(_line(row) for row in rows.values()), encoding="utf-8")
        return rows

    def _append(self, row: _Row) -> None:
        self._rows[row.source] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(row))


def _line(row: _Row) -> str:
    return json.dumps({**vars(row), "verdict": row.verdict and row.verdict.to_json()}) + "\n"
