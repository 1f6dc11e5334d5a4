"""Classes of recorded motions, and what keeps their three splits apart.

Groups of one split hold other people than those of the next, where a class has been performed by at least
three people; else other takes; else other parts of a take, a second apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mocap.library.motion_entry import MotionEntry
from mocap.library.motion_library import MotionLibrary
from synth.standins.ucf101_layout import SPLITS

PART_GAP = 1.0  # seconds left out between parts of a take that are in different splits


@dataclass(frozen=True, kw_only=True)
class MotionStretch:
    """Part of a library's motion, from `first` to `last` seconds."""

    entry: MotionEntry
    first: float
    last: float


@dataclass(frozen=True, kw_only=True)
class RecordedClass:
    """A class of videos: its name, what keeps its splits apart, and the parts that each split tests."""

    name: str
    separation: str
    parts: tuple[tuple[MotionStretch, ...], ...]


def recorded_classes(
    library: MotionLibrary, *, least_seconds: float
) -> tuple[tuple[RecordedClass, ...], tuple[str, ...]]:
    """The classes that a library's motions make, and why its other categories make none.

    Args:
        library: Motions with categories and subjects.
        least_seconds: Of a motion that is used, and of a part of one.
    """
    classes, refused = [], []
    for category, entries in sorted(library.categories().items()):
        if category in ("mixed", "other", "stand"):
            refused.append(f"{category}: names no action")
            continue
        whole = [
            MotionStretch(entry=e, first=0.0, last=e.seconds)
            for e in entries
            if e.seconds >= least_seconds
        ]
        action = _separated(category, whole, least_seconds)
        if action is None:
            refused.append(
                f"{category}: {len(whole)} motions of {least_seconds:.1f} s or more are too little for "
                "three splits"
            )
        else:
            classes.append(action)
    return tuple(classes), tuple(refused)


def _separated(
    category: str, whole: Sequence[MotionStretch], least_seconds: float
) -> RecordedClass | None:
    """The parts dealt out to splits by people, else by takes, else by parts of takes."""
    by_person = _dealt({stretch: stretch.entry.subject for stretch in whole})
    if by_person is not None:
        return RecordedClass(name=category, separation="people", parts=by_person)
    # The same take may be there in two formats.
    by_take = _dealt(
        {stretch: f"{stretch.entry.subject}_{stretch.entry.trial}" for stretch in whole}
    )
    if by_take is not None:
        return RecordedClass(name=category, separation="takes", parts=by_take)
    split: list[list[MotionStretch]] = [[] for _ in SPLITS]
    for stretch in whole:
        length = (stretch.last - PART_GAP * (len(SPLITS) - 1)) / len(SPLITS)
        if length < least_seconds:
            continue
        for number, parts in enumerate(split):
            first = number * (length + PART_GAP)
            parts.append(MotionStretch(entry=stretch.entry, first=first, last=first + length))
    if not split[0]:
        return None
    return RecordedClass(
        name=category, separation="parts of a take", parts=tuple(tuple(parts) for parts in split)
    )


def _dealt(units: Mapping[MotionStretch, str]) -> tuple[tuple[MotionStretch, ...], ...] | None:
    """Parts for each split, those of one unit together; None where there are fewer than three units.

    The longest unit goes first, each to the split that has least.
    """
    seconds: dict[str, float] = {}
    for stretch, unit in units.items():
        seconds[unit] = seconds.get(unit, 0.0) + stretch.last - stretch.first
    if len(seconds) < len(SPLITS):
        return None
    filled = [0.0] * len(SPLITS)
    split_of = {}
    for unit in sorted(seconds, key=lambda name: (-seconds[name], name)):
        split_of[unit] = int(np.argmin(filled))
        filled[split_of[unit]] += seconds[unit]
    return tuple(
        tuple(stretch for stretch, unit in units.items() if split_of[unit] == number)
        for number in range(len(SPLITS))
    )
