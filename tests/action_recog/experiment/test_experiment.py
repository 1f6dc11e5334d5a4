import csv
import hashlib
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from action_recog.errors import BadInput
from action_recog.experiment.evaluation import paired_bootstrap, score
from action_recog.experiment.experiment import (
    PRESETS,
    ExperimentData,
    ExperimentProtocol,
    run_experiment,
)
from action_recog.experiment.results import RunResult, csv_table, json_table, summarise, text_table
from action_recog.networks.resnet3d import network
from action_recog.training.loop import ComputeOptions, TrainingOptions
from action_recog.videos.views import ViewOptions
from tests.action_recog.toy_videos import toy_clip, write_toy, write_toy_films, write_toy_ucf

TOY = ExperimentProtocol(
    arch="c2d-nl-r10",
    views=ViewOptions(
        frames=2, stride=6, size=32, jitter=(32, 34), test_size=32, test_clips=1, test_crops=1
    ),
    pretraining=TrainingOptions(epochs=1, batch=6, lr=0.01),
    finetuning=TrainingOptions(epochs=1, batch=6, lr=0.01),
)
COMPUTE = ComputeOptions(precision="32-true", quiet=True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("toy")
    videos, lists = write_toy_ucf(base / "ucf", clips=1)
    return videos, lists, write_toy_films(base / "films")


def test_top_five_and_ties():
    probabilities = np.array([[0.1, 0.1, 0.5, 0.05, 0.05, 0.2], [1, 1, 1, 1, 1, 1.0]])
    found = [score(probabilities, np.array([label, label])) for label in range(6)]
    assert [bool(s.top1[0]) for s in found] == [False, False, True, False, False, False]
    assert [bool(s.top5[0]) for s in found] == [True, True, True, True, False, True]
    assert [bool(s.top1[1]) for s in found] == [True] + [False] * 5  # a tie has one winner
    assert [bool(s.top5[1]) for s in found] == [True] * 5 + [False]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_not_finite_have_no_score(value):
    """NaN is never greater than the label's probability, so every label would have rank 0."""
    probabilities = np.full((4, 3), 1 / 3)
    probabilities[2] = value
    with pytest.raises(BadInput, match=r"predictions of 1 of 4 videos .* the first is number 2"):
        score(probabilities, np.zeros(4, int))


def test_the_bootstrap_finds_a_known_difference_and_its_error():
    rng = np.random.default_rng(0)
    b = rng.random(2000) < 0.6
    a = b.copy()
    a[rng.permutation(np.flatnonzero(~b))[:100]] = True
    found = paired_bootstrap(a, b, rng=np.random.default_rng(1))
    assert found.difference == pytest.approx(5.0)
    error = 100 * np.sqrt(0.05 * 0.95 / 2000)
    assert found.low == pytest.approx(5 - 1.96 * error, abs=0.1)
    assert found.high == pytest.approx(5 + 1.96 * error, abs=0.1)
    assert found.p < 0.001
    same = paired_bootstrap(a, a, rng=np.random.default_rng(1))
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    "gains",
    [
        [1, 1, 1, 0, -1],
        [-1, -1, -1, 0, 1],  # the same backwards: two-sided
        [1, 1, 0, 0, 0],
        [1, 0.5, 0, -0.5, 1],
        [1, -1, 0, 0, 0],  # no difference at all
        [1, 1, 1, 1, 1],
    ],
)
def test_p_and_interval_are_those_of_all_resamples(gains):
    """Five videos have 3125 resamples: p is twice the smaller tail, and 0 lies in both tails."""
    resamples = np.array(list(itertools.product(gains, repeat=5))).mean(axis=1)
    exact = min(1.0, 2 * min((resamples <= 0).mean(), (resamples >= 0).mean()))
    baseline = np.array([0.0, 0, 0, 0.5, 1])
    rng = np.random.default_rng(5)
    found = paired_bootstrap(gains + baseline, baseline, rng=rng, draws=40_000)
    assert found.p == pytest.approx(exact, abs=0.012)
    assert found.low == pytest.approx(100 * np.percentile(resamples, 2.5), abs=20.1)
    assert found.high == pytest.approx(100 * np.percentile(resamples, 97.5), abs=20.1)
    assert found.difference == pytest.approx(100 * np.mean(gains))


