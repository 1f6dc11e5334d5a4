"""Films: RGB frames to H.264 and back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mocap.errors import BadInput


def write_video(path: Path, frames: np.ndarray, fps: float) -> None:
    """(T,H,W,3) RGB uint8 as H.264, yuv420p, crf 23 (SURREAL's); one thread, so the bytes repeat."""
    with av.open(str(path), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.options = {"crf": "23", "threads": "1", "flags": "+bitexact"}
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


def read_video(path: Path) -> np.ndarray:
    """All frames of a film, (T,H,W,3) RGB uint8. Raises BadInput when it cannot be decoded."""
    try:
        with av.open(str(path)) as file:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise BadInput(
            f"{path}: not a film that can be decoded ({error}); render it again"
        ) from error
