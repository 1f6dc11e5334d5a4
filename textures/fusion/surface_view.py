"""What photographs show of a body's surface, texel by texel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.mesh import Mesh
from textures.body_fit.fitting import PosedFit
from textures.visibility.buffer import VisibilityBuffer, depth, visibility
from textures.visibility.camera import Camera
from textures.visibility.texel_geometry import (
    FACING_COSINE,
    TexelGeometry,
    nearest_values,
    posed_texels,
)
from textures.visibility.uv_layout import texel_positions

SQUARE_COSINE = 0.8  # from here on a surface is seen as well as from straight before it
# Pixels of a crop 128 high. Fitted bodies are some pixels off: what lies nearer to an outline may be the
# background or another limb.
OUTLINE_NEAR, OUTLINE_FAR = 0.5, 4.0
MASK_NEAR, MASK_FAR = 0.5, 2.5
DEPTH_STEP = 0.08  # metres between neighbouring pixels: an outline inside the body
FINE = 0.15  # pixels a texel at which a photograph counts half for its resolution
CARRIED = 0.5  # probability from which a pixel shows something that is carried


@dataclass(frozen=True, kw_only=True)
class SurfaceView:
    """What one photograph shows of the surface.

    colours (S,S,3) float32, sRGB in 0..255, meaningless where weight is 0. weight (S,S) float32 in 0..1:
    how well the photograph shows a texel, 0 where it does not. labels (S,S,L) float32 or None: how
    likely each of `textures.wardrobe.labels.LABELS` is at a texel that is seen. camera: who took it.
    quality: of the photograph's fit, in 0..1.
    """

    colours: np.ndarray
    weight: np.ndarray
    labels: np.ndarray | None
    camera: str
    quality: float


@dataclass(frozen=True, kw_only=True)
class FusedSurface:
    """What all photographs of a person show together, in one light.

    colours (S,S,3) float32, sRGB in 0..255. weight (S,S) float32 in 0..1: how sure they are, 0 where
    nobody saw. labels (S,S,L) float32 or None.
    """

    colours: np.ndarray
    weight: np.ndarray
    labels: np.ndarray | None


def surface_view(
    crop: np.ndarray,
    fit: PosedFit,
    index: int,
    geometry: TexelGeometry,
    mesh: Mesh,
    *,
    camera: str,
    quality: float = 1.0,
    carried: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    buffer: VisibilityBuffer | None = None,
) -> SurfaceView:
    """What a crop shows of the body fitted to it.

    A texel counts the less, the more it is turned away, the nearer it is to an outline of the body or of
    the person, the fewer pixels show it and the worse the fit is; what is carried does not count.

    Args:
        crop: (h,w,3) uint8 RGB.
        fit: of several crops.
        index: of this crop in it.
        geometry: of the texels.
        mesh: the body's.
        camera: who took it, "" where nothing says so.
        quality: of the fit, 0..1.
        carried: (h',w') probability that a pixel shows something carried, over the whole crop.
        labels: (h',w',L) probabilities of labels, over the whole crop.
        buffer: what the crop's camera sees of the body, where it is at hand.

    Returns:
        The view; texels of gutters have weight 0.
    """
    size, lens = geometry.size, fit.cameras[index]
    vertices, person = fit.vertices[index], fit.person[index]
    if buffer is None:
        buffer = visibility(vertices, mesh.faces, lens)
    posed = posed_texels(geometry, mesh, vertices, lens)
    fraction = posed.fraction
    weight = posed.visible * _ramp(posed.cosine, FACING_COSINE, SQUARE_COSINE) * quality
    outline = _outline_distance(buffer, mesh, vertices, lens)
    weight *= _ramp(nearest_values(outline, fraction), OUTLINE_NEAR, OUTLINE_FAR)
    likely = person > 0.5
    if not likely.all():
        inside = _inner_distance(likely) * (128 / person.shape[0])
        weight *= _ramp(nearest_values(inside, fraction), MASK_NEAR, MASK_FAR)
    if carried is not None:
        weight *= nearest_values(carried, fraction) < CARRIED
    fineness = _pixels_a_texel(mesh, vertices, lens, size)[geometry.texels.face[geometry.covered]]
    weight *= fineness / (fineness + FINE)
    whole = np.zeros(size * size, np.float32)
    whole[geometry.surface] = weight.clip(0, 1)
    positions = np.full((size * size, 2), 0.5, np.float32)
    positions[geometry.surface] = fraction
    positions = positions.reshape(size, size, 2)
    return SurfaceView(
        colours=_sampled(crop, positions, cv2.INTER_CUBIC).clip(0, 255),
        weight=whole.reshape(size, size),
        labels=None if labels is None else _sampled(labels, positions, cv2.INTER_LINEAR),
        camera=camera,
        quality=quality,
    )


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, straight between."""
    return ((values - low) / (high - low)).clip(0, 1)


def _inner_distance(mask: np.ndarray) -> np.ndarray:
    """Pixels (h,w) from each pixel of a mask to its outside; what is cut by the image has none there."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)


def _outline_distance(
    buffer: VisibilityBuffer, mesh: Mesh, vertices: np.ndarray, camera: Camera
) -> np.ndarray:
    """Pixels, of a crop 128 high, from each pixel on the body to the nearest outline; 0 off the body."""
    distance = depth(buffer, mesh.faces, vertices, camera).astype(np.float64)
    distance[~buffer.covered] = 1e3
    inner = buffer.covered.copy()
    for axis in (0, 1):
        step = np.abs(np.diff(distance, axis=axis)) > DEPTH_STEP
        after = [slice(None), slice(None)]
        after[axis] = slice(1, None)
        before = [slice(None), slice(None)]
        before[axis] = slice(None, -1)
        inner[tuple(after)] &= ~step
        inner[tuple(before)] &= ~step
    return _inner_distance(inner) * (128 / camera.height)


def _pixels_a_texel(mesh: Mesh, vertices: np.ndarray, camera: Camera, size: int) -> np.ndarray:
    """How long a texel is in pixels (F,), on each face of the posed mesh."""
    pixels, _ = camera.project(vertices)
    texels = texel_positions(np.asarray(mesh.uv, np.float64), size)
    seen_area, area = _areas(pixels[mesh.faces]), _areas(texels[mesh.uv_faces])
    return np.sqrt(seen_area / np.maximum(area, 1e-9))


def _areas(corners: np.ndarray) -> np.ndarray:
    """Areas (F,) of triangles (F,3,2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def _sampled(image: np.ndarray, positions: np.ndarray, interpolation: int) -> np.ndarray:
    """An image (h,w,C) at positions (S,S,2), fractions of its width and height: (S,S,C) float32."""
    height, width = image.shape[:2]
    x, y = positions[..., 0] * width - 0.5, positions[..., 1] * height - 0.5
    layers = [
        cv2.remap(
            np.ascontiguousarray(image[..., first : first + 3], np.float32),
            *(x, y, interpolation),
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(*x.shape, -1)
        for first in range(0, image.shape[2], 3)  # OpenCV takes no more than four at once
    ]
    return layers[0] if len(layers) == 1 else np.concatenate(layers, -1)
