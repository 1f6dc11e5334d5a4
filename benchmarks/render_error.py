"""How far few denoised samples are from many, and how much what stands still flickers, in one run.

A body that does not move is filmed with another seed each frame, as the frames of a clip are, and laid
over grey. Error is the root mean square to one picture of `--reference` samples without a denoiser;
flicker is the standard deviation over the frames, root mean square over pixels. Both are in levels of
255, on the body and on the floor that its shadow darkens. The raster engine has no seed: error alone.

    python benchmarks/render_error.py --reference 512
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from render_prices import priced_kinds
from render_shot import Shot, make_shot

from synth.scene.engines import ENGINES
from synth.scene.lights.light import Light
from synth.scene.picture import Picture, composite
from synth.scene.renderer import RenderHardware

FRAME = 1
SHADOW = 0.05  # of alpha, from which on the floor counts as darkened


def pictures(shot: Shot, engine: str, light: Light, *, samples: int, seeds: range) -> list[Picture]:
    """The same frame once for each seed."""
    middle = shot.joints[FRAME, 0]
    with ENGINES[engine].open(
        shot.body.mesh,
        height=shot.row.height,
        width=shot.row.width,
        samples=samples,
        hardware=RenderHardware(threads=shot.settings.threads),
    ) as renderer:
        renderer.set_texture(shot.texture)
        renderer.set_light(light, ground=(float(middle[0]), 0.0, float(middle[2])))
        renderer.set_camera(shot.posed_clip.cameras[FRAME])
        return [renderer.render(shot.vertices[FRAME], seed=seed) for seed in seeds]


def levels(shot: Shot, made: list[Picture]) -> np.ndarray:
    """(N,H,W,3) float64: the pictures over mid-grey."""
    grey = np.full((shot.row.height, shot.row.width, 3), 128, np.uint8)
    return np.stack([composite(picture.rgba, grey) for picture in made]).astype(np.float64)


def report(shot: Shot, name: str, light: Light, options: argparse.Namespace) -> None:
    """Print a light's rows."""
    (many,) = pictures(shot, "cycles", light, samples=options.reference, seeds=range(1))
    truth = levels(shot, [many])[0]
    body = many.body > 0.99
    floor = (many.body < 0.01) & (many.rgba[..., 3] > SHADOW)
    shipped = ENGINES["cycles"].default_samples(light.kind)
    runs = [("cycles", count) for count in sorted({shipped, *options.samples})]
    for engine, count in [*runs, ("raster", ENGINES["raster"].samples)]:
        seeds = range(1) if engine == "raster" else range(1, 1 + options.frames)
        seen = levels(shot, pictures(shot, engine, light, samples=count, seeds=seeds))
        cells = []
        for region in (body, floor):
            if not region.any():
                cells.append(f"{'-':>9} {'-':>9}")
                continue
            error = np.sqrt(((seen - truth)[:, region] ** 2).mean())
            flicker = np.sqrt((seen[:, region].std(0) ** 2).mean())
            cells.append(f"{error:>9.2f} " + (f"{'-':>9}" if len(seen) < 2 else f"{flicker:>9.2f}"))
        mark = " *" if (engine, count) == ("cycles", shipped) else ""
        print(f"  {name:<28} {engine:<7} {count:>4}{mark:<2} {cells[0]}  {cells[1]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=int, default=512)
    parser.add_argument("--samples", type=lambda s: [int(n) for n in s.split(",")], default=[16])
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--threads", type=int, default=0, help="of Blender; 0: all cores")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        shot = make_shot(
            Path(name), motions=None, motion="201_07", frames=4, threads=options.threads
        )
        print(f"levels of 255 by Cycles at {options.reference} samples; * shipped")
        print(
            f"  {'light':<28} {'engine':<7} {'n':>4}   {'body: error, flicker':>19}  floor: the same"
        )
        for kind, (light, shutter) in priced_kinds(shot, Path(name)).items():
            if not shutter:
                report(shot, kind, light, options)


if __name__ == "__main__":
    main()
