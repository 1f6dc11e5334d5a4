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
from synth.clips.clip import published_bytes, published_stems
from synth.films.cost import duration_text, ledger_bytes, rows_that_fit, stratified
from synth.films.disk import disk_trouble_in_one_line, gigabytes, require_writable
from synth.films.film_set import PARTIAL
from synth.films.film_workers import (
    CLIPS_PER_PROCESS,
    NOT_RETRIED,
    open_film_worker,
    render_settings,
)
from synth.films.inputs import FilmInputs, check_rows
from synth.films.ledger import Ledger, LedgerLine, now, read_ledger
from synth.films.photograph_places import usable_places
from synth.films.prediction import Prediction, predict, require_room
from synth.films.run_options import FilmOutput, Machines, RunOptions
from synth.plans.plan import make_plan
from synth.plans.plan_row import PlanRow
from synth.plans.preset import Preset
from synth.workers.pool import Attempt, Failure, PoolResult, work_through
from synth.workers.scratch import memory_folder, process_folder

_OPEN_SHARDS = 4  # shards whose clips lie in the folder, at the most that is usual
LOG_EVERY = 30.0  # seconds between two states of the progress bar where no terminal shows it


@dataclass(frozen=True)
class FilmSummary:
    """What became of a run.

    Clips in the plan (or the shard), `already` there (or made by another run meanwhile), `rendered` now,
    failed, and `left` to another run by a budget; and the ledger that it wrote.
    """

    planned: int
    already: int
    rendered: int
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
    """The plan of a film set from opened inputs, one per texture library (see `make_plan`).

    Motions that were not checked before are checked now.

    Args:
        inputs: what `open_inputs` opened.
        preset: what is drawn from, and how often (see `synth.plans.preset.read_preset`).
        clips: how many clips; None: as many as the motions give.
        seed: of everything that is drawn.
        workers: processes that check motions, threads that analyse photographs; None: one per core.
        report: called with a line per thing that cannot be used.

    Returns:
        The rows by the name of the texture library.

    Raises:
        BadInput: nothing can be planned with these inputs.
    """
    if clips is not None and clips < 1:
        raise BadInput(f"--count-clips {clips}: expected at least 1")
    photograph_places = {}
    if inputs.backgrounds is not None and preset.background.kinds.get("photograph", 0) > 0:
        photograph_places = usable_places(
            inputs.backgrounds,
            inputs.photographs,
            camera_height=preset.background.camera_height,
            workers=workers,
            report=report,
        )
    return make_plan(
        preset=preset,
        entries=inputs.library.entries,
        motion_folder=inputs.library.folder,
        libraries=inputs.texture_entries,
        photographs=inputs.photographs,
        photograph_places=photograph_places,
        environments=inputs.environments,
        clips=clips,
        seed=seed,
        stand_in=inputs.stand_in,
        unfit=lambda entries: inputs.unfit(entries, workers=workers),
        report=report,
    )


def predict_videos(
    rows: Sequence[PlanRow], inputs: FilmInputs, out: Path, options: RunOptions | None = None
) -> Prediction | None:
    """What filming the rows that are not in `out` will take; None where all are there.

    A few frames are filmed into a folder that is thrown away; `out` is left as it is.

    Args:
        rows: the plan.
        inputs: what `open_inputs` opened, with the one texture library that was planned with.
        out: the film folder, which need not exist.
        options: as for `render_videos`; of a budget it is said how many jobs end within it.

    Raises:
        BadInput: the plan does not fit the inputs, or none of the few clips can be made.
    """
    options = options or RunOptions()
    out = Path(out)
    _check_request(rows, inputs, options)
    output = options.output(out, rows)
    completed = output.completed_stems()
    waiting = [row for row in output.rows_of(options.shard) if row.stem not in completed]
    if not waiting:
        return None
    with options.machines() as machines:
        workers = min(options.workers or machines.size, len(waiting))
        return predict(waiting, inputs, out, options, machines, workers)


