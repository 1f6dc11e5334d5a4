import csv
import hashlib
import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from action_recog.errors import BadInput
from action_recog.experiment import output as experiment_output
from action_recog.experiment.evaluation import score
from action_recog.experiment.experiment import protocol_of_epochs, repeated_decoding, run_experiment
from action_recog.experiment.output import html_page
from action_recog.experiment.protocol import PRESETS, ExperimentData, ExperimentProtocol
from action_recog.experiment.results import RunResult, Table, compare_arms, confusion
from action_recog.experiment.text_tables import csv_table, json_table, text_table
from action_recog.networks.resnet3d import network
from action_recog.training.convergence import Plateau
from action_recog.training.options import ComputeOptions, TrainingOptions
from action_recog.videos.views import ViewOptions
from tests.action_recog.toy_videos import toy_clip, write_toy, write_toy_films, write_toy_ucf

TOY = ExperimentProtocol(
    arch="c2d-nl-r10",
    views=ViewOptions(
        frames=2, stride=6, size=32, jitter=(32, 34), test_size=32, test_clips=1, test_crops=1
    ),
    pretraining=TrainingOptions(steps=1, batch=6, lr=0.01),
    finetuning=TrainingOptions(steps=2, batch=6, lr=0.01),
    convergence=TrainingOptions(
        steps=4, batch=3, lr=0.01, plateau=Plateau(check_every=1, patience=1, drops=0)
    ),
    held_out_groups=1,
)
EQUAL = ("equal-steps",)
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


def _result(init, split, top1, seed=0, **changes):
    top1 = np.array(top1, bool)
    names = tuple(f"v_A_g{split:02d}_c{n:02d}" for n in range(len(top1)))
    values = {
        "init": init,
        "split": split,
        "seed": seed,
        "names": names,
        "groups": tuple(f"g{split}{n % 4}" for n in range(len(top1))),
        "labels": np.arange(len(top1)) % 2,
        "predicted": np.where(top1, np.arange(len(top1)) % 2, 1 - np.arange(len(top1)) % 2),
        "top1": top1,
        "top5": np.ones(len(top1), bool),
        "pretraining_steps": 30 if init != "from scratch" else 0,
        "labelled_steps": 20 if init != "from scratch" else 50,
        "epochs": 4.0,
        "training_accuracy": 0.5,
        "folder": f"split{split}/{init}/seed{seed}",
        "seconds": 1.0,
    }
    return RunResult(**{**values, **changes})


def _comparison(runs, inits, **options):
    arguments = {"comparison": "equal-steps", "initial_weights": inits, "classes": 2, **options}
    return compare_arms(runs, inits=inits, **arguments)


def _runs_of_two_splits():
    return [
        _result("from scratch", 1, [1, 0, 0, 0]),
        _result("from scratch", 2, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
        _result("from scratch", 1, [1, 0, 0, 0], seed=1),
        _result("from scratch", 2, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], seed=1),
        _result("films", 1, [1, 1, 0, 0]),
        _result("films", 2, [1] * 6 + [0] * 4),
        _result("films", 1, [1, 1, 0, 0], seed=1),
        _result("films", 2, [1] * 8 + [0] * 2, seed=1),
    ]


def test_the_table_is_the_mean_over_splits_not_over_videos():
    part = _comparison(_runs_of_two_splits(), ["from scratch", "films"])
    scratch, films = part.rows
    assert scratch.top1 == pytest.approx((25 + 30) / 2)
    assert scratch.top1_std == pytest.approx(np.std([25, 30], ddof=1))
    assert films.top1_by_split == pytest.approx({1: 50.0, 2: 70.0})  # seeds averaged first
    assert films.gain.difference == pytest.approx(films.top1 - scratch.top1)
    assert scratch.gain is None and scratch.top5 == 100
    assert (part.units, part.seeds, part.videos) == (8, 2, 14)
    assert (films.pretraining_steps, films.labelled_steps, films.training_accuracy) == (30, 20, 50)
    # even videos are of class 0: of the 2 + 5 of films' splits 1 + 3 are right, or 1 + 4
    assert films.class_top1[0] == pytest.approx(100 * (1 + 3 + 1 + 4) / 14)


