"""A mesh before a camera, projected once and looked up often: the quick way to all ground truth.

The functions give what those of `textures.visibility.buffer` of the same meaning give, but visit only
the pixels that show the mesh and make no array of the image's size but the one they write. A projected
mesh serves in the frame of its own time and as the other frame of both its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from textures.visibility.camera import Camera
from textures.visibility.rasterisation import (
    NEAR,
    OUTSIDE,
    image_vertices,
    nearest_faces,
    surfaces_before,
    visible_positions,
)
from textures.visibility.vertex_normals import normals_at

_njit = numba.njit(cache=True, nogil=True)
_SLACK = 1e-6  # metres; far above any rounding of a depth, far below any tolerance


@dataclass(frozen=True)
class ProjectedMesh:
    """A mesh and where a camera sees its vertices.

    Attributes:
        vertices: (V,3) metres, in the world.
        faces: (F,3) int32.
        camera: the camera.
        image: (V,4) float64, the vertices' column, row, planar z and 1/z.
    """

    vertices: np.ndarray
    faces: np.ndarray
    camera: Camera
    image: np.ndarray

    def is_identical(self, other: ProjectedMesh) -> bool:
        """Whether mesh and camera are the other's, to the last bit."""
        return self.camera.same_view(other.camera) and np.array_equal(self.vertices, other.vertices)


@dataclass(frozen=True)
class VisiblePixels:
    """The N pixels that show the mesh, row by row.

    Attributes:
        row: (N,) int32.
        column: (N,) int32.
        face: (N,) int32.
        barycentric: (N,3) float32, perspective-correct.
    """

    row: np.ndarray
    column: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray


@dataclass(frozen=True)
class ImagePoints:
    """Points in an image: `pixels` (N,2) and planar `z` (N,) metres, float64."""

    pixels: np.ndarray
    z: np.ndarray


