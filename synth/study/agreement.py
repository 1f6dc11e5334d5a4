"""How much raters agree beyond chance: Krippendorff's alpha for categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def krippendorff_alpha(units: Iterable[Sequence[int]], categories: int) -> float | None:
    """Krippendorff's alpha for nominal data, with values missing where they may be.

    Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C: 1 is agreement on all,
    0 what chance gives.

    Args:
        units: of each what those who judged it said, as numbers from 0.
        categories: how many there are.

    Returns:
        Alpha; None where no unit was judged twice or only one category was ever chosen.

    >>> krippendorff_alpha([[0, 0], [1, 1], [0, 1], [0, 0], [0, 0]], 2)
    0.5714285714285714
    """
    coincidences = np.zeros((categories, categories))
    for values in units:
        if len(values) < 2:
            continue
        counts = np.bincount(values, minlength=categories)
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(values) - 1)
    totals = coincidences.sum(1)
    total = totals.sum()
    if total == 0 or np.count_nonzero(totals) < 2:
        return None
    observed = total - np.trace(coincidences)
    expected = (total**2 - (totals**2).sum()) / (total - 1)
    return float(1 - observed / expected)
