"""BlazePose's person detector (Bazarevsky et al., 2020): where in a picture people are, and how tall.

The network sees squares of 224 pixels and knows people who fill a fair part of one, so a picture is
looked at whole and in overlapping windows of half and a quarter of its longer side. It lies in the wheel
`mediapipe` (Apache-2.0), of which only this file is read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput
from textures.evidence.blazepose import open_interpreter

INPUT = 224
STRIDES = (8, 16, 32, 32, 32)  # of the network's grids; each cell has two anchors
SCORE = 0.5  # from which an answer counts, as in MediaPipe's graph
SHARED = 0.3  # intersection over union of two circles' squares from which they are one person's
WINDOWS = ((1.0, 0.5), (0.25,))  # sides of the windows, of the picture's longer side, in rounds
STEP = 0.5  # of a window's side, between windows
LEAST_WINDOW = 112  # pixels: smaller ones show nobody of whom a texture could be made


@dataclass(frozen=True)
class PersonDetection:
    """A person: middle of the hips (x, y) and radius of a circle about the body, pixels; a score 0..1."""

    hips: tuple[float, float]
    radius: float
    score: float

    @property
    def square(self) -> tuple[float, float, float, float]:
        """The circle's square: left, top, right, bottom."""
        (x, y), r = self.hips, self.radius
        return x - r, y - r, x + r, y + r


class PersonDetector:
    """The detector's network, loaded once."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the network.

        Args:
            path: of `pose_detection.tflite`.
            threads: of one call.

        Raises:
            BadInput: when the file is missing or another network.
        """
        self._interpreter = open_interpreter(Path(path), "pose_detection.tflite", threads)
        inputs = self._interpreter.get_input_details()
        self._anchors = _anchors()
        outputs = {
            tuple(int(n) for n in detail["shape"]): detail["index"]
            for detail in self._interpreter.get_output_details()
        }
        expected = ((1, len(self._anchors), 12), (1, len(self._anchors), 1))
        if tuple(inputs[0]["shape"]) != (1, INPUT, INPUT, 3) or not set(expected) <= set(outputs):
            raise BadInput(f"{path}: not BlazePose's detector; outputs {outputs}")
        self._input, self._answers, self._logits = (
            *(inputs[0]["index"], outputs[expected[0]], outputs[expected[1]]),
        )

    def people(self, image: np.ndarray) -> list[PersonDetection]:
        """People in a picture (h,w,3) uint8 RGB, the surest first, each once."""
        for windows in detection_windows(image.shape[0], image.shape[1]):
            people = merged_detections(
                [answer for window in windows for answer in self._window(image, *window)]
            )
            if people:
                return people
        return []

    def _window(
        self, image: np.ndarray, left: float, top: float, side: float
    ) -> list[PersonDetection]:
        factor = side / INPUT
        shift = np.array(
            [[factor, 0, left + 0.5 * factor - 0.5], [0, factor, top + 0.5 * factor - 0.5]]
        )
        # Averaged first where the window is shrunk, else single pixels stand for all between them.
        source = image if factor <= 1 else cv2.blur(image, (round(factor), round(factor)))
        pixels = cv2.warpAffine(
            source, shift, (INPUT, INPUT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        self._interpreter.set_tensor(self._input, pixels[None].astype(np.float32) / 127.5 - 1)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._logits)[0, :, 0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        rows = self._interpreter.get_tensor(self._answers)[0]
        people = []
        for number in np.flatnonzero(scores >= SCORE):
            points = rows[number, 4:8].reshape(2, 2) + self._anchors[number] * INPUT
            hips, edge = points * factor + (left, top)
            radius = float(np.hypot(*(edge - hips)))
            people.append(
                PersonDetection((float(hips[0]), float(hips[1])), radius, float(scores[number]))
            )
        return people


def installed_detector() -> Path | None:
    """The detector in the wheel `mediapipe`; None without it."""
    package = importlib.util.find_spec("mediapipe")
    if package is None or package.origin is None or not importlib.util.find_spec("ai_edge_litert"):
        return None
    path = Path(package.origin).parent / "modules" / "pose_detection" / "pose_detection.tflite"
    return path if path.is_file() else None


def detection_windows(height: int, width: int) -> list[list[tuple[float, float, float]]]:
    """Squares (left, top, side), pixels, in which a picture of this size is looked at.

    First the whole and its halves; the smaller ones are for a picture in which nobody was found by then.
    """
    rounds = []
    for shares in WINDOWS:
        sides = [share * max(height, width) for share in shares]
        windows = [
            (left, top, side)
            for side in sides
            if side >= LEAST_WINDOW or side == max(height, width)
            for top in _starts(height, side)
            for left in _starts(width, side)
        ]
        rounds += [windows] if windows else []
    return rounds


def _starts(length: int, side: float) -> Sequence[float]:
    """Where windows of a side begin along a length: evenly, from edge to edge, or one in the middle."""
    if side >= length:
        return [(length - side) / 2]
    count = int(np.ceil((length - side) / (STEP * side))) + 1
    return [float(start) for start in np.linspace(0, length - side, count)]


def merged_detections(answers: Sequence[PersonDetection]) -> list[PersonDetection]:
    """The surest answer of each person, the surest first."""
    merged: list[PersonDetection] = []
    for answer in sorted(answers, key=lambda a: (-a.score, a.hips, a.radius)):
        if all(_overlap(answer.square, other.square) < SHARED for other in merged):
            merged.append(answer)
    return merged


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    a, b = np.array(first), np.array(second)
    shared = float(np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / union if union > 0 else 0.0


def _anchors() -> np.ndarray:
    """Middles (A, 2) of the network's anchors, as x and y in shares of the square."""
    grids = []
    for stride in STRIDES:
        cells = INPUT // stride
        y, x = np.mgrid[:cells, :cells]
        middles = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        grids.append(np.repeat(middles, 2, axis=0))
    # Grids of one stride are one in the network: a cell has all their anchors together.
    coarse = grids[2]
    return np.vstack([*grids[:2], np.repeat(coarse[::2], 6, axis=0)])
