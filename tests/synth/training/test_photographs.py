"""Photographs of trainings: unreadable ones are left out and counted, listed people are held out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from synth.training.photographs import photographs_of, readable_crops, reid_photographs
from synth.training.runs import labelled_photographs
from textures.market1501 import read_split

NAMES = [
    f"{person:04d}_c{camera}s1_{shot:06d}_01.jpg"
    for person in (2, 7, 10)
    for camera in (1, 3)
    for shot in (1, 2)
]


@pytest.fixture
def market(tmp_path):
    """Three people of two cameras and two shots each; two files of the first person are damaged."""
    for split in ("bounding_box_train", "query", "bounding_box_test"):
        (tmp_path / split).mkdir()
        for number, name in enumerate(NAMES):
            image = np.full((128, 64, 3), 20 * number, np.uint8)
            cv2.imwrite(str(tmp_path / split / name), image)
    train = tmp_path / "bounding_box_train"
    (train / NAMES[0]).write_bytes(b"")
    whole = (train / NAMES[3]).read_bytes()
    (train / NAMES[3]).write_bytes(whole[: len(whole) // 8])
    (tmp_path / "query" / NAMES[5]).write_text("no picture")
    return tmp_path


def names(crops):
    return [crop.path.name for crop in crops]


def test_unreadable_crops_are_named_counted_and_left_out(market, capsys):
    found = photographs_of(market)
    assert names(found.learnt) == [n for n in NAMES if n not in (NAMES[0], NAMES[3])]
    assert found.unreadable == 2 and found.measured == []
    lines = capsys.readouterr().err
    assert NAMES[0] in lines and NAMES[3] in lines
    assert "left out: 2 of 12 crops, which cannot be read" in lines
    assert found.as_data(None, "nobody")["unreadable crops"] == 2
    with pytest.raises(
        BadInput, match=r"2 of 12 crops cannot be read, the first: .*without --strict"
    ):
        photographs_of(market, strict=True)


def test_listed_people_are_measured_on_whether_or_not_their_crops_can_be_read(market):
    listed = market / "list.txt"
    listed.write_text("0002\n")
    found = photographs_of(market, listed)
    assert {n[:4] for n in names(found.learnt)} == {"0007", "0010"}
    assert names(found.measured) == [NAMES[1], NAMES[2]] and found.unreadable == 2
    for name in NAMES[:4]:
        (market / "bounding_box_train" / name).write_bytes(b"x")
    with pytest.raises(BadInput, match="no readable crop of the people that are held out"):
        photographs_of(market, listed)


def test_a_few_crops_of_each_person_are_of_all_their_cameras(market):
    train = market / "bounding_box_train"
    for name in (NAMES[0], NAMES[3]):
        cv2.imwrite(str(train / name), np.zeros((128, 64, 3), np.uint8))
    two = names(photographs_of(market, limit=2).learnt)
    assert two == [n for n in NAMES if n.endswith("000001_01.jpg")]
    three = names(photographs_of(market, limit=3).learnt)
    assert set(two) < set(three) and len(three) == 9
    assert names(photographs_of(market, limit=9).learnt) == NAMES


def test_re_id_leaves_them_out_of_query_and_gallery_too(market):
    found = reid_photographs(market, None)
    assert found.unreadable == 3 and len(found.learnt) == 10 and len(found.measured) == 23
    with pytest.raises(BadInput, match="2 of 12 crops cannot be read, the first"):
        reid_photographs(market, None, strict=True)


def test_the_body_fit_leaves_them_out_too(market):
    crops = read_split(market, "train")
    assert len(readable_crops(crops, market)) == 10
    with pytest.raises(BadInput, match="cannot be read, the first"):
        labelled_photographs(market, None, None, strict=True)


def test_a_folder_in_which_nothing_can_be_read_is_refused(market):
    for path in (market / "bounding_box_train").iterdir():
        path.write_bytes(b"?")
    with pytest.raises(BadInput, match="no readable crop of the people to learn from"):
        photographs_of(market)
