"""Where a texture's texels lie on the surface, and which pixel of a crop shows each of them.

For each texel the surface point it stands for is posed, projected and tested for visibility. A texel
that the crop does not show borrows its pixel, in this order: from its mirror image (left for right), from
the point opposite it (front for back, on the same part), from the mirror image of that, else from the
nearest visible point of the template. Which pixel a texel looks at depends on the fit alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from mocap.bodies.mesh import Mesh
from textures.visibility.buffer import VisibilityBuffer, interpolate, surface_depth
from textures.visibility.camera import Camera
from textures.visibility.uv_layout import atlas, fill_gutters, masks_of_atlas
from textures.visibility.vertex_normals import vertex_normals

VISIBLE, REFLECTED, BORROWED = 0, 1, 2
FACING_COSINE = 0.2  # a surface turned further from the camera is too smeared to be read
DEPTH_TOLERANCE = 0.02  # metres, on a body


@dataclass(frozen=True)
class TexelGeometry:
    """What is fixed for a mesh and a texture size S. Texels are numbered row * S + column.

    texels: the atlas. number (S,S) int64: each texel's own number, or in the gutters that of the
    nearest covered texel. surface (C,): numbers of the C covered texels; position, normal (C,3):
    their points on the T-posed template. reflections (3,C): for each covered texel the index
    (0..C-1) of its mirror image, opposite, and opposite's mirror image. code (3,S,S) float32:
    template position scaled to [-1,1], as input for a network. head, hand, covered (S,S) bool.
    interpolation (C,V): from values at the mesh's vertices to values at the covered texels.
    """

    size: int
    texels: VisibilityBuffer
    number: np.ndarray
    surface: np.ndarray
    position: np.ndarray
    reflections: np.ndarray
    code: np.ndarray
    covered: np.ndarray
    head: np.ndarray
    hand: np.ndarray
    interpolation: csr_array


def texel_geometry(mesh: Mesh, size: int) -> TexelGeometry:
    """The geometry of a mesh's texture of `size` x `size` texels."""
    texels = atlas(mesh, size)
    masks = masks_of_atlas(texels, mesh)
    covered = masks.covered
    position = interpolate(texels, mesh.faces, mesh.vertices)[covered].astype(np.float64)
    normal = interpolate(texels, mesh.faces, vertex_normals(mesh.vertices, mesh.faces))[covered]
    labels = mesh.face_parts[texels.face[covered]]
    mirrored = cKDTree(position).query(position * (-1, 1, 1))[1]
    opposite = _opposites(position, normal, labels)
    surface = np.flatnonzero(covered)
    number = fill_gutters(np.arange(size * size).reshape(size, size), covered)
    middle = (position.max(0) + position.min(0)) / 2
    span = (position.max(0) - position.min(0)).max() / 2
    code = np.zeros((size * size, 3), np.float32)
    code[surface] = (position - middle) / span
    code = code[number].transpose(2, 0, 1)
    return TexelGeometry(
        size,
        texels,
        number,
        surface,
        position,
        np.stack([mirrored, opposite, mirrored[opposite]]),
        np.ascontiguousarray(code),
        covered,
        masks.head,
        masks.hand,
        csr_array(
            (
                texels.barycentric[covered].astype(np.float64).reshape(-1),
                mesh.faces[texels.face[covered]].reshape(-1),
                np.arange(0, 3 * len(surface) + 1, 3),
            ),
            shape=(len(surface), len(mesh.vertices)),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class PosedTexels:
    """Where a camera has the C covered texels of a posed mesh.

    fraction (C,2) float64: positions as fractions of the image's width and height. cosine (C,): between
    the surface's normal and the way to the camera. visible (C,) bool: turned to the camera, inside the
    image, and with nothing of the mesh before it.
    """

    fraction: np.ndarray
    cosine: np.ndarray
    visible: np.ndarray


def posed_texels(
    geometry: TexelGeometry,
    mesh: Mesh,
    vertices: np.ndarray,
    camera: Camera,
    *,
    tolerance: float = DEPTH_TOLERANCE,
) -> PosedTexels:
    """Where a camera has the texels of a mesh posed to vertices (V,3), metres.

    A surface hides what lies behind it by more than the tolerance, metres.
    """
    points = geometry.interpolation @ np.asarray(vertices, np.float64)
    normals = geometry.interpolation @ vertex_normals(vertices, mesh.faces)
    to_camera = camera.position - points
    cosine = (normals * to_camera).sum(1) / (
        np.linalg.norm(to_camera, axis=1) * np.linalg.norm(normals, axis=1) + 1e-9
    )
    pixels, depth = camera.project(points)
    visible = cosine > FACING_COSINE
    visible[visible] &= (
        depth[visible] < surface_depth(vertices, mesh.faces, camera, pixels[visible]) + tolerance
    )
    fraction = pixels / (camera.width, camera.height)
    visible &= ((fraction > 0) & (fraction < 1)).all(1)
    return PosedTexels(fraction=fraction, cosine=cosine, visible=visible)


def nearest_values(image: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Pixels (N,...) of an image (h,w,...) at positions (N,2), fractions of its width and height."""
    height, width = image.shape[:2]
    columns = np.clip((fraction[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip((fraction[:, 1] * height).astype(int), 0, height - 1)
    return image[rows, columns]


def source_pixels(
    geometry: TexelGeometry,
    mesh: Mesh,
    vertices: np.ndarray,
    camera: Camera,
    person: np.ndarray | None = None,
    *,
    tolerance: float = DEPTH_TOLERANCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Which pixel each texel looks at in a crop.

    Args:
        geometry: of the mesh's texels.
        mesh: the mesh that is posed.
        vertices: (V,3) metres, posed.
        camera: took the crop.
        person: (h,w) probability, over the whole crop at any resolution, that a pixel shows the
            person; texels that land where it is under one half count as not visible.
        tolerance: by how much a surface may lie behind another one and still be visible, metres.

    Returns:
        Positions (S,S,2) float32, as fractions of the crop's width and height, and kinds (S,S) uint8:
        VISIBLE, REFLECTED or BORROWED. Where nothing is visible, all texels look at the crop's middle.
    """
    posed = posed_texels(geometry, mesh, vertices, camera, tolerance=tolerance)
    fraction, visible = posed.fraction, posed.visible
    if person is not None:
        visible = visible & (nearest_values(person, fraction) > 0.5)
    positions = np.full((geometry.size**2, 2), 0.5, np.float32)
    kinds = np.full(geometry.size**2, BORROWED, np.uint8)
    if visible.any():
        source = np.where(visible, np.arange(len(visible)), -1)
        kind = np.where(visible, VISIBLE, BORROWED).astype(np.uint8)
        for candidate in geometry.reflections:
            free = (source < 0) & visible[candidate]
            source[free], kind[free] = candidate[free], REFLECTED
        free = np.flatnonzero(source < 0)
        sources = np.flatnonzero(visible)
        source[free] = sources[
            cKDTree(geometry.position[sources]).query(geometry.position[free])[1]
        ]
        positions[geometry.surface] = fraction[source]
        kinds[geometry.surface] = kind
    return positions[geometry.number], kinds[geometry.number]


def _opposites(position: np.ndarray, normal: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each point the index of the nearest point, along z, on its part's other side."""
    result = np.arange(len(position))
    front = normal[:, 2] > 0
    for number in np.unique(labels):
        sides = [
            np.flatnonzero((labels == number) & front),
            np.flatnonzero((labels == number) & ~front),
        ]
        if not (len(sides[0]) and len(sides[1])):
            continue
        for points, opposite_side in (sides, sides[::-1]):
            tree = cKDTree(position[opposite_side, :2])
            result[points] = opposite_side[tree.query(position[points, :2])[1]]
    return result
