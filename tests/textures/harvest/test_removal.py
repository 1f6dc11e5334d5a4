"""Removal on request: gone from the library, never harvested again, and whose photographs they are."""

from __future__ import annotations

import pytest

from mocap.errors import BadInput
from textures.harvest.harvest import harvest
from textures.harvest.licence import GENERATED, MARKET_1501, licence_tag
from textures.harvest.removal import read_removal_list
from textures.library import read_library, read_manifest


def run(crops, out, harvester, **options):
    lines = []
    options = {"licence": "mine", "report": lines.append} | options
    return harvest(crops, out, harvester, **options), lines


@pytest.mark.parametrize("per", ["person", "crop"])
def test_a_person_is_deleted_and_never_comes_back(crops, tmp_path, harvester, per):
    out, names = tmp_path / "out", tmp_path / "remove.txt"
    run(crops, out, harvester, grouping=per)
    names.write_text("# asked to be removed in November\n\n0002\n")
    done, lines = run(crops, out, harvester, grouping=per, removals=names)
    assert {entry.identity for entry in done.entries} == {"0007", "me"} and done.new == 0
    assert not list(out.glob("0002*")) and "0002" not in (out / "textures.jsonl").read_text()
    assert any("textures deleted" in line for line in lines)
    assert "0002" not in (out / "removed.txt").read_text().replace("\n0002\n", "")
    names.unlink()
    later, _ = run(crops, out, harvester, grouping=per)
    assert {entry.identity for entry in later.entries} == {"0007", "me"}
    removed = [item for item in later.left_out if item.reason == "removed on request"]
    assert len(removed) == 2 and all(item.foreseen for item in removed)


@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_a_texture_is_made_again_without_the_crop_that_is_removed(
    crops, tmp_path, harvester, ending
):
    out, names = tmp_path / "out", tmp_path / "remove.txt"
    run(crops, out, harvester)
    before = (out / "0002.png").read_bytes()
    names.write_text(f"0002_c2s1_000500_01{ending}\n")
    done, _ = run(crops, out, harvester, removals=names)
    entry = {entry.file: entry for entry in done.entries}["0002.png"]
    assert entry.sources == ("0002_c1s1_000451_03.jpg",) and entry.camera == "c1"
    assert (out / "0002.png").read_bytes() != before


def test_a_removal_is_done_though_no_crop_is_left_to_harvest(crops, tmp_path, harvester):
    out, names = tmp_path / "out", tmp_path / "remove.txt"
    run(crops, out, harvester)
    names.write_text("0002\n0007\nme\n")
    with pytest.raises(BadInput, match="every crop is to be removed"):
        run(crops, out, harvester, removals=names)
    assert not list(out.glob("*.png")) and read_manifest(out) == {}


def test_names_that_are_nobodys_are_said_and_remembered(crops, tmp_path, harvester):
    out, names = tmp_path / "out", tmp_path / "remove.txt"
    names.write_text("0999\n")
    done, lines = run(crops, out, harvester, removals=names)
    assert len(done.entries) == 3
    assert any("nobody here is called so: 1 names (0999)" in line for line in lines)
    (crops / "0007_c1s1_000001_01.jpg").rename(crops / "0999_c1s1_000001_01.jpg")
    later, _ = run(crops, out, harvester)
    assert "0999" not in {entry.identity for entry in later.entries}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names nobody"),
        (b"# only a remark\n", "names nobody"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"0002\n\x07bell\n", "line 2: found"),
        (b"x" * 2000, "line 1: found"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_before_anything_is_deleted(
    crops, tmp_path, harvester, content, words
):
    names = tmp_path / "remove.txt"
    names.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        read_removal_list(names)
    with pytest.raises(BadInput, match=r"absent\.txt: cannot be opened"):
        read_removal_list(tmp_path / "absent.txt")
    out = tmp_path / "out"
    run(crops, out, harvester)
    before = sorted(path.name for path in out.iterdir())
    with pytest.raises(BadInput):
        run(crops, out, harvester, removals=names)
    assert sorted(path.name for path in out.iterdir()) == before


def test_photographs_always_carry_a_licence(crops, tmp_path, harvester):
    with pytest.raises(BadInput, match=r"--licence.*CC-BY"):
        run(crops, tmp_path / "out", harvester, licence=" ")
    assert not (tmp_path / "out").exists()
    said = []
    market = tmp_path / "market"
    (market / "bounding_box_train").mkdir(parents=True)
    assert licence_tag(market, "", stand_in=False, report=said.append) == MARKET_1501
    assert MARKET_1501 in said[0]
    assert licence_tag(market, "mine", stand_in=False, report=said.append) == "mine"
    assert licence_tag(crops, "", stand_in=True, report=said.append) == GENERATED
    assert len(said) == 1


def test_lines_without_a_licence_of_an_earlier_run_get_one(crops, tmp_path, harvester):
    out = tmp_path / "out"
    run(crops, out, harvester)
    manifest = out / "textures.jsonl"
    manifest.write_text(manifest.read_text().replace('"mine"', '""'))
    (crops / "0007_c1s1_000001_01.jpg").unlink()
    done, _ = run(crops, out, harvester)
    assert done.new == 0 and {entry.licence for entry in read_library(out)} == {"mine"}
