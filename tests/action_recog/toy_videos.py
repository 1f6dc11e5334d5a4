"""Tiny labelled videos: a square that moves down, grows or blinks, in UCF101's and the films'
layout."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np

KINDS = ("Blink", "Down", "Grow")


def toy_clip(kind: str, rng: np.random.Generator, *, frames: int = 24) -> np.ndarray:
    """(frames,36,48,3) uint8."""
    wall = rng.integers(0, 60, (36, 48, 3), np.uint8)
    colour = rng.integers(150, 255, 3)
    x, y = rng.integers(4, 20), rng.integers(2, 8)
    clip = []
    for t in range(frames):
        image = wall.copy()
        side = {"Blink": 10 * ((t // 4) % 2), "Down": 10, "Grow": 4 + t}[kind]
        top = y + (t if kind == "Down" else 0)
        image[top : top + side, x : x + side] = colour
        clip.append(image)
    return np.stack(clip)


def write_toy(path: Path, clip: np.ndarray, codec: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = clip.shape[2], clip.shape[1], "yuv420p"
        for image in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def write_toy_ucf(folder: Path, *, groups: int = 3, clips: int = 2) -> tuple[Path, Path]:
    """Videos and lists; split k tests on group k."""
    rng = np.random.default_rng(0)
    lists = folder / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    (folder / "STAND_IN").write_text("generated\n")
    lines = [f"{n} {kind}\r\n" for n, kind in enumerate(KINDS, 1)]
    (lists / "classInd.txt").write_bytes("".join(lines).encode())
    sides: dict[str, list[str]] = {}
    for label, kind in enumerate(KINDS, 1):
        for group in range(1, groups + 1):
            for clip in range(1, clips + 1):
                name = f"{kind}/v_{kind}_g{group:02d}_c{clip:02d}.avi"
                write_toy(folder / name, toy_clip(kind, rng), "mpeg4")
                for split in (1, 2, 3):
                    side, end = ("test", "") if split == group else ("train", f" {label}")
                    sides.setdefault(f"{side}list0{split}.txt", []).append(f"{name}{end}\r\n")
    for name, entries in sides.items():
        (lists / name).write_bytes("".join(entries).encode())
    return folder, lists


def write_toy_films(folder: Path, *, count: int = 6) -> Path:
    rng = np.random.default_rng(1)
    rows = []
    for number in range(count):
        kind = KINDS[number % 3]
        stem = f"train/run0/s{number}/s{number}_c0001"
        write_toy(folder / f"{stem}.mp4", toy_clip(kind, rng), "libx264")
        row = {"path": stem, "sequence": f"s{number}", "category": kind.lower(), "split": "train"}
        rows.append({**row, "frames": 24, "fps": 30.0, "stand_in": True})
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
