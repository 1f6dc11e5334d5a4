"""A clip whose film shows what its ground truth says, for tests of checks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from synth.checks.clip_data import ClipData
from synth.clips.video_files import frame_rate, read_video, write_video
from synth.scene.backdrop import backdrops
from synth.scene.ground_truth import CHANNELS
from synth.scene.lights.registry import light_from_fields
from synth.scene.picture import composite
from synth.scene.posed_clip import skin_clip
from synth.scene.raster import RasterRenderer
from tests.synth.film_clip import ExampleClip, make_clip

LIGHT = {"kind": "sh", "coefficients": [0.9, 0.2, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0]}


def noise_texture(path: Path, *, size: int = 256) -> Path:
    """Cloth that tells one place from the next: coloured noise, coarse enough to survive a film."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 255, size=(size // 8, size // 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))
    return path


def film(made: ExampleClip, body: Body, folder: Path) -> ClipData:
    """The clip rendered by the raster engine, encoded and decoded."""
    row, posed_clip = made.row, made.posed_clip
    vertices, joints = skin_clip(posed_clip, Skinning(body))
    renderer = RasterRenderer(body.mesh, height=row.height, width=row.width, samples=10)
    renderer.set_texture(noise_texture(folder / "noise.png"))
    renderer.set_light(light_from_fields(row.light))
    plates = backdrops(row.background, posed_clip.cameras[1:-1], folder=None)
    frames, silhouettes = np.empty_like(made.frames), np.empty(made.frames.shape[:3], bool)
    for index, camera in enumerate(posed_clip.cameras[1:-1]):
        renderer.set_camera(camera)
        picture = renderer.render(vertices[index + 1])
        frames[index] = composite(picture.rgba, plates[index])
        silhouettes[index] = picture.body > 0.5
    write_video(folder / "film.mp4", frames, row.fps)
    return ClipData(
        row=row,
        posed_clip=posed_clip,
        truth=made.truth,
        mesh=body.mesh,
        vertices=vertices,
        joints=joints,
        frames=read_video(folder / "film.mp4"),
        rate=frame_rate(folder / "film.mp4"),
        rendered=frames,
        silhouettes=silhouettes,
        plates=plates,
        recomputed=made.truth,
        planned=row,
    )


def filmed_clip(body: Body, folder: Path, **changes) -> ClipData:
    """Somebody who leaps past the camera, with every channel."""
    changes = {
        "step": (0.05, 0.03, 0.02),
        "channels": CHANNELS,
        "tracks": 200,
        "light": LIGHT,
        **changes,
    }
    return film(make_clip(body, **changes), body, folder)