def test_one_split_has_no_deviation_over_splits():
    runs = [_result("from scratch", 1, [1, 0, 0, 0]), _result("films", 1, [1, 1, 1, 0])]
    table = Table((_comparison(runs, ["from scratch", "films"]),), ("walk", "run"), ("videos",))
    assert "±" not in text_table(table).split("± is the standard")[0]
    mean = next(
        csv.DictReader(csv_table(table).splitlines()[:1] + csv_table(table).splitlines()[2:])
    )
    assert (mean["split"], mean["top1"], mean["top1_std"]) == ("mean", "25.0000", "")
    assert json_table(table)["rows"][1]["top1_std"] is None


def test_training_curves_end_at_the_accuracy_of_the_table(tmp_path):
    """The last epoch may be cut after a few clips, whose share says little."""
    part = _comparison([_result("from scratch", 1, [1, 0, 0, 0])], ["from scratch"])
    folder = tmp_path / part.runs[0].folder
    folder.mkdir(parents=True)
    row = {"step": 9, "clips": 90, "loss": 1.0, "accuracy": 0.5, "training_accuracy": 0.5}
    cut = {"step": 10, "clips": 2, "loss": 1.0, "accuracy": 0.0, "training_accuracy": 45 / 92}
    (folder / "metrics.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(cut)}\n")
    curves = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            experiment_output, "line_chart", lambda drawn, **_: curves.extend(drawn) or b""
        )
        experiment_output.charts_of(Table((part,), ("walk", "run"), ()), tmp_path)
    assert [curve.y[-1] for curve in curves] == [pytest.approx(45 / 92)]


def test_every_output_says_what_the_data_are():
    part = _comparison(_runs_of_two_splits(), ["from scratch", "films"])
    table = Table((part,), ("walk", "run"), ("videos",))
    text = text_table(table)
    assert "stand-in data (videos)" in text and "27.50 ± 3.54" in text and "60.00" in text
    assert "0 + 50 = 50" in text and "30 + 20 = 50" in text and "films - from scratch" in text
    assert json_table(table)["data"] == "stand-in data (videos)"
    rows = list(csv.DictReader(csv_table(table).splitlines()))
    assert {r["data"] for r in rows} == {"stand-in data (videos)"}
    assert [(r["initialisation"], r["split"]) for r in rows] == [
        (i, s) for i in ("from scratch", "films") for s in ("1", "2", "mean")
    ]
    assert all(len(row) == 20 and None not in row for row in rows)
    real = replace(table, stand_in=())
    assert "recorded data" in text_table(real) and "stand-in" not in text_table(real)
    for paper in ("82.03", "85.83", "86.89", "not measured here"):
        assert paper in text and paper in html_page(table, {})


class _Page(HTMLParser):
    """What a page holds: the texts of its cells and its addresses; all its elements are closed."""

    VOID = frozenset({"meta", "img", "br", "hr"})

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.cells, self.addresses, self.pictures = [], [], [], 0
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag != "script"
        for name, value in attributes:
            if name in ("src", "href", "action", "data", "srcset", "style"):
                self.addresses.append(value)
        if tag == "img":
            assert dict(attributes)["alt"]
            self.pictures += 1
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert self.open or not data.strip()
        if self.open[-1:] in (["td"], ["th"]):
            self.cells[-1] += data
        if self.open[-1:] == ["style"]:
            self.addresses += re.findall(r"url\((.*?)\)|@import (.*?);", data)


def test_the_page_is_whole_needs_no_other_file_and_has_every_arm_and_split():
    """Also where names of arms and classes look like HTML."""
    arms = ["from scratch", "films", "<b>grey & co</b>"]
    runs = _runs_of_two_splits()
    runs += [replace(run, init=arms[2]) for run in runs if run.init == "films"]
    part = _comparison(runs, arms)
    classes = ("<i>walk", "run & jump")
    for partial in ("", "split 1: <2 of 9> test videos"):
        table = Table((part,), classes, ("videos",), partial=partial)
        charts = {"training_equal-steps.png": b"png", 'confusion_"x".png': b"png"}
        text = html_page(table, charts)
        page = _Page(text)
        assert text.startswith("<!doctype html>") and text.endswith("</html>\n")
        assert page.pictures == 2 and len(page.addresses) == 2
        assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
        assert "://" not in text and "//" not in re.sub(r"base64,[^\"]*", "", text)
        for cell in (*arms, *classes, "split 1", "split 2", "films - from scratch", "27.50 ± 3.54"):
            assert cell in page.cells, cell
        assert (html.escape(partial) in text) and "<b>" not in text and "<i>" not in text


