"""Rows of plans that nobody vouches for."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.films.film_set import begin_film_set
from synth.films.inputs import check_rows
from synth.plans.plan_row import PLAN_VERSION, PlanRow, read_plan, write_plan
from synth.scene.camera import place_cameras
from tests.mocap.parsing.json_mutations import mutated_lines
from tests.synth.film_clip import make_row
from tests.synth.plan_inputs import plan
from tests.synth.small_film_set import open_set, plan_set, write_inputs

ROWS = [
    *plan(clips=8, overrides=["light.kinds={sh = 1, sun-sky = 1, lamps = 1}"]),
    *plan(clips=4, photographs=[f"{k}/a.jpg" for k in range(9)]),
    *plan(
        clips=8,
        environments=[f"{k}.hdr" for k in range(9)],
        overrides=["light.kinds.environment=1", "camera.height=[1.0, 2.0]"],
    ),
    *plan(clips=9, overrides=["camera.moves={pan=1, dolly=1, orbit=1, handheld=1}"]),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.stem)
def test_good_rows_pass_and_stay_as_they_are_to_the_byte(row):
    line = row.to_json()
    assert PlanRow.from_json(line) == row
    assert PlanRow.from_json(line).to_json() == line


@settings(max_examples=600, derandomize=True)
@given(st.sampled_from(ROWS).flatmap(lambda row: mutated_lines(row.to_json())))
def test_a_mutated_row_is_good_or_bad_input(line):
    try:
        row = PlanRow.from_json(line)
    except BadInput as error:
        assert len(str(error)) < 600 and "\n" not in str(error)
        return
    again = row.to_json()
    json.loads(again, parse_constant=lambda name: pytest.fail(f"{name} came through"))
    for text in (row.stem, row.source, row.texture):
        assert not text.startswith("/") and ".." not in text.split("/")
        assert Path("/out").joinpath(text).exists() is False  # a path that the system takes
    assert row.width > 0 and row.height > 0 and math.isfinite(row.view.distance)


FAULTS = {
    "a_billion_frames": "line 1: .*field frames is 1000000000, expected a whole number <=",
    "absolute_stem": "line 1: .*field stem is \"/somewhere.*expected a relative path without '..'",
    "distance_nan": "line 1: .*field view.distance is NaN, expected a finite number",
    "focal_nan": "line 1: .*field view.focal is NaN",
    "frames_not_a_number": 'line 1: .*field frames is "ten", expected a whole number',
    "negative_frames": "line 1: .*field frames is -5, expected a whole number >= 1",
    "odd_width": "line 1: .*field width is 161, expected .*multiple of 2",
    "stem_escapes": 'line 1: .*field stem is "../escaped',
    "unknown_engine": 'line 1: .*field engine is "nope", expected one of cycles, raster',
    "zero_width": "line 1: .*field width is 0, expected a whole number >= 16",
}


@pytest.mark.parametrize("name", FAULTS)
def test_plans_that_broke_us_are_refused(shared_data, tmp_path, name):
    """The files are of version 2; at this version each is refused for its own fault."""
    text = (shared_data / "faults" / "plans" / f"{name}.jsonl").read_text()
    path = tmp_path / f"{name}.jsonl"
    path.write_text(text.replace('"version": 2', f'"version": {PLAN_VERSION}'))
    with pytest.raises(BadInput, match=rf"{name}\.jsonl, {FAULTS[name]}"):
        read_plan(path)


HARMONICS = {"kind": "sh", "coefficients": [0.5] * 9}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"background": {}}, "field background is {}"),
        ({"background": {"painted": "a.jpg"}}, "field background"),
        ({"background": {"photograph": "../a.jpg"}}, "field background"),
        ({"light": {"kind": "sh", "coefficients": [True] * 9}}, "field light: .*coefficients True"),
        ({"light": {"kind": "sh", "coefficients": [10**400] * 9}}, "field light: .*coefficients"),
        ({"light": {"kind": "moon"}}, "field light: .*'moon': expected one of sh"),
        ({"engine": "raster", "light": {"kind": "lamps"}}, "field light"),
        (
            {"engine": "raster", "samples": 1000, "light": HARMONICS},
            "field samples is 1000, expected at most",
        ),
        ({"channels": ["depth", "depth"]}, "each channel once"),
        ({"frames": 90_000, "width": 8192, "height": 8192}, "pixels in a clip, found"),
        ({"frames": 90_000, "tracks": 90_000, "width": 16, "height": 16}, "points of tracks"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes, words):
    fields = {**json.loads(ROWS[0].to_json()), **changes}
    with pytest.raises(BadInput, match=words):
        PlanRow.from_json(json.dumps(fields))


def test_a_plan_may_begin_with_a_byte_order_mark(tmp_path):
    write_plan(tmp_path / "plan.jsonl", ROWS[:3])
    text = (tmp_path / "plan.jsonl").read_bytes()
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + text)
    assert read_plan(tmp_path / "bom.jsonl") == ROWS[:3]


def test_frames_that_the_motion_does_not_have_are_refused(tmp_path, body):
    write_inputs(tmp_path, body)
    inputs = open_set(tmp_path)
    rows = plan_set(inputs, clips=12)
    check_rows(rows, inputs)  # every window that is planned lies in its motion
    for start in (10**9, 15):  # a motion of 36 frames at 60 frames/s has 18 at 30
        with pytest.raises(BadInput, match=f"start {start} and 4 frames, .* has 18 frames at 30"):
            check_rows([replace(rows[0], start=start, frames=4)], inputs)
    check_rows([replace(rows[0], start=14, frames=4)], inputs)


def test_a_link_in_the_film_folder_leads_no_clip_out_of_it(tmp_path, body):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "train").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="out of the folder"):
        begin_film_set(tmp_path / "films", [make_row(body)])


def test_a_camera_that_cannot_show_the_clip_ends_with_a_reason(body):
    row = make_row(body)
    joints = body.rest_joints[None].repeat(6, axis=0)
    view = replace(row.view, distance=math.nan, sides=(0.0,))
    with pytest.raises(ValueError, match="shows the whole clip"):
        place_cameras(joints, view, width=320, height=240, fps=30)
    wide = replace(row.view, border=300, sides=(0.0,))
    with pytest.raises(ValueError, match="shows the whole clip"):
        place_cameras(joints, wide, width=320, height=240, fps=30)
