"""The cameras of HMR, SPIN and 4D-Humans: from their SMPL bodies to pixels of the image.

All three put the body in camera axes (x right, y down, z forward; the global orientation holds the turn)
and predict a weak-perspective camera (s, tx, ty) for a square of the image, resized to their input. Each
then makes of it a pinhole of its own focal length f, with the body moved by (tx, ty, 2 f / (size s)):

- HMR (Kanazawa et al., 2018): f = 500, 224 pixels. The image is resized by `scale` = 224 / its longer
  side and padded by repeating its edges; the square's middle lies at `start_pt` / `scale`.
- SPIN (Kolotouros et al., 2019): f = 5000, 224 pixels; the square has `center` and a side of 200 `scale`,
  its corners cut to whole pixels.
- 4D-Humans (Goel et al., 2023): f = 5000, 256 pixels; the square has `box_center` and `box_size`.

Or the camera is already that of the whole image: a translation in metres, the principal point in the
image's middle, and f = 500 (HMR), 5000 (SPIN) or 5000 / 256 times the longer side (4D-Humans).
Pixels are counted from the image's corner, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_NEAREST = 0.05  # metres from the camera: what is nearer has no pixel
_TINY = 1e-9  # as SPIN and 4D-Humans have it


@dataclass(frozen=True, kw_only=True)
class FitConvention:
    """How a method sees a person: its name, its focal length and input size in pixels.

    square: of the image that its input shows, (4,) left, top, right, bottom, from the image's height and
    width and what a file says of it. square_fields: the names of that, with how many numbers each has.
    image_focal: focal length in pixels of the whole image, from its height and width.
    """

    name: str
    focal: float
    size: int
    square: Callable[[int, int, Mapping[str, np.ndarray]], np.ndarray]
    square_fields: Mapping[str, int]
    image_focal: Callable[[int, int], float]


def _hmr_square(height: int, width: int, fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """The square of HMR's `preprocess_image`."""
    if fields:
        scale, start = float(fields["scale"]), fields["start_pt"]
    else:
        scale = 224 / max(height, width)
        middle = np.round(np.array([width, height]) / 2)
        size = np.array([width, height])
        start = np.round(middle * (np.floor(size * scale) / size))
    return np.concatenate([(start - 112) / scale, (start + 112) / scale])


def _spin_square(height: int, width: int, fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """The square of SPIN's `crop`, which cuts its corners to whole pixels.

    The same matrix as there: where a corner is whole, rounding errors decide on which side it is cut.
    """
    if fields:
        middle, side = fields["center"], 200 * float(fields["scale"])
    else:
        middle, side = np.array([width // 2, height // 2]), float(max(height, width))
    to_input = np.eye(3)
    to_input[[0, 1], [0, 1]] = 224 / side
    to_input[:2, 2] = 224 * (-middle / side + 0.5)
    corners = np.linalg.inv(to_input) @ np.array([[0.0, 224.0], [0.0, 224.0], [1.0, 1.0]])
    return np.trunc(corners[:2].T.ravel())


def _humans_square(height: int, width: int, fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """The square of 4D-Humans' detections; without one, the whole image is the detected box."""
    if fields:
        middle, side = fields["box_center"], float(fields["box_size"])
    else:
        middle = np.array([width, height]) / 2
        side = max(height, width * 256 / 192)  # the box, widened to 192 x 256
    return np.concatenate([middle - side / 2, middle + side / 2])


CONVENTIONS: dict[str, FitConvention] = {
    "hmr": FitConvention(
        name="hmr",
        focal=500.0,
        size=224,
        square=_hmr_square,
        square_fields={"scale": 1, "start_pt": 2},
        image_focal=lambda height, width: 500.0,
    ),
    "spin": FitConvention(
        name="spin",
        focal=5000.0,
        size=224,
        square=_spin_square,
        square_fields={"center": 2, "scale": 1},
        image_focal=lambda height, width: 5000.0,
    ),
    "4d-humans": FitConvention(
        name="4d-humans",
        focal=5000.0,
        size=256,
        square=_humans_square,
        square_fields={"box_center": 2, "box_size": 1},
        image_focal=lambda height, width: 5000.0 / 256 * max(height, width),
    ),
}
"""Whose fits are read, by name."""


def pixels_of_square(
    points: np.ndarray, camera: np.ndarray, square: np.ndarray, convention: FitConvention
) -> np.ndarray:
    """Points of a body by the weak-perspective camera of a square of the image.

    Args:
        points: (P,3) metres, in camera axes, before the translation.
        camera: (3,) s, tx, ty.
        square: (4,) left, top, right, bottom, pixels of the image.
        convention: of the method.

    Returns:
        (P,2) pixels of the image; NaN for what lies behind the camera.
    """
    depth = 2 * convention.focal / (convention.size * camera[0] + _TINY)
    shift = np.array([camera[1], camera[2], depth])
    input_pixels = _pinhole(points + shift, convention.focal)
    input_pixels = input_pixels + convention.size / 2
    return square[:2] + input_pixels / convention.size * (square[2:] - square[:2])


def pixels_of_image(
    points: np.ndarray, translation: np.ndarray, focal: float, height: int, width: int
) -> np.ndarray:
    """Points of a body by a camera of the whole image.

    Args:
        points: (P,3) metres, in camera axes, before the translation.
        translation: (3,) metres.
        focal: pixels.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        (P,2) pixels of the image; NaN for what lies behind the camera.
    """
    middle = np.array([width / 2, height / 2])
    return _pinhole(points + translation, focal) + middle


def _pinhole(points: np.ndarray, focal: float) -> np.ndarray:
    z = points[:, 2:]
    return np.where(z > _NEAREST, focal * points[:, :2] / np.maximum(z, _NEAREST), np.nan)
