"""How far a film set is: clips done, failed and in progress over all shards and hosts, and the rate.

Everything is read from the film folder, where runs may be at work meanwhile: its plan, the clips that
are published, the claims of the runs and the lines of their ledgers. Nothing is written.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.errors import BadInput
from synth.clips.clip import published_bytes, published_stems
from synth.films.clip_claims import claim_name, read_claims
from synth.films.disk import free_bytes
from synth.films.film_rate import FilmRate, overall_rate, recent_rate
from synth.films.ledger import LedgerFile, LedgerLine, read_ledger_files
from synth.films.packed_films import PackedFilms, read_store_settings
from synth.films.shard_plan import planned_shards
from synth.plans.plan_row import PlanRow, parse_shard, read_plan, rows_of_shard

WINDOW = 900.0  # seconds


@dataclass(frozen=True)
class FailureKind:
    """Clips that failed for the same reason but for its numbers.

    `reason` is that of the clip `example`, one of `clips`.
    """

    reason: str
    clips: int
    example: str


@dataclass(frozen=True)
class ActiveHost:
    """A host whose runs are at clips: how many, and the ages in seconds of oldest and latest."""

    host: str
    clips: int
    oldest: float
    latest: float


@dataclass(frozen=True)
class ShardProgress:
    """What one file of the ledger tells: of a host, and of its shard of the plan, "" for all of it.

    `planned` clips (None without a shard), `completed` and `failed` by it, clips in the window and
    seconds since its last line.
    """

    host: str
    shard: str
    planned: int | None
    completed: int
    failed: int
    recent: int
    silent: float


@dataclass(frozen=True, kw_only=True)
class FilmProgress:
    """How far a film set is.

    `clips` and `frames` of the plan; of these `completed`, with `completed_frames` and `bytes`,
    `failed` by kinds, `active` by hosts, and the `waiting` rest, which nobody has begun. `stale` are
    the holders of claims of runs that have ended, `unknown` the number of claims that the disk, having
    no locks, cannot tell. `recent` is the rate over the last `window` seconds (None where nothing was
    made in it), `overall` that of all time in which clips were made. `left` are the seconds that the
    clips which are active or waiting take, None where no rate is known, and `left_bytes` what they
    need, of `free` bytes. `damaged` names ledger lines that were passed over.
    """

    clips: int
    frames: int
    completed: int
    completed_frames: int
    bytes: int
    failed: int
    failures: tuple[FailureKind, ...]
    active: tuple[ActiveHost, ...]
    stale: tuple[str, ...]
    unknown: int
    waiting: int
    window: float
    recent: FilmRate | None
    overall: FilmRate | None
    left: float | None
    left_bytes: float | None
    free: int
    shards: tuple[ShardProgress, ...]
    damaged: tuple[str, ...]


def film_progress(out: Path, *, window: float = WINDOW) -> FilmProgress:
    """How far the films in a folder are; safe while runs are at work on it.

    Args:
        out: a film folder of `synth render-videos`, of any number of shards, hosts and runs.
        window: seconds up to now over which the recent rate is taken.

    Raises:
        BadInput: a folder without a plan, or with a damaged one.
    """
    out = Path(out)
    plan = out / "plan.jsonl"
    if not plan.is_file():
        raise BadInput(
            f"{plan}: no such file; expected a folder that `synth render-videos` films into"
        )
    rows = read_plan(plan)
    claims = read_claims(
        out
    )  # before the clips: one that ends meanwhile is published then, not lost
    packed = _packed(out, rows)
    published = published_stems(out, rows) | packed.keys()
    files = tuple(read_ledger_files(out))
    now = time.time()

    claimed = _claimed_stems(out, rows, published)
    claims = [claim for claim in claims if claim.name in claimed]
    live = {stem for claim in claims if claim.is_live for stem in claimed[claim.name]}
    last_failures = _last_failures(files, published | live)
    tries = [line for file in files for line in file.lines]
    ledgered = {
        line.stem: line for line in tries if line.state == "done" and line.stem in published
    }
    recent, overall = recent_rate(tries, now, window), overall_rate(tries)
    remaining = [row for row in rows if row.stem not in published and row.stem not in last_failures]
    remaining_frames = sum(row.frames for row in remaining)
    completed_frames = sum(row.frames for row in rows if row.stem in published)
    size = sum(packed.values())
    for row in rows:
        if row.stem in published and row.stem not in packed:
            line = ledgered.get(row.stem)
            size += line.bytes if line is not None else _bytes(out, row)
    rate = recent or overall
    return FilmProgress(
        clips=len(rows),
        frames=sum(row.frames for row in rows),
        completed=len(published),
        completed_frames=completed_frames,
        bytes=round(size),
        failed=len(last_failures),
        failures=_failure_kinds(last_failures.values()),
        active=_active_hosts(
            (claim.holder, claim.age, len(claimed[claim.name])) for claim in claims if claim.is_live
        ),
        stale=tuple(sorted({c.holder or "a run" for c in claims if c.is_live is False})),
        unknown=sum(claim.is_live is None for claim in claims),
        waiting=sum(row.stem not in live for row in remaining),
        window=window,
        recent=recent,
        overall=overall,
        left=remaining_frames / rate.frames if rate else None,
        left_bytes=size / completed_frames * remaining_frames if completed_frames else None,
        free=free_bytes(out),
        shards=tuple(_shard_progress(file, rows, published, now, window) for file in files),
        damaged=tuple(f"{file.path}, {reason}" for file in files for reason in file.torn),
    )


def _bytes(out: Path, row: PlanRow) -> int:
    """Bytes of a clip that no line of the ledger tells of."""
    try:
        return published_bytes(out, row)
    except FileNotFoundError:  # it is being removed
        return 0


def _last_failures(files: Sequence[LedgerFile], excluded: set[str]) -> dict[str, LedgerLine]:
    """The last failed try at each clip that is not among `excluded`."""
    last: dict[str, LedgerLine] = {}
    for file in files:
        for line in file.lines:
            if line.stem in excluded or line.state != "failed":
                continue
            if line.stem not in last or line.end >= last[line.stem].end:
                last[line.stem] = line
    return last


def _failure_kinds(lines: Iterable[LedgerLine]) -> tuple[FailureKind, ...]:
    """The kinds of failures, the most frequent first: reasons of a kind differ in numbers."""
    kinds: dict[str, list[LedgerLine]] = defaultdict(list)
    for line in lines:
        reason = (line.reason or "").replace(line.stem, "")
        kinds[re.sub(r"\d+(?:\.\d+)?", "#", reason)].append(line)
    ordered = sorted(kinds.values(), key=lambda kind: (-len(kind), kind[0].stem))
    return tuple(FailureKind(k[0].reason or "", len(k), k[0].stem) for k in ordered)


def _active_hosts(claims: Iterable[tuple[str, float, int]]) -> tuple[ActiveHost, ...]:
    """The hosts of holders, from ages and numbers of clips of their claims."""
    ages: dict[str, list[float]] = defaultdict(list)
    clips: Counter[str] = Counter()
    for holder, age, count in claims:
        host = holder.rpartition(":")[0]
        ages[host].append(age)
        clips[host] += count
    return tuple(
        ActiveHost(host, clips[host], max(of_host), min(of_host))
        for host, of_host in sorted(ages.items())
    )


def _packed(out: Path, rows: Sequence[PlanRow]) -> dict[str, float]:
    """The clips that are up as shards, where the folder's go to a store, with their shares of bytes."""
    settings = read_store_settings(out)
    if settings is None:
        return {}
    return {
        stem: record.bytes / len(record.clips)
        for record in PackedFilms(out, rows, settings).packed().values()
        for stem in record.clips
    }


