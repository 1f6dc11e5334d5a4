"""The picture of a crop: of a bounded size, and without what transparent pixels hide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mocap.errors import BadInput
from textures.market1501 import decoded, open_image, read_image

LONGEST_SIDE = (
    1024  # networks see crops of 128 to 256 pixels; a batch of larger ones would fill memory
)


@dataclass(frozen=True, kw_only=True)
class CropImage:
    """A crop's pixels (h,w,3) uint8 RGB, and where they can show the person.

    name: the file's path. opaque: (h,w) float32, 0..1, of a crop with transparent pixels; None where all
    are opaque.
    """

    name: str
    pixels: np.ndarray
    opaque: np.ndarray | None = None


def read_crop(path: Path) -> CropImage:
    """A crop, shrunk to LONGEST_SIDE where it is larger.

    Transparent pixels are not the person: they get the mean colour of the opaque ones, whatever colour
    lies under them. Raises BadInput for an image that cannot be read or is wholly transparent.
    """
    with open_image(path) as picture:
        if not picture.has_transparency_data:
            return CropImage(name=Path(path).as_posix(), pixels=_shrunk(read_image(path)))
        image = _shrunk(decoded(Path(path), picture, "RGBA"))
    opaque = image[..., 3].astype(np.float32) / 255
    if not opaque.any():
        raise BadInput(f"{path}: every pixel is transparent, so it shows no person; remove it")
    if opaque.all() and opaque.min() == 1:
        return CropImage(name=Path(path).as_posix(), pixels=np.ascontiguousarray(image[..., :3]))
    colours = image[..., :3].astype(np.float32)
    weight = opaque[..., None]
    mean = (colours * weight).sum((0, 1)) / weight.sum()
    pixels = np.round(weight * colours + (1 - weight) * mean).astype(np.uint8)
    return CropImage(name=Path(path).as_posix(), pixels=pixels, opaque=opaque)


def without_transparent(
    person: Sequence[np.ndarray], crops: Sequence[CropImage]
) -> tuple[np.ndarray, ...]:
    """Probabilities (h,w) that pixels of each crop show the person, none where it is transparent."""
    return tuple(
        mask if crop.opaque is None else mask * crop.opaque for mask, crop in zip(person, crops)
    )


def _shrunk(image: np.ndarray) -> np.ndarray:
    """The image, averaged down to LONGEST_SIDE where it is larger."""
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if image.shape[2] == 4:  # Pillow weights colours by their opacity, OpenCV does not
        return np.array(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
