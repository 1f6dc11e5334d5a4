"""What a rater is shown: every pair, in an order and on sides of the rater's number."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from synth.study.sheets import blind_sheet, deal_sheet
from tests.synth.study.small_study import write_small_study

RATERS = range(40)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "s"
    return write_small_study(folder, practice=5, counted=50, catch=8, repeats=5)


def test_every_pair_is_shown_once_and_repeats_twice_with_sides_exchanged(study):
    for number in RATERS:
        sheet = deal_sheet(study, number)
        first = {t.pair: t for t in sheet if not t.repeated}
        again = {t.pair: t for t in sheet if t.repeated}
        assert sorted(first) == list(range(len(study.pairs)))
        assert len(sheet) == 68 and len(again) == 5
        places = {(t.pair, t.repeated): k for k, t in enumerate(sheet)}
        for pair, trial in again.items():
            assert study.pairs[pair].kind == "counted"
            assert trial.first_left != first[pair].first_left
            assert places[pair, True] - places[pair, False] > 50 // 3


def test_practice_comes_first_and_sides_are_even(study):
    for number in RATERS:
        sheet = deal_sheet(study, number)
        kinds = [study.pairs[t.pair].kind for t in sheet]
        assert set(kinds[:5]) == {"practice"} and "practice" not in kinds[5:]
        lefts = [
            t.first_left for t in sheet if not t.repeated and study.pairs[t.pair].kind == "counted"
        ]
        assert sum(lefts) == 25
        catch = [k for k, kind in enumerate(kinds) if kind == "catch"]
        assert min(catch) < 30 < max(catch)


def test_raters_differ_in_order_and_sides(study):
    orders = {tuple(t.pair for t in deal_sheet(study, number)) for number in RATERS}
    assert len(orders) == len(RATERS)
    left = Counter(
        t.pair
        for number in RATERS
        for t in deal_sheet(study, number)
        if t.first_left and not t.repeated
    )
    assert all(5 < left[pair] < 35 for pair in range(5, 55))  # of 40 raters
    again = {t.pair for number in RATERS for t in deal_sheet(study, number) if t.repeated}
    assert len(again) > 40  # of 50 pairs


def test_a_sheet_stays_what_it_was(study):
    """Answers hold trial numbers only, so a study that was begun must be dealt alike for ever."""
    sheet = deal_sheet(study, 7)
    assert [t.pair for t in sheet[:10]] == [4, 0, 2, 1, 3, 55, 20, 61, 36, 24]
    assert [t.first_left for t in sheet[:10]] == [
        False,
        False,
        True,
        True,
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    assert deal_sheet(replace(study, seed=6), 7) != sheet


def test_a_page_learns_pictures_and_no_more(study):
    for trial, (left, right, practice) in zip(deal_sheet(study, 3), blind_sheet(study, 3)):
        pair = study.pairs[trial.pair]
        expected = (pair.first, pair.second) if trial.first_left else (pair.second, pair.first)
        assert (left, right) == expected and practice == (pair.kind == "practice")