def test_p_of_groups_is_that_of_all_resamples_of_groups():
    gains = np.array([1.0, 1, 1, -1, 0, 1, -1])
    groups = np.array(["a", "a", "b", "b", "b", "c", "d"])
    members = [np.flatnonzero(groups == name) for name in "abcd"]
    means = []
    for chosen in itertools.product(members, repeat=4):
        means.append(gains[np.concatenate(chosen)].mean())
    exact = 2 * min(np.mean(np.array(means) <= 0), np.mean(np.array(means) >= 0))
    rng = np.random.default_rng(6)
    found = paired_bootstrap(gains, 0 * gains, rng=rng, groups=groups, draws=40_000)
    assert found.p == pytest.approx(exact, abs=0.012)


def test_whole_groups_give_the_wider_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(50), 10)
    gains = np.repeat(rng.normal(0, 1, 50), 10)  # videos of a group succeed and fail together
    videos = paired_bootstrap(gains, 0 * gains, rng=rng)
    by_group = paired_bootstrap(gains, 0 * gains, rng=rng, groups=groups)
    assert by_group.difference == pytest.approx(videos.difference)
    ratio = (by_group.high - by_group.low) / (videos.high - videos.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)


def _result(init, split, top1, seed=0):
    top1 = np.array(top1, bool)
    names = tuple(f"v_A_g{split:02d}_c{n:02d}" for n in range(len(top1)))
    groups = (f"A_g{split:02d}",) * len(top1)
    return RunResult(
        init=init,
        split=split,
        seed=seed,
        names=names,
        groups=groups,
        top1=top1,
        top5=np.ones(len(top1), bool),
        seconds=1.0,
    )


def test_the_table_is_the_mean_over_splits_not_over_videos():
    runs = [
        _result("from scratch", 1, [1, 0, 0, 0]),
        _result("from scratch", 2, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
        _result("films", 1, [1, 1, 0, 0]),
        _result("films", 2, [1] * 6 + [0] * 4),
        _result("films", 2, [1] * 8 + [0] * 2, seed=1),
    ]
    table = summarise(runs, inits=["from scratch", "films"], stand_in=("videos",))
    scratch, films = table.rows
    assert scratch.top1 == pytest.approx((25 + 30) / 2)
    assert scratch.top1_std == pytest.approx(np.std([25, 30], ddof=1))
    assert films.top1_by_split == pytest.approx({1: 50.0, 2: 70.0})  # seeds averaged first
    # the bootstrap pools the videos: (1 + 4 more right, averaged over seeds) of 14
    assert films.gain.difference == pytest.approx(100 * (1 + 4) / 14)
    assert scratch.gain is None and scratch.top5 == 100
    text = text_table(table)
    assert "stand-in data (videos)" in text and "27.50 ± 3.54" in text and "60.00" in text
    assert json_table(table)["data"] == "stand-in data (videos)"
    rows = list(csv.DictReader(csv_table(table).splitlines()))
    assert {r["data"] for r in rows} == {"stand-in data (videos)"}
    assert [(r["initialisation"], r["split"]) for r in rows] == [
        (i, s) for i in ("from scratch", "films") for s in ("1", "2", "mean")
    ]
    real = replace(table, stand_in=())
    assert "recorded data" in text_table(real) and "stand-in" not in text_table(real)


def test_a_p_value_depends_on_the_results_alone_not_on_the_order_of_the_arms():
    rng = np.random.default_rng(8)
    runs = [_result(name, 1, rng.random(40) < 0.5) for name in ("from scratch", "a", "b")]
    runs.append(replace(runs[1], init="as a"))
    inits = ["from scratch", "a", "b", "as a"]
    rows = {row.init: row for row in summarise(runs, inits=inits, stand_in=()).rows}
    assert rows["a"].gain == rows["as a"].gain != rows["b"].gain
    assert rows["a"].gain_by_group == rows["as a"].gain_by_group
    others = summarise(runs, inits=["from scratch", *inits[:0:-1]], stand_in=()).rows
    assert {row.init: row for row in others} == rows


def test_the_whole_experiment_and_its_continuation(folders, tmp_path, monkeypatch):
    videos, lists, films = folders
    data = ExperimentData(
        videos=videos, lists=lists, films={"ours": films, "others": films}, splits=(1, 3)
    )
    table = run_experiment(data, TOY, tmp_path, compute=COMPUTE)
    assert [row.init for row in table.rows] == ["from scratch", "ours", "others"]
    assert table.data == "stand-in data (videos, films)"
    assert table.facts["test_videos"] == {1: 3, 3: 3}
    assert sum(table.facts["decoders"].values()) == 9 + 6
    # the same films and seed: the same pretraining, so the same result to the last bit
    first, second = (
        (tmp_path / f"split1/{name}/seed0/predictions.npy").read_bytes()
        for name in ("ours", "others")
    )
    assert first == second
    stored = json.loads((tmp_path / "table.json").read_text())
    assert stored["rows"][1]["init"] == "ours" and stored["stand_in"] == ["videos", "films"]
    assert (tmp_path / "table.txt").read_text() == text_table(table)

    def fail(*_, **__):
        raise AssertionError("a finished experiment computes nothing again")

    monkeypatch.setattr("action_recog.experiment.experiment.predict", fail)
    monkeypatch.setattr("action_recog.training.loop.save_checkpoint", fail)
    again = run_experiment(data, TOY, tmp_path, compute=COMPUTE)
    assert again.rows == table.rows
    with pytest.raises(BadInput, match="another configuration"):
        run_experiment(data, replace(TOY, dropout=0.4, arch="c2d-r10"), tmp_path, compute=COMPUTE)


def test_videos_that_cannot_be_decoded_are_left_out_and_said_so(folders, tmp_path):
    base = tmp_path / "ucf"
    videos, lists = write_toy_ucf(base, clips=2)
    bad = videos / "Down" / "v_Down_g01_c01.avi"
    bad.write_bytes(b"not a video")
    data = ExperimentData(videos=videos, lists=lists, films={"films": folders[2]}, splits=(1,))
    table = run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)
    assert list(table.facts["left_out"]) == [bad.name]
    assert table.facts["test_videos"] == {1: 5}
    with pytest.raises(BadInput, match="1 videos cannot be decoded"):
        run_experiment(data, TOY, tmp_path / "strict", compute=COMPUTE, strict=True)


