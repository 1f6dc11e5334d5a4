"""How long each command is silent: to its first sign of life, at most between two, and in all.

    python benchmarks/first_signs.py [--commands NAME ...] [--empty-homes] [--json FILE]

Every command of `synth` with the smallest sensible call, on stand-ins that earlier calls of the list
wrote, in a home that was empty before: no body is built, nothing compiled or remembered. What the first
round leaves in the home, the second finds; with --empty-homes each command has an empty one of its own in
the first round. A command writes to a terminal, as a user's does; a sign of life is anything that it
writes there. Then the README's first ten minutes in another empty home: to the first texture, the first
film and the report. Prints tables in Markdown; other work on the machine shows in them.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENTRY = "from synth.cli import main; main()"
LONGEST = 900.0  # seconds, after which a command is ended

STANDINS = (
    "standins motions --out motions --count-subjects 2",
    "standins pedestrians --out market --count-train-identities 3 --count-test-identities 2 "
    "--count-images-per-camera 1 --count-distractors 0 --count-junk 0",
    "standins birds --out birds --count-species 2 --count-train-images 1 --count-test-images 1",
    "standins actions --out videos --count-groups 6 --count-clips 1",
    "standins grey --out grey",
    "standins shapes --out shapes --count-classes 2 --count-clips 4 --frames 8",
    "standins fractals --out fractals --count-classes 2 --count-clips 4 --frames 8",
)
TINY = "--count-identities 4 --count-crops 2 --steps 2 --workers 1 --device cpu"
CALLS = (
    "--help",
    "doctor",
    "schemas",
    "fetch-networks --list",
    "motions motions",
    "motions motions --check --workers 2",
    "body",
    "harvest-textures --images market --split train --out textures",
    "preview motions 201_01 --texture textures/0001.png --out preview.mp4",
    "dress textures/0001.png motions 201_01 --out dress.mp4",
    "turntable textures/0001.png --out turn.gif",
    "export textures/0001.png --motion motions --name 201_01 --out walk.glb",
    "plan --motions motions --textures textures --count-clips 4 --out plan.jsonl",
    "render-videos --motions motions --textures textures --count-clips 2 --frames 8 --engine raster "
    "--out films",
    "status films",
    "check films",
    "ground-truth films --channels uv --out labels",
    "pack films --out shards",
    "export-coco films --out coco.json",
    "report --textures textures --images market --films films --out report.html",
    "places photographs --out places.jpg",
    "split-cameras --images market --out halves",
    "score crop.jpg crop.jpg",
    "convert-textures textures --to anny-1 --out converted",
    "import-textures textures --uv-layout anny-1 --licence CC0-1.0 --out imported",
    "eval-textures textures --images market",
    "eval-reid --images market",
    "study make --textures textures --against market/true_textures --pairing any --count-pairs 2 "
    "--count-practice 0 --count-repeats 0 --count-catch 2 --out study",
    "study score study",
    "train recipes",
    "train pose-prior --count-poses 300 --out prior",
    f"train attire {TINY} --out attire",
    f"train reid {TINY} --recipe small --out reid",
    f"train body-fit {TINY} --out fit",
    f"train generator {TINY} --out generator",
    "eval-ucf101 --films films --videos videos --out results --splits 1 --steps-pretrain 2 "
    "--steps-finetune 2 --steps-converge 2 --compare equal-steps --workers 1",
)
"""Calls in an order in which each finds what it reads; fetch-cmu asks a site, serve waits for people."""


@dataclass(frozen=True)
class Silence:
    """Seconds of a command to its first sign, at most without one, in all; status and first line."""

    call: str
    first: float
    longest: float
    whole: float
    status: int
    line: str


def home_variables(home: Path) -> dict[str, str]:
    """The environment of a user with that home and nothing remembered elsewhere."""
    remembered = ("SURREALPP_CACHE", "ANNY_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in remembered}
    return {**kept, "HOME": str(home), "NUMBA_CACHE_DIR": str(home / "numba"), "TERM": "xterm"}


def listen(call: str, python: str, folder: Path, home: Path) -> Silence:
    """Run a command on a terminal of its own and note when it writes."""
    home.mkdir(parents=True, exist_ok=True)
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    words = [python, "-c", ENTRY, *call.split()]
    variables = {**home_variables(home), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    began = last = time.monotonic()
    process = subprocess.Popen(words, stdout=child, stderr=child, cwd=folder, env=variables)
    os.close(child)
    first, longest, text = 0.0, 0.0, b""
    while time.monotonic() - began < LONGEST:
        if not select.select([parent], [], [], 0.05)[0]:
            continue
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the command closed it
            break
        if not chunk:
            break
        now = time.monotonic()
        first = first or now - began
        longest, last = max(longest, now - last), now
        text = (text + chunk)[-100_000:] if len(text) > 2000 else text + chunk
    else:
        process.kill()
    status = process.wait()
    ended = time.monotonic()
    os.close(parent)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text[:2000].decode(errors="replace"))]
    line = next((line for line in lines if line), "")
    whole = ended - began
    return Silence(call, first or whole, max(longest, ended - last), whole, status, line)


def table(silences: Sequence[Silence]) -> str:
    """Lines of Markdown; a call that failed says so."""
    rows = [
        "| call | first sign, s | longest silence, s | in all, s | first line |",
        "|" + " --- |" * 5,
    ]
    for item in silences:
        failed = f" (status {item.status})" if item.status else ""
        words = " ".join(item.call.split()[: 2 if item.call.startswith(("st", "train")) else 1])
        rows.append(
            f"| `{words}`{failed} | {item.first:.1f} | {item.longest:.1f} | {item.whole:.1f} | "
            f"{item.line[:60].replace('|', '/')} |"
        )
    return "\n".join(rows)


def prepare(folder: Path) -> None:
    """What is read besides the stand-ins: photographs, a crop."""
    import cv2
    import numpy as np

    (folder / "photographs").mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8), (320, 240))
    cv2.imwrite(str(folder / "photographs" / "one.jpg"), picture)
    cv2.imwrite(str(folder / "crop.jpg"), picture[:, :64])


def first_minutes(python: str, folder: Path, home: Path) -> list[tuple[str, float, Silence]]:
    """The README's first ten minutes: each call, and seconds from the beginning to its end."""
    (folder / "photos" / "anna").mkdir(parents=True)
    crops = sorted((folder / "market" / "bounding_box_train").glob("0*.jpg"))
    person = crops[0].name.split("_")[0]
    # Under names that say nothing: in Market-1501's, the file tells who it is, not the folder.
    for number, crop in enumerate(crop for crop in crops if crop.name.startswith(person)):
        shutil.copy(crop, folder / "photos" / "anna" / f"{number}.jpg")
    calls = (
        "doctor --prepare",
        "harvest-textures --images photos --licence CC-BY-4.0 --out own",
        "preview motions 201_01 --texture own/anna.png --out walking.mp4",
        "render-videos --motions motions --textures own --count-clips 1 --frames 8 --engine raster "
        "--out own-films",
        "report --textures own --images photos --films own-films --out own.html",
    )
    began, steps = time.monotonic(), []
    for call in calls:
        silence = listen(call, python, folder, home)
        steps.append((call, time.monotonic() - began, silence))
    return steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--commands", nargs="*", help="only calls that begin with one of these")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--empty-homes", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument(
        "--folder", type=Path, help="where stand-ins are, and stay, for another time"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    figures: dict[str, object] = {"load": os.getloadavg(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="first-signs-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(exist_ok=True)
        prepare(folder)
        for number in range(1, options.rounds + 1):
            silences = []
            for call in (*STANDINS, *CALLS):
                name = re.sub(r"\W+", "-", call)[:60]
                home = folder / "homes" / (name if options.empty_homes else "one")
                wanted = not options.commands or call.startswith(tuple(options.commands))
                if number == 1 and wanted and options.empty_homes:
                    shutil.rmtree(home, ignore_errors=True)
                out = re.search(r"--out (\S+)", call)
                if wanted or (out and not (folder / out[1]).exists()):
                    if out and (path := folder / out[1]).exists():
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                    silence = listen(call, options.python, folder, home)
                    print(
                        f"{call}: {silence.first:.1f} {silence.longest:.1f} {silence.whole:.1f}",
                        file=sys.stderr,
                    )
                    if wanted:
                        silences.append(silence)
            title = "an empty home" if number == 1 else "again"
            print(
                f"\n{title}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{table(silences)}"
            )
            figures[title] = [asdict(item) for item in silences]
        if not options.commands:
            shutil.rmtree(folder / "photos", ignore_errors=True)
            for name in ("own", "own-films"):
                shutil.rmtree(folder / name, ignore_errors=True)
            steps = first_minutes(options.python, folder, folder / "homes" / "first-minutes")
            print("\nthe first ten minutes, an empty home\n")
            for call, seconds, silence in steps:
                print(f"{seconds:7.1f} s  {call}  (longest silence {silence.longest:.1f} s)")
            figures["first minutes"] = [(call, seconds, asdict(s)) for call, seconds, s in steps]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
