"""Shards while filming: those that `synth pack` makes of the films, whatever made them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from mocap.errors import BadInput
from synth.films.ledger import read_ledger
from synth.films.packed_films import STORE
from synth.films.progress import film_progress
from synth.films.render_videos import render_videos
from synth.films.run_options import RunOptions
from synth.films.shard_plan import planned_shards
from synth.films.shard_store import RemoteStore, open_store
from tests.synth.cli.running import refusal
from tests.synth.films.conftest import CLIPS, PER_SHARD, contents
from tests.synth.small_film_set import clip_contents, command, start

pytestmark = pytest.mark.slow


def packing(store, **more) -> RunOptions:
    return RunOptions(workers=2, store=str(store), clips_per_shard=PER_SHARD, **more)


@pytest.mark.parametrize("kind", ["in place", "folder", "file", "memory"])
def test_shards_are_those_that_are_packed_of_whole_films(
    tmp_path, inputs, rows, shards, copies, kind
):
    out = tmp_path / "out"
    store = {
        "in place": str(out),
        "folder": str(tmp_path / "store"),
        "file": f"file://{tmp_path / 'store'}",
        "memory": f"memory://{tmp_path.name}/films",
    }[kind]
    summary = render_videos(rows, inputs, out, packing(store))
    assert (summary.rendered, summary.failures) == (CLIPS, ())
    assert contents(open_store(store)) == shards
    assert clip_contents(out) == {} and not (out / ".claims").exists()
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    assert open_store(store).read("plan.jsonl") == (out / "plan.jsonl").read_bytes()
    before = open_store(store).sizes()
    again = render_videos(rows, inputs, out, packing(store))
    assert (again.rendered, again.already) == (0, CLIPS)
    assert open_store(store).sizes() == before
    progress = film_progress(out)
    assert (progress.completed, progress.failed, progress.waiting) == (CLIPS, 0, 0)
    assert progress.bytes == pytest.approx(sum(len(d) for n, d in shards.items() if ".tar" in n))


def test_a_new_folder_knows_from_the_store_alone_what_is_up(tmp_path, inputs, rows, shards, copies):
    store = f"memory://{tmp_path.name}/known"
    first = render_videos(rows, inputs, tmp_path / "one", packing(store, shard=(1, 2)))
    assert 0 < first.rendered < CLIPS
    whole = render_videos(rows, inputs, tmp_path / "two", packing(store))
    assert (whole.rendered, whole.already) == (CLIPS - first.rendered, first.rendered)
    assert contents(open_store(store)) == shards


def test_jobs_of_an_array_with_folders_of_their_own_fill_one_store(
    tmp_path, inputs, rows, shards, copies
):
    counts = [
        render_videos(
            rows, inputs, tmp_path / f"node{k}", packing(tmp_path / "store", shard=(k, 2))
        ).rendered
        for k in (1, 2)
    ]
    assert sum(counts) == CLIPS and min(counts) > 0
    assert contents(open_store(str(tmp_path / "store"))) == shards
    assert len(list((tmp_path / "node2" / "ledger").glob("*-2of2.jsonl"))) == 1


def test_a_killed_run_goes_on_and_equal_runs_share_the_shards(tmp_path, folder, rows, shards):
    out = tmp_path / "out"
    more = ("--pack", "--count-clips-per-shard", PER_SHARD, "--workers", 1)
    arguments = command(folder, rows, out, *more)
    process = start(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list(out.glob("*.tar")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    up = {path: path.stat().st_mtime_ns for path in out.glob("*-0*.json")}
    assert up or list(out.glob("*.tar"))
    assert all(shards[path.name] == path.read_bytes() for path in out.glob("*.tar"))
    runs = [start(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert contents(open_store(str(out))) == shards
    assert {path: path.stat().st_mtime_ns for path in up} == up  # none was put up twice
    lines = [line.stem for line in read_ledger(out)]
    # A kill may come between a clip's publishing and its line.
    assert len(lines) == len(set(lines)) and CLIPS - 1 <= len(lines) <= CLIPS
    assert clip_contents(out) == {} and not (out / ".claims").exists()


def test_a_clip_that_failed_is_left_out_and_put_into_its_shard_by_a_later_run(
    tmp_path, inputs, rows, shards, copies
):
    failing = rows[1].stem
    copies.add(failing)
    out = tmp_path / "out"
    summary = render_videos(rows, inputs, out, packing(out), report=lambda line: None)
    assert (summary.rendered, len(summary.failures)) == (CLIPS - 1, 1)
    index = json.loads((out / "shards.json").read_text())
    assert index["clips"] == CLIPS - 1 and len(index["left_out"]) == 1
    assert index["left_out"][0].startswith(f"{failing}: RuntimeError: a fault of this clip")
    assert sorted(p for s in index["shards"] for p in s["positions"]) == list(range(CLIPS - 1))
    progress = film_progress(out)
    assert (progress.completed, progress.failed, progress.waiting) == (CLIPS - 1, 1, 0)
    short = contents(open_store(str(out)))
    with pytest.raises(BadInput, match="none of 1 clips could be made"):
        render_videos(rows, inputs, out, packing(out), report=lambda line: None)
    assert contents(open_store(str(out))) == short
    copies.clear()
    again = render_videos(rows, inputs, out, packing(out))
    assert (again.rendered, again.already) == (1, CLIPS - 1)
    assert contents(open_store(str(out))) == shards


def test_a_store_that_refuses_stops_the_run_and_what_is_torn_there_is_made_again(
    tmp_path, inputs, rows, shards, copies, monkeypatch
):
    store, out = f"memory://{tmp_path.name}/torn", tmp_path / "out"
    monkeypatch.setattr("synth.films.shard_store._PAUSES", (0.0,))
    upload, calls = RemoteStore.put, []

    def refuse(self, path, name):
        calls.append(name)
        if len(calls) > 1:
            raise BadInput(f"{store}: {name}: no")
        upload(self, path, name)

    monkeypatch.setattr(RemoteStore, "put", refuse)
    with pytest.raises(BadInput, match="no"):
        render_videos(rows, inputs, out, packing(store))
    monkeypatch.setattr(RemoteStore, "put", upload)
    up = open_store(store)
    (whole,) = [name for name in up.sizes() if name.endswith(".tar")]
    assert up.read(whole) == shards[whole]
    up.write(whole, shards[whole][:-100])  # as a store that does not write whole may leave it
    assert clip_contents(out) != {}
    summary = render_videos(rows, inputs, out, packing(store))
    assert summary.rendered >= PER_SHARD  # those of the torn one were no longer here
    assert contents(up) == shards


def test_what_cannot_be_is_refused_in_one_line(tmp_path, folder, inputs, rows, shards, copies):
    out = tmp_path / "out"
    with pytest.raises(BadInput, match="holds films that are not to be packed"):
        render_videos(rows, inputs, folder / "whole", packing(folder / "whole"))
    out.mkdir()
    shutil.copy(folder / "shards" / "train-000000.tar", out / "other-000000.tar")
    with pytest.raises(BadInput, match=r"holds other-000000\.tar, which this plan would not make"):
        render_videos(rows, inputs, out, packing(out))
    (out / "other-000000.tar").unlink()
    render_videos(rows, inputs, out, packing(out, shard=(1, 4)))
    assert (out / STORE).is_file()
    with pytest.raises(BadInput, match=r"its clips go to \. as shards; give --pack"):
        render_videos(rows, inputs, out, RunOptions(workers=1))
    with pytest.raises(BadInput, match="now asked for"):
        render_videos(rows, inputs, out, RunOptions(store=str(out), clips_per_shard=5))
    with pytest.raises(BadInput, match="another plan than that asked for"):
        render_videos(rows[:-1], inputs, out, packing(out))
    other = tmp_path / "other"
    with pytest.raises(BadInput, match=r"\.tar is of another plan"):
        render_videos(rows[::-1], inputs, other, packing(out))
    assert not other.exists()
    with pytest.raises(BadInput, match="--budget and --max-gb take their part"):
        render_videos(rows, inputs, other, packing(out, budget=10.0))
    for address in ("nosuch://bucket", "s4://bucket"):
        with pytest.raises(BadInput, match=f"{address}: cannot be opened"):
            render_videos(rows, inputs, tmp_path / "new", packing(address))


def test_the_command_refuses_what_belongs_to_packing_without_it(tmp_path, folder, rows):
    words = command(folder, rows, tmp_path / "out")[3:]
    assert words[0] == "render-videos"
    assert "--scratch: films stay in --out" in refusal(*words, "--scratch", tmp_path)
    assert "--count-clips-per-shard: films" in refusal(*words, "--count-clips-per-shard", 4)
    words[words.index("--out") + 1] = "memory://films"
    assert "--out memory://films: give --scratch" in refusal(*words)


def test_a_plans_shards_depend_on_its_rows_and_labels(rows):
    planned = planned_shards(rows, PER_SHARD)
    assert [row for shard in planned for row in shard.rows if row.split == "train"] == [
        row for row in rows if row.split == "train"
    ]
    assert all(len(shard.rows) <= PER_SHARD for shard in planned)
    assert len({shard.fingerprint for shard in planned}) == len(planned)
    one = [row for row in rows if row.category == rows[0].category]
    assert planned_shards(one, 1)[0].fingerprint != planned_shards(rows, 1)[0].fingerprint
