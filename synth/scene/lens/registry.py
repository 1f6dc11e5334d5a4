"""The registry of what cameras do to a whole stream of pictures, in the order in which they do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from synth.scene.lens.h264 import h264_frames
from synth.scene.lens.jpeg import jpeg_frames
from synth.scene.lens.lens import Lens

StreamEffect = Callable[[Iterable[np.ndarray], Lens, float], Iterator[np.ndarray]]
"""Frames (H,W,3) RGB uint8, the lens and frames per second in; as many frames out."""

STREAM_EFFECTS: dict[str, StreamEffect] = {
    "jpeg": lambda frames, lens, fps: jpeg_frames(frames, lens.jpeg),
    "h264": lambda frames, lens, fps: h264_frames(frames, lens.h264, fps),
}
"""By the field of `Lens` that sets them."""
