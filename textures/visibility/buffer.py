"""Which surface point each pixel sees: the buffer that carries all ground truth.

A z-buffer over triangles, sampled exactly at pixel centres (column + 0.5, row + 0.5): no anti-
aliasing contaminates a label. Depth, normals, parts, flow and texel maps are array arithmetic on
the face and the barycentric position that each pixel sees. Both sides of a face are visible, the
nearest surface wins, as in Blender. Faces with a vertex nearer than `NEAR` metres are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textures.visibility.camera import Camera
from textures.visibility.rasterisation import NEAR, image_vertices, rasterise, surfaces_before
from textures.visibility.vertex_normals import vertex_normals


@dataclass(frozen=True)
class VisibilityBuffer:
    """The surface point that each pixel sees: `sum_k barycentric[k] * vertices[faces[face, k]]`.

    Attributes:
        face: (H,W) int32 number of the face, -1 on background.
        barycentric: (H,W,3) float32, perspective-correct, 0 on background.
    """

    face: np.ndarray
    barycentric: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """(H,W) bool, True where a surface is seen."""
        return self.face >= 0


def visibility(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> VisibilityBuffer:
    """What each pixel of a camera sees of a mesh.

    Args:
        vertices: (V,3) float, metres, in the world.
        faces: (F,3) integer vertex indices.
        camera: its image has H x W pixels.

    Returns:
        Face and barycentric position of the nearest surface at each pixel centre.
    """
    pixels, z = camera.project(vertices)
    face, weights = rasterise(pixels, z, _integers(faces), camera.height, camera.width)
    return VisibilityBuffer(face=face, barycentric=weights)


def interpolate(
    buffer: VisibilityBuffer, faces: np.ndarray, values: np.ndarray, *, background: float = 0.0
) -> np.ndarray:
    """Vertex values at each pixel's surface point.

    Args:
        buffer: what each pixel sees.
        faces: (F,3) indices into `values`: of UVs the faces that index them (`Mesh.uv_faces`).
        values: (V,) or (V,C).
        background: the value where no surface is.

    Returns:
        (H,W) or (H,W,C) of the values' dtype; integers become float32.
    """
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float32)
    out = np.full(buffer.face.shape + values.shape[1:], background, dtype=values.dtype)
    covered = buffer.covered
    out[covered] = _surface(buffer, covered, faces, values)
    return out


def depth(
    buffer: VisibilityBuffer, faces: np.ndarray, vertices: np.ndarray, camera: Camera
) -> np.ndarray:
    """Planar depth z in metres, (H,W) float32, inf on background."""
    z = camera.to_camera(vertices)[:, 2]
    return interpolate(buffer, faces, z, background=np.inf).astype(np.float32)


def normals(
    buffer: VisibilityBuffer, faces: np.ndarray, vertices: np.ndarray, camera: Camera
) -> np.ndarray:
    """Smooth unit normals in camera space (x right, y down, z forward), (H,W,3) float32.

    Background is 0. A face seen from behind has its normal turned round, as Cycles does, so normals
    face the camera but for the last degrees before an outline, where the smooth normal leans past
    the flat one.
    """
    out = np.zeros((*buffer.face.shape, 3), dtype=np.float32)
    covered = buffer.covered
    smooth = vertex_normals(vertices, faces) @ camera.rotation.T
    value = _surface(buffer, covered, faces, smooth)
    corners = camera.to_camera(vertices)[faces[buffer.face[covered]]]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    backfacing = np.einsum("nd,nd->n", flat, corners[:, 0]) > 0
    value[backfacing] *= -1
    length = np.linalg.norm(value, axis=1, keepdims=True)
    out[covered] = value / np.maximum(length, 1e-12)
    return out


def parts(buffer: VisibilityBuffer, face_parts: np.ndarray) -> np.ndarray:
    """Part labels (H,W) uint8 from `face_parts` (F,) 1..24; 0 is background."""
    out = np.zeros(buffer.face.shape, dtype=np.uint8)
    covered = buffer.covered
    out[covered] = face_parts[buffer.face[covered]]
    return out


def pixel_centres(height: int, width: int) -> np.ndarray:
    """(H,W,2) float64: (column + 0.5, row + 0.5)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns + 0.5, rows + 0.5], axis=-1)


