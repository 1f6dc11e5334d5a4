"""WebDataset shards: whole samples, the same bytes, and packing that goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from click.testing import CliRunner

import synth.clips.shards
from mocap.errors import BadInput
from synth.cli import cli
from synth.clips.clip import publish, read_clip, write_conventions, write_index
from synth.clips.shards import pack
from tests.synth.film_clip import make_clip

CLIPS = 5


@pytest.fixture(scope="module")
def films(body, tmp_path_factory) -> Path:
    """Five short clips, four to train on; one in SURREAL's layout."""
    folder = tmp_path_factory.mktemp("films")
    made, rows = make_clip(body, frames=2, channels=("depth", "segm"), layout="compact"), []
    for n in range(CLIPS):
        split = "val" if n == 3 else "train"
        name = f"0{n}_01"
        clip = replace(
            made,
            row=replace(
                made.row,
                stem=f"{split}/run0/{name}/{name}_c0001",
                sequence=name,
                split=split,
                category=("walk", "jump", "walk", "run", "jump")[n],
                layout="surreal" if n == 4 else "compact",
            ),
        )
        clip.write(folder / "partial")
        publish(folder / "partial", folder, clip.row)
        rows.append(clip.row)
    shutil.rmtree(folder / "partial")
    write_index(folder, rows)
    write_conventions(folder)
    return folder


def contents(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != ".packed.jsonl"}


def test_shards_hold_whole_samples_next_to_each_other(films, tmp_path):
    summary = pack(films, tmp_path / "out", clips_per_shard=3)
    index = json.loads((tmp_path / "out" / "shards.json").read_text())
    assert [shard["file"] for shard in index["shards"]] == [
        *("train-000000.tar", "train-000001.tar", "val-000000.tar"),
    ]
    assert [shard["clips"] for shard in index["shards"]] == [3, 1, 1]
    assert summary.clips == index["clips"] == CLIPS and index["frames"] == 2 * CLIPS
    assert index["categories"] == ["jump", "run", "walk"] and index["stand_in"] is True
    assert (tmp_path / "out" / "STAND_IN").is_file()
    assert (tmp_path / "out" / "conventions.json").read_bytes() == (
        films / "conventions.json"
    ).read_bytes()
    for shard in index["shards"]:
        data = (tmp_path / "out" / shard["file"]).read_bytes()
        assert shard["bytes"] == len(data) and shard["sha256"] == hashlib.sha256(data).hexdigest()
    first = contents(tmp_path / "out" / "train-000000.tar")
    kinds = ("mp4", "json", "cls", "info.mat", "mask.npz", "depth.npz", "segm.npz")
    keys = [f"train__run0__0{n}_01__0{n}_01_c0001" for n in (0, 1, 2)]
    assert list(first) == [f"{key}.{kind}" for key in keys for kind in kinds]
    stem = films / "train/run0/01_01/01_01_c0001"
    assert first[f"{keys[1]}.mp4"] == Path(f"{stem}.mp4").read_bytes()
    assert first[f"{keys[1]}.cls"] == b"0"
    line = json.loads(first[f"{keys[1]}.json"])
    assert line["path"] == "train/run0/01_01/01_01_c0001" and line["category"] == "jump"
    assert line["label"] == 0 and line["split"] == "train"
    last = contents(tmp_path / "out" / "train-000001.tar")
    assert {name.partition(".")[2] for name in last} == {
        *("mp4", "json", "cls", "info.mat", "depth.mat", "segm.mat"),
    }


def test_a_sample_taken_out_again_is_the_clip(films, tmp_path):
    pack(films, tmp_path / "out")
    data = contents(tmp_path / "out" / "train-000000.tar")
    key = "train__run0__02_01__02_01_c0001"
    stem = tmp_path / "clip"
    for name, content in data.items():
        if name.startswith(key):
            what = name.removeprefix(f"{key}.")
            end = f".{what}" if what == "mp4" else f"_{what}"
            Path(f"{stem}{end}").write_bytes(content)
    clip, whole = read_clip(stem), read_clip(films / "train/run0/02_01/02_01_c0001")
    assert np.array_equal(clip.frames, whole.frames)
    assert np.array_equal(clip.truth.depth, whole.truth.depth)
    assert np.array_equal(clip.truth.parts, whole.truth.parts)


def test_headers_hold_no_time_and_no_owner_and_bytes_repeat(films, tmp_path):
    pack(films, tmp_path / "a", clips_per_shard=2)
    pack(films, tmp_path / "b", clips_per_shard=2)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    with tarfile.open(tmp_path / "a" / "train-000000.tar") as tar:
        for entry in tar:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (
                0,
                0,
                0,
                "",
                "",
            )
            assert entry.isreg() and entry.mode == 0o644