def test_a_table_of_a_part_of_the_videos_says_so_everywhere():
    part = _comparison(_runs_of_two_splits(), ["from scratch", "films"])
    table = Table(
        (part,), ("walk", "run"), (), partial="split 1: 2 of 9 test videos", validation=True
    )
    lines = csv_table(table).splitlines()
    outputs = [text_table(table), html_page(table, {}), json.dumps(json_table(table)), *lines[1:]]
    for output in outputs:
        assert "PARTIAL: split 1: 2 of 9 test videos missing" in output
        assert "no test list was opened" in output


def test_every_pair_has_its_contrast_and_p_holds_for_all_together():
    rng = np.random.default_rng(8)
    inits = ["from scratch", "a", "b"]
    runs = [_result(name, 1, rng.random(40) < 0.5, seed) for name in inits for seed in (0, 1)]
    part = _comparison(runs, inits)
    assert [(p.a, p.b) for p in part.pairs] == [
        ("a", "from scratch"), ("b", "from scratch"), ("b", "a"),
    ]  # fmt: skip
    for pair in part.pairs:
        difference = part.row(pair.a).top1 - part.row(pair.b).top1
        assert pair.contrast.difference == pytest.approx(difference)
        assert pair.p_holm >= pair.contrast.p
    assert part.rows[2].gain == part.pairs[1].contrast


def test_a_p_value_depends_on_the_results_alone_not_on_the_order_of_the_arms():
    rng = np.random.default_rng(8)
    runs = [_result(name, 1, rng.random(40) < 0.5) for name in ("from scratch", "a", "b")]
    runs.append(replace(runs[1], init="as a"))
    inits = ["from scratch", "a", "b", "as a"]
    rows = {row.init: row.gain for row in _comparison(runs, inits).rows}
    assert rows["a"] == rows["as a"] != rows["b"]
    others = _comparison(runs, ["from scratch", *inits[:0:-1]]).rows
    assert {row.init: row.gain for row in others} == rows


def test_the_trend_over_textures_is_the_slope_over_their_tenfold():
    runs = [
        _result(name, 1, [1] * right + [0] * (20 - right), seed)
        for name, right in zip(
            ("from scratch", "1 texture", "10 textures", "100 textures"), (4, 5, 9, 13)
        )
        for seed in (0, 1)
    ]
    inits = list(dict.fromkeys(run.init for run in runs))
    part = _comparison(runs, inits, textures=list(zip(inits[1:], (1, 10, 100))))
    assert part.trend.difference == pytest.approx(20.0) and part.trend.low > 0
    assert len(part.pairs) == 6
    text = text_table(Table((part,), ("walk", "run"), ()))
    assert "slope over log10 of the number of textures, two-sided): +20.00 [" in text
    assert _comparison(runs, inits).trend is None


def test_arms_that_were_tested_on_other_videos_or_seeds_are_not_compared():
    runs = [_result("from scratch", 1, [1, 0]), _result("a", 1, [1, 0, 1])]
    with pytest.raises(BadInput, match="not tested on the same videos"):
        _comparison(runs, ["from scratch", "a"])
    runs = [_result("from scratch", 1, [1, 0]), _result("a", 1, [1, 0], seed=1)]
    with pytest.raises(BadInput, match="with the same seeds"):
        _comparison(runs, ["from scratch", "a"])


def test_the_confusion_is_of_labels_by_row():
    runs = [_result("a", 1, [1, 1, 0, 1], predicted=np.array([0, 1, 1, 1]))]
    np.testing.assert_allclose(confusion(runs, "a", 3), [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]])


def _run_toy(data, out, protocol=TOY, *, comparisons=EQUAL, **options):
    return run_experiment(data, protocol, out, comparisons=comparisons, compute=COMPUTE, **options)


