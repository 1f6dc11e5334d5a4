"""`synth report` and `synth pack`: how much is shown and how shards are cut."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.clips.clip import publish, write_conventions, write_index
from tests.synth.cli.running import refusal, succeed
from tests.synth.film_clip import make_clip
from tests.synth.films.test_films import texture_folder


@pytest.fixture(scope="module")
def films(body, tmp_path_factory) -> Path:
    """Three clips of three categories."""
    folder = tmp_path_factory.mktemp("films")
    made, rows = make_clip(body, frames=2, channels=("depth", "segm", "normal", "gtflow")), []
    for name in ("walk", "run", "jump"):
        row = replace(made.row, stem=f"train/{name}", sequence=name, category=name)
        replace(made, row=row).write(folder / "partial")
        publish(folder / "partial", folder, row)
        rows.append(row)
    (folder / "partial").rmdir()
    write_index(folder, rows)
    write_conventions(folder)
    return folder


@pytest.fixture(scope="module")
def textures(body, tmp_path_factory) -> tuple[Path, Path]:
    """A folder of two textures and one of their crops."""
    folder = tmp_path_factory.mktemp("library")
    texture_folder(folder / "textures", body.uv_layout)
    (folder / "crops").mkdir()
    for number in (0, 1):
        crop = np.full((128, 64, 3), 60 + 90 * number, np.uint8)
        cv2.imwrite(str(folder / "crops" / f"{number}.jpg"), crop)
    return folder / "textures", folder / "crops"


def results(folder: Path) -> Path:
    """A results folder of one row."""
    row = {"init": "from scratch", "initial_weights": "random", "pretraining_steps": 0.0}
    row |= {"labelled_steps": 9.0, "epochs": 1.0, "training_accuracy": 50.0, "capped": 0, "runs": 1}
    row |= {"top1": 41.0, "top1_std": 1.0, "top5": 80.0, "top5_std": 2.0}
    row |= {"top1_by_split": {"1": 41.0}, "gain": None}
    table = {"data": "stand-in data", "stand_in": ["videos"], "rows": [row], "runs": []}
    folder.mkdir()
    text = json.dumps({**table, "films": {}, "film_classes": {}})
    (folder / "table.json").write_text(text)
    return folder


def test_a_report_shows_as_much_as_it_is_told(films, textures, tmp_path):
    out = tmp_path / "report.html"
    library, crops = textures
    words = ["report", "--textures", library, "--images", crops, "--films", films, "--out", out]
    words += ["--recognition", results(tmp_path / "results"), "--title", "Two <shirts>"]
    succeed(*words)
    whole = out.read_text()
    assert "Two &lt;shirts&gt;" in whole and "41.00" in whole
    assert whole.count("data:video/mp4") == 3
    succeed(*words, "--count-clips", 2, "--count-textures", 1)
    less = out.read_text()
    assert less.count("data:video/mp4") == 2
    pictures = whole.count("data:image/jpeg") - less.count("data:image/jpeg")
    assert pictures == 3 + 1  # a texture's crop, texture and views; a film's poster
    for option in ("--count-clips", "--count-textures"):
        assert f"'{option}'" in refusal(*words, option, 0)


def test_a_reports_picture_needs_crops_textures_and_films(films, body, tmp_path):
    library = texture_folder(tmp_path / "textures", body.uv_layout)
    lines = (library / "textures.jsonl").read_text().splitlines()
    (tmp_path / "crops").mkdir()
    entries = []
    for number in range(5):
        entry = json.loads(lines[0]) | {"source": f"{number}.jpg", "identity": str(number)}
        entry["file"] = f"t{number}.png"
        (library / entry["file"]).write_bytes((library / "0.png").read_bytes())
        cv2.imwrite(str(tmp_path / "crops" / f"{number}.jpg"), np.full((128, 64, 3), 99, np.uint8))
        entries.append(json.dumps(entry))
    (library / "textures.jsonl").write_text("\n".join(entries) + "\n")
    picture, out = tmp_path / "wide.jpg", tmp_path / "report.html"
    words = ["report", "--textures", library, "--films", films, "--out", out]
    assert "--picture needs" in refusal(*words, "--picture", picture)
    assert not out.exists()
    succeed(*words, "--images", tmp_path / "crops", "--picture", picture)
    assert cv2.imread(str(picture)).shape[1] == 1600


def test_shards_hold_so_many_clips(films, tmp_path):
    words = ["pack", films, "--out", tmp_path / "out", "--channels", "segm"]
    succeed(*words, "--count-clips-per-shard", 2)
    counts = []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as tar:
            names = tar.getnames()
        counts.append(len([name for name in names if name.endswith(".mp4")]))
        assert any(name.endswith(".segm.mat") for name in names)
        assert not any("depth" in name for name in names)
    assert counts == [2, 1]
    for option, value in (("--count-clips-per-shard", 0), ("--shard-size", "nan")):
        assert f"'{option}'" in refusal(*words, option, value)
