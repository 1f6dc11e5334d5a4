"""`synth motions`: the table, its filters, JSON, verdicts, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mocap.files import cache_folder
from synth.cli import cli
from tests.mocap import motion_files as made
from tests.synth.films.test_films import texture_folder

INDEX = "motion,subject,trial,subject_title,description,framerate_fps,fps_source\n"


@pytest.fixture
def folder(tmp_path, body, monkeypatch) -> Path:
    """A good waving motion, a clapping one with a flip, and a file that is damaged."""
    cache = tmp_path / "cache"
    cache.mkdir()
    for path in cache_folder().glob("free_body*.npz"):
        (cache / path.name).symlink_to(path)
    monkeypatch.setenv("SURREALPP_CACHE", str(cache))
    folder = tmp_path / "motions"
    made.write_acclaim(folder, "80_01", made.arm_angles(90, 60.0))
    made.write_acclaim(folder, "80_02", made.arm_angles(150, 60.0, flip_at=40))
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT hip\n")
    rows = "80_01,80,1,tests,wave,60,x\n80_02,80,2,tests,clap,60,x\n"
    (folder / "motion_index.csv").write_text(INDEX + rows)
    return folder


def run(*words: str):
    return CliRunner().invoke(cli, ["motions", *map(str, words)])


def test_the_table_lists_motions_and_reports_what_cannot_be_used(folder):
    done = run(folder)
    assert done.exit_code == 0
    head, first, second, counts = done.stdout.splitlines()
    columns = ["motion", "subject", "category", "fps", "seconds", "verdict", "description"]
    assert head.split() == columns
    assert first.split() == ["80_01", "80", "wave", "60", "1.5", "-", "wave"]
    assert second.split() == ["80_02", "80", "clap", "60", "2.5", "-", "clap"]
    assert counts == "2 motions: clap 1, wave 1"
    assert "broken.bvh" in done.stderr and "1 files skipped" in done.stderr
    assert run(folder, "--strict").exit_code == 1
    (folder / "broken.bvh").unlink()
    assert run(folder, "--strict").exit_code == 0


def test_filters_choose_and_refuse_what_is_not_there(folder):
    assert "80_02" not in run(folder, "--category", "wave").stdout
    assert "2 motions" in run(folder, "--category", "wave", "--category", "clap").stdout
    assert "80_01" not in run(folder, "--min-seconds", "2").stdout
    assert run(folder, "--subject", "80").exit_code == 0
    wrong = run(folder, "--subject", "81")
    assert wrong.exit_code != 0 and "subject 81" in str(wrong.exception)
    assert run(folder, "--verdict", "perhaps").exit_code == 2


def test_a_check_judges_and_the_verdicts_stay(folder):
    done = run(folder, "--check", "--workers", "1")
    assert done.exit_code == 0 and "1 good, 1 bad, 0 not looked at" in done.stdout
    assert "flip: left_shoulder" in done.stdout
    rows = json.loads(run(folder, "--json").stdout)["motions"]
    assert [row["verdict"]["good"] for row in rows] == [True, False]
    assert rows[1]["verdict"]["reasons"][0]["defect"] == "flip"
    bad = run(folder, "--verdict", "bad")
    assert "80_02" in bad.stdout and "80_01" not in bad.stdout


def test_bad_motions_are_left_out_of_plans_and_named(folder, tmp_path, body):
    textures = texture_folder(tmp_path / "textures", body.uv_layout)
    words = ["plan", "--motions", folder, "--textures", textures, "--workers", "1"]
    words += ["--count-clips", "4", "--frames", "10", "--out", tmp_path / "plan.jsonl"]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    (left,) = [line for line in done.stderr.splitlines() if "80_02.amc" in line]
    assert left.startswith("left out: ") and "flip: left_shoulder" in left
    plan = (tmp_path / "plan.jsonl").read_text().splitlines()
    assert {json.loads(line)["sequence"] for line in plan} == {"80_01"} and len(plan) == 4
