"""Clip files in both layouts: bytes a frame of every channel, and milliseconds to write and read it.

    python benchmarks/clip_files.py [MOTIONS --motion NAME] [--frames 100] [--distance 6]

One clip at 320x240, by default of generated motion; MOTIONS is a folder of others (CMU's). Times are
CPU time of one core, the least of several. SURREAL's release, over bodies of its own size, takes 27 kB
a frame for flow (backward only) and 13 kB for depth. In the layout "compact" every row but the last
counts the mask, which all channels share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning, skin
from mocap.library.motion_library import load_motion, open_motion_library
from synth.clips.channel_files import LAYOUTS, read_channels, write_channels
from synth.scene.ground_truth import CHANNELS, GroundTruth, ground_truth
from synth.scene.posed_clip import clip_motion
from synth.standins.motions import write_motions
from textures.visibility.camera import Camera, look_at


def film_truth(
    motions: Path, name: str | None, frames: int, distance: float
) -> tuple[GroundTruth, list[Camera]]:
    """All channels of the middle of a motion, filmed from its side, and the cameras."""
    body, library = load_free_body(), open_motion_library(motions)
    entry = next(e for e in library.entries if name in (None, e.name))
    motion = load_motion(entry, body, fps=30.0)
    frames = min(frames, len(motion) - 2)
    pose, translation, _ = clip_motion(
        motion, body, np.zeros(10, np.float32), start=(len(motion) - frames) // 2, frames=frames
    )
    translation = translation - translation.mean(axis=0) * (1, 0, 1)
    vertices, joints = skin(
        Skinning(body), pose=pose, betas=np.zeros(10, np.float32), translation=translation
    )
    middle = np.array([0.0, float(joints[..., 1].mean()), 0.0])
    camera = look_at(
        middle + np.array([distance * np.sin(0.6), 0.0, distance * np.cos(0.6)]),  # level
        middle,
        focal=600,
        width=320,
        height=240,
    )
    cameras = [camera] * len(vertices)
    return ground_truth(vertices, joints, body, cameras), cameras


def least_milliseconds(work: Callable[[], object], frames: int, repeats: int = 5) -> float:
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * min(times) / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motions", type=Path, nargs="?")
    parser.add_argument("--motion")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--distance", type=float, default=6.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        motions = options.motions
        if motions is None:
            motions = Path(scratch) / "motions"
            write_motions(motions, seed=0, subjects=1)
        truth, cameras = film_truth(motions, options.motion, options.frames, options.distance)
        frames = len(truth.parts)
        print(f"{frames} frames, {truth.mask.sum() / frames:.0f} pixels of body a frame")
        for layout in LAYOUTS:
            print(f"\n{layout:10s} {'bytes a frame':>14s} {'write ms':>9s} {'read ms':>8s}")
            for channels in [[channel] for channel in CHANNELS] + [list(CHANNELS)]:
                folder = Path(scratch) / layout / "-".join(channels)
                folder.mkdir(parents=True)
                stem = folder / "a"
                write = least_milliseconds(
                    partial(write_channels, stem, truth, channels, layout, cameras=cameras), frames
                )
                read = least_milliseconds(partial(read_channels, stem), frames)
                size = sum(path.stat().st_size for path in folder.iterdir()) / frames
                name = channels[0] if len(channels) == 1 else "all"
                print(f"{name:10s} {size:14.0f} {write:9.2f} {read:8.2f}")


if __name__ == "__main__":
    main()
