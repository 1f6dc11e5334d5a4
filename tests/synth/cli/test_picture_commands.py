"""`synth turntable`, `dress`, `view` and `export-coco`: their options, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from synth.clips.clip import publish, read_clip
from synth.clips.video_files import frame_rate, read_video
from synth.pictures import clip_view, texture_turntable
from tests.synth.cli.running import refusal, run, succeed
from tests.synth.film_clip import make_clip
from textures.harvest.contact_sheet import CAPTION


@pytest.fixture(scope="module")
def films(body, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    made = make_clip(body, frames=3, channels=("depth", "segm", "normal"), layout="compact")
    for stem in ("train/a", "val/b"):
        row = replace(made.row, stem=stem)
        replace(made, row=row).write(folder / "partial")
        publish(folder / "partial", folder, row)
    return folder


def colours(picture: np.ndarray) -> np.ndarray:
    """The colour of what is not background, whatever a film's edges are."""
    return np.median(picture[np.abs(picture.astype(int) - 235).max(-1) > 20], axis=0)


def test_a_turntable_is_a_film_a_gif_or_a_row(inputs, model, tmp_path, monkeypatch):
    monkeypatch.setattr(texture_turntable, "_FRAMES", 6)
    texture = inputs / "textures" / "0.png"
    words = ["turntable", texture, "--size", 96]
    succeed(*words, "--out", tmp_path / "a.png", "--count-views", 4)
    row = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    assert row.shape == (CAPTION + 96, 4 * 96, 3)
    captions, row = row[:CAPTION], row[CAPTION:]
    assert all((captions[:, k * 96 : (k + 1) * 96] < 128).any() for k in range(4))
    red, green, blue = colours(row)
    assert red > 1.8 * green and abs(green - blue) < 12  # the texture is (200, 60, 60)
    front, left, back, right = (row[:, k * 96 : (k + 1) * 96] for k in range(4))
    assert (
        np.abs(left.astype(int) - right[:, ::-1]).mean() < np.abs(front.astype(int) - left).mean()
    )
    assert not np.array_equal(front, back)
    succeed(*words, "--out", tmp_path / "a.mp4")
    film = read_video(tmp_path / "a.mp4")
    assert film.shape == (6, 96, 96, 3) and np.abs(colours(film[0]) - colours(front)).max() < 16
    succeed(*words, "--out", tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3 and gif.info["loop"] == 0
        assert np.abs(colours(np.array(gif.convert("RGB"))) - colours(front)).max() < 16
    succeed(*words, "--out", tmp_path / "b.png", "--count-views", 1, "--gender", "male")
    loose = tmp_path / "loose.png"
    loose.write_bytes(texture.read_bytes())
    bodies = ["--body", model.file, "--uv", model.uv, "--count-views", 1]
    succeed("turntable", loose, "--size", 96, "--out", tmp_path / "c.png", *bodies)
    own = cv2.imread(str(tmp_path / "c.png"))[CAPTION:, :, ::-1]
    assert np.abs(own.astype(int) - front).max() <= 2
    assert not np.array_equal(cv2.imread(str(tmp_path / "b.png"))[..., ::-1], front)


def test_turntables_that_cannot_be_are_refused(inputs, model, tmp_path, monkeypatch):
    texture, out = inputs / "textures" / "0.png", tmp_path / "a.png"
    for words, text in [
        ([texture, "--out", tmp_path / "a.jpg"], "expected .mp4"),
        ([texture, "--out", out, "--size", 97], "'--size'"),
        ([texture, "--out", out, "--count-views", 0], "'--count-views'"),
        ([tmp_path / "none.png", "--out", out], "none.png"),
        ([texture, "--out", out, "--body", model.file, "--gender", "male"], "--gender"),
        ([texture, "--out", out, "--body", model.file, "--uv", model.uv], "UV layout"),
    ]:
        assert text in refusal("turntable", *words)

    def interrupt(*_: object) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(texture_turntable, "textured_view", interrupt)
    assert run("turntable", texture, "--out", out).exit_code != 0
    assert not list(tmp_path.iterdir())


def test_dress_is_the_preview_in_a_texture(inputs, model, tmp_path):
    texture, motion = inputs / "textures" / "0.png", inputs / "motions" / "01" / "01_01.amc"
    look = ["--size", "160x120", "--fps", 10, "--view", "front"]
    succeed("dress", texture, motion, "--out", tmp_path / "a.mp4", *look, "--strip")
    succeed("preview", motion, "--texture", texture, "--out", tmp_path / "b.mp4", *look)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.png").is_file()
    folder = [texture, inputs / "motions", "01_01", *look, "--source-fps", 60]
    succeed("dress", *folder, "--out", tmp_path / "c.mp4", "--gender", "female")
    assert (tmp_path / "c.mp4").read_bytes() != (tmp_path / "a.mp4").read_bytes()
    loose = tmp_path / "loose.png"
    loose.write_bytes(texture.read_bytes())
    bodies = ["--body", model.file, "--uv", model.uv]
    succeed("dress", loose, motion, "--out", tmp_path / "d.mp4", *look, *bodies)
    assert len(read_video(tmp_path / "d.mp4")) == len(read_video(tmp_path / "a.mp4"))
    assert "--gender" in refusal("dress", loose, motion, *bodies, "--gender", "male")
    assert "UV layout" in refusal("dress", texture, motion, *bodies)


def test_a_view_shows_every_channel_of_a_clip(films, tmp_path):
    out, clip = tmp_path / "a.mp4", films / "train" / "a.mp4"
    result = succeed("view", clip, "--out", out)
    film = read_video(out)
    # film, joints, parts, depth and normals: two rows of four
    assert film.shape == (3, 2 * 240, 4 * 320, 3) and frame_rate(out) == 30
    assert "gtflow" in result.output and "tracks" in result.output
    truth = read_clip(films / "train" / "a")
    parts = film[1, :240, 2 * 320 : 3 * 320].astype(int)
    assert (parts[truth.truth.parts[1] > 0].max(-1) > 100).mean() > 0.9
    assert (parts[60:][truth.truth.parts[1, 60:] == 0].max(-1) < 60).mean() > 0.95
    tile = film[1, :240, 320 : 2 * 320].astype(int)
    joints = truth.truth.joints2d[1][truth.truth.joints_inside[1]].astype(int)
    assert np.abs(tile - film[1, :240, :320])[joints[:, 1], joints[:, 0]].max(-1).min() > 20
    stem_words = ["view", films / "train" / "a_info.mat", "--out", out]
    succeed(*stem_words, "--channels", "depth", "--close")
    close = read_video(out)
    assert close.shape == (3, 240, 3 * 320, 3)
    depth = close[1, 20:, 2 * 320 :]
    assert (depth.max(-1) > 40).mean() > 2 * (truth.truth.parts[1] > 0).mean()


def test_views_that_cannot_be_are_refused(films, tmp_path, monkeypatch):
    out, clip = tmp_path / "a.mp4", films / "train" / "a.mp4"
    for words, text in [
        ([clip, "--out", tmp_path / "a.avi"], "expected .mp4"),
        ([films, "--out", out], "is a folder"),
        ([films / "train" / "none.mp4", "--out", out], "no clip there"),
        ([clip, "--out", clip], "the clip's film itself"),
        ([clip, "--out", out, "--channels", "depth,tracks"], "expected the channel tracks"),
        ([clip, "--out", out, "--channels", "albedo"], "'--channels'"),
    ]:
        assert text in refusal("view", *words)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clip_view, "labelled_tile", interrupt)
    assert run("view", clip, "--out", out).exit_code != 0
    assert not list(tmp_path.iterdir())


