"""What a film's camera sees of a photograph, from where it was taken."""

from __future__ import annotations

import cv2
import numpy as np

from synth.scene.places.background_geometry import pixel_rays
from synth.scene.places.photograph_geometry import in_photograph
from synth.scene.places.scene_place import PhotographCamera
from textures.visibility.camera import Camera


def sized_photograph(image: np.ndarray, photograph: PhotographCamera, focal: float) -> np.ndarray:
    """The photograph with pixels not much smaller than those of a film's camera of `focal` pixels.

    Args:
        image: (H,W,3) uint8.
        photograph: the camera that took it.
        focal: the film's, pixels.
    """
    factor = 1.2 * focal / (photograph.focal * max(image.shape[:2]))
    if factor >= 1:
        return image
    columns, rows = (max(1, round(side * factor)) for side in image.shape[1::-1])
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)


def photograph_picture(
    image: np.ndarray, photograph: PhotographCamera, *, yaw: float, camera: Camera
) -> np.ndarray:
    """What a film's camera sees of a photograph, (H,W,3) uint8; beyond its rim, it is mirrored.

    Args:
        image: (h,w,3) uint8 sRGB.
        photograph: the camera that took it.
        yaw: the side on which that camera stood, radians.
        camera: the film's, at the same point of the world.
    """
    shares = in_photograph(pixel_rays(camera), photograph, yaw)
    pixels = np.nan_to_num(shares * image.shape[1::-1] - 0.5, nan=-1e6).astype(np.float32)
    return cv2.remap(
        *(image, pixels[..., 0], pixels[..., 1], cv2.INTER_CUBIC),
        borderMode=cv2.BORDER_REFLECT_101,
    )
