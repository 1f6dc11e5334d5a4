"""Films by any number of workers, shards and a Ray cluster: the same bytes; and what stops a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth import cli
from synth.films import render_videos as films
from synth.films.ledger import read_ledger, read_ledger_files
from synth.films.progress import film_progress
from synth.films.render_videos import predict_videos, render_videos
from synth.films.run_options import RunOptions
from synth.plans.plan_row import read_plan, write_plan
from tests.synth import worker_tasks
from tests.synth.small_film_set import (
    clip_contents,
    command,
    open_set,
    plan_set,
    start,
    write_inputs,
)

CLIPS = 12
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory, body) -> Path:
    folder = tmp_path_factory.mktemp("running")
    write_inputs(folder, body)
    return folder


@pytest.fixture(scope="module")
def inputs(folder):
    return open_set(folder)


@pytest.fixture(scope="module")
def rows(inputs):
    return plan_set(inputs, clips=CLIPS)


@pytest.fixture(scope="module")
def whole(folder, inputs, rows) -> Path:
    """The films of one worker."""
    out = folder / "whole"
    summary = render_videos(rows, inputs, out, RunOptions(workers=1))
    assert (summary.rendered, summary.already, summary.left, summary.failures) == (CLIPS, 0, 0, ())
    return out


def assert_same(out: Path, whole: Path) -> None:
    """The same clips, byte for byte, the same plan and a complete index; nothing else but a ledger."""
    assert clip_contents(out) == clip_contents(whole)
    for name in ("plan.jsonl", "clips.jsonl", "checksums.jsonl", "conventions.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}


@pytest.mark.parametrize(
    "options",
    [RunOptions(workers=2), RunOptions(workers=4), RunOptions(workers=2, ray="local")],
    ids=["2 workers", "4 workers", "Ray"],
)
def test_any_pool_makes_the_same_bytes(tmp_path, inputs, rows, whole, options):
    if options.ray:
        pytest.importorskip("ray")
    summary = render_videos(rows, inputs, tmp_path, options)
    assert summary.rendered == CLIPS
    assert_same(tmp_path, whole)
    lines = list(read_ledger(tmp_path))
    assert sorted(line.stem for line in lines) == sorted(row.stem for row in rows)
    assert {(line.state, line.attempt, line.reason) for line in lines} == {("done", 1, None)}
    sizes = {
        line.stem: sum(
            path.stat().st_size
            for path in (tmp_path / line.stem).parent.iterdir()
            if path.name.startswith(Path(line.stem).name)
        )
        for line in lines
    }
    assert {line.stem: line.bytes for line in lines} == sizes
    assert len({line.worker for line in lines}) >= 2


def test_shards_that_run_at_the_same_time_make_the_same_bytes(tmp_path, folder, rows, whole):
    out = tmp_path / "out"
    shards = [
        start(command(folder, rows, out, "--shard", f"{k}/2", "--workers", 1)) for k in (1, 2)
    ]
    assert [shard.wait() for shard in shards] == [0, 0]
    assert_same(out, whole)
    assert len(list((out / "ledger").iterdir())) == 2


def test_two_runs_in_one_folder_share_the_clips_and_leave_nothing_behind(
    tmp_path, folder, rows, whole
):
    out = tmp_path / "out"
    for leftover in (".partial-elsewhere-7-abc", ".partial-old-8"):  # of machines that are gone
        (out / leftover / "clip").mkdir(parents=True)
    arguments = command(folder, rows, out, "--workers", 1)
    runs = [start(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert_same(out, whole)
    lines = [line.stem for line in read_ledger(out)]
    assert sorted(lines) == sorted(row.stem for row in rows)  # each was made once
    made = [int(text.split()[0]) for text in said]
    assert sum(made) == CLIPS and all(" 0 failed" in text for text in said)


def test_runs_of_two_hosts_one_of_which_is_killed_make_no_clip_twice(tmp_path, folder, rows, whole):
    out = tmp_path / "out"
    host = "import socket; socket.gethostname = lambda: {name!r}; "
    runs = []
    for name in ("node1", "node2"):
        program, flag, code, *words = command(folder, rows, out, "--workers", 1)
        runs.append(start([program, flag, host.format(name=name) + code, *words]))
    while not list(read_ledger(out)):
        time.sleep(0.05)
    os.killpg(runs[0].pid, signal.SIGKILL)
    assert runs[0].wait() == -signal.SIGKILL and runs[1].wait() == 0
    assert clip_contents(out) == clip_contents(whole)
    assert (out / "checksums.jsonl").read_bytes() == (whole / "checksums.jsonl").read_bytes()
    lines = [line.stem for line in read_ledger(out)]
    # A kill may come between a clip's publishing and its line.
    assert len(lines) == len(set(lines)) and CLIPS - 1 <= len(lines) <= CLIPS
    assert {file.host for file in read_ledger_files(out)} <= {"node1", "node2"}
    progress = film_progress(out)
    assert (progress.completed, progress.active, progress.stale) == (CLIPS, (), ())


def test_a_clip_beyond_its_limit_is_ended_and_the_others_are_made(
    tmp_path, inputs, rows, whole, monkeypatch
):
    hanging = rows[2].stem
    monkeypatch.setenv("HANG_ON", hanging)
    monkeypatch.setattr(films, "open_film_worker", worker_tasks.open_hanging_film_worker)
    said = []
    options = RunOptions(workers=2, clip_limit=40.0)
    summary = render_videos(rows, inputs, tmp_path, options, report=said.append)
    assert (summary.rendered, len(summary.failures)) == (CLIPS - 1, 1)
    assert said == [
        f"failed: {hanging}: took longer than 40 s, its limit, and was ended; give more with "
        "--clip-limit if the clip needs it"
    ]
    monkeypatch.undo()
    assert render_videos(rows, inputs, tmp_path, RunOptions(workers=2)).rendered == 1
    assert_same(tmp_path, whole)


def test_a_worker_that_crashes_on_one_clip_fails_that_clip_only(
    tmp_path, inputs, rows, whole, monkeypatch
):
    crashing = rows[3].stem
    monkeypatch.setenv("CRASH_ON", crashing)
    monkeypatch.setattr(films, "open_film_worker", worker_tasks.open_crashing_film_worker)
    said = []
    summary = render_videos(rows, inputs, tmp_path, RunOptions(workers=2), report=said.append)
    assert (summary.rendered, len(summary.failures)) == (CLIPS - 1, 1)
    assert len(said) == 1 and said[0].startswith(
        f"failed: {crashing}: its process was ended by SIGSEGV"
    )
    failed = [line for line in read_ledger(tmp_path) if line.state == "failed"]
    assert [(line.stem, line.attempt) for line in failed] == [(crashing, 1), (crashing, 2)]
    assert "SIGSEGV" in failed[0].reason
    index = (tmp_path / "clips.jsonl").read_text().splitlines()
    assert crashing not in [json.loads(line)["path"] for line in index]

    # The next run tries it again, and it alone.
    monkeypatch.undo()
    again = render_videos(rows, inputs, tmp_path, RunOptions(workers=2))
    assert (again.rendered, again.already) == (1, CLIPS - 1)
    assert_same(tmp_path, whole)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of a given size; skips where this user may not."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted: {done.stderr.decode().strip()}")
        return place

    yield mount
    while place.is_mount() and not subprocess.run(["umount", "-l", place]).returncode:
        pass  # one mount may lie over another


def run(arguments) -> tuple[int, list[str]]:
    """Exit status and the error lines of a command."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.returncode, [s for s in done.stderr.splitlines() if not s.startswith("\rfilming")]


