"""clips.jsonl of film folders that nobody vouches for."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.clips.clip_lines import ClipLine, read_clip_lines, write_clip_lines
from synth.clips.shards import pack
from tests.mocap.parsing.json_mutations import mutated_lines

LINE = ClipLine(
    path="train/run0/01_01/01_01_c0001",
    sequence="01_01",
    category="walk",
    split="train",
    frames=12,
    fps=29.97,
    texture="0001.png",
    identity="0001",
    stand_in=True,
)
TEXT = json.dumps(asdict(LINE))


def test_what_is_written_is_read_back(tmp_path):
    write_clip_lines(tmp_path, [LINE])
    assert (tmp_path / "clips.jsonl").read_text() == TEXT + "\n"
    assert read_clip_lines(tmp_path) == [asdict(LINE)]


@settings(
    max_examples=400, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutated_lines(TEXT), st.booleans())
def test_a_mutated_line_is_good_or_bad_input(tmp_path, line, behind):
    (tmp_path / "clips.jsonl").write_bytes(TEXT.encode() + b"\n" + line if behind else line)
    try:
        lines = read_clip_lines(tmp_path)
    except BadInput as error:
        assert "clips.jsonl" in str(error) and len(str(error)) < 700
        return
    for good in lines:
        assert (tmp_path / good["path"]).resolve().is_relative_to(tmp_path.resolve())
        assert good["split"] in ("train", "val", "test") and 0 < good["fps"] <= 1000


def test_a_split_that_leads_out_packs_nothing(tmp_path, shared_data):
    films = tmp_path / "films"
    films.mkdir()
    faulty = shared_data / "faults" / "plans" / "pack_split_traversal_clips.jsonl"
    shutil.copy(faulty, films / "clips.jsonl")
    with pytest.raises(BadInput, match=r"clips\.jsonl, line 1: .*field split is \"../outside\""):
        pack(films, tmp_path / "out" / "shards")
    assert [path.name for path in tmp_path.iterdir()] == ["films"]


def test_a_clip_behind_a_link_out_of_the_folder_is_refused(tmp_path):
    films = tmp_path / "films"
    write_clip_lines(films, [LINE])
    (films / "train").symlink_to(tmp_path)
    with pytest.raises(BadInput, match=r"clips\.jsonl, line 1: .* out of the folder"):
        read_clip_lines(films)
