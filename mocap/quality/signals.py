"""What the tests of a motion share: local rotations, angles, runs of frames, and how a defect is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mocap.bodies.body import PARENTS
from mocap.quality.verdict import Reason


def local_rotations(rotations: np.ndarray) -> np.ndarray:
    """Rotations (T, 24, 3, 3) relative to the parent joint, of global ones."""
    out = rotations.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[:, joint] = np.swapaxes(rotations[:, parent], -1, -2) @ rotations[:, joint]
    return out


def angles_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles (...) in degrees between rotations (..., 3, 3); exact for small ones too."""
    chord = np.sqrt(((first - second) ** 2).sum((-2, -1)))  # 2 sqrt(2) sin(angle / 2)
    return np.degrees(2 * np.arcsin(np.clip(chord / (2 * np.sqrt(2)), 0, 1)))


def runs_of(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    """(start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    yield from ((int(a), int(b)) for a, b in edges.reshape(-1, 2))


def worst_run(
    values: np.ndarray, limit: float, seconds: float, fps: float
) -> tuple[int, float] | None:
    """(frame, value) of the worst of `values` (T,) in runs above `limit` of at least `seconds`."""
    runs = [(a, b) for a, b in runs_of(values > limit) if (b - a) / fps >= seconds - 1e-9]
    if not runs:
        return None
    start, stop = max(runs, key=lambda run: values[run[0] : run[1]].max())
    frame = start + int(values[start:stop].argmax())
    return frame, float(values[frame])


def reason_of(
    defect: str,
    joint: str,
    frame: int,
    fps: float,
    value: float,
    limit: float,
    unit: str,
    advice: str = "",
) -> Reason:
    """The reason for a defect whose worst frame is `frame`."""
    seconds = round(frame / fps, 4)
    return Reason(defect, joint, int(frame), seconds, float(value), float(limit), unit, advice)
