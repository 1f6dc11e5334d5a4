"""Damaged videos of every kind: each is salvaged, or refused with its name; nothing else.

Nothing but BadInput may be raised, and no small file takes much memory.
"""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from action_recog.videos.frame_store import FrameStore
from tests.action_recog.barcode_videos import pack_b_frames, write_numbered
from tests.action_recog.video_mutations import KINDS, mutated

FAST, FULL = 300, 3_000
MEMORY = 1 << 20  # kB


def sound_videos(folder: Path) -> list[bytes]:
    """Small files in the codecs and containers that are read."""
    paths = [
        write_numbered(folder / "p.avi", "mpeg4", frames=12, group=4),
        write_numbered(folder / "b.mp4", "mpeg4", frames=12, b_frames=2),
        write_numbered(folder / "h.mp4", "libx264", frames=12, group=5),
        write_numbered(folder / "h.mkv", "libx264", frames=12, group=5),
        write_numbered(folder / "i.avi", "mjpeg", frames=6),
        write_numbered(folder / "s.avi", "mpeg4", frames=12, b_frames=1),
    ]
    pack_b_frames(paths.pop(), folder / "packed.avi")
    return [path.read_bytes() for path in [*paths, folder / "packed.avi"]]


def read_damaged(sound: list[bytes], count: int, folder: Path, seed: int) -> Counter[str]:
    """Outcomes of the reading of `count` damaged files."""
    outcomes: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        data, other = (sound[rng.integers(len(sound))] for _ in range(2))
        kind, damaged = mutated(data, rng, other)
        path = folder / f"{seed}_{number}_{kind}.avi"
        path.write_bytes(damaged)
        store = FrameStore(short_side=48, most_frames=80)
        store.fill([path], threads=1, quiet=True)
        if path in store:
            indices = rng.integers(0, store[path].count, 4)
            frames = store.frames(path, indices)
            assert len(frames) == 4 and frames.dtype == np.uint8
            outcomes["salvaged" if store.notes else "read"] += 1
        else:
            assert path.name in store.failures[path] and "\n" not in store.failures[path]
            outcomes["refused"] += 1
        path.unlink()
    return outcomes


@pytest.mark.parametrize("count", [FAST, pytest.param(FULL, marks=pytest.mark.slow)])
def test_damaged_videos_are_salvaged_or_refused(tmp_path, count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = read_damaged(sound_videos(tmp_path), count, tmp_path, seed=1)
    assert sum(outcomes.values()) == count
    assert min(outcomes[name] for name in ("read", "salvaged", "refused")) > count // 50, outcomes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


def test_damaged_real_clips_are_salvaged_or_refused(shared_data, tmp_path):
    clips = sorted((shared_data / "ucf101" / "clips").glob("*.avi"))
    assert clips
    outcomes = read_damaged([path.read_bytes() for path in clips], 24, tmp_path, seed=2)
    assert sum(outcomes.values()) == 24 and len(KINDS) == 8