def test_shards_stay_within_their_size(films, tmp_path):
    limit = 60_000
    pack(films, tmp_path / "out", shard_bytes=limit)
    shards = sorted((tmp_path / "out").glob("*.tar"))
    assert len(shards) > 2
    for shard in shards:
        clips = {name.partition(".")[0] for name in contents(shard)}
        assert shard.stat().st_size <= limit and clips
    pack(films, tmp_path / "tiny", shard_bytes=1)  # a clip is never cut
    assert len(list((tmp_path / "tiny").glob("*.tar"))) == CLIPS


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_interrupted_packing_goes_on_and_ends_with_the_same_bytes(
    films, tmp_path, monkeypatch, stop_after
):
    pack(films, tmp_path / "whole", clips_per_shard=1)
    write, calls = synth.clips.shards.write_shard, []

    def interrupted(path, shard, bar):
        calls.append(path)
        if len(calls) > stop_after:
            path.with_name(f".{path.stem}.0123abcd.partial.tar").write_bytes(b"half a shard")
            raise KeyboardInterrupt
        return write(path, shard, bar)

    monkeypatch.setattr(synth.clips.shards, "write_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(films, tmp_path / "out", clips_per_shard=1)
    assert not (tmp_path / "out" / "shards.json").exists()
    ledger = tmp_path / "out" / ".packed.jsonl"
    if stop_after == 2:  # killed while the ledger's last line was written
        ledger.write_bytes(ledger.read_bytes()[:-30])
    monkeypatch.setattr(synth.clips.shards, "write_shard", write)
    summary = pack(films, tmp_path / "out", clips_per_shard=1)
    assert summary.already == (1 if stop_after == 2 else stop_after)
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "whole")
    assert pack(films, tmp_path / "out", clips_per_shard=1).already == CLIPS


def test_a_clip_that_was_rendered_again_is_packed_again(films, tmp_path):
    shutil.copytree(films, tmp_path / "films")
    pack(tmp_path / "films", tmp_path / "out", clips_per_shard=1)
    changed = tmp_path / "films/train/run0/01_01/01_01_c0001_depth.npz"
    other = tmp_path / "films/train/run0/02_01/02_01_c0001_segm.npz"
    changed.write_bytes(other.read_bytes())
    summary = pack(tmp_path / "films", tmp_path / "out", clips_per_shard=1)
    assert summary.already == CLIPS - 1
    packed = contents(tmp_path / "out" / "train-000001.tar")
    assert packed["train__run0__01_01__01_01_c0001.depth.npz"] == other.read_bytes()


