"""Runs that are killed at random moments and go on end with the bytes of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from synth.films.ledger import read_ledger
from tests.synth.small_film_set import (
    clip_contents,
    command,
    open_set,
    plan_set,
    start,
    write_inputs,
)
from textures.library import SPLITS

CLIPS = 24
KILLS = int(os.environ.get("SYNTH_TEST_KILLS", "5"))  # 30 shows more, and takes minutes


def published(out: Path) -> int:
    """Clips in their place (and none in the folders where clips are made)."""
    return sum(name.endswith("_info.mat") for split in SPLITS for name in names(out / split))


def names(folder: Path) -> list[str]:
    return [name for _, _, files in os.walk(folder) for name in files]


@dataclass(frozen=True)
class Pace:
    """Seconds of this machine, now: until a run's first clip is there, and from clip to clip."""

    start: float
    clip: float


def film_undisturbed(arguments: list[str], out: Path) -> Pace:
    """Make all clips; how quickly that went."""
    began = time.monotonic()
    process = start(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not published(out):
        assert process.poll() in (None, 0)
        time.sleep(0.005)
    first = time.monotonic()
    assert process.wait() == 0
    return Pace(first - began, (time.monotonic() - first) / CLIPS)


def kill_at_a_random_moment(
    process: subprocess.Popen, out: Path, rng: random.Random, *, goal: float, pace: Pace
) -> bool:
    """SIGKILL to the whole process group somewhere within the clips that follow the ``goal``-th, or,
    where those are there, somewhere in the run's start. False where it was done before.

    Five more clips end the wait as well: the pace was that of a machine that may have been busier.
    """
    longest = pace.start if published(out) >= goal else 2 * pace.clip
    while process.poll() is None and published(out) < goal:
        time.sleep(0.005)
    latest = max(published(out), goal) + 5
    deadline = time.monotonic() + rng.uniform(0, longest)
    while process.poll() is None and time.monotonic() < deadline and published(out) < latest:
        time.sleep(0.005)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_bytes_of_one_that_was_not(tmp_path, body):
    write_inputs(tmp_path, body)
    inputs = open_set(tmp_path)
    rows = plan_set(inputs, clips=CLIPS)
    whole = tmp_path / "whole"
    pace = film_undisturbed(command(tmp_path, rows, whole, "--workers", 2), whole)
    expected = clip_contents(whole)

    out = tmp_path / "out"
    arguments = command(tmp_path, rows, out, "--workers", 2)
    rng = random.Random(4)
    goals = sorted(rng.uniform(0, CLIPS - 6) for _ in range(KILLS))
    killed = []
    with (tmp_path / "said").open("wb") as said:
        for goal in goals:
            process = start(arguments, stderr=said, stdout=said)
            if not kill_at_a_random_moment(process, out, rng, goal=goal, pace=pace):
                assert process.returncode == 0
                continue
            killed.append(published(out))
            there = clip_contents(out) if out.is_dir() else {}
            torn = [name for name, data in there.items() if expected.get(name) != data]
            assert torn == [], killed
        infos = [path for split in SPLITS for path in (out / split).rglob("*_info.mat")]
        before = {path: path.stat().st_mtime_ns for path in infos}
        assert start(arguments, stderr=said, stdout=said).wait() == 0
    print(f"{pace}; clips there at each kill: {killed}")
    assert killed == sorted(killed) and len(killed) > 0.8 * KILLS
    assert {path: path.stat().st_mtime_ns for path in before} == before  # none made twice

    assert clip_contents(out) == expected
    for name in ("plan.jsonl", "clips.jsonl", "checksums.jsonl", "conventions.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    index = [json.loads(line)["path"] for line in (out / "clips.jsonl").read_text().splitlines()]
    assert index == [row.stem for row in rows]
    lines = Counter(line.stem for line in read_ledger(out))
    assert set(lines) <= set(index) and max(lines.values()) == 1
    # A kill may come between a clip's publishing and its line: at most one of each worker's.
    assert len(index) - len(lines) <= 2 * KILLS
