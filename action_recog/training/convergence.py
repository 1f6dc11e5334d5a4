"""When a training has converged: videos that were held out of the training list have the word.

They are looked at in intervals. Where they have not improved for a while the learning rate is divided by
ten; where that does not help either, the training has converged, and the best network is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """When to look at the held-out videos, and when they have stopped to improve.

    They are looked at in the first full epoch after every `check_every` steps. `patience` checks in a
    row without improvement divide the learning rate by ten, `drops` times; after the last, they end the
    training. `warmup_steps` is the length of the linear warm-up.
    """

    check_every: int
    patience: int = 4
    drops: int = 1
    warmup_steps: int = 0


@dataclass(frozen=True, kw_only=True)
class HeldOutCheck:
    """What the held-out videos said after `step` steps: share that is right, and mean log loss."""

    step: Annotated[int, Meta(ge=0, le=10**12)]
    accuracy: Annotated[float, Meta(ge=0, le=1)]
    loss: float


def _rank(check: HeldOutCheck) -> tuple[float, float]:
    """Accuracy first; of two that are equally right the surer one is better."""
    return check.accuracy, -check.loss


def best_check(checks: Sequence[HeldOutCheck]) -> int:
    """Number of the best check, of equals the first. Raises ValueError where there is none."""
    return max(range(len(checks)), key=lambda number: (_rank(checks[number]), -number))


def convergence(checks: Sequence[HeldOutCheck], plateau: Plateau) -> tuple[int, bool]:
    """How often the learning rate has been divided by ten, and whether the training is at its end.

    Args:
        checks: All checks up to now, in order.
        plateau: When they have stopped to improve.

    Returns:
        The number of drops that have happened, at most `plateau.drops`, and whether it has converged.
    """
    drops, waited = 0, 0
    best: tuple[float, float] | None = None
    for check in checks:
        if best is None or _rank(check) > best:
            best, waited = _rank(check), 0
            continue
        waited += 1
        if waited >= plateau.patience:
            if drops == plateau.drops:
                return drops, True
            drops, waited = drops + 1, 0
    return drops, False
