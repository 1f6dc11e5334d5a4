"""What a plan will take: exact where cost is linear; and parts of a plan keep its shares."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.films.cost import (
    MARGIN,
    Cost,
    cost_of,
    jobs_that_fit,
    ledger_bytes,
    parse_duration,
    rows_that_fit,
    stratified,
    trial_rows,
)
from synth.films.film_workers import Trial
from synth.films.ledger import LedgerLine, now
from synth.films.prediction import require_room
from tests.synth.plan_inputs import plan

ROWS = plan(clips=300)
COST = Cost(startup=4.0, clip=0.5, frame=0.02, clip_bytes=5000.0, frame_bytes=900.0)


def trial(row, *, startup):
    """As a machine of exactly COST would measure it; 0.2 s of a clip go into loading its motion."""
    lengths = (2, min(6, row.frames))
    seconds = tuple(COST.clip - 0.2 + COST.frame * n for n in lengths)
    sizes = tuple(int(COST.clip_bytes + COST.frame_bytes * n) for n in lengths)
    return Trial(lengths, seconds, (0.0, 0.0), sizes, 0.2, startup)


def test_what_a_linear_machine_takes_is_predicted_exactly():
    cost = cost_of([trial(row, startup=s) for row, s in zip(ROWS[:3], (3.0, 5.0, None))])
    for field, value in vars(COST).items():
        assert getattr(cost, field) == pytest.approx(value), field
    frames = sum(row.frames for row in ROWS)
    assert cost.bytes(ROWS) == pytest.approx(300 * 5000 + frames * 900)
    # 300 clips, 4 workers, a fresh process every 25 clips: each worker starts three times.
    expected = (300 * 0.5 + frames * 0.02) / 4 + 3 * 4.0
    assert cost.seconds(ROWS, workers=4, clips_per_process=25) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "workers", "starts"), [(1, 1, 1), (25, 1, 1), (26, 1, 2), (51, 2, 2), (7, 4, 1)]
)
def test_a_process_is_started_for_the_last_clips_too(count, workers, starts):
    work = sum(0.5 + 0.02 * row.frames for row in ROWS[:count]) / workers
    seconds = COST.seconds(ROWS[:count], workers=workers, clips_per_process=25)
    assert seconds == pytest.approx(work + starts * 4.0)


@pytest.mark.parametrize("seconds", [12.0, 30.0, 100.0, 1e4])
def test_jobs_that_fit_end_in_time_and_one_fewer_would_not(seconds):
    jobs = jobs_that_fit(ROWS, COST, workers=2, clips_per_process=25, seconds=seconds)

    def longest(count: int) -> float:
        shares = [ROWS[k::count] for k in range(count)]
        return max(COST.seconds(share, workers=2, clips_per_process=25) for share in shares)

    assert longest(jobs) <= seconds
    assert jobs == 1 or longest(jobs - 1) > seconds


def test_no_number_of_jobs_is_enough_where_a_clip_takes_longer():
    assert jobs_that_fit(ROWS, COST, workers=2, clips_per_process=25, seconds=4.4) is None
    frames = sum(row.frames for row in ROWS)
    expected = 300 * 0.5 + frames * 0.02 + 12 * 4.0
    assert COST.worker_seconds(ROWS, clips_per_process=25) == pytest.approx(expected)


def test_clips_that_cannot_be_cut_are_predicted_by_the_clip():
    short = Trial((2, 2), (0.3, 0.3), (0.0, 0.0), (700, 700), 0.1, 2.0)
    cost = cost_of([short])
    assert (cost.clip, cost.frame) == (pytest.approx(0.4), 0.0)
    assert (cost.clip_bytes, cost.frame_bytes) == (700.0, 0.0)


def test_trials_are_spread_over_the_plan_and_each_warms_up_on_another_clip():
    pairs = trial_rows(ROWS, 3)
    assert [ROWS.index(row) for row, _ in pairs] == [50, 150, 250]
    assert all(row.stem != other.stem for row, other in pairs)
    assert len(trial_rows(ROWS[:2], 3)) == 2


@given(count=st.integers(1, 300))
def test_any_beginning_of_the_stratified_plan_keeps_the_shares_of_splits_and_categories(count):
    order = stratified(ROWS)
    assert sorted(row.stem for row in order) == sorted(row.stem for row in ROWS)
    whole = Counter((row.split, row.category) for row in ROWS)
    assert len(whole) > 3 and len(set(whole.values())) > 1
    part = Counter((row.split, row.category) for row in order[:count])
    for stratum, clips in whole.items():
        assert abs(part[stratum] - count * clips / len(ROWS)) <= 1.5, stratum


def test_within_a_split_and_category_the_order_stays_the_plans():
    order = stratified(ROWS)
    for stratum in {(row.split, row.category) for row in ROWS}:
        of = [[r.stem for r in rows if (r.split, r.category) == stratum] for rows in (ROWS, order)]
        assert of[0] == of[1]


@given(seconds=st.floats(0, 500), room=st.floats(0, 3e7), workers=st.integers(1, 5))
def test_the_part_fits_and_one_clip_more_would_not(seconds, room, workers):
    how = {"workers": workers, "clips_per_process": 25}
    part = rows_that_fit(ROWS, COST, seconds=seconds, room=room, **how)
    assert part == ROWS[: len(part)]
    if part:
        assert COST.seconds(part, **how) <= seconds and COST.bytes(part) <= room
    if len(part) < len(ROWS):
        more = ROWS[: len(part) + 1]
        assert COST.seconds(more, **how) > seconds or COST.bytes(more) > room


@pytest.mark.parametrize("count", [1, 7, 300])
def test_what_fits_to_the_byte_and_to_the_second_fits(count):
    how = {"workers": 2, "clips_per_process": 25}
    part = ROWS[:count]
    assert rows_that_fit(ROWS, COST, room=COST.bytes(part), **how) == part
    assert rows_that_fit(ROWS, COST, seconds=COST.seconds(part, **how), **how)[:count] == part


def test_a_disk_must_have_a_margin_beyond_what_is_needed(tmp_path, monkeypatch):
    free = 1_000_000
    monkeypatch.setattr("synth.films.prediction.free_bytes", lambda out: free)
    require_room(free / MARGIN - 1, tmp_path)
    assert MARGIN > 1
    with pytest.raises(BadInput, match=f"--out {tmp_path}: the clips will take about"):
        require_room(free / MARGIN + 1, tmp_path)


def test_the_room_that_a_plans_first_clips_took_tells_that_of_the_rest():
    line = LedgerLine("a", "done", 1, None, 1.0, 0.5, 50, 10_000, "host:1", now())
    failed = LedgerLine("b", "failed", 1, "why", 1.0, 0.0, 50, 0, "host:1", now())
    frames = sum(row.frames for row in ROWS[:7])
    assert ledger_bytes([line, failed], ROWS[:7]) == pytest.approx(200 * frames)
    assert ledger_bytes([failed], ROWS[:7]) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28800), ("90m", 5400), ("2d", 172800), ("1h30m", 5400), ("0.5h", 1800), ("45s", 45)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "8 hours", "0h", "-2h", "3h x", "nan"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(BadInput, match="expected a time as 8h, 90m, 2d"):
        parse_duration(text)
