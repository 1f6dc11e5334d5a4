"""Equirectangular pictures of surroundings (.hdr, .exr): reading, and what lies in a direction."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput

SUFFIXES = (".exr", ".hdr")
_HALF_MOST = 65504.0  # what a half-precision sun that burnt out stands for
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def environment_files(folder: Path) -> list[Path]:
    """The environments of a folder, by name.

    Raises:
        BadInput: Where there is none.
    """
    folder = Path(folder)
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise BadInput(
            f"{folder}: no environment; expected equirectangular pictures, .hdr or .exr, of 2:1"
        )
    return files


def read_environment(path: Path) -> np.ndarray:
    """An environment's radiance, (H,2H,3) float32 linear RGB.

    Raises:
        BadInput: For a file that is missing or cannot be read, or is not of 2:1.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such environment picture")
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"  # OpenCV reads EXR only where it is told to
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadInput(
            f"{path}: not a picture in .hdr or .exr that can be read ({error.err})"
        ) from None
    if picture is None or picture.ndim != 3 or picture.shape[2] < 3:
        raise BadInput(f"{path}: not a picture in .hdr or .exr that can be read, of three channels")
    if picture.shape[1] != 2 * picture.shape[0]:
        raise BadInput(
            f"{path}: {picture.shape[1]}x{picture.shape[0]} pixels, expected 2:1 (equirectangular)"
        )
    radiance = np.nan_to_num(picture[..., 2::-1].astype(np.float32), posinf=_HALF_MOST)
    return np.ascontiguousarray(radiance.clip(0, None))


def mean_brightness(radiance: np.ndarray) -> float:
    """Mean luminance over the sphere of an environment (H,2H,3)."""
    height = len(radiance)
    rows = radiance.mean(axis=1, dtype=np.float64) @ _LUMINANCE
    weights = np.cos((np.arange(height) + 0.5) / height * math.pi - math.pi / 2)
    return float((rows * weights).sum() / weights.sum())


def radiance_towards(
    radiance: np.ndarray, directions: np.ndarray, *, turn: float = 0.0
) -> np.ndarray:
    """What an environment shows in given directions, between its pixels.

    Args:
        radiance: (H,2H,3) float32.
        directions: (...,3) of the world, of any length.
        turn: azimuth of its middle column, radians (0: +z, pi/2: +x).

    Returns:
        (...,3) float32.
    """
    tall, wide = radiance.shape[:2]
    x, y, z = (directions[..., axis] for axis in range(3))
    # Seen from inside, what is further to the right has the smaller azimuth.
    column = (0.5 - (np.arctan2(x, z) - turn) / (2 * np.pi)) % 1.0 * wide - 0.5
    row = (0.5 - np.arctan2(y, np.hypot(x, z)) / np.pi) * tall - 0.5
    size = directions.shape[:-1]
    values = cv2.remap(
        np.concatenate([radiance[:, -1:], radiance, radiance[:, :1]], axis=1),
        (column + 1.0).astype(np.float32).reshape(size[0], -1),
        row.astype(np.float32).reshape(size[0], -1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return values.reshape(*size, 3)


def resized_environment(radiance: np.ndarray, focal: float) -> np.ndarray:
    """The environment with pixels not much smaller than those of a camera of `focal` pixels."""
    wide = 2 * round(np.pi * focal)
    if radiance.shape[1] <= wide:
        return radiance
    return cv2.resize(radiance, (wide, wide // 2), interpolation=cv2.INTER_AREA)
