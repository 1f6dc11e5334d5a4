"""The folder of a film set: its plan, its conventions and its index.

Several runs (shards, machines) may write into it at once. The clips in the folder are the truth.
plan.jsonl is written whole by every run at its beginning and, as clips.jsonl and checksums.jsonl are, at
its end.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from mocap.errors import BadInput
from mocap.parsing.json_files import path_inside
from synth.clips.clip import (
    is_published,
    published_row,
    published_stems,
    write_conventions,
    write_index,
)
from synth.films.checksums import write_checksums
from synth.films.clip_claims import FOLDER, ClipClaims
from synth.plans.plan_row import PlanRow, read_plan, rows_of_shard, write_plan
from synth.workers.scratch import sweep

PARTIAL = ".partial-"
"""How the folder begins in which a run makes its clips."""

RECOMPUTED = f"{PARTIAL}truth-"
"""The same of `synth ground-truth`, which may be at work beside a run."""

_ABANDONED = 3600.0  # seconds since a file that appears whole was begun

_SURREAL_RUNS = 3


class FilmFolder:
    """The films of a plan that stay in the film folder, clip by clip.

    Args:
        out: the film folder.
        rows: the plan.
    """

    def __init__(self, out: Path, rows: Sequence[PlanRow]):
        self.out, self.rows = out, list(rows)

    def begin(self) -> None:
        """Write the plan and the conventions (see `begin_film_set`)."""
        begin_film_set(self.out, self.rows)

    def rows_of(self, shard: tuple[int, int] | None) -> list[PlanRow]:
        """Every N-th row from the K-th on."""
        return rows_of_shard(self.rows, shard)

    def completed_stems(self) -> set[str]:
        """The clips that are published."""
        return published_stems(self.out, self.rows)

    def claims(
        self,
        rows: Sequence[PlanRow],
        *,
        report: Callable[[str], None],
        on_published: Callable[[PlanRow], object],
    ) -> ClipClaims:
        """The claims of a run that makes `rows`."""
        return ClipClaims(self.out, report=report, on_published=on_published)

    def end(self) -> None:
        """Write the index and the checksums (see `end_film_set`)."""
        end_film_set(self.out, self.rows)


def begin_film_set(out: Path, rows: Sequence[PlanRow]) -> None:
    """Write plan.jsonl and conventions.json.

    The plan holds `rows` and, behind them, those of an earlier plan whose clips exist. What is written
    already is not written again: a full disk would refuse it.

    Raises BadInput where a clip in `out` was made from another row than the plan's, or would lie outside
    of it by way of a link.
    """
    for parent in sorted({PurePosixPath(row.stem).parent for row in rows}):
        path_inside(out, str(parent))
    before = _earlier(out)
    for row in rows:
        # A row that is in the folder's plan already was compared with its clip when it got there.
        earlier = row if before.get(row.stem) == row else published_row(out, row)
        if earlier is not None and earlier != row:
            raise BadInput(
                f"{out / row.stem}.mp4 was made from another plan (other textures, settings or seed); "
                "choose another --out, or remove the films there"
            )
    _make_surreal_runs(out, rows)
    joined = _joined(out, rows, before)
    if joined != list(before.values()):
        write_plan(out / "plan.jsonl", joined)
    write_conventions(out)


def end_film_set(out: Path, rows: Sequence[PlanRow]) -> None:
    """Write clips.jsonl and checksums.jsonl, and plan.jsonl again where another run wrote its own.

    Whichever of several runs ends last, the index ends complete: each looks again after it has
    written, so none leaves behind an index that is older than a clip another had published by then.
    Raises BadInput where a run with other rows for the same clips wrote into the folder meanwhile.
    """
    current = _earlier(out)
    for row in rows:
        if current.get(row.stem, row) != row:
            raise BadInput(
                f"{out}: a run with another plan (other textures, settings or seed) wrote into this "
                f"folder meanwhile, as clip {row.stem} shows; give each plan a folder of its own"
            )
    joined = _joined(out, rows, current)
    if {row.stem for row in joined} != set(current):
        write_plan(out / "plan.jsonl", joined)
    published = -1
    while published != len(stems := published_stems(out, joined)):
        published = len(stems)
        write_checksums(out, [row for row in joined if row.stem in stems])
        published = max(published, write_index(out, joined))
    sweep(out, PARTIAL)
    if published == len(joined) and not (out / FOLDER).exists():
        remove_abandoned_files(out)


def remove_abandoned_files(out: Path) -> None:
    """Remove what runs of any machine left when they were killed; there is no clip left to make."""
    for folder in out.glob(f"{PARTIAL}*"):
        if not folder.name.startswith(RECOMPUTED):
            shutil.rmtree(folder, ignore_errors=True)
    for path in out.glob(".*.partial.json*"):  # see `atomic_write`
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


def _make_surreal_runs(out: Path, rows: Sequence[PlanRow]) -> None:
    """Make run0 to run2 of each split: who reads SURREAL's release opens all three."""
    for split in sorted({row.split for row in rows if row.layout == "surreal"}):
        for run in range(_SURREAL_RUNS):
            path_inside(out, f"{split}/run{run}").mkdir(parents=True, exist_ok=True)


def _earlier(out: Path) -> dict[str, PlanRow]:
    path = out / "plan.jsonl"
    return {row.stem: row for row in read_plan(path)} if path.is_file() else {}


def _joined(out: Path, rows: Sequence[PlanRow], before: dict[str, PlanRow]) -> list[PlanRow]:
    stems = {row.stem for row in rows}
    remaining = [row for row in before.values() if row.stem not in stems]
    return [*rows, *(row for row in remaining if is_published(out, row))]