def _claimed_stems(
    out: Path, rows: Sequence[PlanRow], published: Collection[str]
) -> dict[str, list[str]]:
    """The clips to be made that a claim of each name is of: of one, or of a shard's."""
    settings = read_store_settings(out)
    if settings is None:
        groups = [(row.stem, [row.stem]) for row in rows]
    else:
        shards = planned_shards(rows, settings.clips_per_shard)
        groups = [(shard.file, [row.stem for row in shard.rows]) for shard in shards]
    waiting = {
        claim_name(name): [stem for stem in stems if stem not in published]
        for name, stems in groups
    }
    return {name: stems for name, stems in waiting.items() if stems}


def _shard_progress(
    file: LedgerFile, rows: Sequence[PlanRow], published: set[str], now: float, window: float
) -> ShardProgress:
    states = Counter({"done": 0, "failed": 0})
    last = {line.stem: line for line in file.lines}
    for stem, line in last.items():
        states[line.state] += (line.state == "done") == (stem in published)
    planned = None
    if file.shard:
        try:
            planned = len(rows_of_shard(list(rows), parse_shard(file.shard)))
        except BadInput:  # a file of another's making
            planned = None
    return ShardProgress(
        host=file.host,
        shard=file.shard,
        planned=planned,
        completed=states["done"],
        failed=states["failed"],
        recent=sum(line.state == "done" and line.end >= now - window for line in file.lines),
        silent=max(0.0, now - max((line.end for line in file.lines), default=now)),
    )
