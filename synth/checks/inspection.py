"""Published clips, checked from their files: what `synth check` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from synth.checks.camera_checks import ROTATION
from synth.checks.check import CheckResult, compare_with_limits
from synth.checks.clip_checks import run_checks
from synth.checks.clip_data import ClipData
from synth.checks.clip_results import (
    ClipResults,
    has_clip_results,
    read_clip_results,
)
from synth.checks.joint_figures import rotation_figures
from synth.clips.channel_files import SHARP, read_channels, stored_channels
from synth.clips.clip import INFO, find_clips, row_files
from synth.clips.clip_bodies import FilmBodies
from synth.clips.clip_info import clip_background, joint_truth, posed_clip_of, read_info, row_of
from synth.clips.scene_info import people_of
from synth.clips.video_files import frame_rate, read_video
from synth.plans.plan_row import PlanRow, read_plan
from synth.scene.ground_truth import GroundTruth, ground_truth
from synth.scene.lens.film_pictures import plates_through_lens
from synth.scene.scene_mesh import scene_geometry
from synth.workers.pool import TASK_LIMIT, Attempt, Report, work_through
from synth.workers.processes import ProcessPool

_CLIPS_PER_PROCESS = 1000  # nothing leaks


@dataclass(frozen=True)
class InspectionTask:
    """A clip by its path in the folder, and its row in the folder's plan, where that has one."""

    stem: str
    planned: PlanRow | None


@dataclass(frozen=True)
class Inspection:
    """What was found of a clip.

    The `results` of its checks (None where its files could not be read that far), what is `wrong` with
    it, and files that are `missing`.
    """

    stem: str
    results: ClipResults | None
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InspectionSettings:
    """What clips are inspected with.

    The folder of the clips, their bodies, the photographs and environments behind them, if these are at
    hand, and whether the folder has a plan.
    """

    folder: Path
    bodies: BodySource
    backgrounds: Path | None
    planned: bool
    environments: Path | None = None


def inspect(
    folder: Path,
    *,
    clips: int | None = None,
    workers: int | None = None,
    bodies: BodySource | None = None,
    backgrounds: Path | None = None,
    environments: Path | None = None,
) -> list[Inspection]:
    """Check published clips from their files.

    Args:
        folder: a film folder.
        clips: so many of its clips, evenly spread; None: all, and films without information are listed
            with what is missing.
        workers: processes; None: one per core.
        bodies: the bodies that the clips were made with; None: the free body.
        backgrounds: the folder of the photographs behind the films, if it is at hand.
        environments: the folder of the environments behind the films, if it is at hand.

    Returns:
        An inspection per clip, in the order of their names.

    Raises:
        BadInput: a folder without clips, a damaged plan, or a body that cannot be loaded.
    """
    folder = Path(folder)
    if workers is not None and workers < 1:
        raise BadInput(f"--workers {workers}: expected at least 1")
    stems = find_clips(folder, clips)
    bodies = bodies or BodySource()
    plan = folder / "plan.jsonl"
    rows = {row.stem: row for row in read_plan(plan)} if plan.is_file() else {}
    inspections: list[Inspection] = []
    with tqdm(total=len(stems), unit="clip", desc="checking") as bar:

        def on_attempt(attempt: Attempt) -> None:
            if attempt.reason is None:
                inspections.append(attempt.result)
                bar.update()

        settings = InspectionSettings(
            folder=folder,
            bodies=bodies,
            backgrounds=backgrounds,
            environments=environments,
            planned=bool(rows),
        )
        result = work_through(
            [InspectionTask(stem, rows.get(stem)) for stem in stems],
            ProcessPool(open_inspection, settings, not_retried=(BadInput,)),
            workers=min(workers or os.cpu_count() or 1, len(stems)),
            tasks_per_process=_CLIPS_PER_PROCESS,
            on_attempt=on_attempt,
            limit=TASK_LIMIT,
        )
    inspections += [Inspection(f.task.stem, None, (f.reason,), ()) for f in result.failures]
    if clips is None:
        inspections += [
            Inspection(stem, None, (), (stem + INFO,)) for stem in _without_info(folder)
        ]
    return sorted(inspections, key=lambda inspection: inspection.stem)


@contextmanager
def open_inspection(
    settings: InspectionSettings,
) -> Iterator[Callable[[InspectionTask, Report], Inspection]]:
    """For a worker process: gives `work(task, progress)`."""
    torch.set_num_threads(1)
    bodies = FilmBodies(settings.bodies)
    yield lambda task, progress: inspect_clip(task, settings, bodies)


