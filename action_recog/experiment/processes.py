"""Runs side by side in processes; each computes with its own threads, so the bytes are those of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from action_recog.experiment.protocol import ExperimentData, ExperimentProtocol
from action_recog.experiment.results import RunResult
from action_recog.experiment.trainings import Run, Trainings
from action_recog.training.options import ComputeOptions


@contextmanager
def compute_threads(threads: int) -> Iterator[None]:
    """Let torch compute with so many threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_trainings: Trainings | None = None  # of a worker


def _start_worker(
    data: ExperimentData,
    protocol: ExperimentProtocol,
    out: Path,
    compute: ComputeOptions,
    failures: dict[Path, str],
) -> None:
    global _trainings
    torch.set_num_threads(compute.threads)
    cv2.setNumThreads(1)
    _trainings = Trainings(data, protocol, out, compute)
    _trainings.leave_out(failures)


def _worker() -> Trainings:
    if _trainings is None:
        raise RuntimeError("the process was not prepared")
    return _trainings


def _pretrain(task: tuple[str, int]) -> None:
    _worker().pretrain(*task)


def _finetune(run: Run) -> RunResult:
    return _worker().finetune(run)


def run_all(
    trainings: Trainings,
    pretrainings: Sequence[tuple[str, int]],
    runs: Sequence[Run],
    *,
    workers: int,
) -> list[RunResult]:
    """Run all trainings: first those on films, then those on labelled videos.

    Args:
        trainings: Data of the runs, decoded.
        pretrainings: Arm and seed of each training that comes before others.
        runs: Trainings on labelled videos.
        workers: Processes side by side; 1 trains in this one. The results do not depend on it.

    Returns:
        A result for each run, in order.

    Raises:
        BadInput: What a training raises.
    """
    quiet = trainings.compute.quiet
    if workers == 1:
        with compute_threads(trainings.compute.threads):
            for task in pretrainings:
                trainings.pretrain(*task)
            return [trainings.finetune(run) for run in runs]
    children = set(active_children())
    # Spawned, not forked: threads of decoders and of torch do not survive a fork.
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(
            trainings.data,
            trainings.protocol,
            trainings.out,
            replace(trainings.compute, quiet=True),
            trainings.store.failures,
        ),
    ) as pool:
        try:
            before = [pool.submit(_pretrain, task) for task in pretrainings]
            # Arms that wait for no pretraining keep the other processes busy meanwhile.
            waiting = {run for run in runs if trainings.arms[run.arm].source is not None}
            answers = {run: pool.submit(_finetune, run) for run in runs if run not in waiting}
            for answer in tqdm(before, desc="Pretraining", unit="run", disable=quiet):
                answer.result()
            answers |= {run: pool.submit(_finetune, run) for run in runs if run in waiting}
            bar = tqdm(runs, desc="Training and testing", unit="run", disable=quiet)
            return [answers[run].result() for run in bar]
        except BaseException:
            # What the others are at is not waited for: it goes on from their checkpoints.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - children:
                process.terminate()
            raise
