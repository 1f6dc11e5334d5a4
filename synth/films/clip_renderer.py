"""From a row of the plan to a clip: body, cameras, picture, ground truth, checks, files.

A clip is a pure function of its row and of the files that the row names. A renderer lives in a worker
process and keeps what clips share: the bodies, the engine's renderer, the last motion.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import synth
from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning
from mocap.library.motion_library import MotionEntry, load_motion
from mocap.motion import Motion
from synth.checks.check import CheckFailed, CheckResult
from synth.checks.clip_checks import run_checks
from synth.checks.clip_data import ClipData
from synth.checks.clip_results import SUFFIX, ClipResults, write_clip_results
from synth.clips.channel_files import write_channels
from synth.clips.clip import publish, stem_in
from synth.clips.clip_info import clip_background, info_fields, planned_clip, write_info
from synth.films.checksums import clip_checksums
from synth.films.film_encoder import FilmEncoder
from synth.plans.plan_row import MAX_PEOPLE, PlanRow
from synth.scene.engines import ENGINES
from synth.scene.ground_truth import GroundTruth, ground_truth
from synth.scene.lens.motion_blur import ShutterPicture, render_through_shutter
from synth.scene.lights.registry import light_from_fields
from synth.scene.posed_clip import PosedClip, ground_point
from synth.scene.renderer import Renderer, RenderHardware
from synth.scene.scene_mesh import SceneGeometry, scene_geometry
from synth.workers.pool import Report, uninterrupted
from textures.library import read_texture

REPORT_EVERY = 10  # frames


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Folders that the rows' paths are relative to, and how to render.

    `entries` maps a row's source to its motion. `partial` is where clips lie until they are
    whole, `scratch` where Blender writes single frames (memory, best; None: one of its own).
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
class RenderedClip:
    """What making a clip took, and what its checks measured.

    Seconds in all and, of these, in the renderer; bytes written; the SHA-256 of each file by its
    suffix.
    """

    seconds: float
    render_seconds: float
    bytes: int
    checksums: dict[str, str]
    figures: dict[str, float]


@contextmanager
def open_clip_renderer(
    settings: RenderSettings,
) -> Iterator[Callable[[PlanRow, Report], RenderedClip]]:
    """For a worker process: gives the method `ClipRenderer.film`."""
    torch.set_num_threads(1)  # the same bytes however many workers share the machine
    renderer = ClipRenderer(settings)
    try:
        yield renderer.film
    finally:
        renderer.close()


class ClipRenderer:
    """Films one row at a time."""

    def __init__(self, settings: RenderSettings):
        self.settings = settings
        self._bodies: dict[str, tuple[Body, Skinning]] = {}
        self._engine: Renderer | None = None
        self._engine_key: tuple[str, int, int, int] | None = None
        self._engine_mesh: Mesh | None = None
        self._motions: dict[tuple[str, float, str], Motion] = {}

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def film(self, row: PlanRow, progress: Report) -> RenderedClip:
        """Render, check and publish the clip of `row`.

        Ground truth, its checks, its files and the film are made beside the renderer, each on a thread
        and as soon as there is what it works on.

        Args:
            row: a row of the plan, whose motion is among the settings' entries.
            progress: called with numbers of rendered frames.

        Returns:
            What it took.

        Raises:
            BadInput: input that cannot be used.
            CheckFailed: the clip contradicts itself.
            BlenderError: the renderer fails.
        """
        began = time.perf_counter()
        settings = self.settings
        bodies = [self._body(gender) for gender in row.genders]
        body = bodies[0][0]
        companions = [
            (self._load_motion(figure.source, row.fps, other), other)
            for figure, (other, _) in zip(row.figures, bodies[1:])
        ]
        motion = self._load_motion(row.source, row.fps, body)
        posed_clip = planned_clip(row, motion, body, companions=companions)
        scene = scene_geometry(posed_clip, bodies, texture_sizes=self._texture_sizes(row))
        folder = settings.partial / row.stem.replace("/", "__")
        try:
            stem = stem_in(folder, row)
            background = clip_background(
                row,
                posed_clip,
                scene.joints,
                photographs=settings.backgrounds,
                environments=settings.environments,
            )
            encoder = FilmEncoder(Path(f"{stem}.mp4"), row, posed_clip, background)
            engine = self._open_engine(row, scene.shaded_mesh)
            versions = _versions(engine, body)
            with ThreadPoolExecutor(4) as threads:
                labelling = threads.submit(
                    ground_truth,
                    scene.vertices,
                    scene.joints,
                    scene.mesh,
                    posed_clip.cameras,
                    channels=row.channels,
                    tracks=row.tracks,
                    seed=row.seed,
                    background=background.geometry(),
                )

                def check() -> tuple[ClipData, dict[str, CheckResult]]:
                    data = ClipData(
                        row=row,
                        posed_clip=posed_clip,
                        truth=labelling.result(),
                        mesh=scene.mesh,
                        vertices=scene.vertices,
                        joints=scene.joints,
                    )
                    return data, run_checks(data)

                checking = threads.submit(check)
                writing = threads.submit(
                    lambda: _write_labels(row, labelling.result(), posed_clip, versions, stem)
                )
                encoding = threads.submit(encoder.encode)

                def encode(picture: ShutterPicture) -> None:
                    if encoding.done():  # before the last picture: it failed
                        encoding.result()
                    encoder.add(picture)

                try:
                    silhouettes, render_seconds = self._render(
                        engine, row, posed_clip, scene, encode, progress
                    )
                finally:
                    encoder.finish()
                data, results = checking.result()
                _require_good(ClipResults(results))  # first: what is written of bad labels may fail
                writing.result()
                frames, rate = encoding.result()
            data = data.with_film(
                frames=frames,
                rate=rate,
                rendered=encoder.frames,
                silhouettes=silhouettes,
                sharp=encoder.sharp,
            )
            clip_results = ClipResults(run_checks(data, earlier=results))
            _require_good(clip_results)
            if row.film_mirrored:
                fields = info_fields(
                    row, data.truth, posed_clip, versions=versions, check=clip_results.to_json()
                )
                write_info(f"{stem}_info.mat", fields)
            else:
                write_clip_results(Path(f"{stem}{SUFFIX}"), clip_results)
            size = sum(path.stat().st_size for path in folder.iterdir())
            checksums = clip_checksums(stem, row)
            with uninterrupted():
                publish(folder, settings.out, row)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return RenderedClip(
            time.perf_counter() - began, render_seconds, size, checksums, clip_results.figures
        )

    def _body(self, gender: str) -> tuple[Body, Skinning]:
        if gender not in self._bodies:
            body = self.settings.bodies.load(gender)
            self._bodies[gender] = body, Skinning(body)
        return self._bodies[gender]

    def _load_motion(self, source: str, fps: float, body: Body) -> Motion:
        """The motion of a file, one of those used last or read."""
        key = (source, fps, body.name)
        motion = self._motions.pop(key, None)
        if motion is None:
            motion = load_motion(self.settings.entries[source], body, fps=fps)
        self._motions[key] = motion  # the last one
        while len(self._motions) > MAX_PEOPLE:
            del self._motions[next(iter(self._motions))]
        return motion

    def _render(
        self,
        engine: Renderer,
        row: PlanRow,
        posed_clip: PosedClip,
        scene: SceneGeometry,
        encode: Callable[[ShutterPicture], None],
        progress: Report,
    ) -> tuple[np.ndarray, float]:
        """Render every frame and give it to `encode`.

        Returns the silhouettes, (T,H,W) bool, true where a picture shows more body than background,
        and the seconds spent in the renderer.
        """
        settings = self.settings
        cameras = posed_clip.cameras
        pictures = scene.textures([settings.textures / texture for texture in row.textures])
        for instance, texture in enumerate(pictures, 1):
            engine.set_texture(texture, instance=instance)
        light = light_from_fields(row.light).with_files_in(settings.environments)
        engine.set_light(light, ground=ground_point(scene.joints))
        silhouettes = np.empty((row.frames, row.height, row.width), bool)
        spent = 0.0
        for index in range(row.frames):
            began = time.perf_counter()
            picture = render_through_shutter(
                engine,
                [*scene.vertices[index : index + 3]],
                cameras[index : index + 3],
                shutter=row.lens.shutter,
                samples=row.samples,
                seed=row.seed + index,
            )
            spent += time.perf_counter() - began
            silhouettes[index] = picture.sharp.body > 0.5
            encode(picture)
            if (index + 1) % REPORT_EVERY == 0:
                progress(REPORT_EVERY)
        progress(row.frames % REPORT_EVERY)
        return silhouettes, spent

    def _texture_sizes(self, row: PlanRow) -> tuple[int, ...]:
        """Texels along the side of each person's texture, where somebody wears a fabric; else none."""
        if not any(row.clothes_of_people):
            return ()
        return tuple(len(read_texture(self.settings.textures / name)) for name in row.textures)

    def _open_engine(self, row: PlanRow, mesh: Mesh) -> Renderer:
        """The renderer of a row, opened anew where the last one was of another format or topology."""
        key = (row.engine, row.height, row.width, row.samples)
        if self._engine is None or self._engine_key != key or not self._has_topology_of(mesh):
            self.close()
            settings = self.settings
            self._engine = ENGINES[row.engine].open(
                mesh,
                height=row.height,
                width=row.width,
                samples=row.samples,
                hardware=RenderHardware(
                    device=settings.device, threads=settings.threads, scratch=settings.scratch
                ),
            )
            self._engine_key, self._engine_mesh = key, mesh
        return self._engine

    def _has_topology_of(self, mesh: Mesh) -> bool:
        """Scenes share a renderer where they share faces and UVs, as bodies of several genders do."""
        last = self._engine_mesh
        return (
            last is not None
            and np.array_equal(last.faces, mesh.faces)
            and np.array_equal(last.uv_faces, mesh.uv_faces)
            and np.array_equal(last.uv, mesh.uv)
            and last.instances == mesh.instances
        )


def _versions(engine: Renderer, body: Body) -> dict[str, str]:
    return {
        "surrealpp": synth.__version__,
        "renderer": engine.version,
        "body": body.name,
        "body_build": body.build,
        "numpy": np.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _write_labels(
    row: PlanRow, truth: GroundTruth, posed_clip: PosedClip, versions: dict[str, str], stem: Path
) -> None:
    """Write the channels of a clip and, where it does not hold what the checks say, its `_info.mat`."""
    write_channels(stem, truth, row.channels, row.layout, cameras=posed_clip.cameras)
    if not row.film_mirrored:
        write_info(f"{stem}_info.mat", info_fields(row, truth, posed_clip, versions=versions))


def _require_good(results: ClipResults) -> None:
    if not results.good:
        raise CheckFailed("; ".join(results.findings))
