"""What a texture says of itself: seams across the cuts of its UV layout, and left-right symmetry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.mesh import Mesh
from textures.evaluation.texture_sets import Painting
from textures.harvest.seams import Seams, find_seams
from textures.visibility.texel_geometry import TexelGeometry, texel_geometry

STEP = 1  # texels between neighbours within an island


@dataclass(frozen=True)
class SurfaceTexels:
    """Texels of a mesh's texture that are compared with each other.

    seams: pairs across the cuts. twins (C,): for each covered texel the index of its mirror image.
    """

    geometry: TexelGeometry
    seams: Seams
    twins: np.ndarray


def surface_texels(mesh: Mesh, size: int) -> SurfaceTexels:
    """The texels that are compared in a mesh's textures of `size` x `size`."""
    geometry = texel_geometry(mesh, size)
    return SurfaceTexels(geometry, find_seams(geometry), geometry.reflections[0])


def seam_difference(painting: Painting, texels: SurfaceTexels) -> float:
    """Mean colour difference (CIE76) across the cuts beyond that of neighbours, at least 0; NaN uncut."""
    colours = lab(painting.colours)
    flat, seams = colours.reshape(-1, 3), texels.seams
    painted = painting.painted.reshape(-1)
    pairs = painted[seams.border] & painted[seams.across]
    covered = texels.geometry.covered & painting.painted
    neighbours = covered[:, STEP:] & covered[:, :-STEP]
    if not pairs.any() or not neighbours.any():
        return float("nan")
    across = np.linalg.norm(flat[seams.border] - flat[seams.across], axis=1)[pairs].mean()
    inside = np.linalg.norm(colours[:, STEP:] - colours[:, :-STEP], axis=-1)[neighbours].mean()
    return float(max(0.0, across - inside))


def asymmetry(painting: Painting, texels: SurfaceTexels) -> float:
    """Median colour difference (CIE76) between texels and their mirror images; NaN where unpainted."""
    surface = texels.geometry.surface
    painted = painting.painted.reshape(-1)[surface]
    compared = painted & painted[texels.twins]
    if not compared.any():
        return float("nan")
    colours = lab(painting.colours).reshape(-1, 3)[surface]
    return float(np.median(np.linalg.norm(colours - colours[texels.twins], axis=1)[compared]))


def lab(colours: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of (H,W,3) uint8 RGB, float32; L from 0 to 100; OpenCV refuses empty pictures."""
    if not colours.size:
        return np.zeros(colours.shape, np.float32)
    return cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
