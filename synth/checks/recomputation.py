"""Channels of published clips, computed again from their `_info.mat` and the body.

Pose, shape and cameras lie in it to the last bit, so the files are those that were rendered, byte for
byte; neither Blender nor the motions are needed. A film set can be kept as mp4 and info alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from synth.clips.channel_files import channel_files, write_channels
from synth.clips.clip import find_clips
from synth.clips.clip_bodies import FilmBodies
from synth.clips.clip_info import clip_background, posed_clip_of, read_info, row_of
from synth.clips.surreal_camera import surreal_camera
from synth.plans.plan_row import LAYOUTS
from synth.scene.ground_truth import CHANNELS, ground_truth
from synth.scene.scene_mesh import scene_geometry
from synth.workers.pool import TASK_LIMIT, Attempt, Failure, Report, work_through
from synth.workers.processes import ProcessPool
from synth.workers.scratch import process_folder

_CLIPS_PER_PROCESS = 1000  # nothing leaks


@dataclass(frozen=True, kw_only=True)
class RecomputationSettings:
    """Clips of `folder` into files beside them or, with the same names, in `out`.

    `layout` None takes each clip's own. `partial` is where files lie until they are whole. Files
    that are there stay as they are, unless `overwrite`.
    """

    folder: Path
    out: Path
    partial: Path
    channels: tuple[str, ...]
    layout: str | None
    bodies: BodySource
    overwrite: bool


@dataclass(frozen=True)
class RecomputationSummary:
    """Clips asked for, already there, computed now, and failed."""

    clips: int
    already: int
    computed: int
    failures: tuple[Failure, ...]


def recompute(
    folder: Path,
    channels: Sequence[str],
    *,
    layout: str | None = None,
    out: Path | None = None,
    clips: int | None = None,
    workers: int | None = None,
    bodies: BodySource | None = None,
    overwrite: bool = False,
    report: Callable[[str], None] = print,
) -> RecomputationSummary:
    """Compute channels of published clips again, from their information and the body.

    Interrupted, the same call goes on.

    Args:
        folder: a film folder.
        channels: names of channels, of `synth.scene.ground_truth.CHANNELS`.
        layout: of the files; None: each clip's own.
        out: where the files go, with the same names; None: beside the clips.
        clips: so many of the clips, evenly spread; None: all.
        workers: processes; None: one per core.
        bodies: the bodies that the clips were made with; None: the free body.
        overwrite: write files anew that exist.
        report: called with a line per failed clip.

    Returns:
        Numbers of clips, and the failures.

    Raises:
        BadInput: unknown channels or layout, no clips, or not one that can be computed.
    """
    folder = Path(folder)
    _check_request(channels, layout, workers)
    stems = find_clips(folder, clips)
    target = folder if out is None else Path(out)
    computed = already = 0
    with (
        process_folder(target, ".partial-truth-") as partial,
        tqdm(total=len(stems), unit="clip", desc="ground truth") as bar,
    ):

        def on_attempt(attempt: Attempt) -> None:
            nonlocal computed, already
            if attempt.reason is None:
                written = bool(attempt.result)
                computed, already = computed + written, already + (not written)
                bar.update()

        settings = RecomputationSettings(
            folder=folder.resolve(),
            out=target.resolve(),
            partial=partial.resolve(),
            channels=tuple(channels),
            layout=layout,
            bodies=bodies or BodySource(),
            overwrite=overwrite,
        )
        result = work_through(
            stems,
            ProcessPool(open_recomputation, settings, not_retried=(BadInput,)),
            workers=min(workers or os.cpu_count() or 1, len(stems)),
            tasks_per_process=_CLIPS_PER_PROCESS,
            on_attempt=on_attempt,
            limit=TASK_LIMIT,
        )
    failures = sorted(result.failures, key=lambda failure: failure.task)
    for failure in failures:
        report(f"failed: {failure.task}: {failure.reason}")
    if len(failures) == len(stems):
        raise BadInput(
            f"none of {len(stems)} clips could be computed; the first, {failures[0].task}: "
            f"{failures[0].reason}"
        )
    return RecomputationSummary(len(stems), already, computed, tuple(failures))


@contextmanager
def open_recomputation(
    settings: RecomputationSettings,
) -> Iterator[Callable[[str, Report], bool]]:
    """For a worker process: gives `work(stem, progress)`, True where files were written."""
    torch.set_num_threads(1)  # the same bytes however many workers share the machine
    bodies = FilmBodies(settings.bodies)
    yield lambda stem, progress: recompute_clip(stem, settings, bodies)


def recompute_clip(stem: str, settings: RecomputationSettings, bodies: FilmBodies) -> bool:
    """Compute the channels of one clip, named by its path in the folder. False where they are there.

    Raises BadInput for damaged information, a clip of another body, a layout that is not the clip's
    own for files beside it, and SURREAL's layout for a camera that SURREAL's cannot be.
    """
    source, target = settings.folder / stem, settings.out / stem
    info = read_info(source)
    try:
        row = row_of(info)
        posed_clip = posed_clip_of(info)
        if len(posed_clip.figures) != len(row.genders):
            raise ValueError(f"people is not the {len(row.genders)} of its plan_row")
    except ValueError as error:
        raise BadInput(f"{source}_info.mat: {error}; render the clip again") from error
    layout = settings.layout or row.layout
    if layout != row.layout and source == target:
        raise BadInput(
            f"{source}: a clip in the layout {row.layout}, asked for {layout}; give --out for files "
            "in another layout"
        )
    if layout == "surreal":
        dressed = any(figure.clothes for figure in posed_clip.figures)
        if len(posed_clip.figures) > 1 or posed_clip.occluders or dressed:
            raise BadInput(
                f"{source}: {len(posed_clip.figures)} people and {len(posed_clip.occluders)} occluders"
                f"{', clothes' * dressed}, but the layout surreal knows one person, no occluder and no "
                "clothes; choose --layout compact"
            )
        try:
            surreal_camera(posed_clip.cameras)
        except BadInput as error:
            raise BadInput(f"{source}: {error}") from None
    suffixes = channel_files(settings.channels, layout)
    complete = all(Path(f"{target}{suffix}").is_file() for suffix in suffixes)
    if complete and not settings.overwrite:
        return False
    scene = scene_geometry(posed_clip, bodies.load_for_clip(row.genders, info, source))
    truth = ground_truth(
        scene.vertices,
        scene.joints,
        scene.mesh,
        posed_clip.cameras,
        channels=settings.channels,
        tracks=row.tracks,
        seed=row.seed,
        background=clip_background(
            row, posed_clip, scene.joints, photographs=None, environments=None
        ).geometry(),
    )
    folder = settings.partial / stem.replace("/", "__")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_channels(
            *(folder / target.name, truth, settings.channels, layout), cameras=posed_clip.cameras
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        for suffix in suffixes:
            os.replace(folder / f"{target.name}{suffix}", f"{target}{suffix}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _check_request(channels: Sequence[str], layout: str | None, workers: int | None) -> None:
    unknown = [name for name in channels if name not in CHANNELS]
    if unknown or not channels:
        names = ", ".join(unknown) or "none"
        raise BadInput(f"--channels: {names}, expected some of {', '.join(CHANNELS)}")
    if layout is not None and layout not in LAYOUTS:
        raise BadInput(f"--layout {layout}: expected {' or '.join(LAYOUTS)}")
    if workers is not None and workers < 1:
        raise BadInput(f"--workers {workers}: expected at least 1")
