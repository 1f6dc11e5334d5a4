"""What light, shadow, blur, people, clothes and occluders cost for each frame, against the bare body.

    python benchmarks/render_prices.py [--frames 24] [--repeats 3]

The kinds take turns, clip by clip, so that whatever else the machine does meets all of them; a clip that
does not count comes first. Figures are CPU seconds, medians over the repeats: of the picture by each
engine, and of what no engine does: the moving mesh (skinning, dressing, swinging) and the labels. The
camera stands where `synth plan` puts it, farther from three people than from one. `render.py` prints the
same table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from render_shot import CHANNELS, Shot, make_shot
from render_timing import taken

from mocap.bodies.skinning import Skinning
from mocap.library.motion_library import load_motion
from synth.clips.clip_info import planned_clip
from synth.garments.clothing import ClothesDraw
from synth.plans.plan_row import FigureRow, PlanRow
from synth.scene.engines import ENGINES
from synth.scene.ground_truth import ground_truth
from synth.scene.lens.motion_blur import render_through_shutter
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import Light
from synth.scene.lights.sun_sky import SunSky
from synth.scene.occluders import OccluderDraw
from synth.scene.posed_clip import PosedClip
from synth.scene.renderer import Renderer, RenderHardware
from synth.scene.scene_mesh import SceneGeometry, scene_geometry

BARE = "harmonics, bare"
SHUTTER = 0.5
CLOTHES = ("dress", "shoes", "hair", "bag"), ("coat", "trousers", "hair"), ("hood", "skirt", "hair")


@dataclass(frozen=True)
class PricedScene:
    """Who and what a clip shows: its row, the motion of everybody, its geometry."""

    row: PlanRow
    posed_clip: PosedClip
    geometry: SceneGeometry


@dataclass(frozen=True)
class PricedKind:
    """A light, how long the shutter is open, and what is filmed."""

    light: Light
    shutter: float
    scene: PricedScene


def priced_row(
    shot: Shot, *, people: int = 1, dressed: bool = False, occluders: int = 0
) -> PlanRow:
    """The shot's row with further people, who do the same, clothes on all and things before them."""
    clothes = [
        ClothesDraw(pieces=pieces, seed=number, swing=True) if dressed else None
        for number, pieces in enumerate(CLOTHES)
    ]
    row = shot.row
    figures = tuple(
        FigureRow(
            sequence=row.sequence,
            subject=row.subject,
            source=row.source,
            start=row.start,
            gender=row.gender,
            betas=row.betas,
            texture=row.texture,
            identity=f"{number}",
            heading=2.0 * number,
            seed=number,
            clothes=clothes[number],
        )
        for number in range(1, people)
    )
    kinds = ("box", "plant", "pole")
    draws = tuple(OccluderDraw(kind=kinds[number], seed=number) for number in range(occluders))
    return replace(row, figures=figures, clothes=clothes[0], occluders=draws)


def priced_scene(shot: Shot, row: PlanRow) -> PricedScene:
    """The geometry of a row of `priced_row`."""
    motion = load_motion(shot.settings.entries[row.source], shot.body, fps=row.fps)
    companions = [(motion, shot.body)] * len(row.figures)
    posed_clip = planned_clip(row, motion, shot.body, companions=companions)
    return PricedScene(row, posed_clip, _geometry(shot, posed_clip))


def _geometry(shot: Shot, posed_clip: PosedClip) -> SceneGeometry:
    bodies = [(shot.body, Skinning(shot.body))] * len(posed_clip.figures)
    return scene_geometry(posed_clip, bodies)


def priced_kinds(shot: Shot, folder: Path) -> dict[str, PricedKind]:
    """What is compared, by name; an environment is written into `folder`."""
    sky = np.full((128, 256, 3), 1.0, np.float32)
    sky[64:] = 0.4
    sky[30:33, 100:103] = 400.0  # a sun
    path = folder / "sky.hdr"
    cv2.imwrite(str(path), sky)
    lamps = tuple(Lamp(0.5 + 2 * k, 0.7, 3.5, 1.0, 0.9 / (1 + k)) for k in range(2))
    plain = replace(shot.light, contact=0.0)
    sun = SunSky(0.8, 1.0, 0.9)
    bare = priced_scene(shot, priced_row(shot))
    lit = {
        BARE: (plain, 0.0),
        "harmonics, contact shadow": (replace(plain, contact=0.7), 0.0),
        "harmonics, motion blur": (plain, SHUTTER),
        "sun and sky": (sun, 0.0),
        "two lamps": (AreaLamps(lamps), 0.0),
        "environment": (Environment(str(path), 0.3, 0.9), 0.0),
        "sun and sky, motion blur": (sun, SHUTTER),
    }
    rows = {
        "harmonics, clothes that swing": priced_row(shot, dressed=True),
        "harmonics, two occluders": priced_row(shot, occluders=2),
        "harmonics, three people": priced_row(shot, people=3),
        "harmonics, three in clothes, two occluders": priced_row(
            shot, people=3, dressed=True, occluders=2
        ),
    }
    kinds = {name: PricedKind(light, shutter, bare) for name, (light, shutter) in lit.items()}
    return kinds | {
        name: PricedKind(plain, 0.0, priced_scene(shot, row)) for name, row in rows.items()
    }