def render_videos(
    rows: Sequence[PlanRow],
    inputs: FilmInputs,
    out: Path,
    options: RunOptions | None = None,
    *,
    report: Callable[[str], None] = print,
) -> FilmSummary:
    """Film the rows that are not in `out` yet.

    Several runs may film a plan, or shards of it, into one folder at once: none makes a clip that another
    is at, and each waits for the others' last. Interrupted, the same call goes on.

    Args:
        rows: the plan.
        inputs: what `open_inputs` opened, with the one texture library that was planned with.
        out: the film folder; made where it is missing.
        options: workers, device, shard and budget; None: all rows, on this machine's cores.
        report: called with a line per failed clip, and on what fits the budget.

    Returns:
        Numbers of clips, the failures, and the ledger.

    Raises:
        BadInput: the plan does not fit the inputs, `out` cannot be written to, holds films of another
            plan or has too little room, or not one clip can be made.
    """
    options = options or RunOptions()
    began = time.monotonic() if options.began is None else options.began
    deadline = None if options.budget is None else began + options.budget
    out = Path(out)
    _check_request(rows, inputs, options)
    if options.store is not None and (options.budget is not None or options.room is not None):
        raise BadInput(
            "--budget and --max-gb take their part from all over the plan, and so from every shard; "
            "expected neither with --pack: take a part by --shard K/N, or plan fewer clips"
        )
    require_writable(out)
    output = options.output(out, rows)
    shard_rows = output.rows_of(options.shard)
    with disk_trouble_in_one_line(out), options.machines() as machines:
        output.begin()
        completed = output.completed_stems()
        waiting = [row for row in shard_rows if row.stem not in completed]
        workers = max(1, min(options.workers or machines.size, len(waiting)))
        chosen = waiting
        if waiting and (options.budget is not None or options.room is not None):
            prediction = predict(waiting, inputs, out, options, machines, workers)
            chosen = _rows_within_limits(shard_rows, waiting, prediction, options, deadline)
            report(
                f"{len(chosen):,} of {len(waiting):,} clips are predicted to fit {_limits(options)}"
            )
            require_room(prediction.cost.bytes(chosen), out)
        elif waiting:
            _require_room_by_first_clips(waiting, shard_rows, out, options)
        ledger = Ledger(out, shard=options.shard)
        try:
            result = _film(
                chosen, inputs, output, options, machines, workers, ledger, deadline, report
            )
        except BaseException:
            with suppress(OSError):  # a full disk has no room for an index either
                output.end()
            raise
        output.end()
    failures = result.failures
    for failure in failures:
        report(f"failed: {failure.task.stem}: {failure.reason}")
    rendered = len(chosen) - result.unstarted - result.elsewhere - len(failures)
    if failures and not rendered and not result.elsewhere:
        raise BadInput(
            f"none of {len(failures)} clips could be made; the first, {failures[0].task.stem}: "
            f"{failures[0].reason}"
        )
    left = len(waiting) - len(chosen) + result.unstarted
    already = len(shard_rows) - len(waiting) + result.elsewhere
    return FilmSummary(len(shard_rows), already, rendered, failures, left, out, ledger.path)


def _check_request(rows: Sequence[PlanRow], inputs: FilmInputs, options: RunOptions) -> None:
    """Raises BadInput unless all rows fit the inputs and the device."""
    check_rows(rows, inputs)
    if options.device != "cpu" and any(row.engine == "raster" for row in rows):
        raise BadInput(
            f"--device {options.device}: the raster engine works on the cpu; leave --device out, or plan "
            "with --engine cycles"
        )


def _rows_within_limits(
    shard_rows: Sequence[PlanRow],
    waiting: Sequence[PlanRow],
    prediction: Prediction,
    options: RunOptions,
    deadline: float | None,
) -> list[PlanRow]:
    """The waiting rows that fit into the time and the room, a beginning of the stratified plan."""
    stems = {row.stem for row in waiting}
    cost = prediction.cost
    chosen = rows_that_fit(
        [row for row in stratified(shard_rows) if row.stem in stems],
        cost,
        workers=prediction.workers,
        clips_per_process=CLIPS_PER_PROCESS,
        seconds=None if deadline is None else deadline - time.monotonic(),
        room=options.room,
    )
    if not chosen:
        seconds = cost.seconds(waiting[:1], workers=1, clips_per_process=1)
        raise BadInput(
            f"not one of {len(waiting):,} clips fits {_limits(options)}: one takes about "
            f"{duration_text(seconds)} and {gigabytes(cost.bytes(waiting[:1]))}; give more"
        )
    return chosen


