"""Places to film in, cut out of equirectangular environments (.hdr, .exr) as a camera sees them."""

from __future__ import annotations

import cv2
import numpy as np

from textures.visibility.shading import linear_to_srgb, to_bytes

WHITE_SHARE = 96.0  # percentile of the luminance in view that is shown as white


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
