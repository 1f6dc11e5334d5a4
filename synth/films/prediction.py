"""What the clips that are still to be made will take, measured by filming a few frames of some."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.errors import BadInput
from synth.films.cost import MARGIN, TRIAL_LENGTHS, Cost, cost_of, spoken_duration, trial_rows
from synth.films.film_workers import (
    CLIPS_PER_PROCESS,
    HOPELESS,
    Trial,
    TrialSettings,
    open_trial_studio,
    studio_settings,
)
from synth.films.inputs import FilmInputs
from synth.films.run_options import Machines, Running
from synth.plans.plan_row import PlanRow
from synth.workers.disk import existing_parent, free_bytes, gigabytes
from synth.workers.pool import Attempt, work_through
from synth.workers.scratch import own_folder

LEAST_TRIALS = 3


@dataclass(frozen=True)
class Prediction:
    """``clips`` (``frames`` in all) will take ``seconds`` with ``workers`` workers and ``bytes``, for
    which the disk has ``free``. ``cost`` was measured on ``trials`` clips."""

    clips: int
    frames: int
    workers: int
    seconds: float
    bytes: float
    free: int
    trials: int
    cost: Cost

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        short, long = TRIAL_LENGTHS
        return (
            f"{self.clips:,} clips to make ({self.frames:,} frames): about "
            f"{spoken_duration(self.seconds)} with {workers}, and {gigabytes(self.bytes)}, of "
            f"{gigabytes(self.free)} free\nmeasured on {short} and {long} frames of {self.trials} clips: "
            f"{self.cost.startup:.1f} s a process, {self.cost.clip:.2f} s a clip, "
            f"{self.cost.frame:.3f} s and {self.cost.frame_bytes / 1000:.1f} kB a frame"
        )


def predict(
    waiting: Sequence[PlanRow],
    inputs: FilmInputs,
    out: Path,
    running: Running,
    machines: Machines,
    workers: int,
) -> Prediction:
    """What ``waiting`` will take with ``workers`` workers.

    As many clips as workers, and at least three, are cut to a few frames and filmed at the same time,
    as they will be in earnest, into a folder that is thrown away. Raises BadInput where none of
    them can be made.
    """
    trials: list[Trial] = []

    def attempted(attempt: Attempt) -> None:
        if attempt.result is not None:
            trials.append(attempt.result)

    tasks = trial_rows(waiting, max(LEAST_TRIALS, workers))
    # A cluster's nodes share the disk of the films, and perhaps no other.
    near = Path(tempfile.gettempdir()) if running.ray is None else existing_parent(out)
    with own_folder(near, ".surrealpp-trial-") as folder:
        studio = studio_settings(
            inputs,
            out=folder / "films",
            partial=folder / "partial",
            device=running.device,
            threads=machines.threads(workers),
        )
        (folder / "films").mkdir()
        crew = machines.crew(
            open_trial_studio, TrialSettings(studio, TRIAL_LENGTHS, time.time()), hopeless=HOPELESS
        )
        outcome = work_through(
            tasks,
            crew,
            workers=workers,
            tasks_per_process=len(tasks),
            attempted=attempted,
        )
    if not trials:
        failure = outcome.failures[0]
        raise BadInput(
            f"none of {len(tasks)} clips could be made in trial; the first, {failure.task[0].stem}: "
            f"{failure.reason}"
        )
    cost = cost_of(trials)
    return Prediction(
        clips=len(waiting),
        frames=sum(row.frames for row in waiting),
        workers=workers,
        seconds=cost.seconds(waiting, workers=workers, clips_per_process=CLIPS_PER_PROCESS),
        bytes=cost.bytes(waiting),
        free=free_bytes(out),
        trials=len(trials),
        cost=cost,
    )


def require_room(wanted: float, out: Path) -> None:
    """Raises BadInput where the disk of ``out`` has less room than ``wanted`` bytes and a margin."""
    free = free_bytes(out)
    if free < wanted * MARGIN:
        raise BadInput(
            f"--out {out}: the clips will take about {gigabytes(wanted)}, of {gigabytes(free)} free; "
            "choose another disk, fewer --channels or --layout compact, or take a part with --max-gb"
        )
