"""Views of a video: which frames, which crop of them, how they reach a network.

Training (section 4.1 of the non-local paper): one clip of `frames` frames, `stride` apart, at a
random time; short side jittered, a random square crop, a random mirror image. Testing: `test_clips`
clips spread evenly over the video, times `test_crops` squares along the long side (10 x 3 in the
paper).

A video shorter than a clip follows `short`: "loop" starts again from its first frame, "clamp"
repeats the last one, "resample" spreads the clip over the whole video, which slows the motion down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

MEAN, STD = 114.75, 57.375  # of 8-bit RGB, the same for the three channels

ShortVideoMode = Literal["loop", "clamp", "resample"]


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """How clips are cut, in training and in testing.

    Sizes are in pixels. `rate` (frames/s) makes `stride` count frames of a video resampled to that
    rate, None takes the frames as they are; `colour` is the half-width of the random gain of
    brightness, contrast and of each channel in training. Raises ValueError for options that make
    no clip.
    """

    frames: int = 8
    stride: int = 8
    size: int = 224
    jitter: tuple[int, int] = (256, 320)
    flip: bool = True
    colour: float = 0.0
    rate: float | None = None
    short: ShortVideoMode = "loop"
    test_size: int = 256
    test_clips: int = 10
    test_crops: int = 3

    def __post_init__(self) -> None:
        if min(self.frames, self.stride, self.test_clips) < 1 or self.test_crops not in (1, 3):
            raise ValueError("frames, stride, test_clips are at least 1, test_crops is 1 or 3")
        if not self.size <= self.jitter[0] <= self.jitter[1]:
            raise ValueError(
                f"size {self.size} <= jitter {self.jitter} in ascending order expected"
            )

    @property
    def most_frames(self) -> int:
        """Frames that the views of one video need at once, in training or in testing."""
        return self.frames * self.test_clips

    @property
    def stored_short_side(self) -> int:
        """The largest short side that any view needs; frames are reduced to it once."""
        return max(self.jitter[1], self.test_size)


def _step(options: ViewOptions, frame_rate: float) -> float:
    return options.stride * (frame_rate / options.rate if options.rate else 1.0)


def clip_span(options: ViewOptions, frame_rate: float) -> int:
    """Frames of the video that a clip covers, both ends included."""
    return int((options.frames - 1) * _step(options, frame_rate)) + 1


def clip_indices(
    start: int, count: int, options: ViewOptions, *, frame_rate: float = 25.0
) -> np.ndarray:
    """Frame numbers of a clip.

    Args:
        start: Number of the clip's first frame.
        count: Frames of the video.
        options: How clips are cut.
        frame_rate: Frames per second of the video.

    Returns:
        Frame numbers (frames,) int64, from 0.
    """
    steps = np.arange(options.frames) * _step(options, frame_rate)
    indices = start + np.floor(steps + 1e-6).astype(np.int64)
    if clip_span(options, frame_rate) <= count or options.short == "clamp":
        return np.minimum(indices, count - 1)
    if options.short == "loop":
        return indices % count
    return np.round(np.linspace(0, count - 1, options.frames)).astype(np.int64)


def training_indices(
    count: int, options: ViewOptions, rng: np.random.Generator, *, frame_rate: float = 25.0
) -> np.ndarray:
    """Frame numbers of a clip at a random time.

    Args:
        count: Frames of the video.
        options: How clips are cut.
        rng: Source of the time.
        frame_rate: Frames per second of the video.

    Returns:
        Frame numbers (frames,) int64, from 0.
    """
    room = count - clip_span(options, frame_rate)
    if room < 0:
        room = count - 1 if options.short == "loop" else 0
    return clip_indices(int(rng.integers(room + 1)), count, options, frame_rate=frame_rate)


def test_indices(count: int, options: ViewOptions, *, frame_rate: float = 25.0) -> np.ndarray:
    """Frame numbers of clips spread evenly from the first frame to the last; one is central.

    Args:
        count: Frames of the video.
        options: How clips are cut.
        frame_rate: Frames per second of the video.

    Returns:
        Frame numbers (test_clips,frames) int64, from 0.
    """
    room = count - clip_span(options, frame_rate)
    if room < 0:
        room = count - 1 if options.short == "loop" else 0
    if options.test_clips == 1:
        starts = np.array([room // 2])
    else:
        starts = np.round(np.linspace(0, room, options.test_clips)).astype(np.int64)
    return np.stack([clip_indices(int(s), count, options, frame_rate=frame_rate) for s in starts])


test_indices.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest thinks


def resize(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """(T,H,W,3) uint8 -> (T,height,width,3): area average when shrinking, bilinear when growing."""
    if frames.shape[1:3] == (height, width):
        return frames
    shrinks = height * width < frames.shape[1] * frames.shape[2]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.empty((len(frames), height, width, 3), np.uint8)
    for frame, target in zip(frames, resized):
        cv2.resize(frame, (width, height), dst=target, interpolation=method)
    return resized


def reduced_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width of frames that are shrunk to a short side; smaller frames stay."""
    if min(height, width) <= short_side:
        return height, width
    scale = short_side / min(height, width)
    return round(height * scale), round(width * scale)


