"""Films against BlenderProc and against bare Cycles calls, on one scene: seconds a frame, side by side.

    python benchmarks/render.py [--peer PYTHON] [--frames 40] [--samples 4,16] [--repeats 5]

PYTHON is the interpreter of an environment of its own that holds BlenderProc and bpy 4.2 (BlenderProc
needs another Blender than we do); without it that row is left out. To make one, with Python 3.11:

    pip install blenderproc 'bpy==4.2.*' 'numpy<2' pyyaml imageio==2.34.1 gitpython pytz pypng \\
        rich==13.7.1 scikit-image==0.23.2 scipy==1.13.1 matplotlib==3.9.0 h5py==3.11.0 Pillow==10.3.0 \\
        trimesh==4.4.0 'opencv-contrib-python==4.10.*' scikit-learn==1.5.0 python-dateutil pyrender

The scene is one clip of a stand-in motion (or of --motions), the free body in one texture, SURREAL's
camera (320x240, 600 pixels, about 8 m) and light. Everybody films the same vertices in one process, on
all cores unless --threads says otherwise. What is compared:

- BlenderProc: colours, depth, normals, segmentation, both flows, HDF5 files (`blenderproc_scene.py`
  says how, and what favours it);
- Cycles, full frame: `bpy.ops.render.render()` alone in our scene, no passes, nothing written;
- Cycles, rectangle: the same within the rectangle that the body covers;
- BlenderRenderer.render, RasterRenderer.render: our picture of a frame by either engine, whole;
- whole clip: what `synth render-videos` does for a row of the plan with the same content and channels (no
  lens, contact shadow or place, whose prices come last): reading the motion, posing, ground truth,
  rendering, background, checks, encoding, writing, publishing; in each of --layouts, and with the raster
  engine;
- ground truth alone;
- the price of each kind of light, of motion blur, people, clothes and occluders, by either engine
  (`render_prices.py`).

Each figure is a clip's time by its frames, least and median over the repeats, after a clip that does not
count; CPU seconds are those of all cores together, which other work on the machine disturbs less.
Ratios are those of medians of wall time, where not said to be of CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from render_prices import print_prices
from render_shot import CHANNELS, Shot, make_shot, variant, write_scene
from render_timing import (
    FULL,
    RASTER,
    SCENE,
    TimeInCycles,
    bare_calls,
    parts_of_a_clip,
    raster_pictures,
    truth_alone,
    whole_clips,
)

from synth.scene import ground_truth
from synth.scene.blender import import_blender
from synth.scene.engines import ENGINES
from synth.scene.picture import covered_box

BLENDERPROC = "BlenderProc"


def blenderproc(
    shot: Shot, folder: Path, samples: int, options: argparse.Namespace
) -> tuple[str, np.ndarray, dict[str, float]]:
    """Its versions, wall and CPU seconds a frame (R,2), and the medians of the parts of the former."""
    scene, result = folder / "scene.npz", folder / "peer.json"
    write_scene(shot, scene)
    command = [options.peer, str(Path(__file__).with_name("blenderproc_scene.py"))]
    command += [str(scene), str(shot.texture), str(result), "--samples", str(samples)]
    command += ["--repeats", str(options.repeats), "--threads", str(options.threads)]
    command += ["--rigid"] if options.rigid else []
    command += ["--keep", str(options.keep)] if options.keep else []
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=own, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"BlenderProc failed ({done.returncode}):\n{done.stderr[-4000:]}")
    said = json.loads(result.read_text())
    clips, frames = said["clips"], shot.row.frames
    seconds = np.array([(sum(clip["wall"].values()), clip["cpu"]) for clip in clips]) / frames
    parts = {p: float(np.median([c["wall"][p] for c in clips])) / frames for p in clips[0]["wall"]}
    versions = (
        f"BlenderProc {said['blenderproc']} on Blender {said['blender']}, {said['threads']} threads, "
        f"{'rigid' if options.rigid else 'deforming'} body; {said['setup']:.1f} s to set up, not counted"
    )
    return versions, seconds, parts


def print_table(title: str, rows: dict[str, np.ndarray]) -> None:
    print(
        f"\n{title:<31} s/frame least  median  CPU median  frames/s  x BlenderProc    in CPU  full frame"
    )
    medians = {name: float(np.median(values[:, 0])) for name, values in rows.items()}
    processor = {name: float(np.median(values[:, 1])) for name, values in rows.items()}
    for name, values in rows.items():
        ratios = [
            f"{seconds[other] / seconds[name]:.2f}" if other in seconds else "-"
            for other, seconds in (
                (BLENDERPROC, medians),
                (BLENDERPROC, processor),
                (FULL, medians),
            )
        ]
        print(
            f"  {name:<29} {values[:, 0].min():>13.4f} {medians[name]:>7.4f} "
            f"{processor[name]:>11.4f} {1 / medians[name]:>9.1f} {ratios[0]:>14} {ratios[1]:>9} "
            f"{ratios[2]:>11}"
        )


def goal(words: str, value: float, limit: float, unit: str, *, most: bool = False) -> None:
    """One line: what was wanted, what came out."""
    met = value <= limit if most else value >= limit
    verdict = "met" if met else f"MISSED by {abs(value - limit):.3g} {unit}"
    wanted = "at most" if most else "at least"
    print(f"  goal: {words} {wanted} {limit:g} {unit}; it is {value:.3g}: {verdict}")


def measure(
    shot: Shot, folder: Path, samples: int, clock: TimeInCycles, options: argparse.Namespace
) -> None:
    """The table of one number of samples, and the goals that belong to it."""
    rows: dict[str, np.ndarray] = {}
    if options.peer:
        versions, rows[BLENDERPROC], peer_parts = blenderproc(shot, folder, samples, options)
        print(f"\n{versions}")
    rows |= bare_calls(shot, samples, options.repeats)
    rows[RASTER] = raster_pictures(shot, ENGINES["raster"].samples, options.repeats)
    films, inside = {}, {}
    for engine in ("cycles", "raster"):
        taken = samples if engine == "cycles" else ENGINES["raster"].samples
        for layout in options.layouts:
            name = f"whole clip, {engine}, {layout}"
            films[name] = variant(shot, engine=engine, samples=taken, layout=layout)
            rows[name], inside[name] = whole_clips(shot, films[name], options.repeats, clock)
    print_table(f"{samples} samples", rows)

    if options.peer:
        print("  BlenderProc: " + ", ".join(f"{p} {s:.4f}" for p, s in peer_parts.items()))
    medians = {name: float(np.median(values[:, 0])) for name, values in rows.items()}
    faster = medians[FULL] / medians[SCENE]
    goal("a picture is faster than the full-frame call", faster, 1, "x")
    if options.peer:
        goal(
            "raster pictures by BlenderProc's frames",
            medians[BLENDERPROC] / medians[RASTER],
            20,
            "x",
        )
    for name, film in films.items():
        print(f"  {name}:")
        if options.peer:
            ratio = medians[BLENDERPROC] / medians[name]
            goal("frames a second by BlenderProc's", ratio, 5 if "cycles" in name else 20, "x")
        if "cycles" in name:
            wall, cpu = np.median(rows[name] / inside[name] - 1, axis=0)
            seconds = np.median(inside[name], axis=0)
            print(f"  inside Cycles {seconds[0]:.4f} s/frame, CPU {seconds[1]:.4f}")
            goal("everything else adds", 100 * wall, 25, "%", most=True)
            print(f"  in CPU seconds it adds {100 * cpu:.0f} %")
        parts = parts_of_a_clip(shot, film)
        largest = [f"{part} {1e3 * s:.1f}" for part, s in parts.items() if s > 1e-4]
        print(f"  parts, profiled, ms/frame: {', '.join(largest)}")


def measure_truth(shot: Shot, repeats: int) -> None:
    print("\nground truth alone, ms/frame")
    for channels in (CHANNELS, ground_truth.CHANNELS):
        wall, cpu = (1e3 * truth_alone(shot, channels, repeats)).T
        print(
            f"  {', '.join(channels)}: least {wall.min():.2f}, median {np.median(wall):.2f}; CPU least "
            f"{cpu.min():.2f}, median {np.median(cpu):.2f}"
        )
    goal("all channels on one core (CPU median)", float(np.median(cpu)), 10, "ms", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="interpreter of an environment with BlenderProc")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--samples", type=lambda s: [int(n) for n in s.split(",")], default=[4, 16])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of Blender; 0: all cores")
    parser.add_argument("--layouts", type=lambda s: s.split(","), default=["surreal"])
    parser.add_argument("--motions", type=Path, help="motion library instead of stand-ins")
    parser.add_argument("--motion", default="201_07", help="its motion (default: jumping jacks)")
    parser.add_argument("--rigid", action="store_true", help="BlenderProc's body stands still")
    parser.add_argument("--keep", type=Path, help="folder that keeps BlenderProc's HDF5 files")
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
        row = shot.row
        boxes = [covered_box(v, c) for v, c in zip(shot.vertices, shot.posed_clip.cameras)]
        area = np.mean([(box[2] - box[0]) * (box[3] - box[1]) for box in boxes])
        print(
            f"{len(os.sched_getaffinity(0))} cores, Blender's threads "
            f"{options.threads or 'on all'}; {row.frames} frames of {row.width}x{row.height}, camera at "
            f"{shot.posed_clip.distance:.1f} m, the body's rectangle is "
            f"{area / (row.width * row.height):.0%} of the frame\nours on Blender "
            f"{import_blender().app.version_string}"
        )
        if not options.peer:
            print("BlenderProc: left out (no --peer)")
        clock = TimeInCycles()
        for samples in options.samples:
            measure(shot, Path(name), samples, clock, options)
        measure_truth(shot, options.repeats)
        print_prices(shot, Path(name), options.repeats)


if __name__ == "__main__":
    main()
