"""What a plan will take, in hours and gigabytes, from trials of a few frames.

And which of its rows fit into a given time or room.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mocap.errors import BadInput
from synth.films.film_workers import Trial
from synth.films.ledger import LedgerLine
from synth.plans.plan_row import PlanRow

MARGIN = 1.05  # of the room predicted, before a plan is begun
TRIAL_LENGTHS = (2, 6)  # frames: two lengths tell what a clip costs from what a frame costs
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Cost:
    """Seconds of one worker and bytes on disk.

    Seconds are `startup` per fresh process, `clip` per clip and `frame` per frame; bytes are
    `clip_bytes` per clip and `frame_bytes` per frame.
    """

    startup: float
    clip: float
    frame: float
    clip_bytes: float
    frame_bytes: float

    def bytes(self, rows: Iterable[PlanRow]) -> float:
        """Bytes that the clips of the rows take."""
        return sum(self.clip_bytes + self.frame_bytes * row.frames for row in rows)

    def worker_seconds(self, rows: Sequence[PlanRow], *, clips_per_process: int) -> float:
        """Seconds of workers, all together, that the clips of the rows take."""
        work = sum(self.clip + self.frame * row.frames for row in rows)
        return work + self.startup * math.ceil(len(rows) / clips_per_process)

    def seconds(self, rows: Sequence[PlanRow], *, workers: int, clips_per_process: int) -> float:
        """Seconds until `workers` workers have made the clips."""
        workers = max(1, min(workers, len(rows)))
        processes = math.ceil(len(rows) / workers / clips_per_process)
        work = sum(self.clip + self.frame * row.frames for row in rows)
        return work / workers + self.startup * processes


def cost_of(trials: Sequence[Trial]) -> Cost:
    """The mean over trials."""

    def line(values: Sequence[Sequence[float]]) -> tuple[float, float]:
        """Of a clip and of a frame."""
        slopes = [
            max(0.0, (v[1] - v[0]) / (t.frames[1] - t.frames[0]))
            for t, v in zip(trials, values)
            if t.frames[1] > t.frames[0]
        ]
        slope = float(np.mean(slopes)) if slopes else 0.0
        constants = [max(0.0, v[0] - slope * t.frames[0]) for t, v in zip(trials, values)]
        return float(np.mean(constants)), slope

    clip, frame = line([t.seconds for t in trials])
    clip_bytes, frame_bytes = line([t.bytes for t in trials])
    startups = [t.startup for t in trials if t.startup is not None]
    return Cost(
        startup=float(np.mean(startups)) if startups else 0.0,
        clip=clip + float(np.mean([t.load for t in trials])),
        frame=frame,
        clip_bytes=clip_bytes,
        frame_bytes=frame_bytes,
    )


def trial_rows(rows: Sequence[PlanRow], count: int) -> list[tuple[PlanRow, PlanRow]]:
    """`count` rows (or all, where they are fewer) spread over a plan, each with another row."""
    count = min(count, len(rows))
    chosen = [rows[int((k + 0.5) * len(rows) / count)] for k in range(count)]
    return [(row, chosen[k - 1]) for k, row in enumerate(chosen)]


def ledger_bytes(lines: Iterable[LedgerLine], rows: Sequence[PlanRow]) -> float | None:
    """Bytes that `rows` will take, from what the plan's clips of the ledger took; None without any.

    Lines of clips that the plan does not have tell nothing of it.
    """
    frames = amount = 0
    for line in lines:
        if line.state == "done":
            frames, amount = frames + line.frames, amount + line.bytes
    return sum(row.frames for row in rows) * amount / frames if frames else None


def stratified(rows: Sequence[PlanRow]) -> list[PlanRow]:
    """The rows in an order of which any beginning has the whole's shares of splits and categories.

    Within one split and category the order stays the plan's, which spreads motions. The clips of each
    are laid evenly over [0, 1] and then taken as they come, so a beginning of n rows holds of a
    stratum its share of n, less or more than one.
    """
    strata: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        strata[row.split, row.category].append(index)
    position = {
        index: ((k + 0.5) / len(members), index)
        for members in strata.values()
        for k, index in enumerate(members)
    }
    return [rows[index] for index in sorted(position, key=position.__getitem__)]


def jobs_that_fit(
    rows: Sequence[PlanRow],
    cost: Cost,
    *,
    workers: int,
    clips_per_process: int,
    seconds: float,
) -> int | None:
    """The fewest jobs of `workers` workers, each of every n-th row, that all end within `seconds`.

    None where not even a job for each clip would.
    """

    def fits(jobs: int) -> bool:
        shares = (rows[job::jobs] for job in range(jobs))
        return all(
            cost.seconds(share, workers=workers, clips_per_process=clips_per_process) <= seconds
            for share in shares
        )

    low, high = 1, max(1, len(rows))
    if not fits(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def rows_that_fit(
    rows: Sequence[PlanRow],
    cost: Cost,
    *,
    workers: int,
    clips_per_process: int,
    seconds: float | None = None,
    room: float | None = None,
) -> list[PlanRow]:
    """The longest beginning of `rows` that is predicted to take at most `seconds` and bytes."""

    def fits(count: int) -> bool:
        beginning = rows[:count]
        in_time = seconds is None or seconds >= cost.seconds(
            beginning, workers=workers, clips_per_process=clips_per_process
        )
        return in_time and (room is None or cost.bytes(beginning) <= room)

    low, high = 0, len(rows)
    while low < high:  # more rows never cost less
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return list(rows[:low])


def parse_duration(text: str, *, option: str = "--budget") -> float:
    """Seconds of "8h", "90m", "2d", "30s" or "1h30m". Raises BadInput for anything else."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not total:
        raise BadInput(f"{option} {text}: expected a time as 8h, 90m, 2d or 1h30m")
    return total


def duration_text(seconds: float) -> str:
    """Seconds as "3.2 hours", "12 minutes" or "40 seconds"."""
    if seconds >= 5400:
        return f"{seconds / 3600:,.1f} hours"
    if seconds >= 100:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.0f} seconds"
