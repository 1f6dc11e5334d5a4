"""How many raters and pairs it takes to see a preference of 60 to 40.

A choice differs from the mean by its rater (who may like one set throughout), by its pair (whose texture
may be the better), and by itself. The mean of R raters' choices on P pairs has then the variance
v_rater / R + v_pair / P + v_choice / (R P): many raters do not make up for few pairs, nor the reverse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_recog.experiment.statistics import DETECTION_ERRORS

EFFECT = 0.1  # of the share: 60 % against 50 %
PAIRS = (25, 50, 100, 200)


@dataclass(frozen=True, kw_only=True)
class ChoiceVariance:
    """The parts of a choice's variance: by rater, by pair, and of the choice itself."""

    rater: float
    pair: float
    choice: float

    def standard_error(self, raters: int, pairs: int) -> float:
        """Of the share preferred."""
        return math.sqrt(self.rater / raters + self.pair / pairs + self.choice / (raters * pairs))


CHANCE = ChoiceVariance(rater=0.0, pair=0.0, choice=0.25)
"""Raters and pairs alike: a coin is thrown for each choice. The least that any study needs."""


def choice_variance(choices: np.ndarray) -> ChoiceVariance:
    """The parts of the variance of choices, by the analysis of variance of two crossed factors.

    Args:
        choices: (raters,pairs) of 0 and 1, two of each at least.

    Returns:
        Unbiased parts, negative ones set to 0.
    """
    raters, pairs = choices.shape
    by_rater, by_pair, mean = choices.mean(1), choices.mean(0), choices.mean()
    remainder = choices - by_rater[:, None] - by_pair[None] + mean
    square = (remainder**2).sum() / ((raters - 1) * (pairs - 1))
    rater_square = pairs * ((by_rater - mean) ** 2).sum() / (raters - 1)
    pair_square = raters * ((by_pair - mean) ** 2).sum() / (pairs - 1)
    return ChoiceVariance(
        rater=max(0.0, float(rater_square - square) / pairs),
        pair=max(0.0, float(pair_square - square) / raters),
        choice=float(square),
    )


def raters_needed(variance: ChoiceVariance, pairs: int, effect: float = EFFECT) -> int | None:
    """Raters who see an effect on so many pairs at 5 %, two-sided, in four studies of five.

    Args:
        variance: of a choice.
        pairs: that each rater sees.
        effect: distance of the share from a half.

    Returns:
        The number, at least 2; None where no number of raters is enough.

    >>> raters_needed(CHANCE, 50)
    4
    """
    left = (effect / DETECTION_ERRORS) ** 2 - variance.pair / pairs
    if left <= 0:
        return None
    return max(2, math.ceil((variance.rater + variance.choice / pairs) / left))


def power_rows(
    variance: ChoiceVariance, pairs: Sequence[int] = PAIRS
) -> list[dict[str, int | None]]:
    """Numbers of pairs and of the raters that each needs."""
    return [{"pairs": count, "raters": raters_needed(variance, count)} for count in pairs]
