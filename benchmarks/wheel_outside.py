"""The wheel outside of the repository: built, installed alone, and used from an empty folder.

    PYTHON benchmarks/wheel_outside.py [--folder DIR]

Builds the wheel of a copy of the packages, installs it without what it requires into a new environment,
which borrows that of PYTHON, and runs there, in an empty folder: `synth doctor`, stand-ins, a harvest, a
preview, a film by the raster engine and the report. So whatever the commands need is in the wheel. Ends
with an error where a command fails or the code is not the wheel's. Prints sizes and seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mocap", "textures", "synth", "action_recog")
CALLS = (
    "doctor",
    "standins motions --out motions --count-subjects 1",
    "standins pedestrians --out market --count-train-identities 2 --count-test-identities 2 "
    "--count-images-per-camera 1 --count-distractors 0 --count-junk 0",
    "harvest-textures --images market --split train --out textures",
    "preview motions 201_01 --texture TEXTURE --out walking.mp4",
    "render-videos --motions motions --textures textures --count-clips 1 --frames 8 --engine raster "
    "--out films",
    "report --textures textures --images market --films films --out report.html",
)
MADE = ("textures/textures.jsonl", "walking.mp4", "films/clips.jsonl", "report.html")


def run(*words: object, folder: Path) -> str:
    """What a program prints; ends with an error, and what it said, where it fails."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    variables = {name: text for name, text in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=variables, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def built_wheel(folder: Path) -> Path:
    """The wheel of a copy, in which nothing of an earlier build lies."""
    source = folder / "source"
    source.mkdir()
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    words = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        source,
    ]
    run(sys.executable, *words, folder=folder)
    (wheel,) = folder.glob("surrealpp-*.whl")
    return wheel


def environment_of(wheel: Path, folder: Path) -> Path:
    """The `synth` program of a new environment with the wheel, and this interpreter's packages."""
    environment = folder / "environment"
    run(sys.executable, "-m", "venv", environment, folder=folder)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", code, folder=folder).strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in PACKAGES:
        place = run(python, "-c", f"import {name}; print({name}.__file__)", folder=folder).strip()
        if not place.startswith(str(packages)):
            sys.exit(f"{name} is {place}, expected that of the wheel in {packages}")
    return environment / "bin" / "synth"


def main() -> None:
    """Build, install, run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, help="an empty folder to work in, which stays")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheel-outside-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        wheel = built_wheel(folder)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        synth = environment_of(wheel, folder)
        shutil.rmtree(folder / "source")
        place = folder / "empty"
        place.mkdir()
        for call in CALLS:
            if "TEXTURE" in call:
                texture = sorted((place / "textures").glob("0*.png"))[0]
                call = call.replace("TEXTURE", str(texture))
            began = time.monotonic()
            run(synth, *call.split(), folder=place)
            print(f"{time.monotonic() - began:6.1f} s  synth {call.split(' --')[0]}", flush=True)
        lacking = [name for name in MADE if not (place / name).is_file()]
        if lacking:
            sys.exit(f"not made: {', '.join(lacking)}")


if __name__ == "__main__":
    main()
