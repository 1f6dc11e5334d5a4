"""The Market-1501 layout: names, junk, distractors, broken files."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from textures.market1501 import image_files, parse_name, read_image, read_split


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.full((128, 64, 3), 90, np.uint8))


@pytest.fixture
def market(tmp_path):
    put(tmp_path / "bounding_box_train", "0002_c1s1_000451_03.jpg", "0007_c3s2_000001_01.jpg")
    put(tmp_path / "bounding_box_train", "-1_c1s1_000401_03.jpg", "0000_c1s1_000402_03.jpg")
    put(tmp_path / "query", "0001_c1s1_001051_00.jpg")
    gallery = ("-1_c1s1_000401_03.jpg", "0000_c4s6_010401_03.jpg", "0001_c2s1_000301_00.jpg")
    put(tmp_path / "bounding_box_test", *gallery)
    (tmp_path / "query" / "Thumbs.db").write_bytes(b"x")
    return tmp_path


def test_a_name_says_who_where_and_when():
    name = parse_name("0002_c1s1_000451_03.jpg")
    assert (name.identity, name.camera, name.sequence, name.frame, name.box) == (2, 1, 1, 451, 3)
    assert parse_name("-1_c6s3_102993_11.jpg").identity == -1
    assert parse_name("1501_c6s4_001902_01.jpg").camera == 6


@pytest.mark.parametrize(
    "name", ["person.jpg", "12_3.jpg", "0002-c1s1.jpg", "-2_c1s1_000451_03.jpg"]
)
def test_other_names_are_refused_by_name(name):
    with pytest.raises(BadInput, match=name):
        parse_name(name)


def test_junk_is_dropped_and_distractors_stay_in_the_gallery_only(market):
    assert [c.name.identity for c in read_split(market, "train")] == [2, 7]
    assert [c.name.identity for c in read_split(market, "gallery")] == [0, 1]
    assert [c.name.identity for c in read_split(market, "query")] == [1]


def test_missing_folders_say_what_was_expected(tmp_path, market):
    with pytest.raises(BadInput, match="no such folder"):
        read_split(tmp_path / "nowhere", "train")
    with pytest.raises(BadInput, match="unknown split"):
        read_split(market, "val")
    put(market / "query", "face.jpg")
    with pytest.raises(BadInput, match=r"face\.jpg"):
        read_split(market, "query")


def test_images_come_as_rgb_and_broken_ones_are_named(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 255), np.uint8))
    assert read_image(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("broken.jpg", "empty.jpg", "absent.jpg"):
        with pytest.raises(BadInput, match=name):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", [".JPG", ".Jpeg", ".PNG"])
def test_suffixes_in_upper_case_are_images(market, suffix):
    name = f"0009_c2s1_000001_01{suffix}"
    put(market / "bounding_box_train", name)
    assert [c.name.identity for c in read_split(market, "train")] == [2, 7, 9]
    assert market / "bounding_box_train" / name in image_files(market)