def _limits(options: RunOptions) -> str:
    limits = [] if options.budget is None else [f"--budget {duration_text(options.budget)}"]
    limits += [] if options.room is None else [f"--max-gb {options.room / 1e9:g}"]
    return " and ".join(limits)


def _require_room_by_first_clips(
    waiting: Sequence[PlanRow], shard_rows: Sequence[PlanRow], out: Path, options: RunOptions
) -> None:
    """Refuse where what the plan's first clips took says that the rest will not fit.

    The ledger says what they took, without a look at each; a run that was killed, or had no room for a
    ledger, leaves clips without a line. Before a plan's first clips nothing is known without --dry-run; a
    disk that fills up then stops the run, with every clip whole.
    """
    if options.store is not None:  # of the folder, only those that wait for their shard's others
        waiting = waiting[: _OPEN_SHARDS * options.clips_per_shard]
    stems = {row.stem for row in shard_rows}
    needed = ledger_bytes((line for line in read_ledger(out) if line.stem in stems), waiting)
    if needed is None and len(waiting) < len(shard_rows):
        stems = published_stems(out, shard_rows)
        published = [row for row in shard_rows if row.stem in stems]
        if not published:
            return
        published_frames = sum(row.frames for row in published)
        frame_bytes = sum(published_bytes(out, row) for row in published) / published_frames
        needed = frame_bytes * sum(row.frames for row in waiting)
    if needed is not None:
        require_room(needed, out)


def _film(
    rows: Sequence[PlanRow],
    inputs: FilmInputs,
    output: FilmOutput,
    options: RunOptions,
    machines: Machines,
    workers: int,
    ledger: Ledger,
    deadline: float | None,
    report: Callable[[str], None],
) -> PoolResult:
    out = output.out
    if not rows:
        with output.claims(rows, report=report, on_published=lambda row: None):
            pass  # what a killed run had made but not put up
        return PoolResult(failures=(), unstarted=0)
    shown = sys.stderr.isatty()
    with (
        process_folder(out, PARTIAL) as partial,
        memory_folder(),  # sweeps the folders of workers that were killed
        tqdm(
            total=sum(row.frames for row in rows),
            unit="frame",
            desc="filming",
            mininterval=0.1 if shown else LOG_EVERY,
        ) as bar,
        output.claims(
            rows, report=report, on_published=lambda row: bar.update(row.frames)
        ) as claims,
    ):
        settings = render_settings(
            inputs,
            out=out,
            partial=partial,
            device=options.device,
            threads=machines.threads(workers),
        )
        rendered = failed = 0

        def on_attempt(attempt: Attempt) -> None:
            nonlocal rendered, failed
            ledger.append(_ledger_line(attempt))
            claims.end_attempt(attempt)
            rendered += attempt.reason is None
            failed += attempt.reason is not None
            state = f"{rendered}/{len(rows)} clips" + (
                f", {failed} attempts failed" if failed else ""
            )
            bar.set_postfix_str(state, refresh=False)

        return work_through(
            rows,
            machines.pool(open_film_worker, settings, not_retried=NOT_RETRIED),
            workers=workers,
            tasks_per_process=CLIPS_PER_PROCESS,
            progress=bar.update,
            on_attempt=on_attempt,
            deadline=deadline,
            limit=options.time_limit(),
            claims=claims,
        )


def _ledger_line(attempt: Attempt) -> LedgerLine:
    row, rendered = attempt.task, attempt.result
    return LedgerLine(
        stem=row.stem,
        state="done" if attempt.reason is None else "failed",
        attempt=attempt.number,
        reason=attempt.reason,
        seconds=round(rendered.seconds if rendered else attempt.seconds, 3),
        render_seconds=round(rendered.render_seconds, 3) if rendered else 0.0,
        frames=row.frames,
        bytes=rendered.bytes if rendered else 0,
        worker=attempt.worker,
        time=now(),
        checksums=rendered.checksums if rendered else None,
    )