def reduce_short_side(frames: np.ndarray, short_side: int) -> np.ndarray:
    """Shrink frames (T,H,W,3) to a short side of `short_side` pixels; smaller frames stay."""
    height, width = frames.shape[1:3]
    return resize(frames, *reduced_size(height, width, short_side))


def _channels_first(frames: np.ndarray) -> np.ndarray:
    """Frames (T,H,W,3) uint8 as planes (3,T,H,W); OpenCV does it ten times as fast as NumPy."""
    count, height, width, channels = frames.shape
    rows = np.ascontiguousarray(frames).reshape(count * height, width, channels)
    planes = np.empty((channels, count, height, width), np.uint8)
    for channel, plane in enumerate(planes):
        cv2.extractChannel(rows, channel, dst=plane.reshape(-1, width))
    return planes


def _recolour(planes: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Change brightness, contrast and the gain of each channel of planes (3,T,H,W) uint8, in place."""
    gains = rng.uniform(1 - strength, 1 + strength, 5)
    rows = planes.reshape(-1, planes.shape[-1])
    mean = cv2.sumElems(rows)[0] / planes.size  # of whole numbers, and so exact
    # Of the 256 values of a channel, not of every pixel: the same numbers, eight times as fast.
    values = np.arange(256, dtype=np.float32)[:, None].repeat(3, axis=1)
    values = (values - mean) * gains[0] + mean * gains[1]
    values *= (1 + 0.5 * (gains[2:] - 1)).astype(np.float32)
    tables = np.clip(np.rint(values), 0, 255).astype(np.uint8).T.copy()
    for plane, table in zip(planes, tables):
        flat = plane.reshape(-1, plane.shape[-1])
        cv2.LUT(flat, table, dst=flat)


def training_view(frames: np.ndarray, options: ViewOptions, rng: np.random.Generator) -> np.ndarray:
    """Cut a random view of a clip: jittered, cropped, perhaps mirrored and recoloured.

    Args:
        frames: Frames (T,H,W,3) uint8 RGB.
        options: How clips are cut.
        rng: Source of the view.

    Returns:
        View (3,T,size,size) uint8.
    """
    height, width = frames.shape[1:3]
    short = rng.uniform(*options.jitter)
    side = min(round(options.size * min(height, width) / short), height, width)
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    mirrored = options.flip and rng.random() < 0.5
    view = resize(frames[:, top : top + side, left : left + side], options.size, options.size)
    planes = _channels_first(view)
    if options.colour:
        _recolour(planes, options.colour, rng)
    if mirrored:
        rows = planes.reshape(-1, options.size)
        cv2.flip(rows, 1, dst=rows)
    return planes


def test_views(frames: np.ndarray, options: ViewOptions) -> np.ndarray:
    """Cut the test views of a clip: squares along the long side.

    Args:
        frames: Frames (T,H,W,3) uint8 RGB.
        options: How clips are cut.

    Returns:
        Views (test_crops,3,T,test_size,test_size) uint8.
    """
    height, width = frames.shape[1:3]
    side = min(height, width)
    room = max(height, width) - side
    offsets = [room // 2] if options.test_crops == 1 else [0, room // 2, room]
    views = []
    for offset in offsets:
        top, left = (offset, 0) if height > width else (0, offset)
        square = frames[:, top : top + side, left : left + side]
        views.append(_channels_first(resize(square, options.test_size, options.test_size)))
    return np.stack(views)


test_views.__test__ = False  # type: ignore[attr-defined]


def standardise(clips: Tensor) -> Tensor:
    """uint8 RGB clips -> float32 around zero, as the networks expect them."""
    return (clips.to(torch.float32) - MEAN) / STD
