"""Memory of one worker process over many clips: does it grow?

    python benchmarks/worker_memory.py [--clips 500] [--engine raster|cycles] [--every 25]

Tiny clips of generated motions in plain textures are filmed by one worker process, which is never
replaced as it is after 25 clips in earnest. Printed are its resident memory (RSS) and the seconds of a
clip over the clips, and the growth in kB a clip after the first fifth, by least squares, with twice its
standard error. A leak of the renderer would show as growth that exceeds that error.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from synth.checks.check import CheckFailed
from synth.films.clip_renderer import open_clip_renderer
from synth.films.film_workers import render_settings
from synth.films.inputs import open_inputs
from synth.films.render_videos import plan_films
from synth.plans.preset import read_preset
from synth.standins.motions import write_motions
from textures.library import TextureEntry, write_manifest, write_texture

SIZE = ("film.width=160", "film.height=120", "camera.focal=300")


def resident() -> float:
    """Resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_textures(folder: Path, count: int, layout: str) -> None:
    """Plain textures of different people."""
    folder.mkdir()
    entries = []
    for k in range(count):
        image = np.full((256, 256, 3), [40 + 20 * k % 200, 90, 200 - 15 * k % 150], np.uint8)
        write_texture(folder / f"{k}.png", image)
        split = ("train", "val", "test")[k % 3]
        entries.append(TextureEntry(f"{k}.png", layout, 256, "", "", str(k), None, split))
    write_manifest(folder, entries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--engine", choices=["raster", "cycles"], default="raster")
    parser.add_argument("--every", type=int, default=25)
    parser.add_argument("--frames", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Film the clips, and print as they are made."""
    from mocap.bodies.free_body import load_free_body

    write_motions(folder / "motions", seed=1, subjects=1)
    write_textures(folder / "textures", 12, load_free_body().uv_layout)
    inputs = open_inputs(motions=folder / "motions", textures={"": folder / "textures"})
    overrides = [*SIZE, f"film.engine={options.engine}", f"windows.frames={options.frames}"]
    overrides += ["film.samples=1" if options.engine == "cycles" else "film.samples=5"]
    preset = read_preset("standard", overrides)
    rows = plan_films(inputs, preset, clips=options.clips, seed=1, workers=1)[""]
    settings = render_settings(
        inputs, out=folder / "films", partial=folder / "partial", device="cpu", threads=1
    )
    memory: list[float] = []
    failed = 0
    print(f"{len(rows)} clips of {options.frames} frames, {options.engine}", flush=True)
    print("clips  RSS MB  s a clip")
    with open_clip_renderer(settings) as film:
        began = time.perf_counter()
        for number, row in enumerate(rows, 1):
            try:
                film(row, lambda amount: None)
            except (
                CheckFailed
            ):  # so small a picture may be too coarse for a check: part of the work, too
                failed += 1
            memory.append(resident())
            if number % options.every == 0 or number in (1, len(rows)):
                spent = time.perf_counter() - began
                print(f"{number:5}  {memory[-1]:6.1f}  {spent / number:8.2f}", flush=True)
    first = len(memory) // 5
    steps = np.arange(first, len(memory), dtype=float)
    slope, error = growth(steps, np.array(memory[first:]))
    print(
        f"growth after clip {first}: {slope * 1000:+.1f} +- {2 * error * 1000:.1f} kB a clip; the most "
        f"{max(memory):.1f} MB, at clip {first} {memory[first]:.1f} MB; {failed} clips failed a check"
    )


def growth(steps: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Slope of a straight line through the values by least squares, and its standard error."""
    centred = steps - steps.mean()
    slope = float(centred @ (values - values.mean()) / (centred @ centred))
    residuals = values - values.mean() - slope * centred
    error = float(np.sqrt(residuals @ residuals / max(1, len(steps) - 2) / (centred @ centred)))
    return slope, error


if __name__ == "__main__":
    main()
