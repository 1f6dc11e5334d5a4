"""Published clips, checked from their files: what `synth check` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from synth.checks.clip_checks import CHECKS, Outcome, judge, run_checks
from synth.checks.clip_data import Evidence
from synth.checks.clip_results import SUFFIX, Verdict, read_verdict
from synth.checks.joint_checks import rotation_figures
from synth.clips.channel_files import channel_files, read_channels, stored_channels
from synth.clips.clip import INFO, find_clips
from synth.clips.clip_bodies import FilmBodies
from synth.clips.clip_info import joint_truth, read_info, row_of, posed_clip_of
from synth.clips.video_files import frame_rate, read_video
from synth.plans.plan_row import PlanRow, read_plan
from synth.scene.backdrop import backdrops
from synth.scene.ground_truth import GroundTruth, ground_truth
from synth.scene.posed_clip import skin_clip
from synth.workers.pool import Attempt, work_through
from synth.workers.processes import ProcessPool

_CLIPS_PER_PROCESS = 1000  # nothing leaks
_ROTATION = next(check for check in CHECKS if check.name == "rotation")


@dataclass(frozen=True)
class Suspect:
    """A clip by its path in the folder, and its row in the folder's plan, where that has one."""

    stem: str
    planned: PlanRow | None


@dataclass(frozen=True)
class Inspection:
    """What was found of a clip: its verdict (None where its files could not be read that far), what is
    ``wrong`` with it, and files that are ``missing``."""

    stem: str
    verdict: Verdict | None
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class InspectionSettings:
    """Where the clips are, their bodies, the photographs behind them, if these are at hand, and whether
    the folder has a plan."""

    folder: Path
    bodies: BodySource
    backgrounds: Path | None
    planned: bool


def inspect(
    folder: Path,
    *,
    clips: int | None = None,
    workers: int | None = None,
    bodies: BodySource | None = None,
    backgrounds: Path | None = None,
) -> list[Inspection]:
    """Check the clips in ``folder``, or ``clips`` of them, evenly spread, in ``workers`` processes (None:
    a core each); in the order of their names.

    Films without information are listed with what is missing. Raises BadInput for a folder without
    clips, a damaged plan and a body that cannot be loaded.
    """
    folder = Path(folder)
    if workers is not None and workers < 1:
        raise BadInput(f"--workers {workers}: expected at least 1")
    stems = find_clips(folder, clips)
    bodies = bodies or BodySource()
    plan = folder / "plan.jsonl"
    rows = {row.stem: row for row in read_plan(plan)} if plan.is_file() else {}
    found: list[Inspection] = []
    with tqdm(total=len(stems), unit="clip", desc="checking") as bar:

        def on_attempt(attempt: Attempt) -> None:
            if attempt.reason is None:
                found.append(attempt.result)
                bar.update()

        settings = InspectionSettings(folder, bodies, backgrounds, bool(rows))
        outcome = work_through(
            [Suspect(stem, rows.get(stem)) for stem in stems],
            ProcessPool(open_inspection, settings, not_retried=(BadInput,)),
            workers=min(workers or os.cpu_count() or 1, len(stems)),
            tasks_per_process=_CLIPS_PER_PROCESS,
            on_attempt=on_attempt,
        )
    found += [Inspection(f.task.stem, None, (f.reason,), ()) for f in outcome.failures]
    if clips is None:
        found += [Inspection(stem, None, (), (stem + INFO,)) for stem in _without_info(folder)]
    return sorted(found, key=lambda inspection: inspection.stem)


@contextmanager
def open_inspection(
    settings: InspectionSettings,
) -> Iterator[Callable[[Suspect, Callable[[int], None]], Inspection]]:
    """For a worker process: gives ``work(suspect, progress)``."""
    torch.set_num_threads(1)
    bodies = FilmBodies(settings.bodies)
    yield lambda suspect, progress: inspect_clip(suspect, settings, bodies)


