"""What `render.py` takes the time of, on our side. Times are pairs: wall and CPU seconds a frame."""

from __future__ import annotations

import cProfile
import inspect
import pstats
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from render_shot import Shot

from synth.films.clip_renderer import ClipRenderer
from synth.plans.plan_row import PlanRow
from synth.scene.blender import BlenderRenderer, import_blender, quiet
from synth.scene.ground_truth import ground_truth
from synth.scene.picture import Picture, covered_box
from synth.scene.raster import RasterRenderer
from synth.scene.renderer import Renderer, RenderHardware
from textures.visibility.camera import Camera

FULL, RECTANGLE = "Cycles, full frame", "Cycles, rectangle"
SCENE, RASTER = "BlenderRenderer.render", "RasterRenderer.render"


def clocks() -> np.ndarray:
    """Wall and CPU seconds (2,); the latter of all threads of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def taken(run: Callable[[], object]) -> np.ndarray:
    """Wall and CPU seconds (2,) of a call."""
    begin = clocks()
    run()
    return clocks() - begin


def picture(renderer: Renderer, vertices: np.ndarray, camera: Camera, seed: int) -> Picture:
    """A frame as a worker renders it."""
    renderer.set_camera(camera)
    return renderer.render(vertices, seed=seed)


def raster_pictures(shot: Shot, samples: int, repeats: int) -> np.ndarray:
    """Of each repeat (R,2): the raster engine's frames alone."""
    row = shot.row
    with RasterRenderer(
        shot.body.mesh, height=row.height, width=row.width, samples=samples
    ) as renderer:
        renderer.set_texture(shot.texture)
        renderer.set_light(shot.light)

        def film() -> None:
            for frame, camera in enumerate(shot.posed_clip.cameras[1:-1]):
                picture(renderer, shot.vertices[frame + 1], camera, frame)

        return np.array([taken(film) for _ in range(repeats + 1)][1:]) / row.frames


def bare_calls(shot: Shot, samples: int, repeats: int) -> dict[str, np.ndarray]:
    """Of each repeat (R,2): Cycles alone on the whole frame and on the rectangle, and our scene.

    The three take turns on every frame, so that whatever else the machine does meets all. The bare
    calls find mesh and camera in place, write no file and give nothing back: nobody can be quicker
    with this Blender and this picture.
    """
    bpy = import_blender()
    row = shot.row
    out = {name: np.zeros((repeats + 1, row.frames, 2)) for name in (FULL, RECTANGLE, SCENE)}
    with BlenderRenderer(
        shot.body.mesh,
        height=row.height,
        width=row.width,
        samples=samples,
        hardware=RenderHardware(threads=shot.settings.threads),
    ) as renderer:
        renderer.set_texture(shot.texture)
        renderer.set_light(shot.light)
        mesh, render = bpy.data.objects["body"].data, bpy.context.scene.render

        def call() -> None:
            with quiet():
                bpy.ops.render.render()

        def prepare(vertices: np.ndarray, camera: Camera, *, whole: bool) -> None:
            renderer.set_camera(camera)
            mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
            mesh.update()
            render.use_border = not whole
            left, top, right, bottom = covered_box(vertices, camera)
            render.border_min_x, render.border_max_x = left / row.width, right / row.width
            render.border_min_y = 1 - bottom / row.height
            render.border_max_y = 1 - top / row.height

        for repeat in range(repeats + 1):
            for frame, camera in enumerate(shot.posed_clip.cameras[1:-1]):
                vertices = shot.vertices[frame + 1]
                for name in (FULL, RECTANGLE):
                    prepare(vertices, camera, whole=name == FULL)
                    out[name][repeat, frame] = taken(call)
                out[SCENE][repeat, frame] = taken(
                    partial(picture, renderer, vertices, camera, frame)
                )
    return {name: values[1:].mean(axis=1) for name, values in out.items()}


class TimeInCycles:
    """Wall and CPU seconds that Blender spent on rendering, from its own signals: synchronising the
    scene, building its tree and tracing, but not what is done with the picture."""

    def __init__(self) -> None:
        bpy = import_blender()
        self._spent, self._begin = np.zeros(2), np.zeros(2)

        @bpy.app.handlers.persistent
        def begin(*_: object) -> None:
            self._begin = clocks()

        @bpy.app.handlers.persistent
        def end(*_: object) -> None:
            self._spent = self._spent + clocks() - self._begin

        bpy.app.handlers.render_init.append(begin)
        bpy.app.handlers.render_post.append(end)

    def take(self) -> np.ndarray:
        """The seconds (2,) since the last time."""
        spent, self._spent = self._spent, np.zeros(2)
        return spent


def whole_clips(
    shot: Shot, rows: tuple[PlanRow, PlanRow], repeats: int, clock: TimeInCycles
) -> tuple[np.ndarray, np.ndarray]:
    """Of each repeat (R,2): the renderer's clip of the first row, and of that what was spent inside
    Cycles.

    Before each, the second row is filmed and not counted: a renderer keeps its last motion, and in a
    plan neighbouring clips are of different ones.
    """
    row, other = rows
    renderer = ClipRenderer(shot.settings)
    totals, inside = [], []
    try:
        for _ in range(repeats + 1):
            renderer.film(other, _unheard)
            clock.take()
            totals.append(taken(partial(renderer.film, row, _unheard)) / row.frames)
            inside.append(clock.take() / row.frames)
    finally:
        renderer.close()
    return np.array(totals[1:]), np.array(inside[1:])


def parts_of_a_clip(shot: Shot, rows: tuple[PlanRow, PlanRow]) -> dict[str, float]:
    """Wall seconds a frame of what the renderer calls in other files, largest first, of one profiled
    clip. The profiler itself takes time; the proportions are what counts.
    """
    row, other = rows
    renderer = ClipRenderer(shot.settings)
    profile = cProfile.Profile()
    try:
        renderer.film(row, _unheard)
        renderer.film(other, _unheard)
        profile.runcall(renderer.film, row, _unheard)
    finally:
        renderer.close()
    home = inspect.getfile(ClipRenderer)
    parts: dict[str, float] = {}
    for (file, _, function), (*_, callers) in pstats.Stats(profile).stats.items():
        for (caller, _, _), (*_, cumulative) in callers.items():
            if caller == home and file not in (home, "~"):
                name = f"{Path(file).stem}.{function}"
                parts[name] = parts.get(name, 0.0) + cumulative / row.frames
    return dict(sorted(parts.items(), key=lambda item: -item[1]))


def truth_alone(shot: Shot, channels: Sequence[str], repeats: int) -> np.ndarray:
    """Of each repeat (R,2): the ground truth of the clip in these channels."""
    run = partial(
        ground_truth,
        shot.vertices,
        shot.joints,
        shot.body,
        shot.posed_clip.cameras,
        channels=channels,
        tracks=shot.row.tracks,
        seed=shot.row.seed,
    )
    return np.array([taken(run) for _ in range(repeats + 1)][1:]) / shot.row.frames


def _unheard(frames: int) -> None:
    """Progress that nobody is told of."""
