"""A study's score against the same figures by hand."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from synth.study.answers import RaterAnswers
from synth.study.score_lines import study_score_lines
from synth.study.scoring import (
    GatheredAnswers,
    StudyScore,
    preferred_share,
    rater_result,
    score_study,
)
from synth.study.sheets import blind_sheet, deal_sheet
from tests.synth.study.small_study import answers_by_rule, write_small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_small_study(tmp_path_factory.mktemp("study") / "s")  # pairs 2 to 10 count


def score(study, *raters: RaterAnswers) -> StudyScore:
    named = [replace(rater, rater=f"rater{k:011d}") for k, rater in enumerate(raters)]
    gathered = GatheredAnswers(raters=tuple(named), refused_files=(), refusals=Counter())
    return score_study(study, gathered)


def is_catch(study, pair: int) -> bool:
    return study.pairs[pair].kind == "catch"


def test_the_share_is_counted_from_the_pictures_themselves(study):
    """The chosen pictures, without the module that deals sides, give the same figures."""
    rules = [
        lambda pair, again: True,
        lambda pair, again: is_catch(study, pair) or pair % 2 == 0,
        lambda pair, again: is_catch(study, pair) or (pair < 5) != again,
    ]
    raters = [answers_by_rule(study, sheet, rule) for sheet, rule in enumerate(rules)]
    ours = {pair.first: k for k, pair in enumerate(study.pairs) if pair.kind == "counted"}
    theirs = {pair.second: k for k, pair in enumerate(study.pairs) if pair.kind == "counted"}
    chosen, lefts, shown, consistent, repeats = [], 0, 0, 0, 0
    for rater in raters:
        seen: dict[int, bool] = {}
        for number, (left, right, _) in enumerate(blind_sheet(study, rater.sheet)):
            picture = left if rater.choices[number] == "left" else right
            if picture not in ours and picture not in theirs:
                continue
            pair = ours.get(picture, theirs.get(picture))
            lefts, shown = lefts + (picture == left), shown + 1
            if pair in seen:
                repeats, consistent = repeats + 1, consistent + (seen[pair] == (picture in ours))
            else:
                seen[pair] = picture in ours
        chosen.append([seen[pair] for pair in sorted(seen)])
    result = score(study, *raters)
    assert result.share.value == pytest.approx(100 * np.mean(chosen))
    # 9 of 9; the pairs 2, 4, 6, 8, 10; the pairs 2, 3, 4
    assert result.share.value == pytest.approx(100 * (9 + 5 + 3) / 27)
    assert result.lefts == pytest.approx(100 * lefts / shown)
    assert (repeats, result.consistency) == (9, pytest.approx(100 * consistent / repeats))
    assert consistent == 6  # the third rater changes every mind
    assert result.pairs == 9 and result.people == 9


def test_the_interval_is_that_of_a_bootstrap_in_loops():
    rng = np.random.default_rng(3)
    people = [f"p{k // 2}" for k in range(12)]  # two pairs of each
    taste = rng.normal(0, 0.2, (5, 1)) + np.repeat(rng.normal(0, 0.2, (1, 6)), 2, axis=1)
    choices = (rng.random((5, 12)) < 0.6 + taste).astype(float)
    share = preferred_share(choices, people, np.random.default_rng(0))
    means = []
    for _ in range(4000):
        raters = rng.integers(0, 5, 4)
        persons = rng.integers(0, 6, 5)
        columns = [c for person in persons for c in (2 * person, 2 * person + 1)]
        means.append(choices[np.ix_(raters, columns)].mean())
    low, high = np.percentile(means, [2.5, 97.5])
    assert share.value == pytest.approx(100 * choices.mean())
    assert share.low == pytest.approx(100 * low, abs=2.6)
    assert share.high == pytest.approx(100 * high, abs=2.6)
    assert share.p == pytest.approx(2 * np.mean(np.array(means) <= 0.5), abs=0.03)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(150):
        chance = 0.5 + rng.normal(0, 0.12, (12, 1)) + rng.normal(0, 0.12, (1, 20))
        choices = (rng.random((12, 20)) < chance).astype(float)
        share = preferred_share(choices, [str(k) for k in range(20)], rng)
        held += share.low <= 50 <= share.high
    assert 0.9 <= held / 150 <= 1.0


def test_one_rater_says_nothing_of_others(study):
    result = score(study, answers_by_rule(study, 0, lambda pair, again: True))
    assert result.share.value == 100
    assert (result.share.low, result.share.high, result.share.p) == (0, 100, 1)
    assert result.alpha is None and result.variance is None
    assert any("says nothing of others" in line for line in study_score_lines(result))


@pytest.mark.parametrize(("failures", "counts"), [(0, True), (1, True), (2, False), (4, False)])
def test_who_fails_catch_pairs_is_left_out_by_the_rule(study, failures, counts):
    bad = study.numbers("catch")[:failures]
    result = score(study, answers_by_rule(study, 0, lambda pair, again: pair not in bad))
    (rater,) = result.raters
    assert (rater.catch_failures, rater.catch) == (failures, 4)
    assert (rater.left_out is None) == counts and len(result.counted) == int(counts)
    if not counts:
        assert rater.left_out == f"failed {failures} of 4 catch pairs" and result.share is None
        assert any(rater.left_out in line for line in study_score_lines(result))


def test_who_stops_early_is_left_out_and_named(study):
    whole = answers_by_rule(study, 2, lambda pair, again: True)
    last = max(whole.choices)
    half = replace(whole, choices={k: v for k, v in whole.choices.items() if k < last})
    assert rater_result(study, whole).left_out is None
    assert rater_result(study, half).left_out == f"answered {last} of {last + 1} pairs"
    result = score(study, whole, half)
    assert len(result.counted) == 1 and len(result.raters) == 2
    assert score(study).share is None


def test_one_who_always_presses_left_prefers_nothing_and_contradicts_himself(study):
    for sheet in range(6):
        trials = deal_sheet(study, sheet)
        rater = RaterAnswers(
            rater="l" * 16, sheet=sheet, choices=dict.fromkeys(range(len(trials)), "left")
        )
        result = rater_result(study, rater)
        assert (result.consistent, result.repeats) == (0, 3) and result.lefts == result.shown == 12
        assert sum(result.first_chosen.values()) in (4, 5)  # of 9


def test_json_says_what_the_lines_say(study):
    raters = [
        answers_by_rule(
            study, k, lambda pair, again, k=k: is_catch(study, pair) or (pair + k) % 3 > 0
        )
        for k in range(4)
    ]
    result = score(study, *raters)
    content = json.loads(json.dumps(result.as_dict()))
    assert content["raters_counted"] == 4 and content["sets"] == ["ours", "theirs"]
    assert content["share"]["value"] == result.share.value
    assert [rater["share"] for rater in content["raters"]] == pytest.approx([200 / 3] * 4)
    assert content["power"]["at_chance"][1] == {"pairs": 50, "raters": 4}
    assert len(content["power"]["as_measured"]) == 4
    lines = "\n".join(study_score_lines(result))
    assert f"{result.share.value:.1f} %" in lines and f"{result.alpha:.3f}" in lines
