"""`synth plan` and `synth render-videos`: what each option changes in a plan and in films."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from synth.clips.video_files import frame_rate, read_video
from synth.plans.plan_row import read_plan
from tests.synth.cli.running import refusal, succeed
from tests.synth.films.test_films import texture_folder

TINY = ["--set", "film.width=160", "--set", "film.height=120", "--set", "camera.focal=300"]


@pytest.fixture
def sources(inputs) -> list:
    """The options that every plan needs."""
    words = ["--motions", inputs / "motions", "--textures", inputs / "textures"]
    return [*words, "--workers", 1]


def planned(tmp_path, *words):
    succeed("plan", *words, "--out", tmp_path / "plan.jsonl", "--count-clips", 3)
    return read_plan(tmp_path / "plan.jsonl")


def test_short_names_override_the_preset(sources, tmp_path):
    words = ["--frames", 6, "--fps", 15, "--engine", "raster", "--samples", 4]
    words += ["--layout", "surreal", "--channels", "depth,segm"]
    for row in planned(tmp_path, *sources, *words):
        assert (row.frames, row.fps, row.engine, row.samples) == (6, 15, "raster", 4)
        assert (row.layout, row.channels) == ("surreal", ("depth", "segm"))
    rows = planned(tmp_path, *sources, "--channels", "none", "--samples", 0)
    assert {(row.channels, row.engine, row.samples > 0) for row in rows} == {((), "cycles", True)}


def test_a_plan_depends_on_its_seed(sources, tmp_path):
    first = planned(tmp_path, *sources, "--seed", 1)
    assert planned(tmp_path, *sources, "--seed", 1) == first
    assert planned(tmp_path, *sources, "--seed", 2) != first
    assert "'--seed'" in refusal("plan", *sources, "--seed", -1, "--out", tmp_path / "a.jsonl")


def test_environments_light_the_clips(sources, tmp_path):
    folder = tmp_path / "skies"
    folder.mkdir()
    cv2.imwrite(str(folder / "sky.hdr"), np.full((16, 32, 3), 0.7, np.float32))
    words = [*sources, "--environments", folder, "--set", "light.kinds={environment = 1.0}"]
    rows = planned(tmp_path, *words)
    assert {row.light["file"] for row in rows} == {"sky.hdr"}
    (folder / "sky.hdr").unlink()
    for command in ("plan", "render-videos"):
        words = [command, *sources, "--environments", folder, "--out", tmp_path / "out"]
        assert f"{folder}: no environment found" in refusal(*words)
    assert not (tmp_path / "out").exists()


def test_a_plan_against_other_textures_differs_in_the_texture_alone(sources, tmp_path, body):
    other = texture_folder(tmp_path / "other", body.uv_layout)
    out = tmp_path / "plans"
    succeed("plan", *sources, "--against", other, "--out", out, "--count-clips", 4)
    first, second = (read_plan(out / f"{name}.jsonl") for name in ("textures", "other"))
    assert len(first) == len(second) == 4
    for a, b in zip(first, second, strict=True):
        assert (a.sequence, a.start, a.view, a.light) == (b.sequence, b.start, b.view, b.light)
        assert (a.library, b.library) == ("textures", "other")
    words = [*sources, "--against", sources[3], "--out", tmp_path / "same"]
    assert "a folder of the same name" in refusal("plan", *words)


def test_films_in_grey_differ_from_others_in_the_texture_alone(sources, tmp_path):
    succeed("standins", "grey", "--out", tmp_path / "grey")
    words = [*sources, "--against", tmp_path / "grey", "--count-clips", 4]
    succeed("plan", *words, "--out", tmp_path / "plans")
    first, second = (read_plan(tmp_path / "plans" / f"{n}.jsonl") for n in ("textures", "grey"))
    assert len(first) == len(second) == 4
    for a, b in zip(first, second, strict=True):
        assert (a.sequence, a.start, a.view, a.light) == (b.sequence, b.start, b.view, b.light)
        assert b.texture == f"grey_{b.split}.png"


def test_a_plan_and_its_films_are_of_the_body_given(inputs, model, tmp_path):
    textures = texture_folder(tmp_path / "textures", model.body.uv_layout)
    common = ["--motions", inputs / "motions", "--textures", textures, "--workers", 1]
    with_body = [*common, "--body", model.file, "--uv", model.uv]
    rows = planned(tmp_path, *with_body)
    assert {row.uv_layout for row in rows} == {model.body.uv_layout}
    words = ["--out", tmp_path / "free.jsonl"]
    assert "UV layout" in refusal("plan", *common, *words)  # without --body: the free body
    free = ["--motions", inputs / "motions", "--textures", inputs / "textures"]
    assert "--uv: the free body has its own UVs" in refusal("plan", *free, "--uv", model.uv, *words)

    out = tmp_path / "films"
    quick = ["--engine", "raster", "--samples", 10, "--layout", "surreal", "--seed", 9, *TINY]
    quick += ["--count-clips", 1, "--frames", 3, "--fps", 12, "--channels", "depth"]
    succeed("render-videos", *with_body, *quick, "--clip-limit", "10m", "--out", out)
    (row,) = read_plan(out / "plan.jsonl")
    assert (row.engine, row.samples, row.layout) == ("raster", 10, "surreal")
    info = scipy.io.loadmat(f"{out / row.stem}_info.mat")
    assert model.body.name in str(info["versions"])
    assert set(scipy.io.loadmat(f"{out / row.stem}_depth.mat")) >= {"depth_1", "depth_3"}
    film = Path(f"{out / row.stem}.mp4")
    assert read_video(film).shape == (3, 120, 160, 3) and frame_rate(film) == 12
    succeed("plan", *with_body, *quick, "--out", tmp_path / "again.jsonl")
    assert read_plan(tmp_path / "again.jsonl") == [row]
    refused = refusal("render-videos", *with_body, *quick, "--out", out, "--plan", out / "p.jsonl")
    names = ("--set", "--count-clips", "--frames", "--engine", "--layout", "--seed")
    assert "already decided by --plan" in refused and all(name in refused for name in names)
