"""The picture of a film set: a tile a channel, a row a clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from synth.clips.clip import publish, read_clip
from synth.pictures.channel_sheet import (
    TILE,
    clip_tiles,
    joints_picture,
    occlusion_picture,
    tracks_picture,
    uv_picture,
    write_channel_sheet,
)
from synth.scene.ground_truth import CHANNELS
from tests.synth.film_clip import make_clip
from textures.harvest.contact_sheet import CAPTION


def test_a_row_a_clip_and_a_tile_a_channel(body, tmp_path):
    made = make_clip(body, frames=3, channels=CHANNELS, tracks=30)
    for number in (1, 2):
        other = replace(made, row=replace(made.row, stem=f"train/clip{number}"))
        other.write(tmp_path / "partial")
        publish(tmp_path / "partial", tmp_path / "films", other.row)
    write_channel_sheet(tmp_path / "sheet.png", tmp_path / "films")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * (TILE[1] + CAPTION), 11 * TILE[0], 3)
    captions = sheet[:CAPTION, : TILE[0]], sheet[TILE[1] + CAPTION :][:CAPTION, : TILE[0]]
    assert (captions[0] < 128).any() and (captions[0] != captions[1]).any()  # each names its clip
    tiles = clip_tiles(read_clip(tmp_path / "films" / "train" / "clip1"), 1)
    assert len(tiles) == 11 and all(tile.shape == (240, 320, 3) for tile in tiles.values())

    Path(tmp_path / "films" / "train" / "clip1_uv.mat").unlink()
    tiles = clip_tiles(read_clip(tmp_path / "films" / "train" / "clip1"), 1)
    assert [name for name, tile in tiles.items() if tile is None] == ["uv"]
    write_channel_sheet(tmp_path / "sheet.png", tmp_path / "films")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == sheet.shape  # one of the clips has it
    Path(tmp_path / "films" / "train" / "clip2_uv.mat").unlink()
    write_channel_sheet(tmp_path / "sheet.png", tmp_path / "films")
    less = cv2.imread(str(tmp_path / "sheet.png"))
    assert less.shape == (2 * (TILE[1] + CAPTION), 10 * TILE[0], 3)
    np.testing.assert_array_equal(less[:, : 7 * TILE[0]], sheet[:, : 7 * TILE[0]])
    with pytest.raises(BadInput, match=r"sheet\.txt: expected a picture's name"):
        write_channel_sheet(tmp_path / "sheet.txt", tmp_path / "films")


def test_colours_say_what_they_should():
    face = np.array([[-1, 0]])
    uv = np.array([[[0.0, 0.0], [1.0, 0.5]]])
    assert uv_picture(uv, face).tolist() == [[[0, 0, 0], [255, 127, 90]]]
    mask = np.array([[False, True, True, True]])
    forward, backward = np.array([[0, 0, 1, 0]]) > 0, np.array([[0, 0, 0, 1]]) > 0
    assert occlusion_picture(mask, forward, backward).tolist() == [
        [[0, 0, 0], [110, 110, 110], [255, 110, 110], [110, 110, 255]]
    ]
    grey = np.full((20, 30, 3), 100, np.uint8)
    points = np.array([[5.5, 5.5], [20.5, 10.5]])
    joints = joints_picture(grey, points, np.array([True, False]))
    assert joints[5, 5].tolist() == [0, 230, 60] and joints[10, 22].tolist() == [255, 50, 50]
    assert joints[10, 20].tolist() == [100, 100, 100]  # a ring
    tracks = tracks_picture(grey, points, np.array([True, False]))
    assert tracks[5, 5].tolist() != [50, 50, 50] and tracks[10, 20].tolist() == [50, 50, 50]
