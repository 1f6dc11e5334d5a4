"""How many raters see 60 to 40: by formulas, and by studies that are simulated."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from synth.study import power
from synth.study.power import (
    CHANCE,
    ChoiceVariance,
    choice_variance,
    power_rows,
    raters_needed,
)


def test_coins_need_about_two_hundred_choices():
    """The textbook's number for 60 % against 50 % at 5 % and 80 % power is 194 to 199."""
    assert [row["raters"] for row in power_rows(CHANCE)] == [8, 4, 2, 2]
    assert raters_needed(CHANCE, 1) in range(194, 200)
    assert not doctest.testmod(power).failed


def test_the_parts_of_the_variance_by_hand():
    parts = choice_variance(np.array([[1.0, 1], [0, 1]]))
    assert (parts.rater, parts.pair, parts.choice) == (0, 0, pytest.approx(0.25))
    parts = choice_variance(np.array([[1.0, 1, 1], [0, 0, 0], [1, 1, 1]]))
    assert (parts.rater, parts.pair, parts.choice) == (pytest.approx(1 / 3), 0, 0)
    parts = choice_variance(np.array([[1.0, 1, 1], [0, 0, 0], [1, 1, 1]]).T)
    assert (parts.rater, parts.pair, parts.choice) == (0, pytest.approx(1 / 3), 0)


def test_the_parts_of_the_variance_come_back():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.3, (300, 1)) + rng.normal(0, 0.2, (1, 300))
    values = values + rng.normal(0, 0.5, (300, 300))
    parts = choice_variance(values)
    assert parts.rater == pytest.approx(0.09, rel=0.2)
    assert parts.pair == pytest.approx(0.04, rel=0.2)
    assert parts.choice == pytest.approx(0.25, rel=0.05)


def test_studies_of_that_size_see_the_effect_in_four_cases_of_five():
    variance = ChoiceVariance(rater=0.01, pair=0.01, choice=0.22)
    pairs = 50
    raters = raters_needed(variance, pairs)
    rng = np.random.default_rng(2)
    seen, studies = 0, 1500
    for _ in range(studies):
        chance = 0.6 + rng.normal(0, 0.1, (raters, 1)) + rng.normal(0, 0.1, (1, pairs))
        share = (rng.random((raters, pairs)) < chance).mean()
        seen += abs(share - 0.5) > 1.96 * variance.standard_error(raters, pairs)
    assert 0.76 < seen / studies < 0.86
    assert raters_needed(variance, 2 * pairs) < raters


def test_many_raters_do_not_make_up_for_few_pairs():
    assert raters_needed(ChoiceVariance(rater=0.0, pair=0.1, choice=0.15), 25) is None
    assert raters_needed(ChoiceVariance(rater=0.0, pair=0.1, choice=0.15), 200) is not None