def test_the_whole_experiment_and_its_continuation(folders, tmp_path, monkeypatch):
    videos, lists, films = folders
    data = ExperimentData(
        videos=videos, lists=lists, films={"ours": films, "others": films}, splits=(1, 3)
    )
    table = _run_toy(data, tmp_path)
    assert [row.init for row in table.rows] == ["from scratch", "ours", "others"]
    assert table.data == "stand-in data (videos, films)"
    assert table.facts["test_videos"] == {1: 3, 3: 3}
    assert sum(table.facts["decoders"].values()) == 9 + 6
    # the same films and seed: the same pretraining, so the same result to the last bit
    first, second = (
        (tmp_path / f"split1/{name}/seed0/steps2/predictions.npy").read_bytes()
        for name in ("ours", "others")
    )
    assert first == second
    stored = json.loads((tmp_path / "table.json").read_text())
    assert stored["rows"][1]["init"] == "ours" and stored["stand_in"] == ["videos", "films"]
    assert (tmp_path / "table.txt").read_text() == text_table(table)
    assert (tmp_path / "pictures/confusion_from-scratch.png").is_file()
    assert (tmp_path / "pictures/training_equal-steps.png").is_file()
    assert (tmp_path / "table.html").read_text().count("data:image/png;base64,") == 4

    def fail(*_, **__):
        raise AssertionError("a finished experiment computes nothing again")

    monkeypatch.setattr("action_recog.experiment.trainings.predict", fail)
    monkeypatch.setattr("action_recog.training.run_folder.save_checkpoint", fail)
    again = _run_toy(data, tmp_path)
    assert again.rows == table.rows
    with pytest.raises(BadInput, match="another configuration"):
        _run_toy(data, tmp_path, replace(TOY, dropout=0.4, arch="c2d-r10"))


def test_every_arm_has_the_same_steps_and_its_initial_weights_are_named(folders, tmp_path):
    videos, lists, films = folders
    torch.manual_seed(0)
    state = network("c2d-r10", classes=3).state_dict()
    flat = {k: v[:, :, 0] if v.ndim == 5 else v for k, v in state.items()}
    torch.save(flat, tmp_path / "imagenet.pt")
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": films}, splits=(1,), shuffled=("films",),
        weights_2d=tmp_path / "imagenet.pt",
    )  # fmt: skip
    everything = ("head-start", "end-point", "equal-steps")
    table = _run_toy(data, tmp_path / "out", comparisons=everything)
    assert [part.comparison for part in table.comparisons] == [
        "equal-steps",
        "head-start",
        "end-point",
    ]
    equal, head, end = table.comparisons
    names = ["from scratch", "imagenet.pt inflated", "films", "films, labels shuffled"]
    assert [row.init for row in equal.rows] == names
    assert [row.initial_weights.split(",")[0] for row in equal.rows] == [
        "random", "2D weights imagenet.pt", "trained on films", "trained on films",
    ]  # fmt: skip
    steps = [[(r.pretraining_steps, r.labelled_steps) for r in part.rows] for part in (equal, head)]
    assert steps[0] == [(0, 3), (0, 3), (1, 2), (1, 2)]  # three in all
    assert steps[1] == [(0, 2), (0, 2), (1, 2), (1, 2)]  # two on labelled videos
    assert all(1 <= row.labelled_steps <= 4 for row in end.rows)
    # the steps that were counted are those in the optimiser's log
    for run in table.runs:
        rows = (tmp_path / "out" / run.folder / "metrics.jsonl").read_text().splitlines()
        assert json.loads(rows[-1])["step"] == run.labelled_steps
    config = json.loads((tmp_path / "out/split1/films/seed0/converged/config.json").read_text())
    assert config["videos"] == 3 and len(config["held_out"]) == 64  # one of two groups is held out
    first = tmp_path / "out/split1/from-scratch/seed0/steps3/config.json"
    assert json.loads(first.read_text())["start"] == "random"


def test_pretraining_starts_from_2d_weights_where_that_is_asked_for(folders, tmp_path):
    videos, lists, films = folders
    state = network("c2d-r10", classes=3).state_dict()
    torch.save({k: v[:, :, 0] if v.ndim == 5 else v for k, v in state.items()}, tmp_path / "w.pt")
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": films}, splits=(1,),
        weights_2d=tmp_path / "w.pt", pretrain_from_2d=True,
    )  # fmt: skip
    table = _run_toy(data, tmp_path / "out")
    assert table.rows[2].initial_weights == "trained on films, from 2D weights"
    card = json.loads((tmp_path / "out/pretraining/films/seed0/config.json").read_text())
    assert card["start"].startswith("2D w.pt, ")
    with pytest.raises(BadInput, match="--weights-2d"):
        _run_toy(replace(data, weights_2d=None), tmp_path / "none")


