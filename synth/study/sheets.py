"""A rater's sheet: every pair once, in an order and on sides of the rater's number.

A sheet is a pure function of the study and the number, by SHA-256 and not by a generator of random
numbers, whose stream may change with its library: answers hold only the number of a trial, and the sheet
must say for good what stood left and right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from synth.study.design import Study

SIDES = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class StudyTrial:
    """One showing of a pair: its number in the study, and whether its first picture is on the left.

    repeated: whether it is the pair's second showing to this rater.
    """

    pair: int
    first_left: bool
    repeated: bool = False

    def is_first_chosen(self, side: str) -> bool:
        """Whether the choice of a side ("left", "right") is one of the pair's first picture."""
        return (side == "left") == self.first_left


def deal_sheet(study: Study, number: int) -> tuple[StudyTrial, ...]:
    """The trials of a rater, in order.

    Practice comes first. Then come three parts: pairs that are shown again in the third stand in the
    first, so that a third of the sheet lies between the two showings, which have their sides exchanged.
    Catch pairs are spread over the parts. Each set is on the left as often as on the right, to one.

    Args:
        study: whose pairs are shown.
        number: of the rater, from 0.
    """

    def digest(words: str) -> bytes:
        return hashlib.sha256(f"{study.seed} {number} {words}".encode()).digest()

    def shuffled(name: str, pairs: Iterable[int]) -> list[int]:
        return sorted(pairs, key=lambda pair: digest(f"{name} {pair}"))

    first_left: dict[int, bool] = {}
    for kind in ("practice", "counted", "catch"):
        start = digest(f"{kind} side")[0]
        for index, pair in enumerate(shuffled("side", study.numbers(kind))):
            first_left[pair] = (start + index) % 2 == 0
    counted = shuffled("order", study.numbers("counted"))
    catch = shuffled("order", study.numbers("catch"))
    third = len(counted) // 3
    repeats = shuffled("repeat", counted[:third])[: study.rules.repeats]
    parts = (
        counted[:third],
        counted[third : len(counted) - third],
        counted[len(counted) - third :],
    )
    trials = [
        StudyTrial(pair=pair, first_left=first_left[pair])
        for pair in shuffled("order", study.numbers("practice"))
    ]
    for index, pairs in enumerate(parts):
        shown = [
            StudyTrial(pair=pair, first_left=first_left[pair])
            for pair in [*pairs, *catch[index::3]]
        ]
        if index == 2:
            shown += [
                StudyTrial(pair=pair, first_left=not first_left[pair], repeated=True)
                for pair in repeats
            ]
        trials += sorted(shown, key=lambda trial: digest(f"trial {trial.pair} {trial.repeated}"))
    return tuple(trials)


def blind_sheet(study: Study, number: int) -> list[list[object]]:
    """What a rater's page may know of a sheet: left picture, right picture, whether it is practice."""
    rows: list[list[object]] = []
    for trial in deal_sheet(study, number):
        pair = study.pairs[trial.pair]
        sides = [pair.first, pair.second] if trial.first_left else [pair.second, pair.first]
        rows.append([*sides, pair.kind == "practice"])
    return rows
