"""Places to film in, cut out of equirectangular environments (.hdr, .exr) as a camera sees them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput
from textures.visibility.shading import linear_to_srgb, to_bytes

SUFFIXES = (".exr", ".hdr")
HALF_MOST = 65504.0  # what a half-precision sun that burnt out stands for
WHITE_SHARE = 96.0  # percentile of the luminance in view that is shown as white


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
        BadInput: For a file that cannot be read, or is not of 2:1.
    """
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"  # OpenCV reads EXR only where it is told to
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadInput(f"{path}: not a picture that can be read ({error.err})") from None
    if picture is None or picture.ndim != 3 or picture.shape[2] < 3:
        raise BadInput(f"{path}: not a picture in .hdr or .exr with three channels")
    if picture.shape[1] != 2 * picture.shape[0]:
        raise BadInput(
            f"{path}: {picture.shape[1]}x{picture.shape[0]} pixels, expected 2:1 (equirectangular)"
        )
    radiance = np.nan_to_num(picture[..., 2::-1].astype(np.float32), posinf=HALF_MOST)
    return np.ascontiguousarray(radiance.clip(0, None))


def environment_view(
    radiance: np.ndarray, *, yaw: float, pitch: float, focal: float, width: int, height: int
) -> np.ndarray:
    """What a pinhole camera in the middle of an environment sees, exposed for the view.

    Args:
        radiance: (H,2H,3) linear RGB; its middle column lies at yaw 0, its top row overhead.
        yaw: Radians to the right.
        pitch: Radians upwards.
        focal: Pixels.
        width: Pixels.
        height: Pixels.

    Returns:
        (height,width,3) uint8 sRGB.
    """
    rows, columns = np.mgrid[:height, :width].astype(np.float64) + 0.5
    x, y = (columns - width / 2) / focal, (height / 2 - rows) / focal
    up = y * np.cos(pitch) + np.sin(pitch)
    ahead = np.cos(pitch) - y * np.sin(pitch)
    longitude = yaw + np.arctan2(x, ahead)
    latitude = np.arctan2(up, np.hypot(x, ahead))
    tall, wide = radiance.shape[:2]
    source_x = ((longitude / (2 * np.pi) + 0.5) % 1.0) * wide - 0.5
    source_y = (0.5 - latitude / np.pi) * tall - 0.5
    view = cv2.remap(
        radiance,
        source_x.astype(np.float32),
        source_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    luminance = view @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    exposed = np.clip(view / max(float(np.percentile(luminance, WHITE_SHARE)), 1e-6), 0, 1)
    return to_bytes(linear_to_srgb(exposed))
