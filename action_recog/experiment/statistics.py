"""How sure a difference between arms is: people and seeds are resampled together.

Two things could have been others: the people (or groups) in the test videos, and the seeds of the
trainings. Every resample draws some of both, with replacement, and keeps together what belongs together:
all videos of a person, the results of all arms for a video and a seed. Resampling single videos instead
takes fifty clips of one person for fifty people.

Of n people n - 1 are drawn, and of seeds likewise: the variance of their mean is then the unbiased one,
where n of n would be too sure by 1/n (Rao and Wu 1988), which at three seeds is a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CHUNK = 500  # resamples that are drawn at once
DETECTION_ERRORS = 1.959964 + 0.841621
"""Standard errors that an effect must measure to be seen at 5 %, two-sided, four times of five."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A difference or a slope in percentage points, and how sure it is.

    `low` and `high` bound the 95 % interval; `p` is the two-sided p value for "none"; `detectable` is the
    smallest effect that a test of this size sees at 5 % in four cases of five. Where there is but one
    person nothing can be said: the interval is everything and p is 1.
    """

    difference: float
    low: float
    high: float
    p: float
    detectable: float


@dataclass(frozen=True)
class UnitScores:
    """Sums of results over the videos of each unit (person or group).

    `sums` (K,units,seeds) holds weighted results of K contrasts, `sizes` (units,) the weights' sums.
    """

    sums: np.ndarray
    sizes: np.ndarray


def unit_scores(
    values: np.ndarray, units: Sequence[str] | np.ndarray, weights: np.ndarray
) -> UnitScores:
    """Sum results over the videos of every unit.

    Args:
        values: Results (K,videos,seeds) of K contrasts.
        units: Person or group (videos,) of every video.
        weights: Weight (videos,) of every video in the mean.

    Returns:
        Sums by unit.
    """
    numbers = np.unique(np.asarray(units), return_inverse=True)[1]
    count = int(numbers.max()) + 1
    sums = np.zeros((values.shape[0], count, values.shape[2]))
    for k, contrast in enumerate(values):
        np.add.at(sums[k], numbers, contrast * weights[:, None])
    return UnitScores(sums, np.bincount(numbers, weights=weights, minlength=count))


def _counts(rng: np.random.Generator, items: int, draws: int) -> np.ndarray:
    """How often each item is drawn: (draws,items), `items` - 1 in each row, but at least one."""
    chosen_count = max(items - 1, 1)
    chosen = rng.integers(0, items, (draws, chosen_count)) + items * np.arange(draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=draws * items).reshape(draws, items).astype(float)


def hierarchical_bootstrap(
    scores: UnitScores, *, rng: np.random.Generator, draws: int = 10_000
) -> list[Contrast]:
    """Bootstrap contrasts over units and seeds together.

    Args:
        scores: Results of K contrasts by unit and seed, 0..1.
        rng: Source of the resampling; all contrasts see the same resamples.
        draws: Number of resamples.

    Returns:
        One contrast for each of the K, in percentage points.
    """
    kinds, units, seeds = scores.sums.shape
    observed = scores.sums.sum((1, 2)) / (scores.sizes.sum() * seeds)
    if units < 2:
        return [
            Contrast(difference=100 * float(d), low=-100.0, high=100.0, p=1.0, detectable=100.0)
            for d in observed
        ]
    means = np.empty((draws, kinds))
    flat = scores.sums.transpose(1, 0, 2).reshape(units, kinds * seeds)
    for begin in range(0, draws, CHUNK):
        size = min(CHUNK, draws - begin)
        unit_counts, seed_counts = _counts(rng, units, size), _counts(rng, seeds, size)
        per_seed = (unit_counts @ flat).reshape(size, kinds, seeds)
        total = np.einsum("rks,rs->rk", per_seed, seed_counts)
        weight = (unit_counts @ scores.sizes) * seed_counts.sum(1)
        means[begin : begin + size] = total / weight[:, None]
    # A sum of the same numbers in another order may miss zero by a last bit.
    means[np.abs(means) < 1e-12] = 0.0
    low, high = np.percentile(100 * means, [2.5, 97.5], axis=0)
    lower, higher = (means <= 0).sum(0), (means >= 0).sum(0)
    p = np.minimum(1.0, 2 * (np.minimum(lower, higher) + 1) / (draws + 1))
    detectable = DETECTION_ERRORS * 100 * means.std(0)
    return [
        Contrast(
            difference=100 * float(observed[k]),
            low=float(low[k]),
            high=float(high[k]),
            p=float(p[k]),
            detectable=float(detectable[k]),
        )
        for k in range(kinds)
    ]


def trend_weights(counts: Sequence[int]) -> np.ndarray:
    """Weights of arms whose weighted sum is the slope of accuracy over log10 of a count.

    Args:
        counts: What differs between the arms, such as numbers of textures; at least two values.

    Returns:
        Weights (arms,) of a least-squares line: points per tenfold of the count.
    """
    x = np.log10(np.asarray(counts, float))
    x = x - x.mean()
    return x / (x**2).sum()


def holm(p_values: Sequence[float]) -> list[float]:
    """P values that hold for all comparisons of a table together (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = largest
    return adjusted
