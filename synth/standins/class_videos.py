"""Videos without people in class folders: what is left of films when nobody is in them.

`shapes` are moving, accelerating and transforming shapes (after Yu et al., "Learning Video
Representations without Natural Videos"), whose class is how they move. `fractals` are attractors of
iterated function systems (after Kataoka et al., "Pre-training without Natural Images") that drift, turn
and deform; their class is the system. As controls for films they are asked for in the same number of
classes and clips.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write
from mocap.parsing.json_files import read_json
from synth.standins.fractal_frames import fractal_frames, random_system
from synth.standins.handheld_video import write_avi
from synth.standins.ordered_processes import process_results
from synth.standins.shape_frames import DYNAMICS, shape_frames

EDITION = 1  # of what is drawn: a folder of another edition is not taken for the same videos
BIT_RATE = 400_000  # bits per second at 160x120


@dataclass(frozen=True, kw_only=True)
class ClassVideosSize:
    """How many classes and clips, and their frames; a clip more or less per class where it must be."""

    classes: int = len(DYNAMICS)
    clips: int = 680
    width: int = 160
    height: int = 120
    frames: int = 32


ClassFrames = Callable[[np.random.Generator], np.ndarray]


def _shape_classes(seed: int, size: ClassVideosSize) -> dict[str, ClassFrames]:
    if size.classes > len(DYNAMICS):
        raise BadInput(
            f"--count-classes {size.classes}: shapes move in {len(DYNAMICS)} ways at most"
        )

    def frames_of(kind: str) -> ClassFrames:
        return lambda rng: shape_frames(
            kind, rng, width=size.width, height=size.height, frames=size.frames
        )

    return {kind: frames_of(kind) for kind in sorted(DYNAMICS)[: size.classes]}


def _fractal_classes(seed: int, size: ClassVideosSize) -> dict[str, ClassFrames]:
    def frames_of(number: int) -> ClassFrames:
        system = random_system(np.random.default_rng([seed, number]))
        return lambda rng: fractal_frames(
            system, rng, width=size.width, height=size.height, frames=size.frames
        )

    return {f"system{number:04d}": frames_of(number) for number in range(size.classes)}


CLASS_VIDEO_KINDS: dict[str, Callable[[int, ClassVideosSize], dict[str, ClassFrames]]] = {
    "shapes": _shape_classes,
    "fractals": _fractal_classes,
}


def write_class_videos(
    out: Path,
    kind: str,
    *,
    seed: int,
    size: ClassVideosSize = ClassVideosSize(),
    workers: int | None = None,
    progress: bool = True,
) -> int:
    """Write videos without people, a folder per class.

    The folder appears whole or not at all; the same seed and size give the same bytes. A folder that
    already holds the same videos is left as it is.

    Args:
        out: New folder.
        kind: One of `CLASS_VIDEO_KINDS`.
        seed: Seed of everything.
        size: How many, how large and how long.
        workers: Number of processes; by default one per core.
        progress: Show a progress bar.

    Returns:
        The number of videos.

    Raises:
        BadInput: When `out` holds something else or the size makes no data set.
    """
    out = Path(out)
    if size.classes < 2 or size.clips < size.classes:
        raise BadInput(
            f"{size.clips} {kind} of {size.classes} classes: expected at least two classes, and a clip "
            "for each"
        )
    settings = {"kind": kind, "edition": EDITION, "seed": seed, **asdict(size)}
    marker = out / "standins.json"
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        advice = "remove the folder, or give another"
        written = read_json(marker, dict[str, Any], advice=advice) if marker.is_file() else {}
        if written == settings:
            return size.clips
        raise BadInput(f"{out}: already holds something else; remove it or give another folder")
    names = list(CLASS_VIDEO_KINDS[kind](seed, size))
    with atomic_write(out) as folder:
        for name in names:
            (folder / name).mkdir(parents=True)
        videos = process_results(
            _write_video,
            range(size.clips),
            prepare=_start_worker,
            arguments=(folder, kind, seed, size),
            workers=workers,
        )
        for _ in tqdm(videos, total=size.clips, desc=kind, unit="clip", disable=not progress):
            pass
        (folder / STAND_IN).write_text("Generated videos, not recorded ones.\n")
        (folder / marker.name).write_text(json.dumps(settings) + "\n")
    return size.clips


# ------------------------------------------------------------------------------------- in a worker


@dataclass(frozen=True)
class _Worker:
    """What a process prepares once."""

    folder: Path
    seed: int
    size: ClassVideosSize
    classes: dict[str, ClassFrames]


_worker: _Worker | None = None


def _start_worker(folder: Path, kind: str, seed: int, size: ClassVideosSize) -> None:
    global _worker
    _worker = _Worker(folder, seed, size, CLASS_VIDEO_KINDS[kind](seed, size))


def _write_video(number: int) -> None:
    """Write one clip into the folder of its class; clips are dealt to the classes in turn."""
    worker = _worker
    if worker is None:
        raise RuntimeError("the process was not prepared")
    size = worker.size
    name = list(worker.classes)[number % len(worker.classes)]
    frames = worker.classes[name](np.random.default_rng([worker.seed, size.classes, number]))
    bit_rate = BIT_RATE * size.width * size.height // (160 * 120)
    path = worker.folder / name / f"{name}_{number:05d}.avi"
    write_avi(path, list(frames), bit_rate=bit_rate, b_frames=0)
