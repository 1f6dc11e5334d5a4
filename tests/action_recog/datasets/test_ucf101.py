import json
from pathlib import Path

import numpy as np
import pytest

from action_recog.datasets.films import read_films
from action_recog.datasets.ucf101 import (
    carve_validation,
    index_videos,
    load_split,
    load_training_set,
    parse_name,
    read_classes,
    read_split,
)
from action_recog.errors import BadInput

COUNTS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}


@pytest.fixture
def tiny(tmp_path):
    """Two classes, three groups of two clips each, in UCF101's layout, CRLF, odd case of one
    class."""
    videos, lists = tmp_path / "UCF-101", tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    files = {"Archery": "Archery", "HandstandPushups": "HandStandPushups"}
    (lists / "classInd.txt").write_bytes(b"1 Archery\r\n2 HandstandPushups\r\n")
    train, test = [], []
    for number, (folder, name) in enumerate(files.items(), 1):
        (videos / folder).mkdir(parents=True)
        for group in (1, 2, 3):
            for clip in (1, 2):
                # the lists name HandStandPushups files; some archives hold HandstandPushups ones
                listed = f"{folder}/v_{name}_g{group:02d}_c{clip:02d}.avi"
                on_disk = f"v_{folder}_g{group:02d}_c{clip:02d}.avi" if clip == 2 else None
                (videos / folder / (on_disk or listed.split("/")[1])).write_bytes(b"")
                (test if group == 1 else train).append(
                    listed if group == 1 else f"{listed} {number}"
                )
    (lists / "trainlist01.txt").write_bytes("".join(f"{t}\r\n" for t in train).encode())
    (lists / "testlist01.txt").write_bytes("".join(f"{t}\r\n" for t in test).encode())
    return videos, lists


@pytest.mark.parametrize("split", [1, 2, 3])
def test_the_official_lists(shared_data, split):
    lists = shared_data / "ucf101" / "splits"
    classes = read_classes(lists)
    train, test = read_split(lists, split)
    assert (len(train), len(test)) == COUNTS[split]
    assert len(classes) == 101 and (classes[0], classes[100]) == ("ApplyEyeMakeup", "YoYo")
    assert {v.label for v in train} == {v.label for v in test} == set(range(101))
    names = {v.relative for v in train} | {v.relative for v in test}
    assert len(names) == 13320 and not any("\r" in n for n in names)
    assert not {v.group for v in train} & {v.group for v in test}
    assert len({v.group for v in train} | {v.group for v in test}) == 101 * 25
    handstands = [v for v in train if "HandStandPushups" in v.relative]
    assert handstands and {classes[v.label] for v in handstands} == {"HandstandPushups"}


def test_the_real_clips_are_found_in_a_flat_folder(shared_data):
    ucf = shared_data / "ucf101"
    files = index_videos(ucf / "clips")
    train, _ = read_split(ucf / "splits", 2)
    classes = read_classes(ucf / "splits")
    listed = {Path(v.relative).stem.lower(): classes[v.label] for v in train}
    assert {path.stem: listed[name] for name, (path,) in files.items()} == {
        "v_Diving_g01_c01": "Diving",
        "v_Biking_g05_c02": "Biking",
        "v_BenchPress_g01_c01": "BenchPress",
        "v_Punch_g03_c01": "Punch",
    }
    with pytest.raises(BadInput, match="9582 of the 9586 train videos of split 2 are missing"):
        load_split(ucf / "clips", ucf / "splits", 2)


def test_tiny_layout(tiny):
    train, test, missing = load_split(*tiny, 1)
    assert (len(train), len(test), missing) == (8, 4, [])
    assert train.classes == ("Archery", "HandstandPushups")
    assert {v.group for v in test.videos} == {"Archery_g01", "HandstandPushups_g01"}
    assert all(v.path.is_file() for v in train.videos + test.videos)
    (tiny[0] / "STAND_IN").write_text("")
    assert load_split(*tiny, 1)[0].stand_in


@pytest.mark.parametrize("suffix", [".mov", ".MPG", ".mpeg", ".m4v", ".webm"])
def test_videos_in_other_containers_stand_for_the_listed_avi(tiny, suffix):
    videos, lists = tiny
    path = sorted(videos.rglob("*.avi"))[0]
    path.rename(path.with_suffix(suffix))
    train, test, missing = load_split(videos, lists, 1)
    assert not missing and len(train) + len(test) == 12
    assert path.with_suffix(suffix) in {v.path for v in (*train.videos, *test.videos)}