def inspect_clip(
    task: InspectionTask, settings: InspectionSettings, bodies: FilmBodies
) -> Inspection:
    """Check one clip. Raises BadInput where it was made with another body than `bodies`."""
    stem = settings.folder / task.stem
    try:
        info = read_info(stem)
        row = row_of(info)
        if (row.width, row.height) != tuple(info["image_size"][0].tolist()):
            raise ValueError(f"image_size is not the {row.width}x{row.height} of its plan_row")
        if people_of(info, Path(f"{stem}{INFO}")) != len(row.genders):
            raise ValueError(f"people is not the {len(row.genders)} of its plan_row")
    except ValueError as error:  # BadInput is one
        return Inspection(task.stem, None, (_named(error, stem),), ())
    suffixes = [end for end in row_files(row) if end != INFO]
    missing = tuple(
        task.stem + suffix for suffix in suffixes if not Path(f"{stem}{suffix}").is_file()
    )
    rotation = compare_with_limits(rotation_figures(_rotations(info)), ROTATION)
    if rotation.findings:  # no camera, so nothing else can be looked at
        clip_results = ClipResults({ROTATION.name: rotation})
        return Inspection(task.stem, clip_results, clip_results.findings, missing)
    clip_bodies = bodies.load_for_clip(row.genders, info, stem)
    try:
        posed_clip = posed_clip_of(info)
        stored = stored_channels(stem)
        dense = read_channels(stem, frames=len(posed_clip))
    except ValueError as error:
        return Inspection(task.stem, None, (_named(error, stem),), missing)
    channels: dict[str, Any] = {"parts": None, **joint_truth(info), **dense}
    truth = GroundTruth(**channels)
    frames, rate, film = _film(Path(f"{stem}.mp4"), mirrored=row.film_mirrored)
    sharp, film = _sharp_film(stem, row, film)
    damage = _published_results(stem)
    if task.planned is None and settings.planned:
        damage += (f"{stem}: not in the folder's plan.jsonl",)
    scene = scene_geometry(posed_clip, clip_bodies)
    background = clip_background(
        row,
        posed_clip,
        scene.joints,
        photographs=settings.backgrounds,
        environments=settings.environments,
    )
    recomputed = ground_truth(
        scene.vertices,
        scene.joints,
        scene.mesh,
        posed_clip.cameras,
        channels=[*stored],
        tracks=row.tracks,
        seed=row.seed,
        background=background.geometry(),
    )
    plates: Sequence[np.ndarray] | None = None
    if background.files_given:
        try:
            pictures = list(background.pictures())
            plates = plates_through_lens(pictures, posed_clip.cameras, row.lens)
        except BadInput as error:
            missing += (str(error),)
    data = ClipData(
        row=row,
        posed_clip=posed_clip,
        truth=truth,
        mesh=scene.mesh,
        vertices=scene.vertices,
        joints=scene.joints,
        frames=frames,
        rate=rate,
        sharp=sharp,
        plates=plates,
        recomputed=recomputed,
        planned=task.planned,
    )
    results = run_checks(data)
    if film:
        results["film"] = CheckResult(findings=(film,))
    clip_results = ClipResults(results)
    return Inspection(task.stem, clip_results, (*clip_results.findings, *damage), missing)


def _film(path: Path, *, mirrored: bool) -> tuple[np.ndarray | None, float | None, str]:
    """Frames and frame rate of a film, or what is wrong with it; none where it is missing."""
    if not path.is_file():
        return None, None, ""
    try:
        return read_video(path, mirrored=mirrored), frame_rate(path), ""
    except BadInput as error:
        return None, None, str(error)


def _sharp_film(stem: Path, row: PlanRow, film: str) -> tuple[np.ndarray | None, str]:
    """Frames of the film without its lens, if it is kept, and what is wrong with either film."""
    if not row.lens.sharp:
        return None, film
    path = Path(f"{stem}{SHARP}")
    frames, _, damage = _film(path, mirrored=row.film_mirrored)
    if frames is not None and frames.shape[0] != row.frames:
        damage = f"{path}: {frames.shape[0]} frames, expected {row.frames}; render the clip again"
    return (None if damage else frames), "; ".join(text for text in (film, damage) if text)


def _published_results(stem: Path) -> tuple[str, ...]:
    """What is wrong with the results that were published with the clip, if any were."""
    if not has_clip_results(stem):
        return ()
    try:
        good = read_clip_results(stem)["good"]
    except BadInput as error:
        return (str(error),)
    return () if good else (f"{stem}: its published checks say that the clip is bad",)


def _rotations(info: dict[str, Any]) -> np.ndarray:
    """(T+2,3,3), as they lie in the file."""
    return np.moveaxis(np.concatenate([info["R"], info["R_ends"]], axis=-1), -1, 0)


def _without_info(folder: Path) -> list[str]:
    """Films whose information is not there."""
    films = [path.relative_to(folder) for path in folder.rglob("*.mp4")]
    stems = [
        path.as_posix().removesuffix(SHARP).removesuffix(".mp4")
        for path in films
        if not any(name.startswith(".partial-") for name in path.parts)
    ]
    return [stem for stem in dict.fromkeys(stems) if not Path(f"{folder / stem}{INFO}").is_file()]


def _named(error: ValueError, stem: Path) -> str:
    """The error's line, which names a file."""
    return str(error) if isinstance(error, BadInput) else f"{stem}{INFO}: {error}"
