"""Skin: faces and hands that took the colour of cloth get a skin's colour back.

Their lightness stays.

Where a body is fitted badly, a bright shirt can reach the face. Human skin lies near one curve from
dark to light; a texel of the face or the hands that is far from it, and coloured, is moved onto it.
Dark or grey texels (hair, beards, eyes, glasses) and skin itself are left alone.
"""

from __future__ import annotations

import cv2
import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from textures.visibility.texel_geometry import TexelGeometry

# sRGB of skin from dark to light, 0..255, and its lightness (luma) along the curve.
CURVE = np.array(
    [
        (20, 13, 10),
        (80, 54, 41),
        (122, 84, 62),
        (163, 115, 84),
        (196, 145, 110),
        (219, 171, 138),
        (232, 189, 161),
        (242, 207, 186),
        (255, 240, 230),
    ],
    np.float32,
)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
NEAR, FAR = (
    30.0,
    60.0,
)  # distance from the curve at which a colour is kept, and at which it is moved


def skin_texels(geometry: TexelGeometry, body: Body) -> np.ndarray:
    """(S,S) bool: the hands, and the head's front below the brow, where there should be skin."""
    head = body.rest_joints[JOINT_NAMES.index("head")]
    crown = geometry.position[geometry.head.reshape(-1)[geometry.surface], 1].max()
    brow = head[1] + 0.45 * (crown - head[1])
    face = np.zeros(geometry.size**2, bool)
    position = geometry.position
    face[geometry.surface] = (position[:, 1] < brow) & (position[:, 2] > head[2] + 0.01)
    return geometry.hand | (geometry.head & face.reshape(geometry.head.shape))


def skin_of_light(colours: np.ndarray) -> np.ndarray:
    """Skin (...,3) float32 as light as colours (...,3) of sRGB in 0..255."""
    light, curve_light = colours @ LUMA, CURVE @ LUMA
    return np.stack([np.interp(light, curve_light, CURVE[:, c]) for c in range(3)], -1).astype(
        np.float32
    )


def with_skin(texture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A texture (S,S,3) uint8 whose texels of a mask (S,S) bool are skin where they were cloth."""
    colours = texture[mask].astype(np.float32)
    skin = skin_of_light(colours)
    away = np.linalg.norm(colours - skin, axis=-1)
    vivid = np.ptp(colours, axis=-1)
    weight: np.ndarray = np.zeros(mask.shape, np.float32)
    weight[mask] = np.clip((away - NEAR) / (FAR - NEAR), 0, 1) * np.clip((vivid - 25) / 30, 0, 1)
    weight = cv2.GaussianBlur(weight, (0, 0), len(texture) / 256)
    result = texture.copy()
    moved = colours + weight[mask][:, None] * (skin - colours)
    result[mask] = np.round(moved).clip(0, 255).astype(np.uint8)
    return result
