"""Runs that are killed at random moments and go on end with the bytes of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from synth.films import render_videos
from synth.ledger import read_ledger
from synth.running import Running
from tests.synth.small_film_set import (
    clip_contents,
    command,
    open_set,
    plan_set,
    start,
    write_inputs,
)
from textures.library import SPLITS

CLIPS = 40
KILLS = int(os.environ.get("SYNTH_TEST_KILLS", "8"))  # 30 shows more, and takes minutes


def published(out: Path) -> int:
    """Clips in their place (and none in the folders where clips are made)."""
    return sum(name.endswith("_info.mat") for split in SPLITS for name in names(out / split))


def names(folder: Path) -> list[str]:
    return [name for _, _, files in os.walk(folder) for name in files]


def kill_at_a_random_moment(
    process: subprocess.Popen, out: Path, rng: random.Random, *, step: int
) -> None:
    """SIGKILL to the whole process group: a fifth of the time somewhere in the start, else up to
    ``step`` clips later, somewhere within a clip."""
    try:
        if rng.random() < 0.2:
            process.wait(rng.uniform(0, 5))
            return
        goal = published(out) + rng.randint(0, step)
        while process.poll() is None and published(out) < goal:
            time.sleep(0.005)
        process.wait(rng.uniform(0, 0.4))
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_bytes_of_one_that_was_not(tmp_path, body):
    write_inputs(tmp_path, body)
    inputs = open_set(tmp_path)
    rows = plan_set(inputs, clips=CLIPS)
    whole = tmp_path / "whole"
    render_videos(rows, inputs, whole, Running(workers=1))
    expected = clip_contents(whole)

    out = tmp_path / "out"
    arguments = command(tmp_path, rows, out, "--workers", 2)
    rng = random.Random(4)
    killed = []
    with (tmp_path / "said").open("wb") as said:
        for _ in range(KILLS):
            process = start(arguments, stderr=said, stdout=said)
            kill_at_a_random_moment(process, out, rng, step=max(1, 2 * CLIPS // (KILLS + 1)))
            if process.returncode != -signal.SIGKILL:
                assert process.returncode == 0  # it was done before its moment came
            killed.append(published(out))
            there = clip_contents(out) if out.is_dir() else {}
            torn = [name for name, data in there.items() if expected.get(name) != data]
            assert torn == [], killed
        infos = [path for split in SPLITS for path in (out / split).rglob("*_info.mat")]
        before = {path: path.stat().st_mtime_ns for path in infos}
        assert start(arguments, stderr=said, stdout=said).wait() == 0
    print(f"clips there at each kill: {killed}")
    assert killed == sorted(killed) and len(set(killed)) > KILLS // 4
    assert {path: path.stat().st_mtime_ns for path in before} == before  # none made twice

    assert clip_contents(out) == expected
    for name in ("plan.jsonl", "clips.jsonl", "conventions.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    index = [json.loads(line)["path"] for line in (out / "clips.jsonl").read_text().splitlines()]
    assert index == [row.stem for row in rows]
    lines = Counter(line.stem for line in read_ledger(out))
    assert set(lines) <= set(index) and max(lines.values()) == 1
    # A kill may come between a clip's publishing and its line: at most one of each worker's.
    assert len(index) - len(lines) <= 2 * KILLS
