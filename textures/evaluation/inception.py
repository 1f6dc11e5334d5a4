"""The inception score: how sure a classifier is of each picture, and how different it finds them.

exp of the mean Kullback-Leibler divergence between a picture's class probabilities and the mean of all
pictures' (Salimans et al. 2016); the mean over several parts of the pictures, as papers report it. RSTG
says itself (4.1) that it tells little of one kind of thing.
"""

from __future__ import annotations

from collections.abc import Mapping

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


class InceptionScores:
    """Scores of sets of pictures, with intervals over people; those of the same pictures once only."""

    def __init__(self, values: Mapping[str, Probabilities], parts: int, *, seed: int) -> None:
        """Keep the pictures' probabilities.

        Args:
            values: by set; parts are cut in the order of people and photographs.
            parts: of which a score is the mean.
            seed: of the resampling of people, who keep their places.
        """
        self.values, self.parts, self.seed = values, parts, seed
        self._resampled: dict[tuple[str, tuple[tuple[str, str], ...]], np.ndarray] = {}

    def figure(self, name: str) -> Figure | None:
        """A set's score, None of no pictures."""
        keys = tuple(sorted(self.values[name]))
        if not keys:
            return None
        mean = _interval(self._scores_of(name, keys))
        return Figure(mean=mean, people=len({person for person, _ in keys}), items=len(keys))

    def difference(self, first: str, second: str) -> PairedDifference | None:
        """The difference of two sets' scores on the pictures of both; None where there is none."""
        keys = tuple(sorted(self.values[first].keys() & self.values[second].keys()))
        if not keys:
            return None
        apart = self._scores_of(first, keys) - self._scores_of(second, keys)
        return PairedDifference(
            first=first,
            second=second,
            difference=_interval(apart),
            people=len({person for person, _ in keys}),
            items=len(keys),
        )

    def _scores_of(self, name: str, keys: tuple[tuple[str, str], ...]) -> np.ndarray:
        """Scores (1 + RESAMPLES,) of all people, and of people drawn with replacement."""
        if (name, keys) not in self._resampled:
            _, person = np.unique([identity for identity, _ in keys], return_inverse=True)
            count = int(person.max()) + 1
            rows = np.random.default_rng(self.seed).integers(0, count, (RESAMPLES, count))
            times = np.stack([np.bincount(row, minlength=count) for row in rows])
            weights = np.concatenate([np.ones((1, len(keys))), times[:, person]])
            pictures = np.stack([self.values[name][key] for key in keys])
            self._resampled[name, keys] = _scores(pictures, weights, self.parts)
        return self._resampled[name, keys]


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
    """The score of all people, and the spread of the resampled ones about their mean.

    People who are drawn twice are alike to themselves, which lowers every resampled score: that bias is
    no part of the interval.
    """
    low, high = np.quantile(scores[1:] - scores[1:].mean(), (0.025, 0.975))
    return Interval(float(scores[0]), float(scores[0] + low), float(scores[0] + high))
