"""The same words for the same things: --seed, --device, --workers, --quiet and --json on every command.

Every command has each of them, or stands below with the reason why it would mean nothing there.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import shutil
from functools import cache
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from synth.cli import COMMANDS
from synth.cli.result_output import json_text
from tests.synth.cli.running import run, succeed
from tests.synth.cli.test_options import ALL, ROOT
from tests.synth.small_film_set import QUICK
from tests.test_house_rules import OURS

DRAWS_NOTHING = "nothing is drawn at random: what is there decides"
NO_NETWORK = "no network runs, and nothing else that a GPU would hasten"
ONE_THING = "makes one thing, or a handful"
FEW_SECONDS = "what it does to an item is over before a process has started"
BATCHES = "its networks take items in batches, with as many threads as torch has"
NO_BAR = "shows no bar"

FILM_FILES = ("view", "export", "turntable", "dress", "preview")
LACKING: dict[str, dict[str, str]] = {
    "--seed": {
        **dict.fromkeys(FILM_FILES, DRAWS_NOTHING),
        **dict.fromkeys(("harvest-textures", "report", "motions", "split-cameras"), DRAWS_NOTHING),
        **dict.fromkeys(("convert-textures", "import-textures", "score"), DRAWS_NOTHING),
        **dict.fromkeys(("places", "status", "check", "ground-truth", "pack"), DRAWS_NOTHING),
        **dict.fromkeys(("export-coco", "train recipes", "standins grey"), DRAWS_NOTHING),
        **dict.fromkeys(("doctor", "schemas", "fetch-cmu", "fetch-networks"), DRAWS_NOTHING),
        "fetch-environments": DRAWS_NOTHING,
        **dict.fromkeys(("convert-weights", "study serve"), DRAWS_NOTHING),
        "eval-ucf101": "--seeds: it takes several",
    },
    "--device": {
        **dict.fromkeys(FILM_FILES, NO_NETWORK),
        **dict.fromkeys(("report", "motions", "body", "split-cameras", "score"), NO_NETWORK),
        **dict.fromkeys(("convert-textures", "import-textures", "plan", "places"), NO_NETWORK),
        **dict.fromkeys(("status", "check", "ground-truth", "pack", "export-coco"), NO_NETWORK),
        **dict.fromkeys(("study score", "study serve", "train recipes"), NO_NETWORK),
        "train pose-prior": NO_NETWORK,
        **{f"standins {name}": NO_NETWORK for name in ("actions", "birds", "fractals", "grey")},
        **{f"standins {name}": NO_NETWORK for name in ("motions", "pedestrians", "shapes")},
        **dict.fromkeys(("doctor", "schemas", "fetch-cmu", "fetch-networks"), NO_NETWORK),
        "fetch-environments": NO_NETWORK,
        "convert-weights": NO_NETWORK,
    },
    "--workers": {
        **dict.fromkeys(FILM_FILES, ONE_THING),
        **dict.fromkeys(("report", "body", "score", "status", "doctor", "schemas"), ONE_THING),
        **dict.fromkeys(("train recipes", "train pose-prior", "standins grey"), ONE_THING),
        **dict.fromkeys(("study score", "study serve", "convert-weights"), ONE_THING),
        **dict.fromkeys(("harvest-textures", "eval-fit", "eval-textures"), BATCHES),
        **dict.fromkeys(("eval-reid", "eval-generator"), BATCHES),
        **dict.fromkeys(("split-cameras", "import-textures", "convert-textures"), FEW_SECONDS),
        **dict.fromkeys(("pack", "export-coco", "study make", "standins motions"), FEW_SECONDS),
        **dict.fromkeys(("fetch-cmu", "fetch-networks"), "a site is asked one thing at a time"),
        "fetch-environments": "a site is asked one thing at a time",
    },
    "--quiet": {
        **dict.fromkeys(("split-cameras", "score", "status", "train recipes"), NO_BAR),
        **dict.fromkeys(("schemas", "convert-weights", "study score", "study serve"), NO_BAR),
    },
    "--json": {
        "schemas": "what it prints is JSON always",
        "study serve": "has no result: it serves until it is ended",
    },
}


def options_of(command: click.Command) -> set[str]:
    return {text for p in command.params if isinstance(p, click.Option) for text in p.opts}


@pytest.mark.parametrize("option", LACKING)
def test_every_command_has_the_word_or_a_reason_to_lack_it(option):
    names = {" ".join(path): options_of(command) for path, command in ALL}
    assert set(LACKING[option]) <= set(names), "a reason for a command that there is not"
    lacking = {name for name, options in names.items() if option not in options}
    assert lacking == set(LACKING[option])


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """Our modules that a file imports, wherever in it."""
    files = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0] in OURS:
                module = ROOT.joinpath(*name.split("."))
                files |= {
                    p for p in (module.with_suffix(".py"), module / "__init__.py") if p.is_file()
                }
    return frozenset(files)


@cache
def draws_a_bar(path: Path) -> bool:
    return "tqdm(" in path.read_text()


def reaches_a_bar(command: click.Command) -> bool:
    """Whether what the command's function imports, and what that imports, draws a bar anywhere."""
    source = Path(command.callback.__code__.co_filename)
    tree = ast.parse(source.read_text())
    name = command.callback.__name__
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    waiting, seen = [], set()
    for node in ast.walk(function):
        if isinstance(node, ast.ImportFrom) and node.module:
            for text in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                spec = importlib.util.find_spec(node.module) if text == node.module else None
                path = ROOT.joinpath(*text.split(".")).with_suffix(".py")
                waiting += [Path(spec.origin)] if spec and spec.origin else []
                waiting += [path] if path.is_file() else []
    while waiting:
        path = waiting.pop()
        if path in seen or ROOT not in path.parents or path.relative_to(ROOT).parts[0] not in OURS:
            continue
        seen.add(path)
        waiting += imports_of(path)
    return any(map(draws_a_bar, seen))


