"""Verdicts on the motions of a library: read, retarget, judge; one motion or all of them."""

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
from mocap.library.verdict_store import Finding, VerdictStore
from mocap.quality.assessment import Judge
from mocap.quality.verdict import Verdict
from mocap.retargeting.capture import Capture

JUDGED_FPS = 30.0  # the body's motion is judged at about this rate, the capture at its own


def judge_motion(entry: MotionEntry, body: Body, judge: Judge | None = None) -> Verdict:
    """The verdict on one motion. ``judge`` must be of ``body``. Raises BadInput for damaged files."""
    judge = judge or Judge(body)
    poses = read_poses(entry)
    if not isinstance(poses, Capture):
        return judge(pose_on_body(entry, poses, body))
    step = max(1, round(entry.fps / JUDGED_FPS))
    return judge(pose_on_body(entry, poses, body, step=step), poses, fps=entry.fps)


def check_motions(
    library: MotionLibrary, body: Body, *, workers: int | None = None
) -> MotionLibrary:
    """The library with a verdict on every motion; those that cannot be read join the skipped ones.

    Only motions without a verdict are looked at, on ``workers`` processes (None: one a core). Each
    verdict is kept as it is reached, so that an interrupted check goes on where it stopped.
    """
    findings = _judged(library, library.entries, body, workers)
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
    """Which of ``entries`` (of ``library``) cannot be filmed: name -> the reasons, with the file.

    Motions that were not judged before are judged now, as `check_motions` does.
    """
    unfit = {}
    for name, finding in _judged(library, entries, body, workers).items():
        if finding.verdict is None:
            unfit[name] = finding.error
        elif not finding.verdict.good:
            path = next(entry.path for entry in entries if entry.name == name)
            reasons = "; ".join(str(reason) for reason in finding.verdict.reasons)
            unfit[name] = f"{path}: not fit for films: {reasons}"
    return unfit


def _judged(
    library: MotionLibrary, entries: Sequence[MotionEntry], body: Body, workers: int | None
) -> dict[str, Finding]:
    store = VerdictStore(library.folder)
    findings: dict[str, Finding] = {}
    waiting = []
    for entry in entries:
        finding = store.find(entry, look_inside=True)
        if finding is None:
            waiting.append(entry)
        else:
            findings[entry.name] = finding
    if not waiting:
        return findings
    workers = min(workers or os.cpu_count() or 1, len(waiting))
    total = sum(entry.frames for entry in waiting)
    with tqdm(total=total, desc="judging", unit="frame", unit_scale=True, disable=None) as bar:
        for entry, finding in _findings(waiting, body, workers):
            store.keep(entry, finding)
            findings[entry.name] = finding
            bar.update(entry.frames)
    return findings


def _finding(entry: MotionEntry, body: Body, judge: Judge) -> Finding:
    try:
        return Finding(judge_motion(entry, body, judge))
    except BadInput as error:
        return Finding(None, str(error))


def _findings(
    entries: list[MotionEntry], body: Body, workers: int
) -> Iterator[tuple[MotionEntry, Finding]]:
    if workers <= 1:
        judge = Judge(body)
        for entry in entries:
            yield entry, _finding(entry, body, judge)
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


_HELD: dict[str, tuple[Body, Judge]] = {}


def _start(body: Body) -> None:
    """In each process: the body, and its judge. Interrupting is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _HELD["it"] = body, Judge(body)


def _work(entry: MotionEntry) -> Finding:
    body, judge = _HELD["it"]
    return _finding(entry, body, judge)
