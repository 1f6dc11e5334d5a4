"""Pictures are shown as their display matrix says, by every decoder."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph

from action_recog.errors import BadInput
from action_recog.videos.decoding import open_video
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.orientation import AS_STORED, orientation_of_matrix
from tests.action_recog.barcode_videos import HEIGHT, WIDTH, numbered_frame
from tests.optional_packages import is_installed

FRAMES = 30
DECODERS = (*("auto", "seeking", "linear"), *(["decord"] if is_installed("decord") else []))
WAYS = list(itertools.product((0, 90, 180, 270), (False, True)))
# Container, codec, and time stamps that are even or not.
FILES = [
    ("h264.mp4", "libx264", False),
    ("h264_uneven.mp4", "libx264", True),
    ("hevc.mp4", "libx265", False),
    ("mpeg4.mov", "mpeg4", False),
    ("mpeg4_uneven.mov", "mpeg4", True),
    ("h264.mkv", "libx264", False),
]


def write_turned(path: Path, codec: str, degrees: int, hflip: bool, *, uneven: bool) -> Path:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.set_display_rotation(degrees, hflip=hflip)
        for number in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            picture.pts = number + (number // 7 if uneven else 0)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def stored_frames(path: Path) -> np.ndarray:
    """Frames as they lie in the file, counted from the first by plain PyAV."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def ffmpegs_frames(path: Path) -> np.ndarray:
    """Frames turned by ffmpeg's filters, chosen by the rules of its command."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph, frames = None, []
        for picture in container.decode(stream):
            if graph is None:
                matrix = next(
                    np.frombuffer(bytes(d), np.int32)
                    for d in picture.side_data
                    if d.type.name == "DISPLAYMATRIX"
                )
                names = {
                    0: ["vflip"] if matrix[4] < 0 else ["null"],
                    270: [("transpose", "cclock_flip" if matrix[3] > 0 else "clock")],
                    180: ["hflip"] * bool(matrix[0] < 0) + ["vflip"] * bool(matrix[4] < 0),
                    90: [("transpose", "clock_flip" if matrix[3] < 0 else "cclock")],
                }[picture.rotation % 360]
                graph = Graph()
                nodes = [graph.add_buffer(template=stream)]
                nodes += [graph.add(*(n if isinstance(n, tuple) else (n,))) for n in names]
                graph.link_nodes(*nodes, graph.add("buffersink")).configure()
            graph.push(picture)
            frames.append(graph.pull().to_ndarray(format="rgb24"))
    return np.stack(frames)


@pytest.mark.parametrize(("name", "codec", "uneven"), FILES, ids=[f[0] for f in FILES])
@pytest.mark.parametrize(("degrees", "hflip"), WAYS)
def test_every_decoder_turns_pictures(tmp_path, name, codec, uneven, degrees, hflip):
    path = write_turned(tmp_path / name, codec, degrees, hflip, uneven=uneven)
    truth = np.rot90(stored_frames(path), degrees // 90, axes=(1, 2))
    if hflip:
        truth = truth[:, :, ::-1]
    wanted = [25, 3, 3, 17]
    served = set()
    for decoder in DECODERS:
        try:
            video = open_video(path, decoder=decoder)
        except BadInput:
            assert decoder == "decord"  # uneven times, another codec, mirror images
            continue
        served.add(decoder)
        assert video.frame_size == truth.shape[1:3] and video.count == FRAMES
        found = video.frames(wanted).astype(int)
        assert found.shape == (4, *truth.shape[1:])
        assert np.abs(found - truth[wanted]).max() <= (2 if decoder == "decord" else 0)
    assert {"auto", "seeking", "linear"} <= served
    if is_installed("decord"):
        assert ("decord" in served) == (name in ("h264.mp4", "mpeg4.mov") and not hflip)


@pytest.mark.parametrize(("degrees", "hflip"), [w for w in WAYS if w != (0, False)])
def test_ffmpegs_filters_turn_alike(tmp_path, degrees, hflip):
    path = write_turned(tmp_path / "turned.mp4", "libx264", degrees, hflip, uneven=False)
    truth = ffmpegs_frames(path).astype(int)
    found = open_video(path).frames()
    # Chroma is upsampled before the picture is turned here, and after it there.
    assert found.shape == truth.shape and np.abs(found - truth).mean() < 3
    assert np.abs(found[:, ::-1] - truth).mean() > 20  # what the bound would say of a mistake


def test_a_turned_video_is_reduced_by_its_upright_size(tmp_path):
    path = write_turned(tmp_path / "turned.mp4", "libx264", 90, False, uneven=False)
    assert open_video(path, short_side=48).frames([0]).shape == (1, 80, 48, 3)
    for folder in (None, tmp_path / "store"):
        store = FrameStore(short_side=48, folder=folder)
        store.fill([path], quiet=True)
        assert store.frames(path, np.array([4, 1])).shape == (2, 80, 48, 3)


def test_other_angles_are_refused_and_named(tmp_path):
    path = write_turned(tmp_path / "askew.mp4", "libx264", 30, False, uneven=False)
    with pytest.raises(
        BadInput, match=r"askew\.mp4: its display matrix turns pictures by .*30 deg"
    ):
        open_video(path)
    assert orientation_of_matrix(np.zeros(9, np.int32)) == AS_STORED


def test_the_real_turned_videos_stand_upright(shared_data):
    paths = sorted((shared_data / "faults" / "videos").glob("rot*.mp4"))
    assert len(paths) == 3
    rng = np.random.default_rng(0)
    for path in paths:
        stored = stored_frames(path)
        assert stored.shape[1:] == (240, 320, 3)
        truth = np.rot90(stored, 1, axes=(1, 2))
        wanted = rng.integers(0, len(truth), 24)
        for decoder in DECODERS:
            try:
                video = open_video(path, decoder=decoder)
            except BadInput as error:
                assert decoder in ("seeking", "decord"), error
                continue
            found = video.frames(wanted).astype(int)
            limit = 2 if decoder == "decord" else 0
            assert np.abs(found - truth[wanted]).max() <= limit, (path.name, decoder)
