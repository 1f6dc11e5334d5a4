"""Trimmed files show what their edit list says: no picture more, and none is missed as damage."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from action_recog.errors import BadInput
from action_recog.videos.decoding import open_video
from action_recog.videos.frame_store import FrameStore
from tests.action_recog.barcode_videos import read_number, write_numbered
from tests.optional_packages import is_installed

FRAMES, TICKS = 60, 512  # of the media's clock, a picture; the film's clock has milliseconds
DECODERS = (*("auto", "seeking", "linear"), *(["decord"] if is_installed("decord") else []))
CODECS = {
    "h264.mp4": {"codec": "libx264"},
    "h264.mov": {"codec": "libx264", "group": 7},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mpeg4_b.mp4": {"codec": "mpeg4", "b_frames": 2},
}


def trim(source: Path, target: Path, first: int, count: int) -> Path:
    """Write a copy whose edit list shows `count` pictures from `first` on."""
    data = bytearray(source.read_bytes())
    start = data.index(b"elst") + 4
    version, entries = data[start], struct.unpack_from(">I", data, start + 4)[0]
    assert (version, entries) == (0, 1)
    delay = struct.unpack_from(">i", data, start + 12)[0]
    struct.pack_into(">Ii", data, start + 8, count * 40, delay + first * TICKS)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("first", "count"), [(5, 55), (0, 31), (14, 20), (29, 1)])
def test_an_edit_list_is_what_is_shown(tmp_path, name, first, count):
    source = write_numbered(tmp_path / f"whole_{name}", frames=FRAMES, **CODECS[name])
    path = trim(source, tmp_path / name, first, count)
    with av.open(str(path)) as container:  # an independent reader agrees with what was written
        plain = [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert plain[:count] == list(range(first, first + count))
    for decoder in DECODERS:
        try:
            video = open_video(path, decoder=decoder)
        except BadInput:
            assert decoder in ("seeking", "decord")
            continue
        assert video.count == len(plain) and video.salvage is None, decoder
        wanted = [len(plain) - 1, 0, len(plain) // 2]
        assert [read_number(f) for f in video.frames(wanted)] == [plain[n] for n in wanted], decoder
        assert [read_number(f) for f in video.frames()] == plain


def test_a_film_cut_without_encoding_again_begins_where_it_was_cut(tmp_path):
    """As `ffmpeg -ss 0.6 -c copy` does: packets from the key frame on, the first with times below 0."""
    # libx264 puts a key frame in place of the last picture of each group of twelve
    source = write_numbered(tmp_path / "whole.mp4", "libx264", frames=FRAMES)
    path = tmp_path / "cut.mp4"
    with av.open(str(source)) as original, av.open(str(path), "w") as cut:
        stream = original.streams.video[0]
        copy = cut.add_stream_from_template(stream)
        for packet in original.demux(stream):
            if packet.dts is None or packet.pts < 11 * TICKS:
                continue
            packet.pts -= 15 * TICKS
            packet.dts -= 15 * TICKS
            packet.stream = copy
            cut.mux(packet)
    video = open_video(path)
    assert [read_number(f) for f in video.frames()] == list(range(15, FRAMES))
    assert video.salvage is None
    assert video.frames([20, 0]).shape[0] == 2


def test_a_file_that_is_cut_off_is_damaged_all_the_same(tmp_path):
    """The edit list explains the pictures that are left out, not those that are missing."""
    source = write_numbered(tmp_path / "whole.mp4", "libx264", frames=FRAMES)
    fast = tmp_path / "index_first.mp4"
    with (
        av.open(str(source)) as original,
        av.open(str(fast), "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(original.streams.video[0])
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    path = trim(fast, tmp_path / "trimmed.mp4", 5, 55)
    assert open_video(path).salvage is None
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2])
    video = open_video(path)
    assert video.salvage is not None and video.salvage.claimed == 55
    assert video.count < 50 and read_number(video.frames([0])[0]) == 5


def test_the_real_trimmed_video_has_75_frames(shared_data, tmp_path):
    path = shared_data / "faults" / "videos" / "trim_editlist.mp4"
    with av.open(str(path)) as container:
        truth = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    assert len(truth) == 75
    rng = np.random.default_rng(0)
    for decoder in ("auto", "seeking", "linear"):
        video = open_video(path, decoder=decoder)
        wanted = rng.integers(0, 75, 24)
        assert video.count == 75 and video.salvage is None
        assert np.array_equal(video.frames(wanted), truth[wanted])
    with pytest.raises(BadInput, match="edit list"):
        open_video(path, decoder="decord")
    copy = tmp_path / "copy.mp4"
    shutil.copyfile(path, copy)
    store = FrameStore(short_side=84, folder=tmp_path / "store")
    store.fill([copy], quiet=True)
    assert store[copy].count == 75 and not store.notes
