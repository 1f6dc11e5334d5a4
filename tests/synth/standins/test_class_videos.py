"""Videos without people: classes are told by motion or by fractal, and a seed gives its bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from action_recog.datasets.class_folders import read_class_folders
from action_recog.videos.decoding import open_video
from mocap.errors import BadInput
from synth.standins.class_videos import CLASS_VIDEO_KINDS, ClassVideosSize, write_class_videos
from synth.standins.fractal_frames import MINIMUM_FILL, fractal_frames, random_system
from synth.standins.shape_frames import DYNAMICS, shape_frames
from tests.synth.cli.running import succeed

TINY = ClassVideosSize(classes=3, clips=7, width=48, height=36, frames=6)


def _digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", CLASS_VIDEO_KINDS)
def test_a_set_is_read_by_class_and_repeats(kind, tmp_path):
    assert write_class_videos(tmp_path / "a", kind, seed=3, size=TINY, progress=False) == 7
    videos = read_class_folders(tmp_path / "a")
    assert len(videos.classes) == 3 and videos.stand_in
    counts = np.bincount([video.label for video in videos.videos])
    assert sorted(counts) == [2, 2, 3]
    for video in videos.videos:
        frames = open_video(video.path).frames()
        assert frames.shape == (6, 36, 48, 3)
        assert np.abs(np.diff(frames.astype(int), axis=0)).max() > 20  # something moves
    write_class_videos(tmp_path / "b", kind, seed=3, size=TINY, progress=False)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    write_class_videos(tmp_path / "c", kind, seed=4, size=TINY, progress=False)
    assert _digests(tmp_path / "a") != _digests(tmp_path / "c")
    before = _digests(tmp_path / "a")
    write_class_videos(tmp_path / "a", kind, seed=3, size=TINY, progress=False)  # is left as it is
    assert _digests(tmp_path / "a") == before
    with pytest.raises(BadInput, match="already holds something else"):
        write_class_videos(tmp_path / "a", kind, seed=5, size=TINY, progress=False)


def _areas(kind, seed):
    """How much of each frame the shapes cover, against the first."""
    from synth.standins import shape_frames as module

    with pytest.MonkeyPatch.context() as patch:
        black = np.zeros((60, 80, 3), np.uint8)
        patch.setattr(module, "_background", lambda *_: black)
        clip = shape_frames(kind, np.random.default_rng(seed), width=80, height=60, frames=9)
    return (clip.max(axis=3) > 0).mean(axis=(1, 2)), clip


@pytest.mark.parametrize("seed", range(5))
def test_shapes_do_what_their_class_says(seed):
    growing, _ = _areas("growing", seed)
    shrinking, _ = _areas("shrinking", seed)
    assert growing[-1] > 1.5 * growing[0] and shrinking[0] > 1.5 * shrinking[-1]
    _, clip = _areas("accelerating", seed)
    steps = np.abs(np.diff(clip.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert steps[-2:].sum() > 1.3 * steps[:2].sum()


def test_every_way_to_move_is_drawn_within_the_frame():
    for kind in DYNAMICS:
        areas, _ = _areas(kind, 1)
        assert areas.max() > 0.01, kind


def test_fractals_fill_the_frame_and_move_without_flicker():
    rng = np.random.default_rng(2)
    for _ in range(4):
        system = random_system(rng)
        assert np.all(np.linalg.norm(system[:, :, :2], 2, axis=(1, 2)) < 0.86)
        clip = fractal_frames(system, rng, width=80, height=60, frames=8).astype(int)
        paper = np.median(clip.reshape(-1, 3), axis=0)
        filled = (np.abs(clip - paper).max(axis=3) > 10).mean()
        assert MINIMUM_FILL / 8 < filled < 0.9
        near = np.abs(clip[1] - clip[0]).mean()
        far = np.abs(clip[-1] - clip[0]).mean()
        assert near < far


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (ClassVideosSize(classes=1, clips=3), "at least two classes"),
        (ClassVideosSize(classes=5, clips=3), "a clip for each"),
        (ClassVideosSize(classes=99, clips=200), "12 ways at most"),
    ],
)
def test_sizes_that_make_no_set_are_refused(size, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        write_class_videos(tmp_path / "out", "shapes", seed=0, size=size, progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", CLASS_VIDEO_KINDS)
def test_the_command_writes_them(kind, tmp_path):
    words = ["standins", kind, "--out", tmp_path / "v", "--count-classes", 2, "--count-clips", 2]
    assert "2 videos" in succeed(*words, "--frames", 2, "--seed", 1).output
    assert len(read_class_folders(tmp_path / "v")) == 2
