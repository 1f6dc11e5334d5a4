"""Reading motion capture files: ours against the Python readers that pip installs.

    python benchmarks/motion_readers.py --motions DIR [--rounds 5]

DIR holds Acclaim files in CMU's layout (02/02.asf, 02/02_01.amc) and perhaps .bvh files. Without it,
stand-in motions are made. Every reader reads the same files, in turn, several times over; the best CPU
time of each reader and file counts, in seconds of motion per second. What others do: asfamc-parser and
the BVH readers split text into numbers; fairmotion makes joint rotations and positions of them; none
makes a pose of a body model, as ours does in "to SMPL".

Optional, each skipped with a line where it is absent (none is a requirement of this project):
    pip install asfamc-parser bvh bvhtoolbox bvhio bvhsdk pybvh upc-pymotion
    pip install --no-deps fairmotion && pip install matplotlib
asfamc-parser does not know comments and is given files without them; so is everybody.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.readers.acclaim.asf_amc import read_amc, read_asf, write_amc, write_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_motion
from mocap.readers.bvh.parser import read_bvh
from mocap.retargeting.retarget import retarget

SECONDS = 120  # of patience with one file
FPS = 120.0
Reader = Callable[[Path], object]


def ours(body: Body, skeletons: dict[Path, object]) -> dict[str, tuple[str, Reader]]:
    """Name -> (suffix, what is timed)."""

    def smpl(path: Path, step: int) -> object:
        skeleton = skeletons[path]
        return retarget(
            acclaim_capture(skeleton, read_amc(path, skeleton)[::step]), body, fps=FPS / step
        )

    return {
        "surrealpp, numbers": (".amc", lambda path: read_amc(path, skeletons[path])),
        "surrealpp, to SMPL at 30 fps": (".amc", lambda path: smpl(path, 4)),
        "surrealpp, to SMPL at 120 fps": (".amc", lambda path: smpl(path, 1)),
        "surrealpp, BVH numbers": (".bvh", read_bvh),
        "surrealpp, BVH to SMPL": (".bvh", lambda path: bvh_motion(path, body)),
    }


def others(skeletons: dict[Path, Path]) -> dict[str, tuple[str, Reader]]:
    """Those of the optional readers that are installed."""

    def text_of(make: Callable[[str], object]) -> Reader:
        return lambda path: make(path.read_text(encoding="latin-1"))

    def pymotion(module: object) -> Reader:
        return lambda path: module.BVH().load(str(path))

    made: dict[str, tuple[str, str, Callable[[object], Reader]]] = {
        "asfamc-parser, numbers": (
            ".amc",
            "asfamcparser",
            lambda module: lambda path: module.ParseAMC(str(path)),
        ),
        "fairmotion, joint rotations": (
            ".amc",
            "fairmotion.data.asfamc",
            lambda module: lambda path: module.load(str(skeletons[path]), str(path)),
        ),
        "bvh": (".bvh", "bvh", lambda module: text_of(module.Bvh)),
        "bvhtoolbox": (".bvh", "bvhtoolbox", lambda module: text_of(module.BvhTree)),
        "bvhio": (".bvh", "bvhio", lambda module: lambda path: module.readAsBvh(str(path))),
        "bvhsdk": (".bvh", "bvhsdk", lambda module: lambda path: module.ReadFile(str(path))),
        "pybvh": (".bvh", "pybvh", lambda module: lambda path: module.read_bvh_file(str(path))),
        "upc-pymotion": (".bvh", "pymotion.io.bvh", pymotion),
        "fairmotion, BVH joint rotations": (
            ".bvh",
            "fairmotion.data.bvh",
            lambda module: lambda path: module.load(str(path)),
        ),
    }
    out = {}
    for name, (suffix, module, reader) in made.items():
        try:
            out[name] = (suffix, reader(importlib.import_module(module)))
        except ImportError as error:
            print(f"{name}: skipped ({error})")
    return out


def prepared(motions: Path | None, folder: Path) -> tuple[dict[Path, Path], list[Path]]:
    """Copies of the motions without comments: .amc -> its .asf, and the .bvh files."""
    pairs: dict[Path, Path] = {}
    if motions is None:
        from synth.standins.actions import ACTIONS
        from synth.standins.mannequin import Proportions, mannequin_skeleton
        from synth.standins.motions import generate

        skeleton = mannequin_skeleton(Proportions(), "generated")
        write_asf(skeleton, folder / "201.asf")
        for number, action in enumerate(ACTIONS[:5], start=1):
            path = folder / f"201_{number:02d}.amc"
            _, frames = generate(skeleton, action, seed=1, subject=0, variation=0)
            write_amc(skeleton, frames, path)
            pairs[path] = folder / "201.asf"
        return pairs, []
    for path in sorted(motions.rglob("*.amc")):
        skeleton = path.with_name(f"{path.stem.rpartition('_')[0]}.asf")
        lines = path.read_text(encoding="latin-1").splitlines()
        copy = folder / path.name
        copy.write_text("\n".join(line for line in lines if not line.startswith("#")) + "\n")
        pairs[copy] = skeleton
    copies = []
    for path in sorted(motions.rglob("*.bvh")):
        copies.append(folder / path.name)
        copies[-1].write_bytes(path.read_bytes())
    return pairs, copies


def cpu_seconds(reader: Reader, path: Path) -> float:
    """CPU time of one reading; infinite where it fails or takes too long."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    start = time.process_time()
    try:
        reader(path)
        return time.process_time() - start
    except Exception as error:
        print(f"  {path.name}: {type(error).__name__}: {str(error)[:100]}")
        return float("inf")
    finally:
        signal.alarm(0)