def test_a_disk_that_fills_up_stops_the_run_in_one_line_and_the_next_goes_on(
    folder, rows, whole, small_disk
):
    disk = small_disk("size=700k")
    out = disk / "out"
    arguments = command(folder, rows, out, "--workers", 2)
    status, lines = run(arguments)
    assert status == 1
    assert [line for line in lines if "Error" in line] == lines[-1:]
    assert f"{out.resolve()}: the disk is full (" in lines[-1]
    assert "run the same command again to go on" in lines[-1]
    there = clip_contents(out)
    assert 0 < sum(name.endswith("_info.mat") for name in there) < CLIPS
    expected = clip_contents(whole)
    assert all(expected[name] == data for name, data in there.items())  # no file is torn
    assert {path.name for path in out.iterdir()} <= {path.name for path in whole.iterdir()}

    # Now that the first clips tell what a clip takes, the rest is refused before it is begun: also when
    # not a byte is free, and when there was no room for a line in the ledger.
    rest = disk / "filler"
    with suppress(OSError), rest.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    for ledger in (True, False):
        if not ledger:
            shutil.rmtree(out / "ledger", ignore_errors=True)
        status, lines = run(arguments)
        assert status == 1 and "the clips will take about" in lines[-1]

    rest.unlink()
    subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
    assert run(arguments)[0] == 0
    assert_same(out, whole)