def test_arms_splits_seeds_and_shares_are_added_to_a_folder_later(folders, tmp_path, capsys):
    videos, lists, films = folders
    common = {"videos": videos, "lists": lists}
    small = ExperimentData(**common, films={"ours": films}, splits=(1,))
    _run_toy(small, tmp_path / "grown")
    capsys.readouterr()
    later = ExperimentData(**common, films={"others": films}, splits=(3,), label_shares=(50,))
    grown = _run_toy(later, tmp_path / "grown", seeds=(1,))
    told = capsys.readouterr().err
    assert told.count("re-uses") == 5  # ours: one pretraining; two trainings and two tests
    both = ExperimentData(
        **common, films={"ours": films, "others": films}, splits=(1, 3), label_shares=(50, 100)
    )
    whole = _run_toy(both, tmp_path / "whole", seeds=(0, 1))
    assert grown.rows == whole.rows and len(grown.runs) == 2 * 2 * 3 * 2
    assert grown.comparisons[1].rows == whole.comparisons[1].rows
    for run in whole.runs:
        weights = [
            (tmp_path / name / run.folder / "network.safetensors").read_bytes()
            for name in ("grown", "whole")
        ]
        assert weights[0] == weights[1]
    with pytest.raises(BadInput, match="is the folder of a test, this is a validation"):
        _run_toy(replace(both, validate=True), tmp_path / "grown")


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [-1]},
        {"splits": [4]},
        {"films": {"a": 3}},
        {"comparisons": ["best"]},
        {"seeds": None},
    ],
    ids=str,
)
def test_what_a_folder_is_of_is_read_through_a_gate(folders, tmp_path, change):
    empty = {
        "films": {},
        "shuffled": [],
        "diversity": [],
        "diversity_films": None,
        "weights_2d": None,
    }
    empty |= {
        "splits": [1],
        "seeds": [0],
        "label_shares": [100],
        "comparisons": [],
        "validate": False,
    }
    (tmp_path / "experiment.json").write_text(json.dumps({**empty, **change}))
    data = ExperimentData(videos=folders[0], lists=folders[1], films={"a": folders[2]}, splits=(1,))
    with pytest.raises(BadInput, match=r"experiment\.json: .*remove the file"):
        _run_toy(data, tmp_path)


def test_shares_of_the_labels_are_the_same_for_all_arms(folders, tmp_path):
    videos, lists, films = folders
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": films}, splits=(2,), label_shares=(50, 100)
    )
    table = _run_toy(data, tmp_path, comparisons=("equal-steps", "head-start", "end-point"))
    curves = table.learning_curves
    assert [[(t.comparison, t.share) for t in curve] for curve in curves] == [
        [(comparison, share) for share in (50, 100)] for comparison in ("equal-steps", "head-start")
    ]
    half, whole = curves[0]
    configs = [json.loads((tmp_path / run.folder / "config.json").read_text()) for run in half.runs]
    assert [config["videos"] for config in configs] == [3, 3]
    assert configs[0]["content"] == configs[1]["content"]
    assert [run.labelled_steps for run in half.runs] == [run.labelled_steps for run in whole.runs]
    text, page = text_table(table), (tmp_path / "table.html").read_text()
    for part, curve in zip((text.split("Learning curve. ")[1:]), curves, strict=True):
        cells = [
            f"{pair.contrast.difference:+.2f} [{pair.contrast.low:+.2f}, {pair.contrast.high:+.2f}]"
            for pair in (curve[0].pairs[0], curve[1].pairs[0])
        ]
        row = next(line for line in part.splitlines() if line.startswith("films - from scratch"))
        assert row.split("scratch")[1].split() == " ".join(cells).split()
        assert page.count(f"learning_{curve[0].comparison}.png") == 1
        assert (tmp_path / f"pictures/learning_{curve[0].comparison}.png").is_file()


def test_shares_of_the_labels_without_a_comparison_by_steps_are_refused(folders, tmp_path):
    data = ExperimentData(
        videos=folders[0], lists=folders[1], films={}, splits=(2,), label_shares=(50, 100)
    )
    with pytest.raises(BadInput, match="add equal-steps or head-start to --compare"):
        _run_toy(data, tmp_path, comparisons=("end-point",))


def test_workers_change_no_byte(folders, tmp_path):
    videos, lists, films = folders
    data = ExperimentData(videos=videos, lists=lists, films={"films": films}, splits=(1, 2))
    tables = [
        _run_toy(
            data, tmp_path / f"{workers}", workers=workers, comparisons=("equal-steps", "end-point")
        )
        for workers in (1, 2)
    ]
    assert tables[0].comparisons[0].rows == tables[1].comparisons[0].rows
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*.safetensors"))
    assert len(files) == 2 * (1 + 2 * 2 * 2)
    for file in [*files, Path("table.csv")]:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes(), file


