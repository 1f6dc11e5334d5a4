"""Halves by camera: nothing is lost, no camera of a person is in both, and every view can be judged."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from mocap.errors import BadInput
from tests.textures.evaluation.conftest import CAMERAS, PEOPLE
from textures.evaluation.camera_halves import (
    HALVES,
    camera_halves,
    spread_over_cameras,
    write_camera_halves,
)
from textures.evaluation.evaluation import TextureEvaluator
from textures.evaluation.measures import OTHER_CAMERA
from textures.evaluation.texture_sets import read_texture_set
from textures.harvest.crop_folder import SourceCrop, read_crop_folder
from textures.harvest.identities import Person
from textures.library import read_library, write_manifest, write_texture


def crops_of(counts):
    """Crops of people: {identity: {camera: count}}."""
    return [
        SourceCrop(
            path=f"{who}_{camera}_{number}",
            source=f"{who}_{camera}_{number}",
            texture="",
            person=Person(identity=who, camera=camera, rule=""),
        )
        for who, cameras in counts.items()
        for camera, count in cameras.items()
        for number in range(count)
    ]


def test_no_camera_of_a_person_is_in_both_halves():
    crops = crops_of({"a": {"c1": 2, "c3": 1, "c4": 2}, "b": {"c2": 3, "c6": 1}, "c": {"c5": 1}})
    halves = camera_halves(crops)
    assert sorted(c.source for half in halves for c in half) == sorted(c.source for c in crops)
    sides = [{(c.person.identity, c.person.camera) for c in half} for half in halves]
    assert sides[0] == {("a", "c1"), ("a", "c4"), ("b", "c2"), ("c", "c5")}
    assert sides[1] == {("a", "c3"), ("b", "c6")}


def test_crops_are_spread_over_cameras_and_begin_with_each_cameras_first():
    crops = crops_of({"a": {"c1": 9, "c2": 1, "c3": 9}, "b": {"c1": 2}})
    chosen = spread_over_cameras(crops, 6)
    counts = Counter((c.person.identity, c.person.camera) for c in chosen)
    assert counts == {("a", "c1"): 3, ("a", "c2"): 1, ("a", "c3"): 2, ("b", "c1"): 2}
    names = {c.source for c in chosen}
    assert {"a_c1_0", "a_c1_4", "a_c1_8", "a_c2_0", "a_c3_0", "a_c3_8"} <= names
    assert len(names) == len(chosen)
    assert [c.source for c in spread_over_cameras(crops, 1)] == ["a_c1_0", "b_c1_0"]


def test_halves_have_the_folders_layout_and_appear_whole(world, tmp_path):
    market = tmp_path / "market" / "bounding_box_train"
    market.mkdir(parents=True)
    for path in world.images.iterdir():
        (market / path.name).write_bytes(path.read_bytes())
    (market.parent / "STAND_IN").touch()
    folder = read_crop_folder(market.parent)
    halves = write_camera_halves(market.parent, folder.crops, tmp_path / "halves")
    for name, half in zip(HALVES, halves):
        again = read_crop_folder(tmp_path / "halves" / name)
        assert [c.source for c in again.crops] == [c.source for c in half]
        assert [c.folder_split for c in again.crops] == ["train"] * len(half)
        assert [c.path.read_bytes() for c in again.crops] == [c.path.read_bytes() for c in half]
        assert (tmp_path / "halves" / name / "STAND_IN").is_file()
    with pytest.raises(BadInput, match="is there already"):
        write_camera_halves(market.parent, folder.crops, tmp_path / "halves")


def test_halves_that_cannot_judge_are_refused():
    with pytest.raises(BadInput, match="none of 2 people has crops of two cameras"):
        camera_halves(crops_of({"a": {"c1": 3}, "b": {"c2": 1}}))
    with pytest.raises(BadInput, match="nothing says which camera"):
        camera_halves(crops_of({"a": {"c1": 3, None: 2}}))


def test_libraries_of_halves_are_one_set_and_every_photograph_is_judged_once(world, body, tmp_path):
    """A person's texture of c1 and c3 is judged in c2, that of c2 in c1 and c3; one that has seen all
    cameras is judged in none, and this is said.
    """
    for name, cameras in (("first", "c1+c3"), ("second", "c2")):
        folder = tmp_path / "fused" / name
        folder.mkdir(parents=True)
        entries = read_library(world.library)
        write_manifest(folder, [dataclasses.replace(entry, camera=cameras) for entry in entries])
        for entry, texture in zip(entries, world.textures):
            write_texture(folder / entry.file, texture)
    whole = tmp_path / "whole"
    whole.mkdir()
    write_manifest(whole, [dataclasses.replace(entry, camera="c1+c2+c3") for entry in entries])
    for entry, texture in zip(entries, world.textures):
        write_texture(whole / entry.file, texture)
    crops = read_crop_folder(world.images).crops
    sets = [read_texture_set(tmp_path / name, body, crops) for name in ("fused", "whole")]
    assert len(sets[0].textures) == 2 * PEOPLE
    said: list[str] = []
    evaluation = TextureEvaluator(body, world.fitter, {}).evaluate(sets, crops, report=said.append)
    values = evaluation.values[f"psnr@strict ({OTHER_CAMERA})"]
    assert len(values["fused"]) == PEOPLE * CAMERAS and "whole" not in values
    assert [line.split(" people")[0] for line in said] == [f"whole: {PEOPLE} of {PEOPLE}"]
