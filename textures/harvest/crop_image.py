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

    name: the file's path. size: (width, height) before it was shrunk, pixels. opaque: (h,w) float32,
    0..1, of a crop with transparent pixels; None where all are opaque.
    """

    name: str
    pixels: np.ndarray
    size: tuple[int, ...] = ()
    opaque: np.ndarray | None = None


def read_crop(path: Path, box: Sequence[int] | None = None) -> CropImage:
    """A crop, shrunk to LONGEST_SIDE where it is larger.

    Transparent pixels are not the person: they get the mean colour of the opaque ones, whatever colour
    lies under them.

    Args:
        path: of the picture.
        box: left, top, right, bottom, pixels of the picture, to which it is cut; None for all of it.

    Raises:
        BadInput: the image cannot be read, is wholly transparent, or has nothing in the box.
    """
    with open_image(path) as picture:
        transparent = picture.has_transparency_data
        whole = decoded(Path(path), picture, "RGBA") if transparent else read_image(path)
    if box is not None:
        left, top, right, bottom = (max(0, end) for end in box)
        height, width = whole.shape[:2]
        whole = np.ascontiguousarray(whole[top:bottom, left:right])
        if not whole.size:
            raise BadInput(
                f"{path}: {width} x {height} pixels, but its person's box is {list(box)}; the "
                "picture was exchanged: harvest again"
            )
    image = _shrunk(whole)
    if not transparent:
        return CropImage(name=Path(path).as_posix(), pixels=image, size=whole.shape[1::-1])
    opaque = image[..., 3].astype(np.float32) / 255
    if not opaque.any():
        raise BadInput(f"{path}: every pixel is transparent, so it shows no person; remove it")
    if opaque.all() and opaque.min() == 1:
        opaque_pixels = np.ascontiguousarray(image[..., :3])
        return CropImage(name=Path(path).as_posix(), pixels=opaque_pixels, size=whole.shape[1::-1])
    colours = image[..., :3].astype(np.float32)
    weight = opaque[..., None]
    mean = (colours * weight).sum((0, 1)) / weight.sum()
    pixels = np.round(weight * colours + (1 - weight) * mean).astype(np.uint8)
    return CropImage(
        name=Path(path).as_posix(), pixels=pixels, size=whole.shape[1::-1], opaque=opaque
    )


def without_transparent(
    person: Sequence[np.ndarray], crops: Sequence[CropImage]
) -> tuple[np.ndarray, ...]:
    """Probabilities (h,w) that pixels of each crop show the person, none where it is transparent."""
    return tuple(
        mask if crop.opaque is None else mask * crop.opaque for mask, crop in zip(person, crops)
    )


def full_size_box(box: Sequence[int], crop: CropImage) -> tuple[int, int, int, int]:
    """A box (left, top, right, bottom) of a crop in pixels of the picture before it was shrunk."""
    height, width = crop.pixels.shape[:2]
    across, down = crop.size[0] / width, crop.size[1] / height
    left, right = (round(end * across) for end in (box[0], box[2]))
    top, bottom = (round(end * down) for end in (box[1], box[3]))
    return left, top, right, bottom


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
