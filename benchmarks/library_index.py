"""Indexing a library as large as CMU's: 2,435 motions, opened for the first and the second time.

    python benchmarks/library_index.py [--motions 2435] [--judge 100] [--workers 2]

A few stand-in motions, repeated to CMU's mean length, are copied under as many names in CMU's layout,
each file a little different. ``--judge`` also passes verdicts on so many of them and says how long
all would take at that rate. The index is kept in a folder of its own, not in the user's cache.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from mocap.bodies.free_body import load_free_body
from mocap.library.checking import check_motions
from mocap.library.motion_library import (
    INDEX_COLUMNS,
    INDEX_NAME,
    MotionLibrary,
    open_motion_library,
)
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from synth.standins.actions import ACTIONS
from synth.standins.mannequin import Proportions, mannequin_skeleton
from synth.standins.motions import generate

SUBJECTS = 110  # as many as CMU's
FRAMES = 1600  # CMU's mean length, about
FIRST_SUBJECT = 201


def make_library(folder: Path, motions: int) -> int:
    """Write the library; returns its size in bytes."""
    skeleton = mannequin_skeleton(Proportions(), "generated")
    sources = []
    for number, action in enumerate(ACTIONS):
        _, frames = generate(skeleton, action, seed=1, subject=0, variation=0)
        there_and_back = np.concatenate([frames, frames[::-1]])
        repeated = np.tile(there_and_back, (FRAMES // len(there_and_back) + 1, 1))[:FRAMES]
        write_amc(skeleton, repeated, folder / f"source_{number}.amc")
        sources.append((folder / f"source_{number}.amc").read_bytes())
        (folder / f"source_{number}.amc").unlink()
    rows, size = [",".join(INDEX_COLUMNS)], 0
    for number in range(motions):
        subject, trial = FIRST_SUBJECT + number % SUBJECTS, number // SUBJECTS + 1
        place, name = folder / str(subject), f"{subject}_{trial:02d}"
        if not place.is_dir():
            write_asf(skeleton, place / f"{subject}.asf")
        kind = number % len(ACTIONS)
        data = f"# {name}\n".encode() + sources[kind]
        (place / f"{name}.amc").write_bytes(data)
        size += len(data)
        rows.append(f"{name},{subject},{trial},generated,{ACTIONS[kind].category},120,generated")
    (folder / INDEX_NAME).write_text("\n".join(rows) + "\n")
    return size


def opened(folder: Path, what: str) -> MotionLibrary:
    start, cpu = time.perf_counter(), time.process_time()
    library = open_motion_library(folder)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}: {len(library)} motions in {wall:.2f} s ({cpu:.2f} s CPU)")
    return library


def children_cpu() -> float:
    """CPU seconds of this process's children, once they have ended."""
    for child in multiprocessing.active_children():
        child.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motions", type=int, default=2435)
    parser.add_argument(
        "--judge", type=int, default=0, metavar="N", help="pass verdicts on N of them"
    )
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    body = load_free_body()
    with tempfile.TemporaryDirectory() as name:
        os.environ["SURREALPP_CACHE"] = str(Path(name) / "cache")
        folder = Path(name) / "motions"
        folder.mkdir()
        size = make_library(folder, arguments.motions)
        print(f"{arguments.motions} motions, {size / 1e9:.2f} GB, {FRAMES} frames each")
        opened(folder, "first opening")
        library = opened(folder, "second opening")
        changed = library.entries[0].path
        os.utime(changed, ns=(0, 0))
        library = opened(folder, "after one file changed")
        if arguments.judge:
            # one of every so many, so that every action is among them
            chosen = library.entries[:: max(1, len(library) // arguments.judge)][: arguments.judge]
            sample = MotionLibrary(library.folder, chosen, ())
            start, cpu = time.perf_counter(), children_cpu()
            check_motions(sample, body, workers=arguments.workers)
            wall, cpu = time.perf_counter() - start, children_cpu() - cpu
            whole = wall / len(chosen) * len(library) / 60
            print(
                f"verdicts on {len(chosen)} motions by {arguments.workers} processes in {wall:.1f} s "
                f"({cpu:.1f} s CPU, starting the processes included); "
                f"{len(library)} at this rate: {whole:.1f} min"
            )
            opened(folder, "opening with those verdicts")


if __name__ == "__main__":
    main()
