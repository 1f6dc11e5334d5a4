"""The whole film compressed once more, as a cheap camera's H.264 that was then encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

_OPTIONS = {
    **{"preset": "veryfast", "rc-lookahead": "10", "threads": "1", "flags": "+bitexact"},
    "x264-params": "cpu-independent=1",  # as in `synth.clips.video_files`: the same bytes everywhere
}


def h264_frames(frames: Iterable[np.ndarray], crf: int, fps: float) -> Iterator[np.ndarray]:
    """Frames after H.264, on one thread.

    They are taken one after another; each comes back as soon as the encoder, which looks a few
    frames ahead, lets go of it.

    Args:
        frames: (H,W,3) RGB uint8.
        crf: the encoder's rate factor, 1 to 51, the higher the worse; 0 leaves the frames as they are.
        fps: frames per second.
    """
    if crf == 0:
        yield from frames
        return
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    encoder = None
    for number, frame in enumerate(frames):
        if encoder is None:
            encoder = _open_encoder(frame.shape, crf, fps)
        coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        coded = coded.reformat(format="yuv420p")
        coded.pts = number
        yield from _decoded(decoder, encoder.encode(coded))
    if encoder is not None:
        yield from _decoded(decoder, encoder.encode(None))
        yield from (frame.to_ndarray(format="rgb24") for frame in decoder.decode(None))


def _open_encoder(shape: tuple[int, ...], crf: int, fps: float) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    rate = Fraction(fps).limit_denominator(1001)
    encoder.height, encoder.width, encoder.pix_fmt = shape[0], shape[1], "yuv420p"
    encoder.framerate, encoder.time_base, encoder.thread_count = rate, 1 / rate, 1
    encoder.options = {**_OPTIONS, "crf": str(crf)}
    return encoder


def _decoded(decoder: av.VideoCodecContext, packets: Iterable[av.Packet]) -> Iterator[np.ndarray]:
    for packet in packets:
        for frame in decoder.decode(packet):
            yield frame.to_ndarray(format="rgb24")
