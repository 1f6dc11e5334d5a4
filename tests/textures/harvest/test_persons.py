"""One texture a person: its name, its sources, and when it is made again."""

from __future__ import annotations

import copy
import csv

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from textures.harvest.crop_folder import person_texture_name
from textures.harvest.harvest import duration_line, harvest
from textures.harvest.identities import IdentityRule, identity_pattern
from textures.library import read_library


def run(crops, out, harvester, **options):
    lines = []
    done = harvest(
        crops,
        out,
        harvester,
        **({"licence": "mine", "sheet_rows": 0, "report": lines.append} | options),
    )
    return done, lines


def noise(seed):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 255, (8, 4, 3), dtype=np.uint8), (64, 128))


def test_all_crops_of_a_person_make_one_texture_and_a_crop_of_nobody_its_own(
    crops, tmp_path, harvester, body
):
    done, lines = run(crops, tmp_path / "out", harvester, sheet_rows=9)
    entries = {entry.file: entry for entry in read_library(tmp_path / "out", body)}
    assert sorted(entries) == ["0002.png", "0007.png", "me.png.png"] and done.new == 3
    fused, single, nobody = (entries[name] for name in sorted(entries))
    assert (fused.camera, fused.crops, fused.identity) == ("c1+c2", 2, "0002")
    assert fused.sources == ("0002_c1s1_000451_03.jpg", "0002_c2s1_000500_01.jpg")
    assert fused.source in fused.sources and len(fused.source_sha256) == 64
    assert (single.camera, single.crops, len(single.sources)) == ("c1", 1, 1)
    assert (nobody.sources, nobody.crops, nobody.source) == ((), 1, "me.png")
    text = "\n".join(lines)
    assert "one texture a person: 2 of 3 crops" in text
    assert "one texture a crop: 1 crops, as nothing says who is on them" in text
    assert all(0 <= entry.scores["quality"] <= 1 for entry in entries.values())
    assert done.contact_sheet.is_file()


def test_a_folder_where_nobody_is_named_keeps_a_texture_a_crop_and_says_so(
    crops, tmp_path, harvester
):
    folder = tmp_path / "nobody"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(str(folder / name), noise(1))
    done, lines = run(folder, tmp_path / "out", harvester)
    assert [entry.file for entry in done.entries] == ["a.jpg.png", "b.jpg.png"]
    assert any("2 crops, as nothing says who is on them" in line for line in lines)
    with pytest.raises(BadInput, match="--identity"):
        run(folder, tmp_path / "other", harvester, grouping="person")
    assert not (tmp_path / "other").exists()


def test_a_person_is_made_again_when_a_crop_is_added_changed_or_gone_and_it_is_said(
    crops, tmp_path, harvester
):
    out = tmp_path / "out"
    run(crops, out, harvester)
    first = (out / "0002.png").read_bytes()

    def again():
        done, lines = run(crops, out, harvester)
        return done.new, [line for line in lines if line.startswith("to make")]

    assert again() == (0, [])
    added = crops / "0002_c3s1_000600_01.jpg"
    cv2.imwrite(str(added), noise(7))
    assert again() == (1, ["to make: 1 textures, crops are new"])
    second = (out / "0002.png").read_bytes()
    cv2.imwrite(str(added), noise(8))
    assert again() == (1, ["to make: 1 textures, the crop changed"])
    assert len({first, second, (out / "0002.png").read_bytes()}) == 3
    added.unlink()
    assert again() == (1, ["to make: 1 textures, crops are gone"])
    assert (out / "0002.png").read_bytes() == first  # the same crops, the same bytes
    (out / "0007.png").unlink()
    assert again() == (1, ["to make: 1 textures, the PNG was gone"])
    assert again() == (0, [])