def test_suffixes_in_upper_case_are_videos(tiny):
    videos, lists = tiny
    for path in list(videos.rglob("*.avi")):
        path.rename(path.with_suffix(".AVI"))
    train, test, missing = load_split(videos, lists, 1)
    assert (len(train), len(test), missing) == (8, 4, [])
    assert {v.path.suffix for v in train.videos} == {".AVI"}


def test_validation_is_carved_by_group(tiny):
    train, _, _ = load_split(*tiny, 1)
    kept, held = carve_validation(train, groups=1, rng=np.random.default_rng(0))
    assert len(kept) == len(held) == 4
    assert not {v.group for v in kept.videos} & {v.group for v in held.videos}
    assert {v.label for v in kept.videos} == {v.label for v in held.videos} == {0, 1}
    kept, held = carve_validation(train, groups=9, rng=np.random.default_rng(0))
    assert {v.label for v in kept.videos} == {0, 1}  # something is left to learn from


def test_names():
    assert parse_name("HandstandPushups/v_HandStandPushups_g07_c03.avi") == (
        "HandStandPushups",
        7,
        3,
    )
    with pytest.raises(ValueError, match="v_Class_gXX_cYY"):
        parse_name("Archery/archery7.avi")


def _edit(path, old: bytes, new: bytes):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v, t: (t / "testlist01.txt").unlink(), r"testlist01\.txt: no such split list"),
        (lambda v, t: (t / "classInd.txt").unlink(), r"classInd\.txt: no such split list"),
        (lambda v, t: _edit(t / "classInd.txt", b"2 ", b"3 "), r"classInd\.txt, line 2: found '3"),
        (
            lambda v, t: _edit(t / "trainlist01.txt", b"c01.avi 1", b"c01.avi 2"),
            r"trainlist01\.txt, line 1: found class number '2', classInd\.txt says 1 for Archery",
        ),
        (
            lambda v, t: _edit(t / "trainlist01.txt", b"Archery/", b"Bowling/"),
            r"trainlist01\.txt, line 1: class 'Bowling' is not in",
        ),
        (
            lambda v, t: _edit(t / "testlist01.txt", b"v_Archery_g01", b"Archery1"),
            r"testlist01\.txt, line 1: .*v_Class_gXX_cYY",
        ),
        (
            lambda v, t: _edit(t / "testlist01.txt", b"_g01_c01", b"_g02_c01"),
            "group Archery_g02 in training and test",
        ),
        (
            lambda v, t: (t / "testlist01.txt").write_bytes(
                2 * ((t / "testlist01.txt").read_bytes().rstrip() + b"\r\n")
            ),
            r"testlist01\.txt, line 5: the video Archery/v_Archery_g01_c01\.avi stands in line 1 al",
        ),
        (
            lambda v, t: (v / "Archery" / "v_Archery_g01_c01.avi").unlink(),
            r"1 of the 4 test videos of split 1 are missing, the first is Archery/v_Archery_g01",
        ),
    ],
)
def test_bad_input_is_one_clear_line(tiny, spoil, message):
    spoil(*tiny)
    with pytest.raises(BadInput, match=message) as caught:
        load_split(*tiny, 1)
    assert "\n" not in str(caught.value)


def test_missing_videos_may_be_skipped_but_not_all(tiny):
    videos, lists = tiny
    (videos / "Archery" / "v_Archery_g01_c01.avi").unlink()
    _, test, missing = load_split(videos, lists, 1, skip_missing=True)
    assert len(test) == 3 and missing == ["Archery/v_Archery_g01_c01.avi"]
    for path in videos.rglob("*g01*"):
        path.unlink()
    with pytest.raises(BadInput, match="4 of the 4 test videos"):
        load_split(videos, lists, 1, skip_missing=True)
    with pytest.raises(BadInput, match="no such folder"):
        load_split(videos / "none", lists, 1)


def _film_row(folder, stem, category, *, split="train", sequence="01_01"):
    path = folder / f"{stem}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return {
        "path": stem,
        "sequence": sequence,
        "category": category,
        "split": split,
        "frames": 100,
        "fps": 30.0,
        "texture": "a.png",
        "identity": "0001",
        "stand_in": True,
    }


