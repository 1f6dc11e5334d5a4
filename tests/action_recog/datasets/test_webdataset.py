"""WebDataset shards give what the folder gives: the same clips, labels and bytes to the network."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recog.datasets.class_folders import read_class_folders
from action_recog.datasets.films import is_film_folder, list_films, read_films
from action_recog.datasets.webdataset import is_shard_folder, read_class_shards
from action_recog.errors import BadInput
from action_recog.training.clip_batches import ClipBatches
from action_recog.videos.content import ContentDigests
from action_recog.videos.decoding import open_video
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.views import ViewOptions
from synth.clips.shards import pack
from tests.action_recog.barcode_videos import read_number, write_numbered
from tests.action_recog.toy_videos import KINDS, toy_clip, write_toy

DECORD = pytest.param("decord", marks=pytest.mark.needs("decord"))

VIEWS = ViewOptions(frames=4, stride=2, size=24, jitter=(26, 32), colour=0.2, test_size=24)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Seven films in three splits, which take turns."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(3)
    rows = []
    for number in range(7):
        split, kind = ("train", "val", "train", "test")[number % 4], KINDS[number % 3]
        stem = f"{split}/run0/0{number}_01/0{number}_01_c0001"
        write_toy(folder / f"{stem}.mp4", toy_clip(kind, rng, frames=20 + number), "libx264")
        (folder / f"{stem}_info.mat").write_bytes(b"facts")
        row = {"path": stem, "sequence": f"0{number}_01", "category": kind, "split": split}
        row |= {"texture": f"{number % 2}.png", "identity": str(number), "stand_in": number == 0}
        rows.append({**row, "frames": 20 + number, "fps": 25.0})
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def shards(films, tmp_path) -> Path:
    pack(films, tmp_path / "shards", clips_per_shard=2)
    return tmp_path / "shards"


def batches(videos: VideoSet, store: FrameStore, loaders: int = 0) -> list[torch.Tensor]:
    store.fill([video.path for video in videos.videos], threads=1, quiet=True)
    assert not store.failures
    drawn = ClipBatches(videos, store, VIEWS, batch=2, seed=1, loaders=loaders)
    tensors = [part for epoch in (0, 1) for pair in drawn.of_epoch(epoch) for part in pair]
    drawn.close()
    return tensors


def assert_equal_batches(first: list[torch.Tensor], second: list[torch.Tensor]) -> None:
    assert len(first) == len(second) > 0
    assert all(torch.equal(one, other) for one, other in zip(first, second))


def facts(videos: VideoSet) -> list[tuple[str, int, str]]:
    return [(video.name, video.label, video.group) for video in videos.videos]


@pytest.mark.parametrize("label", ["category", "sequence"])
@pytest.mark.parametrize("splits", [("train", "val", "test"), ("train",)], ids="-".join)
def test_packed_films_are_the_films(films, shards, label, splits):
    assert is_film_folder(shards) and is_shard_folder(shards)
    plain = read_films(films, label=label, splits=splits)
    packed = read_films(shards, label=label, splits=splits)
    assert (packed.classes, packed.stand_in) == (plain.classes, plain.stand_in)
    assert facts(packed) == facts(plain)
    assert ContentDigests().of_videos(packed) == ContentDigests().of_videos(plain)
    textures = [film.texture for film in list_films(shards)]
    assert textures == [film.texture for film in list_films(films)]


def test_a_network_gets_the_same_bytes_from_shards(films, shards, tmp_path):
    plain, packed = read_films(films), read_films(shards)
    expected = batches(plain, FrameStore(short_side=32))
    assert_equal_batches(batches(packed, FrameStore(short_side=32)), expected)
    # Frames that do not fit are decoded from the shard each time.
    assert_equal_batches(batches(packed, FrameStore(short_side=32, budget=0)), expected)
    in_folder = batches(plain, FrameStore(short_side=32, folder=tmp_path / "a"))
    second = FrameStore(short_side=32, folder=tmp_path / "b")
    assert_equal_batches(batches(packed, second, loaders=1), in_folder)
    # What was decoded from files is known by its bytes, wherever they lie.
    third = FrameStore(short_side=32, folder=tmp_path / "a")
    assert_equal_batches(batches(packed, third), in_folder)
    assert all(third[video.path].reused for video in packed.videos)


@pytest.mark.parametrize("decoder", ["auto", "linear", "seeking", DECORD])
def test_every_decoder_reads_a_member_of_a_shard(tmp_path, decoder):
    write_numbered(tmp_path / "a.mp4", "libx264", frames=40)
    (tmp_path / "names, with; signs").mkdir()
    shard = tmp_path / "names, with; signs" / "x=1,,:.tar"
    write_tar(shard, {"a/b.mp4": (tmp_path / "a.mp4").read_bytes(), "a/b.cls": b"1"})
    video = open_video(shard / "a" / "b.mp4", decoder=decoder)
    numbers = [39, 0, 17, 17]
    assert [read_number(frame) for frame in video.frames(numbers)] == numbers


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def class_videos(folder: Path) -> Path:
    rng = np.random.default_rng(4)
    for name in ("Spin/v_Spin_g02_c01.mp4", "Spin/b.avi", "Fall/c.mp4"):
        codec = "mpeg4" if name.endswith("avi") else "libx264"
        write_toy(folder / name, toy_clip("Down", rng), codec)
    return folder


def test_class_videos_in_shards_are_those_of_class_folders(tmp_path):
    folder = class_videos(tmp_path / "classes")
    plain = read_class_folders(folder)
    for number, video in enumerate(plain.videos):
        name = f"./{video.name}"  # as `tar cf SHARD .` writes it
        suffix = video.path.suffix
        members = {f"{name}{suffix}": video.path.read_bytes(), f"{name}.txt": b"a caption"}
        label = plain.classes[video.label].encode() + b"\n"
        write_tar(tmp_path / f"shards/{number}.tar", {**members, f"{name}.cls": label})
    packed = read_class_shards(tmp_path / "shards")
    assert not is_film_folder(tmp_path / "shards") and is_shard_folder(tmp_path / "shards")
    assert packed.classes == plain.classes and facts(packed) == facts(plain)
    assert ContentDigests().of_videos(packed) == ContentDigests().of_videos(plain)


def test_classes_by_number_are_in_the_order_of_numbers(tmp_path):
    members = {
        f"{n}.{s}": text for n in (10, 9, 2) for s, text in (("mp4", b"v"), ("cls", b"%d" % n))
    }
    write_tar(tmp_path / "a.tar", members)
    assert read_class_shards(tmp_path).classes == ("2", "9", "10")


def test_a_digest_is_that_of_the_shard_as_it_lies(films, shards):
    digests = ContentDigests()
    before = digests.of_videos(read_films(shards))
    shard = shards / "train-000000.tar"
    content = shard.read_bytes()
    path = next(v.path for v in read_films(shards).videos if v.path.parent == shard)
    video = (films / "train/run0/00_01/00_01_c0001.mp4").read_bytes()
    assert path.name == "train__run0__00_01__00_01_c0001.mp4" and video in content
    shard.write_bytes(content.replace(video, video[:-1] + bytes([video[-1] ^ 1])))
    assert digests.of_videos(read_films(shards)) != before


def _cut(folder: Path) -> None:
    shard = folder / "train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:9000])


def _cut_between_samples(folder: Path) -> None:
    """As a copy that broke off behind a sample, and an index that was not copied."""
    (folder / "shards.json").unlink()
    shard = folder / "train-000000.tar"
    with tarfile.open(shard) as tar:
        end = tar.getmembers()[4].offset
    shard.write_bytes(shard.read_bytes()[:end])


def _damage_a_header(folder: Path) -> None:
    shard = folder / "train-000000.tar"
    with tarfile.open(shard) as tar:
        begin = tar.getmembers()[3].offset
    content = bytearray(shard.read_bytes())
    content[begin + 124 : begin + 136] = b"not a number"
    shard.write_bytes(content)


def _compress(folder: Path) -> None:
    (folder / "shards.json").unlink()
    shard = folder / "train-000000.tar"
    shard.write_bytes(gzip.compress(shard.read_bytes()))


def _leave_out_a_video(folder: Path) -> None:
    line = {"path": "x", "sequence": "x", "category": "x", "split": "train"}
    write_tar(folder / "train-000000.tar", {"x.json": json.dumps(line).encode(), "x.cls": b"0"})
    (folder / "shards.json").unlink()


def _leave_an_index_without_lines(folder: Path) -> None:
    (folder / "shards.json").unlink()
    write_tar(folder / "train-000000.tar", {"a.mp4": b"v", "a.json": b'{"sequence": 1}'})


def _name_a_sample_twice(folder: Path) -> None:
    (folder / "shards.json").unlink()
    write_tar(folder / "train-000000.tar", {"a.mp4": b"v", "b.mp4": b"v", "a.json": b"{}"})


def _lead_outside(folder: Path) -> None:
    (folder / "shards.json").unlink()
    write_tar(folder / "train-000000.tar", {"../a.mp4": b"v", "../a.json": b"{}"})


def _repeat_a_film(folder: Path) -> None:
    (folder / "shards.json").unlink()
    (folder / "train-000001.tar").write_bytes((folder / "train-000000.tar").read_bytes())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, r"train-000000\.tar: 9,000 bytes, .*shards\.json has [\d,]+; pack"),
        (
            _cut_between_samples,
            r"train-000000\.tar: is cut at byte [\d,]+ of [\d,]+, behind 4 files",
        ),
        (_damage_a_header, r"train-000000\.tar: has a damaged header at byte [\d,]+"),
        (_compress, r"train-000000\.tar: not a whole tar file .*not compressed"),
        (lambda f: (f / "val-000000.tar").unlink(), r"val-000000\.tar: no such file, one of 1"),
        (
            lambda f: write_tar(f / "more.tar", {"a.b": b""}),
            r"more\.tar: a shard that shards\.json",
        ),
        (lambda f: (f / "shards.json").write_text("[]"), r"shards\.json: Expected"),
        (_leave_out_a_video, r"train-000000\.tar, sample x: 0 videos among cls, json"),
        (_leave_an_index_without_lines, r"train-000000\.tar, sample a: .*path, sequence"),
        (_name_a_sample_twice, "files of the sample a do not lie together"),
        (_lead_outside, r"holds \.\./a\.mp4, expected paths that stay inside"),
        (_repeat_a_film, r"train-000001\.tar, sample .*stands in train-000000\.tar, sample"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_shards_that_are_not_whole_are_refused(shards, spoil, message):
    spoil(shards)
    with pytest.raises(BadInput, match=message):
        read_films(shards)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.mp4": b"v"}, r"0\.tar, sample a: no a\.cls"),
        ({"a.mp4": b"v", "a.avi": b"v", "a.cls": b"1"}, "sample a: 2 videos among avi, cls, mp4"),
        ({"a.mp4": b"v", "a.cls": b"\xff"}, "is no number or name in UTF-8"),
        ({"a.mp4": b"v", "a.cls": b"1" * 2000}, "sample a: cls has 2,000 bytes"),
        ({"a.mp4": b"v", "a.cls": b"0"}, "1 class; expected at least two classes"),
        ({"README": b"text"}, "holds no sample"),
    ],
    ids=str,
)
def test_class_shards_that_cannot_be_used_are_refused(tmp_path, members, message):
    write_tar(tmp_path / "0.tar", members)
    if "1 class" not in message:
        write_tar(tmp_path / "1.tar", {"b.mp4": b"v", "b.cls": b"2"})
    with pytest.raises(BadInput, match=message):
        read_class_shards(tmp_path)


def test_surreals_release_is_a_set_by_sequence_whichever_folder_is_given(tmp_path):
    for run, sequence in (("run0", "01_01"), ("run0", "02_03"), ("run1", "01_01")):
        stem = tmp_path / "cmu/train" / run / sequence / f"{sequence}_c0002"
        stem.parent.mkdir(parents=True)
        Path(f"{stem}.mp4").touch()
        Path(f"{stem}_info.mat").touch()
    for folder in ("cmu", "cmu/train"):
        videos = read_class_folders(tmp_path / folder)
        assert videos.classes == ("01_01", "02_03")
        assert [video.label for video in videos.videos] == [0, 0, 1]
    videos = read_class_folders(tmp_path / "cmu/train/run0")
    assert facts(videos) == [
        (f"{s}/{s}_c0002", n, f"{s}/{s}_c0002") for n, s in enumerate(videos.classes)
    ]


def test_two_videos_of_one_name_in_a_class_folder_are_refused(tmp_path):
    folder = class_videos(tmp_path)
    (folder / "Fall/c.avi").touch()
    with pytest.raises(BadInput, match=r"Fall/c\.avi and c\.mp4: two videos of one name"):
        read_class_folders(folder)