def test_a_command_that_is_said_to_show_no_bar_reaches_none():
    """Judged by what its code imports: `quiet` may be offered in vain, never be missing."""
    commands = {" ".join(path): command for path, command in ALL}
    reaching = {name for name in LACKING["--quiet"] if reaches_a_bar(commands[name])}
    # They take constants and records of modules that draw bars elsewhere.
    assert reaching <= {"train recipes", "status"}
    assert reaches_a_bar(commands["harvest-textures"]) and reaches_a_bar(commands["view"])


def test_the_result_is_json_that_every_parser_reads():
    content = {"a": math.nan, "b": np.float32(2), "c": Path("x"), "d": (1, [math.inf]), 3: None}
    assert json.loads(json_text(content)) == {
        "a": None,
        "b": 2,
        "c": "x",
        "d": [1, [None]],
        "3": None,
    }
    with pytest.raises(TypeError):
        json_text({"array": np.zeros(3)})


@pytest.fixture(scope="module")
def world(inputs, tmp_path_factory) -> Path:
    """A folder with motions, textures, films of them, crops, photographs and pictures by others."""
    folder = tmp_path_factory.mktemp("world")
    for name in ("motions", "textures"):
        (folder / name).symlink_to(inputs / name)
    for name in ("crops", "photographs", "pngs"):
        (folder / name).mkdir()
    shutil.copytree(inputs / "textures", folder / "others")
    picture = np.full((128, 64, 3), 90, np.uint8)
    crops = [f"crops/0001_c{camera}s1_000001_00.jpg" for camera in (1, 2)]
    for name in (*crops, "photographs/1.jpg"):
        cv2.imwrite(str(folder / name), picture)
    cv2.imwrite(str(folder / "pngs" / "one.png"), np.full((64, 64, 3), 90, np.uint8))
    settings = [word for value in QUICK for word in ("--set", value)]
    words = ["--motions", folder / "motions", "--textures", folder / "textures", *settings]
    words += ["--set", "film.layout=compact", "--count-clips", 1, "--workers", 1]
    result = succeed("render-videos", *words, "--out", folder / "films", "--quiet", "--json")
    made = json.loads(result.stdout)
    assert (made["rendered"], made["failures"], made["out"]) == (1, [], str(folder / "films"))
    assert "%|" not in result.stderr and Path(made["ledger"]).is_file()
    (film,) = (folder / "films").rglob("*.mp4")
    (folder / "clip").symlink_to(film.parent)  # of a name that a call can say
    return folder