def test_a_disk_that_becomes_read_only_stops_the_run_in_one_line(
    inputs, rows, small_disk, monkeypatch
):
    disk = small_disk("size=50m")
    monkeypatch.setenv("READ_ONLY_AFTER", str(disk))
    monkeypatch.setattr(films, "open_film_worker", worker_tasks.open_film_worker_on_failing_disk)
    with pytest.raises(BadInput, match="the file system is read-only"):
        render_videos(rows, inputs, disk / "out", RunOptions(workers=1))


def test_a_read_only_disk_is_refused_before_anything_is_looked_at(
    small_disk, tmp_path, monkeypatch, capsys
):
    disk = small_disk("size=1m,ro")
    line = error_of(
        monkeypatch,
        capsys,
        "--motions",
        tmp_path,
        "--textures",
        tmp_path,
        "--out",
        disk / "a" / "b",
    )
    assert line == f"Error: --out {disk / 'a' / 'b'}: {disk} is read-only; choose another --out"


def error_of(monkeypatch, capsys, *arguments: object) -> str:
    """The one line on stderr of a command that fails."""
    monkeypatch.setattr(sys, "argv", ["synth", "render-videos", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--device", "optix"), "--device optix: Blender finds no OPTIX device on this machine"),
        (("--plan", "{tmp}/old.jsonl"), "{tmp}/old.jsonl, line 2: a plan of version 1, expected"),
        (
            ("--plan", "{tmp}/gpu.jsonl", "--out", "{tmp}/file/out"),
            "{tmp}/file is a file, expected",
        ),
        (("--plan", "{tmp}/gpu.jsonl", "--budget", "1s"), "not one of 12 clips fits --budget"),
        (("--ray", "local"), "--ray: Ray cannot be imported"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_a_run_cannot_do_is_one_line(folder, rows, tmp_path, monkeypatch, capsys, more, words):
    if more[-1] == "optix" and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has what is asked for")
    write_plan(tmp_path / "old.jsonl", [rows[0], replace(rows[1], version=1), *rows[2:]])
    write_plan(tmp_path / "gpu.jsonl", rows)
    (tmp_path / "file").write_text("")
    if "--ray" in more:
        monkeypatch.setitem(sys.modules, "ray", None)
    arguments = {"--motions": folder / "motions", "--textures": folder / "textures"}
    arguments["--out"] = tmp_path / "out"
    more = [part.format(tmp=tmp_path) for part in more]
    arguments |= dict(zip(more[::2], more[1::2]))
    line = error_of(monkeypatch, capsys, *(part for pair in arguments.items() for part in pair))
    assert line.startswith("Error: ") and words.format(tmp=tmp_path) in line
    assert not list(tmp_path.glob("out/t*/*/*"))  # no clip


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--budget", "8 hours", "--budget 8 hours: expected a time as 8h, 90m, 2d"),
        ("--max-gb", "0", "0.0 is not in the range x>0"),
        ("--max-gb", "nan", "nan is not a finite number"),
        ("--workers", "0", "0 is not in the range x>=1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_options_name(
    folder, tmp_path, monkeypatch, capsys, option, value, words
):
    arguments = ["render-videos", "--motions", folder / "motions", "--textures", tmp_path / "none"]
    arguments += ["--out", tmp_path / "out", option, value]
    monkeypatch.setattr(sys, "argv", ["synth", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"Error: Invalid value for '{option}': ") and words in last
    assert not (tmp_path / "out").exists()


def test_the_device_is_refused_for_an_engine_that_has_none(tmp_path, inputs, rows):
    with pytest.raises(BadInput, match="--device cuda: the raster engine works on the cpu"):
        render_videos(rows, inputs, tmp_path / "out", RunOptions(device="cuda"))
    assert not (tmp_path / "out").exists()


def test_a_part_of_the_plan_is_made_and_the_rest_left_to_the_next_run(
    tmp_path, inputs, rows, whole
):
    size = sum(map(len, clip_contents(whole).values())) / CLIPS
    said = []
    options = RunOptions(workers=2, room=5.5 * size)
    summary = render_videos(rows, inputs, tmp_path, options, report=said.append)
    assert said[0].startswith(f"{summary.rendered} of {CLIPS} clips are predicted to fit --max-gb")
    assert 3 <= summary.rendered <= 7 and summary.left == CLIPS - summary.rendered
    assert sum(map(len, clip_contents(tmp_path).values())) < 7 * size
    categories = [row.category for row in rows if (tmp_path / f"{row.stem}_info.mat").exists()]
    assert abs(categories.count("wave") - categories.count("stretch")) <= 1
    assert read_plan(tmp_path / "plan.jsonl") == rows  # whole, whatever part was made
    rest = render_videos(rows, inputs, tmp_path, RunOptions(workers=2))
    assert (rest.rendered, rest.already) == (summary.left, summary.rendered)
    assert_same(tmp_path, whole)


def test_a_dry_run_predicts_and_leaves_nothing(
    folder, inputs, rows, tmp_path, whole, small_disk, monkeypatch, capsys
):
    out = tmp_path / "out"
    prediction = predict_videos(rows, inputs, out, RunOptions(workers=2))
    assert (prediction.clips, prediction.frames, prediction.workers) == (CLIPS, 4 * CLIPS, 2)
    actual = sum(map(len, clip_contents(whole).values()))
    assert prediction.bytes == pytest.approx(actual, rel=0.3)
    assert prediction.cost.clip > 0 and 0 < prediction.seconds < 600
    assert prediction.core_hours > 0 and prediction.jobs is None
    soon = predict_videos(rows, inputs, out, RunOptions(workers=1, budget=3600.0))
    assert (soon.jobs, soon.deadline) == (1, 3600.0)
    assert "within 60 minutes: 1 jobs with 1 worker each (--shard K/1" in str(soon)
    assert not out.exists()
    assert predict_videos(rows, inputs, whole, RunOptions(workers=2)) is None

    disk = small_disk("size=700k")
    arguments = command(folder, rows, disk / "out", "--dry-run", "--workers", 2)[3:]
    monkeypatch.setattr(sys, "argv", ["synth", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = capsys.readouterr()
    assert stop.value.code == 1
    assert "12 clips" in told.out and "clips to make (48 frames): about" in told.out
    assert "the clips will take about" in told.err.strip().splitlines()[-1]
    assert os.listdir(disk) == []


def test_runs_with_different_plans_in_one_folder_are_told_apart(tmp_path, inputs, rows):
    from synth.films.film_set import begin_film_set, end_film_set

    begin_film_set(tmp_path, rows)
    begin_film_set(tmp_path, [replace(row, seed=row.seed + 1) for row in rows])
    with pytest.raises(BadInput, match="a run with another plan"):
        end_film_set(tmp_path, rows)
