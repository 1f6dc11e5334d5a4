"""Photographs of objects with keypoints, and square crops of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from textures.market1501 import read_image

MARGIN = 0.1  # of the box's longer side, on every side of a crop


@dataclass(frozen=True, kw_only=True)
class ObjectPhotograph:
    """One photograph of an object, and what its data set says of it.

    Attributes:
        path: of the image.
        name: below the data set's images, with forward slashes.
        identity: what the identity network tells apart; a bird's species.
        identity_name: in the data set's words.
        training: whether the data set has it in its training split.
        box: x, y, width, height of the object, pixels; (0, 0) is the image's top-left corner.
        keypoints: (K,2) float64 pixels, in the order of the category's model.
        visible: (K,) bool.
        segmentation: grey picture, bright on the object; None where the data set has none.
    """

    path: Path
    name: str
    identity: int
    identity_name: str
    training: bool
    box: tuple[float, float, float, float]
    keypoints: np.ndarray
    visible: np.ndarray
    segmentation: Path | None = None


@dataclass(frozen=True)
class ObjectPhotographs:
    """The photographs of a data set, in its order; `left_out` says which are not used, and why."""

    photographs: list[ObjectPhotograph]
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObjectCrop:
    """A square piece of a photograph, S x S pixels.

    image: (S,S,3) uint8 RGB. keypoints: (K,2) float64 pixels of the crop; NaN where not visible.
    object_mask: (S,S) bool, what the data set's segmentation says; None where there is none.
    """

    image: np.ndarray
    keypoints: np.ndarray
    object_mask: np.ndarray | None


def read_object_crop(photograph: ObjectPhotograph, size: int) -> ObjectCrop:
    """The square around a photograph's box, at `size` pixels; the image's border goes on outside it.

    Raises:
        BadInput: for an image or a segmentation that cannot be read.
    """
    image = read_image(photograph.path)
    x, y, width, height = photograph.box
    side = max(width, height) * (1 + 2 * MARGIN)
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    factor = size / side
    keypoints = (photograph.keypoints - (left, top)) * factor
    mask = None
    if photograph.segmentation is not None:
        grey = read_image(photograph.segmentation).mean(2).astype(np.float32)
        mask = _window(grey, left, top, side, size) > 127
    return ObjectCrop(
        image=_window(image, left, top, side, size),
        keypoints=np.where(photograph.visible[:, None], keypoints, np.nan),
        object_mask=mask,
    )


def _window(image: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """A square of an image at another size; averaged where that is smaller."""
    first_x, first_y = int(np.floor(left)), int(np.floor(top))
    count = int(np.ceil(side)) + 1
    rows = np.clip(np.arange(first_y, first_y + count), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(first_x, first_x + count), 0, image.shape[1] - 1)
    piece = image[np.ix_(rows, columns)]
    factor = size / side
    if factor < 1:  # averaged first, at a whole number of pixels
        coarse = max(size, 1)
        shrunk = cv2.resize(piece, (coarse, coarse), interpolation=cv2.INTER_AREA)
        factor, piece = factor * count / coarse, shrunk
        scale = coarse / count
    else:
        scale = 1.0
    shift_x = -(left - first_x) * scale * factor
    shift_y = -(top - first_y) * scale * factor
    # OpenCV's pixel centres lie at whole numbers, ours at halves.
    matrix = np.array(
        [
            [factor, 0, shift_x + factor / 2 - 0.5],
            [0, factor, shift_y + factor / 2 - 0.5],
        ]
    )
    return cv2.warpAffine(
        piece, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
