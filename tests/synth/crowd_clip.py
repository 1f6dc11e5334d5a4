"""A clip of three people and two occluders, made without Blender, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.motion import Motion
from synth.checks.clip_data import ClipData
from synth.clips.clip_info import planned_clip
from synth.clips.video_files import frame_rate, read_video, write_video
from synth.plans.plan_row import FigureRow
from synth.scene.backdrop import backdrops
from synth.scene.ground_truth import CHANNELS, ground_truth
from synth.scene.lights.registry import light_from_fields
from synth.scene.occluders import OccluderDraw
from synth.scene.picture import composite
from synth.scene.raster import RasterRenderer
from synth.scene.scene_mesh import SceneGeometry, scene_geometry
from tests.synth.film_clip import ExampleClip, make_row
from tests.synth.filmed_clip import LIGHT, noise_texture


def swinging_motion(body: Body, *, frames: int = 60, pace: float = 0.02) -> Motion:
    """Somebody who walks along +z and swings arms and legs."""
    time = np.arange(frames)
    pose = np.zeros((frames, 72), np.float32)
    for joint, swing in ((1, 0.5), (2, -0.5), (4, 0.2), (16, -0.3), (17, 0.3)):
        pose[:, 3 * joint] = swing * np.sin(time / 5)
    translation = np.zeros((frames, 3), np.float32)
    translation[:, 2] = pace * time
    translation[:, 1] = -body.template[:, 1].min()
    return Motion(pose, translation, 30.0, "01", "01", "01_01", "made")


def crowd_row(
    body: Body, *, people: int = 3, occluders: tuple[str, ...] = ("box", "plant"), **changes
):
    """A row of several people and occluders, every channel asked for."""
    rng = np.random.default_rng(8)
    figures = tuple(
        FigureRow(
            sequence=f"02_0{number}",
            subject="02",
            source=f"02/02_0{number}.amc",
            start=3 * number,
            gender="neutral",
            betas=tuple(rng.uniform(-1, 1, 10).astype(np.float32).tolist()),
            texture=f"000{number}.png",
            identity=f"000{number}",
            heading=2.0 * number,
            seed=number,
        )
        for number in range(2, people + 1)
    )
    draws = tuple(OccluderDraw(kind=kind, seed=40 + n) for n, kind in enumerate(occluders))
    made = {"frames": 4, "start": 20, "tracks": 80, "layout": "compact", "light": LIGHT}
    made |= {"channels": CHANNELS, "background": {"painted": 3}}
    return make_row(body, figures=figures, occluders=draws, **(made | changes))


def make_crowd(body: Body, **changes) -> tuple[ExampleClip, SceneGeometry]:
    """The clip of `crowd_row`, and its moving mesh."""
    row = crowd_row(body, **changes)
    motion = swinging_motion(body)
    companions = [(swinging_motion(body, pace=0.01 * n), body) for n in range(len(row.figures))]
    posed_clip = planned_clip(row, motion, body, companions=companions)
    scene = scene_geometry(posed_clip, [(body, Skinning(body))] * len(row.genders))
    truth = ground_truth(
        scene.vertices,
        scene.joints,
        scene.mesh,
        posed_clip.cameras,
        channels=row.channels,
        tracks=row.tracks,
        seed=row.seed,
    )
    picture = np.repeat(10 * truth.parts[..., None], 3, axis=-1)
    return ExampleClip(row, posed_clip, truth, picture, body.name, body.build), scene


def filmed_crowd(body: Body, folder: Path, **changes) -> ClipData:
    """The clip rendered by the raster engine, encoded and decoded."""
    made, scene = make_crowd(body, **changes)
    row, posed_clip = made.row, made.posed_clip
    renderer = RasterRenderer(scene.shaded_mesh, height=row.height, width=row.width, samples=10)
    noise = noise_texture(folder / "noise.png")
    for instance, texture in enumerate(scene.textures([noise] * len(row.genders)), 1):
        renderer.set_texture(texture, instance=instance)
    renderer.set_light(light_from_fields(row.light))
    plates = backdrops(row.background, posed_clip.cameras[1:-1], folder=None)
    frames, silhouettes = np.empty_like(made.frames), np.empty(made.frames.shape[:3], bool)
    for index, camera in enumerate(posed_clip.cameras[1:-1]):
        renderer.set_camera(camera)
        picture = renderer.render(scene.vertices[index + 1])
        frames[index] = composite(picture.rgba, plates[index])
        silhouettes[index] = picture.body > 0.5
    write_video(folder / "film.mp4", frames, row.fps)
    return ClipData(
        row=row,
        posed_clip=posed_clip,
        truth=made.truth,
        mesh=scene.mesh,
        vertices=scene.vertices,
        joints=scene.joints,
        frames=read_video(folder / "film.mp4"),
        rate=frame_rate(folder / "film.mp4"),
        rendered=frames,
        silhouettes=silhouettes,
        plates=plates,
        recomputed=made.truth,
        planned=row,
    )