def project_mesh(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> ProjectedMesh:
    """Project `vertices` (V,3) of the mesh with `faces` (F,3) int32."""
    vertices = np.ascontiguousarray(vertices)
    if vertices.dtype not in (np.float32, np.float64):
        vertices = vertices.astype(np.float64)
    faces = np.ascontiguousarray(faces, dtype=np.int32)
    return ProjectedMesh(vertices, faces, camera, image_vertices(*camera.project(vertices)))


def visible_pixels(projected: ProjectedMesh) -> VisiblePixels:
    """What the camera's pixels see of the mesh, as `visibility.visibility`."""
    camera = projected.camera
    face = nearest_faces(projected.image, projected.faces, camera.height, camera.width)
    return VisiblePixels(*visible_positions(projected.image, projected.faces, face))


def write_depth(visible: VisiblePixels, projected: ProjectedMesh, out: np.ndarray) -> None:
    """Planar depth in metres into `out` (H,W) float32, as `visibility.depth`."""
    _depth(
        visible.row,
        visible.column,
        visible.face,
        visible.barycentric,
        projected.faces,
        projected.image,
        out,
    )


def write_normals(visible: VisiblePixels, projected: ProjectedMesh, out: np.ndarray) -> None:
    """Unit normals in camera space into `out` (H,W,3) float32, as `visibility.normals`."""
    _normals(
        visible.row,
        visible.column,
        visible.face,
        visible.barycentric,
        projected.faces,
        projected.vertices,
        projected.image,
        projected.camera.rotation,
        out,
    )


def write_values(
    visible: VisiblePixels, faces: np.ndarray, values: np.ndarray, out: np.ndarray
) -> None:
    """Vertex `values` (V,C) that `faces` (F,3) index, as UVs, into `out` (H,W,C) float32."""
    _values(visible.row, visible.column, visible.face, visible.barycentric, faces, values, out)


def projected_points(visible: VisiblePixels, other: ProjectedMesh) -> ImagePoints:
    """Where the pixels' surface points are in another projection of the same mesh."""
    points = _points(visible.face, visible.barycentric, other.faces, other.vertices)
    return ImagePoints(*other.camera.project(points))


def write_flow(visible: VisiblePixels, points: ImagePoints, out: np.ndarray) -> None:
    """The flow (dx, dy) into `out` (H,W,2) float32, as `visibility.flow`.

    It leads from each pixel's centre to where its point is in the other frame (`projected_points`).
    """
    _flow(visible.row, visible.column, points.pixels, out)


def occluding_faces(
    projected: ProjectedMesh, groups: Sequence[ImagePoints], *, tolerance: float
) -> list[np.ndarray]:
    """Which faces hide points from the camera: for each group of points (N,) int32.

    The number is that of the first face at the very position of the point, where it is nearer than
    the point by more than `tolerance` metres; -1 where there is none such: the point is seen;
    OUTSIDE where the point is not in the image or not more than NEAR before the camera. A point at
    depth inf is hidden by whatever its ray meets first. This is the rule of
    `visibility.flow_occlusion`, and all groups together are one pass over the mesh.
    """
    if not groups:
        return []
    pixels = np.concatenate([points.pixels for points in groups])
    z = np.concatenate([points.z for points in groups])
    size = (projected.camera.height, projected.camera.width)
    faces_hit = _occluding_faces(projected.image, projected.faces, pixels, z, tolerance, *size)
    return np.split(faces_hit, np.cumsum([len(points.z) for points in groups])[:-1])


@_njit
def _occluding_faces(image, faces, pixels, z, tolerance, height, width):
    # What lies beyond this cannot hide the point; the slack keeps the exact rule for the last word.
    limits = z - tolerance + _SLACK
    faces_hit, nearest = surfaces_before(image, faces, pixels, limits, height, width)
    for n in range(faces_hit.shape[0]):
        if not z[n] > NEAR:
            faces_hit[n] = OUTSIDE
        elif faces_hit[n] >= 0 and not z[n] > 1.0 / nearest[n] + tolerance:
            faces_hit[n] = -1
    return faces_hit


@_njit
def _depth(row, column, face, barycentric, faces, image, out):
    for n in range(row.shape[0]):
        value = 0.0
        for k in range(3):
            value += np.float64(barycentric[n, k]) * image[faces[face[n], k], 2]
        out[row[n], column[n]] = value


@_njit
def _normals(row, column, face, barycentric, faces, vertices, image, rotation, out):
    selected = np.zeros(vertices.shape[0], np.bool_)
    for n in range(face.shape[0]):
        for k in range(3):
            selected[faces[face[n], k]] = True
    smooth = normals_at(vertices, faces, selected)
    for n in range(row.shape[0]):
        a, b, c = faces[face[n], 0], faces[face[n], 1], faces[face[n], 2]
        wa, wb, wc = barycentric[n, 0], barycentric[n, 1], barycentric[n, 2]
        nx = wa * smooth[a, 0] + wb * smooth[b, 0] + wc * smooth[c, 0]
        ny = wa * smooth[a, 1] + wb * smooth[b, 1] + wc * smooth[c, 1]
        nz = wa * smooth[a, 2] + wb * smooth[b, 2] + wc * smooth[c, 2]
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        scale = 1.0 / max(length, 1e-12)
        area = (image[b, 0] - image[a, 0]) * (image[c, 1] - image[a, 1]) - (
            image[b, 1] - image[a, 1]
        ) * (image[c, 0] - image[a, 0])
        if area > 0.0:  # seen from behind: turned round, as Cycles does
            scale = -scale
        for d in range(3):
            value = rotation[d, 0] * nx + rotation[d, 1] * ny + rotation[d, 2] * nz
            out[row[n], column[n], d] = scale * value


@_njit
def _values(row, column, face, barycentric, faces, values, out):
    for n in range(row.shape[0]):
        a, b, c = faces[face[n], 0], faces[face[n], 1], faces[face[n], 2]
        wa, wb, wc = barycentric[n, 0], barycentric[n, 1], barycentric[n, 2]
        for d in range(values.shape[1]):
            va, vb, vc = (
                np.float64(values[a, d]),
                np.float64(values[b, d]),
                np.float64(values[c, d]),
            )
            value = wa * va + wb * vb + wc * vc
            # Weights sum to 1 but for rounding, which must not carry a UV out of [0, 1].
            value = min(max(value, min(va, vb, vc)), max(va, vb, vc))
            out[row[n], column[n], d] = value


@_njit
def _points(face, barycentric, faces, vertices):
    out = np.empty((face.shape[0], 3), np.float64)
    for n in range(face.shape[0]):
        for d in range(3):
            value = 0.0
            for k in range(3):
                value += np.float64(barycentric[n, k]) * vertices[faces[face[n], k], d]
            out[n, d] = value
    return out


@_njit
def _flow(row, column, pixels, out):
    for n in range(row.shape[0]):
        out[row[n], column[n], 0] = pixels[n, 0] - (column[n] + 0.5)
        out[row[n], column[n], 1] = pixels[n, 1] - (row[n] + 0.5)
