"""Planning SURREAL's whole set: how many clips, how long it takes and how much memory.

    python benchmarks/planning.py [--sequences 2607] [--textures 1500]
    python benchmarks/planning.py --everything

`--everything` plans the preset surreal++ with all that films can show: one to five people, occluders,
clothes, environments, sun and lamps.

The lengths of CMU's sequences are not ours to ship; drawn instead are log-normal ones with the mean that
SURREAL's own counts imply (2,667 sequences make 20,377 windows at a step of 50 frames, so 407 frames at
30 frames/s on average) and the share of clips shorter than 100 frames that it has (11.6 %). Preset
"surreal", three runs. The floor beside it is `json.dumps` of the same rows alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from mocap.library.motion_library import MotionEntry
from synth.plans.coverage import coverage
from synth.plans.plan import make_plan
from synth.plans.plan_row import read_plan, write_plan
from synth.plans.preset import read_preset
from textures.library import TextureEntry

MEAN, SHORT = 407.0, 0.116
PAPER = {"clips": 67_582, "frames": 6_536_752}


EVERYTHING = (
    *("people.count=1,5", "occluders.count=0,2", "light.kinds={sh=1,sun-sky=1,lamps=1}"),
    "clothes.shares={dress=0.1,coat=0.15,hood=0.1,skirt=0.15,trousers=0.2,hair=0.6,shoes=0.5,bag=0.1}",
)
ENVIRONMENTS = 60


def lengths(count: int, seed: int = 0) -> np.ndarray:
    """Lengths in frames at 30 a second: the spread is found by the share of short clips it makes."""
    normal = np.random.default_rng(seed).standard_normal(count)
    windows = read_preset("surreal").windows

    def drawn(sigma: float) -> np.ndarray:
        values = np.exp(sigma * normal)
        return np.maximum(8, np.round(values * MEAN / values.mean())).astype(int)

    def short(sigma: float) -> float:
        clips = [
            min(100, length - start)
            for length in drawn(sigma)
            for stride in windows.strides
            for start in windows.starts(int(length), stride=stride)
        ]
        return float(np.mean(np.array(clips) < 100))

    low, high = 0.05, 2.5  # every sequence ends in a short clip: the longer they are, the fewer
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if short(middle) < SHORT else (low, middle)
    return drawn((low + high) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=2607)
    parser.add_argument("--textures", type=int, default=1500)
    parser.add_argument("--everything", action="store_true")
    options = parser.parse_args()
    folder = Path("/motions")
    subjects = np.random.default_rng(1).integers(1, 145, options.sequences)
    entries = []
    for number, (length, subject) in enumerate(zip(lengths(options.sequences), subjects)):
        name = f"{subject:02d}_{number:04d}"
        path = folder / f"{name}.amc"
        frames = int(4 * (length - 1) + 1)
        entries.append(
            MotionEntry(name, f"{subject:02d}", str(number), "", "walk", 120.0, path, path, frames)
        )
    textures = [
        TextureEntry(
            f"{k}.png", "free", 256, "", "", str(k % 1501), None,
            ("train", "train", "train", "train", "test")[k % 1501 % 5], {"reid_cosine": 0.9},
        )
        for k in range(options.textures)
    ]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, working = time.perf_counter(), time.process_time()
    preset = read_preset("surreal++", EVERYTHING) if options.everything else read_preset("surreal")
    rows = make_plan(
        preset=preset,
        environments=[f"{k}.hdr" for k in range(ENVIRONMENTS)] if options.everything else [],
        entries=entries,
        motion_folder=folder,
        libraries={"": textures},
        seed=1,
    )[""]
    made, worked = time.perf_counter() - began, time.process_time() - working
    with tempfile.TemporaryDirectory() as out:
        path = Path(out) / "plan.jsonl"
        write_plan(path, rows)
        wrote = time.perf_counter() - began - made
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = path.stat().st_size / 1e6
        began = time.perf_counter()
        read_plan(path)
        read = time.perf_counter() - began
        fields = [json.loads(line) for line in path.read_text().splitlines()]
        began = time.perf_counter()
        for row in fields:
            json.dumps(row, sort_keys=True)
        floor = time.perf_counter() - began
    print(coverage(rows))
    frames = sum(row.frames for row in rows)
    short = np.mean([row.frames < 100 for row in rows])
    print(
        f"{len(rows):,} clips ({len(rows) / PAPER['clips']:.2f} of the paper's), {frames:,} frames "
        f"({frames / PAPER['frames']:.2f} of SURREAL's), {short:.1%} of the clips shorter than 100"
    )
    print(
        f"planned in {made:.1f} s (CPU {worked:.1f} s), written in {wrote:.1f} s ({size:.0f} MB), "
        f"read in {read:.1f} s; "
        f"peak memory {peak:.0f} MB, {before:.0f} of it before planning\n"
        f"floor: json.dumps of the same rows {floor:.1f} s, planning and writing is "
        f"{(made + wrote) / floor:.1f} times that"
    )


if __name__ == "__main__":
    main()
