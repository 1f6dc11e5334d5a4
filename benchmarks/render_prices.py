"""What light, shadow and blur cost for each frame, against the bare body in harmonics, in one run.

The kinds take turns, clip by clip, so that whatever else the machine does meets all of them; a clip that
does not count comes first. Figures are CPU seconds, medians over the repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from render_shot import Shot
from render_timing import taken

from synth.scene.engines import ENGINES
from synth.scene.lens.motion_blur import render_through_shutter
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import Light
from synth.scene.lights.sun_sky import SunSky
from synth.scene.renderer import Renderer, RenderHardware

BARE = "harmonics, bare"
SHUTTER = 0.5


def priced_kinds(shot: Shot, folder: Path) -> dict[str, tuple[Light, float]]:
    """Lights by name, and how long the shutter is open; an environment is written into `folder`."""
    sky = np.full((128, 256, 3), 1.0, np.float32)
    sky[64:] = 0.4
    sky[30:33, 100:103] = 400.0  # a sun
    path = folder / "sky.hdr"
    cv2.imwrite(str(path), sky)
    lamps = tuple(Lamp(0.5 + 2 * k, 0.7, 3.5, 1.0, 0.9 / (1 + k)) for k in range(2))
    plain = replace(shot.light, contact=0.0)
    return {
        BARE: (plain, 0.0),
        "harmonics, contact shadow": (replace(plain, contact=0.7), 0.0),
        "harmonics, motion blur": (plain, SHUTTER),
        "sun and sky": (SunSky(0.8, 1.0, 0.9), 0.0),
        "two lamps": (AreaLamps(lamps), 0.0),
        "environment": (Environment(str(path), 0.3, 0.9), 0.0),
        "sun and sky, motion blur": (SunSky(0.8, 1.0, 0.9), SHUTTER),
    }


def frame_prices(
    shot: Shot, folder: Path, engine: str, *, frames: Iterable[int], repeats: int
) -> dict[str, float]:
    """CPU seconds a frame of each kind by an engine, at the samples that it takes by itself."""
    kinds, numbers = priced_kinds(shot, folder), list(frames)
    row, entry = shot.row, ENGINES[engine]
    spent: dict[str, list[float]] = {name: [] for name in kinds}
    middle = shot.joints[1:-1, 0].mean(axis=0)
    for repeat in range(repeats + 1):
        for name, (light, shutter) in kinds.items():
            samples = entry.default_samples(light.kind)
            with entry.open(
                shot.body.mesh,
                height=row.height,
                width=row.width,
                samples=samples,
                hardware=RenderHardware(threads=shot.settings.threads),
            ) as renderer:
                renderer.set_texture(shot.texture)
                renderer.set_light(light, ground=(float(middle[0]), 0.0, float(middle[2])))

                film = partial(_film, shot, renderer, shutter=shutter, samples=samples)
                film(numbers[:1])  # what a clip's first frame builds
                seconds = taken(partial(film, numbers))[1] / len(numbers)
            if repeat:
                spent[name].append(seconds)
    return {name: float(np.median(values)) for name, values in spent.items()}


def _film(
    shot: Shot, renderer: Renderer, numbers: list[int], *, shutter: float, samples: int
) -> None:
    for number in numbers:
        render_through_shutter(
            renderer,
            shot.vertices[number : number + 3],
            shot.posed_clip.cameras[number : number + 3],
            shutter=shutter,
            samples=samples,
            seed=number,
        )


def print_prices(shot: Shot, folder: Path, repeats: int) -> None:
    """The table, for both engines."""
    numbers = range(0, shot.row.frames, max(1, shot.row.frames // 6))
    tables = {
        engine: frame_prices(shot, folder, engine, frames=numbers, repeats=repeats)
        for engine in ENGINES
    }
    print(f"\n{'price of light and lens, CPU ms/frame':<40}" + "".join(f"{e:>18}" for e in tables))
    for name in next(iter(tables.values())):
        cells = [f"{1e3 * t[name]:>9.1f} {t[name] / t[BARE]:>6.2f} x" for t in tables.values()]
        print(f"  {name:<38}" + "".join(f"{cell:>18}" for cell in cells))
