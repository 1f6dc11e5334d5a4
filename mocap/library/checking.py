"""Verdicts on the motions of a library: read, retarget and assess one motion or all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context

from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.library.motion_entry import MotionEntry
from mocap.library.motion_library import MotionLibrary, pose_on_body, read_poses
from mocap.library.verdict_cache import Finding, VerdictCache
from mocap.quality.assessment import MotionAssessor
from mocap.quality.verdict import Verdict
from mocap.retargeting.capture import Capture

ASSESSED_FPS = 30.0  # the body's motion is assessed at about this rate, the capture at its own


def assess_motion(
    entry: MotionEntry, body: Body, assessor: MotionAssessor | None = None
) -> Verdict:
    """The verdict on one motion.

    Args:
        entry: The motion.
        body: The body that performs it.
        assessor: One of the same body; without it one is made, which takes some time.

    Raises:
        BadInput: Where a file is damaged.
    """
    assessor = assessor or MotionAssessor(body)
    poses = read_poses(entry)
    if not isinstance(poses, Capture):
        return assessor(pose_on_body(entry, poses, body))
    step = max(1, round(entry.fps / ASSESSED_FPS))
    return assessor(pose_on_body(entry, poses, body, step=step), poses, fps=entry.fps)


def check_motions(
    library: MotionLibrary, body: Body, *, workers: int | None = None
) -> MotionLibrary:
    """The library with a verdict on every motion; those that cannot be read join the skipped ones.

    Each verdict is remembered as it is reached, so that an interrupted check goes on where it
    stopped.

    Args:
        library: Whose motions without a verdict are assessed.
        body: The body that performs them.
        workers: How many processes; None for one per core.

    Raises:
        BadInput: Where no motion can be read.
    """
    findings = _find_all(library, library.entries, body, workers)
    entries, skipped = [], list(library.skipped)
    for entry in library.entries:
        finding = findings[entry.name]
        if finding.verdict is None:
            skipped.append((entry.path, finding.error))
        else:
            entries.append(replace(entry, verdict=finding.verdict))
    if not entries:
        raise BadInput(f"{library.folder}: no motion can be read; the first: {skipped[0][1]}")
    return replace(library, entries=tuple(entries), skipped=tuple(skipped))


def find_unfit(
    library: MotionLibrary,
    entries: Sequence[MotionEntry],
    body: Body,
    *,
    workers: int | None = None,
) -> dict[str, str]:
    """The motions that cannot be filmed: name -> the reasons, with the file.

    Args:
        library: The library of the motions.
        entries: Those of its motions to look at. Where they have no verdict they are assessed, as
            `check_motions` does.
        body: The body that performs them.
        workers: How many processes; None for one per core.
    """
    unfit = {}
    for name, finding in _find_all(library, entries, body, workers).items():
        if finding.verdict is None:
            unfit[name] = finding.error
        elif not finding.verdict.good:
            path = next(entry.path for entry in entries if entry.name == name)
            reasons = "; ".join(str(reason) for reason in finding.verdict.reasons)
            unfit[name] = f"{path}: not fit for films: {reasons}"
    return unfit


def _find_all(
    library: MotionLibrary, entries: Sequence[MotionEntry], body: Body, workers: int | None
) -> dict[str, Finding]:
    cache = VerdictCache(library.folder)
    findings: dict[str, Finding] = {}
    waiting = []
    for entry in entries:
        finding = cache.find(entry, compare_content=True)
        if finding is None:
            waiting.append(entry)
        else:
            findings[entry.name] = finding
    if not waiting:
        return findings
    workers = min(workers or os.cpu_count() or 1, len(waiting))
    total = sum(entry.frames for entry in waiting)
    with tqdm(total=total, desc="judging", unit="frame", unit_scale=True, delay=1) as bar:
        for entry, finding in _findings(waiting, body, workers):
            cache.add(entry, finding)
            findings[entry.name] = finding
            bar.update(entry.frames)
    return findings


def _finding(entry: MotionEntry, body: Body, assessor: MotionAssessor) -> Finding:
    try:
        return Finding(assess_motion(entry, body, assessor))
    except BadInput as error:
        return Finding(None, str(error))


def _findings(
    entries: list[MotionEntry], body: Body, workers: int
) -> Iterator[tuple[MotionEntry, Finding]]:
    if workers <= 1:
        assessor = MotionAssessor(body)
        for entry in entries:
            yield entry, _finding(entry, body, assessor)
        return
    # Long motions first, so that no process is left alone with one at the end.
    queue = iter(sorted(entries, key=lambda entry: -entry.frames))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (body,))
    try:
        running = {pool.submit(_work, entry): entry for entry in islice(queue, 2 * workers)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
                for entry in islice(queue, 1):
                    running[pool.submit(_work, entry)] = entry
    except BrokenProcessPool as error:
        raise BadInput(
            "a process was killed while judging motions, perhaps for memory; run the same command with "
            "fewer --workers, it goes on where it stopped"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_IN_PROCESS: dict[str, tuple[Body, MotionAssessor]] = {}


def _start(body: Body) -> None:
    """Prepare a process: the body and its assessor; interrupts are left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _IN_PROCESS["body"] = body, MotionAssessor(body)


def _work(entry: MotionEntry) -> Finding:
    body, assessor = _IN_PROCESS["body"]
    return _finding(entry, body, assessor)