def test_films_that_are_missing_or_damaged_are_left_out_and_said_so(folders, tmp_path):
    films = shutil.copytree(folders[2], tmp_path / "films")
    first, second, *_ = sorted(films.rglob("*.mp4"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    data = ExperimentData(videos=folders[0], lists=folders[1], films={"films": films}, splits=(1,))
    table = run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)
    assert list(table.facts["left_out"]) == [first.name, second.name]
    assert "no such video file" in table.facts["left_out"][first.name]
    assert table.facts["films"] == {"films": 4}
    with pytest.raises(BadInput, match=f"2 videos .*{first.name}: no .*: {second.name}$"):
        run_experiment(data, TOY, tmp_path / "strict", compute=COMPUTE, strict=True)


def test_presets_name_networks_that_exist():
    for protocol in PRESETS.values():
        network(protocol.arch, classes=3, frames=protocol.views.frames)
    paper = PRESETS["paper"]
    assert paper.arch == "i3d-nl-r50" and paper.views == ViewOptions()


def _invoke(*arguments):
    from synth.cli.recognition import eval_ucf101

    return CliRunner().invoke(eval_ucf101, [str(a) for a in arguments])


def test_the_command_prints_the_table(folders, tmp_path):
    videos, _, films = folders
    found = _invoke(
        "--pretrain", f"surreal={films}", "--films", films, "--videos", videos,
        "--out", tmp_path, "--splits", "2", "--size", 32, "--frames", 2, "--stride", 6,
        "--views", "1x1", "--epochs-pretrain", 1, "--epochs-finetune", 1, "--quiet",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "stand-in data (videos, films)" in found.output
    assert "surreal" in found.output and "from scratch" in found.output
    config = json.loads((tmp_path / "split2/surreal/seed0/config.json").read_text())
    assert config["views"]["test_size"] == 32 and config["views"]["jitter"] == [33, 42]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--splits", "4"], "1, 2 and 3"),
        (["--pretrain", "surreal"], "NAME=DIR"),
        (["--views", "10y3"], "CLIPSxCROPS"),
        (["--arch", "vgg"], "expected trunk"),
        (["--lists", "nowhere"], "no such split list"),
    ],
)
def test_wrong_options_are_one_clear_line(folders, tmp_path, arguments, message):
    videos, _, films = folders
    found = _invoke(
        "--videos", videos, "--films", films, "--out", tmp_path / "out", "--quiet", *arguments
    )
    assert found.exit_code != 0
    assert message in (found.output + str(found.exception))
    assert not (tmp_path / "out").exists()


