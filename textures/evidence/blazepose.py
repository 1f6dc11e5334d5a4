"""BlazePose (Bazarevsky et al., 2020) as evidence, the crop itself taken as the person's region.

Its own detector fails on tight crops, so four regions are tried and the best is refined once by the
network's own two alignment points, as MediaPipe does from frame to frame. The weights (Apache-2.0) are
not ours and not in this repository: `full` lies in the wheel `mediapipe`, `heavy` is downloaded by
`synth fetch-networks`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mocap.errors import BadInput
from textures.evidence.evidence import Evidence, no_evidence, stacked_evidence, yaw_of_line
from textures.evidence.landmarks import BONE_ENDS, BONE_STARTS, INDEX, LANDMARKS
from textures.library import sha256_of

INPUT = 256
REGION_SIZES = (1.15, 1.45)  # crop heights
REGION_MIDDLES = (0.5, 0.58)  # of the crop's height
CENTRE, EDGE = (
    33,
    34,
)  # alignment points: middle of the hips, and a point on the circle about the body
CORE = (11, 12, 23, 24, 25, 26)  # shoulders, hips, knees: what a person in view shows

# BlazePose's 33 landmarks by our names; its shoulders and hips are near the joints, not on the surface
# (`_at_joints`).
LANDMARK_ROWS = {
    "nose": 0,
    **{
        f"{side}_{name}": row + (side == "right")
        for name, row in {
            **{"ear": 7, "shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25},
            **{"ankle": 27, "heel": 29, "toe": 31},
        }.items()
        for side in ("left", "right")
    },
}
# Shares of the trunk's length by which its shoulders are above the joint and its hips below it, measured
# where `textures.evidence.landmarks` says.
_RISE = {"shoulder": -0.04, "hip": 0.11}
_FOOT_CONFIDENCE = 0.3  # heels and toes are guessed on crops of this size


@dataclass(frozen=True)
class _Answer:
    """What one call says.

    Landmarks (39,2) in pixels of the crop, visibility and presence (39,), the flag, the mask (256,256)
    and its affine map to the crop, landmarks (39,3) in metres, upright.
    """

    pixels: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    flag: float
    mask: np.ndarray
    to_crop: np.ndarray
    metres: np.ndarray

    @property
    def score(self) -> float:
        return self.flag * float(self.presence[list(CORE)].mean())


class BlazePose:
    """A BlazePose network as a source of evidence."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the network.

        Args:
            path: of `pose_landmark_{lite,full,heavy}.tflite`.
            threads: of one call.

        Raises:
            BadInput: when the file is missing or no BlazePose network.
        """
        path = Path(path)
        self._interpreter = open_interpreter(path, "pose_landmark_full.tflite or _heavy", threads)
        self.name = f"blazepose-{path.stem.removeprefix('pose_landmark_')}"
        self.tag = f"{self.name}-{sha256_of(path)[:8]}"
        inputs = self._interpreter.get_input_details()
        self._input = inputs[0]["index"]
        self._outputs = {
            tuple(int(n) for n in detail["shape"]): detail["index"]
            for detail in self._interpreter.get_output_details()
        }
        expected = {(1, 195), (1, 1), (1, INPUT, INPUT, 1), (1, 117)}
        if tuple(inputs[0]["shape"]) != (1, INPUT, INPUT, 3) or not expected <= set(self._outputs):
            raise BadInput(f"{path}: not a BlazePose landmark network; outputs {self._outputs}")

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        """Evidence of crops (h,w,3) uint8 RGB; `names` are not needed."""
        if not len(images):
            return no_evidence(self.name, 0)
        return stacked_evidence([self._observe(image) for image in images])

    def _observe(self, image: np.ndarray) -> Evidence:
        height, width = image.shape[:2]
        tried = [
            self._look(image, (width / 2, height * middle), size * height, 0.0)
            for size in REGION_SIZES
            for middle in REGION_MIDDLES
        ]
        best = max(tried, key=lambda answer: answer.score)
        axis = best.pixels[EDGE] - best.pixels[CENTRE]
        size = max(2.5 * float(np.hypot(*axis)), 0.8 * height)
        answer = self._look(image, best.pixels[CENTRE], size, float(np.arctan2(axis[0], -axis[1])))
        return _evidence(self.name, answer, best, height, width)

    def _look(
        self, image: np.ndarray, centre: np.ndarray | tuple[float, float], size: float, turn: float
    ) -> _Answer:
        """One call on a square region of the crop.

        `centre` is in pixels of the crop; `turn` radians make the person upright.
        """
        factor = size / INPUT
        cosine, sine = np.cos(turn) * factor, np.sin(turn) * factor
        to_crop = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
        to_crop[:, 2] = np.asarray(centre) - to_crop[:, :2] @ (INPUT / 2, INPUT / 2)
        region = cv2.warpAffine(
            image,
            _between_centres(to_crop),
            (INPUT, INPUT),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        self._interpreter.set_tensor(self._input, region[None].astype(np.float32) / 255)
        self._interpreter.invoke()
        rows = self._output((1, 195)).reshape(39, 5)
        metres = self._output((1, 117)).reshape(39, 3).copy()
        metres[:, :2] = metres[:, :2] @ (to_crop[:, :2].T / factor)
        return _Answer(
            pixels=rows[:, :2] @ to_crop[:, :2].T + to_crop[:, 2],
            visibility=_sigmoid(rows[:, 3]),
            presence=_sigmoid(rows[:, 4]),
            flag=float(self._output((1, 1)).item()),
            mask=self._output((1, INPUT, INPUT, 1))[0, ..., 0],
            to_crop=to_crop,
            metres=metres,
        )

    def _output(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._interpreter.get_tensor(self._outputs[shape])


def open_interpreter(path: Path, expected: str, threads: int) -> Any:
    """A network for LiteRT, ready to be called.

    Args:
        path: its file.
        expected: what the file should be, for the message where it is missing.
        threads: of one call.

    Raises:
        BadInput: when the file is missing or no network for LiteRT.
    """
    from ai_edge_litert.interpreter import Interpreter

    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected {expected}")
    try:
        with _without_native_messages():
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"{path}: not a network for LiteRT ({error}); fetch it again") from None
    return interpreter


@contextmanager
def _without_native_messages() -> Iterator[None]:
    """Nothing that LiteRT itself writes to the error stream: it announces its parts at every start."""
    sys.stderr.flush()
    stream = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stream, 2)
        os.close(stream)
        os.close(nowhere)


def installed_blazepose() -> Path | None:
    """BlazePose full in the wheel `mediapipe`, of which only this file is read; None without it."""
    package = importlib.util.find_spec("mediapipe")
    if package is None or package.origin is None or not importlib.util.find_spec("ai_edge_litert"):
        return None
    path = Path(package.origin).parent / "modules" / "pose_landmark" / "pose_landmark_full.tflite"
    return path if path.is_file() else None


def _evidence(source: str, answer: _Answer, first: _Answer, height: int, width: int) -> Evidence:
    landmarks = np.zeros((1, len(LANDMARKS), 2), np.float32)
    confidence = np.zeros((1, len(LANDMARKS)), np.float32)
    metres = np.zeros((len(LANDMARKS), 3))
    for name, row in LANDMARK_ROWS.items():
        foot = _FOOT_CONFIDENCE if name.endswith(("_heel", "_toe")) else 1.0
        landmarks[0, INDEX[name]] = answer.pixels[row]
        confidence[0, INDEX[name]] = (
            foot * answer.presence[row] * (0.3 + 0.7 * answer.visibility[row])
        )
        metres[INDEX[name]] = answer.metres[row] * (1, -1, -1)
    landmarks[0], metres = _at_joints(landmarks[0]), _at_joints(metres)
    lines = metres[BONE_ENDS] - metres[BONE_STARTS]
    lines /= np.linalg.norm(lines, axis=-1, keepdims=True).clip(1e-9)
    sure = np.minimum(confidence[0, BONE_STARTS], confidence[0, BONE_ENDS])
    person = cv2.warpAffine(
        _sigmoid(answer.mask),
        _between_centres(answer.to_crop),
        (width, height),
        flags=cv2.INTER_LINEAR,
    )
    return Evidence(
        source=source,
        landmarks=landmarks,
        confidence=confidence,
        directions=lines[None].astype(np.float32),
        direction_confidence=sure[None],
        heading=yaw_of_line(lines[None, -1] + lines[None, -2]).astype(np.float32),
        heading_confidence=sure[None, -1],
        person=(person.astype(np.float32),),
        presence=np.array([first.score], np.float32),
    )


def _at_joints(points: np.ndarray) -> np.ndarray:
    """Landmarks (L,2) or (L,3) with shoulders and hips moved along the trunk to the joints."""
    pairs = {kind: [INDEX[f"left_{kind}"], INDEX[f"right_{kind}"]] for kind in _RISE}
    trunk = points[pairs["shoulder"]].mean(0) - points[pairs["hip"]].mean(0)
    moved = points.copy()
    for kind, rise in _RISE.items():
        moved[pairs[kind]] += rise * trunk
    return moved


def _between_centres(affine: np.ndarray) -> np.ndarray:
    """An affine map of pixels, corner at (0, 0), for OpenCV, where pixel centres are whole numbers."""
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    return shifted


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
