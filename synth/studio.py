"""Where a row of the plan becomes a clip: body, camera, Blender, ground truth, checks, files.

A clip is a pure function of its row and of the files that the row names. A studio lives in a worker
process and keeps what clips share: the body, the Blender scene, the last motion.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import synth
from mocap.body import Body
from mocap.free_body import load_free_body
from mocap.library import MotionEntry, load_motion
from mocap.motion import Motion
from mocap.skinning import Skinning, skin
from synth.backgrounds import load_photograph, paint_background
from synth.blender import FilmScene
from synth.checks import check_flow, check_geometry, check_picture, check_video
from synth.clips import publish, read_video, write_clip
from synth.ground_truth import ground_truth
from synth.light import SphericalHarmonics
from synth.picture import composite
from synth.plan import PlanRow, clip_motion
from synth.workers import uninterrupted

REPORT_EVERY = 10  # frames


@dataclass(frozen=True)
class StudioSettings:
    """Folders that the rows' paths are relative to, and how to render.

    ``entries`` maps a row's source to its motion. ``partial`` is where clips lie until they are
    whole, ``scratch`` where Blender writes single frames (memory, best).
    """

    entries: dict[str, MotionEntry]
    textures: Path
    backgrounds: Path | None
    out: Path
    partial: Path
    scratch: Path
    device: str
    threads: int


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
        self.body: Body = load_free_body()
        self._skinning = Skinning(self.body)
        self._scene: FilmScene | None = None
        self._format: tuple[int, int, int] | None = None
        self._motion: tuple[str, float, Motion] | None = None
        self._versions: dict[str, str] = {}

    def close(self) -> None:
        if self._scene is not None:
            self._scene.close()

    def film(self, row: PlanRow, progress: Callable[[int], None]) -> dict[str, float]:
        """Make and publish the clip of ``row``; returns the figures of its checks.

        ``progress`` is told of rendered frames. Raises BadInput for input that cannot be used,
        CheckFailed for a clip that contradicts itself, BlenderError.
        """
        settings = self.settings
        motion = self._load_motion(row)
        betas = np.array(row.betas, np.float32)
        pose, translation, ends = clip_motion(
            motion, self.body, betas, start=row.start, frames=row.frames
        )
        vertices, joints = skin(self._skinning, pose=pose, betas=betas, translation=translation)
        truth = ground_truth(vertices, joints, self.body, row.camera, channels=row.channels)
        figures = check_geometry(row, truth) | check_flow(truth)
        frames, alpha = self._render(row, vertices[1:-1], progress)
        figures |= check_picture(alpha, truth)
        folder = settings.partial / row.stem.replace("/", "__")
        try:
            write_clip(
                folder,
                row,
                frames,
                truth,
                pose=pose[1:-1],
                translation=translation[1:-1],
                flow_ends=ends,
                versions=self._versions,
                checks=figures,
            )
            film = folder / f"{Path(row.stem).name}.mp4"
            figures |= check_video(read_video(film), frames)
            with uninterrupted():
                publish(folder, settings.out, row)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return figures

    def _load_motion(self, row: PlanRow) -> Motion:
        if self._motion is None or self._motion[:2] != (row.source, row.fps):
            motion = load_motion(self.settings.entries[row.source], self.body, fps=row.fps)
            self._motion = (row.source, row.fps, motion)
        return self._motion[2]

    def _render(
        self, row: PlanRow, vertices: np.ndarray, progress: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """RGB frames (T,H,W,3) uint8 and the body's alpha (T,H,W) float16."""
        settings = self.settings
        scene = self._open_scene(row)
        scene.dress(settings.textures / row.texture)
        scene.light(SphericalHarmonics(row.light))
        scene.look(row.camera)
        size = {"width": row.width, "height": row.height}
        if "photograph" in row.background:
            photograph = Path(settings.backgrounds) / row.background["photograph"]
            background = load_photograph(photograph, **size)
        else:
            background = paint_background(np.random.default_rng(row.background["painted"]), **size)
        frames = np.empty((row.frames, row.height, row.width, 3), np.uint8)
        alpha = np.empty(frames.shape[:3], np.float16)
        for index in range(row.frames):
            picture = scene.render(vertices[index], seed=row.seed + index)
            frames[index] = composite(picture.rgba, background)
            alpha[index] = picture.body
            if (index + 1) % REPORT_EVERY == 0:
                progress(REPORT_EVERY)
        progress(row.frames % REPORT_EVERY)
        return frames, alpha

    def _open_scene(self, row: PlanRow) -> FilmScene:
        wanted = (row.width, row.height, row.samples)
        if self._format != wanted:
            self.close()
            body = self.body
            self._scene = FilmScene(
                faces=body.faces,
                uv=body.uv,
                uv_faces=body.uv_faces,
                vertex_count=len(body.template),
                width=row.width,
                height=row.height,
                samples=row.samples,
                device=self.settings.device,
                threads=self.settings.threads,
                scratch=self.settings.scratch,
            )
            self._format = wanted
            self._versions = {
                "surrealpp": synth.__version__,
                "blender": self._scene.version,
                "body": self.body.name,
                "numpy": np.__version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            }
        return self._scene
