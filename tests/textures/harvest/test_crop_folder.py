"""Folders of crops: who is who, names of textures, and what is left out."""

from __future__ import annotations

import os
import re
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.errors import BadInput
from textures.harvest.crop_folder import (
    left_out_lines,
    read_crop_folder,
    texture_name,
    understanding_lines,
)
from textures.harvest.identities import IdentityRule, identity_pattern


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((128, 64, 3), 90, np.uint8))


def people(crops):
    return {crop.source: crop.person.identity for crop in crops.crops}


@pytest.fixture
def market(tmp_path):
    folder = tmp_path / "market"
    put(folder / "bounding_box_train", "0002_c1s1_000451_03.jpg", "0007_c3s2_000001_01.jpg")
    put(folder / "bounding_box_train", "-1_c1s1_000401_03.jpg", "0000_c1s1_000402_03.jpg")
    put(folder / "query", "0001_c1s1_001051_00.jpg")
    gallery = ("-1_c1s1_000401_03.jpg", "0000_c4s6_010401_03.jpg", "0001_c2s1_000301_00.jpg")
    put(folder / "bounding_box_test", *gallery)
    (folder / "query" / "Thumbs.db").write_bytes(b"x")
    (folder / "readme.txt").write_text("x")
    return folder


def test_market1501_keeps_its_names_and_all_it_leaves_out_is_counted(market):
    crops = read_crop_folder(market)
    assert [c.person.identity for c in crops.crops] == ["0002", "0007", "0001", "0001"]
    assert [c.texture for c in crops.crops] == [f"{c.path.stem}.png" for c in crops.crops]
    assert [c.source for c in crops.crops] == [c.path.name for c in crops.crops]
    assert [c.person.camera for c in read_crop_folder(market, splits=["query"]).crops] == ["c1"]
    reasons = Counter(item.reason.split()[0] for item in crops.left_out)
    assert reasons == {"junk": 2, "distractors": 2, "not": 1}
    files = [path for path in market.rglob("*") if path.is_file() and path.parent != market]
    assert len(crops.crops) + len(crops.left_out) == len(files)
    text = " ".join(left_out_lines(crops.left_out))
    assert "0000_c4s6_010401_03.jpg" in text and "Thumbs.db" in text
    assert "readme.txt" in " ".join(understanding_lines(crops))


def test_two_market_crops_of_one_name_are_refused(market):
    put(market / "query", "0002_c1s1_000451_03.png")
    with pytest.raises(BadInput, match=r"0002_c1s1_000451_03\.png: has the name of .*\.jpg"):
        read_crop_folder(market)
    with pytest.raises(BadInput, match="leave --identity"):
        read_crop_folder(market, rule=IdentityRule(pattern=re.compile("(.)")))


def test_people_are_folders_or_market_names_or_single_files(tmp_path):
    names = ("someone.png", "0044_c5s1_000001_02.jpg", "-1_c1s1_000001_02.jpg")
    put(tmp_path, *names, "ann/1.jpg", "ann/2.jpg", "bob/1.jpg", "bob/0044_c1s1_000001_02.jpg")
    crops = read_crop_folder(tmp_path)
    assert people(crops) == {
        "0044_c5s1_000001_02.jpg": "0044",
        "ann/1.jpg": "ann",
        "ann/2.jpg": "ann",
        "bob/0044_c1s1_000001_02.jpg": "0044",
        "bob/1.jpg": "bob",
        "someone.png": "someone",
    }
    first, rules, each = understanding_lines(crops)
    assert "6 crops of 4 people" in first and "ann 2" in each and "someone 1" in each
    assert "3 crops by the folder" in rules and "1 crops each taken for a person" in rules
    assert [item.source for item in crops.left_out] == ["-1_c1s1_000001_02.jpg"]


def test_folders_in_folders_are_asked_about_and_a_pattern_answers(tmp_path):
    put(tmp_path, "train/ann/1.jpg", "test/ann/2.jpg", "test/bob/1.jpg")
    with pytest.raises(BadInput, match=r"test/ann/2\.jpg lies 2 folders deep.*--identity"):
        read_crop_folder(tmp_path)
    rule = IdentityRule(pattern=identity_pattern("([^/]+)/[^/]+$"))
    assert Counter(people(read_crop_folder(tmp_path, rule=rule)).values()) == {"ann": 2, "bob": 1}


def test_a_pattern_says_who_is_who_and_names_what_it_does_not_match(tmp_path):
    put(tmp_path, "p1_a.jpg", "p1_b.jpg", "p2_a.jpg", "x.jpg")
    crops = read_crop_folder(tmp_path, rule=IdentityRule(pattern=identity_pattern(r"^(p\d)_")))
    assert list(people(crops).values()) == ["p1", "p1", "p2"]
    assert [item.source for item in crops.left_out] == ["x.jpg"]
    with pytest.raises(BadInput, match=r"matches none of 4 files, such as p1_a\.jpg"):
        read_crop_folder(tmp_path, rule=IdentityRule(pattern=identity_pattern("(zebra)")))
    for text in ("(", "p", "(a)(b)"):
        with pytest.raises(BadInput, match=re.escape(text)):
            identity_pattern(text)


