"""Published clips checked from their files: `synth check`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from synth import cli
from synth.checks.clip_data import ClipData
from synth.checks.clip_results import SUFFIX, ClipResults, read_clip_results, write_clip_results
from synth.checks.inspection import Inspection, InspectionSettings, InspectionTask, inspect_clip
from synth.checks.summary import summary_fields, summary_table
from synth.clips.clip import find_clips, publish
from synth.clips.clip_bodies import FilmBodies
from synth.clips.mat_files import write_mat
from synth.plans.plan_row import PlanRow, write_plan
from synth.scene.ground_truth import CHANNELS
from tests.synth.film_clip import ExampleClip, make_clip
from tests.synth.filmed_clip import film


@pytest.fixture(scope="module")
def made(body, tmp_path_factory) -> ExampleClip:
    made = make_clip(body, frames=4, step=(0.05, 0.03, 0.02), channels=CHANNELS, tracks=60)
    data: ClipData = film(made, body, tmp_path_factory.mktemp("film"))
    return replace(made, frames=data.rendered)


@pytest.fixture(scope="module")
def bodies() -> FilmBodies:
    return FilmBodies(BodySource())


@pytest.fixture
def out(made, tmp_path) -> Path:
    return published(made, tmp_path)


def published(made: ExampleClip, folder: Path) -> Path:
    made.write(folder / "partial")
    publish(folder / "partial", folder / "films", made.row)
    write_plan(folder / "films" / "plan.jsonl", [made.row])
    return folder / "films"


def look(
    out: Path, row: PlanRow, bodies: FilmBodies, *, planned: PlanRow | None = None
) -> Inspection:
    settings = InspectionSettings(folder=out, bodies=BodySource(), backgrounds=None, planned=True)
    return inspect_clip(InspectionTask(row.stem, planned or row), settings, bodies)


@pytest.mark.parametrize("layout", ["surreal", "compact"])
def test_a_good_clip_of_either_layout_is_good(made, tmp_path, bodies, layout):
    made = replace(made, row=replace(made.row, layout=layout))
    found = look(published(made, tmp_path), made.row, bodies)
    assert (found.wrong, found.missing) == ((), ())
    assert [name for name, o in found.results.results.items() if o.not_run] == ["silhouette"]


def rewrite(path: Path, change) -> None:
    """Change the variables of a MAT file."""
    values = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("__")}
    values |= change(values)
    write_mat(path, values)


def mirrored(info) -> dict:
    return {name: info[name] * [[[-1]], [[1]], [[1]]] for name in ("R", "R_ends")}


@pytest.mark.parametrize(
    ("end", "change", "words"),
    [
        ("_info.mat", mirrored, "R is 2 from what the clip was rendered with"),
        ("_info.mat", lambda v: {"camLoc": v["camLoc"] + np.float32(0.5)}, "camLoc is 0.5 from"),
        ("_info.mat", lambda v: {"zrot": v["zrot"] + np.float32(0.25)}, "zrot is 0.25 from"),
        ("_info.mat", lambda v: {"trans": v["trans"] + np.float32(0.5)}, "trans is 0.5 from"),
        (
            "_info.mat",
            lambda v: {"pose": np.concatenate([v["pose"][[0]] + np.float32(0.1), v["pose"][1:]])},
            "pose is 0.1 from what the clip",
        ),
        ("_info.mat", lambda v: {"K": v["K"] * [[[1.01]], [[1.01]], [[1]]]}, "K differs from"),
        ("_info.mat", lambda v: {"pose": np.roll(v["pose"], 1, 1)}, "the body's forward pass"),
        ("_info.mat", lambda v: {"shape": v["shape"] + np.float32(1)}, "the body's forward pass"),
        ("_info.mat", lambda v: {"joints2D": np.rint(v["joints2D"])}, "off the projected joints3D"),
        (
            "_info.mat",
            lambda v: {"joints_visible": 1 - v["joints_visible"]},
            "others when computed again",
        ),
        ("_depth.mat", lambda v: {"depth_2": v["depth_1"]}, "depth is off the body's surface"),
        ("_segm.mat", lambda v: {"segm_2": v["segm_2"][:, ::-1]}, "part is not their face's"),
        ("_uv.mat", lambda v: {"uv_1": v["uv_1"][..., ::-1]}, "UV lies outside of their face"),
        ("_gtflow.mat", lambda v: {"gtflow_3": -v["gtflow_3"]}, "others when computed again"),
        (
            "_tracks.mat",
            lambda v: {"tracks2D": v["tracks2D"][::-1]},
            "tracks2D are off the projected tracks3D",
        ),
    ],
)  # fmt: skip
def test_a_changed_file_makes_the_clip_bad(made, out, bodies, end, change, words):
    rewrite(Path(f"{out / made.row.stem}{end}"), change)
    found = look(out, made.row, bodies)
    assert any(words in reason for reason in found.wrong), found.wrong


def test_a_reflecting_camera_makes_a_compact_clip_bad(made, bodies, tmp_path):
    compact = replace(made, row=replace(made.row, layout="compact"))
    out = published(compact, tmp_path)
    rewrite(Path(f"{out / compact.row.stem}_info.mat"), mirrored)
    found = look(out, compact.row, bodies)
    assert any("det R differs from +1 by: 2" in reason for reason in found.wrong), found.wrong


def test_published_results_are_read_wherever_the_layout_has_them(made, bodies, tmp_path):
    """SURREAL's layout keeps them in its info, so that its folders hold its files alone."""
    for layout in ("surreal", "compact"):
        row = replace(made.row, layout=layout)
        stem = published(replace(made, row=row), tmp_path / layout) / row.stem
        assert read_clip_results(stem) == ClipResults({}).to_fields()
        assert Path(f"{stem}{SUFFIX}").is_file() == (layout == "compact")
    bad = {**ClipResults({}).to_fields(), "good": False}
    out = tmp_path / "surreal" / "films"
    rewrite(Path(f"{out / made.row.stem}_info.mat"), lambda v: {"check": json.dumps(bad)})
    found = look(out, made.row, bodies)
    assert any("published checks say that the clip is bad" in reason for reason in found.wrong)
    rewrite(Path(f"{out / made.row.stem}_info.mat"), lambda v: {"check": "{"})
    found = look(out, made.row, bodies)
    assert any("no results that can be read" in reason for reason in found.wrong)


