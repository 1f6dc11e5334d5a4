"""The texture library on disk."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mocap.errors import BadInput
from tests.mocap.parsing.json_mutations import mutated_lines
from textures.library import (
    TextureEntry,
    assign_splits,
    read_library,
    read_texture,
    write_manifest,
    write_texture,
)


def entry(file, **changes):
    fields = {
        "file": file,
        "uv_layout": "anny-1",
        "size": 8,
        "source": "0002_c1s1_000451_03.jpg",
        "source_sha256": "0" * 64,
        "identity": "0002",
        "camera": "c1",
        "split": "train",
        "scores": {"reid_cosine": 0.5},
        "licence": "mine",
        "generator": "generator-12345678",
    }
    return TextureEntry(**(fields | changes))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        write_texture(tmp_path / name, np.full((8, 8, 3), (200, 100, 50), np.uint8))
    write_manifest(
        tmp_path, [entry("a.png"), entry("b.png", camera=None, split="test", stand_in=True)]
    )
    return tmp_path


def test_what_is_written_is_read_back(folder):
    first, second = read_library(folder)
    assert (first, second) == (
        entry("a.png"),
        entry("b.png", camera=None, split="test", stand_in=True),
    )
    assert read_texture(folder / "a.png")[3, 3].tolist() == [200, 100, 50]
    lines = (folder / "textures.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["scores"] == {"reid_cosine": 0.5}


def test_another_uv_layout_is_refused_with_the_file(folder, body):
    read_library(folder, body)
    write_manifest(folder, [entry("a.png"), entry("b.png", uv_layout="smpl")])
    with pytest.raises(BadInput, match=r"b\.png.*smpl"):
        read_library(folder, body)


def test_damage_is_named_with_its_line(folder):
    (folder / "b.png").unlink()
    with pytest.raises(BadInput, match=r"textures\.jsonl, line 2.*b\.png is missing"):
        read_library(folder)
    with (folder / "textures.jsonl").open("a") as file:
        file.write("{half\n")
    write_texture(folder / "b.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(BadInput, match="line 3"):
        read_library(folder)
    write_manifest(folder, [entry("a.png", split="dev")])
    with pytest.raises(BadInput, match='field split is "dev", expected one of train, val, test'):
        read_library(folder)
    with pytest.raises(BadInput, match="harvest-textures"):
        read_library(folder / "nowhere")
    write_texture(folder / "long.png", np.zeros((8, 4, 3), np.uint8))
    with pytest.raises(BadInput, match=r"long\.png.*square"):
        read_texture(folder / "long.png")


def test_splits_hold_people_apart_and_do_not_change_when_people_come():
    names = [f"{n:04d}" for n in range(40)]
    splits = assign_splits(names)
    counts = {s: list(splits.values()).count(s) for s in ("train", "val", "test")}
    assert counts == {"train": 32, "val": 4, "test": 4}
    assert assign_splits(reversed(names)) == splits
    more = assign_splits([*names, *(f"{n:04d}" for n in range(40, 60))], splits)
    assert all(more[n] == splits[n] for n in names)
    assert {s: list(more.values()).count(s) for s in ("val", "test")} == {"val": 6, "test": 6}
    assert set(assign_splits(["a", "b", "c"]).values()) == {"train", "val", "test"}
    assert assign_splits(["a"]) == {"a": "train"}


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated_lines(json.dumps(dataclasses.asdict(entry("a.png")))))
def test_a_mutated_line_is_good_or_bad_input(folder, line):
    (folder / "textures.jsonl").write_bytes(line)
    try:
        entries = read_library(folder)
    except BadInput as error:
        assert "textures.jsonl" in str(error) and len(str(error)) < 900
        return
    for good in entries:
        assert (folder / good.file).resolve().is_relative_to(folder.resolve())
        assert all(np.isfinite(score) for score in good.scores.values())


def test_a_texture_behind_a_link_out_of_the_folder_is_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (folder / "a.png").rename(other / "a.png")
    (folder / "a.png").symlink_to(other / "a.png")
    with pytest.raises(BadInput, match=r"textures\.jsonl, line 1: .* out of the folder"):
        read_library(folder)
