"""checksums.jsonl: of every file, the same whatever wrote it, and what is changed on disk is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from synth.clips.channel_files import clip_files
from synth.clips.clip import publish
from synth.films.checksums import CHECKSUMS, clip_checksums, verify_checksums, write_checksums
from synth.films.film_set import end_film_set
from synth.films.ledger import Ledger, LedgerLine, now
from tests.synth.cli.running import refusal, run, succeed
from tests.synth.film_clip import make_clip

CLIPS = 4


@pytest.fixture(scope="module")
def films(body, tmp_path_factory):
    """Four clips, of which the ledger knows two, and their rows."""
    folder = tmp_path_factory.mktemp("films")
    made, rows = make_clip(body, frames=2, channels=("depth", "segm"), layout="compact"), []
    for n in range(CLIPS):
        clip = replace(made, row=replace(made.row, stem=f"train/run0/a/a_c{n:04d}", clip=n))
        clip.write(folder / "partial")
        publish(folder / "partial", folder, clip.row)
        rows.append(clip.row)
        if n < 2:
            Ledger(folder, shard=(n + 1, 2)).append(line(folder, clip.row))
    shutil.rmtree(folder / "partial")
    end_film_set(folder, rows)
    return folder, rows


@pytest.fixture
def copy(films, tmp_path):
    shutil.copytree(films[0], tmp_path / "films")
    return tmp_path / "films", films[1]


def line(folder: Path, row, **changes) -> LedgerLine:
    sums = clip_checksums(folder / row.stem, row) | changes
    return LedgerLine(row.stem, "done", 1, None, 1.0, 0.5, 2, 1000, "host:1", now(), checksums=sums)


def test_every_file_of_every_clip_has_its_sha256_in_the_order_of_the_plan(films):
    folder, rows = films
    lines = [json.loads(text) for text in (folder / CHECKSUMS).read_text().splitlines()]
    assert [entry["path"] for entry in lines] == [row.stem for row in rows]
    files = {path for path in (folder / "train").rglob("*") if path.is_file()}
    listed = {
        folder / (entry["path"] + end): digest
        for entry in lines
        for end, digest in entry["files"].items()
    }
    assert set(listed) == files and len(files) == CLIPS * len(
        clip_files(("depth", "segm"), "compact")
    )
    for path, digest in listed.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_the_same_bytes_come_of_the_ledger_of_the_files_and_of_the_file_itself(copy):
    folder, rows = copy
    expected = (folder / CHECKSUMS).read_bytes()
    for keep in ({"ledger"}, {CHECKSUMS}, set()):
        for name in {"ledger", CHECKSUMS} - keep:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).unlink(missing_ok=True) if name == CHECKSUMS else None
        write_checksums(folder, rows)
        assert (folder / CHECKSUMS).read_bytes() == expected
    write_checksums(folder, rows[:3])  # as a run with a part of the plan has it
    assert (folder / CHECKSUMS).read_bytes() == b"".join(expected.splitlines(keepends=True)[:3])


def test_the_ledger_is_believed_and_not_the_files_which_may_have_rotted_since(copy):
    folder, rows = copy
    expected = (folder / CHECKSUMS).read_bytes()
    (folder / CHECKSUMS).unlink()
    film = folder / f"{rows[0].stem}.mp4"
    film.write_bytes(film.read_bytes() + b"rot")
    write_checksums(folder, rows)
    assert (folder / CHECKSUMS).read_bytes() == expected
    assert verify_checksums(folder).changed == (f"{rows[0].stem}.mp4",)


def test_a_later_try_replaces_an_earlier_ones_checksums(copy):
    folder, rows = copy
    other = "0" * 64
    Ledger(folder, shard=(2, 2)).append(
        replace(line(folder, rows[0], **{".mp4": other}), time="2019-06-16T09:30:00Z")
    )
    assert verify_checksums(folder).changed == ()  # an older one
    Ledger(folder, shard=(2, 2)).append(line(folder, rows[0], **{".mp4": other}))
    assert verify_checksums(folder).changed == (f"{rows[0].stem}.mp4",)


@pytest.mark.parametrize("damage", ["bit", "cut", "longer", "swapped"])
def test_a_changed_byte_of_any_file_is_named(copy, damage):
    folder, rows = copy
    for end in clip_files(rows[2].channels, rows[2].layout):
        path = folder / (rows[2].stem + end)
        data = path.read_bytes()
        middle = len(data) // 2
        path.write_bytes(
            {
                "bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                "cut": data[:-1],
                "longer": data + b"\0",
                "swapped": (folder / (rows[2].stem + ".mp4")).read_bytes()[::-1],
            }[damage]
        )
        report = verify_checksums(folder)
        assert report.changed == (rows[2].stem + end,) and not report.missing
        path.write_bytes(data)
    assert verify_checksums(folder).changed == ()


def test_the_command_names_what_is_changed_missing_or_without_checksums(copy):
    folder, rows = copy
    assert (
        f"{CLIPS} clips compared, 0 changed, 0 missing"
        in succeed("check", folder, "--checksums").output
    )
    (folder / f"{rows[0].stem}.mp4").write_bytes(b"x")
    (folder / f"{rows[1].stem}_info.mat").unlink()
    text = (folder / CHECKSUMS).read_text().splitlines(keepends=True)
    (folder / CHECKSUMS).write_text("".join(text[:3]) + text[3][:40] + "\n")
    result = run("check", folder, "--checksums", "--json")
    fields = json.loads(result.stdout[result.stdout.index("{") :])
    assert result.exit_code == 1
    assert fields["changed"] == [f"{rows[0].stem}.mp4"]
    assert fields["missing"] == [f"{rows[1].stem}_info.mat"]
    assert fields["unlisted"] == [rows[3].stem]
    assert fields["damaged"][0].startswith(f"{folder / CHECKSUMS}, line 4: ")
    said = run("check", folder, "--checksums").output
    assert f"changed: {folder / rows[0].stem}.mp4" in said
    assert "1 clips without checksums" in said
    assert "--picture: shows what" in refusal("check", folder, "--checksums", "--picture", "x.jpg")


def test_clips_without_checksums_are_an_error_under_strict_alone(copy):
    folder, _rows = copy
    text = (folder / CHECKSUMS).read_text().splitlines(keepends=True)
    (folder / CHECKSUMS).write_text("".join(text[:3]))
    assert run("check", folder, "--checksums").exit_code == 0
    assert run("check", folder, "--checksums", "--strict").exit_code == 1
