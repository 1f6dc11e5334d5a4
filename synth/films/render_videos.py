"""Rows of a plan in, films with ground truth out: what `synth render-videos` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mocap.errors import BadInput
from synth.clips.clip import is_published, published_bytes
from synth.films.cost import ledger_bytes, part_that_fits, spoken_duration, stratified
from synth.films.film_set import begin_film_set, end_film_set
from synth.films.film_workers import CLIPS_PER_PROCESS, HOPELESS, open_film_studio, studio_settings
from synth.films.inputs import FilmInputs, check_rows
from synth.films.ledger import Ledger, LedgerLine, now, read_ledger
from synth.films.prediction import Prediction, predict, require_room
from synth.films.run_options import Machines, Running
from synth.plans.plan import make_plan
from synth.plans.plan_row import PlanRow, rows_of_shard
from synth.plans.preset import Preset
from synth.workers.disk import disk_trouble_in_one_line, gigabytes, require_writable
from synth.workers.pool import Attempt, Failure, Outcome, work_through
from synth.workers.scratch import frame_folder, own_folder

LOG_EVERY = 30.0  # seconds between two states of the progress bar where no terminal shows it


@dataclass(frozen=True)
class FilmSummary:
    """What became of a run: clips in the plan (or the shard), already there, made now, failed, and left
    to another run by a budget; and the ledger it wrote."""

    planned: int
    already: int
    made: int
    failures: tuple[Failure, ...]
    left: int
    out: Path
    ledger: Path


def plan_films(
    inputs: FilmInputs,
    preset: Preset,
    *,
    clips: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, list[PlanRow]]:
    """The plan of a film set from opened inputs, one for each texture library (see ``make_plan``).

    Motions that were not judged before are judged now, on ``workers`` processes.
    """
    if clips is not None and clips < 1:
        raise BadInput(f"--clips {clips}: expected at least 1")
    return make_plan(
        preset=preset,
        entries=inputs.library.entries,
        motion_folder=inputs.library.folder,
        libraries=inputs.worn,
        photographs=inputs.photographs,
        environments=inputs.environments,
        clips=clips,
        seed=seed,
        stand_in=inputs.stand_in,
        unfit=lambda entries: inputs.unfit(entries, workers=workers),
        report=report,
    )


def predict_videos(
    rows: Sequence[PlanRow], inputs: FilmInputs, out: Path, running: Running | None = None
) -> Prediction | None:
    """What filming the rows that are not in ``out`` will take; None where all are there.

    A few frames are filmed into a folder that is thrown away; ``out`` is left as it is.
    """
    running = running or Running()
    own = _own_rows(rows, inputs, running)
    waiting = [row for row in own if not is_published(out, row)]
    if not waiting:
        return None
    with running.machines() as machines:
        workers = min(running.workers or machines.size, len(waiting))
        return predict(waiting, inputs, Path(out), running, machines, workers)


def render_videos(
    rows: Sequence[PlanRow],
    inputs: FilmInputs,
    out: Path,
    running: Running | None = None,
    *,
    report: Callable[[str], None] = print,
) -> FilmSummary:
    """Film the rows that are not in ``out`` yet.

    Several runs may film shards of a plan into one folder at once. Raises BadInput for a plan that does
    not fit the inputs, an ``out`` that cannot be written to, holds films of another plan or has too
    little room, and where not one clip can be made.
    """
    running = running or Running()
    began = time.monotonic() if running.began is None else running.began
    deadline = None if running.budget is None else began + running.budget
    out = Path(out)
    own = _own_rows(rows, inputs, running)
    require_writable(out)
    with disk_trouble_in_one_line(out), running.machines() as machines:
        begin_film_set(out, rows)
        waiting = [row for row in own if not is_published(out, row)]
        workers = max(1, min(running.workers or machines.size, len(waiting)))
        part = waiting
        if waiting and (running.budget is not None or running.room is not None):
            prediction = predict(waiting, inputs, out, running, machines, workers)
            part = _part(own, waiting, prediction, running, deadline)
            report(
                f"{len(part):,} of {len(waiting):,} clips are predicted to fit {_limits(running)}"
            )
            require_room(prediction.cost.bytes(part), out)
        elif waiting:
            _require_room_by_first_clips(waiting, own, out)
        ledger = Ledger(out, shard=running.shard)
        try:
            outcome = _film(part, inputs, out, running, machines, workers, ledger, deadline)
        except BaseException:
            with suppress(OSError):  # a full disk has no room for an index either
                end_film_set(out, rows)
            raise
        end_film_set(out, rows)
    failures = outcome.failures
    for failure in failures:
        report(f"failed: {failure.task.stem}: {failure.reason}")
    made = len(part) - outcome.left - len(failures)
    if failures and not made:
        raise BadInput(
            f"none of {len(failures)} clips could be made; the first, {failures[0].task.stem}: "
            f"{failures[0].reason}"
        )
    left = len(waiting) - len(part) + outcome.left
    already = len(own) - len(waiting)
    return FilmSummary(len(own), already, made, failures, left, out, ledger.path)


def _own_rows(rows: Sequence[PlanRow], inputs: FilmInputs, running: Running) -> list[PlanRow]:
    """The rows of the shard; all rows fit the inputs and the device."""
    check_rows(rows, inputs)
    if running.device != "cpu" and any(row.engine == "raster" for row in rows):
        raise BadInput(
            f"--device {running.device}: the raster engine works on the cpu; leave --device out, or plan "
            "with --engine cycles"
        )
    return rows_of_shard(list(rows), running.shard)


def _part(
    own: Sequence[PlanRow],
    waiting: Sequence[PlanRow],
    prediction: Prediction,
    running: Running,
    deadline: float | None,
) -> list[PlanRow]:
    """The waiting rows that fit into the time and the room, a beginning of the stratified plan."""
    stems = {row.stem for row in waiting}
    cost = prediction.cost
    part = part_that_fits(
        [row for row in stratified(own) if row.stem in stems],
        cost,
        workers=prediction.workers,
        clips_per_process=CLIPS_PER_PROCESS,
        seconds=None if deadline is None else deadline - time.monotonic(),
        room=running.room,
    )
    if not part:
        seconds = cost.seconds(waiting[:1], workers=1, clips_per_process=1)
        raise BadInput(
            f"not one of {len(waiting):,} clips fits {_limits(running)}: one takes about "
            f"{spoken_duration(seconds)} and {gigabytes(cost.bytes(waiting[:1]))}; give more"
        )
    return part


def _limits(running: Running) -> str:
    limits = [] if running.budget is None else [f"--budget {spoken_duration(running.budget)}"]
    limits += [] if running.room is None else [f"--max-gb {running.room / 1e9:g}"]
    return " and ".join(limits)


def _require_room_by_first_clips(
    waiting: Sequence[PlanRow], own: Sequence[PlanRow], out: Path
) -> None:
    """Refuse where what the plan's first clips took says that the rest will not fit.

    The ledger says what they took, without a look at each; a run that was killed, or had no room for a
    ledger, leaves clips without a line. Before a plan's first clips nothing is known without --dry-run; a
    disk that fills up then stops the run, with every clip whole.
    """
    stems = {row.stem for row in own}
    wanted = ledger_bytes((line for line in read_ledger(out) if line.stem in stems), waiting)
    if wanted is None and len(waiting) < len(own):
        left = {row.stem for row in waiting}
        there = [row for row in own if row.stem not in left]
        a_frame = sum(published_bytes(out, row) for row in there) / sum(r.frames for r in there)
        wanted = a_frame * sum(row.frames for row in waiting)
    if wanted is not None:
        require_room(wanted, out)


def _film(
    rows: Sequence[PlanRow],
    inputs: FilmInputs,
    out: Path,
    running: Running,
    machines: Machines,
    workers: int,
    ledger: Ledger,
    deadline: float | None,
) -> Outcome:
    if not rows:
        return Outcome((), 0)
    shown = sys.stderr.isatty()
    with (
        own_folder(out, ".partial-") as partial,
        frame_folder(),  # sweeps the folders of workers that were killed
        tqdm(
            total=sum(row.frames for row in rows),
            unit="frame",
            desc="filming",
            mininterval=0.1 if shown else LOG_EVERY,
        ) as bar,
    ):
        settings = studio_settings(
            inputs,
            out=out,
            partial=partial,
            device=running.device,
            threads=machines.threads(workers),
        )
        done = failed = 0

        def attempted(attempt: Attempt) -> None:
            nonlocal done, failed
            ledger.append(_ledger_line(attempt))
            done += attempt.reason is None
            failed += attempt.reason is not None
            state = f"{done}/{len(rows)} clips" + (f", {failed} attempts failed" if failed else "")
            bar.set_postfix_str(state, refresh=False)

        return work_through(
            rows,
            machines.crew(open_film_studio, settings, hopeless=HOPELESS),
            workers=workers,
            tasks_per_process=CLIPS_PER_PROCESS,
            progress=bar.update,
            attempted=attempted,
            deadline=deadline,
        )


def _ledger_line(attempt: Attempt) -> LedgerLine:
    row, filmed = attempt.task, attempt.result
    return LedgerLine(
        stem=row.stem,
        state="done" if attempt.reason is None else "failed",
        attempt=attempt.number,
        reason=attempt.reason,
        seconds=round(filmed.seconds if filmed else attempt.seconds, 3),
        render_seconds=round(filmed.render_seconds, 3) if filmed else 0.0,
        frames=row.frames,
        bytes=filmed.bytes if filmed else 0,
        worker=attempt.worker,
        time=now(),
    )
