"""How quickly films are made, from the lines of their ledgers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from synth.films.ledger import LedgerLine


@dataclass(frozen=True)
class FilmRate:
    """How quickly clips were made: clips and frames per second, over `seconds` of filming."""

    clips: float
    frames: float
    seconds: float


def recent_rate(lines: Iterable[LedgerLine], now: float, window: float) -> FilmRate | None:
    """The rate since `window` seconds ago, or since the first clip was begun where that is less."""
    finished = [line for line in lines if line.state == "done"]
    recent = [line for line in finished if line.end >= now - window]
    if not recent:
        return None
    first = min(line.end - line.seconds for line in finished)
    seconds = max(1.0, now - max(first, now - window))
    return FilmRate(len(recent) / seconds, sum(line.frames for line in recent) / seconds, seconds)


def overall_rate(lines: Iterable[LedgerLine]) -> FilmRate | None:
    """The rate over all time in which a clip was in the making: pauses between runs do not count."""
    finished = sorted(
        (line.end - line.seconds, line.end, line.frames) for line in lines if line.state == "done"
    )
    if not finished:
        return None
    seconds, latest_end = 0.0, finished[0][0]
    for begin, end, _ in finished:
        seconds += max(0.0, end - max(begin, latest_end))
        latest_end = max(latest_end, end)
    seconds = max(1.0, seconds)  # lines tell times to the second
    return FilmRate(
        len(finished) / seconds, sum(frames for *_, frames in finished) / seconds, seconds
    )