def test_films_by_category_and_by_sequence(tmp_path):
    rows = [
        _film_row(tmp_path, "train/run0/01_01/01_01_c0001", "walk"),
        _film_row(tmp_path, "train/run0/02_01/02_01_c0001", "jump", sequence="02_01"),
        _film_row(tmp_path, "train/run0/02_02/02_02_c0001", "jump", sequence="02_02"),
        _film_row(tmp_path, "val/run0/02_02/02_02_c0002", "box", split="val"),
    ]
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    films = read_films(tmp_path)
    assert films.classes == ("box", "jump", "walk") and films.stand_in
    assert [v.label for v in films.videos] == [2, 1, 1, 0]
    train = read_films(tmp_path, label="sequence", splits=("train",))
    assert train.classes == ("01_01", "02_01", "02_02") and len(train) == 3


def test_a_films_suffix_may_be_given_and_in_upper_case(tmp_path):
    rows = [_film_row(tmp_path, f"{c}", c) for c in ("box", "jump")]
    (tmp_path / "box.mp4").rename(tmp_path / "box.MP4")
    rows[0]["path"], rows[1]["path"] = "box.MP4", "jump.mp4"
    (tmp_path / "clips.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert [v.path.name for v in read_films(tmp_path).videos] == ["box.MP4", "jump.mp4"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "../box"}, "line 2: .*path"),
        ({"path": "/box"}, "line 2: .*path"),
        ({"path": "link/box"}, "line 2: .*out of the folder"),
        ({"path": "jump"}, "line 2: the film jump stands in line 1 already"),
        ({"category": None}, "line 2: .*category"),
        ({"stand_in": "yes"}, "line 2: .*stand_in"),
        ({"split": 3}, "line 2: .*split"),
    ],
    ids=str,
)
def test_lines_of_films_pass_a_gate(tmp_path, change, message):
    (tmp_path / "films").mkdir()
    rows = [_film_row(tmp_path / "films", c, c) for c in ("jump", "box")]
    (tmp_path / "films" / "link").symlink_to(tmp_path)
    rows[1] |= change
    text = "\ufeff" + "".join(json.dumps(r) + "\n" for r in rows)
    (tmp_path / "films" / "clips.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"clips\.jsonl, {message}"):
        read_films(tmp_path / "films")


def test_a_byte_order_mark_is_no_part_of_a_list(tiny):
    before = load_split(*tiny, 1)[:2]
    for path in tiny[1].glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_split(*tiny, 1)[:2] == before


def test_a_class_stands_in_its_list_once(tiny):
    _edit(tiny[1] / "classInd.txt", b"2 ", b"2 archery\r\n3 ")
    with pytest.raises(BadInput, match=r"line 2: the class 'archery' stands there twice"):
        load_split(*tiny, 1)


def test_film_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(BadInput, match=r"clips\.jsonl: no such file"):
        read_films(tmp_path)
    (tmp_path / "clips.jsonl").write_text('{"path": "a"}\n')
    with pytest.raises(BadInput, match="line 1"):
        read_films(tmp_path)
    row = _film_row(tmp_path, "train/run0/01_01/01_01_c0001", "walk")
    (tmp_path / "clips.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(BadInput, match="two classes"):
        read_films(tmp_path)


@pytest.mark.parametrize(
    "twin",
    ["Archery/v_Archery_g02_c01.mp4", "copy/V_Archery_g02_c01.AVI"],
    ids=["suffix", "folder"],
)
def test_two_files_of_a_listed_name_are_refused(tiny, twin):
    videos, lists = tiny
    (videos / "Archery" / "v_Other_g01_c01.avi").touch()
    (videos / "Archery" / "v_Other_g01_c01.mp4").touch()  # stands in no list
    before = load_split(videos, lists, 1)
    (videos / twin).parent.mkdir(exist_ok=True)
    (videos / twin).touch()
    for load in (load_split, load_training_set):
        for skip_missing in (False, True):
            with pytest.raises(BadInput, match="1 of the 8 train videos of split 1 have") as caught:
                load(videos, lists, 1, skip_missing=skip_missing)
            assert "Archery/v_Archery_g02_c01.avi" in str(caught.value)
            assert twin in str(caught.value)
    (videos / twin).unlink()
    assert load_split(videos, lists, 1) == before