def inspect_clip(suspect: Suspect, settings: InspectionSettings, bodies: FilmBodies) -> Inspection:
    """Check one clip. Raises BadInput where it was made with another body than ``bodies``."""
    stem = settings.folder / suspect.stem
    try:
        info = read_info(stem)
        row = row_of(info)
    except ValueError as error:  # BadInput is one
        return Inspection(suspect.stem, None, (_named(error, stem),), ())
    suffixes = [".mp4", *channel_files(row.channels, row.layout), SUFFIX]
    missing = tuple(
        suspect.stem + suffix for suffix in suffixes if not Path(f"{stem}{suffix}").is_file()
    )
    turned = judge(rotation_figures(_rotations(info)), _ROTATION)
    if turned.findings:  # no camera, so nothing else can be looked at
        verdict = Verdict({_ROTATION.name: turned})
        return Inspection(suspect.stem, verdict, verdict.findings, missing)
    body, skinning = bodies.of_clip(row.gender, info, stem)
    try:
        posed_clip = posed_clip_of(info)
        there = stored_channels(stem)
        dense = read_channels(stem, frames=len(posed_clip))
    except ValueError as error:
        return Inspection(suspect.stem, None, (_named(error, stem),), missing)
    truth = GroundTruth(**{"parts": None, **joint_truth(info), **dense})
    frames, rate, film = _film(stem)
    damage = _published_verdict(stem)
    if suspect.planned is None and settings.planned:
        damage += (f"{stem}: not in the folder's plan.jsonl",)
    vertices, joints = skin_clip(posed_clip, skinning)
    again = ground_truth(
        vertices,
        joints,
        body,
        posed_clip.cameras,
        channels=[*there],
        tracks=row.tracks,
        seed=row.seed,
    )
    plates = None
    if "painted" in row.background or settings.backgrounds is not None:
        try:
            plates = backdrops(row.background, posed_clip.cameras[1:-1], folder=settings.backgrounds)
        except BadInput as error:
            missing += (str(error),)
    evidence = Evidence(
        row=row,
        posed_clip=posed_clip,
        truth=truth,
        body=body,
        vertices=vertices,
        joints=joints,
        frames=frames,
        rate=rate,
        plates=plates,
        recomputed=again,
        planned=suspect.planned,
    )
    outcomes = run_checks(evidence)
    if film:
        outcomes["film"] = Outcome(findings=(film,))
    verdict = Verdict(outcomes)
    return Inspection(suspect.stem, verdict, (*verdict.findings, *damage), missing)


def _film(stem: Path) -> tuple[np.ndarray | None, float | None, str]:
    """Frames and frame rate of the clip's film, or what is wrong with it; none where it is missing."""
    path = Path(f"{stem}.mp4")
    if not path.is_file():
        return None, None, ""
    try:
        return read_video(path), frame_rate(path), ""
    except BadInput as error:
        return None, None, str(error)


def _published_verdict(stem: Path) -> tuple[str, ...]:
    """What is wrong with the verdict that was published with the clip, if one was."""
    if not Path(f"{stem}{SUFFIX}").is_file():
        return ()
    try:
        good = read_verdict(stem)["good"]
    except BadInput as error:
        return (str(error),)
    return () if good else (f"{stem}{SUFFIX}: says that the clip is bad",)


def _rotations(info: dict[str, Any]) -> np.ndarray:
    """(T+2,3,3), as they lie in the file."""
    return np.moveaxis(np.concatenate([info["R"], info["R_ends"]], axis=-1), -1, 0)


def _without_info(folder: Path) -> list[str]:
    """Films whose information is not there."""
    films = [path.relative_to(folder) for path in folder.rglob("*.mp4")]
    stems = [
        path.with_suffix("").as_posix()
        for path in films
        if not any(part.startswith(".partial-") for part in path.parts)
    ]
    return [stem for stem in stems if not Path(f"{folder / stem}{INFO}").is_file()]


def _named(error: ValueError, stem: Path) -> str:
    """The error's line, which names a file."""
    return str(error) if isinstance(error, BadInput) else f"{stem}{INFO}: {error}"
