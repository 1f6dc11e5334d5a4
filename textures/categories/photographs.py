"""Photographs of objects with keypoints, and square crops of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mocap.errors import BadInput
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
        BadInput: for an image or a segmentation that cannot be read, a box outside its image, and a
            segmentation of another size.
    """
    image = read_image(photograph.path)
    x, y, box_width, box_height = photograph.box
    height, width = image.shape[:2]
    left, right = max(x, 0.0), min(x + box_width, width)
    top, bottom = max(y, 0.0), min(y + box_height, height)
    if left >= right or top >= bottom:
        raise BadInput(
            f"{photograph.path}: {width}x{height} pixels, and its box at {x:g}, {y:g} of "
            f"{box_width:g}x{box_height:g} lies outside; take image and box of one release"
        )
    side = max(right - left, bottom - top) * (1 + 2 * MARGIN)
    left, top = (left + right - side) / 2, (top + bottom - side) / 2
    factor = size / side
    keypoints = (photograph.keypoints - (left, top)) * factor
    mask = None
    if photograph.segmentation is not None:
        grey = read_image(photograph.segmentation)[..., 0]
        if grey.shape != image.shape[:2]:
            raise BadInput(
                f"{photograph.segmentation}: {grey.shape[1]}x{grey.shape[0]} pixels, its photograph has "
                f"{image.shape[1]}x{image.shape[0]}; take both of one release"
            )
        mask = _window(grey, left, top, side, size) > 127
    return ObjectCrop(
        image=_window(image, left, top, side, size),
        keypoints=np.where(photograph.visible[:, None], keypoints, np.nan),
        object_mask=mask,
    )


def _window(image: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """A square of an image (H,W,...) uint8 at another size, averaged where that is smaller."""
    height, width = image.shape[:2]
    outside = [-left, -top, left + side - width, top + side - height]
    border = max(0, int(np.ceil(max(outside))))
    widened = np.pad(image, [(border, border)] * 2 + [(0, 0)] * (image.ndim - 2), mode="edge")
    corner = left + border, top + border
    box = (*corner, corner[0] + side, corner[1] + side)
    picture = Image.fromarray(widened).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.array(picture)