def frame_prices(
    shot: Shot, kinds: dict[str, PricedKind], engine: str, *, frames: Iterable[int], repeats: int
) -> dict[str, float]:
    """CPU seconds a frame of each kind by an engine, at the samples that it takes by itself."""
    numbers = list(frames)
    row, entry = shot.row, ENGINES[engine]
    spent: dict[str, list[float]] = {name: [] for name in kinds}
    for repeat in range(repeats + 1):
        for name, kind in kinds.items():
            scene = kind.scene.geometry
            middle = scene.joints[1:-1, 0].mean(axis=0)
            samples = entry.default_samples(kind.light.kind)
            with entry.open(
                scene.shaded_mesh,
                height=row.height,
                width=row.width,
                samples=samples,
                hardware=RenderHardware(threads=shot.settings.threads),
            ) as renderer:
                pictures = scene.textures([shot.texture] * len(kind.scene.row.textures))
                for instance, texture in enumerate(pictures, 1):
                    renderer.set_texture(texture, instance=instance)
                renderer.set_light(kind.light, ground=(float(middle[0]), 0.0, float(middle[2])))
                film = partial(_film, kind, renderer, samples=samples)
                film(numbers[:1])  # what a clip's first frame builds
                seconds = taken(partial(film, numbers))[1] / len(numbers)
            if repeat:
                spent[name].append(seconds)
    return {name: float(np.median(values)) for name, values in spent.items()}


def _film(kind: PricedKind, renderer: Renderer, numbers: list[int], *, samples: int) -> None:
    for number in numbers:
        render_through_shutter(
            renderer,
            [*kind.scene.geometry.vertices[number : number + 3]],
            kind.scene.posed_clip.cameras[number : number + 3],
            shutter=kind.shutter,
            samples=samples,
            seed=number,
        )


def label_prices(shot: Shot, kinds: dict[str, PricedKind], repeats: int) -> dict[str, float]:
    """CPU seconds a frame of each kind for its moving mesh and its labels, which need no engine."""
    spent: dict[str, list[float]] = {name: [] for name in kinds}

    def label(scene: PricedScene) -> None:
        geometry = _geometry(shot, scene.posed_clip)
        ground_truth(
            geometry.vertices,
            geometry.joints,
            geometry.mesh,
            scene.posed_clip.cameras,
            channels=CHANNELS,
        )

    for repeat in range(repeats + 1):
        for name, kind in kinds.items():
            seconds = taken(partial(label, kind.scene))[1] / shot.row.frames
            if repeat:
                spent[name].append(seconds)
    return {name: float(np.median(values)) for name, values in spent.items()}


def print_prices(shot: Shot, folder: Path, repeats: int) -> None:
    """The table, for both engines and for what none of them does."""
    numbers = range(0, shot.row.frames, max(1, shot.row.frames // 6))
    kinds = priced_kinds(shot, folder)
    tables = {
        engine: frame_prices(shot, kinds, engine, frames=numbers, repeats=repeats)
        for engine in ENGINES
    }
    tables["mesh and labels"] = label_prices(shot, kinds, repeats)
    print(f"\n{'prices, CPU ms/frame':<46}" + "".join(f"{e:>18}" for e in tables))
    for name in kinds:
        cells = [f"{1e3 * t[name]:>9.1f} {t[name] / t[BARE]:>6.2f} x" for t in tables.values()]
        print(f"  {name:<44}" + "".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of Blender; 0: all cores")
    parser.add_argument("--motions", type=Path, help="motion library instead of stand-ins")
    parser.add_argument("--motion", default="201_07", help="its motion (default: jumping jacks)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as in the workers of `synth render-videos`
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        shot = make_shot(
            Path(name),
            motions=options.motions,
            motion=options.motion,
            frames=options.frames,
            threads=options.threads,
        )
        print_prices(shot, Path(name), options.repeats)


if __name__ == "__main__":
    main()
