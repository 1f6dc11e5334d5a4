"""Films against BlenderProc and against bare Cycles calls, on one scene: seconds a frame, side by side.

    python benchmarks/render.py [--peer PYTHON] [--frames 40] [--samples 4,16] [--repeats 5]

PYTHON is the interpreter of an environment of its own that holds BlenderProc and bpy 4.2 (BlenderProc
needs another Blender than we do); without it that row is left out. To make one, in Python 3.11:

    pip install blenderproc 'bpy==4.2.*' 'numpy<2' pyyaml imageio gitpython scikit-image pypng scipy \\
        matplotlib pytz h5py Pillow 'opencv-contrib-python==4.10.*' scikit-learn rich trimesh pyrender

The scene is one clip of a stand-in motion (or of --motions), the free body in one texture, SURREAL's
camera (320x240, 600 pixels, about 8 m) and light. Everybody films the same vertices. What is compared:

- BlenderProc: colours, depth, normals, segmentation, both flows, HDF5 files (`blenderproc_scene.py`
  says how, and what favours it);
- Cycles, full frame: `bpy.ops.render.render()` alone in our scene, no passes, nothing read or written;
- Cycles, rectangle: the same within the rectangle that the body covers;
- FilmScene: our picture of a frame, mesh update and reading included;
- whole clip: what `synth render-videos` does for a row of the plan: reading the motion, posing, ground
  truth in all channels, rendering, background, checks, encoding, writing, publishing;
- ground truth alone, all channels, one core.

Each figure is the time of a clip by its frames, least and median over the repeats, after a clip that
does not count. Ratios are those of medians. Other work on the machine disturbs all of them.
"""

from __future__ import annotations

import argparse
import cProfile
import inspect
import json
import os
import pstats
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # one core for all that is not Cycles

import numpy as np
import torch

from mocap.body import Body
from mocap.free_body import load_free_body
from mocap.library import load_motion, open_motion_library
from mocap.skinning import Skinning, skin
from synth.blender import FilmScene, covered_box, import_blender, irradiance_form, quiet
from synth.camera import FilmFormat
from synth.ground_truth import CHANNELS, ground_truth
from synth.plan import PlanRow, Windows, clip_motion, make_plan
from synth.standins.motions import write_motions
from synth.standins.wardrobe import paint_outfit
from synth.studio import Studio, StudioSettings
from textures.library import TextureEntry, read_library, write_manifest, write_texture

TEXTURE_SIZE = 256
BODY_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
BLENDERPROC, FULL, RECTANGLE = "BlenderProc", "Cycles, full frame", "Cycles, rectangle"
SCENE, CLIP = "FilmScene.render", "whole clip"


@dataclass(frozen=True)
class Shot:
    """The clip that everybody films. ``vertices`` (T+2,V,3), ``joints`` (T+2,24,3): world metres."""

    row: PlanRow
    body: Body
    vertices: np.ndarray
    joints: np.ndarray
    folder: Path
    settings: StudioSettings

    @property
    def texture(self) -> Path:
        return self.settings.textures / self.row.texture


def make_shot(folder: Path, options: argparse.Namespace) -> Shot:
    """Motions, one texture and a plan of one clip, in ``folder``."""
    body = load_free_body()
    motions = options.motions or folder / "motions"
    if options.motions is None:
        write_motions(motions, seed=1, subjects=1)
    textures = folder / "textures"
    textures.mkdir()
    painted = paint_outfit(body, rng=np.random.default_rng(3), size=TEXTURE_SIZE)
    write_texture(textures / "0.png", painted)
    entry = TextureEntry("0.png", body.uv_layout, TEXTURE_SIZE, "0.jpg", "", "0", None, "train")
    write_manifest(textures, [entry])
    library = open_motion_library(motions)
    chosen = [entry for entry in library.entries if entry.name == options.motion]
    if not chosen:
        raise SystemExit(f"{motions}: no motion {options.motion}; --motion names one")
    (row,) = make_plan(
        entries=chosen,
        motion_folder=library.folder,
        load=lambda entry: load_motion(entry, body, fps=30.0),
        body=body,
        textures=read_library(textures, body),
        clips=1,
        windows=Windows(frames=options.frames),
        film=FilmFormat(distance_spread=0.0),
        samples=options.samples[0],
        channels=CHANNELS,
        seed=0,
        stand_in=True,
    )
    betas = np.array(row.betas, np.float32)
    motion = load_motion(chosen[0], body, fps=row.fps)
    pose, translation, _ = clip_motion(motion, body, betas, start=row.start, frames=row.frames)
    vertices, joints = skin(Skinning(body), pose=pose, betas=betas, translation=translation)
    for name in ("partial", "scratch", "out"):
        (folder / name).mkdir()
    settings = StudioSettings(
        entries={entry.source_in(library.folder): entry for entry in chosen},
        textures=textures,
        backgrounds=None,
        out=folder / "out",
        partial=folder / "partial",
        scratch=folder / "scratch",
        device="cpu",
        threads=0,
    )
    return Shot(row, body, vertices, joints, folder, settings)


