"""What SURREAL's whole set costs: core-hours, gigabytes and money on three kinds of machine.

    python benchmarks/full_run.py [--clips 3] [--frames 100] [--case NAME ...]

A few clips of each case are filmed in this process, on one thread, and their core-seconds (CPU time of
all threads, which other work on the machine disturbs little) and bytes are counted. The set has the
paper's 67,582 clips of 6,536,752 frames. What a machine costs is an assumption of ours, in `MACHINES`;
put in what you pay:

    core-hours = frames * core-seconds a frame / 3600 + clips / 25 * start of a process / 3600
    money      = core-hours * price of a core-hour + gigabytes * months * price of a gigabyte-month
    hours      = core-hours / cores
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from worker_memory import write_textures

from mocap.bodies.free_body import load_free_body
from synth.films.clip_renderer import open_clip_renderer
from synth.films.film_workers import CLIPS_PER_PROCESS, render_settings
from synth.films.inputs import FilmInputs, open_inputs
from synth.films.render_videos import plan_films
from synth.plans.preset import read_preset
from synth.standins.motions import write_motions

CLIPS, FRAMES = 67_582, 6_536_752
START = 15.0  # core-seconds until a fresh process films: imports, the body, Blender's scene
CASES = {
    "surreal, Blender, harmonics": ("surreal", "film.engine=cycles"),
    "surreal, raster, harmonics": ("surreal", "film.engine=raster"),
    "standard, Blender, sun": ("standard", "film.engine=cycles", "light.kinds={sun-sky = 1}"),
}


@dataclass(frozen=True)
class Machine:
    """A kind of machine: cores, dollars for a core-hour and for a gigabyte a month (assumptions)."""

    name: str
    cores: int
    core_hour: float
    gigabyte_month: float


MACHINES = (
    Machine(
        "workstation: 16 cores, 150 W at 0.30 $/kWh, disk 20 $/TB over 3 years", 16, 0.0028, 0.0006
    ),
    Machine("institute's cluster: 32 nodes of 64 cores, internal price", 2048, 0.02, 0.005),
    Machine("cloud: 100 machines of 16 cores, 0.08 $ a core on demand, objects", 1600, 0.08, 0.023),
)


def measure(
    inputs: FilmInputs, folder: Path, overrides: tuple[str, ...], frames: int, clips: int
) -> tuple[float, float]:
    """Core-seconds and bytes a frame of a case, the first clip not counted."""
    name, *rest = overrides
    preset = read_preset(name, [*rest, f"windows.frames={frames}"])
    rows = plan_films(inputs, preset, clips=4 * clips, seed=1, workers=1)[""]
    rows = [row for row in rows if row.frames == frames][: clips + 1]
    settings = render_settings(
        inputs, out=folder / "films", partial=folder / "partial", device="cpu", threads=1
    )
    seconds = size = 0.0
    with open_clip_renderer(settings) as film:
        film(rows[0], lambda amount: None)
        for row in rows[1:]:
            began = time.process_time()
            size += film(row, lambda amount: None).bytes
            seconds += time.process_time() - began
    counted = sum(row.frames for row in rows[1:])
    return seconds / counted, size / counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--case", action="append", choices=CASES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_motions(folder / "motions", seed=1, subjects=1)
        write_textures(folder / "textures", 12, load_free_body().uv_layout)
        inputs = open_inputs(motions=folder / "motions", textures={"": folder / "textures"})
        for case in options.case or CASES:
            part = folder / case.replace(" ", "-")
            core_seconds, frame_bytes = measure(
                inputs, part, CASES[case], options.frames, options.clips
            )
            report(case, core_seconds, frame_bytes)


def report(case: str, core_seconds: float, frame_bytes: float) -> None:
    """Print what the whole set takes."""
    processes = CLIPS / CLIPS_PER_PROCESS
    core_hours = (FRAMES * core_seconds + processes * START) / 3600
    gigabytes = FRAMES * frame_bytes / 1e9
    print(
        f"{case}: {1 / core_seconds:.1f} frames a core-second, {frame_bytes / 1000:.0f} kB a frame: "
        f"{core_hours:,.0f} core-hours, {gigabytes:,.0f} GB"
    )
    for machine in MACHINES:
        money = core_hours * machine.core_hour + 3 * gigabytes * machine.gigabyte_month
        print(
            f"    {machine.name}: {core_hours / machine.cores:,.1f} hours, {money:,.0f} $ with three "
            "months on disk",
            flush=True,
        )


if __name__ == "__main__":
    main()
