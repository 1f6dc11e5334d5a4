"""Whether two versions of the code make the same files: same commands, same seeds, every byte compared.

    python benchmarks/same_outputs.py run CHECKOUT OUT     # all commands with the code of CHECKOUT
    python benchmarks/same_outputs.py compare OUT_A OUT_B  # exits with 1 where a file differs

Run both with one environment. Options that were renamed between two versions are written OLD|NEW; the
one that the version's own `--help` knows is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
from safetensors.numpy import load_file

# What says when, how fast, or by which command a file came about, and so differs between two runs.
VOLATILE_NAMES = ("config.json", "metrics.jsonl", "training.jsonl", "table.txt", "table.html")
VOLATILE_NAMES += ("checkpoint.json", "network.json", ".packed.jsonl")
VOLATILE_PARTS = ("events.out.tfevents", "ledger", ".log", "predictions")
VOLATILE_FIELDS = ("command", "date", "git", "hours", "revision", "seconds", "time", "versions")

MOTIONS = ["--motions", "motions", "--textures", "textures"]
RASTER = "film.engine=raster"
TRAINING = (
    "--identities|--count-identities 6 --images|--count-crops 2 --steps 3 --seed 5 --threads 1"
)

STEPS: list[tuple[str, str]] = [
    ("motions", "standins motions --out motions --seed 1 --subjects|--count-subjects 3"),
    (
        "pedestrians",
        "standins pedestrians --out market --seed 2"
        " --train-identities|--count-train-identities 6 --test-identities|--count-test-identities 2"
        " --images-per-camera|--count-images-per-camera 1"
        " --distractors|--count-distractors 2 --junk|--count-junk 1",
    ),
    ("harvest", "harvest-textures --images market --out textures --stand-in"),
    ("plan", "plan --motions motions --textures textures --out plan.jsonl"
     f" --clips|--count-clips 8 --frames 12 --seed 4 --set {RASTER}"),
    ("plan-surreal", "plan --motions motions --textures textures --out surreal.jsonl"
     f" --clips|--count-clips 6 --frames 12 --seed 4 --preset surreal"
     f" --channels depth,segm,normal,gtflow --set {RASTER}"),
    ("plan-cycles", "plan --motions motions --textures textures --out cycles.jsonl"
     " --clips|--count-clips 2 --frames 6 --seed 4 --samples 2 --preset surreal++"),
    ("films", "render-videos --motions motions --textures textures --plan plan.jsonl --out films"
     " --workers 1"),
    ("films-surreal", "render-videos --motions motions --textures textures --plan surreal.jsonl"
     " --out films-surreal --workers 1"),
    ("films-cycles", "render-videos --motions motions --textures textures --plan cycles.jsonl"
     " --out films-cycles --workers 1"),
    ("check", "check films --workers 1 --picture channels.png"),
    ("pack", "pack films --out shards"),
    ("body-fit", f"train body-fit --out train/body-fit {TRAINING} --batch=4|--set=batch=4 --full"
     " --pedestrians train/bank.npz"),
    ("reid", f"train reid --out train/reid {TRAINING} --batch=4|--set=batch=4 --full"
     " --pedestrians train/bank.npz"),
    ("generator", f"train generator --out train/generator {TRAINING} --full"
     " --pedestrians train/bank.npz"),
    ("actions", "standins actions --out ucf101 --seed 3 --workers 1"),
    ("recognition", "eval-ucf101 --films films --videos ucf101 --out recognition --splits 1"
     " --epochs-pretrain 1 --epochs-finetune 1 --views 1x1 --precision 32-true --quiet"),
]  # fmt: skip


@click.group()
def main() -> None:
    """Compare what two versions of the code write."""


@main.command()
@click.argument("checkout", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, help="Only these steps, by name.")
def run(checkout: Path, out: Path, only: tuple[str, ...]) -> None:
    """Run every command with the code of CHECKOUT, writing below OUT."""
    out.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve()), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", "from synth.cli import main; main()"]
    for name, line in STEPS:
        if only and name not in only:
            continue
        words = line.split()
        count = 2 if words[0] in ("standins", "train") else 1
        shown = [*program, *words[:count], "--help"]
        text = subprocess.run(
            shown, cwd=out, env=environment, capture_output=True, text=True, check=True
        ).stdout
        command = [choose(word, text) for word in words]
        began = time.monotonic()
        with open(out / f"{name}.log", "w") as log:
            code = subprocess.run(
                [*program, *command], cwd=out, env=environment, stdout=log, stderr=log
            ).returncode
        click.echo(f"{name}: exit {code}, {time.monotonic() - began:.0f} s")


def choose(word: str, help_text: str) -> str:
    """The first of `OLD|NEW` that a command's help names."""
    names = word.split("|")
    options = [name.partition("=")[0] + " " for name in names]
    present = [name for name, option in zip(names, options) if option in help_text]
    if len(names) == 1:
        return word
    if not present:
        raise click.ClickException(f"none of {word} stands in the command's --help")
    return present[-1]


def without_volatile_fields(value: object) -> object:
    """JSON without the fields that tell when and how fast."""
    if isinstance(value, dict):
        return {
            key: without_volatile_fields(item)
            for key, item in value.items()
            if not any(part in key for part in VOLATILE_FIELDS)
        }
    if isinstance(value, list):
        return [without_volatile_fields(item) for item in value]
    return value


def digest(path: Path) -> str:
    """The SHA-256 of what lasts in a file.

    Of JSON that is all but dates, durations and commands; of the state of an unfinished training the
    tensors, whatever they are called.
    """
    content = path.read_bytes()
    if path.name == "checkpoint.safetensors":
        tensors = [str((t.dtype, t.shape)).encode() + t.tobytes() for t in load_file(path).values()]
        content = b"".join(sorted(hashlib.sha256(tensor).digest() for tensor in tensors))
    if path.suffix == ".json":
        content = json.dumps(without_volatile_fields(json.loads(content)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Digest of every lasting file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in VOLATILE_NAMES
        and not any(part in str(path.relative_to(folder)) for part in VOLATILE_PARTS)
    }


@main.command()
@click.argument("first", type=click.Path(exists=True, path_type=Path))
@click.argument("second", type=click.Path(exists=True, path_type=Path))
def compare(first: Path, second: Path) -> None:
    """Compare every file below FIRST with its namesake below SECOND."""
    ours, theirs = digests(first), digests(second)
    bad = 0
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) == theirs.get(name):
            continue
        bad += 1
        where = first if name not in theirs else second
        click.echo(
            f"{'differs' if name in ours and name in theirs else f'only in {where}'}: {name}"
        )
    folders: dict[str, int] = {}
    for name in ours:
        kind = name.split("/")[0] + " *" + Path(name).suffix
        folders[kind] = folders.get(kind, 0) + (ours[name] == theirs.get(name))
    for kind, equal in sorted(folders.items()):
        click.echo(f"{equal:5d} equal  {kind}")
    click.echo(f"{len(ours)} files compared, {bad} differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
