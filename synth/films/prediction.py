"""What the clips that are still to be made will take, measured by filming a few frames of some."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.errors import BadInput
from synth.films.cost import (
    MARGIN,
    TRIAL_LENGTHS,
    Cost,
    cost_of,
    duration_text,
    jobs_that_fit,
    trial_rows,
)
from synth.films.disk import existing_parent, free_bytes, gigabytes
from synth.films.film_workers import (
    CLIPS_PER_PROCESS,
    NOT_RETRIED,
    Trial,
    TrialSettings,
    open_trial_worker,
    render_settings,
)
from synth.films.inputs import FilmInputs
from synth.films.run_options import Machines, RunOptions
from synth.plans.plan_row import PlanRow
from synth.workers.pool import Attempt, TimeLimit, work_through
from synth.workers.scratch import process_folder

MIN_TRIALS = 3


@dataclass(frozen=True)
class Prediction:
    """What the clips that are still to be made will take.

    `clips` (`frames` in all) take `seconds` with `workers` workers, and `bytes`, for which the disk has
    `free`. `cost` was measured on `trials` clips. `core_hours` count the cores that the workers have to
    themselves. `deadline` in seconds: what was asked for, if anything; then `jobs` of an array, of as
    many workers each, end within it (None: no number of jobs does).
    """

    clips: int
    frames: int
    workers: int
    seconds: float
    bytes: float
    free: int
    trials: int
    cost: Cost
    core_hours: float
    deadline: float | None = None
    jobs: int | None = None

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        short, long = TRIAL_LENGTHS
        return (
            f"{self.clips:,} clips to make ({self.frames:,} frames): about "
            f"{duration_text(self.seconds)} with {workers}, and {gigabytes(self.bytes)}, of "
            f"{gigabytes(self.free)} free\nmeasured on {short} and {long} frames of {self.trials} clips: "
            f"{self.cost.startup:.1f} s a process, {self.cost.clip:.2f} s a clip, "
            f"{self.cost.frame:.3f} s and {self.cost.frame_bytes / 1000:.1f} kB a frame\n"
            f"{self.core_hours:,.3g} core-hours{self._jobs_text(workers)}"
        )

    def _jobs_text(self, workers: str) -> str:
        if self.deadline is None:
            return ""
        time_text = duration_text(self.deadline)
        if self.jobs is None:
            return f"; a single clip takes longer than {time_text}, so no number of jobs ends within it"
        return (
            f"; within {time_text}: {self.jobs:,} jobs with {workers} each (--shard K/{self.jobs}, K "
            f"from 1 to {self.jobs})"
        )


def predict(
    waiting: Sequence[PlanRow],
    inputs: FilmInputs,
    out: Path,
    options: RunOptions,
    machines: Machines,
    workers: int,
) -> Prediction:
    """What `waiting` will take with `workers` workers.

    As many clips as workers, and at least three, are cut to a few frames and filmed at the same time,
    as they will be in earnest, into a folder that is thrown away. Raises BadInput where none of
    them can be made.
    """
    trials: list[Trial] = []

    def on_attempt(attempt: Attempt) -> None:
        if attempt.result is not None:
            trials.append(attempt.result)

    limit = options.time_limit()
    tasks = trial_rows(waiting, max(MIN_TRIALS, workers))
    # A cluster's nodes share the disk of the films, and perhaps no other.
    parent = Path(tempfile.gettempdir()) if options.ray is None else existing_parent(out)
    with process_folder(parent, ".surrealpp-trial-") as folder:
        settings = render_settings(
            inputs,
            out=folder / "films",
            partial=folder / "partial",
            device=options.device,
            threads=machines.threads(workers),
        )
        (folder / "films").mkdir()
        pool = machines.pool(
            open_trial_worker,
            TrialSettings(render=settings, lengths=TRIAL_LENGTHS, began=time.time()),
            not_retried=NOT_RETRIED,
        )
        result = work_through(
            tasks,
            pool,
            workers=workers,
            tasks_per_process=len(tasks),
            on_attempt=on_attempt,
            limit=TimeLimit(lambda rows: limit.seconds(rows[0]), limit.advice),
        )
    if not trials:
        failure = result.failures[0]
        raise BadInput(
            f"none of {len(tasks)} clips could be made in trial; the first, {failure.task[0].stem}: "
            f"{failure.reason}"
        )
    cost = cost_of(trials)
    jobs = None
    if options.budget is not None:
        jobs = jobs_that_fit(
            waiting,
            cost,
            workers=workers,
            clips_per_process=CLIPS_PER_PROCESS,
            seconds=options.budget,
        )
    worker_seconds = cost.worker_seconds(waiting, clips_per_process=CLIPS_PER_PROCESS)
    return Prediction(
        clips=len(waiting),
        frames=sum(row.frames for row in waiting),
        workers=workers,
        seconds=cost.seconds(waiting, workers=workers, clips_per_process=CLIPS_PER_PROCESS),
        bytes=cost.bytes(waiting),
        free=free_bytes(out),
        trials=len(trials),
        cost=cost,
        core_hours=worker_seconds * machines.threads(workers) / 3600,
        deadline=options.budget,
        jobs=jobs,
    )


def require_room(needed: float, out: Path) -> None:
    """Raises BadInput where the disk of `out` has less room than `needed` bytes and a margin."""
    free = free_bytes(out)
    if free < needed * MARGIN:
        raise BadInput(
            f"--out {out}: the clips will take about {gigabytes(needed)}, of {gigabytes(free)} free; "
            "choose another disk, fewer --channels or --layout compact, or take a part with --max-gb"
        )
