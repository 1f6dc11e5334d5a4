"""Seams: where the UV layout cuts the surface, both banks of the cut get one colour.

A network that paints in UV space does not know that two texels far apart in the image are
neighbours on the body. Each texel on the border of an island is paired with the nearest texel
across the cut; half of what they differ by is added on either side, fading with the distance from
the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from textures.visibility.texel_geometry import TexelGeometry

REACH = 0.03  # of the texture's side: how far a correction fades into an island
NEAR = 0.02  # metres across a cut


@dataclass(frozen=True)
class Seams:
    """Pairs of texels along the cuts of a UV layout.

    border (B,), across (B,): texel numbers of the pairs; nearest (S,S) int: for each texel the
    index of the nearest border texel on the image; fade (S,S) float32: 1 at the border, 0 far from
    it and off the surface.
    """

    border: np.ndarray
    across: np.ndarray
    nearest: np.ndarray
    fade: np.ndarray


def find_seams(geometry: TexelGeometry) -> Seams:
    """Pair the texels along the cuts of a body's UV layout."""
    size, covered = geometry.size, geometry.covered
    inner = cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=(0,)) > 0
    on_border = (covered & ~inner).reshape(-1)[geometry.surface]
    rows, columns = np.divmod(geometry.surface, size)
    texel = np.stack([rows, columns], 1)
    edge = np.flatnonzero(on_border)
    tree = cKDTree(geometry.position[edge])
    distance, index = tree.query(geometry.position[edge], k=24)
    far = np.abs(texel[edge[index]] - texel[edge][:, None]).max(2) > max(3, size // 24)
    usable = far & (distance < NEAR)
    paired = usable.any(1)
    choice = index[np.arange(len(edge)), usable.argmax(1)]
    border, across = geometry.surface[edge[paired]], geometry.surface[edge[choice[paired]]]
    marks = np.ones(size * size, np.uint8)
    marks[border] = 0
    away, labels = cv2.distanceTransformWithLabels(
        marks.reshape(size, size), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(labels.max() + 1, np.int64)
    lookup[labels.reshape(-1)[border]] = np.arange(len(border))
    fade = np.exp(-((away / (REACH * size)) ** 2)) * covered
    return Seams(border, across, lookup[labels], fade.astype(np.float32))


def without_seams(texture: np.ndarray, seams: Seams) -> np.ndarray:
    """A texture (S,S,3) uint8 whose colours agree across the cuts of its layout."""
    if not len(seams.border):
        return texture
    flat = texture.reshape(-1, 3).astype(np.float32)
    difference = (flat[seams.across] - flat[seams.border]) / 2
    correction = difference[seams.nearest]
    weight = seams.fade[..., None]
    sigma = REACH * len(texture) / 3
    smooth = cv2.GaussianBlur(correction * weight, (0, 0), sigma)
    smooth /= np.maximum(cv2.GaussianBlur(seams.fade, (0, 0), sigma)[..., None], 1e-3)
    mixed = np.where(seams.fade[..., None] > 0.9, correction, smooth)
    return np.round(texture + weight * mixed).clip(0, 255).astype(np.uint8)
