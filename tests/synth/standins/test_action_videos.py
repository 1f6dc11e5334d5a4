"""The stand-in for UCF101: its layout, its bytes, and that its people move as their class says."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from action_recog.datasets.ucf101 import load_split
from action_recog.videos.decoding import open_video
from mocap.errors import BadInput
from synth.standins.action_videos import CLASSES, ActionVideosSize, write_action_videos
from synth.standins.handheld_video import VideoFormat

TINY = ActionVideosSize(
    classes=2,
    groups=3,
    clips=2,
    texture_size=64,
    video=VideoFormat(width=96, height=72, frames=(10, 12)),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory, body):
    out = tmp_path_factory.mktemp("standins") / "ucf101"
    count = write_action_videos(out, body=body, seed=5, size=TINY, workers=1, progress=False)
    return out, count


def _digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_ucf101_reader_takes_it(written):
    out, count = written
    lists = out / "ucfTrainTestlist"
    assert (lists / "trainlist01.txt").read_bytes().count(b"\r\n") > 0
    tested = []
    for split in (1, 2, 3):
        train, test, missing = load_split(out, lists, split)
        assert not missing and train.stand_in and test.stand_in
        assert train.classes == tuple(sorted(CLASSES))[:2]
        assert {v.group[-3:] for v in test.videos} == {f"g{split:02d}"}
        assert len(train) + len(test) == count
        tested += [v.name for v in test.videos]
    assert len(set(tested)) == len(tested) == count  # every video is tested once


def test_videos_are_readable_and_what_was_asked_for(written):
    out, _ = written
    for path in out.rglob("*.avi"):
        video = open_video(path)
        frames = video.frames()
        assert 10 <= len(frames) <= 12 and frames.shape[1:] == (72, 96, 3)
        assert video.survey.codec == "mpeg4" and video.frame_rate == 25
        assert video.salvage is None
        moved = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
        assert moved.max() > 0.5 and 20 < frames.mean() < 235


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_with_two_workers(written, body, tmp_path):
    out, _ = written
    again = tmp_path / "again"
    write_action_videos(again, body=body, seed=5, size=TINY, workers=2, progress=False)
    assert _digests(again) == _digests(out)


def test_a_finished_folder_is_left_alone_and_another_one_refused(written, body, tmp_path):
    out, count = written
    before = _digests(out)
    assert write_action_videos(out, body=body, seed=5, size=TINY, progress=False) == count
    assert _digests(out) == before
    with pytest.raises(BadInput, match="already holds something else"):
        write_action_videos(out, body=body, seed=6, size=TINY, progress=False)
    with pytest.raises(BadInput, match="at least 3"):
        write_action_videos(
            tmp_path / "new", body=body, seed=5, size=ActionVideosSize(groups=2), progress=False
        )
    assert not (tmp_path / "new").exists()
