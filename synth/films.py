"""Rows of a plan in, films with ground truth out: what `synth render-videos` does."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mocap.errors import BadInput
from synth.blender import DEVICES
from synth.checks import CheckFailed
from synth.clips import is_published, published_row, write_conventions, write_index
from synth.film_inputs import FilmInputs, check_rows
from synth.partial_folder import partial_folder
from synth.plan import make_plan
from synth.plan_row import PlanRow, read_plan, rows_of_shard, write_plan
from synth.preset import Preset
from synth.studio import Filmed, StudioSettings, open_studio
from synth.workers import Failure, work_through

CLIPS_PER_PROCESS = 25


@dataclass(frozen=True)
class FilmSummary:
    """What became of a run: clips in the plan (or the shard), already there, made now, failed."""

    planned: int
    already: int
    made: int
    failures: tuple[Failure, ...]
    out: Path


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


def render_videos(
    rows: list[PlanRow],
    inputs: FilmInputs,
    out: Path,
    *,
    workers: int | None = None,
    device: str = "cpu",
    shard: tuple[int, int] | None = None,
    report: Callable[[str], None] = print,
) -> FilmSummary:
    """Film the rows that are not in ``out`` yet.

    ``workers`` None takes one process for each core. ``shard`` (K, N) films every N-th row from the
    K-th on. Raises BadInput for a plan that does not fit the inputs, an ``out`` that holds films of
    another plan, and where not one clip can be made.
    """
    out = Path(out)
    if workers is not None and workers < 1:
        raise BadInput(f"--workers {workers}: expected at least 1")
    if device not in DEVICES:
        raise BadInput(f"--device {device}: expected one of {', '.join(DEVICES)}")
    check_rows(rows, inputs)
    everything = _join_plans(out, rows)
    write_plan(out / "plan.jsonl", everything)
    write_conventions(out)
    own = rows_of_shard(rows, shard)
    waiting = [row for row in own if not is_published(out, row)]
    failures: list[Failure] = []
    if waiting:
        workers = min(workers or os.cpu_count() or 1, len(waiting))
        try:
            failures = _film(waiting, inputs, out, device=device, workers=workers)
        finally:
            write_index(out, everything)
    write_index(out, everything)
    for failure in failures:
        report(f"failed: {failure.task.stem}: {failure.reason}")
    if waiting and len(failures) == len(waiting):
        raise BadInput(
            f"none of {len(waiting)} clips could be made; the first, {failures[0].task.stem}: "
            f"{failures[0].reason}"
        )
    made = len(waiting) - len(failures)
    return FilmSummary(len(own), len(own) - len(waiting), made, tuple(failures), out)


def _film(
    rows: list[PlanRow], inputs: FilmInputs, out: Path, *, device: str, workers: int
) -> list[Failure]:
    cores = os.cpu_count() or 1
    library = inputs.library
    (textures,) = inputs.textures.values()
    with (
        partial_folder(out) as partial,
        _scratch_folder() as scratch,
        tqdm(total=sum(row.frames for row in rows), unit="frame", desc="filming") as bar,
    ):
        settings = StudioSettings(
            entries={entry.source_in(library.folder): entry for entry in library.entries},
            bodies=inputs.bodies,
            textures=textures.resolve(),
            backgrounds=inputs.backgrounds and inputs.backgrounds.resolve(),
            environments=inputs.environments_folder and inputs.environments_folder.resolve(),
            out=out.resolve(),
            partial=partial.resolve(),
            scratch=scratch,
            device=device,
            threads=max(1, cores // workers),
        )
        done = 0

        def finished(row: PlanRow, filmed: Filmed) -> None:
            nonlocal done
            done += 1
            bar.set_postfix_str(f"{done}/{len(rows)} clips")

        return work_through(
            rows,
            open_studio=open_studio,
            settings=settings,
            workers=workers,
            tasks_per_process=CLIPS_PER_PROCESS,
            hopeless=(BadInput, CheckFailed),
            progress=bar.update,
            finished=finished,
        )


def _join_plans(out: Path, rows: list[PlanRow]) -> list[PlanRow]:
    """``rows`` and, behind them, the rows of an earlier plan whose clips are in ``out``.

    Raises BadInput where a clip in ``out`` was made from another row than the plan's.
    """
    stems = {row.stem for row in rows}
    for row in rows:
        found = published_row(out, row)
        if found is not None and found != row:
            raise BadInput(
                f"{out / row.stem}.mp4 was made from another plan (other textures, settings or seed); "
                "choose another --out, or remove the films there"
            )
    path = out / "plan.jsonl"
    earlier = read_plan(path) if path.is_file() else []
    return rows + [r for r in earlier if r.stem not in stems and is_published(out, r)]


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder for single frames, in memory where the system has such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="surrealpp-", dir=memory, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
