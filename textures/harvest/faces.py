"""Faces that are nobody's: the face of a texture without what tells one person from another.

Eyes, nose and mouth are smoothed away until only light and shade are left, and their colour is brought to
the person's skin tone; the photographs' views lose the head's front, so that no detail brings it back.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from textures.fusion.surface_view import SurfaceView
from textures.harvest.skin import skin_of_light, skin_texels
from textures.visibility.texel_geometry import TexelGeometry

BLUR = 1 / 8  # of the texture's side; a face is about a sixth wide
EDGE = 1 / 100


def face_texels(geometry: TexelGeometry, body: Body) -> np.ndarray:
    """(S,S) bool: the head's front, from chin to hair."""
    head = body.rest_joints[JOINT_NAMES.index("head")]
    front = np.zeros(geometry.size**2, bool)
    front[geometry.surface] = geometry.position[:, 2] > head[2]
    return geometry.head & front.reshape(geometry.head.shape)


def without_face(view: SurfaceView, face: np.ndarray) -> SurfaceView:
    """A view that shows nothing of the face's texels (S,S) bool."""
    return dataclasses.replace(view, weight=view.weight * ~face)


def anonymous_face(
    texture: np.ndarray, geometry: TexelGeometry, body: Body, face: np.ndarray
) -> np.ndarray:
    """A texture (S,S,3) float32 whose face (S,S) bool is nobody's, at the person's skin tone."""
    size = len(texture)
    sigma = size * BLUR
    weight = face.astype(np.float32)
    smooth = cv2.GaussianBlur(texture * weight[..., None], (0, 0), sigma)
    smooth /= np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)[..., None]
    below_brow = face & skin_texels(geometry, body)
    tone = skin_of_light(smooth)
    share = cv2.GaussianBlur(below_brow.astype(np.float32), (0, 0), size * EDGE)[..., None]
    nobody = smooth + share * (tone - smooth)
    return np.where(face[..., None], nobody, texture)
