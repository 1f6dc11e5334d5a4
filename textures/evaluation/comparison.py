"""Figures over people: means with intervals, and paired differences between sets of textures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textures.body_fit.fit_scores import RESAMPLES, Interval, mean_over_people

Values = Mapping[tuple[str, str], float]
"""A measure's values by (person, item); the item is a photograph, or empty for the person as a whole."""

Classes = Mapping[tuple[str, str], bool]
"""Labels of items whose shares are averaged, so that a rare label counts as much as a common one."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measure's mean over items and its interval, and how many people and items it is of."""

    mean: Interval
    people: int
    items: int


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How much better the first of two sets is than the second, on the items of both.

    difference is positive where the first is better, whichever way the measure runs. order: "better",
    "worse" or "open", where the interval holds 0.
    """

    first: str
    second: str
    difference: Interval
    people: int
    items: int

    def turned(self) -> PairedDifference:
        """The same of the second set against the first."""
        value, low, high = self.difference.value, self.difference.low, self.difference.high
        return PairedDifference(
            first=self.second,
            second=self.first,
            difference=Interval(-value, -high, -low),
            people=self.people,
            items=self.items,
        )

    @property
    def order(self) -> str:
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "open"


def figure(
    values: Values, rng: np.random.Generator, classes: Classes | None = None
) -> Figure | None:
    """The mean of a measure's values, None where there is none.

    Args:
        values: of the measure.
        rng: of the resampling of people.
        classes: of the items, where the mean is that of the classes' means.
    """
    finite = {key: value for key, value in values.items() if np.isfinite(value)}
    if not finite:
        return None
    people = np.array([person for person, _ in finite])
    mean = _mean(list(finite), np.array(list(finite.values())), rng, classes)
    return Figure(mean=mean, people=len(set(people.tolist())), items=len(finite))


def paired_difference(
    first: str,
    second: str,
    values: Mapping[str, Values],
    rng: np.random.Generator,
    *,
    higher_is_better: bool,
    classes: Classes | None = None,
) -> PairedDifference | None:
    """Two sets on the items that both have; None where there is none.

    Args:
        first: name of a set.
        second: name of another.
        values: of one measure, by set.
        rng: of the resampling of people.
        higher_is_better: which way the measure runs.
        classes: of the items, where the mean is that of the classes' means.
    """
    a, b = values[first], values[second]
    keys = [key for key in a if key in b and np.isfinite(a[key]) and np.isfinite(b[key])]
    if not keys:
        return None
    sign = 1.0 if higher_is_better else -1.0
    apart = np.array([sign * (a[key] - b[key]) for key in keys])
    people = np.array([person for person, _ in keys])
    return PairedDifference(
        first=first,
        second=second,
        difference=_mean(keys, apart, rng, classes),
        people=len(set(people.tolist())),
        items=len(keys),
    )


def _mean(
    keys: Sequence[tuple[str, str]],
    values: np.ndarray,
    rng: np.random.Generator,
    classes: Classes | None,
) -> Interval:
    """The mean over items, or over classes of one item a person, with its interval over people."""
    if classes is None:
        return mean_over_people(values, np.array([person for person, _ in keys]), rng)
    labels = np.array([classes[key] for key in keys])
    groups = [values[labels == label] for label in (False, True) if (labels == label).any()]
    resampled = [
        group[rng.integers(0, len(group), (RESAMPLES, len(group)))].mean(1) for group in groups
    ]
    low, high = np.quantile(np.mean(resampled, axis=0), (0.025, 0.975))
    return Interval(float(np.mean([group.mean() for group in groups])), float(low), float(high))
