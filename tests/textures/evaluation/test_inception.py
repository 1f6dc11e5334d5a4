"""The inception score against its formula, and its intervals over people."""

from __future__ import annotations

import numpy as np
import pytest

from textures.evaluation.inception import InceptionScores, inception_score


def drawn(count, classes, seed):
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), count)


def literal(p):
    mean = p.mean(0)
    return np.exp(np.mean([np.sum(row * (np.log(row) - np.log(mean))) for row in p]))


def test_it_is_one_for_alike_pictures_and_the_number_of_classes_at_most():
    assert inception_score(np.tile(drawn(1, 7, 0), (5, 1))) == pytest.approx(1)
    assert inception_score(np.eye(7)) == pytest.approx(7)
    assert inception_score(np.eye(8), parts=4) == pytest.approx(2)


@pytest.mark.parametrize("parts", [1, 10])
def test_it_is_the_mean_of_the_formula_over_parts_in_order(parts):
    p = drawn(43, 12, 1)
    expected = np.mean([literal(part) for part in np.array_split(p, parts)])
    assert inception_score(p, parts) == pytest.approx(expected, rel=1e-6)
    assert inception_score(p[:3], 10) == pytest.approx(1)  # a picture alone is its own mean


def test_figures_and_differences_are_over_people_and_on_common_pictures():
    p, q = drawn(60, 5, 2), drawn(60, 5, 3)
    keys = [(f"{k // 3:04d}", f"{k}") for k in range(60)]
    sets = {"a": dict(zip(keys, p)), "b": dict(zip(keys[:30], q))}
    scores = InceptionScores({**sets, "c": sets["a"], "none": {}}, 1, seed=0)
    mean = scores.figure("a")
    ordered = np.stack([sets["a"][key] for key in sorted(keys)])
    assert mean.mean.value == pytest.approx(inception_score(ordered))
    assert mean.mean.low < mean.mean.value and (mean.people, mean.items) == (20, 60)
    item = scores.difference("a", "b")
    order = sorted(keys[:30])
    expected = [inception_score(np.stack([sets[n][k] for k in order])) for n in ("a", "b")]
    assert item.difference.value == pytest.approx(expected[0] - expected[1])
    assert (item.people, item.items) == (10, 30) and item.difference.low < item.difference.high
    assert item.turned().turned() == item
    assert item.turned().difference.low == -item.difference.high
    same = scores.difference("a", "c")
    assert (same.difference.low, same.difference.high) == (0, 0)
    assert scores.figure("none") is None and scores.difference("a", "none") is None
    alone = InceptionScores({"a": {k: sets["a"][k] for k in order}}, 1, seed=0).figure("a").mean
    assert scores.figure("a").mean != alone  # of other pictures: not mixed up


def test_people_are_drawn_whole_and_the_score_lies_in_its_interval():
    p = drawn(60, 8, 5)

    def interval(person_of):
        values = {(f"{person_of(k):04d}", f"{k:04d}"): row for k, row in enumerate(p)}
        return InceptionScores({"set": values}, 1, seed=0).figure("set").mean

    alone, pairs, one = (interval(way) for way in (lambda k: k, lambda k: k // 20, lambda k: 0))
    assert alone.low < alone.value < alone.high
    assert [pairs.value, one.value] == pytest.approx([alone.value] * 2)
    assert [one.low, one.high] == pytest.approx([one.value] * 2)  # nobody else to draw
    assert pairs.high - pairs.low != pytest.approx(alone.high - alone.low, rel=0.05)
