"""Each frame compressed by itself, as the motion JPEG of cheap cameras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np


def jpeg_frames(frames: Iterable[np.ndarray], quality: int) -> Iterator[np.ndarray]:
    """Frames (H,W,3) RGB uint8 after JPEG of a `quality` from 1 to 100; 0 leaves them as they are.

    Raises:
        ValueError: a frame that cannot be compressed.
    """
    for frame in frames:
        if quality == 0:
            yield frame
            continue
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
        good, coded = cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]), parameters)
        if not good:
            raise ValueError(f"a frame of shape {frame.shape} cannot be compressed as JPEG")
        yield np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
