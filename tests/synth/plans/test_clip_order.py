"""Windows are SURREAL's, and their order spreads any number of clips over what there is."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.library.motion_library import MotionEntry
from synth.plans.clip_order import clip_order
from synth.plans.preset import Windows


def entry(name: str, category: str, frames: int) -> MotionEntry:
    path = Path("/motions") / f"{name}.amc"
    return MotionEntry(name, name[:2], name[3:], "", category, 120.0, path, path, frames)


ENTRIES = [
    entry(f"{subject:02d}_{trial:02d}", category, frames)
    for subject in range(1, 4)
    for trial, category, frames in ((1, "walk", 800), (2, "run", 200), (3, "jump", 420))
]


@given(length=st.integers(1, 3000), stride=st.sampled_from([30, 50, 70]))
def test_windows_are_surreals(length, stride):
    """SURREAL (its generate_job_list): max(1, ceil((frames - (clipsize - stride)) / stride)) clips."""
    starts = Windows(shortest=1).starts(length, stride=stride)
    expected = max(1, math.ceil((length - (100 - stride)) / stride))
    assert starts == [stride * k for k in range(expected)]
    assert starts[-1] < length  # nothing beyond the end, and nothing left over
    assert starts[-1] + 100 >= length


def test_short_rests_make_no_clip():
    assert Windows(shortest=16).starts(15, stride=50) == []
    assert Windows(shortest=16).starts(16, stride=50) == [0]
    assert Windows(frames=8, shortest=16).starts(8, stride=50) == [0]


def first(count: int, entries=ENTRIES, windows=None, seed: int = 3):
    order = clip_order(entries, windows or Windows(), fps=30.0, seed=seed)
    return list(itertools.islice(order, count))


def test_order_depends_neither_on_the_entries_order_nor_on_how_much_is_asked():
    assert first(40) == first(40, ENTRIES[::-1])
    assert first(12) == first(40)[:12]
    assert first(40) != first(40, seed=4)


def test_clips_spread_over_categories_and_go_round_when_windows_run_out():
    slots = first(9)
    categories = sorted(slot.entry.category for slot in slots)
    assert categories == ["jump"] * 3 + ["run"] * 3 + ["walk"] * 3
    assert len({slot.entry.name for slot in slots}) == 9
    many = first(30)
    assert len({(slot.entry.name, slot.number) for slot in many}) == 30
    runs = [slot for slot in many if slot.entry.name == "01_02"]  # one window, worn three times
    assert {(slot.start, slot.frames) for slot in runs} == {(0, 50)}
    assert [slot.number for slot in runs] == [1, 2, 3]


def test_every_run_has_every_window_once():
    windows = Windows(strides=(50, 30, 70), shortest=1)
    slots = list(clip_order(ENTRIES, windows, fps=30.0, seed=1, laps=1))
    assert len(slots) == len({(s.entry.name, s.run, s.number) for s in slots})
    for e in ENTRIES:
        for run, stride in enumerate(windows.strides):
            own = [s for s in slots if s.entry == e and s.run == run]
            expected = windows.starts((e.frames - 1) // 4 + 1, stride=stride)
            assert sorted(s.start for s in own) == expected
            assert sorted(s.number for s in own) == list(range(1, len(expected) + 1))


@pytest.mark.parametrize(("stride", "clips"), [(50, 16563), (30, 25754), (70, 12684)])
def test_one_total_length_explains_surreals_three_counts(stride, clips):
    """SURREAL's training set: 1,964 sequences make 16,563, 25,754 and 12,684 clips in its three runs.
    Only with its "overlaps" read as steps do all three come from the same 878,000 or so frames.
    """
    total = stride * clips + 1964 * (100 - stride - stride / 2)
    assert total == pytest.approx(878_000, rel=0.01)
