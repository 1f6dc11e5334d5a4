"""Claims of clips: one run has a clip, a dead run's claim holds nobody up, nothing is left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synth.clips.channel_files import clip_files
from synth.films.clip_claims import FOLDER, ClipClaims
from synth.workers.pool import Claim
from tests.synth.film_clip import make_row
from tests.synth.small_film_set import ROOT

HOLD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from synth.films import clip_claims
clip_claims.is_published = lambda out, row: False
claims = clip_claims.ClipClaims(Path(sys.argv[1]))
print(claims.claim(SimpleNamespace(stem=sys.argv[2])).name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def row(body):
    return make_row(body)


def publish(out, row):
    stem = out / row.stem
    stem.parent.mkdir(parents=True)
    for suffix in clip_files(row.channels, row.layout):
        (stem.parent / (stem.name + suffix)).touch()


def holder(out, row):
    """A process that has the clip."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out), row.stem],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"OURS\n"
    return process


def test_a_clip_of_another_run_is_busy_until_that_run_is_dead(tmp_path, row):
    process, said = holder(tmp_path, row), []
    with ClipClaims(tmp_path, report=said.append) as claims:
        assert claims.claim(row) is Claim.BUSY and claims.claim(row) is Claim.BUSY
        assert len(said) == 1 and f":{process.pid})" in said[0] and "another run" in said[0]
        process.kill()
        process.communicate()
        assert claims.claim(row) is Claim.OURS  # its file is still there
    assert not (tmp_path / FOLDER).exists()


def test_two_claims_of_this_process_exclude_each_other_until_release(tmp_path, row):
    with ClipClaims(tmp_path) as one, ClipClaims(tmp_path) as other:
        assert one.claim(row) is Claim.OURS and other.claim(row) is Claim.BUSY
        one.release(row)
        assert other.claim(row) is Claim.OURS and one.claim(row) is Claim.BUSY


def test_a_clip_that_was_published_meanwhile_is_done(tmp_path, row):
    published = []
    with ClipClaims(tmp_path, on_published=published.append) as claims:
        publish(tmp_path, row)
        assert claims.claim(row) is Claim.COMPLETED and published == [row]
    assert not (tmp_path / FOLDER).exists()


def test_a_clip_that_is_published_between_the_look_and_the_lock_is_done(tmp_path, row, monkeypatch):
    """The other run ended, and gave its lock up, after this one had looked for the clip."""
    published, looks = [], []

    def is_published(out, row):
        looks.append(row)
        return len(looks) > 1

    monkeypatch.setattr("synth.films.clip_claims.is_published", is_published)
    with ClipClaims(tmp_path, on_published=published.append) as claims:
        assert claims.claim(row) is Claim.COMPLETED and published == [row]
        with ClipClaims(tmp_path) as others:  # the lock was given up
            monkeypatch.setattr("synth.films.clip_claims.is_published", lambda out, row: False)
            assert others.claim(row) is Claim.OURS


def test_a_claim_of_a_run_that_works_outlives_the_end_of_another(tmp_path, row):
    process = holder(tmp_path, row)
    with ClipClaims(tmp_path):
        pass
    with ClipClaims(tmp_path) as claims:
        assert claims.claim(row) is Claim.BUSY
    process.communicate()