def test_films_must_be_given(folders, tmp_path):
    found = _invoke("--videos", folders[0], "--out", tmp_path)
    assert found.exit_code != 0 and "--films" in found.output


def test_the_package_stands_alone():
    """action_recog reads films and imports none of the packages that make them, nor Blender."""
    import ast

    import action_recog

    for path in Path(action_recog.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in ("synth", "textures", "mocap", "bpy"), path


@pytest.fixture
def finished(folders, tmp_path):
    """Copies of the toy data with an experiment on them, and the call that makes it."""
    videos = shutil.copytree(folders[0], tmp_path / "ucf")
    films = shutil.copytree(folders[2], tmp_path / "films")
    data = ExperimentData(
        videos=videos, lists=videos / "ucfTrainTestlist", films={"films": films}, splits=(1,)
    )
    first = run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)
    return data, tmp_path / "out", first


def _other_video(path, codec):
    write_toy(path, toy_clip("Down", np.random.default_rng(77)), codec)


def test_other_films_of_the_same_folder_name_count_and_classes_are_refused(finished):
    data, out, _ = finished
    _other_video(sorted(data.films["films"].rglob("*.mp4"))[0], "libx264")
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(
        BadInput, match=r"pretraining/films.*other data.*content was .*, is "
    ) as told:
        run_experiment(data, TOY, out, compute=COMPUTE)
    assert "another output folder" in str(told.value)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_other_training_videos_of_the_same_names_are_refused(finished):
    data, out, _ = finished
    _other_video(data.videos / "Grow" / "v_Grow_g02_c01.avi", "mpeg4")
    with pytest.raises(BadInput, match=r"split1/from-scratch.*other data.*content was "):
        run_experiment(data, TOY, out, compute=COMPUTE)


def test_other_test_videos_of_the_same_names_are_predicted_again_and_said_so(finished, capsys):
    data, out, _ = finished
    capsys.readouterr()
    run_experiment(data, TOY, out, compute=COMPUTE)
    told = capsys.readouterr().err
    assert told.count("re-uses") == 5 and "again" not in told  # 3 trainings, 2 predictions
    file = out / "split1/from-scratch/seed0/predictions.npy"
    before = np.load(file)
    _other_video(data.videos / "Grow" / "v_Grow_g01_c01.avi", "mpeg4")
    run_experiment(data, TOY, out, compute=COMPUTE)
    told = capsys.readouterr().err
    assert told.count("predicts again, because") == 2 and "is of other: content" in told
    assert told.count("re-uses") == 3
    changed = (np.load(file) != before).any(axis=1)
    assert list(changed) == [False, False, True]  # Blink, Down, Grow


def test_names_of_test_videos_are_part_of_what_predictions_are_of(finished, capsys):
    """Another video of the list with the same bytes and label: the table's pairs would be wrong."""
    data, out, _ = finished
    lists = data.lists / "testlist01.txt"
    old, new = "v_Down_g01_c01", "v_Down_g01_c02"
    (data.videos / "Down" / f"{old}.avi").rename(data.videos / "Down" / f"{new}.avi")
    lists.write_text(lists.read_text().replace(old, new))
    capsys.readouterr()
    table = run_experiment(data, TOY, out, compute=COMPUTE)
    assert "is of other: videos, content" in capsys.readouterr().err
    assert all(new in run.names for run in table.runs)


def test_a_network_that_was_pretrained_otherwise_is_not_gone_on_with(finished):
    """The pretraining was removed and made again on other films; what came after it was not."""
    data, out, _ = finished
    shutil.rmtree(out / "pretraining")
    _other_video(sorted(data.films["films"].rglob("*.mp4"))[0], "libx264")
    with pytest.raises(BadInput, match=r"split1/films.*start was .films, [0-9a-f]+.*, is .films, "):
        run_experiment(data, TOY, out, compute=COMPUTE)