def flow(
    buffer: VisibilityBuffer, faces: np.ndarray, other_vertices: np.ndarray, other_camera: Camera
) -> np.ndarray:
    """Where each pixel's surface point moves to in another frame.

    Args:
        buffer: what each pixel sees in this frame.
        faces: (F,3) vertex indices.
        other_vertices: (V,3) metres, of the next frame for forward flow, of the previous one for
            backward flow.
        other_camera: the camera of that frame.

    Returns:
        (dx, dy) pixels, y down, (H,W,2) float32, 0 on background.
    """
    out = np.zeros((*buffer.face.shape, 2), dtype=np.float32)
    covered = buffer.covered
    points = _surface(buffer, covered, faces, np.asarray(other_vertices, dtype=np.float64))
    pixels, _ = other_camera.project(points)
    rows, columns = np.nonzero(covered)
    out[covered] = pixels - np.stack([columns + 0.5, rows + 0.5], axis=1)
    return out


def flow_occlusion(
    buffer: VisibilityBuffer,
    faces: np.ndarray,
    other_vertices: np.ndarray,
    other_camera: Camera,
    *,
    tolerance: float = 0.005,
) -> np.ndarray:
    """Whether each pixel's surface point is hidden in another frame.

    A point is occluded when, at the very position it moves to, another surface is nearer by more
    than the tolerance, or when it leaves the image.

    Args:
        buffer: what each pixel sees in this frame.
        faces: (F,3) vertex indices.
        other_vertices: (V,3) metres, of the other frame.
        other_camera: the camera of that frame.
        tolerance: metres.

    Returns:
        (H,W) bool, False on background.
    """
    covered = buffer.covered
    other_vertices = np.asarray(other_vertices, dtype=np.float64)
    points = _surface(buffer, covered, faces, other_vertices)
    pixels, z = other_camera.project(points)
    nearest = surface_depth(other_vertices, faces, other_camera, pixels)
    outside = ~(
        (z > NEAR)
        & (pixels >= 0).all(axis=1)
        & (pixels < (other_camera.width, other_camera.height)).all(axis=1)
    )
    out = np.zeros(buffer.face.shape, dtype=bool)
    out[covered] = outside | (z > nearest + tolerance)
    return out


def surface_depth(
    vertices: np.ndarray, faces: np.ndarray, camera: Camera, positions: np.ndarray
) -> np.ndarray:
    """Depth of the nearest surface at image positions (N,2): (N,) float64 metres, inf: none."""
    return nearest_surface(vertices, faces, camera, positions)[1]


def nearest_surface(
    vertices: np.ndarray, faces: np.ndarray, camera: Camera, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The first surface on the ray through each image position (N,2), pixels.

    Returns face (N,) int32, -1 where there is none, and depth (N,) float64 metres, inf there. A
    position outside the image meets nothing.
    """
    positions = np.ascontiguousarray(positions, dtype=np.float64)
    face, inverse = surfaces_before(
        image_vertices(*camera.project(vertices)),
        _integers(faces),
        positions,
        np.full(len(positions), np.inf),
        camera.height,
        camera.width,
    )
    with np.errstate(divide="ignore"):
        return np.maximum(face, -1), 1.0 / inverse


def _integers(faces: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(faces, dtype=np.int32)


def _surface(
    buffer: VisibilityBuffer, covered: np.ndarray, faces: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """`values` (V,...) at the surface points of the covered pixels, (N,...)."""
    corners = values[faces[buffer.face[covered]]]
    weights = buffer.barycentric[covered].astype(values.dtype)
    return np.einsum("nk,nk...->n...", weights, corners)
