"""Where a row of the plan becomes a clip: body, cameras, picture, ground truth, checks, files.

A clip is a pure function of its row and of the files that the row names. A studio lives in a worker
process and keeps what clips share: the bodies, the scene, the last motion.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import synth
from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.bodies.skinning import Skinning
from mocap.library.motion_library import MotionEntry, load_motion
from mocap.motion import Motion
from synth.checks.clip_checks import CheckFailed, Outcome, run_checks
from synth.checks.clip_data import Evidence
from synth.checks.clip_results import SUFFIX, Verdict, write_verdict
from synth.clips.channel_files import write_channels
from synth.clips.clip import publish, stem_in
from synth.clips.clip_info import info_fields, planned_clip, write_info
from synth.films.film_encoder import Reel
from synth.plans.plan_row import PlanRow
from synth.scene.blender import FilmScene
from synth.scene.ground_truth import ground_truth
from synth.scene.light import light_of
from synth.scene.raster import RasterScene
from synth.scene.posed_clip import PosedClip, skin_clip
from synth.workers.pool import uninterrupted

REPORT_EVERY = 10  # frames


@dataclass(frozen=True)
class StudioSettings:
    """Folders that the rows' paths are relative to, and how to render.

    ``entries`` maps a row's source to its motion. ``partial`` is where clips lie until they are
    whole, ``scratch`` where Blender writes single frames (memory, best; None: one of its own).
    """

    entries: dict[str, MotionEntry]
    bodies: BodySource
    textures: Path
    backgrounds: Path | None
    environments: Path | None
    out: Path
    partial: Path
    scratch: Path | None
    device: str
    threads: int


@dataclass(frozen=True)
class Filmed:
    """What making a clip took: seconds in all and in the renderer, bytes written; and what its checks
    measured."""

    seconds: float
    render_seconds: float
    bytes: int
    figures: dict[str, float]


@contextmanager
def open_studio(settings: StudioSettings) -> Iterator[Callable]:
    """A studio for a worker process: gives ``film(row, progress)``."""
    torch.set_num_threads(1)  # the same bytes however many workers share the machine
    studio = Studio(settings)
    try:
        yield studio.film
    finally:
        studio.close()


class Studio:
    """Films one row at a time."""

    def __init__(self, settings: StudioSettings):
        self.settings = settings
        self._bodies: dict[str, tuple[Body, Skinning]] = {}
        self._scene: FilmScene | RasterScene | None = None
        self._scene_key: tuple | None = None
        self._motion: tuple[tuple, Motion] | None = None

    def close(self) -> None:
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def film(self, row: PlanRow, progress: Callable[[int], None]) -> Filmed:
        """Make and publish the clip of ``row``.

        Ground truth and encoding go on beside the renderer, which leaves cores idle between its frames.
        ``progress`` is told of rendered frames. Raises BadInput for input that cannot be used,
        CheckFailed for a clip that contradicts itself, BlenderError.
        """
        began = time.perf_counter()
        settings = self.settings
        body, skinning = self._body(row.gender)
        posed_clip = planned_clip(row, self._load_motion(row, body), body)
        vertices, joints = skin_clip(posed_clip, skinning)
        folder = settings.partial / row.stem.replace("/", "__")
        try:
            stem = stem_in(folder, row)
            reel = Reel(Path(f"{stem}.mp4"), row, posed_clip, backgrounds=settings.backgrounds)
            scene = self._open_scene(row, body)
            versions = self._versions(body)
            with ThreadPoolExecutor(2) as beside:
                labelled = beside.submit(
                    _labelled, row, body, posed_clip, vertices, joints, stem, versions
                )
                developed = beside.submit(reel.develop)

                def made(rgba: np.ndarray) -> None:
                    if developed.done():  # before the last picture: it failed
                        developed.result()
                    reel.put(rgba)

                try:
                    drawn, render_seconds = self._render(
                        scene, row, posed_clip, vertices, joints, made, progress
                    )
                finally:
                    reel.end()
                evidence, outcomes = labelled.result()
                frames, rate = developed.result()
            evidence = evidence.with_film(
                frames=frames, rate=rate, rendered=reel.frames, drawn=drawn
            )
            verdict = Verdict(run_checks(evidence, known=outcomes))
            _demand_good(verdict)
            write_verdict(Path(f"{stem}{SUFFIX}"), verdict)
            size = sum(path.stat().st_size for path in folder.iterdir())
            with uninterrupted():
                publish(folder, settings.out, row)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Filmed(time.perf_counter() - began, render_seconds, size, verdict.figures)

    def _body(self, gender: str) -> tuple[Body, Skinning]:
        if gender not in self._bodies:
            body = self.settings.bodies.load(gender)
            self._bodies[gender] = body, Skinning(body)
        return self._bodies[gender]

    def _load_motion(self, row: PlanRow, body: Body) -> Motion:
        key = (row.source, row.fps, body.name)
        if self._motion is None or self._motion[0] != key:
            motion = load_motion(self.settings.entries[row.source], body, fps=row.fps)
            self._motion = (key, motion)
        return self._motion[1]

    def _render(
        self,
        scene: FilmScene | RasterScene,
        row: PlanRow,
        posed_clip: PosedClip,
        vertices: np.ndarray,
        joints: np.ndarray,
        made: Callable[[np.ndarray], None],
        progress: Callable[[int], None],
    ) -> tuple[np.ndarray, float]:
        """Where the pictures show more body than background, (T,H,W) bool, and seconds spent in the
        renderer. ``made`` is given each picture's RGBA as it is there."""
        settings = self.settings
        cameras = posed_clip.cameras[1:-1]
        scene.dress(settings.textures / row.texture)
        light = light_of(row.light)
        if "file" in row.light:
            light = replace(light, file=str(settings.environments / light.file))
        middle = joints[1:-1, 0].mean(axis=0)
        scene.light(light, ground=(float(middle[0]), 0.0, float(middle[2])))
        drawn = np.empty((row.frames, row.height, row.width), bool)
        spent = 0.0
        for index, camera in enumerate(cameras):
            began = time.perf_counter()
            scene.look(camera)
            picture = scene.render(vertices[index + 1], seed=row.seed + index)
            spent += time.perf_counter() - began
            drawn[index] = picture.body > 0.5
            made(picture.rgba)
            if (index + 1) % REPORT_EVERY == 0:
                progress(REPORT_EVERY)
        progress(row.frames % REPORT_EVERY)
        return drawn, spent

    def _open_scene(self, row: PlanRow, body: Body) -> FilmScene | RasterScene:
        # Bodies of several genders share a scene where they share faces and UVs.
        same = self._scene_key is not None and self._scene_key[1] is not None
        same = same and np.array_equal(self._scene_key[1].faces, body.faces)
        same = same and np.array_equal(self._scene_key[1].uv_faces, body.uv_faces)
        wanted = (row.engine, row.width, row.height, row.samples)
        if self._scene is None or not same or self._scene_key[0] != wanted:
            self.close()
            shared = {
                "faces": body.faces,
                "uv": body.uv,
                "uv_faces": body.uv_faces,
                "vertex_count": len(body.template),
                "width": row.width,
                "height": row.height,
                "samples": row.samples,
            }
            if row.engine == "raster":
                self._scene = RasterScene(**shared)
            else:
                settings = self.settings
                self._scene = FilmScene(
                    **shared,
                    device=settings.device,
                    threads=settings.threads,
                    scratch=settings.scratch,
                )
            self._scene_key = (wanted, body)
        return self._scene

    def _versions(self, body: Body) -> dict[str, str]:
        return {
            "surrealpp": synth.__version__,
            "renderer": self._scene.version,
            "body": body.name,
            "body_build": body.build,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        }


def _labelled(
    row: PlanRow,
    body: Body,
    posed_clip: PosedClip,
    vertices: np.ndarray,
    joints: np.ndarray,
    stem: Path,
    versions: dict[str, str],
) -> tuple[Evidence, dict[str, Outcome]]:
    """Compute and write the ground truth and the information of a clip; the evidence but for the film,
    and what the checks say of it."""
    truth = ground_truth(
        vertices,
        joints,
        body,
        posed_clip.cameras,
        channels=row.channels,
        tracks=row.tracks,
        seed=row.seed,
    )
    evidence = Evidence(
        row=row, posed_clip=posed_clip, truth=truth, body=body, vertices=vertices, joints=joints
    )
    outcomes = run_checks(evidence)
    _demand_good(Verdict(outcomes))
    write_channels(stem, truth, row.channels, row.layout)
    write_info(f"{stem}_info.mat", info_fields(row, truth, posed_clip, versions=versions))
    return evidence, outcomes


def _demand_good(verdict: Verdict) -> None:
    if not verdict.good:
        raise CheckFailed("; ".join(verdict.findings))
