"""The bootstrap over people and seeds, against the enumeration of all resamples and by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from action_recog.experiment.statistics import (
    DETECTION_ERRORS,
    UnitScores,
    hierarchical_bootstrap,
    holm,
    trend_weights,
    unit_scores,
)


def _bootstrap(values, units, *, weights=None, seed=1, draws=10_000):
    values = np.asarray(values, float)
    weights = np.ones(values.shape[0]) if weights is None else np.asarray(weights, float)
    scores = unit_scores(values[None], units, weights)
    return hierarchical_bootstrap(scores, rng=np.random.default_rng(seed), draws=draws)[0]


def _all_resamples(values, units, weights):
    """The mean of every draw of n - 1 of n units and of m - 1 of m seeds, each as likely."""
    values, units = np.asarray(values, float), np.asarray(units)
    names, seeds = sorted(set(units)), values.shape[1]
    means = []
    for people in itertools.product(names, repeat=len(names) - 1):
        videos = np.concatenate([np.flatnonzero(units == name) for name in people])
        for drawn in itertools.product(range(seeds), repeat=max(seeds - 1, 1)):
            cells = values[np.ix_(videos, drawn)] * weights[videos][:, None]
            means.append(cells.sum() / (weights[videos].sum() * len(drawn)))
    return np.array(means).round(12)


SMALL = {
    "two seeds that agree": ([[1, 1], [1, 1], [0, 0], [-1, 0], [1, 1]], "abbcd"),
    "the same backwards": ([[-1, -1], [-1, -1], [0, 0], [1, 0], [-1, -1]], "abbcd"),
    "two seeds that differ": ([[1, -1], [1, -1], [1, 0], [1, -1]], "abcd"),
    "three seeds": ([[1, 0, 1], [0, 0, -1], [1, 1, 0], [1, -1, 0]], "aabc"),
    "one seed": ([[1], [1], [0], [-1], [1]], "abcde"),
    "no difference": ([[1, -1], [-1, 1], [0, 0]], "abc"),
    "all alike": ([[1, 1], [1, 1], [1, 1]], "abc"),
}


@pytest.mark.parametrize("name", SMALL)
def test_p_interval_and_error_are_those_of_all_resamples(name):
    values, units = SMALL[name]
    weights = np.linspace(1, 2, len(values))
    means = _all_resamples(values, list(units), weights)
    exact = min(1.0, 2 * min((means <= 0).mean(), (means >= 0).mean()))
    contrast = _bootstrap(values, list(units), weights=weights, draws=40_000)
    assert contrast.p == pytest.approx(exact, abs=0.012)
    assert contrast.detectable == pytest.approx(DETECTION_ERRORS * 100 * means.std(), rel=0.02)
    # A percentile of few values is one of them, or the next where its share is 2.5 % by chance.
    for bound, low, high in ((contrast.low, 1.9, 3.1), (contrast.high, 96.9, 98.1)):
        near = 100 * np.percentile(means, [low, high])
        assert near[0] - 1e-6 <= bound <= near[1] + 1e-6
    observed = (np.asarray(values, float).mean(1) * weights).sum() / weights.sum()
    assert contrast.difference == pytest.approx(100 * observed)


def test_two_sided_p_is_that_of_the_mirror_image():
    rng = np.random.default_rng(0)
    values, units = rng.integers(-1, 2, (40, 3)), rng.integers(0, 8, 40)
    first, second = _bootstrap(values, units), _bootstrap(-values, units)
    assert first.p == second.p and first.low == pytest.approx(-second.high)


def test_the_error_is_that_of_people_and_seeds_together():
    """The variance of independent effects of people and of seeds is the sum of the two."""
    rng = np.random.default_rng(3)
    people, seeds, videos = 40, 5, 5
    person, seed = rng.normal(0, 0.3, people), rng.normal(0, 0.2, seeds)
    values = np.repeat(person[:, None] + seed[None], videos, axis=0)
    contrast = _bootstrap(values, np.repeat(np.arange(people), videos))
    error = np.sqrt(person.var(ddof=1) / people + seed.var(ddof=1) / seeds)
    assert contrast.detectable == pytest.approx(DETECTION_ERRORS * 100 * error, rel=0.03)


def test_single_videos_of_a_person_are_not_taken_for_people():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(0, 1, 50), 10)[:, None]
    by_person = _bootstrap(values, np.repeat(np.arange(50), 10))
    by_video = _bootstrap(values, np.arange(500))
    ratio = (by_person.high - by_person.low) / (by_video.high - by_video.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.1)


def test_a_true_null_is_rejected_about_once_in_twenty():
    rng = np.random.default_rng(11)
    rejected = 0
    for trial in range(300):
        effect = rng.normal(0, 0.15, 15)[:, None] + rng.normal(0, 0.05, 5)[None]
        values = np.repeat(effect, 4, axis=0) + rng.normal(0, 0.3, (60, 5))
        contrast = _bootstrap(values, np.repeat(np.arange(15), 4), seed=trial, draws=1000)
        rejected += contrast.p < 0.05
    assert rejected / 300 < 0.10


def test_one_person_says_nothing():
    contrast = _bootstrap([[1, 1], [1, 0]], ["a", "a"])
    assert (contrast.low, contrast.high, contrast.p) == (-100, 100, 1)
    assert contrast.difference == 75 and contrast.detectable == 100


def test_equal_arms_differ_by_nothing_and_all_contrasts_see_the_same_resamples():
    rng = np.random.default_rng(5)
    values = rng.integers(-1, 2, (30, 4)).astype(float)
    scores = unit_scores(np.stack([values, 0 * values, values]), np.arange(30), np.ones(30))
    first, none, again = hierarchical_bootstrap(scores, rng=np.random.default_rng(2))
    assert first == again
    assert (none.difference, none.low, none.high, none.p) == (0, 0, 0, 1)


def test_videos_of_a_small_split_weigh_as_much_as_those_of_a_large_one():
    values = np.array([1.0] * 2 + [0.0] * 8)[:, None]
    weights = np.array([1 / 2] * 2 + [1 / 8] * 8)
    assert _bootstrap(values, np.arange(10), weights=weights).difference == pytest.approx(50)


def test_a_trend_is_the_slope_over_the_tenfold():
    counts = (1, 10, 100, 1000)
    weights = trend_weights(counts)
    accuracy = 0.4 + 0.03 * np.log10(counts)
    assert float(weights @ accuracy) == pytest.approx(0.03)
    assert float(weights.sum()) == pytest.approx(0)
    uneven = (1, 5, 40)
    line = np.polyfit(np.log10(uneven), [0.3, 0.5, 0.4], 1)[0]
    assert float(trend_weights(uneven) @ [0.3, 0.5, 0.4]) == pytest.approx(line)


def test_holm_is_the_table_of_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_resamples_of_unequal_units_are_divided_by_their_videos():
    scores = UnitScores(np.array([[[5 * 0.75], [0.75], [1.5]]]), np.array([5.0, 1, 2]))
    won = hierarchical_bootstrap(scores, rng=np.random.default_rng(1))[0]
    assert (won.difference, won.low, won.high) == pytest.approx((75.0, 75.0, 75.0))