def test_2d_weights_of_the_same_name_and_other_content_are_refused(folders, tmp_path):
    videos, lists, films = folders
    weights = tmp_path / "resnet.pt"
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": films}, splits=(1,), weights_2d=weights
    )
    for seed in (0, 1):
        torch.manual_seed(seed)
        state = network("c2d-r10", classes=3).state_dict()
        flat = {k: v[:, :, 0] if v.ndim == 5 else v for k, v in state.items()}
        torch.save(flat, weights)
        if seed == 0:
            run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)
    with pytest.raises(BadInput, match=r"start was \"2D resnet\.pt, "):
        run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"conv1.weight": torch.tensor([1.0, float("nan")])}, "NaN or infinity in 1 of 1 tensors"),
        ([torch.ones(3)], "not a state dict of tensors"),
        ({"conv1.weight": 3}, "not a state dict of tensors"),
    ],
)
def test_2d_weights_that_cannot_be_used_are_refused(folders, tmp_path, weights, message):
    torch.save(weights, tmp_path / "resnet.pt")
    videos, lists, films = folders
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": films}, weights_2d=tmp_path / "resnet.pt"
    )
    with pytest.raises(BadInput, match=rf"resnet\.pt: .*{message}"):
        run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE)


def _torn(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _with(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        ("predictions.npy", _torn, "does not belong to predictions.json"),
        ("predictions.json", _torn, "predictions.json and predictions.npy cannot be read"),
        ("predictions.npy", Path.unlink, "cannot be read"),
        ("predictions.json", lambda p: p.write_text("[]"), "cannot be read"),
        ("checkpoint.safetensors", _torn, "starts again, because its checkpoint cannot be used"),
        ("checkpoint.json", _torn, "starts again, because"),
        ("checkpoint.json", Path.unlink, "starts again, because"),
        ("checkpoint.json", lambda p: p.write_text("{}"), "starts again, because"),
        ("checkpoint.json", lambda p: p.write_text("[" * 100_000), "starts again, because"),
        ("checkpoint.json", lambda p: _with(p, epochs_done=7), "7 epochs of 1 are done"),
        ("checkpoint.json", lambda p: _with(p, epochs_done="1"), "epochs_done"),
        ("checkpoint.json", lambda p: _with(p, sha256=5), "sha256"),
        ("predictions.json", lambda p: p.write_bytes(b"\xff\xfe{}"), "no UTF-8"),
        ("network.safetensors", _torn, "written again from its last checkpoint"),
        ("network.json", _torn, "written again from its last checkpoint"),
        ("metrics.jsonl", _torn, "line 1 is torn and left out"),
    ],
)
def test_torn_state_is_made_again_for_that_run_alone(finished, capsys, file, spoil, message):
    data, out, first = finished
    run = out / "split1/films/seed0"
    before = (run / "predictions.npy").read_bytes(), (run / "network.safetensors").read_bytes()
    spoil(run / file)
    capsys.readouterr()
    table = run_experiment(data, TOY, out, compute=COMPUTE)
    told = capsys.readouterr().err
    assert message in told and "Split 1, films" in told.split(message)[0].splitlines()[-1]
    assert told.count("re-uses") >= 3  # pretraining, and the other arm's training and predictions
    assert table.rows == first.rows
    after = (run / "predictions.npy").read_bytes(), (run / "network.safetensors").read_bytes()
    assert after == before
    run_experiment(data, TOY, out, compute=COMPUTE)  # and what was mended is whole
    assert capsys.readouterr().err.count("re-uses") == 5


def test_predictions_of_nan_that_an_older_version_kept_are_made_again(finished, capsys):
    data, out, first = finished
    file = out / "split1/films/seed0/predictions.npy"
    np.save(file, np.full_like(np.load(file), np.nan))
    facts = json.loads(file.with_suffix(".json").read_text())
    facts["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".json").write_text(json.dumps(facts))
    assert run_experiment(data, TOY, out, compute=COMPUTE).rows == first.rows
    assert "predicts again, because predictions of 3 of 3 videos are NaN" in capsys.readouterr().err