# ---------------------------------------------------------------------------------- BlenderProc


def write_scene(shot: Shot) -> Path:
    """The scene as arrays, for `blenderproc_scene.py`; poses are Blender's (x right, y up, -z ahead)."""
    camera, body = shot.row.camera, shot.body
    pose = np.eye(4)
    pose[:3, :3] = camera.rotation.T @ np.diag([1.0, -1.0, -1.0])
    pose[:3, 3] = camera.position
    quadratic, linear = irradiance_form(np.array(shot.row.light))
    path = shot.folder / "scene.npz"
    np.savez(
        path,
        vertices=np.asarray(shot.vertices, np.float32),
        faces=body.faces,
        uv=body.uv,
        uv_faces=body.uv_faces,
        body_to_blender=BODY_TO_BLENDER,
        camera_to_blender=np.repeat((BODY_TO_BLENDER @ pose)[None], len(shot.vertices), axis=0),
        intrinsics=camera.intrinsics,
        width=camera.width,
        height=camera.height,
        light_quadratic=quadratic,
        light_linear=linear,
    )
    return path


def blenderproc(shot: Shot, options: argparse.Namespace) -> dict:
    """What `blenderproc_scene.py` says: version, seconds of setting up, seconds by samples and clip."""
    result = shot.folder / "peer.json"
    command = [options.peer, str(Path(__file__).with_name("blenderproc_scene.py"))]
    command += [str(write_scene(shot)), str(shot.texture), str(result)]
    command += ["--samples", ",".join(map(str, options.samples)), "--repeats", str(options.repeats)]
    command += ["--rigid"] if options.rigid else []
    command += ["--keep", str(options.keep)] if options.keep else []
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "OMP_NUM_THREADS")}
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"BlenderProc failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(result.read_text())


# --------------------------------------------------------------------------------- Blender, ours


@contextmanager
def film_scene(shot: Shot, samples: int) -> Iterator[FilmScene]:
    body, row = shot.body, shot.row
    with FilmScene(
        faces=body.faces,
        uv=body.uv,
        uv_faces=body.uv_faces,
        vertex_count=len(body.template),
        width=row.width,
        height=row.height,
        samples=samples,
    ) as scene:
        scene.dress(shot.texture)
        scene.light(np.array(row.light))
        scene.look(row.camera)
        yield scene


