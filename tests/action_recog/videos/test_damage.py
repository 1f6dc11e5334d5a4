"""Damage is found in every codec that can tell, counted, and gives the same pixels however one asks."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from action_recog.errors import BadInput
from action_recog.videos.decoding import decode_linear, open_video
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.survey import survey_video
from tests.action_recog.barcode_videos import write_numbered
from tests.optional_packages import is_installed

DECODERS = (*("auto", "seeking", "linear"), *(["decord"] if is_installed("decord") else []))

FRAMES = 48
CODECS = {
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg4_b.avi": {"codec": "mpeg4", "b_frames": 2},
    "h264.mp4": {"codec": "libx264"},
    "h264.mov": {"codec": "libx264", "group": 7},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mjpeg.avi": {"codec": "mjpeg"},
    "wmv2.wmv": {"codec": "wmv2"},
    "flv1.flv": {"codec": "flv"},
}


def packets(path: Path) -> list[tuple[int, int]]:
    """First byte and size of the packets whose place is known."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]


def hurt(source: Path, target: Path, *, seed: int) -> Path:
    """Copy a video, and put zeros into the middle of one packet."""
    data = bytearray(source.read_bytes())
    spans = [span for span in packets(source) if span[1] > 60]
    start, size = spans[np.random.default_rng(seed).integers(len(spans) // 3, len(spans))]
    begin = start + size // 2
    data[begin : begin + 25] = bytes(25)
    target.write_bytes(data)
    return target


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    for name, options in CODECS.items():
        write_numbered(folder / name, frames=FRAMES, **options)
    return folder


@pytest.mark.parametrize("name", CODECS)
def test_a_sound_file_has_no_damage(sound, name):
    survey = survey_video(sound / name)
    assert survey.salvage is None and survey.count == FRAMES


@pytest.mark.parametrize("name", CODECS)
def test_damage_inside_a_packet_is_counted_and_pixels_do_not_depend_on_the_question(
    sound, tmp_path, name
):
    noticed = 0
    for seed in range(4):
        path = hurt(sound / name, tmp_path / f"{seed}_{name}", seed=seed)
        frames, salvage = decode_linear(path)
        video = open_video(path)
        assert video.salvage == salvage
        alone = np.concatenate([video.frames([n]) for n in range(video.count)])
        assert np.array_equal(alone, frames) and np.array_equal(video.frames(), frames)
        if salvage is None:
            continue  # a few changes make another valid picture
        noticed += 1
        assert salvage.concealed + salvage.lost_packets > 0 or salvage.frames < salvage.claimed
        assert video.decoder == "linear" and video.linear_reason == "damaged"
        store = FrameStore(short_side=96)
        store.fill([path], quiet=True)
        assert store.notes == {path: str(salvage)}
        assert np.array_equal(store[path].frames, frames)
        for decoder in ("seeking", "decord"):
            with pytest.raises(BadInput, match="damaged"):
                open_video(path, decoder=decoder)
    assert noticed >= 3, "of four"


def test_every_ruined_picture_of_a_video_of_single_pictures_is_counted(sound, tmp_path):
    """Decoders of MJPEG mark no errors: what is missing of a picture is what their memory held."""
    data = bytearray((sound / "mjpeg.avi").read_bytes())
    spans = packets(sound / "mjpeg.avi")
    for start, size in (spans[10], spans[20], spans[30]):
        middle = start + size // 2
        data[middle : middle + 300] = bytes(b ^ 0x5A for b in data[middle : middle + 300])
    path = tmp_path / "ruined.avi"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert not any(p.is_corrupt for p in container.decode(video=0))
    frames, salvage = decode_linear(path)
    truth, _ = decode_linear(sound / "mjpeg.avi")
    assert salvage is not None and salvage.lost_packets == 3
    assert np.array_equal(frames, np.delete(truth, [10, 20, 30], axis=0))


@pytest.mark.parametrize("name", ["h264_flips.mp4", "mpeg4_flips.avi"])
def test_the_real_damaged_videos(shared_data, name):
    path = shared_data / "faults" / "videos" / name
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        pictures = list(container.decode(stream))
        truth = np.stack([p.to_ndarray(format="rgb24") for p in pictures])
    video = open_video(path)
    assert video.salvage is not None
    assert video.salvage.concealed == sum(p.is_corrupt for p in pictures) > 0
    assert video.count == len(truth) == 108 and np.array_equal(video.frames(), truth)
    rng = np.random.default_rng(3)
    for size in (1, 5, 24):
        wanted = rng.integers(0, 108, size)
        assert np.array_equal(open_video(path).frames(wanted), truth[wanted])
    with pytest.raises(BadInput, match="damaged"):
        open_video(path, decoder="decord")


def test_real_clips_are_sound_and_exact_by_every_decoder(shared_data):
    clips = sorted((shared_data / "ucf101" / "clips").glob("*.avi"))
    assert len(clips) == 4
    rng = np.random.default_rng(1)
    for path in clips:
        with av.open(str(path)) as container:
            truth = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
        for decoder in DECODERS:
            video = open_video(path, decoder=decoder)
            assert video.count == len(truth) and video.salvage is None
            wanted = rng.integers(0, len(truth), 24)
            difference = np.abs(video.frames(wanted).astype(int) - truth[wanted]).max()
            assert difference <= (2 if decoder == "decord" else 0), (path.name, decoder)