def test_other_clips_of_the_same_names_sizes_and_times_are_packed_and_said(films, tmp_path):
    """As a folder that was copied over the first with `cp -p` or rsync."""
    shutil.copytree(films, tmp_path / "films")
    arguments = ["pack", str(tmp_path / "films"), "--out", str(tmp_path / "out")]
    arguments += ["--count-clips-per-shard", "1"]
    first = CliRunner().invoke(cli, arguments)
    assert first.exit_code == 0 and "written again" not in first.output
    changed = tmp_path / "films/train/run0/01_01/01_01_c0001.mp4"
    stat, content = changed.stat(), bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    os.utime(changed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = CliRunner().invoke(cli, arguments)
    assert "1 shards that were there are written again" in second.output
    assert "have changed: train-000001.tar\n" in second.output
    packed = contents(tmp_path / "out" / "train-000001.tar")
    assert packed["train__run0__01_01__01_01_c0001.mp4"] == bytes(content)


def test_bad_clips_are_left_out_named_and_counted(films, tmp_path):
    shutil.copytree(films, tmp_path / "films")
    (tmp_path / "films/train/run0/00_01/00_01_c0001.mp4").unlink()
    (tmp_path / "films/train/run0/01_01/01_01_c0001_depth.npz").unlink()
    (tmp_path / "films/train/run0/02_01/02_01_c0001_info.mat").write_bytes(b"")
    index = tmp_path / "films" / "clips.jsonl"
    index.write_text(index.read_text() + '{"path": "a"}\n')
    arguments = ["pack", str(tmp_path / "films"), "--out", str(tmp_path / "out")]
    arguments += ["--channels", "depth"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "2 clips in 2 shards" in result.output and "4 clips left out" in result.output
    for reason in (
        *("00_01_c0001.mp4: no such file", "01_01_c0001: the channel depth is not there"),
        *("02_01_c0001_info.mat: found an empty file", "clips.jsonl, line 6: not a clip"),
    ):
        assert f"{reason}" in result.output
    packed = json.loads((tmp_path / "out" / "shards.json").read_text())
    assert packed["clips"] == 2 and len(packed["left_out"]) == 4
    assert packed["categories"] == ["jump", "run", "walk"]  # numbers of labels stay
    last = contents(tmp_path / "out" / "train-000000.tar")
    assert {name.partition(".")[0] for name in last} == {"train__run0__04_01__04_01_c0001"}
    assert last["train__run0__04_01__04_01_c0001.cls"] == b"0"
    assert CliRunner().invoke(cli, [*arguments, "--strict"]).exit_code == 1


def test_a_shard_damaged_at_equal_size_is_written_again(films, tmp_path):
    arguments = ["pack", str(films), "--out", str(tmp_path / "out"), "--count-clips-per-shard", "1"]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    whole = folder_bytes(tmp_path / "out")
    shard = tmp_path / "out" / "train-000001.tar"
    stat, content = shard.stat(), bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = CliRunner().invoke(cli, arguments)
    assert "have changed: train-000001.tar\n" in again.output
    assert folder_bytes(tmp_path / "out") == whole


def test_a_shard_that_was_copied_is_read_once_and_kept(films, tmp_path, monkeypatch):
    pack(films, tmp_path / "first", clips_per_shard=1)
    shutil.copytree(tmp_path / "first", tmp_path / "out")
    digest, hashed = hashlib.file_digest, []

    def counted(file, name):
        hashed.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert pack(films, tmp_path / "out", clips_per_shard=1).already == CLIPS
    assert len(hashed) == CLIPS
    assert pack(films, tmp_path / "out", clips_per_shard=1).already == CLIPS
    assert len(hashed) == CLIPS


def test_command_packs_a_split_without_channels(films, tmp_path):
    arguments = ["pack", str(films), "--out", str(tmp_path / "out"), "--split", "train"]
    result = CliRunner().invoke(cli, [*arguments, "--channels", "none", "--shard-size", "1e6"])
    assert result.exit_code == 0, result.output
    assert "4 clips in 1 shards (0 already there)" in result.output
    names = contents(tmp_path / "out" / "train-000000.tar")
    assert {name.partition(".")[2] for name in names} == {"mp4", "json", "cls", "info.mat"}


def test_bad_input_is_one_line_each(films, tmp_path):
    with pytest.raises(BadInput, match=r"clips\.jsonl: no such file"):
        pack(tmp_path, tmp_path / "out")
    with pytest.raises(BadInput, match="no clip in holiday; choose another --split"):
        pack(films, tmp_path / "out", splits=["holiday"])
    with pytest.raises(BadInput, match="the channel normal is not there"):
        pack(films, tmp_path / "out", channels=["normal"])
    with pytest.raises(BadInput, match="--count-clips-per-shard 0: expected at least 1"):
        pack(films, tmp_path / "out", clips_per_shard=0)
    pack(films, tmp_path / "out", clips_per_shard=2)
    with pytest.raises(BadInput, match=r"packed with .*clips_per_shard.* choose another --out"):
        pack(films, tmp_path / "out", clips_per_shard=3)
    (tmp_path / "out" / "photos.tar").write_bytes(b"")
    with pytest.raises(BadInput, match=r"holds photos\.tar"):
        pack(films, tmp_path / "out", clips_per_shard=2)
    shutil.copytree(films, tmp_path / "films")
    for film in (tmp_path / "films").rglob("*.mp4"):
        film.unlink()
    with pytest.raises(BadInput, match=r"00_01_c0001\.mp4: no such file.*all 5 clips"):
        pack(tmp_path / "films", tmp_path / "other")
    (tmp_path / "films" / "clips.jsonl").write_text('{"path": "a"}\n')
    with pytest.raises(BadInput, match=r"clips\.jsonl, line 1: not a clip"):
        pack(tmp_path / "films", tmp_path / "other")
    (tmp_path / "films" / "clips.jsonl").write_text("[1]\n")
    with pytest.raises(BadInput, match=r"clips\.jsonl, line 1: not a clip"):
        pack(tmp_path / "films", tmp_path / "other")
    result = CliRunner().invoke(cli, ["pack", str(films), "--out", "x", "--channels", "albedo"])
    assert result.exit_code == 2 and "'--channels': albedo: expected some of" in result.output


def test_two_clips_with_one_key_are_refused(films, tmp_path):
    shutil.copytree(films, tmp_path / "films")
    index = tmp_path / "films" / "clips.jsonl"
    index.write_text(index.read_text() + index.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadInput, match="two clips would have the key train__run0__00_01"):
        pack(tmp_path / "films", tmp_path / "out")


def test_a_full_disk_is_foreseen(films, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(BadInput, match=r"0\.0 GB free, expected at least"):
        pack(films, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.tar"))


def test_webdataset_reads_the_shards(films, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    pack(films, tmp_path / "out", splits=["train"], clips_per_shard=3)
    urls = [str(path) for path in sorted((tmp_path / "out").glob("*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert len(samples) == 4
    for n, sample in zip((0, 1, 2, 4), samples):
        assert sample["__key__"] == f"train__run0__0{n}_01__0{n}_01_c0001"
        stem = films / f"train/run0/0{n}_01/0{n}_01_c0001"
        assert sample["mp4"] == Path(f"{stem}.mp4").read_bytes()
        assert json.loads(sample["json"])["label"] == int(sample["cls"])
        info = scipy.io.loadmat(io.BytesIO(sample["info.mat"]))
        assert info["joints2D"].shape == (2, 24, 2)
    with np.load(io.BytesIO(samples[0]["depth.npz"]), allow_pickle=False) as depth:
        assert depth["base"].shape == (2, 1)