def timed(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def bare_calls(shot: Shot, samples: int, repeats: int) -> dict[str, list[float]]:
    """Seconds a frame of each repeat: Cycles alone, whole frame and rectangle, and our scene.

    The three take turns on every frame, so that whatever else the machine does meets all.
    """
    bpy = import_blender()
    seconds = {name: np.zeros((repeats + 1, shot.row.frames)) for name in (FULL, RECTANGLE, SCENE)}
    camera = shot.row.camera
    with film_scene(shot, samples) as scene:

        def call() -> None:
            with quiet():
                bpy.ops.render.render()

        def border(box: tuple[int, int, int, int] | None) -> None:
            render = bpy.context.scene.render
            render.use_border = box is not None
            if box is not None:
                left, top, right, bottom = box
                render.border_min_x, render.border_max_x = left / scene.width, right / scene.width
                render.border_min_y = 1 - bottom / scene.height
                render.border_max_y = 1 - top / scene.height

        def move(vertices: np.ndarray) -> None:
            mesh = bpy.data.objects["body"].data
            mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
            mesh.update()

        for repeat in range(repeats + 1):
            for frame, vertices in enumerate(shot.vertices[1:-1]):
                for name, box in ((FULL, None), (RECTANGLE, covered_box(vertices, camera))):
                    move(vertices)
                    border(box)
                    seconds[name][repeat, frame] = timed(call)
                seconds[SCENE][repeat, frame] = timed(lambda: scene.render(vertices, seed=frame))
    return {name: values[1:].mean(axis=1).tolist() for name, values in seconds.items()}


class TimeInCycles:
    """Seconds that Blender spent on rendering, from its own signals: scene synchronisation, building
    the tree and tracing; not what is done with the picture."""

    def __init__(self) -> None:
        bpy = import_blender()
        self.seconds, self._begin = 0.0, 0.0

        @bpy.app.handlers.persistent
        def begin(*_: object) -> None:
            self._begin = time.perf_counter()

        @bpy.app.handlers.persistent
        def end(*_: object) -> None:
            self.seconds += time.perf_counter() - self._begin

        bpy.app.handlers.render_init.append(begin)
        bpy.app.handlers.render_post.append(end)

    def take(self) -> float:
        """The seconds since the last time."""
        taken, self.seconds = self.seconds, 0.0
        return taken


def whole_clips(
    shot: Shot, clock: TimeInCycles, row: PlanRow, repeats: int
) -> tuple[list[float], list[float]]:
    """Seconds a frame of the studio's clip, and of that inside Cycles, by repeat."""
    studio = Studio(shot.settings)
    totals, inside = [], []
    try:
        for _ in range(repeats + 1):
            clock.take()
            totals.append(timed(lambda: studio.film(row, lambda frames: None)) / row.frames)
            inside.append(clock.take() / row.frames)
    finally:
        studio.close()
    return totals[1:], inside[1:]


def parts_of_a_clip(shot: Shot, row: PlanRow) -> dict[str, float]:
    """Seconds a frame of what the studio calls in other files, largest first, from one profiled clip.

    The profiler itself makes it slower; the proportions are what counts.
    """
    studio = Studio(shot.settings)
    profile = cProfile.Profile()
    try:
        studio.film(row, lambda frames: None)
        profile.runcall(studio.film, row, lambda frames: None)
    finally:
        studio.close()
    home = inspect.getfile(Studio)
    parts: dict[str, float] = {}
    for (file, _, function), (_, _, _, _, callers) in pstats.Stats(profile).stats.items():
        for (caller, _, _), figures in callers.items():
            if caller == home and file != home and file != "~":
                name = f"{Path(file).stem}.{function}"
                parts[name] = parts.get(name, 0.0) + figures[3] / row.frames
    return dict(sorted(parts.items(), key=lambda item: -item[1]))


def truth_alone(shot: Shot, repeats: int) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds a frame of the ground truth in all channels, by repeat."""
    wall, cpu = [], []
    for _ in range(repeats + 1):
        begin = time.process_time()
        wall.append(
            timed(
                lambda: ground_truth(
                    shot.vertices, shot.joints, shot.body, shot.row.camera, channels=CHANNELS
                )
            )
        )
        cpu.append(time.process_time() - begin)
    frames = shot.row.frames
    return [w / frames for w in wall[1:]], [c / frames for c in cpu[1:]]


# ------------------------------------------------------------------------------------- the table


def print_table(samples: int, rows: dict[str, list[float]]) -> None:
    print(
        f"\n{samples} samples          s/frame: least  median   frames/s   x BlenderProc   x full frame"
    )
    medians = {name: float(np.median(values)) for name, values in rows.items()}
    for name, values in rows.items():
        ratios = [
            f"{medians[other] / medians[name]:>14.2f}" if other in medians else " " * 13 + "-"
            for other in (BLENDERPROC, FULL)
        ]
        print(
            f"  {name:<24} {min(values):>9.4f} {medians[name]:>7.4f} {1 / medians[name]:>10.1f}"
            f" {'  '.join(ratios)}"
        )


def goal(words: str, value: float, limit: float, unit: str, *, most: bool) -> None:
    """One line: what was wanted, what came out."""
    met = value <= limit if most else value >= limit
    by = abs(value - limit)
    verdict = "met" if met else f"MISSED by {by:.3g} {unit}"
    print(
        f"  {words}: {'at most' if most else 'at least'} {limit:g} {unit}; {value:.3g}: {verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="interpreter of an environment with BlenderProc")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--samples", type=lambda s: [int(n) for n in s.split(",")], default=[4, 16])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--motions", type=Path, help="motion library instead of a stand-in")
    parser.add_argument("--motion", default="201_07", help="its motion (default: jumping jacks)")
    parser.add_argument("--rigid", action="store_true", help="BlenderProc's body stands still")
    parser.add_argument("--keep", type=Path, help="folder that keeps BlenderProc's HDF5 files")
    options = parser.parse_args()
    torch.set_num_threads(1)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        shot = make_shot(Path(name), options)
        covered = [covered_box(v, shot.row.camera) for v in shot.vertices[1:-1]]
        area = np.mean([(r - l) * (b - t) for l, t, r, b in covered])
        print(
            f"{len(os.sched_getaffinity(0))} cores, one process; {shot.row.frames} frames of "
            f"{shot.row.width}x{shot.row.height}, camera at {shot.row.distance:.1f} m; the body's "
            f"rectangle is {area / (shot.row.width * shot.row.height):.0%} of the frame"
        )
        measure(shot, options)


def measure(shot: Shot, options: argparse.Namespace) -> None:
    peer = None
    if options.peer:
        peer = blenderproc(shot, options)
        print(
            f"BlenderProc {peer['blenderproc']} on Blender {peer['blender']}, body "
            f"{'rigid' if options.rigid else 'deforming'}; {peer['setup']:.1f} s to set up, not counted"
        )
    else:
        print("BlenderProc: left out (no --peer)")
    print(f"ours on Blender {import_blender().app.version_string}")
    clock = TimeInCycles()
    for samples in options.samples:
        rows: dict[str, list[float]] = {}
        if peer:
            clips = peer["clips"][str(samples)]
            rows[BLENDERPROC] = [sum(clip.values()) / shot.row.frames for clip in clips]
        rows |= bare_calls(shot, samples, options.repeats)
        row = PlanRow.from_json(json.dumps(json.loads(shot.row.to_json()) | {"samples": samples}))
        rows[CLIP], inside = whole_clips(shot, clock, row, options.repeats)
        print_table(samples, rows)
        if peer:
            parts = {
                part: np.median([c[part] for c in clips]) / shot.row.frames for part in clips[0]
            }
            print("  BlenderProc: " + ", ".join(f"{p} {s:.4f}" for p, s in parts.items()))
            ratio = np.median(rows[BLENDERPROC]) / np.median(rows[CLIP])
            goal("whole clip against BlenderProc", ratio, 5, "x", most=False)
        faster = np.median(rows[FULL]) / np.median(rows[SCENE])
        goal("FilmScene against Cycles at full frame", faster, 1, "x", most=False)
        rest = np.median([total / cycles - 1 for total, cycles in zip(rows[CLIP], inside)])
        print(f"  whole clip: {np.median(inside):.4f} s/frame inside Cycles")
        goal("everything else adds to that", 100 * rest, 25, "%", most=True)
        parts = parts_of_a_clip(shot, row)
        largest = [f"{name} {1e3 * s:.1f}" for name, s in parts.items() if s > 1e-4]
        print(f"  its parts, profiled, ms/frame: {', '.join(largest)}")
    wall, cpu = truth_alone(shot, options.repeats)
    print(
        f"\nground truth, {len(CHANNELS)} channels ({', '.join(CHANNELS)}): wall ms/frame least "
        f"{1e3 * min(wall):.2f}, median {1e3 * np.median(wall):.2f}; CPU ms/frame least "
        f"{1e3 * min(cpu):.2f}, median {1e3 * np.median(cpu):.2f}"
    )
    goal("ground truth on one core", 1e3 * float(np.median(cpu)), 10, "ms/frame", most=True)


if __name__ == "__main__":
    main()
