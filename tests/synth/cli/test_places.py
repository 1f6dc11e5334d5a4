"""`synth places`: a sheet and its numbers, photographs of no use named, notes that cannot be read."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from synth.cli import cli

NOTES = {"horizon": [0.4, 0.4], "focal": 0.8, "floor": [[0, 1], [0, 0.5], [1, 0.5], [1, 1]]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SURREALPP_CACHE", str(tmp_path / "cache"))
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number, name in enumerate(("flat", "known")):
        image = np.full((90, 120, 3), 90 + 40 * number, np.uint8)
        cv2.imwrite(str(photographs / f"{name}.jpg"), image)
    (photographs / "known.json").write_text(json.dumps(NOTES))
    return photographs


def run(*arguments):
    return CliRunner().invoke(cli, ["places", *map(str, arguments)])


def test_a_sheet_and_its_numbers(folder, tmp_path):
    out = tmp_path / "sheet.jpg"
    result = run(
        folder, "--out", out, "--camera-height", 1.2, "--count", 1, "--workers", 1, "--strict"
    )
    assert result.exit_code == 0, result.output
    assert "flat.jpg: its horizon is unknown" in result.output
    assert "1 of 2 photographs are places" in result.output
    lines = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["photograph"] for line in lines] == ["flat.jpg", "known.jpg"]
    assert lines[1]["camera_height"] == 1.2 and lines[1]["horizon"] == [0.4, 0.4]
    sheet = cv2.imread(str(out))
    assert sheet.shape == (290, 4 * 360, 3)
    assert (sheet[:, 376:] < 8).all()  # one tile, as --count says


def test_a_person_stands_on_the_floor_that_is_drawn(folder, tmp_path):
    out = tmp_path / "sheet.png"
    assert run(folder, "--out", out).exit_code == 0
    tile = cv2.imread(str(out))[20:290, 360:720].astype(int)
    yellow = (tile[..., 2] > 200) & (tile[..., 1] > 180) & (tile[..., 0] < 120)
    rows = np.flatnonzero(yellow.any(axis=1))
    focal, horizon, distance = 0.8 * 360, 0.4 * 270, 5.0
    foot, head = horizon + focal * 1.6 / distance, horizon - focal * 0.1 / distance
    assert rows.max() == pytest.approx(foot, abs=3) and rows.min() == pytest.approx(head, abs=4)


def test_bad_notes_are_an_error_under_strict(folder, tmp_path):
    (folder / "known.json").write_text('{"horizont": 1}')
    out = tmp_path / "sheet.png"
    result = run(folder, "--out", out, "--strict")
    assert result.exit_code == 1 and "known.json" in result.output
    assert run(folder, "--out", out).exit_code == 0


def test_another_kind_of_file_is_refused_before_anything_is_read(folder, tmp_path):
    result = run(tmp_path / "nowhere", "--out", tmp_path / "sheet.gif")
    assert "expected a .jpg or .png file" in str(result.exception)
