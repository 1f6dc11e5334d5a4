"""The published JSON Schemas against the readers that they are made of."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from mocap.parsing.json_files import decode_json
from synth.clips.clip_lines import ClipLine
from synth.clips.file_schemas import file_schemas
from synth.plans.plan_row import PlanRow
from tests.mocap.parsing.json_mutations import mutated_lines
from tests.synth.cli.running import run
from tests.synth.clips.test_clip_lines import LINE
from tests.synth.plan_inputs import plan
from textures.library import TextureEntry

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "schemas"
TEXTURE = TextureEntry(
    file="0002.png",
    uv_layout="anny-1",
    size=128,
    source="0002_c1s1_000451_03.jpg",
    source_sha256="0" * 64,
    identity="0002",
    camera="c1+c3",
    split="train",
    scores={"reid": 0.7},
    sources=("0002_c1s1_000451_03.jpg",),
    refused={"0002_c1s1_000551_01.jpg": "no person"},
)
READERS = {
    "plan": PlanRow.from_json,
    "clips": lambda line: decode_json(line, ClipLine),
    "textures": lambda line: decode_json(line, TextureEntry),
}
LINES = {
    "plan": [row.to_json() for row in plan(clips=6, overrides=["camera.moves={pan=1, orbit=1}"])],
    "clips": [json.dumps(asdict(LINE))],
    "textures": [json.dumps(asdict(TEXTURE))],
}


@pytest.fixture(scope="module")
def validators():
    jsonschema = pytest.importorskip("jsonschema")
    kind = jsonschema.Draft202012Validator
    schemas = file_schemas()
    for schema in schemas.values():
        kind.check_schema(schema)
    return {name: kind(schema) for name, schema in schemas.items()}


def test_the_command_writes_the_published_files_which_are_what_the_readers_say(tmp_path):
    assert run("schemas", "--out", str(tmp_path)).exit_code == 0
    for name, schema in file_schemas().items():
        text = (tmp_path / f"{name}.schema.json").read_text(encoding="utf-8")
        assert json.loads(text) == schema
        published = (PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8")
        assert published == text, f"run: synth schemas --out {PUBLISHED}"
    assert json.loads(run("schemas").stdout) == file_schemas()


@pytest.mark.parametrize("name", READERS)
def test_lines_of_ours_fit(name, validators):
    for line in LINES[name]:
        validators[name].validate(json.loads(line))


@pytest.mark.parametrize("name", READERS)
def test_what_misfits_is_refused_by_the_reader_and_what_is_read_fits(name, validators):
    misfits = 0

    @settings(max_examples=300, derandomize=True)
    @given(st.sampled_from(LINES[name]).flatmap(mutated_lines))
    def compare(line):
        nonlocal misfits
        try:
            READERS[name](line)
        except BadInput:
            with contextlib.suppress(ValueError, RecursionError):  # no JSON at all
                misfits += not validators[name].is_valid(json.loads(line))
            return
        assert validators[name].is_valid(json.loads(line)), line

    compare()
    assert misfits > 50


def test_a_field_that_nobody_knows_and_a_name_of_no_set_misfit(validators):
    line = json.loads(LINES["clips"][0])
    assert not validators["clips"].is_valid(line | {"colour": "red"})
    assert not validators["clips"].is_valid(line | {"split": "everything"})
    assert not validators["plan"].is_valid(json.loads(LINES["plan"][0]) | {"version": 1})
