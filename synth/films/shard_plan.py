"""Which clips of a plan go into which shard, before one of them is made, and what is up already.

A shard holds a fixed number of a split's rows in the order of the plan, so that any number of runs on any
machines make the same shards, byte for byte. Beside a shard lies its record, which is put there last:
`train-000003.tar` is whole and of this plan where `train-000003.json` says so.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import RelativePath, choice, decode_json
from synth.films.ledger import Sha256
from synth.films.shard_store import ShardStore
from synth.plans.plan_row import PlanRow
from textures.library import SPLITS

CLIPS_PER_SHARD = 100


@dataclass(frozen=True)
class PlannedShard:
    """A shard to be: its file, its rows, and a digest of all that its bytes follow from."""

    file: str
    rows: tuple[PlanRow, ...]
    fingerprint: Sha256

    @property
    def record_file(self) -> str:
        """The file of its record."""
        return record_file(self.file)


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """What lies beside a shard in the store.

    `clips` are the stems of its clips in order, with `frames` in all; `left_out` says why the others of
    its rows are not in it. `members` are the suffixes of its files, `fingerprint` is that of its rows.
    """

    file: RelativePath
    split: Annotated[str, choice(SPLITS)]
    fingerprint: Sha256
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Sha256
    frames: Annotated[int, Meta(ge=0)]
    clips: tuple[RelativePath, ...]
    left_out: Mapping[RelativePath, str]
    members: tuple[str, ...]

    def to_json(self) -> str:
        """The record as a file's content."""
        return json.dumps(asdict(self), indent=1) + "\n"


def categories_of(rows: Sequence[PlanRow]) -> list[str]:
    """The plan's categories, whose positions are the labels of its clips."""
    return sorted({row.category for row in rows})


def planned_shards(rows: Sequence[PlanRow], clips_per_shard: int) -> list[PlannedShard]:
    """The shards of a plan, in the order of their first rows in it."""
    groups: dict[str, list[list[PlanRow]]] = {}
    ordered: list[tuple[str, list[PlanRow]]] = []
    for row in rows:
        of_split = groups.setdefault(row.split, [])
        if not of_split or len(of_split[-1]) >= clips_per_shard:
            of_split.append([])
            ordered.append((f"{row.split}-{len(of_split) - 1:06d}.tar", of_split[-1]))
        of_split[-1].append(row)
    labels = json.dumps(categories_of(rows))
    return [
        PlannedShard(
            file,
            tuple(group),
            hashlib.sha256("\n".join([labels, *(r.to_json() for r in group)]).encode()).hexdigest(),
        )
        for file, group in ordered
    ]


def record_file(file: str) -> str:
    """The file of a shard's record."""
    return file.removesuffix(".tar") + ".json"


def _is_shard(name: str) -> bool:
    return name.endswith(".tar") and not name.startswith(".")  # as temporary files do


class ShardRecords:
    """The records of a store, of which only new ones are read again.

    Args:
        store: where the shards are.
        shards: those of the plan.
    """

    def __init__(self, store: ShardStore, shards: Sequence[PlannedShard]):
        self._store = store
        self._shards = {shard.file: shard for shard in shards}
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[int | None, int | None]] = {}
        self._values: dict[str, ShardRecord] = {}

    def read(self) -> dict[str, ShardRecord]:
        """The records of the shards that are up and whole, by their files.

        Raises BadInput where the store holds shards of another plan.
        """
        with self._lock:
            self._look()
            return dict(self._values)

    def _look(self) -> None:
        sizes = self._store.sizes()
        foreign = sorted(n for n in sizes if _is_shard(n) and n not in self._shards)
        if foreign:
            raise self._refusal(f"holds {foreign[0]}, which this plan would not make")
        for file, shard in self._shards.items():
            file_sizes = sizes.get(file), sizes.get(shard.record_file)
            if file_sizes == self._sizes.get(file):
                continue
            self._sizes[file] = file_sizes
            self._values.pop(file, None)
            if None in file_sizes:
                continue
            text = self._store.read(shard.record_file)
            try:
                record = decode_json(text, ShardRecord)
            except BadInput:
                continue  # torn, of a store that does not write whole: the shard is made again
            if record.fingerprint != shard.fingerprint:
                raise self._refusal(f"{file} is of another plan (other clips, settings or seed)")
            if record.bytes == file_sizes[0] and {*record.clips} <= {
                row.stem for row in shard.rows
            }:
                self._values[file] = record

    def _refusal(self, reason: str) -> BadInput:
        return BadInput(f"{self._store.address}: {reason}; choose another --out")
