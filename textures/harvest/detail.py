"""Detail: the crop's own visible pixels laid over a generated texture, off by default.

Where the fitted body faces the camera and the pixels are surely the person's, the crop itself is
sharper than what a small generator makes of it: prints, bags, straps. The texture keeps its own
blurred colours and takes its fine structure from the crop, so that light and shade of the
photograph stay out of it. It is off by default: the side that the crop does not show stays soft,
and a poor fit shows more.
"""

from __future__ import annotations

import cv2
import numpy as np

from textures.visibility.texel_geometry import VISIBLE

STRENGTH = 0.8
TEXELS_A_PIXEL = 3.0  # of a texture of 256 to a pixel of a crop 128 high, on a trunk


def with_detail(
    texture: np.ndarray,
    crop: np.ndarray,
    positions: np.ndarray,
    kinds: np.ndarray,
    *,
    spared: np.ndarray,
    blur: float = 3.0,
) -> np.ndarray:
    """A texture (S,S,3) uint8 with the crop's fine structure added where it is seen.

    positions (S,S,2) and kinds (S,S) are those of `projection.source_pixels` at the texture's
    size; `spared` (S,S) bool are texels left alone (head and hands); `blur`: what counts as
    fine, in pixels of a crop 128 pixels high.
    """
    height, width = crop.shape[:2]
    sharp = crop.astype(np.float32)
    fine = sharp - cv2.GaussianBlur(sharp, (0, 0), blur * height / 128)
    x = (positions[..., 0] * width - 0.5).astype(np.float32)
    y = (positions[..., 1] * height - 0.5).astype(np.float32)
    carried = cv2.remap(fine, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    visible = ((kinds == VISIBLE) & ~spared).astype(np.float32)
    inner = cv2.erode(visible, np.ones((5, 5), np.uint8))
    weight = STRENGTH * cv2.GaussianBlur(inner, (0, 0), 2.0) * visible
    colours = texture.astype(np.float32)
    structure = colours - cv2.GaussianBlur(
        colours, (0, 0), blur * TEXELS_A_PIXEL * len(texture) / 256
    )
    return (
        np.round(colours + weight[..., None] * (carried - structure)).clip(0, 255).astype(np.uint8)
    )
