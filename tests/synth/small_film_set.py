"""A small film set to run: two motions, two textures, and plans of quick clips."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from synth.films.inputs import FilmInputs, open_inputs
from synth.films.render_videos import plan_films
from synth.plans.plan_row import PlanRow, write_plan
from synth.plans.preset import read_preset
from tests.mocap.cmu_like import cmu_like
from textures.library import TextureEntry, write_manifest, write_texture

ROOT = Path(__file__).resolve().parents[2]
INDEX = "motion,subject,trial,subject_title,description,framerate_fps,fps_source\n"
QUICK = (
    *("film.engine=raster", "film.samples=5", "film.width=160", "film.height=120"),
    *("camera.focal=300", "windows.frames=4", "windows.shortest=2", "film.layout=surreal"),
    "film.channels=depth,segm,normal,gtflow",
)


def write_inputs(folder: Path, body: Body) -> None:
    """``motions`` (an arm is raised for 0.6 s, left or right) and ``textures`` in ``folder``."""
    skeleton = cmu_like()
    lines = [INDEX]
    for number, description, bone in ((1, "wave", "lhumerus"), (2, "stretch", "rhumerus")):
        subject = f"{number:02d}"
        own = folder / "motions" / subject
        own.mkdir(parents=True)
        write_asf(skeleton, own / f"{subject}.asf")
        frames = np.zeros((36, len(skeleton.channels)))
        frames[:, skeleton.columns["root", "ty"]] = 0.95
        frames[:, skeleton.columns[bone, "rz"]] = np.linspace(0, 1, 36)
        write_amc(skeleton, frames, own / f"{subject}_01.amc")
        lines.append(f"{subject}_01,{number},1,tests,{description},60,made\n")
    (folder / "motions" / "motion_index.csv").write_text("".join(lines))
    entries = []
    (folder / "textures").mkdir()
    for k, colour in enumerate([(200, 60, 60), (60, 60, 200)]):
        write_texture(folder / "textures" / f"{k}.png", np.full((64, 64, 3), colour, np.uint8))
        split = ("train", "val")[k]
        entries.append(
            TextureEntry(f"{k}.png", body.uv_layout, 64, f"{k}.jpg", "", str(k), None, split)
        )
    write_manifest(folder / "textures", entries)


def open_set(folder: Path) -> FilmInputs:
    return open_inputs(motions=folder / "motions", textures={"": folder / "textures"})


def plan_set(inputs: FilmInputs, *overrides: str, clips: int) -> list[PlanRow]:
    preset = read_preset("standard", [*QUICK, *overrides])
    return plan_films(inputs, preset, clips=clips, seed=3, workers=1)[""]


def command(folder: Path, rows: Sequence[PlanRow], out: Path, *more: object) -> list[str]:
    """`synth render-videos` of a plan, in a process of its own."""
    plan = folder / f"{out.name}-plan.jsonl"
    write_plan(plan, rows)
    code = "from synth.cli import main; main()"
    arguments = [
        "render-videos",
        "--motions",
        folder / "motions",
        "--textures",
        folder / "textures",
    ]
    return [
        *(sys.executable, "-c", code),
        *map(str, [*arguments, "--plan", plan, "--out", out, *more]),
    ]


def start(arguments: Sequence[str], **options: object) -> subprocess.Popen:
    """The command in a process group of its own."""
    return subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, **options)


def clip_contents(out: Path) -> dict[str, bytes]:
    """Every file of every clip."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for split in ("train", "val", "test")
        for path in sorted((out / split).rglob("*"))
        if path.is_file()
    }