@pytest.mark.parametrize(
    ("layout", "end"),
    [
        *(("surreal", end) for end in (".mp4", "_info.mat", "_depth.mat", "_tracks.mat")),
        *(("compact", end) for end in (".mp4", "_info.mat", "_depth.npz", "_tracks.npz", SUFFIX)),
    ],
)
def test_a_torn_file_is_named(made, tmp_path, bodies, layout, end):
    made = replace(made, row=replace(made.row, layout=layout))
    out = published(made, tmp_path)
    path = Path(f"{out / made.row.stem}{end}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    found = look(out, made.row, bodies)
    assert any(str(path) in reason for reason in found.wrong), found.wrong


def test_a_film_of_fewer_frames(made, tmp_path, bodies):
    out = published(made, tmp_path / "whole")
    short = replace(made, frames=made.frames[:-1])
    other = published(short, tmp_path / "short")
    Path(f"{out / made.row.stem}.mp4").write_bytes(
        Path(f"{other / made.row.stem}.mp4").read_bytes()
    )
    assert any("too few or too many" in reason for reason in look(out, made.row, bodies).wrong)


def test_a_mirrored_film_is_told_from_the_painted_background(made, tmp_path, bodies):
    out = published(replace(made, frames=made.frames[:, :, ::-1]), tmp_path)
    assert look(out, made.row, bodies).wrong


def test_a_clip_of_another_plan(made, out, bodies):
    other = replace(made.row, texture="0002.png")
    found = look(out, made.row, bodies, planned=other)
    assert any("another row than the plan's" in reason for reason in found.wrong)
    settings = InspectionSettings(folder=out, bodies=BodySource(), backgrounds=None, planned=True)
    found = inspect_clip(InspectionTask(made.row.stem, None), settings, bodies)
    assert any("not in the folder's plan.jsonl" in reason for reason in found.wrong)


def test_a_clip_of_another_body_is_refused(made, tmp_path, bodies):
    out = published(replace(made, body_name="smpl-female"), tmp_path)
    with pytest.raises(BadInput, match=r"made with the body smpl-female, found .*; give --body"):
        look(out, made.row, bodies)


def test_a_clip_of_another_build_of_the_body_is_refused(made, tmp_path, bodies):
    out = published(replace(made, body_build="2a"), tmp_path)
    with pytest.raises(
        BadInput, match=r"made with build 2a of the body free, found build \d+; take"
    ):
        look(out, made.row, bodies)


def test_what_was_taken_away_is_missing_and_the_rest_is_checked(made, out, bodies):
    for end in ("_depth.mat", "_segm.mat", "_uv.mat"):
        Path(f"{out / made.row.stem}{end}").unlink()
    found = look(out, made.row, bodies)
    assert found.wrong == ()
    assert [name.rpartition("_")[2] for name in found.missing] == [
        "depth.mat",
        "segm.mat",
        "uv.mat",
    ]
    assert found.results.results["uv"].not_run == "no uv"
    assert found.results.results["recomputation"].figures["other_values"] == 0


def test_results_are_written_and_read(made, out, bodies, tmp_path):
    results = look(out, made.row, bodies).results
    write_clip_results(tmp_path / "a_check.json", results)
    fields = read_clip_results(tmp_path / "a")
    assert fields["good"] and fields["findings"] == [] and fields["version"] == 2
    assert fields["checks"]["joints2d"]["figures"]["joints2d_px"] < 1e-3
    assert "not_run" in fields["checks"]["silhouette"]
    write_clip_results(tmp_path / "b_check.json", look(out, made.row, bodies).results)
    assert (tmp_path / "a_check.json").read_bytes() == (tmp_path / "b_check.json").read_bytes()
    (tmp_path / "c_check.json").write_text("{}")
    with pytest.raises(
        BadInput, match=r"c_check\.json: no field version.*no results that can be read"
    ):
        read_clip_results(tmp_path / "c")


def test_the_table_shows_the_worst_and_who_has_it(made, out, bodies):
    good = look(out, made.row, bodies)
    rewrite(Path(f"{out / made.row.stem}_info.mat"), lambda v: {"joints2D": v["joints2D"] + 1})
    bad = replace(look(out, made.row, bodies), stem="another")
    lines = summary_table([good, bad]).splitlines()
    (line,) = [line for line in lines if line.startswith("joints2d ")]
    assert line.split() == ["joints2d", "2", "1", "joints2d_px", "1.41", "<=", "0.01", "another"]
    fields = summary_fields([good, bad, Inspection("third", None, ("damaged",), ())])
    assert fields["clips"] == 3 and set(fields["bad"]) == {"another", "third"}
    assert fields["checks"]["joints2d"]["figures"]["joints2d_px"]["clip"] == "another"
    json.dumps(fields, allow_nan=False)
    assert ClipResults({}).good


def test_clips_are_found_in_order_or_evenly_spread(tmp_path):
    for number in range(10):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number}_info.mat").touch()
    (tmp_path / ".partial-x-1" / "b").mkdir(parents=True)
    (tmp_path / ".partial-x-1" / "b" / "torn_info.mat").touch()
    assert find_clips(tmp_path) == [f"a/{number}" for number in range(10)]
    assert find_clips(tmp_path, 3) == ["a/0", "a/3", "a/6"]
    assert len(find_clips(tmp_path, 99)) == 10
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="empty: no clip in it"):
        find_clips(tmp_path / "empty")
    with pytest.raises(BadInput, match="--count-clips 0"):
        find_clips(tmp_path, 0)


def run(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["synth", *map(str, arguments)])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.slow
def test_the_command_says_which_clips_are_bad(made, out, monkeypatch, capsys):
    stem = out / made.row.stem
    status, told, _ = run(monkeypatch, capsys, "check", out, "--workers", 1, "--strict")
    assert status == 0 and "1 clips checked, 0 bad, 0 files missing" in told
    Path(f"{stem}_depth.mat").unlink()
    (stem.parent / "torn.mp4").touch()
    status, told, _ = run(monkeypatch, capsys, "check", out, "--workers", 1)
    assert status == 0 and f"missing: {made.row.stem}_depth.mat" in told
    assert "torn_info.mat" in told
    assert run(monkeypatch, capsys, "check", out, "--workers", 1, "--strict")[0] == 1
    rewrite(Path(f"{stem}_info.mat"), mirrored)
    status, told, _ = run(monkeypatch, capsys, "check", out, "--workers", 1, "--json")
    assert status == 1
    assert "R is 2 from" in json.loads(told)["bad"][made.row.stem][0]
    status, _, complaint = run(monkeypatch, capsys, "check", out / "nowhere")
    assert status == 1 and "nowhere: no such folder" in complaint