def measure(readers: dict[str, tuple[str, Reader]], lengths: dict[Path, float], rounds: int):
    """Best CPU seconds by reader and file; readers take turns on each file."""
    best: dict[str, dict[Path, float]] = {name: {} for name in readers}
    for number in range(rounds):
        for path in lengths:
            for name, (suffix, reader) in readers.items():
                if path.suffix != suffix or best[name].get(path) == float("inf"):
                    continue
                taken = cpu_seconds(reader, path)
                if number == 0 and taken < 1e9:  # the first call imports and compiles
                    taken = cpu_seconds(reader, path)
                best[name][path] = min(taken, best[name].get(path, float("inf")))
    return best


def report(best: dict[str, dict[Path, float]], lengths: dict[Path, float], suffix: str) -> None:
    speeds = {}
    for name, taken in best.items():
        read = [path for path, seconds in taken.items() if seconds < float("inf")]
        if read and read[0].suffix == suffix:
            speed = sum(lengths[p] for p in read) / sum(taken[p] for p in read)
            speeds[name] = (speed, len(read))
    if not speeds:
        return
    files = [path for path in lengths if path.suffix == suffix]
    total = sum(lengths[path] for path in files)
    print(f"\n{len(files)} {suffix} files, {total:.0f} s of motion; motion-seconds per CPU second:")
    for name, (speed, count) in sorted(speeds.items(), key=lambda item: -item[1][0]):
        print(f"  {name:34} {speed:9.1f}  ({count} files)")
    theirs = {name: speed for name, (speed, _) in speeds.items() if "surrealpp" not in name}
    for mine in (name for name in speeds if "surrealpp" in name):
        for name, speed in sorted(theirs.items(), key=lambda item: -item[1]):
            print(f"  {mine} / {name}: {speeds[mine][0] / speed:.2f}")
    summarise(speeds, suffix)


def summarise(speeds: dict[str, tuple[float, int]], suffix: str) -> None:
    """Both rows of the README: numbers alone, which is all that others give, and poses of a body."""
    theirs = [(speed, name) for name, (speed, _) in speeds.items() if "surrealpp" not in name]
    fastest, peer = max(theirs, default=(float("nan"), "no other reader installed"))
    numbers = max(s for name, (s, _) in speeds.items() if "surrealpp" in name and "numbers" in name)
    print(f"  reading {suffix}, by the fastest other ({peer}) and by our own numbers alone:")
    for name, (speed, _) in speeds.items():
        if "surrealpp" in name:
            by_other = f"{speed / fastest:.1f}" if theirs else "-"
            print(f"    {name.removeprefix('surrealpp, '):24} {by_other:>6}  {speed / numbers:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motions", type=Path, help="folder of .asf, .amc and .bvh files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most-seconds", type=float, default=20.0, help="skip longer motions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pairs, bvhs = prepared(arguments.motions, Path(name))
        known = {path: read_asf(path) for path in set(pairs.values())}
        skeletons = {path: known[skeleton] for path, skeleton in pairs.items()}
        lengths = {path: len(read_amc(path, skeletons[path])) / FPS for path in pairs}
        for path in bvhs:
            motion = read_bvh(path)
            lengths[path] = float(np.nan_to_num(len(motion) * motion.frame_time))
        lengths = {p: s for p, s in lengths.items() if 0 < s <= arguments.most_seconds}
        readers = ours(load_free_body(), skeletons) | others(pairs)
        best = measure(readers, lengths, arguments.rounds)
        report(best, lengths, ".amc")
        report(best, lengths, ".bvh")


if __name__ == "__main__":
    main()
