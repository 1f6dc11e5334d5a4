"""`synth harvest-textures`: what each option changes in textures and their list."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tests.synth.cli.running import refusal, succeed

NAMES = ("0002_c1s1_000451_03.jpg", "0002_c2s1_000500_01.jpg", "0007_c1s1_000001_01.jpg")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """One crop in each folder of a Market-1501, all of them noise."""
    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(0)
    for name, split in zip(NAMES, ("bounding_box_train", "query", "bounding_box_test")):
        (folder / split).mkdir()
        image = cv2.resize(rng.integers(0, 255, (8, 4, 3), dtype=np.uint8), (64, 128))
        cv2.imwrite(str(folder / split / name), image)
    return folder


def harvested(market, out, *words):
    """The lines of textures.jsonl and the textures, of one crop."""
    common = ["harvest-textures", "--images", market, "--split", "train", "--out", out]
    succeed(*common, "--size", 32, "--device", "cpu", "--keep-all", *words)
    lines = [json.loads(line) for line in (out / "textures.jsonl").read_text().splitlines()]
    return lines, [cv2.imread(str(out / line["file"])) for line in lines]


def test_the_list_says_licence_and_stand_in_of_the_split_chosen(market, tmp_path):
    (line,), (texture,) = harvested(market, tmp_path / "a", "--sheet-rows", 0)
    assert (line["licence"], line["stand_in"]) == ("market-1501-research-only", False)
    assert (line["file"], line["anonymous_face"]) == ("0002.png", False)
    assert line["source"].endswith(NAMES[0]) and texture.shape == (32, 32, 3)
    assert [path.name for path in (tmp_path / "a").glob("*.jpg")] == []  # no contact sheet
    words = ["--licence", "CC-BY-4.0", "--stand-in"]
    words += ["--split", "gallery", "--json", "--quiet"]
    lines, _ = harvested(market, tmp_path / "b", *words)
    command = ["harvest-textures", "--images", market, "--split", "train", "--out", tmp_path / "b"]
    result = succeed(*command, "--size", 32, "--keep-all", *words)
    content = json.loads(result.stdout)
    assert (content["textures"], content["new"]) == (len(lines), 0) and "%|" not in result.stderr
    assert content["contact_sheet"].startswith(str(tmp_path / "b"))
    assert {entry["source"].rpartition("/")[2] for entry in lines} == {NAMES[0], NAMES[2]}
    assert {(entry["licence"], entry["stand_in"]) for entry in lines} == {("CC-BY-4.0", True)}


def test_each_finish_gives_another_texture_and_dressed_is_the_default(market, tmp_path):
    pictures, tags = {}, {}
    for finish in ("plain", "overlaid", "dressed"):
        (line,), (picture,) = harvested(market, tmp_path / finish, "--finish", finish)
        pictures[finish], tags[finish] = picture, line["generator"]
    _, (default,) = harvested(market, tmp_path / "default")
    assert np.array_equal(default, pictures["dressed"])
    assert not np.array_equal(pictures["plain"], pictures["overlaid"])
    assert not np.array_equal(pictures["plain"], pictures["dressed"])
    assert "attire" in tags["dressed"] and len(set(tags.values())) == 3
    words = ["harvest-textures", "--images", market, "--split", "train", "--out", tmp_path / "new"]
    assert "--attire goes with" in refusal(*words, "--finish", "plain", "--attire", "a.safetensors")


def test_a_texture_a_crop_fewer_crops_and_nobodys_face_are_options(market, tmp_path):
    every = ["--split", "query", "--split", "gallery", "--sheet-rows", 0]
    (first, _), _ = harvested(market, tmp_path / "persons", *every)
    assert (first["camera"], first["crops"], len(first["sources"])) == ("c1+c2", 2, 2)
    (few, _), _ = harvested(market, tmp_path / "few", *every, "--most-crops", 1)
    assert few["crops"] == 1 and few["sources"] == first["sources"]
    lines, _ = harvested(market, tmp_path / "crops", *every, "--per", "crop")
    assert [line["source"] for line in lines] == sorted(NAMES)
    (hidden, _), _ = harvested(market, tmp_path / "hidden", *every, "--anonymise-faces")
    assert hidden["anonymous_face"] and "anonymous" in hidden["generator"]


def test_who_is_to_be_removed_is_left_out_from_then_on(market, tmp_path):
    out, every = tmp_path / "out", ["--split", "gallery", "--sheet-rows", 0]
    harvested(market, out, *every)
    (tmp_path / "names.txt").write_text("0002\n")
    removed, _ = harvested(market, out, *every, "--remove", tmp_path / "names.txt")
    later, _ = harvested(market, out, *every, "--strict")
    assert (
        [line["identity"] for line in removed] == [line["identity"] for line in later] == ["0007"]
    )


def test_market1501_is_told_how_its_joints_make_a_better_fit(market, tmp_path):
    command = [
        "harvest-textures",
        "--images",
        market,
        "--split",
        "train",
        "--size",
        32,
        "--keep-all",
    ]
    said = succeed(*command, "--out", tmp_path / "a", "--sheet-rows", 0).output
    assert "synth train body-fit --images" in said and "--joints" in said
    assert "market-1501-research-only" in said
    assert sum("train body-fit" in line for line in said.splitlines()) == 1
    assert "train body-fit" not in succeed(*command, "--stand-in", "--out", tmp_path / "b").output


def test_photographs_of_no_known_licence_are_refused_at_once(market, tmp_path):
    said = refusal("harvest-textures", "--images", market / "query", "--out", tmp_path / "out")
    assert "--licence" in said and "CC-BY-4.0" in said and not (tmp_path / "out").exists()


def test_who_is_who_comes_from_a_pattern_or_a_csv_and_strict_minds_what_is_left(market, tmp_path):
    crops, out = tmp_path / "crops", tmp_path / "out"
    crops.mkdir()
    picture = (market / "query" / NAMES[1]).read_bytes()
    for name in ("ann_1.jpg", "ann_2.jpg", "bob_1.jpg"):
        (crops / name).write_bytes(picture)
    command = ["harvest-textures", "--images", crops, "--out", out, "--size", 32, "--sheet-rows", 0]
    command += ["--licence", "own-photographs"]
    assert "none of its 3 images could be used" in refusal(*command)  # noise shows nobody
    command.append("--keep-all")
    said = succeed(*command, "--identity", "^([a-z]+)_").output
    assert "3 crops of 2 people" in said and "ann 2, bob 1" in said
    (tmp_path / "who.csv").write_text("file,identity\nann_1.jpg,ann\nann_2.jpg,eve\n")
    by_csv = ["--identity-csv", tmp_path / "who.csv"]
    said = succeed(*command, *by_csv).output
    assert "2 crops of 2 people" in said and "not in who.csv: 1 (bob_1.jpg)" in said
    assert "bob_1.jpg" in refusal(*command, *by_csv, "--strict")
    assert "give one" in refusal(*command, *by_csv, "--identity", "(a)")
    assert "'--identity'" in refusal(*command, "--identity", "(")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--weights", "none.safetensors", "none.safetensors"),
        ("--body-fit", "none.safetensors", "none.safetensors"),
        ("--reid", "none.safetensors", "none.safetensors"),
        ("--method", "crochet", "crochet"),
        ("--size", "0", "'--size'"),
        ("--device", "tpu", "'--device'"),
        ("--split", "holiday", "'--split'"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(market, tmp_path, option, value, words):
    command = ["harvest-textures", "--images", market, "--out", tmp_path / "out"]
    assert words in refusal(*command, option, value)
    assert not (tmp_path / "out").exists()