def test_a_run_that_is_stopped_goes_on_where_it_was(crops, tmp_path, harvester, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for number in range(40):
        cv2.imwrite(str(crops / f"{number + 10:04d}_c1s1_000001_01.jpg"), noise(number))
    run(crops, whole, harvester)
    calls = []
    make = type(harvester).make

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return make(self, *args)

    monkeypatch.setattr(type(harvester), "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(crops, stopped, harvester)
    monkeypatch.setattr(type(harvester), "make", make)
    already = len(read_library(stopped))
    done, lines = run(crops, stopped, harvester)
    assert already > 0 and done.new == 43 - already
    assert any(line.startswith(f"kept: {already} textures") for line in lines)
    for path in whole.glob("*"):
        assert (stopped / path.name).read_bytes() == path.read_bytes(), path.name


def test_refused_crops_of_a_person_are_listed_in_every_run(crops, tmp_path, harvester, monkeypatch):
    out = tmp_path / "out"
    strict = copy.copy(harvester)
    refused = "0002_c2s1_000500_01.jpg"
    monkeypatch.setattr(
        strict,
        "refusals",
        lambda crops, fit: ["two people" if refused in crop.name else None for crop in crops],
    )
    for new in (3, 0):
        done, lines = run(crops, out, strict)
        assert done.new == new
        assert [(item.source, refused in item.source) for item in done.left_out] == [
            (refused, True)
        ]
        rows = list(csv.reader((out / "left_out.csv").read_text().splitlines()))
        assert rows[1][0] == refused and "two people" in rows[1][2]
        assert any("shows no whole person: 1" in line for line in lines)
    entry = {entry.file: entry for entry in done.entries}["0002.png"]
    assert (entry.camera, entry.crops, entry.refused) == ("c1", 1, {refused: "two people"})


def test_a_crop_that_cannot_be_read_leaves_the_others_of_its_person(crops, tmp_path, harvester):
    (crops / "0002_c2s1_000500_01.jpg").write_bytes(b"no image")
    done, _ = run(crops, tmp_path / "out", harvester)
    entry = {entry.file: entry for entry in done.entries}["0002.png"]
    assert (entry.camera, entry.crops) == ("c1", 1)
    assert [item.source for item in done.left_out] == ["0002_c2s1_000500_01.jpg"]


def test_no_more_crops_than_allowed_go_into_a_texture(crops, tmp_path, harvester):
    for camera in (3, 4, 5):
        cv2.imwrite(str(crops / f"0002_c{camera}s1_000001_01.jpg"), noise(camera))
    few = copy.copy(harvester)
    few.most_crops = 2
    done, _ = run(crops, tmp_path / "out", few)
    entry = {entry.file: entry for entry in done.entries}["0002.png"]
    assert entry.crops == 2 and len(entry.sources) == 5
    assert set(entry.camera.split("+")) < {"c1", "c2", "c3", "c4", "c5"}


def test_persons_and_crops_do_not_mix_in_a_library(crops, tmp_path, harvester):
    run(crops, tmp_path / "persons", harvester)
    run(crops, tmp_path / "crops_alone", harvester, grouping="crop")
    with pytest.raises(BadInput, match="--per person, or another folder"):
        run(crops, tmp_path / "persons", harvester, grouping="crop")
    with pytest.raises(BadInput, match="--per crop, or another folder"):
        run(crops, tmp_path / "crops_alone", harvester)


def test_people_who_are_other_people_by_a_new_rule_lose_their_lines(crops, tmp_path, harvester):
    out = tmp_path / "out"
    run(crops, out, harvester)
    rule = IdentityRule(pattern=identity_pattern(r"(c\d|me)"))
    done, lines = run(crops, out, harvester, identities=rule)
    assert [entry.file for entry in done.entries] == ["c1.png", "c2.png", "me.png"]
    assert any("dropped: 3 lines of textures whose crops go into others now" in x for x in lines)


def test_names_of_persons_textures_are_unique_and_stay_inside():
    names = [
        *("0002", "a/b", "a~b", "a%7Eb", "/a", "../a", "..", ".", "contact_sheet"),
        *("contact_sheet~", "ann", "Ann", "x" * 300, "x" * 299 + "y"),
    ]
    files = [person_texture_name(name) for name in names]
    assert len(set(files)) == len(names) and files[0] == "0002.png"
    assert all("/" not in file and len(file) < 255 for file in files)
    assert "contact_sheet.png" not in files


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "about 20 s"), (200, "about 3 min"), (5000, "about 83 min"), (9000, "about 2.5 hours")],
)
def test_how_long_a_harvest_takes_is_said_in_words(seconds, text):
    assert duration_line(seconds, 12000).startswith(f"{text} for 12,000 crops")


def test_how_long_it_takes_is_said_after_the_first_batch(crops, tmp_path, harvester):
    _, lines = run(crops, tmp_path / "few", harvester)
    assert not any("by the first batch" in line for line in lines)  # all of it was the first
    for number in range(20):
        cv2.imwrite(str(crops / f"{number + 10:04d}_c1s1_000001_01.jpg"), noise(number))
    _, lines = run(crops, tmp_path / "many", harvester)
    assert sum("for 24 crops, by the first batch" in line for line in lines) == 1
