"""The ledger of a film set: one line for each try at a clip, what came of it and what it took.

It lies in `ledger/` of the film folder, one file for each machine and shard, so that runs which
write at once never share one. It is a record, not the truth: a clip is there when its `_info.mat` is
(`synth.clips.clip.is_published`). A run that is killed between a clip's publishing and its line leaves
the clip without a line.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mocap.parsing.json_files import RelativePath, choice, read_json_records
from synth.plans.plan_row import MAX_FRAMES

FOLDER = "ledger"
Suffix = Annotated[str, Meta(pattern=r"(?#the suffix of a file)\A[._][A-Za-z0-9._]{1,50}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"(?#a SHA-256 in hexadecimal)\A[0-9a-f]{64}\Z")]
_FILE_NAME = re.compile(r"(?P<host>.*?)(?:-(?P<first>\d+)of(?P<second>\d+))?\.jsonl")


@dataclass(frozen=True)
class LedgerLine:
    """One attempt at a clip.

    `state` is "done" or "failed", at the `attempt`-th try (from 1) of its run; `reason` is why it
    failed. `seconds` it took (a failed one: from its submission), `render_seconds` of them in the
    renderer, `bytes` on disk. `worker` is "host:pid", `time` the end in UTC. `checksums` are the
    SHA-256 of the clip's files by their suffixes, in hexadecimal; versions before this one wrote none.
    """

    stem: RelativePath
    state: Annotated[str, choice(("done", "failed"))]
    attempt: Annotated[int, Meta(ge=1)]
    reason: str | None
    seconds: Annotated[float, Meta(ge=0)]
    render_seconds: Annotated[float, Meta(ge=0)]
    frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
    bytes: Annotated[int, Meta(ge=0)]
    worker: str
    time: str
    checksums: Mapping[Suffix, Sha256] | None = None

    def __post_init__(self) -> None:
        try:
            is_utc = datetime.fromisoformat(self.time).tzinfo is not None
        except ValueError:
            is_utc = False
        if not is_utc:
            raise ValueError(f"a time as 2019-06-16T09:30:00Z, not {self.time[:40]!r}")

    @property
    def end(self) -> float:
        """When the try ended, in seconds since 1970."""
        return datetime.fromisoformat(self.time).timestamp()


@dataclass(frozen=True)
class LedgerFile:
    """What one machine and shard wrote: its `lines`, and what is said of those that are `torn`.

    `host` and `shard` ("3/16", empty where the plan was not shared out) are those of the file's name.
    """

    path: Path
    host: str
    shard: str
    lines: tuple[LedgerLine, ...]
    torn: tuple[str, ...]


class Ledger:
    """The file that one run appends to."""

    def __init__(self, out: Path, *, shard: tuple[int, int] | None = None):
        suffix = f"-{shard[0]}of{shard[1]}" if shard else ""
        self.path = out / FOLDER / f"{socket.gethostname()}{suffix}.jsonl"

    def append(self, line: LedgerLine) -> None:
        """Write a line whole, in a single write."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(asdict(line)).encode() + b"\n"
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                data = b"\n" + data  # behind a line that a full disk or a power cut tore
            os.write(file, data)
        finally:
            os.close(file)


def now() -> str:
    """UTC to the second, as 2019-06-16T09:30:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_ledger(out: Path) -> Iterator[LedgerLine]:
    """All lines of all files of the ledger in a film folder; torn ones are passed over."""
    for file in read_ledger_files(out):
        yield from file.lines


def read_ledger_files(out: Path) -> Iterator[LedgerFile]:
    """The files of the ledger in a film folder, in the order of their names."""
    for path in sorted((out / FOLDER).glob("*.jsonl")):
        match = _FILE_NAME.fullmatch(path.name)
        host, first, second = match.group("host", "first", "second") if match else ("", None, None)
        records = read_json_records(path, LedgerLine)
        yield LedgerFile(
            path=path,
            host=host,
            shard=f"{first}/{second}" if first else "",
            lines=tuple(records.values),
            torn=tuple(records.torn),
        )
