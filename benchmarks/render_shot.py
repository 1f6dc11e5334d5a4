"""The clip that `render.py` has everybody film: a motion, the free body, one texture, a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.bodies.skinning import Skinning
from mocap.library.motion_library import MotionEntry, load_motion
from synth.clips.clip_info import planned_clip
from synth.films.clip_renderer import RenderSettings
from synth.films.inputs import FilmInputs, open_inputs
from synth.plans.plan import make_plan
from synth.plans.plan_row import PlanRow
from synth.plans.preset import read_preset
from synth.scene.blender_materials import irradiance_form
from synth.scene.lens.lens import Lens
from synth.scene.lights.registry import light_from_fields
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.posed_clip import PosedClip, skin_clip
from synth.standins.motions import write_motions
from textures.library import TextureEntry, write_manifest, write_texture
from textures.wardrobe.outfit_painting import paint_outfit

TEXTURE_SIZE = 256
CHANNELS = ("depth", "segm", "normal", "gtflow")
"""What BlenderProc writes as well: depth, one label, normals, flow both ways."""

_BODY_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Shot:
    """The clip. ``vertices`` (T+2,V,3), ``joints`` (T+2,24,3): float32 world metres. ``other`` is a
    clip of two frames of another motion."""

    row: PlanRow
    other: PlanRow
    posed_clip: PosedClip
    body: Body
    vertices: np.ndarray
    joints: np.ndarray
    settings: RenderSettings

    @property
    def texture(self) -> Path:
        return self.settings.textures / self.row.texture

    @property
    def light(self) -> SphericalHarmonics:
        return light_from_fields(self.row.light)


def make_shot(
    folder: Path, *, motions: Path | None, motion: str, frames: int, threads: int
) -> Shot:
    """The shot of ``frames`` frames of the motion of that name, in ``motions`` or in stand-ins; what it
    needs is written into ``folder``. ``threads`` 0: all cores.
    """
    if motions is None:
        motions = folder / "motions"
        write_motions(motions, seed=1, subjects=1)
    bodies = BodySource()
    body = bodies.load("neutral")
    inputs = open_inputs(motions=motions, textures={"": _texture(folder / "textures", body)})
    named = {entry.name: entry for entry in inputs.library.entries}
    if motion not in named or len(named) < 2:
        raise SystemExit(f"{motions}: no motion {motion} beside another; --motion names one")
    row = _row(inputs, named[motion], frames)
    other = next(entry for name, entry in named.items() if name != motion)
    posed_clip = planned_clip(row, load_motion(named[motion], body, fps=row.fps), body)
    vertices, joints = skin_clip(posed_clip, Skinning(body))
    for name in ("partial", "scratch", "out"):
        (folder / name).mkdir()
    settings = RenderSettings(
        entries={entry.source_in(inputs.library.folder): entry for entry in named.values()},
        bodies=bodies,
        textures=inputs.textures[""],
        backgrounds=None,
        environments=None,
        out=folder / "out",
        partial=folder / "partial",
        scratch=folder / "scratch",
        device="cpu",
        threads=threads,
    )
    return Shot(row, _row(inputs, other, 2), posed_clip, body, vertices, joints, settings)


def _texture(folder: Path, body: Body) -> Path:
    folder.mkdir()
    painted = paint_outfit(body, rng=np.random.default_rng(3), size=TEXTURE_SIZE)
    write_texture(folder / "0.png", painted)
    entry = TextureEntry("0.png", body.uv_layout, TEXTURE_SIZE, "0.jpg", "", "0", None, "train")
    write_manifest(folder, [entry])
    return folder


def _row(inputs: FilmInputs, entry: MotionEntry, frames: int) -> PlanRow:
    """A row as `synth plan` makes them, but at exactly the preset's mean distance and from half the
    side: from there a body covers what it does on the average.

    Without lens, contact shadow and place, which BlenderProc's picture has not either.
    """
    numbers = {
        "windows.frames": frames,
        "windows.shortest": frames,
        "camera.distance_spread": 0,
        "background.kinds": "{plate=1}",
        "light.contact": 0,
        "film.channels": ",".join(CHANNELS),
    }
    (rows,) = make_plan(
        preset=read_preset("standard", [f"{name}={value}" for name, value in numbers.items()]),
        entries=[entry],
        motion_folder=inputs.library.folder,
        libraries=inputs.texture_entries,
        clips=1,
        stand_in=True,
    ).values()
    return replace(rows[0], view=replace(rows[0].view, sides=(np.pi / 4,)), lens=Lens())


def variant(shot: Shot, *, engine: str, samples: int, layout: str) -> tuple[PlanRow, PlanRow]:
    """The rows of the shot and of the other clip with those settings."""
    changes = {"engine": engine, "samples": samples, "layout": layout}
    return replace(shot.row, **changes), replace(shot.other, **changes)


def write_scene(shot: Shot, path: Path) -> None:
    """The scene as arrays, for `blenderproc_scene.py`; camera poses are Blender's (x right, y up, -z
    ahead)."""
    poses = np.tile(np.eye(4), (len(shot.posed_clip.cameras), 1, 1))
    for pose, camera in zip(poses, shot.posed_clip.cameras):
        pose[:3, :3] = camera.rotation.T @ np.diag([1.0, -1.0, -1.0])
        pose[:3, 3] = camera.position
    camera, body = shot.posed_clip.cameras[1], shot.body
    quadratic, linear = irradiance_form(np.array(shot.light.coefficients))
    np.savez(
        path,
        vertices=np.asarray(shot.vertices, np.float32),
        faces=body.faces,
        uv=body.uv,
        uv_faces=body.uv_faces,
        body_to_blender=_BODY_TO_BLENDER,
        camera_to_blender=_BODY_TO_BLENDER @ poses,
        intrinsics=camera.intrinsics,
        width=camera.width,
        height=camera.height,
        light_quadratic=quadratic,
        light_linear=linear,
    )
