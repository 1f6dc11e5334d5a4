"""How far a film set is: over shards, hosts and ledgers, with live and stale claims, changing nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth.clips.channel_files import clip_files
from synth.clips.clip import is_published, published_stems
from synth.films.ledger import FOLDER, LedgerLine, read_ledger
from synth.films.progress import film_progress
from synth.plans.plan_row import write_plan
from tests.synth.cli.running import refusal, run, succeed
from tests.synth.film_clip import make_row
from tests.synth.small_film_set import ROOT

CLIPS, FRAMES, SIZE = 20, 6, 1000
HOLD = """
import socket, sys
from pathlib import Path
from types import SimpleNamespace
socket.gethostname = lambda: sys.argv[2]
from synth.films import clip_claims
clip_claims.is_published = lambda out, row: False
claims = clip_claims.ClipClaims(Path(sys.argv[1]))
for stem in sys.argv[3:]:
    print(claims.claim(SimpleNamespace(stem=stem)).name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def rows(body):
    row = make_row(body, frames=FRAMES)
    return [replace(row, stem=f"train/run0/01_01/01_01_c{n:04d}", clip=n) for n in range(CLIPS)]


@pytest.fixture
def out(tmp_path, rows) -> Path:
    write_plan(tmp_path / "plan.jsonl", rows)
    return tmp_path


def publish(out: Path, row) -> None:
    stem = out / row.stem
    stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix in clip_files(row.channels, row.layout):
        (stem.parent / (stem.name + suffix)).write_bytes(b"x")


def line(row, *, ago: float, seconds: float = 30.0, reason: str | None = None) -> LedgerLine:
    """A try that ended `ago` seconds ago."""
    end = datetime.now(UTC) - timedelta(seconds=ago)
    return LedgerLine(
        stem=row.stem,
        state="failed" if reason else "done",
        attempt=1,
        reason=reason,
        seconds=seconds,
        render_seconds=0.0,
        frames=row.frames,
        bytes=0 if reason else SIZE,
        worker="node:7",
        time=end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def write_ledger(out: Path, name: str, lines: list[LedgerLine]) -> Path:
    path = out / FOLDER / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(vars(one)) + "\n" for one in lines)
    return path


@contextmanager
def claimed(out: Path, host: str, *stems: str) -> Iterator[subprocess.Popen]:
    """A process of a host of that name, which is at the clips."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out), host, *stems],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        for _ in stems:
            assert process.stdout.readline() == b"OURS\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def snapshot(out: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(out)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in out.rglob("*")
    }


def test_shards_hosts_and_claims_are_counted_together_and_nothing_is_changed(out, rows):
    for row in rows[:8]:
        publish(out, row)
    write_ledger(out, "node1-1of2.jsonl", [line(row, ago=7200) for row in rows[0:4:2]])
    write_ledger(out, "node2-2of2.jsonl", [line(row, ago=60) for row in rows[1:7:2]])
    failed = [
        line(rows[8], ago=50, reason=f"took longer than 40 s ({rows[8].stem}.amc, line 12)"),
        line(rows[9], ago=40, reason=f"took longer than 50 s ({rows[9].stem}.amc, line 7)"),
        line(rows[10], ago=30, reason="its process was ended by SIGSEGV"),
        line(rows[0], ago=7300, reason="a first try, which the second made good"),
        line(rows[11], ago=20, reason="a try whose clip is claimed again"),
    ]
    write_ledger(out, "node2-2of2.jsonl", failed)
    with (
        claimed(out, "node1", rows[11].stem, rows[12].stem),
        claimed(out, "node2", rows[13].stem),
        claimed(out, "node3", rows[14].stem) as killed,
    ):
        killed.kill()
        killed.wait()
        before = snapshot(out)
        progress = film_progress(out, window=600)
        assert snapshot(out) == before
    assert (progress.clips, progress.frames) == (CLIPS, CLIPS * FRAMES)
    assert (progress.completed, progress.completed_frames) == (8, 8 * FRAMES)
    suffixes = len(clip_files(rows[0].channels, rows[0].layout))
    assert progress.bytes == 5 * SIZE + 3 * suffixes  # three clips have no line: their files
    assert progress.failed == 3
    assert [(kind.clips, kind.example) for kind in progress.failures] == [
        (2, rows[8].stem),
        (1, rows[10].stem),
    ]
    assert [(host.host, host.clips) for host in progress.active] == [("node1", 2), ("node2", 1)]
    assert all(0 <= host.latest <= host.oldest < 60 for host in progress.active)
    assert len(progress.stale) == 1 and progress.stale[0] == f"node3:{killed.pid}"
    assert progress.waiting == CLIPS - 8 - 3 - 3
    shards = [(s.host, s.shard, s.planned, s.completed, s.failed) for s in progress.shards]
    assert shards == [("node1", "1/2", 10, 2, 0), ("node2", "2/2", 10, 3, 4)]
    assert progress.damaged == ()


def test_the_rate_is_that_of_the_window_and_pauses_do_not_count(out, rows):
    for row in rows[:10]:
        publish(out, row)
    # Two at a time for 100 s, long ago; then one at a time, 20 s each, up to now.
    earlier = [line(row, ago=5000, seconds=100) for row in rows[:4]]
    later = [line(row, ago=100 - 20 * n, seconds=20) for n, row in enumerate(rows[4:10])]
    write_ledger(out, "node.jsonl", earlier + later)
    progress = film_progress(out, window=60)
    assert progress.recent.seconds == 60
    assert progress.recent.frames == pytest.approx(4 * FRAMES / 60, rel=0.3)  # 3 or 4 clips
    assert progress.overall.seconds == pytest.approx(100 + 120, abs=2)
    assert progress.overall.clips == pytest.approx(10 / 220, rel=0.02)
    assert progress.left == pytest.approx(10 * FRAMES / progress.recent.frames)
    assert progress.left_bytes == pytest.approx(10 * SIZE)
    write_ledger(out, "node.jsonl", [])
    quiet = film_progress(out, window=1e-3)
    assert quiet.recent is None
    assert quiet.left == pytest.approx(10 * FRAMES / quiet.overall.frames)


def test_a_young_set_has_its_rate_since_it_began(out, rows):
    publish(out, rows[0])
    write_ledger(out, "node.jsonl", [line(rows[0], ago=0, seconds=10)])
    assert film_progress(out, window=900).recent.seconds == pytest.approx(10, abs=3)


def test_damaged_lines_are_named_and_passed_over(out, rows):
    publish(out, rows[0])
    path = write_ledger(out, "node.jsonl", [line(rows[0], ago=5)])
    whole = path.read_text()
    fields = json.loads(whole)
    path.write_text(
        whole
        + whole[:50]
        + "\n"
        + json.dumps({**fields, "time": "2019-13-01T00:00:00Z"})
        + "\n"
        + json.dumps({**fields, "time": "2019-12-01T00:00:00"})
        + "\n"
        + json.dumps({**fields, "seconds": -1})
        + "\n"
    )
    progress = film_progress(out)
    assert progress.completed == 1 and progress.bytes == SIZE
    assert len(progress.damaged) == 4
    for number, reason in enumerate(progress.damaged, 2):
        assert reason.startswith(f"{path}, line {number}: ")
    assert "a time as 2019-06-16T09:30:00Z" in progress.damaged[1]
    assert len(list(read_ledger(out))) == 1
    result = succeed("status", out)
    assert result.output.count("damaged: ") == 4 and "passed over" in result.output
    assert run("status", out, "--strict").exit_code == 1
    assert succeed("status", out, "--json").exit_code == 0


def test_the_command_says_what_the_json_holds(out, rows):
    for row in rows[:5]:
        publish(out, row)
    write_ledger(out, "node.jsonl", [line(row, ago=10) for row in rows[:5]])
    write_ledger(out, "node.jsonl", [line(rows[6], ago=5, reason="no room for it")])
    with claimed(out, "node9", rows[7].stem):
        said = succeed("status", out).output
        fields = json.loads(succeed("status", out, "--json").output)
    assert "done: 5 of 20 clips, 30 of 120 frames" in said
    assert f"1 as {rows[6].stem}: no room for it" in said
    assert "1 on node9, the oldest for" in said and "waiting: 13" in said
    assert "node: 5 done, 1 failed" in said and "left: about" in said
    assert (fields["completed"], fields["failed"], fields["waiting"]) == (5, 1, 13)
    assert fields["active"][0]["host"] == "node9"


def test_published_stems_are_those_that_are_published_one_by_one(out, rows):
    for row in rows[:3]:
        publish(out, row)
    (out / f"{rows[1].stem}_info.mat").unlink()
    os.replace(out / f"{rows[2].stem}.mp4", out / f"{rows[3].stem}.mp4")
    expected = {row.stem for row in rows if is_published(out, row)}
    assert published_stems(out, rows) == expected == {rows[0].stem}


def test_a_folder_without_a_plan_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"plan\.jsonl: no such file; expected a folder that"):
        film_progress(tmp_path)
    assert "expected a time as 8h" in refusal("status", tmp_path, "--window", "soon")
