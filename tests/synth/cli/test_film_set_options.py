"""`synth check` and `synth ground-truth`: which clips, of which bodies, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.clips.clip import publish
from synth.pictures.channel_sheet import TILE
from synth.plans.plan_row import write_plan
from synth.scene.places.scene_place import Dome, ScenePlace
from tests.synth.cli.running import refusal, run, succeed
from tests.synth.film_clip import ExampleClip, make_clip
from tests.synth.filmed_clip import LIGHT, film
from textures.harvest.contact_sheet import CAPTION


def published(made: ExampleClip, folder: Path, *names: str) -> Path:
    """Films of the same clip under several names."""
    rows = [replace(made.row, stem=f"train/{name}") for name in names]
    for row in rows:
        replace(made, row=row).write(folder / "partial")
        publish(folder / "partial", folder / "films", row)
    write_plan(folder / "films" / "plan.jsonl", rows)
    return folder / "films"


@pytest.fixture(scope="module")
def made(body, tmp_path_factory) -> ExampleClip:
    made = make_clip(body, frames=3, light=LIGHT)
    return replace(made, frames=film(made, body, tmp_path_factory.mktemp("film")).rendered)


@pytest.fixture(scope="module")
def model_clip(model) -> ExampleClip:
    """A clip of the body model that is no free body."""
    return make_clip(model.body, frames=3, light=LIGHT)


def test_a_check_of_some_clips_writes_a_picture(made, tmp_path):
    out = published(made, tmp_path, "a", "b", "c")
    picture = tmp_path / "channels.png"
    told = succeed("check", out, "--count-clips", 2, "--workers", 1, "--picture", picture)
    assert "2 clips checked, 0 bad" in told.output
    assert cv2.imread(str(picture)).shape[0] == 3 * (CAPTION + TILE[1])  # ten at most, here three


def test_a_check_compares_with_the_environments_given(made, tmp_path):
    environments = tmp_path / "environments"
    environments.mkdir()
    radiance = np.full((32, 64, 3), 0.4, np.float32)
    cv2.imwrite(str(environments / "hall.hdr"), radiance)
    scene_place = ScenePlace(dome=Dome(turn=0.0, strength=0.8))
    row = replace(made.row, background={"environment": "hall.hdr"}, scene_place=scene_place)
    out = published(replace(made, row=row), tmp_path, "a")
    assert "not run: plate (no background" in succeed("check", out, "--workers", 1).output
    told = run("check", out, "--workers", 1, "--environments", environments)
    assert "1 clips checked" in told.output and "not run: plate" not in told.output


def test_a_check_compares_with_the_photographs_and_the_body_given(
    made, model, model_clip, tmp_path
):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "wall.png"), np.full((240, 320, 3), 90, np.uint8))
    on_photograph = replace(made, row=replace(made.row, background={"photograph": "wall.png"}))
    out = published(on_photograph, tmp_path, "a")
    assert "not run: plate (no background" in succeed("check", out, "--workers", 1).output
    told = refusal("check", out, "--workers", 1, "--backgrounds", photographs)
    assert "not run: plate" not in told and "1 bad" in told  # the film shows another background

    out = published(model_clip, tmp_path / "model", "a")
    words = ["check", out, "--workers", 1]
    assert "give --body" in refusal(*words)
    told = run(*words, "--body", model.file, "--uv", model.uv).output
    assert "1 clips checked" in told and "give --body" not in told


def test_channels_are_computed_again_for_some_clips_and_over_files_there(made, tmp_path):
    out = published(made, tmp_path, "a", "b")
    files = [Path(f"{out}/train/{name}_depth.mat") for name in "ab"]
    before = files[0].read_bytes()
    for path in files:
        path.write_bytes(b"damaged")
    words = ["ground-truth", out, "--channels", "depth", "--workers", 1]
    assert "0 clips computed, 2 already there" in succeed(*words).output
    assert files[0].read_bytes() == b"damaged"
    told = succeed(*words, "--overwrite", "--count-clips", 1).output
    assert "1 clips computed, 0 already there" in told
    assert files[0].read_bytes() == before and files[1].read_bytes() == b"damaged"


def test_channels_go_to_another_layout_and_folder(made, tmp_path):
    out, other = published(made, tmp_path, "a"), tmp_path / "compact"
    words = ["ground-truth", out, "--channels", "segm", "--workers", 1]
    succeed(*words, "--layout", "compact", "--out", other)
    names = sorted(path.name for path in other.rglob("*.npz"))
    assert names == ["a_mask.npz", "a_segm.npz"]
    for option, value in (("--channels", "albedo"), ("--channels", "none"), ("--layout", "small")):
        assert f"'{option}'" in refusal(*words, option, value)


def test_channels_are_of_the_body_given(model, model_clip, tmp_path):
    out = published(model_clip, tmp_path, "a")
    path = Path(f"{out}/train/a_depth.mat")
    before = path.read_bytes()
    path.unlink()
    words = ["ground-truth", out, "--channels", "depth", "--workers", 1]
    assert "made with the body" in refusal(*words)
    succeed(*words, "--body", model.file, "--uv", model.uv)
    assert path.read_bytes() == before
