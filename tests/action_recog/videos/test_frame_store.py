"""A store on disk: nothing twice, nothing of other data, the same pixels for everyone."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from action_recog.errors import BadInput
from action_recog.videos import frame_store
from action_recog.videos.decoding import open_video
from action_recog.videos.frame_files import read_frame_file
from action_recog.videos.frame_store import FrameStore
from tests.action_recog.barcode_videos import read_number, write_numbered

FRAMES, SHORT = 30, 48


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_numbered(folder / "a.avi", "mpeg4", frames=FRAMES)
    write_numbered(folder / "b.mp4", "libx264", frames=FRAMES + 1)
    write_numbered(folder / "c.mov", "mpeg4", frames=FRAMES + 2)
    return folder


@pytest.fixture
def videos(sources, tmp_path) -> list[Path]:
    return sorted(Path(shutil.copytree(sources, tmp_path / "videos")).iterdir())


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the videos that are decoded whole."""
    names: list[str] = []
    survey = frame_store.survey_video

    def counted(path, sink=None):
        names.append(path.name)
        return survey(path, sink)

    monkeypatch.setattr(frame_store, "survey_video", counted)
    return names


def filled(folder: Path | None, paths: list[Path], **options) -> FrameStore:
    store = FrameStore(short_side=options.pop("short_side", SHORT), folder=folder, **options)
    store.fill(paths, quiet=True, threads=2)
    return store


def test_frames_in_the_folder_are_the_videos_but_for_compression(videos, tmp_path):
    store = filled(tmp_path / "store", videos)
    for number, path in enumerate(videos):
        assert store[path].count == FRAMES + number and store[path].frames is None
        truth = open_video(path, short_side=SHORT).frames([7, 2, 2, 29])
        frames = store.frames(path, np.array([7, 2, 2, 29]))
        assert frames.shape == truth.shape == (4, SHORT, 80, 3)
        assert np.abs(frames.astype(int) - truth).mean() < 2
        rough = filled(tmp_path / "rough", [path], quality=20).frames(path, np.array([7, 2, 2, 29]))
        assert np.abs(rough.astype(int) - truth).mean() > 2


def test_a_second_start_decodes_and_hashes_nothing(videos, tmp_path, decoded, monkeypatch, capsys):
    first = filled(tmp_path / "store", videos)
    assert sorted(decoded) == [p.name for p in videos]
    decoded.clear()
    with monkeypatch.context() as patch:
        patch.setattr("action_recog.videos.content.hashlib.file_digest", None)  # nothing is read
        second = filled(tmp_path / "store", videos)
    assert (
        not decoded and "re-used 3 videos with the same bytes, decoded 0" in capsys.readouterr().err
    )
    for path in videos:
        indices = np.arange(0, FRAMES, 7)
        assert np.array_equal(first.frames(path, indices), second.frames(path, indices))


def test_a_fill_that_was_interrupted_goes_on(videos, tmp_path, decoded):
    filled(tmp_path / "store", videos[:2])
    decoded.clear()
    filled(tmp_path / "store", videos)
    assert decoded == [videos[2].name]


def test_the_name_of_a_file_is_not_its_identity(videos, tmp_path, decoded):
    filled(tmp_path / "store", videos)
    decoded.clear()
    moved = videos[0].with_name("moved.avi")
    videos[0].rename(moved)
    times = videos[1].stat()
    videos[1].write_bytes(moved.read_bytes().ljust(times.st_size, b"\0")[: times.st_size])
    os.utime(videos[1], ns=(times.st_atime_ns, times.st_mtime_ns))  # same name, size and time
    store = filled(tmp_path / "store", [moved, videos[1]])
    assert decoded == [videos[1].name]
    assert read_number(open_video(moved).frames([5])[0]) == 5
    assert store[moved].reused and not store[videos[1]].reused
    assert store[videos[1]].count == open_video(videos[1]).count < FRAMES  # what it holds now


def test_another_size_or_quality_is_another_store(videos, tmp_path, decoded):
    filled(tmp_path / "store", videos)
    decoded.clear()
    smaller = filled(tmp_path / "store", videos, short_side=24)
    rougher = filled(tmp_path / "store", videos, quality=40)
    assert len(decoded) == 6
    assert smaller.frames(videos[0], np.array([0])).shape == (1, 24, 40, 3)
    assert len({filled(None, []).pixels, smaller.pixels, rougher.pixels}) == 3


def test_frames_in_full_size_are_never_stored(videos, tmp_path):
    """The video itself holds them, exactly; only what was found out about it is kept."""
    store = filled(tmp_path / "store", videos, short_side=96)
    assert not list((tmp_path / "store").rglob("*.frames"))
    for path in videos:
        exact = open_video(path).frames([20, 3])
        assert np.array_equal(store.frames(path, np.array([20, 3])), exact)
    size = sum(p.stat().st_size for p in (tmp_path / "store").rglob("*") if p.is_file())
    assert size < 10_000


