"""Networks of the Open Model Zoo through OpenVINO: re-identification and attributes of pedestrians."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput

REID_FILES = ("0277.xml", "person-reidentification-retail-0277.xml")
ATTRIBUTE_FILES = ("attr0230.xml", "person-attributes-recognition-crossroad-0230.xml")
# Positions among the eight answers of person-attributes-recognition-crossroad-0230.
LONG_SLEEVES, LONG_TROUSERS = 4, 5


class OpenVinoNetwork:
    """A network with one image as input, on one thread."""

    def __init__(self, path: Path, *, answers: int) -> None:
        """Compile the network.

        Args:
            path: of the .xml file; the .bin lies beside it.
            answers: how many numbers its first output has.

        Raises:
            BadInput: when the file cannot be read or has other inputs and outputs.
        """
        openvino = importlib.import_module("openvino")
        try:
            model = openvino.Core().read_model(path)
            compiled = openvino.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})
            shape = tuple(int(side) for side in compiled.inputs[0].shape)
            length = int(np.prod([int(side) for side in compiled.outputs[0].shape]))
        except Exception as error:  # OpenVINO raises RuntimeError and its own kinds of it
            reason = str(error).strip().splitlines()[-1]
            raise BadInput(
                f"{path}: not a network for OpenVINO ({reason}); fetch it again"
            ) from None
        if len(shape) != 4 or shape[:2] != (1, 3) or length != answers:
            raise BadInput(
                f"{path}: input {shape} and {length} answers; expected (1, 3, H, W) and {answers}"
            )
        self._compiled, self._size = compiled, (shape[3], shape[2])

    def answers(self, image: np.ndarray) -> np.ndarray:
        """The first output (N,) float32 for an image (H,W,3) uint8 RGB of any size."""
        resized = cv2.resize(image, self._size, interpolation=cv2.INTER_LINEAR)
        planes = resized[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        return np.array(self._compiled([planes])[0], np.float32).reshape(-1)

    def unit_descriptors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Descriptors (N,D) of unit length, each the mean over the image and its mirror image."""
        rows = [self.answers(image) + self.answers(image[:, ::-1]) for image in images]
        stacked = np.stack(rows)
        return stacked / np.linalg.norm(stacked, axis=1, keepdims=True).clip(1e-9)


def openvino_file(networks: Path | None, names: Sequence[str]) -> Path | None:
    """The first of these files in a folder or below it; None without it, its .bin or OpenVINO."""
    if networks is None or importlib.util.find_spec("openvino") is None:
        return None
    for name in names:
        for path in sorted(Path(networks).rglob(name)):
            if path.with_suffix(".bin").is_file():
                return path
    return None
