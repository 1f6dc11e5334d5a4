"""Motions and textures to plan with, for tests; no file of them exists."""

from __future__ import annotations

from pathlib import Path

from mocap.library.motion_library import MotionEntry
from synth.plans.plan import make_plan
from synth.plans.plan_row import PlanRow
from synth.plans.preset import read_preset
from synth.scene.places.scene_place import PhotographCamera
from textures.library import TextureEntry

FOLDER = Path("/motions")


def entry(subject: int, trial: int, category: str, frames: int) -> MotionEntry:
    name = f"{subject:02d}_{trial:02d}"
    path = FOLDER / f"{subject:02d}" / f"{name}.amc"
    return MotionEntry(
        name, f"{subject:02d}", f"{trial:02d}", category, category, 120.0, path, path, frames
    )


def texture(identity: int, split: str, view: int = 0, score: float = 0.5) -> TextureEntry:
    return TextureEntry(
        f"{identity}_{view}.png",
        "any",
        64,
        "",
        "",
        str(identity),
        None,
        split,
        {"reid_cosine": score},
    )


ENTRIES = [
    entry(subject, trial, category, frames)
    for subject in range(1, 4)
    for trial, category, frames in ((1, "walk", 800), (2, "run", 200), (3, "jump", 420))
]
TEXTURES = [
    texture(i, ("train", "train", "train", "val", "test")[i % 5], v, score=i / 10 + v / 100)
    for i in range(10)
    for v in (0, 1)
]


FLOOR = PhotographCamera(
    width=1200,
    height=900,
    focal=0.9,
    pitch=0.1,
    roll=0.0,
    camera_height=1.6,
    floor=((0.0, 1.0), (0.1, 0.55), (0.9, 0.55), (1.0, 1.0)),
)


def plan(*, preset: str = "standard", overrides=(), **changes) -> list[PlanRow]:
    """The rows of a plan of one texture library; every photograph is a place."""
    arguments = {
        "preset": read_preset(preset, overrides),
        "entries": ENTRIES,
        "motion_folder": FOLDER,
        "libraries": {"": TEXTURES},
        "clips": 8,
        "seed": 7,
        "photograph_places": dict.fromkeys(changes.get("photographs", ()), FLOOR),
    }
    (rows,) = make_plan(**(arguments | changes)).values()
    return rows