@pytest.mark.parametrize("damage", ["cut", "flip", "remove", "survey", "version"])
def test_what_is_damaged_in_the_folder_is_made_again_or_refused(
    videos, tmp_path, decoded, damage, monkeypatch
):
    store = filled(tmp_path / "store", videos[:1])
    sound = store.frames(videos[0], np.arange(FRAMES))
    decoded.clear()
    frame_file = store[videos[0]].frame_file
    survey_file = next((tmp_path / "store").rglob("*.survey.json"))
    data = bytearray(frame_file.read_bytes())
    if damage == "cut":
        frame_file.write_bytes(data[:-5])
    elif damage == "remove":
        frame_file.unlink()
    elif damage == "survey":
        survey_file.write_text(survey_file.read_text()[:200])
    elif damage == "version":
        monkeypatch.setattr("action_recog.videos.survey_files.SURVEY_VERSION", 99)
    else:
        data[len(data) // 3] ^= 4
        frame_file.write_bytes(data)
        with pytest.raises(BadInput, match=r"frame \d+ is damaged; remove it"):
            filled(tmp_path / "store", videos[:1]).frames(videos[0], np.arange(FRAMES))
        frame_file.unlink()
    again = filled(tmp_path / "store", videos[:1])
    assert decoded == [videos[0].name]
    assert np.array_equal(again.frames(videos[0], np.arange(FRAMES)), sound)


def test_unreadable_videos_and_damage_are_known_at_a_second_start(videos, tmp_path):
    data = bytearray(videos[0].read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    videos[0].write_bytes(data)
    videos[1].write_text("no video")
    missing = tmp_path / "missing.avi"
    for _ in range(2):
        store = filled(tmp_path / "store", [*videos, missing])
        assert list(store.notes) == [videos[0]] and "missing parts" in store.notes[videos[0]]
        assert sorted(store.failures) == sorted([missing, videos[1]])
        assert all(str(path) in text for path, text in store.failures.items())
    assert not list((tmp_path / "store").rglob("*.partial"))


def test_a_folder_that_cannot_be_written_is_one_clear_line(videos, tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(BadInput, match="frame store cannot be written"):
        filled(tmp_path / "store", videos)


def test_another_process_gets_the_same_frames(videos, tmp_path):
    for folder in (None, tmp_path / "store"):
        store = filled(folder, videos)
        copy = pickle.loads(pickle.dumps(store))
        assert len(pickle.dumps(store)) < 20_000  # frames in memory are not copied
        for path in videos:
            assert np.array_equal(
                copy.frames(path, np.array([28, 4])), store.frames(path, np.array([28, 4]))
            )


def test_used_videos_are_kept_in_memory_while_the_budget_lasts(videos, tmp_path):
    room = SHORT * 80 * 3 * (FRAMES + 1)  # for a.avi or b.mp4, not for both
    store = filled(tmp_path / "store", videos, budget=room)
    plain = filled(tmp_path / "store", videos, budget=0)
    for _ in range(2):
        for path in videos:
            indices = np.array([11, 3])
            assert np.array_equal(store.frames(path, indices), plain.frames(path, indices))
    assert [store[path].frames is not None for path in videos] == [True, False, False]
    assert all(plain[path].frames is None for path in videos)


def test_a_frame_file_is_read_by_number(videos, tmp_path):
    store = filled(tmp_path / "store", videos[:1])
    frame_file = store[videos[0]].frame_file
    every = read_frame_file(frame_file, np.arange(FRAMES))
    assert np.array_equal(read_frame_file(frame_file, np.array([9, 9, 0])), every[[9, 9, 0]])
    with pytest.raises(IndexError, match="30"):
        read_frame_file(frame_file, np.array([FRAMES]))
    with pytest.raises(BadInput, match="remove it"):
        read_frame_file(videos[0], np.array([0]))


@pytest.mark.parametrize(
    "numbers", [[0, 3, 6], [5, 4, 3], [2, 2, 2], [1, 2, 5], [7], [27, 29, 1], []], ids=str
)
def test_frames_in_memory_are_those_of_their_numbers_and_stay_as_they_are(videos, numbers):
    store = FrameStore(short_side=SHORT)
    store.fill(videos[:1], quiet=True)
    indices = np.array(numbers, np.int64)
    whole = store.frames(videos[0], np.arange(FRAMES)).copy()
    frames = store.frames(videos[0], indices)
    assert np.array_equal(frames, whole[indices])
    if frames.flags.writeable:
        frames[:] = 0
    assert np.array_equal(store.frames(videos[0], np.arange(FRAMES)), whole)
