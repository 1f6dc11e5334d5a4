from pathlib import Path

import av
import numpy as np
import pytest

from action_recog.errors import BadInput
from action_recog.videos.decoding import decode_linear, inspect_video, open_video
from tests.action_recog.barcode_videos import (
    HEIGHT,
    WIDTH,
    pack_b_frames,
    read_number,
    write_numbered,
)

FRAMES = 78
EXACT_WITH_DECORD = {
    "p_frames.avi": {"codec": "mpeg4"},
    "h264.mp4": {"codec": "libx264"},
    "h264_short_groups.mp4": {"codec": "libx264", "group": 7},
}
NEEDS_COUNTING = {
    "intra.avi": {"codec": "mjpeg"},
    "b_frames.avi": {"codec": "mpeg4", "b_frames": 2},
    "b_frames.mp4": {"codec": "mpeg4", "b_frames": 2},
    "open_groups.mp4": {
        "codec": "libx264",
        "options": {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"},
    },
}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("numbered")
    for name, options in {**EXACT_WITH_DECORD, **NEEDS_COUNTING}.items():
        write_numbered(folder / name, frames=FRAMES, **options)
    single = write_numbered(folder / "b.avi", "mpeg4", frames=FRAMES, b_frames=1)
    pack_b_frames(single, folder / "packed.avi")
    return folder


@pytest.mark.parametrize("name", [*EXACT_WITH_DECORD, *NEEDS_COUNTING, "packed.avi"])
def test_every_frame_is_the_one_asked_for(numbered, name):
    rng = np.random.default_rng(0)
    wanted = np.concatenate([rng.permutation(FRAMES), rng.integers(0, FRAMES, 20)])
    video = open_video(numbered / name)
    assert video.count == FRAMES
    assert video.decoder == ("decord" if name in EXACT_WITH_DECORD else "linear")
    assert video.salvage is None
    for ask in (wanted, [37], [5, 5, 2], list(range(70, 60, -1))):
        frames = video.frames(ask)
        assert [read_number(f) for f in frames] == list(ask)
    assert frames.shape == (10, HEIGHT, WIDTH, 3) and frames.dtype == np.uint8


@pytest.mark.parametrize("name", EXACT_WITH_DECORD)
def test_decord_and_counting_give_the_same_pixels(numbered, name):
    linear, _ = decode_linear(numbered / name)
    fast = open_video(numbered / name, decoder="decord").frames()
    assert fast.shape == linear.shape
    assert np.abs(fast.astype(int) - linear).max() <= 2


def test_decord_alone_is_wrong_on_packed_b_frames(numbered):
    """The reason for all this; when decord is mended, this test says so."""
    import decord

    reader = decord.VideoReader(str(numbered / "packed.avi"), num_threads=1)
    wanted = [70, 33, 51, 20, 64]
    assert [read_number(reader[i].asnumpy()) for i in wanted] != wanted
    with pytest.raises(BadInput, match="packed"):
        open_video(numbered / "packed.avi", decoder="decord")


def test_real_clips_are_frame_exact(shared_data):
    clips = sorted((shared_data / "ucf101" / "clips").glob("*.avi"))
    assert len(clips) == 4
    rng = np.random.default_rng(1)
    for path in clips:
        with av.open(str(path)) as container:
            truth = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
        video = open_video(path)
        assert video.count == len(truth)
        wanted = rng.integers(0, len(truth), 24)
        found = video.frames(wanted)
        assert np.abs(found.astype(int) - truth[wanted]).max() <= 2, path.name


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _hole(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(3000) + data[middle + 3000 :]


def _noise(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + np.random.default_rng(0).bytes(3000) + data[middle + 3000 :]


@pytest.mark.parametrize("damage", [_cut, _hole, _noise])
def test_a_damaged_avi_is_salvaged_and_said_to_be(numbered, tmp_path, damage):
    path = tmp_path / "damaged.avi"
    path.write_bytes(damage((numbered / "p_frames.avi").read_bytes()))
    video = open_video(path)
    numbers = [read_number(f) for f in video.frames()]
    assert video.salvage is not None and str(FRAMES) in str(video.salvage)
    assert video.count == len(numbers) == video.salvage.frames
    assert FRAMES * 0.3 < len(numbers) <= FRAMES
    assert numbers[:25] == list(range(25))  # what lies before the damage is exact
    assert np.count_nonzero(np.diff(numbers) > 0) > 0.8 * len(numbers)


def test_packets_that_cannot_be_decoded_are_counted(numbered, tmp_path):
    """Intra-coded pictures: a ruined one is lost alone, the rest is as it was."""
    path = tmp_path / "ruined.avi"
    data = bytearray((numbered / "intra.avi").read_bytes())
    start = data.index(b"\xff\xd8", len(data) // 2)  # a JPEG's first marker; then 299 last ones
    data[start + 2 : start + 600] = b"\xff\xd9" * 299
    path.write_bytes(bytes(data))
    frames, salvage = decode_linear(path)
    numbers = [read_number(f) for f in frames]
    assert salvage is not None and salvage.lost_packets == 1 and len(numbers) == FRAMES - 1
    assert len(set(range(FRAMES)) - set(numbers)) == 1
    video = open_video(path)
    assert [read_number(f) for f in video.frames([0, 3, 60])] == [numbers[i] for i in (0, 3, 60)]
    assert video.salvage == salvage


def test_what_is_no_video_is_one_clear_line(tmp_path):
    with pytest.raises(BadInput, match="no such video"):
        open_video(tmp_path / "none.avi")
    (tmp_path / "text.avi").write_text("this is not a video")
    with pytest.raises(BadInput, match="not a video") as caught:
        open_video(tmp_path / "text.avi")
    assert "\n" not in str(caught.value) and "text.avi" in str(caught.value)


def test_frames_outside_the_video_are_refused(numbered):
    video = open_video(numbered / "h264.mp4")
    with pytest.raises(IndexError, match="78"):
        video.frames([FRAMES])
    with pytest.raises(IndexError):
        video.frames([-1])


def test_claimed_lengths_are_not_believed(numbered, tmp_path):
    """A header that claims 181 frames for 78, as XVID files in UCF101 do."""
    data = bytearray((numbered / "p_frames.avi").read_bytes())
    length = data.index(b"strh") + 8 + 32
    assert int.from_bytes(data[length : length + 4], "little") == FRAMES
    data[length : length + 4] = (181).to_bytes(4, "little")
    path = tmp_path / "boastful.avi"
    path.write_bytes(bytes(data))
    facts = inspect_video(path)
    assert facts.packets == FRAMES and "181" in facts.linear_reason
    assert open_video(path).count == FRAMES