CALLS = {
    "doctor --quiet --json": lambda r: (
        {f["subject"] for f in r["findings"]} >= {"Python", "packages"}
    ),
    "body --quiet --json --seed 1": lambda r: r["joints"]["pelvis"]["parent"] is None,
    "motions W/motions --quiet --json": lambda r: len(r["motions"]) == 2,
    "plan --motions W/motions --textures W/textures --out O/p.jsonl --quiet --json": (
        lambda r: r["plans"][0]["all"]["clips"] == sum(r["plans"][0]["categories"].values()) == 2
    ),
    "places W/photographs --out O/places.jpg --workers 1 --quiet --json": (
        lambda r: (r["photographs"], r["places"]) == (1, 0) and "1.jpg" in r["unusable"]
    ),
    "status W/films --json": lambda r: (r["completed"], r["failed"]) == (1, 0),
    "check W/films --workers 1 --quiet --json": lambda r: r["clips"] == 1,
    "check W/films --checksums --quiet --json": lambda r: (r["clips"], r["changed"]) == (1, []),
    "ground-truth W/films --channels depth --out O/labels --workers 1 --quiet --json": (
        lambda r: (r["computed"], r["failures"]) == (1, [])
    ),
    "pack W/films --out O/shards --quiet --json": lambda r: (r["clips"], r["shards"]) == (1, 1),
    "report --films W/films --out O/report.html --quiet --json": (
        lambda r: Path(r["report"]).stat().st_size == r["bytes"] and r["left_out"] == 0
    ),
    "export W/textures/0.png --out O/body.obj --quiet --json": (
        lambda r: r["files"][0].endswith("body.obj") and all(Path(p).is_file() for p in r["files"])
    ),
    "turntable W/textures/0.png --size 64 --count-views 2 --out O/turn.png --quiet --json": (
        lambda r: (r["views"], Path(r["file"]).is_file()) == (2, True)
    ),
    "dress W/textures/0.png W/motions 01_01 --size 64x64 --fps 4 --out O/a.mp4 --quiet --json": (
        lambda r: r["frames"] > 1 and Path(r["path"]).is_file()
    ),
    "preview W/motions 01_01 --stick --size 64x64 --fps 4 --out O/b.mp4 --quiet --json": (
        lambda r: r["frames"] > 1 and r["strip"] is None
    ),
    "view W/clip/STEM_info.mat --out O/c.mp4 --quiet --json": lambda r: r["frames"] == 4,
    "export-coco W/films --out O/coco.json --quiet --json": (
        lambda r: (r["images"], r["left_out"]) == (4, [])
    ),
    "import-textures W/pngs --uv-layout smpl --licence CC0 --out O/lib --quiet --json": (
        lambda r: (r["textures"], r["left_out"]) == (1, [])
    ),
    "split-cameras --images W/crops --out O/halves --json": lambda r: len(r["halves"]) == 2,
    "score W/pngs/one.png W/pngs/one.png --json": lambda r: r["ssim@rstg"] == pytest.approx(1),
    "study make --textures W/textures --against W/others --pairing any --count-pairs 1 "
    "--count-practice 0 --count-repeats 0 --count-catch 2 --out O/study --quiet --json": (
        lambda r: (r["counted"], r["catch"]) == (1, 2)
    ),
    "train recipes --json": lambda r: r["reid"]["small"]["schedule.seed"] == 0,
    "train pose-prior --count-poses 300 --out O/prior --quiet --json": (
        lambda r: Path(r["weights"]).is_file()
    ),
    "standins motions --count-subjects 1 --out O/motions --quiet --json": (
        lambda r: r["motions"] == len(list(Path(r["out"]).rglob("*.amc")))
    ),
    "standins birds --count-species 2 --count-train-images 1 --count-test-images 1 --workers 2 "
    "--out O/birds --quiet --json": lambda r: r["photographs"] == 4,
    "standins shapes --count-classes 2 --count-clips 2 --frames 4 --workers 1 --out O/s --quiet --json": (
        lambda r: r["videos"] == 2
    ),
    "standins fractals --count-classes 2 --count-clips 2 --frames 4 --workers 1 --out O/f "
    "--quiet --json": lambda r: r["videos"] == 2,
    "standins grey --out O/grey --quiet --json": lambda r: r["textures"] == 3,
    "fetch-networks --list --quiet --json": lambda r: "blazepose-heavy" in {n["name"] for n in r},
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call.split(" --")[0].split()[:2]))
def test_the_result_alone_is_on_standard_output_and_no_bar_is_anywhere(call, world, tmp_path):
    words = [
        word.replace("W/", f"{world}/", 1).replace("O/", f"{tmp_path}/", 1) for word in call.split()
    ]
    words = [word.replace("STEM", next((world / "clip").glob("*.mp4")).stem) for word in words]
    result = run(*words)
    assert result.exit_code in (0, 1) and not isinstance(result.exception, Exception), result.output
    content = json.loads(result.stdout)
    assert CALLS[call](content), content
    assert "%|" not in result.stderr and "it/s" not in result.stderr


def test_without_quiet_there_are_bars_and_they_are_back_after_it(world, tmp_path):
    words = ["check", world / "films", "--workers", 1]
    assert "%|" not in succeed(*words, "--quiet").stderr
    assert "checking: 100%|" in succeed(*words).stderr


@pytest.mark.parametrize("kind", ["attire", "body-fit", "generator", "pn-gan", "reid"])
def test_a_training_prints_its_weights_and_figures(kind, tmp_path, monkeypatch):
    names = {"pn-gan": "pn_gan_runs.train_pn_gan_run", "generator": "runs.train_method_run"}
    name = names.get(kind, f"runs.train_{kind.replace('-', '_')}_run")
    hidden = []

    def record(*_, **__):
        from tqdm import tqdm

        hidden.append(tqdm(total=1).disable)
        return tmp_path / "w.safetensors", {"loss": 0.5}

    monkeypatch.setattr(f"synth.training.{name}", record)
    words = ["train", kind, "--out", tmp_path / "run", "--json", "--quiet"]
    content = json.loads(succeed(*words).stdout)
    assert content == {"weights": str(tmp_path / "w.safetensors"), "figures": {"loss": 0.5}}
    assert "loss: 0.5" in succeed(*words[:4]).stdout and hidden == [True, False]


def test_every_command_of_the_table_is_one_of_these():
    assert {path[0] for path, _ in ALL} == set(COMMANDS)
