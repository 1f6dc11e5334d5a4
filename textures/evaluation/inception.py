"""The inception score: how sure a classifier is of each picture, and how different it finds them.

exp of the mean Kullback-Leibler divergence between a picture's class probabilities and the mean of all
pictures' (Salimans et al. 2016); the mean over several parts of the pictures, as papers report it. RSTG
says itself (4.1) that it tells little of one kind of thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from textures.body_fit.fit_scores import RESAMPLES, Interval
from textures.evaluation.comparison import Figure, PairedDifference

LEAST_PROBABILITY = 1e-12  # a probability, before its logarithm
Probabilities = Mapping[tuple[str, str], np.ndarray]
"""Class probabilities (C,) by (person, photograph)."""


def inception_score(probabilities: np.ndarray, parts: int = 1) -> float:
    """The score of pictures with these class probabilities (N,C), in their order cut into parts."""
    weights = np.ones((1, len(probabilities)))
    return float(_scores(probabilities, weights, parts)[0])


def score_figure(values: Probabilities, parts: int, rng: np.random.Generator) -> Figure | None:
    """The score with its interval over people, None of no pictures.

    Args:
        values: of the pictures; their parts are cut in the order of people and photographs.
        parts: of which the score is the mean.
        rng: of the resampling of people, who keep their places.
    """
    if not values:
        return None
    keys = sorted(values)
    mean = _interval(_resampled([values], keys, parts, rng)[0])
    return Figure(mean=mean, people=len({person for person, _ in keys}), items=len(keys))


def score_difference(
    first: str,
    second: str,
    values: Mapping[str, Probabilities],
    parts: int,
    rng: np.random.Generator,
) -> PairedDifference | None:
    """The difference of two sets' scores on the pictures of both; None where there is none."""
    keys = sorted(values[first].keys() & values[second].keys())
    if not keys:
        return None
    a, b = _resampled([values[first], values[second]], keys, parts, rng)
    return PairedDifference(
        first=first,
        second=second,
        difference=_interval(a - b),
        people=len({person for person, _ in keys}),
        items=len(keys),
    )


def _resampled(
    sets: Sequence[Probabilities],
    keys: Sequence[tuple[str, str]],
    parts: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Scores (1 + RESAMPLES,) of each set: of all people, and of people drawn with replacement."""
    _, person = np.unique([name for name, _ in keys], return_inverse=True)
    count = int(person.max()) + 1
    rows = rng.integers(0, count, (RESAMPLES, count))
    times = np.stack([np.bincount(row, minlength=count) for row in rows])
    weights = np.concatenate([np.ones((1, len(keys))), times[:, person]])
    return [_scores(np.stack([values[k] for k in keys]), weights, parts) for values in sets]


def _scores(probabilities: np.ndarray, weights: np.ndarray, parts: int) -> np.ndarray:
    """Scores (R,) of pictures (N,C) that count as often as each row of weights (R,N) says."""
    p = np.maximum(probabilities.astype(np.float64), LEAST_PROBABILITY)
    certainty = (p * np.log(p)).sum(1)
    totals, used = np.zeros(len(weights)), np.zeros(len(weights))
    for chosen in np.array_split(np.arange(len(p)), min(parts, len(p))):
        amount = weights[:, chosen].sum(1)
        mean = (weights[:, chosen] @ p[chosen]) / np.maximum(amount, 1)[:, None]
        surprise = (mean * np.log(np.maximum(mean, LEAST_PROBABILITY))).sum(1)
        scored = amount > 0  # a part whose people were not drawn has no score
        sure = weights[:, chosen] @ certainty[chosen] / np.maximum(amount, 1)
        totals += np.where(scored, np.exp(sure - surprise), 0.0)
        used += scored
    return totals / used


def _interval(scores: np.ndarray) -> Interval:
    low, high = np.quantile(scores[1:], (0.025, 0.975))
    return Interval(float(scores[0]), float(low), float(high))
