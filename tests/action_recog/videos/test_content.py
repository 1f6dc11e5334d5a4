"""The identity of a set of videos is what the videos hold."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace

import pytest

from action_recog.videos.content import ContentDigests
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet


@pytest.fixture
def videos(tmp_path):
    rows = []
    for number in range(3):
        path = tmp_path / f"{number}.avi"
        path.write_bytes(bytes([number]) * 1000)
        rows.append(LabelledVideo(path, f"v{number}", number % 2, f"g{number}"))
    return VideoSet("toy", ("a", "b"), tuple(rows), stand_in=False)


def test_a_files_digest_is_its_sha256(videos):
    path = videos.videos[0].path
    assert ContentDigests().of_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_place_of_the_files_is_not_their_content(videos, tmp_path):
    moved = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-moved")
    elsewhere = [replace(v, path=moved / v.path.name) for v in videos.videos]
    copied = videos.subset(elsewhere, name="another name")
    assert ContentDigests().of_videos(copied) == ContentDigests().of_videos(videos)


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"label": 1}, {"group": "other"}, {"path": 1}], ids=str
)
def test_everything_that_a_training_or_a_table_sees_counts(videos, change):
    if "path" in change:
        change = {"path": videos.videos[1].path}
    changed = videos.subset([replace(videos.videos[0], **change), *videos.videos[1:]], name="toy")
    digests = {ContentDigests().of_videos(v) for v in (videos, changed)}
    backwards = videos.subset(videos.videos[::-1], name="toy")
    digests |= {ContentDigests().of_videos(backwards)}
    digests |= {ContentDigests().of_videos(replace(videos, classes=("a", "c")))}
    digests |= {ContentDigests().of_videos(replace(videos, stand_in=True))}
    assert len(digests) == 5


def test_digests_are_remembered_until_a_file_changes(videos, tmp_path, monkeypatch):
    memory = tmp_path / "memory.json"
    digests = ContentDigests(memory)
    before = digests.of_videos(videos)
    memory.write_text(digests.text())
    with monkeypatch.context() as patch:
        patch.setattr("action_recog.videos.content.hashlib.file_digest", None)  # nothing is read
        assert ContentDigests(memory).of_videos(videos) == before
    path = videos.videos[2].path
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"x" * 1000)
    os.utime(path, ns=times)  # as `cp -p` does: same size, same modification time
    assert ContentDigests(memory).of_videos(videos) != before
    memory.write_text(digests.text()[:40])
    assert ContentDigests(memory).of_videos(videos) == ContentDigests().of_videos(videos)
