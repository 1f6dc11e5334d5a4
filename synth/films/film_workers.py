"""What worker processes do: film clips, or measure what filming costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from synth.checks.check import CheckFailed
from synth.films.clip_renderer import RenderedClip, RenderSettings, open_clip_renderer
from synth.films.disk import no_room
from synth.films.inputs import FilmInputs
from synth.plans.plan_row import PlanRow
from synth.scene.blender import require_device
from synth.workers.pool import Report, StopWork
from synth.workers.scratch import memory_folder

CLIPS_PER_PROCESS = 25
NOT_RETRIED = (BadInput, CheckFailed)  # no second try would help


def render_settings(
    inputs: FilmInputs, *, out: Path, partial: Path, device: str, threads: int
) -> RenderSettings:
    """What a worker needs to know; paths are whole, since it may work in another folder."""
    library = inputs.library
    (textures,) = inputs.textures.values()
    bodies = inputs.bodies
    return RenderSettings(
        entries={
            entry.source_in(library.folder): replace(
                entry,
                path=entry.path.resolve(),
                skeleton=entry.skeleton and entry.skeleton.resolve(),
            )
            for entry in library.entries
        },
        bodies=replace(
            bodies,
            file=bodies.file and Path(bodies.file).resolve(),
            uv=bodies.uv and Path(bodies.uv).resolve(),
        ),
        textures=textures.resolve(),
        backgrounds=inputs.backgrounds and inputs.backgrounds.resolve(),
        environments=inputs.environments_folder and inputs.environments_folder.resolve(),
        out=out.resolve(),
        partial=partial.resolve(),
        scratch=None,
        device=device,
        threads=threads,
    )


@contextmanager
def open_device_probe(device: str) -> Iterator[Callable[[str, Report], None]]:
    """A worker that cannot be opened without the device."""
    require_device(device)
    yield lambda task, progress: None


@contextmanager
def open_film_worker(
    settings: RenderSettings,
) -> Iterator[Callable[[PlanRow, Report], RenderedClip]]:
    """A worker that films, with a folder for single frames; a full disk stops all work.

    Raises BadInput where the device asked for is not on this machine.
    """
    if settings.device != "cpu":
        require_device(settings.device)
    with (
        memory_folder() as scratch,
        open_clip_renderer(replace(settings, scratch=scratch)) as film,
    ):

        def film_with_room(row: PlanRow, progress: Report) -> RenderedClip:
            try:
                return film(row, progress)
            except Exception as error:
                reason = no_room(error, settings.out)
                if reason:
                    raise StopWork(reason) from error
                raise

        yield film_with_room


@dataclass(frozen=True)
class Trial:
    """What a clip took that was cut to a few frames.

    `load` seconds to load its motion; `seconds`, those of them in the renderer, and `bytes` of its
    first `frames[k]` frames. `startup`: seconds from the start of the process until it was ready, None
    for later clips of it.
    """

    frames: tuple[int, int]
    seconds: tuple[float, float]
    render_seconds: tuple[float, float]
    bytes: tuple[int, int]
    load: float
    startup: float | None


@dataclass(frozen=True, kw_only=True)
class TrialSettings:
    """How trials are filmed.

    `render` films into a folder that is thrown away; `lengths` are the frames of the cut clips. `began`
    is when the processes are started (`time.time`).
    """

    render: RenderSettings
    lengths: tuple[int, int]
    began: float


@contextmanager
def open_trial_worker(
    settings: TrialSettings,
) -> Iterator[Callable[[tuple[PlanRow, PlanRow], Report], Trial]]:
    """For a worker process: gives `work((row, other row), progress)`, the Trial of the first row."""
    with open_film_worker(settings.render) as film:
        ready = False

        def work(rows: tuple[PlanRow, PlanRow], progress: Report) -> Trial:
            nonlocal ready
            row, other = rows
            short, long = (min(length, row.frames) for length in settings.lengths)

            def take(row: PlanRow, frames: int) -> Any:
                return film(replace(row, frames=min(frames, row.frames)), lambda amount: None)

            startup = None
            if not ready:  # the first clip of a process also builds the scene and compiles
                take(other, short)
                startup = max(0.0, time.time() - settings.began)
                ready = True
            first, a, b = take(row, short), take(row, short), take(row, long)
            return Trial(
                (short, long),
                (a.seconds, b.seconds),
                (a.render_seconds, b.render_seconds),
                (a.bytes, b.bytes),
                max(0.0, first.seconds - a.seconds),
                startup,
            )

        yield work
