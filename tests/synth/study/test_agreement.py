"""Krippendorff's alpha against the examples that he published."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from synth.study import agreement
from synth.study.agreement import krippendorff_alpha

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011): sections A, B and C.
BINARY = ("0100000010", "1110010000")
TWO = ("aabbdcccedda", "babbbcccedd" + "d")
FOUR = ("123321412...", "1233224125.3", ".33323422 51.".replace(" ", ""), "1233244125" + "1.")


def units(*observers: str) -> list[list[int]]:
    names = sorted({value for row in observers for value in row if value != "."})
    return [[names.index(value) for value in column if value != "."] for column in zip(*observers)]


@pytest.mark.parametrize(
    ("observers", "expected"), [(BINARY, 0.095), (TWO, 0.692), (FOUR, 0.743)], ids=["A", "B", "C"]
)
def test_published_examples(observers, expected):
    assert len({len(row) for row in observers}) == 1
    assert krippendorff_alpha(units(*observers), 5) == pytest.approx(expected, abs=5e-4)


def test_agreement_on_all_is_one_and_chance_is_nothing():
    assert krippendorff_alpha([[0, 0, 0], [1, 1, 1]], 2) == 1
    coins = np.random.default_rng(0).integers(0, 2, (3000, 4)).tolist()
    assert krippendorff_alpha(coins, 2) == pytest.approx(0, abs=0.03)
    assert krippendorff_alpha([[0, 1], [1, 0]], 2) < 0


@pytest.mark.parametrize("nothing", [[], [[0], [1]], [[0, 0], [0, 0]]])
def test_no_alpha_where_nothing_can_be_compared(nothing):
    assert krippendorff_alpha(nothing, 2) is None


def test_the_example_in_its_docstring():
    assert doctest.testmod(agreement).attempted and not doctest.testmod(agreement).failed
