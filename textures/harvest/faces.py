"""Faces that are nobody's: the face of a texture without what tells one person from another.

Eyes, nose and mouth are smoothed away until only light and shade are left, and their colour is brought to
the person's skin tone; the photographs' views lose the head's front, so that no detail brings it back.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from mocap.bodies.body import Body
from textures.fusion.surface_view import SurfaceView
from textures.harvest.skin import skin_of_light, skin_texels
from textures.visibility.texel_geometry import TexelGeometry

BLUR = 1 / 8  # of the texture's side; a face is about a sixth wide
EDGE = 1 / 64  # of the side: how far the new face fades into what is around it


def face_texels(geometry: TexelGeometry, body: Body) -> np.ndarray:
    """(S,S) bool: the face, from chin to brow."""
    return geometry.head & skin_texels(geometry, body)


def without_face(view: SurfaceView, face: np.ndarray) -> SurfaceView:
    """A view that shows nothing of the face's texels (S,S) bool."""
    return dataclasses.replace(view, weight=view.weight * ~face)


def anonymous_face(texture: np.ndarray, head: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A texture whose face is nobody's, at the person's skin tone.

    Args:
        texture: (S,S,3) float32, sRGB in 0..255.
        head: (S,S) bool, texels of the head.
        face: (S,S) bool, those of the face.

    Returns:
        (S,S,3) float32; off the head it is the same.
    """
    size = len(texture)
    weight = face.astype(np.float32)
    smooth = cv2.GaussianBlur(texture * weight[..., None], (0, 0), size * BLUR)
    smooth /= np.maximum(cv2.GaussianBlur(weight, (0, 0), size * BLUR), 1e-3)[..., None]
    width = max(3, round(size * EDGE) | 1)
    wide = cv2.dilate(weight, np.ones((width, width), np.uint8))
    share = np.maximum(cv2.GaussianBlur(wide, (0, 0), size * EDGE / 2), weight) * head
    return texture + share[..., None] * (skin_of_light(smooth) - texture)
