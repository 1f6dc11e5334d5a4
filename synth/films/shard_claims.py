"""Which run makes which shard, and when one is whole.

As for clips (`synth.films.clip_claims`), a run that is killed holds nobody up: who claims its shard next
goes on with the clips that lie in the folder.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from synth.clips.clip import is_published, published_stems
from synth.films.clip_claims import ClipClaims
from synth.films.shard_plan import PlannedShard
from synth.plans.plan_row import PlanRow
from synth.workers.pool import CLAIM_PAUSE, Attempt, Claim

if TYPE_CHECKING:
    from synth.films.packed_films import PackedFilms

_QUEUE = 2  # shards that wait to be put up; then filming waits for them


class ShardClaims(ClipClaims):
    """Claims of whole shards, each of which is put up when the last of its clips was tried.

    Shards go up in a thread of their own while others are filmed. Leaving the context waits for them;
    after an error, for the one that is on its way.
    """

    def __init__(
        self,
        films: PackedFilms,
        rows: Sequence[PlanRow],
        *,
        report: Callable[[str], None],
        on_published: Callable[[PlanRow], object],
    ):
        super().__init__(films.out, report=report, on_published=on_published)
        self._films = films
        self._untried: dict[str, set[str]] = {}
        for row in rows:
            self._untried.setdefault(films.shard_of[row.stem].file, set()).add(row.stem)
        self._failed: dict[str, dict[str, str]] = {}
        self._threads = ThreadPoolExecutor(1)
        self._waiting: dict[str, Future[None]] = {}
        self._elsewhere: set[str] = set()
        self._busy: dict[
            str, float
        ] = {}  # when another run was met, on the clock of time.monotonic

    def __enter__(self) -> ShardClaims:
        """Put up shards all of whose clips were made by a run that was killed then."""
        packed = self._films.packed()
        published = published_stems(self._films.out, self._films.rows)
        for shard in self._films.shards:
            if shard.file in packed or not {row.stem for row in shard.rows} <= published:
                continue
            if self._hold(shard) is Claim.OURS:
                self._submit(shard)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self._collect(0)
        finally:
            self._threads.shutdown(wait=True, cancel_futures=True)
            super().__exit__(*error)

    def claim(self, row: PlanRow) -> Claim:
        """OURS, COMPLETED or BUSY; a shard is claimed with the first of its rows."""
        self._collect(_QUEUE)
        shard = self._films.shard_of[row.stem]
        state = self._hold(shard)
        if state is Claim.BUSY:
            return state
        if state is Claim.OURS and not is_published(self._films.out, row):
            return state
        self._on_published(row)
        if state is Claim.OURS:
            self._end_row(shard, row)
        return Claim.COMPLETED

    def release(self, row: PlanRow) -> None:
        """Nothing: a shard is given up when it is up."""

    def end_attempt(self, attempt: Attempt) -> None:
        """Take note of a clip that was tried; with a shard's last, the shard is put up."""
        if not attempt.is_last:
            return
        shard = self._films.shard_of[attempt.task.stem]
        if attempt.reason is not None:
            self._failed.setdefault(shard.file, {})[attempt.task.stem] = attempt.reason
        self._end_row(shard, attempt.task)

    def _end_row(self, shard: PlannedShard, row: PlanRow) -> None:
        untried = self._untried[shard.file]
        if row.stem in untried:
            untried.remove(row.stem)
            if not untried:
                self._submit(shard)

    def _hold(self, shard: PlannedShard) -> Claim:
        """OURS where the shard is, or can be, ours to make."""
        if shard.file in self._handles:
            return Claim.OURS
        if shard.file in self._elsewhere:
            return Claim.COMPLETED
        if time.monotonic() - self._busy.get(shard.file, -math.inf) < CLAIM_PAUSE:
            return Claim.BUSY
        path = self._path(shard.file)
        handle = self._lock(path)
        if handle is None:
            self._busy[shard.file] = time.monotonic()
            self._meet_another(path)
            return Claim.BUSY
        self._handles[shard.file] = handle
        self._sign(handle)
        record = self._films.packed().get(shard.file)
        tried = self._untried.get(shard.file, set())
        if record is not None and tried <= {*record.clips}:  # another run has put it up meanwhile
            self._give_up(shard.file)
            self._elsewhere.add(shard.file)
            return Claim.COMPLETED
        return Claim.OURS

    def _submit(self, shard: PlannedShard) -> None:
        failed = self._failed.get(shard.file, {})
        self._waiting[shard.file] = self._threads.submit(self._films.put_up, shard, failed)

    def _collect(self, count: int) -> None:
        """Give up shards that are up, and wait until no more than `count` are on their way."""
        for file, future in list(self._waiting.items()):
            if future.done() or len(self._waiting) > count:
                future.result()
                del self._waiting[file]
                self._give_up(file)
