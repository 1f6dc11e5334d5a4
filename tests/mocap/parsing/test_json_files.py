"""The gate for JSON: what it lets through, and words for what it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing import json_files
from mocap.parsing.json_files import (
    RelativePath,
    choice,
    decode_json,
    path_inside,
    read_json,
    read_json_lines,
)


@dataclass(frozen=True, kw_only=True)
class Eye:
    focal: Annotated[float, Meta(gt=0, le=100)]
    sides: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shot:
    eye: Eye
    file: RelativePath = "a.png"
    engine: Annotated[str, choice(["cycles", "raster"])] = "cycles"
    count: int | None = None
    scores: Mapping[str, float] | None = None


GOOD = {"eye": {"focal": 3.5, "sides": [1, 2.5]}, "file": "a/b.png", "count": 2}


def test_a_good_line_is_read_to_the_last_bit():
    shot = Shot(eye=Eye(focal=3.5, sides=(1.0, 2.5)), file="a/b.png", count=2)
    assert decode_json(json.dumps(GOOD).encode(), Shot) == shot


@given(st.floats(min_value=0, max_value=100, exclude_min=True))
def test_numbers_keep_every_bit(number):
    assert decode_json(json.dumps({"focal": number}).encode(), Eye).focal == number


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"eye": {"focal": NaN}}', "field eye.focal is NaN, expected a finite number"),
        ('{"eye": {"focal": 1e999}}', "field eye.focal is Infinity, expected a finite number"),
        ('{"eye": {"focal": 0}}', "field eye.focal is 0, expected a number > 0.0"),
        ('{"eye": {"focal": "3"}}', 'field eye.focal is "3", expected a number'),
        ('{"eye": {"focal": 1, "sides": [1, null]}}', r"field eye.sides\[1\] is null, expected"),
        ('{"eye": {"focal": 1, "sides": [1, -Infinity]}}', r"eye.sides\[1\] is -Infinity"),
        ('{"eye": {"focal": 1}, "count": 1.5}', "count is 1.5, expected a whole number or null"),
        ('{"eye": {"focal": 1}, "scores": {"a": "b"}}', "field scores.* expected a number"),
        ('{"eye": {"focal": 1}, "engine": "no"}', r'"no", expected one of cycles, raster'),
        ('{"eye": {"focal": 1, "flesh": 1}}', 'unknown field "eye.flesh"; .*focal'),
        ('{"eye": {}}', "no field eye.focal"),
        ('{"eye": ' + "[" * 100_000, "lists in lists|expected a JSON object"),
        ('{"x": ' + "[" * 100_000, "lists in lists"),
        ('{"eye": {"focal": ' + "9" * 5000 + "}}", "expected a finite number"),
        ('{"eye": {"focal": 1}} 2', "not JSON"),
        ("[1]", r"the whole is \[1\], expected a JSON object"),
        ("", "not JSON"),
    ],
)
def test_what_was_found_and_expected_is_said(text, words):
    with pytest.raises(BadInput, match=words) as error:
        decode_json(text.encode(), Shot)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("bad", [b"\xff\xfe{\x00}\x00", b'{"eye": "\xe9"}'])
def test_other_encodings_are_named(bad):
    with pytest.raises(BadInput, match="expected text in UTF-8"):
        decode_json(bad, Shot)


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/", "/etc/x", "../x", "a/../b", "a/..", "a//b", "a/", "./a", "a/./b"),
        *("a\0b", "a\nb", "a" * 201, "é" * 56, "a/" * 600 + "a"),
    ],
)
def test_paths_that_leave_their_folder_or_fit_no_disk_are_refused(path):
    with pytest.raises(BadInput, match="field file"):
        decode_json(json.dumps({**GOOD, "file": path}).encode(), Shot)


@pytest.mark.parametrize(
    "path", ["a", "a.b..c", "..a/b", ".a", "...", "é/ü b", "a" * 200, "d#01", "\U0001f600" * 55]
)
def test_other_paths_are_good_and_can_lie_on_a_disk(tmp_path, path):
    assert decode_json(json.dumps({**GOOD, "file": path}).encode(), Shot).file == path
    file = path_inside(tmp_path, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "inner").mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "inner")
    assert path_inside(folder, "in/a.mp4") == folder / "in" / "a.mp4"
    with pytest.raises(BadInput, match="out of the folder"):
        path_inside(folder, "out/a.mp4")


def test_lines_keep_their_numbers_and_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n \n{"b": 2}')
    lines = list(read_json_lines(path, advice="write it again"))
    assert lines == [(f"{path}, line 1", b'{"a": 1}'), (f"{path}, line 4", b'{"b": 2}')]


def test_a_line_of_five_megabytes_is_refused_and_not_echoed(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"{}\n" + b"x" * 5_000_000)
    with pytest.raises(BadInput, match=r"line 2: longer than 1,000,000 bytes") as error:
        list(read_json_lines(path, advice="write it again"))
    assert len(str(error.value)) < 300
    path.write_bytes(b"{}" + b" " * 999_998 + b"\r\n")
    assert len(list(read_json_lines(path, advice=""))) == 1


def test_large_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text('{"focal": 2}')
    monkeypatch.setattr(json_files, "MAX_FILE_BYTES", 11)
    with pytest.raises(BadInput, match=r"x\.json: 12 bytes, expected at most 11; write it again"):
        read_json(path, Eye, advice="write it again")
    monkeypatch.setattr(json_files, "MAX_FILE_BYTES", 12)
    assert read_json(path, Eye, advice="write it again").focal == 2
    with pytest.raises(BadInput, match="no such file; write it again"):
        read_json(tmp_path / "y.json", Eye, advice="write it again")
