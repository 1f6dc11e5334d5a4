"""`synth eval-ucf101`: what each option changes in the experiment."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from action_recog.errors import BadInput
from action_recog.experiment.protocol import COMPARISONS, PRESETS
from synth.cli.recognition import eval_ucf101
from synth.cli.recognition_options import COMPARISON_NAMES
from tests.action_recog.toy_videos import write_toy_films, write_toy_ucf
from tests.synth.cli.running import refusal, run, succeed
from tests.test_house_rules import ROOT

QUICK = ["--size", 32, "--frames", 2, "--stride", 6, "--views", "1x1", "--splits", "1", "--quiet"]
QUICK += ["--epochs-pretrain", 1, "--epochs-finetune", 1, "--batch", 6, "--device", "cpu"]
QUICK += ["--precision", "32-true", "--compare", "equal-steps", "--workers", 1]


@pytest.fixture
def folders(tmp_path):
    videos, _ = write_toy_ucf(tmp_path / "ucf", clips=1)
    return videos, write_toy_films(tmp_path / "films")


@pytest.fixture
def experiment(monkeypatch):
    """What the command asks for, in place of an experiment."""
    requests = []

    def record(data, protocol, out, **options):
        requests.append((data, protocol, options))
        raise BadInput("recorded")

    monkeypatch.setattr("action_recog.experiment.experiment.run_experiment", record)

    def ask(*words):
        assert "recorded" in refusal(eval_ucf101.name, *words, "--out", "unused")
        return requests[-1]

    return ask


def test_an_experiment_is_what_its_options_say(folders, tmp_path):
    videos, films = folders
    words = ["--films", films, "--videos", videos, "--out", tmp_path / "out", *QUICK]
    words += ["--seeds", "3", "--film-label", "sequence"]
    words += ["--lr-pretrain", 0.02, "--lr-finetune", 0.03]
    result = succeed("eval-ucf101", *words, "--json", "--quiet")
    assert "stand-in data" in json.loads(result.stdout)["data"] and "%|" not in result.stderr
    folder = tmp_path / "out" / "split1" / "films" / "seed3" / "steps1"
    config = json.loads((folder / "config.json").read_text())
    assert (config["training"]["lr"], config["training"]["batch"]) == (0.03, 6)
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (
        len(table["film_classes"]["films"]) == 6
    )  # a class for each sequence, not three categories


def test_a_preset_and_options_on_top_of_it(folders, experiment, tmp_path):
    videos, films = folders
    common = ["--films", films, "--videos", videos]
    data, small, options = experiment(*common)
    assert small == PRESETS["small"] and options["seeds"] == (0,)
    assert (small.film_label, data.weights_2d, data.skip_missing) == ("category", None, False)
    assert (options["compute"].workers, options["strict"]) == (0, False)
    assert (options["compute"].threads, options["comparisons"]) == (1, COMPARISONS)
    assert (data.label_shares, data.validate, data.groups) == ((100,), False, "auto")
    assert options["workers"] == len(os.sched_getaffinity(0))
    _, paper, _ = experiment(*common, "--preset", "paper")
    assert paper == PRESETS["paper"]

    words = ["--preset", "paper", "--arch", "c2d-r18", "--batch", 4, "--seeds", "0,2,2"]
    words += ["--lr-pretrain", 0.5, "--lr-finetune", 0.25, "--device", "CUDA:1", "--strict"]
    words += ["--precision", "bf16-mixed", "--loader-workers", 3, "--skip-missing", "--quiet"]
    data, changed, options = experiment(*common, *words, "--weights-2d", tmp_path / "resnet.pt")
    assert changed.arch == "c2d-r18" and changed.views == paper.views
    assert (changed.pretraining.lr, changed.finetuning.lr) == (0.5, 0.25)
    assert (changed.pretraining.batch, changed.finetuning.batch) == (4, 4)
    assert experiment(*common, "--film-label", "sequence")[1].film_label == "sequence"
    assert options["seeds"] == (0, 2) and options["strict"]
    compute = options["compute"]
    assert (compute.device, compute.precision, compute.workers) == ("cuda:1", "bf16-mixed", 3)
    assert compute.quiet and data.skip_missing and data.weights_2d == tmp_path / "resnet.pt"
    assert options["workers"] == 1  # on a GPU


def test_arms_budgets_and_comparisons_are_what_the_options_say(folders, experiment, tmp_path):
    videos, films = folders
    common = ["--videos", videos, "--pretrain", f"shapes={films}", "--shuffled", "shapes"]
    words = ["--films", films, "--diversity", "1,10", "--label-share", "10,100", "--validate"]
    words += ["--compare", "end-point,equal-steps", "--steps-pretrain", 7, "--steps-finetune", 8]
    words += ["--steps-converge", 9, "--lr-finetune", 0.5, "--workers", 3, "--threads", 2]
    words += ["--groups", "class", "--frame-store", tmp_path / "frames", "--loader-processes", 2]
    words += ["--devices", 2, "--nodes", 3, "--gradient-norm", 0.75, "--batch-parts", 4]
    data, protocol, options = experiment(*common, *words)
    assert data.films == {"shapes": films} and data.shuffled == ("shapes",)
    assert (data.diversity, data.diversity_films) == ((1, 10), films)
    assert (data.label_shares, data.validate, data.groups) == ((10, 100), True, "class")
    assert options["comparisons"] == ("end-point", "equal-steps")
    assert (protocol.pretraining.steps, protocol.finetuning.steps) == (7, 8)
    assert (protocol.convergence.steps, protocol.convergence.lr) == (9, 0.5)
    assert (options["workers"], options["compute"].threads) == (3, 2)
    compute = options["compute"]
    assert (compute.loaders, compute.frames_folder) == (2, tmp_path / "frames")
    assert (compute.devices, compute.nodes) == (2, 3)
    for training in (protocol.pretraining, protocol.finetuning, protocol.convergence):
        assert (training.gradient_norm, training.parts) == (0.75, 4)
    data, _, _ = experiment("--videos", videos, "--weights-2d", "w.pt", "--pretrain-from-2d")
    assert data.films == {} and data.pretrain_from_2d


def test_the_names_of_comparisons_are_those_of_the_package():
    assert COMPARISON_NAMES == COMPARISONS


def test_options_that_contradict_each_other_are_refused(folders, tmp_path):
    videos, films = folders
    common = ["eval-ucf101", "--videos", videos, "--out", tmp_path / "out"]
    told = refusal(*common, "--films", films, "--steps-finetune", 3, "--epochs-finetune", 1)
    assert "--steps-finetune or --epochs-finetune, not both" in told
    assert "--films" in refusal(*common, "--diversity", "1,10")
    told = refusal(*common, "--films", films, "--loader-processes", 1)
    assert "--loader-processes needs --frame-store" in told
    assert "--films" in refusal(*common)


def test_missing_and_damaged_videos_are_gone_on_without_or_refused(folders, tmp_path):
    videos, films = folders
    (videos / "Down" / "v_Down_g02_c01.avi").unlink()
    (videos / "Grow" / "v_Grow_g02_c01.avi").write_bytes(b"damaged")
    words = ["eval-ucf101", "--films", films, "--videos", videos, *QUICK]
    assert "--skip-missing" in refusal(*words, "--out", tmp_path / "a")
    words += ["--skip-missing", "--out"]
    assert "cannot be decoded" in refusal(*words, tmp_path / "b", "--strict")
    told = succeed(*words, tmp_path / "c")
    assert "v_Grow_g02_c01.avi" in told.output and "1 videos were left out" in told.output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seeds", "one"),
        ("--label-share", "0,100"),
        ("--label-share", "101"),
        ("--diversity", "0"),
        ("--compare", "best"),
        ("--workers", "0"),
        ("--threads", "0"),
        ("--steps-converge", "0"),
        ("--groups", "people"),
        ("--seeds", "-1"),
        ("--seeds", "0,-1"),
        ("--seeds", "9223372036854775808"),
        ("--splits", "-1"),
        ("--batch", "1"),
        ("--lr-pretrain", "0"),
        ("--lr-finetune", "nan"),
        ("--device", "tpu"),
        ("--precision", "8-bit"),
        ("--film-label", "colour"),
        ("--loader-workers", "-1"),
        ("--preset", "large"),
        ("--devices", "0"),
        ("--nodes", "0"),
        ("--gradient-norm", "0"),
        ("--batch-parts", "0"),
        ("--views", "10x2"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_options_name(option, value, tmp_path):
    result = run("eval-ucf101", "--videos", tmp_path, "--out", tmp_path / "out", option, value)
    assert result.exit_code == 2 and f"'{option}'" in result.output


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    words = ["--videos", tmp_path, "--films", tmp_path, "--out", tmp_path / "out"]
    assert "--device cuda:" in refusal("eval-ucf101", *words, "--device", "cuda")
    assert not (tmp_path / "out").exists()


def test_weights_to_start_from_must_exist(folders, tmp_path):
    videos, films = folders
    words = ["--films", films, "--videos", videos, "--out", tmp_path / "out", *QUICK]
    assert "resnet.pt" in refusal("eval-ucf101", *words, "--weights-2d", tmp_path / "resnet.pt")


def test_pretraining_on_shards_is_pretraining_on_their_films(folders, tmp_path):
    videos, films = folders
    rows = [json.loads(line) for line in (films / "clips.jsonl").read_text().splitlines()]
    for row in rows:
        (films / f"{row['path']}_info.mat").write_bytes(b"facts")
    lines = [json.dumps({**row, "texture": "a.png", "identity": "a"}) + "\n" for row in rows]
    (films / "clips.jsonl").write_text("".join(lines))
    succeed("pack", films, "--out", tmp_path / "shards", "--count-clips-per-shard", 4)
    words = ["--pretrain", f"folder={films}", "--pretrain", f"shards={tmp_path / 'shards'}"]
    succeed("eval-ucf101", *words, "--videos", videos, "--out", tmp_path / "out", *QUICK)
    weights = [
        (tmp_path / "out/pretraining" / arm / "seed0/network.safetensors").read_bytes()
        for arm in ("folder", "shards")
    ]
    assert weights[0] == weights[1]


def test_two_processes_of_the_command_give_the_weights_of_one(folders, tmp_path):
    """With the whole batch, the same tests and one set of files; added to later by one process alone."""
    videos, films = folders
    command = tmp_path / "synth"
    command.write_text("from synth.cli import main\nmain()\n")
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    def run_command(out, *words):
        words = [command, "eval-ucf101", "--films", films, "--videos", videos, "--out", out, *words]
        return subprocess.run(
            [sys.executable, *map(str, words), *map(str, [*QUICK, "--gradient-norm", 0.5])],
            capture_output=True,
            text=True,
            timeout=900,
            env=environment,
        )

    outputs = {}
    for count in (1, 2):
        done = run_command(tmp_path / f"{count}", "--devices", count)
        assert done.returncode == 0, done.stderr
        outputs[count] = done.stdout
    assert outputs[2].count("Runs, tables and pictures") == 1
    names = [
        sorted(p.relative_to(tmp_path / n).as_posix() for p in (tmp_path / n).rglob("*.*"))
        for n in "12"
    ]
    assert [[n for n in of if "events" not in n] for of in names[1:]] == [
        [n for n in names[0] if "events" not in n]
    ]
    for run_folder in ("pretraining/films/seed0", "split1/films/seed0/steps1"):
        one, two = (load_file(str(tmp_path / n / run_folder / "network.safetensors")) for n in "12")
        for name, value in one.items():  # float32, summed in another order
            torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4, msg=name)
    one, two = (np.load(tmp_path / n / "split1/films/seed0/steps1/predictions.npy") for n in "12")
    np.testing.assert_allclose(two, one, atol=1e-3)
    again = run_command(tmp_path / "2", "--devices", 2)
    assert again.returncode == 0 and again.stderr.count("predictions.npy, of the same network") == 2


def test_several_devices_train_one_network_at_a_time(folders, tmp_path, monkeypatch):
    videos, films = folders
    words = ["eval-ucf101", "--videos", videos, "--films", films, "--out", tmp_path / "out"]
    told = refusal(*words, *QUICK, "--devices", 2, "--workers", 2)
    assert "expected one at a time" in told
    monkeypatch.setattr("sys.argv", ["-c"])
    assert "start it as `synth`" in refusal(*words, *QUICK, "--devices", 2)
