"""A film folder that empties itself: as soon as a shard's clips are made, they go to a store as one file.

The folder holds the plan, the ledger, claims of whole shards and the clips of those shards that are in
the making, so that its size is bounded. What is up is read from the store alone (see
`synth.films.shard_plan`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write
from mocap.parsing.json_files import read_json
from synth.clips.clip import clip_line, is_published, published_stems, row_files
from synth.clips.shard_files import unpack_samples, write_shard
from synth.clips.shard_samples import Sample, StoredSample, clip_sample, sample_key
from synth.clips.shards import INDEX, STAND_IN_TEXT, ShardEntry, index_text
from synth.films.checksums import file_checksum
from synth.films.film_set import PARTIAL, begin_film_set, remove_abandoned_files
from synth.films.shard_claims import ShardClaims
from synth.films.shard_plan import (
    PlannedShard,
    ShardRecord,
    ShardRecords,
    categories_of,
    planned_shards,
)
from synth.films.shard_store import FolderStore, open_store
from synth.plans.plan_row import PlanRow, read_plan
from synth.workers.scratch import process_folder, sweep

STORE = "store.json"
_IN_PLACE = "."


@dataclass(frozen=True)
class StoreSettings:
    """store.json of a film folder: the `store` its clips go to, and how many make a shard.

    The store is a path, "." for the film folder itself, or an URL of fsspec's.
    """

    store: str
    clips_per_shard: Annotated[int, Meta(ge=1)]


def read_store_settings(out: Path) -> StoreSettings | None:
    """Where the clips of a film folder go; None where they stay in it."""
    path = out / STORE
    if not path.is_file():
        return None
    return read_json(path, StoreSettings, advice="remove it and run the same command again")


class PackedFilms:
    """The films of a plan on their way to a store.

    Args:
        out: the film folder.
        rows: the plan.
        settings: where the clips go.

    Raises:
        BadInput: a store that cannot be opened.
    """

    def __init__(self, out: Path, rows: Sequence[PlanRow], settings: StoreSettings):
        self.out, self.rows = out, list(rows)
        self.store = open_store(str(out) if settings.store == _IN_PLACE else settings.store)
        address = _IN_PLACE if self._is_in_place() else self.store.address
        self.settings = replace(settings, store=address)
        self.shards = planned_shards(rows, settings.clips_per_shard)
        self.shard_of = {row.stem: shard for shard in self.shards for row in shard.rows}
        self._rows = {row.stem: row for row in rows}
        self._records = ShardRecords(self.store, self.shards)

    def begin(self) -> None:
        """Write what a reader of the store needs first, and remove clips that are up already.

        Raises BadInput where the folder holds films of another plan or another kind of output, the store
        shards of another plan, or where it cannot be written to.
        """
        current = read_store_settings(self.out)
        if current is None and published_stems(self.out, self.rows):
            raise BadInput(
                f"{self.out}: holds films that are not to be packed; choose another --out, or pack them "
                "with `synth pack`"
            )
        if current is not None and current != self.settings:
            raise BadInput(
                f"{self.out}: its clips go to {current.store}, {current.clips_per_shard} a "
                f"shard, now asked for {self.settings.store}, {self.settings.clips_per_shard} a shard; "
                "choose another --out or --scratch"
            )
        plan = self.out / "plan.jsonl"
        if plan.is_file() and read_plan(plan) != self.rows:
            raise BadInput(
                f"{plan}: another plan than that asked for, whose shards would differ; choose another "
                "--out"
            )
        self.packed()
        if current is None:
            with atomic_write(self.out / STORE) as path:
                path.write_text(json.dumps(asdict(self.settings)) + "\n", encoding="utf-8")
        begin_film_set(self.out, self.rows)
        if not self._is_in_place():
            for name in ("conventions.json", "plan.jsonl"):
                self.store.write(name, (self.out / name).read_bytes())
        for record in self.packed().values():
            self._remove_clips(record.clips)

    def rows_of(self, shard: tuple[int, int] | None) -> list[PlanRow]:
        """The rows of every N-th file of the plan from the K-th on, file by file."""
        chosen = self.shards if shard is None else self.shards[shard[0] - 1 :: shard[1]]
        return [row for planned in chosen for row in planned.rows]

    def packed(self) -> Mapping[str, ShardRecord]:
        """The records of the shards that are up now, by file."""
        return self._records.read()

    def completed_stems(self) -> set[str]:
        """The clips that are up, and those that lie in the folder and wait for their shard's others."""
        stems = {stem for record in self.packed().values() for stem in record.clips}
        return stems | published_stems(self.out, self.rows)

    def claims(
        self,
        rows: Sequence[PlanRow],
        *,
        report: Callable[[str], None],
        on_published: Callable[[PlanRow], object],
    ) -> ShardClaims:
        """The claims of a run that makes `rows` (see `ShardClaims`)."""
        return ShardClaims(self, rows, report=report, on_published=on_published)

    def put_up(self, shard: PlannedShard, failed: Mapping[str, str]) -> None:
        """Put a shard into the store, with all of its clips that could be made, and remove them here.

        Clips that are up already stay in it. Nothing is done where no new one was made.

        Raises:
            BadInput: the store refuses, or what lies there is not what its record says.
        """
        local = {row.stem for row in shard.rows if is_published(self.out, row)}
        if not local:
            return
        categories = categories_of(self.rows)
        record = self.packed().get(shard.file)
        with process_folder(self.out, PARTIAL) as folder:
            stored = self._stored_samples(record, folder) if record is not None else {}
            samples: dict[str, Sample | StoredSample] = {}
            for row in shard.rows:
                if row.stem in local:
                    line = asdict(clip_line(row))
                    label = categories.index(row.category)
                    samples[row.stem] = clip_sample(self.out, line, label, None)
                elif (key := sample_key(row.stem)) in stored:
                    samples[row.stem] = stored[key]
            size, digest = write_shard(folder / shard.file, [*samples.values()])
            self.store.put(folder / shard.file, shard.file)
            members = {suffix for sample in samples.values() for suffix in sample.suffixes()}
            record = ShardRecord(
                file=shard.file,
                split=shard.rows[0].split,
                fingerprint=shard.fingerprint,
                bytes=size,
                sha256=digest,
                frames=sum(row.frames for row in shard.rows if row.stem in samples),
                clips=tuple(samples),
                left_out={
                    row.stem: failed.get(row.stem, "was not made")
                    for row in shard.rows
                    if row.stem not in samples
                },
                members=tuple(sorted(members)),
            )
            self.store.write(shard.record_file, record.to_json().encode())
        self._remove_clips(record.clips)

    def end(self) -> None:
        """Write shards.json into the store, of what is up, and remove empty folders here.

        Whichever of several runs ends last, the index ends complete: each looks again after writing.
        """
        written: dict[str, ShardRecord] | None = None
        while written != (records := dict(self.packed())):
            written = records
            self._write_index(records)
        sweep(self.out, PARTIAL)
        if sum(len(record.clips) for record in records.values()) < len(self.rows):
            return
        remove_abandoned_files(self.out)
        for split in sorted({row.split for row in self.rows}):
            folders = [path for path in (self.out / split).rglob("*") if path.is_dir()]
            for folder in [*sorted(folders, reverse=True), self.out / split]:
                with suppress(OSError):  # not ours
                    folder.rmdir()

    def _is_in_place(self) -> bool:
        """Whether the store is the film folder itself."""
        store = self.store
        return isinstance(store, FolderStore) and store.folder.resolve() == self.out.resolve()

    def _stored_samples(self, record: ShardRecord, folder: Path) -> dict[str, StoredSample]:
        """The samples of a shard that is up, fetched into `folder`."""
        path = folder / f"stored-{record.file}"
        self.store.fetch(record.file, path)
        if file_checksum(path) != record.sha256:
            raise BadInput(
                f"{self.store.address}: the SHA-256 of {record.file} is not that of its record; remove "
                "both and run the same command again"
            )
        members = folder / "members"
        members.mkdir()
        samples = unpack_samples(path, members)
        path.unlink()
        return samples

    def _remove_clips(self, stems: Sequence[str]) -> None:
        for stem in stems:
            row = self._rows[stem]
            for end in row_files(row):
                Path(f"{self.out / stem}{end}").unlink(missing_ok=True)

    def _write_index(self, records: Mapping[str, ShardRecord]) -> None:
        up = {stem for record in records.values() for stem in record.clips}
        order = [row for row in self.rows if row.stem in up]
        positions = {row.stem: number for number, row in enumerate(order)}
        entries = [
            ShardEntry(
                file=record.file,
                split=record.split,
                clips=len(record.clips),
                frames=record.frames,
                bytes=record.bytes,
                sha256=record.sha256,
                positions=[positions[stem] for stem in record.clips],
            )
            for _, record in sorted(records.items())
        ]
        left_out = [
            f"{stem}: {reason}"
            for _, record in sorted(records.items())
            for stem, reason in record.left_out.items()
        ]
        members = {suffix for record in records.values() for suffix in record.members}
        stand_in = any(row.stand_in for row in order)
        categories = categories_of(self.rows)
        text = index_text(entries, categories, members, left_out, stand_in=stand_in)
        self.store.write(INDEX, text.encode())
        if stand_in:
            self.store.write(STAND_IN, STAND_IN_TEXT.encode())
