"""Remembered verdicts: of which bytes, rate and skeleton they are."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from mocap.library.motion_entry import MotionEntry
from mocap.library.verdict_cache import Finding, VerdictCache
from mocap.quality.verdict import Verdict

GOOD = Finding(Verdict(()))


@pytest.fixture
def entry(tmp_path, monkeypatch) -> MotionEntry:
    monkeypatch.setenv("SURREALPP_CACHE", str(tmp_path / "cache"))
    path, skeleton = tmp_path / "77_01.amc", tmp_path / "77.asf"
    path.write_bytes(b"frames")
    skeleton.write_bytes(b"bones")
    return MotionEntry("77_01", "77", "01", "walk", "walk", 60.0, path, skeleton, 30)


def find(entry: MotionEntry, *, compare_content: bool = True) -> Finding | None:
    """What a later run remembers."""
    return VerdictCache(entry.path.parent).find(entry, compare_content=compare_content)


def test_a_finding_is_of_a_frame_rate(entry):
    VerdictCache(entry.path.parent).add(entry, GOOD)
    assert find(entry) == GOOD
    assert find(replace(entry, fps=120.0)) is None


@pytest.mark.parametrize("field", ["path", "skeleton"])
def test_a_finding_is_of_the_bytes_of_motion_and_skeleton(entry, field):
    VerdictCache(entry.path.parent).add(entry, GOOD)
    path = getattr(entry, field)
    os.utime(path, ns=(1, 1))
    assert find(entry, compare_content=False) is None
    assert find(entry) == GOOD and find(entry, compare_content=False) == GOOD
    path.write_bytes(b"others")
    assert find(entry) is None