def test_repeated_decoding_is_said_before_it_begins(folders, tmp_path, capsys):
    videos, lists, _ = folders
    data = ExperimentData(videos=videos, lists=lists, films={"films": tmp_path / "none"})
    for workers, said in ((1, False), (3, True)):
        with pytest.raises(BadInput, match="none"):
            run_experiment(data, TOY, tmp_path / "out", compute=COMPUTE, workers=workers)
        assert ("3 trainings side by side decode videos anew" in capsys.readouterr().err) == said
    shared = replace(COMPUTE, frames_folder=tmp_path)
    assert repeated_decoding(shared, workers=3) is None
    assert "4 processes" in repeated_decoding(replace(COMPUTE, devices=2, nodes=2), workers=1)


def test_what_a_worker_refuses_is_raised_here(folders, tmp_path):
    videos, lists, films = folders
    data = ExperimentData(videos=videos, lists=lists, films={"films": films}, splits=(1,))
    _run_toy(data, tmp_path)
    with pytest.raises(BadInput, match="another configuration"):
        _run_toy(data, tmp_path, replace(TOY, dropout=0.4), workers=2)


def test_a_validation_opens_no_test_list(folders, tmp_path):
    videos, lists = (shutil.copytree(folder, tmp_path / folder.name) for folder in folders[:2])
    for path in [*lists.glob("testlist*"), *videos.glob("*/testlist*")]:
        path.unlink()
    data = ExperimentData(
        videos=videos, lists=lists, films={"films": folders[2]}, splits=(1, 2), validate=True
    )
    table = _run_toy(data, tmp_path / "out")
    assert "VALIDATION" in table.data and table.facts["test_videos"] == {1: 3, 2: 3}
    listed = {
        split: {
            line.split()[0] for line in (lists / f"trainlist0{split}.txt").read_text().splitlines()
        }
        for split in (1, 2)
    }
    for run in table.runs:
        tested = {f"{name.split('_')[1]}/{name}.avi" for name in run.names}
        assert tested < listed[run.split]
        config = json.loads((tmp_path / "out" / run.folder / "config.json").read_text())
        assert config["videos"] == 3 and len(set(run.groups)) == 1


def test_a_training_to_convergence_wants_groups_to_hold_out(folders, tmp_path):
    data = ExperimentData(
        videos=folders[0], lists=folders[1], films={"films": folders[2]}, splits=(1,), validate=True
    )
    with pytest.raises(BadInput, match="no group can be held out of it to end a training"):
        _run_toy(data, tmp_path, comparisons=("end-point",))


def _films_with_textures(folder, films):
    """Each motion in each of four textures, eight clips each."""
    for texture in range(4):
        shutil.copytree(films, folder / f"{texture}")
        index = folder / f"{texture}/clips.jsonl"
        rows = [json.loads(line) for line in index.read_text().splitlines()]
        rows = [{**row, "texture": f"t{texture}.png"} for row in rows]
        index.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_arms_of_few_and_many_textures_differ_in_them_alone(folders, tmp_path):
    films = _films_with_textures(tmp_path / "textures", folders[2])
    data = ExperimentData(
        videos=folders[0], lists=folders[1], films={}, splits=(1,), diversity=(1, 2, 4),
        diversity_films=films,
    )  # fmt: skip
    table = _run_toy(data, tmp_path / "out")
    assert [row.init for row in table.rows][1:] == ["1 texture", "2 textures", "4 textures"]
    assert table.facts["films"] == {"1 texture": 6, "2 textures": 6, "4 textures": 6}
    assert table.leading.trend is not None and "slope over log10" in text_table(table)