def test_a_csv_says_who_is_who(tmp_path):
    put(tmp_path, "a/1.jpg", "b/2.jpg", "b/3.jpg")
    table = tmp_path / "who.csv"
    table.write_text(
        "\ufeffidentity, file,camera\nann,a/1.jpg,c2\nann,b/2.jpg,\n", encoding="utf-8"
    )
    crops = read_crop_folder(tmp_path, rule=IdentityRule(table=table))
    assert people(crops) == {"a/1.jpg": "ann", "b/2.jpg": "ann"}
    assert [crop.person.camera for crop in crops.crops] == ["c2", None]
    assert [(i.source, i.reason) for i in crops.left_out] == [("b/3.jpg", "not in who.csv")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,name\nx.jpg,a\n", "line 1: no column identity; found file,name"),
        ("", "line 1: no column file and identity; found nothing"),
        ("file,identity\n", "lists no file"),
        ("file,identity\ny.jpg,a\nz.jpg,b\n", r"line 2: y.jpg is no crop below .*1 more"),
        ("file,identity\nx.jpg\n", "line 2: expected a file and an identity"),
        ("file,identity\nx.jpg,a\nx.jpg,b\n", "line 3: x.jpg is b here and a in line 2"),
        (b"file,identity\nx.jpg,\xff\n", "not UTF-8"),
        (None, "cannot be opened"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused_in_one_line(tmp_path, text, message):
    put(tmp_path / "crops", "x.jpg")
    table = tmp_path / "who.csv"
    if text is not None:
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput, match=message) as refusal:
        read_crop_folder(tmp_path / "crops", rule=IdentityRule(table=table))
    assert "\n" not in str(refusal.value) and "who.csv" in str(refusal.value)


def test_every_file_is_a_crop_or_left_out_by_name(tmp_path):
    put(tmp_path, "a/x.jpg", "b/x.png", ".hidden/y.jpg")
    for name in ("notes.txt", "a/.DS_Store", "b/no_ending"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "STAND_IN").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    put(tmp_path / "out", "texture.png")
    crops = read_crop_folder(tmp_path, out=tmp_path / "out")
    assert [crop.source for crop in crops.crops] == ["a/x.jpg", "b/x.png"]
    assert {item.source for item in crops.left_out} == {
        ".hidden/y.jpg",
        "a/.DS_Store",
        "b/no_ending",
        "link",
        "notes.txt",
    }


def test_folders_without_a_crop_say_what_was_expected(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        read_crop_folder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInput, match=r"no image found; expected .*\.jpg.*notes\.txt"):
        read_crop_folder(tmp_path)
    with pytest.raises(BadInput, match="splits query were asked for"):
        read_crop_folder(tmp_path, splits=["query"])


part = st.text(
    st.sampled_from("ab~%_.7E")
    | st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    min_size=1,
)
path = st.lists(part.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3)


@given(st.sets(path.map("/".join), max_size=6))
def test_names_of_textures_never_collide_and_are_file_names(sources):
    named = {source: texture_name(source) for source in sources}
    assert len(set(named.values())) == len(sources)
    assert all(
        len(name.encode()) < 256 and "/" not in name and name != "contact_sheet.png"
        for source, name in named.items()
        if source != "contact_sheet"
    )


def test_long_paths_get_names_that_file_systems_take():
    sources = ["/".join(["f" * 200, "g" * 200, f"{number}.jpg"]) for number in range(2)]
    names = {texture_name(source) for source in sources}
    assert len(names) == 2 and all(len(name.encode()) < 230 for name in names)
    assert texture_name("a/x.jpg") == "a~x.jpg.png" and texture_name("a_x.jpg") == "a_x.jpg.png"
    assert texture_name(os.fsdecode(b"\xff" * 220)) != texture_name(os.fsdecode(b"\xfe" * 220))


def test_a_telephones_photographs_are_named_with_what_to_do(tmp_path):
    put(tmp_path, "a/x.jpg")
    (tmp_path / "a" / "IMG_0001.HEIC").write_bytes(b"ftypheic")
    folder = read_crop_folder(tmp_path)
    (item,) = folder.left_out
    assert item.source == "a/IMG_0001.HEIC" and not item.foreseen
    assert ".heic" in item.reason and "save them as JPEG" in item.reason


def test_suffixes_in_upper_case_are_crops(tmp_path, market):
    folder = tmp_path / "people"
    put(folder, "anna/1.JPG", "anna/2.jpg", "bert/1.PNG", "bert/2.Jpeg")
    crops = read_crop_folder(folder)
    assert people(crops) == {
        "anna/1.JPG": "anna",
        "anna/2.jpg": "anna",
        "bert/1.PNG": "bert",
        "bert/2.Jpeg": "bert",
    }
    assert not crops.left_out
    put(market / "query", "0011_c1s1_000001_00.JPG")
    names = [crop.person.identity for crop in read_crop_folder(market, splits=["query"]).crops]
    assert names == ["0001", "0011"]


def test_the_real_sample_is_read(shared_data):
    crops = read_crop_folder(shared_data / "market1501_sample")
    assert len(crops.crops) == 18
    assert Counter(people(crops).values())["0146"] == 3
