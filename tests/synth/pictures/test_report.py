"""The report is one file that holds everything, and says when data were generated."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.clips.clip import Clip
from synth.pictures.channel_mosaic import (
    body_window,
    depth_picture,
    flow_picture,
    normals_picture,
    parts_picture,
)
from synth.pictures.recognition_table import read_recognition_table
from synth.pictures.report import busiest_frame, evenly, film_uri, write_report
from tests.mocap.parsing.json_mutations import mutated_lines
from tests.synth.cli.running import run
from tests.synth.film_clip import make_clip
from textures.harvest import harvester
from textures.library import SCORES, TextureEntry, write_manifest, write_texture


@pytest.fixture
def recognition(tmp_path):
    gain = {"difference": 3.5, "low": -1.0, "high": 8.0, "p": 0.12, "detectable": 6.5}
    rows = [
        {"init": "from scratch", "top1": 40.0, "top1_std": 1.0, "top5": 80.0, "top5_std": 2.0},
        {"init": "films <b>", "top1": 43.5, "top1_std": 1.5, "top5": 81.0, "top5_std": 2.5},
    ]
    for row in rows:
        row |= {"top1_by_split": {"1": 39.0, "2": 41.0}, "gain": None}
        row |= {"initial_weights": "random", "pretraining_steps": 0.0, "labelled_steps": 600.0}
        row["training_accuracy"] = 99.5
    rows[1]["gain"] = gain
    table = {"data": "stand-in data (videos)", "stand_in": ["videos"], "rows": rows, "runs": []}
    table |= {"films": {"films <b>": 680}, "film_classes": {"films <b>": ["walk", "run"]}}
    (tmp_path / "table.json").write_text(json.dumps(table))
    return tmp_path


def test_table_is_labelled_and_escaped(recognition, body):
    out = recognition / "report.html"
    write_report(out, body=body, recognition=recognition)
    html = out.read_text()
    assert "43.50 ± 1.50" in html and "+3.50 [-1.00, +8.00]" in html
    assert "stand-in data (videos)" in html and "say nothing of UCF101" in html
    assert "680 clips of 2 classes" in html and "PARTIAL" not in html
    assert "0 + 600" in html and "<td>6.5</td>" in html
    assert "films &lt;b&gt;" in html and "<b>" not in html
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_a_table_of_one_split_has_no_deviation_over_splits(recognition, body):
    path, out = recognition / "table.json", recognition / "report.html"
    table = json.loads(path.read_text())
    for row in table["rows"]:
        row |= {"top1_std": None, "top5_std": None, "top1_by_split": {"1": row["top1"]}}
    path.write_text(json.dumps(table))
    write_report(out, body=body, recognition=recognition)
    assert "<td>43.50</td>" in out.read_text() and "43.50 ±" not in out.read_text()


def test_a_table_of_a_part_of_the_test_videos_says_so(recognition, body):
    path, out = recognition / "table.json", recognition / "report.html"
    change = {"partial": "split 1: 2 of 9 test videos", "validation": True}
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    write_report(out, body=body, recognition=recognition)
    html = out.read_text()
    assert "PARTIAL: split 1: 2 of 9 test videos missing or unreadable" in html
    assert "no test list was opened" in html


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "rows"),
        ({"rows": [{"init": "from scratch"}]}, r"no field rows\[0\]\.top1"),
        ({"films": {"a": 3}}, "fields films and film_classes name different sets"),
        ({"runs": [{"seconds": "3"}]}, r"runs\[0\]\.seconds"),
        ({"stand_in": "videos"}, "stand_in"),
    ],
    ids=str,
)
def test_a_table_that_is_none_is_named_with_its_field(recognition, body, change, message):
    path = recognition / "table.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=rf"table\.json: .*{message}"):
        write_report(recognition / "report.html", body=body, recognition=recognition)


@pytest.mark.parametrize("what", ["textures", "films", "recognition"])
def test_an_empty_folder_is_named(what, tmp_path, body):
    with pytest.raises(BadInput, match=str(tmp_path)):
        write_report(tmp_path / "report.html", body=body, **{what: tmp_path})
    assert not list(tmp_path.iterdir())


def test_film_holds_every_frame():
    frames = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(9)]
    data = base64.b64decode(film_uri(frames, 30).partition(",")[2])
    with av.open(io.BytesIO(data)) as file:
        read = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert [round(frame.mean() / 20) for frame in read] == list(range(9))


def test_evenly_keeps_both_ends():
    assert evenly(list(range(10)), 4) == [0, 3, 6, 9]
    assert evenly([1, 2], 5) == [1, 2]
    assert evenly([], 3) == []


def test_the_busiest_frame_is_that_of_the_largest_flow(body):
    made = make_clip(body, frames=6)
    flow = np.zeros_like(made.truth.flow_forward)
    truth = replace(made.truth, flow_forward=flow, flow_backward=flow.copy())
    truth.flow_backward[4][truth.mask[4]] = (3.0, -4.0)
    assert busiest_frame(Clip(made.frames, truth, {})) == 4
    truth.flow_forward[1][truth.mask[1]] = (0.0, 6.0)
    assert busiest_frame(Clip(made.frames, truth, {})) == 1


def test_directions_of_flow_have_their_hues():
    right, down = flow_picture(np.array([[[4.0, 0], [0, 4.0]]]), longest=4)[0]
    hues = [cv2.cvtColor(c[None, None], cv2.COLOR_RGB2HSV)[0, 0, 0] for c in (right, down)]
    assert hues[0] == 0 and abs(int(hues[1]) - 45) <= 1  # a quarter of the circle further
    assert not flow_picture(np.zeros((1, 1, 2)), longest=4).any()


def test_nearer_is_brighter_and_background_black():
    near, far, nothing = depth_picture(np.array([[7.0, 9.0, np.inf]]), 7.0, 9.0)[0, :, 0]
    assert near == 255 and nothing == 0 < far < near


def test_a_normal_to_the_camera_is_blue_and_background_black():
    facing, background = normals_picture(np.array([[[0, 0, -1.0], [0, 0, 0]]]))[0]
    assert facing[2] == 255 and abs(int(facing[0]) - 127) <= 1
    assert not background.any()
    assert not parts_picture(np.zeros((2, 2), np.uint8)).any()
    assert len(np.unique(parts_picture(np.arange(25, dtype=np.uint8)[None])[0], axis=0)) == 25


def test_window_holds_the_body_in_every_frame():
    mask = np.zeros((2, 240, 320), bool)
    mask[0, 100:180, 40:60] = mask[1, 90:170, 70:80] = True
    rows, columns = body_window(mask, (240, 320))
    assert rows.start <= 90 and rows.stop >= 180 and columns.start <= 40 and columns.stop >= 80
    assert abs((columns.stop - columns.start) / (rows.stop - rows.start) - 4 / 3) < 0.02
    assert rows.stop - rows.start < 120


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_table_with_something_wrong_is_shown_or_refused(recognition, data):
    sound = recognition / "sound.json"
    path = recognition / "table.json"
    if not sound.is_file():
        sound.write_bytes(path.read_bytes())
    path.write_bytes(data.draw(mutated_lines(sound.read_text())))
    try:
        table = read_recognition_table(recognition)
    except BadInput as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return
    assert all(np.isfinite(row.top1) for row in table.rows)


def test_a_bad_texture_is_left_out_named_and_counted(tmp_path, body):
    entries = []
    for name in "abc":
        write_texture(tmp_path / f"{name}.png", np.full((32, 32, 3), 90, np.uint8))
        line = TextureEntry(
            f"{name}.png", body.uv_layout, 32, f"{name}.jpg", "", name, None, "train"
        )
        entries.append(line)
    write_manifest(tmp_path, entries)
    (tmp_path / "b.png").write_bytes(b"torn")
    said = []
    left_out = write_report(tmp_path / "r.html", body=body, textures=tmp_path, report=said.append)
    assert left_out == len(said) == 1 and said[0].startswith(f"left out: {tmp_path / 'b.png'}")
    html = (tmp_path / "r.html").read_text()
    assert "a.jpg" in html and "c.jpg" in html and "b.jpg" not in html
    words = ["--textures", tmp_path, "--out", tmp_path / "s.html"]
    assert run("report", *words).exit_code == 0
    assert run("report", *words, "--strict").exit_code == 1
    for name in "ac":
        (tmp_path / f"{name}.png").write_bytes(b"torn")
    with pytest.raises(BadInput, match=r"a\.png"):
        write_report(tmp_path / "t.html", body=body, textures=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t["rows"][1].update(top1="high"),
            r"rows\[1\].top1 is .high., expected a number",
        ),
        (lambda t: t["rows"][0].update(top1=140.0), r"rows\[0\].top1 is 140.0, expected"),
        (lambda t: t["rows"].clear(), "field rows is "),
        (
            lambda t: t["rows"][1].update(top1_by_split={"3": 1.0}),
            "expected those of the first row",
        ),
        (lambda t: t["rows"][0].update(top1_by_split={"x": 1.0}), "top1_by_split"),
        (lambda t: t["film_classes"].clear(), "name different sets"),
        (lambda t: t.pop("runs"), "no field runs"),
    ],
)
def test_a_damaged_table_is_refused_with_the_field(recognition, body, change, words):
    path = recognition / "table.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
    with pytest.raises(BadInput, match=rf"table\.json: .*{words}"):
        write_report(recognition / "r.html", body=body, recognition=recognition)


def test_textures_can_be_sought_and_sorted_and_their_scores_are_explained(tmp_path, body):
    entries = []
    for name, quality in (("a", 0.25), ('b"<', 0.75)):
        file = f"{name[0]}.png"
        write_texture(tmp_path / file, np.full((32, 32, 3), 90, np.uint8))
        entry = TextureEntry(file, body.uv_layout, 32, f"{name}.jpg", "", name, None, "train")
        entries.append(replace(entry, scores={"quality": quality, "ours": 1.0}, licence="CC0"))
    write_manifest(tmp_path, entries)
    write_report(tmp_path / "r.html", body=body, textures=tmp_path)
    page = (tmp_path / "r.html").read_text()
    stored = re.findall(r'data-words="([^"]*)" data-scores="([^"]*)"', page)
    assert [html.unescape(words) for words, _ in stored] == ["a.jpg a train", 'b"<.jpg b"< train']
    scores = [json.loads(html.unescape(values)) for _, values in stored]
    assert [item["quality"] for item in scores] == [0.25, 0.75]
    assert "<option>quality</option>" in page and "<option>ours</option>" not in page
    assert SCORES["quality"] in html.unescape(page)
    assert "<td>licences</td>" in page and "CC0" in page and 'src="http' not in page


def test_every_score_of_a_harvest_is_explained():
    source = (Path(harvester.__file__)).read_text()
    names = set(re.findall(r'^            "(\w+)": ', source.partition("def _scores(")[2], re.M))
    assert names and names == set(SCORES)