def test_class_folders_are_pretrained_on(folders, tmp_path):
    data = ExperimentData(
        videos=folders[0], lists=folders[1], films={"videos": folders[0]}, splits=(1,)
    )
    table = _run_toy(data, tmp_path)
    assert table.facts["films"] == {"videos": 9}
    assert table.facts["film_classes"] == {"videos": ["Blink", "Down", "Grow"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"films": {"from-scratch": "films"}}, "two arms cannot be called"),
        ({"shuffled": ("others",)}, "--shuffled others: no such set"),
        ({"diversity": (1,)}, "give --films"),
        ({"films": {"none": "none"}}, "no such folder"),
    ],
)
def test_arms_that_cannot_be_are_refused(folders, tmp_path, change, message):
    named = {"films": folders[2], "none": tmp_path / "none"}
    if "films" in change:
        change = {"films": {name: named[key] for name, key in change["films"].items()}}
    arguments = {"videos": folders[0], "lists": folders[1], "films": {"films": folders[2]}}
    with pytest.raises(BadInput, match=message):
        _run_toy(ExperimentData(**{**arguments, **change}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_test_video_that_cannot_be_decoded_is_refused_or_makes_the_table_partial(
    folders, tmp_path
):
    videos, lists = write_toy_ucf(tmp_path / "ucf", clips=2)
    bad = videos / "Down" / "v_Down_g01_c01.avi"
    bad.write_bytes(b"not a video")
    data = ExperimentData(videos=videos, lists=lists, films={"films": folders[2]}, splits=(1,))
    with pytest.raises(
        BadInput, match=r"1 of the 6 test videos of split 1 .*v_Down_g01_c01.*--skip"
    ):
        _run_toy(data, tmp_path / "out")
    table = _run_toy(replace(data, skip_missing=True), tmp_path / "out")
    assert list(table.facts["left_out"]) == [bad.name]
    assert table.partial == "split 1: 1 of 6 test videos"
    for name in ("table.txt", "table.html", "table.json"):
        assert "PARTIAL: split 1: 1 of 6 test videos" in (tmp_path / "out" / name).read_text()
    with pytest.raises(BadInput, match="1 videos cannot be decoded"):
        _run_toy(replace(data, skip_missing=True), tmp_path / "strict", strict=True)


def test_missing_videos_make_the_table_partial(folders, tmp_path):
    videos, lists = write_toy_ucf(tmp_path / "ucf", clips=2)
    (videos / "Down" / "v_Down_g01_c01.avi").unlink()
    (videos / "Grow" / "v_Grow_g02_c01.avi").unlink()
    data = ExperimentData(videos=videos, lists=lists, films={"films": folders[2]}, splits=(1,))
    with pytest.raises(BadInput, match="--skip-missing"):
        _run_toy(data, tmp_path / "out")
    table = _run_toy(replace(data, skip_missing=True), tmp_path / "out")
    assert table.partial == "split 1: 1 of 6 test videos and 1 of 12 training videos"


def test_epochs_are_steps_of_the_largest_set(folders, tmp_path):
    data = ExperimentData(
        videos=folders[0], lists=folders[1], films={"films": folders[2]}, splits=(1, 2)
    )
    protocol = protocol_of_epochs(data, TOY, epochs_pretrain=3, epochs_finetune=5)
    assert (protocol.pretraining.steps, protocol.finetuning.steps) == (3, 5)
    small = replace(TOY, finetuning=replace(TOY.finetuning, batch=4))
    assert protocol_of_epochs(data, small, epochs_finetune=5).finetuning.steps == 5
    assert protocol_of_epochs(data, TOY) == TOY


def test_films_that_are_missing_or_damaged_are_left_out_and_said_so(folders, tmp_path):
    films = shutil.copytree(folders[2], tmp_path / "films")
    first, second, *_ = sorted(films.rglob("*.mp4"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    data = ExperimentData(videos=folders[0], lists=folders[1], films={"films": films}, splits=(1,))
    table = _run_toy(data, tmp_path / "out")
    assert list(table.facts["left_out"]) == [first.name, second.name]
    assert "no such video file" in table.facts["left_out"][first.name]
    assert table.facts["films"] == {"films": 4}
    with pytest.raises(BadInput, match=f"2 videos .*{first.name}: no .*: {second.name}$"):
        _run_toy(data, tmp_path / "strict", strict=True)


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
        "--views", "1x1", "--steps-pretrain", 1, "--steps-finetune", 1, "--quiet",
        "--compare", "equal-steps", "--workers", 1,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "stand-in data (videos, films)" in found.output
    assert "surreal" in found.output and "from scratch" in found.output
    config = json.loads((tmp_path / "split2/surreal/seed0/steps1/config.json").read_text())
    assert config["views"]["test_size"] == 32 and config["views"]["jitter"] == [33, 42]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--splits", "4"], "1, 2 and 3"),
        (["--pretrain", "surreal"], "NAME=DIR"),
        (["--views", "10y3"], "CLIPSxCROPS"),
        (["--arch", "vgg"], "expected trunk"),
        (["--lists", "nowhere"], "'--lists': Directory 'nowhere' does not exist"),
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
    first = _run_toy(data, tmp_path / "out")
    return data, tmp_path / "out", first


def _other_video(path, codec):
    write_toy(path, toy_clip("Down", np.random.default_rng(77)), codec)


def test_other_films_of_the_same_folder_name_count_and_classes_are_refused(finished):
    data, out, _ = finished
    _other_video(sorted(data.films["films"].rglob("*.mp4"))[0], "libx264")

    def files():  # without what is remembered of the inputs' digests
        paths = [p for p in out.rglob("*") if p.is_file() and p.name != "content_digests.json"]
        return {p: p.read_bytes() for p in paths}

    before = files()
    with pytest.raises(
        BadInput, match=r"pretraining/films.*other data.*content was .*, is "
    ) as told:
        _run_toy(data, out)
    assert "another output folder" in str(told.value)
    assert files() == before


def test_other_training_videos_of_the_same_names_are_refused(finished):
    data, out, _ = finished
    _other_video(data.videos / "Grow" / "v_Grow_g02_c01.avi", "mpeg4")
    with pytest.raises(BadInput, match=r"split1/from-scratch.*other data.*content was "):
        _run_toy(data, out)


def test_other_test_videos_of_the_same_names_are_predicted_again_and_said_so(finished, capsys):
    data, out, _ = finished
    capsys.readouterr()
    _run_toy(data, out)
    told = capsys.readouterr().err
    assert told.count("re-uses") == 5 and "again" not in told  # 3 trainings, 2 predictions
    file = out / "split1/from-scratch/seed0/steps3/predictions.npy"
    before = np.load(file)
    _other_video(data.videos / "Grow" / "v_Grow_g01_c01.avi", "mpeg4")
    _run_toy(data, out)
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
    table = _run_toy(data, out)
    assert "is of other: videos, content" in capsys.readouterr().err
    assert all(new in run.names for run in table.runs)


def test_a_network_that_was_pretrained_otherwise_is_not_gone_on_with(finished):
    """The pretraining was removed and made again on other films; what came after it was not."""
    data, out, _ = finished
    shutil.rmtree(out / "pretraining")
    _other_video(sorted(data.films["films"].rglob("*.mp4"))[0], "libx264")
    with pytest.raises(BadInput, match=r"split1/films.*start was .films, [0-9a-f]+.*, is .films, "):
        _run_toy(data, out)


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
            _run_toy(data, tmp_path / "out")
    with pytest.raises(BadInput, match=r"start was \"2D resnet\.pt, "):
        _run_toy(data, tmp_path / "out")


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
        _run_toy(data, tmp_path / "out")


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
        ("checkpoint.json", lambda p: _with(p, epochs_done=7), "7 epochs of 2 are done"),
        ("checkpoint.json", lambda p: _with(p, epochs_done="1"), "epochs_done"),
        ("checkpoint.json", lambda p: _with(p, sha256=5), "sha256"),
        ("predictions.json", lambda p: p.write_bytes(b"\xff\xfe{}"), "no UTF-8"),
        ("network.safetensors", _torn, "written again from its last checkpoint"),
        ("network.json", _torn, "written again from its last checkpoint"),
        ("metrics.jsonl", lambda p: p.write_text(p.read_text()[9:]), "line 1 is torn and left out"),
    ],
)
def test_torn_state_is_made_again_for_that_run_alone(finished, capsys, file, spoil, message):
    data, out, first = finished
    run = out / "split1/films/seed0/steps2"
    before = (run / "predictions.npy").read_bytes(), (run / "network.safetensors").read_bytes()
    spoil(run / file)
    capsys.readouterr()
    table = _run_toy(data, out)
    told = capsys.readouterr().err
    assert message in told and "Split 1, films" in told.split(message)[0].splitlines()[-1]
    assert told.count("re-uses") >= 3  # pretraining, and the other arm's training and predictions
    assert table.rows == first.rows
    after = (run / "predictions.npy").read_bytes(), (run / "network.safetensors").read_bytes()
    assert after == before
    _run_toy(data, out)  # and what was mended is whole
    assert capsys.readouterr().err.count("re-uses") == 5


def test_predictions_of_nan_that_an_older_version_kept_are_made_again(finished, capsys):
    data, out, first = finished
    file = out / "split1/films/seed0/steps2/predictions.npy"
    np.save(file, np.full_like(np.load(file), np.nan))
    facts = json.loads(file.with_suffix(".json").read_text())
    facts["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".json").write_text(json.dumps(facts))
    assert _run_toy(data, out).rows == first.rows
    assert "predicts again, because predictions of 3 of 3 videos are NaN" in capsys.readouterr().err