def test_depth_has_one_scale_through_a_clip(films, body, tmp_path):
    clip = read_clip(films / "train" / "a")
    depth = clip.truth.depth.copy()
    depth[1] += 3.0
    moved = replace(clip, truth=replace(clip.truth, depth=depth))
    first, second, _ = clip_view.view_frames(moved)
    shown = clip.truth.parts[0] > 0
    tiles = [frame[:240, 3 * 320 :][shown].mean() for frame in (first, second)]
    assert tiles[0] > tiles[1] + 50


def test_films_become_coco_files(films, tmp_path):
    out = tmp_path / "labels.json"
    words = ["export-coco", films, "--out", out]
    result = succeed(*words, "--every", 2, "--images", tmp_path / "images", "--split", "train")
    assert "2 people in 2 pictures" in result.output
    document = json.loads(out.read_text())
    for image in document["images"]:
        assert (tmp_path / "images" / image["file_name"]).is_file()
    succeed(*words, "--count-clips", 1, "--masks", "plain")
    document = json.loads(out.read_text())
    assert len(document["images"]) == 3
    assert isinstance(document["annotations"][0]["segmentation"]["counts"], list)


def test_coco_files_that_cannot_be_are_refused(films, body, tmp_path):
    out = tmp_path / "labels.json"
    for words, text in [
        ([films, "--out", tmp_path / "a.txt"], "expected .json"),
        ([films, "--out", out, "--every", 0], "'--every'"),
        ([films, "--out", out, "--count-clips", 0], "'--count-clips'"),
        ([films, "--out", out, "--split", "test"], "no clip of the split test"),
        ([tmp_path / "none", "--out", out], "no such folder"),
    ]:
        assert text in refusal("export-coco", *words)
    assert not list(tmp_path.iterdir())
    made = make_clip(body, frames=2, channels=("segm",), layout="compact")
    for stem in ("train/a", "train/b"):
        row = replace(made.row, stem=stem)
        replace(made, row=row).write(tmp_path / "partial")
        publish(tmp_path / "partial", tmp_path / "films", row)
    next(p for p in (tmp_path / "films" / "train").iterdir() if "segm" in p.name).unlink()
    words = ["export-coco", tmp_path / "films", "--out", out]
    assert "1 clips left out" in succeed(*words).output
    assert run(*words, "--strict").exit_code == 1
