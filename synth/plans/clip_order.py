"""The order in which windows of motions become clips, so that few clips already show everything."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mocap.library.motion_library import MotionEntry
from synth.plans.preset import Windows


@dataclass(frozen=True, kw_only=True)
class ClipSlot:
    """A window of a motion that becomes a clip.

    entry: the motion.
    run: counts the plan's strides, from 0.
    number: counts the clips of the motion in that run, from 1.
    start, frames: first frame and length, at the film's rate.
    """

    entry: MotionEntry
    run: int
    number: int
    start: int
    frames: int


def frames_at(entry: MotionEntry, fps: float) -> int:
    """Frames of a motion once resampled to `fps` (see `mocap.motion.resample`)."""
    return int(np.floor((entry.frames - 1) * fps / entry.fps + 1e-6)) + 1


def clip_order(
    entries: Sequence[MotionEntry],
    windows: Windows,
    *,
    fps: float,
    seed: int,
    laps: int | None = None,
) -> Iterator[ClipSlot]:
    """Windows in the order of the plan.

    Categories take turns, within a category its motions take turns, and each motion's windows come in
    order from one that the seed picks, so that few clips show not only how motions begin; one run
    after another. When a category's windows are used the next lap gives them other clothes. So any
    number of first clips is spread over the categories and motions as evenly as it can be.

    Args:
        entries: the motions.
        windows: how they are cut.
        fps: the film's rate.
        seed: of the order.
        laps: how often every window is used; None: without end.
    """
    groups: dict[str, list[list[ClipSlot]]] = {}
    for entry in sorted(entries, key=lambda e: _digest(seed, e.name)):
        slots = _slots(entry, windows, fps, seed)
        if slots:
            groups.setdefault(entry.category, []).append(slots)
    turns = [_turns(groups[category], laps) for category in sorted(groups)]
    while turns:
        for turn in list(turns):
            slot = next(turn, None)
            if slot is None:
                turns.remove(turn)
            else:
                yield slot


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()


def _slots(entry: MotionEntry, windows: Windows, fps: float, seed: int) -> list[ClipSlot]:
    length = frames_at(entry, fps)
    slots = []
    for run, stride in enumerate(windows.strides):
        starts = windows.starts(length, stride=stride)
        stride_slots = [
            ClipSlot(
                entry=entry,
                run=run,
                number=number,
                start=start,
                frames=min(windows.frames, length - start),
            )
            for number, start in enumerate(starts, 1)
        ]
        if stride_slots:
            first = _digest(seed, f"{entry.name} first")[0] % len(stride_slots)
            slots += stride_slots[first:] + stride_slots[:first]
    return slots


def _turns(motions: list[list[ClipSlot]], laps: int | None) -> Iterator[ClipSlot]:
    """Clips of one category: first windows of all motions, then second ones, and round again."""
    once = [slots[k] for k in range(max(map(len, motions))) for slots in motions if k < len(slots)]
    count: dict[tuple[str, int], int] = {}
    for slot in once:
        key = (slot.entry.name, slot.run)
        count[key] = count.get(key, 0) + 1
    for lap in itertools.count() if laps is None else range(laps):
        for slot in once:
            earlier = lap * count[slot.entry.name, slot.run]
            yield replace(slot, number=slot.number + earlier)
