"""The crop's own pixels carried onto the texture by a fitted body: the generator's second input.

For each texel the surface point it stands for is posed, projected and tested for visibility. A
texel that the crop does not show borrows its pixel, in this order: from its mirror image (left for
right), from the point opposite it (front for back, on the same part), from the mirror image of
that, else from the nearest visible point of the T-posed body. Which pixel a texel looks at depends
on the fit alone, so it is worked out once an image, as the paper does with its rendering tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch.nn import functional

from mocap.bodies.body import Body
from textures.visibility.buffer import VisibilityBuffer, interpolate, surface_depth, vertex_normals
from textures.visibility.camera import Camera
from textures.visibility.uv_layout import atlas, fill_gutters, masks_of_atlas

SEEN, REFLECTED, BORROWED = 0, 1, 2
FACING_COSINE = 0.2  # a surface turned further from the camera is too smeared to be read
DEPTH_TOLERANCE = 0.02  # metres


@dataclass(frozen=True)
class TexelGeometry:
    """What is fixed for a body and a texture size S. Texels are numbered row * S + column.

    texels: the atlas. number (S,S) int64: each texel's own number, or in the gutters that of the
    nearest covered texel. surface (C,): numbers of the C covered texels; position, normal (C,3):
    their points on the T-posed template. reflections (3,C): for each covered texel the index
    (0..C-1) of its mirror image, opposite, and opposite's mirror image. code (3,S,S) float32:
    template position scaled to [-1,1], as input for a network. head, hand, covered (S,S) bool.
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


def texel_geometry(body: Body, size: int) -> TexelGeometry:
    """Work out the geometry of a body's texture of ``size`` x ``size`` texels."""
    texels = atlas(body.mesh, size)
    masks = masks_of_atlas(texels, body.mesh)
    covered = masks.covered
    position = interpolate(texels, body.faces, body.template)[covered].astype(np.float64)
    normal = interpolate(texels, body.faces, vertex_normals(body.template, body.faces))[covered]
    part = body.face_parts[texels.face[covered]]
    mirrored = cKDTree(position).query(position * (-1, 1, 1))[1]
    opposite = _opposites(position, normal, part)
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
    )


def source_pixels(
    geometry: TexelGeometry,
    body: Body,
    vertices: np.ndarray,
    camera: Camera,
    person: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Which pixel each texel looks at in the crop that ``camera`` took of the posed ``vertices``
    (V,3).

    person: (h,w) probability, over the whole crop at any resolution, that a pixel shows the
    person; texels that land where it is under one half count as not seen. Returns positions
    (S,S,2) float32, as fractions of the crop's width and height, and kind (S,S) uint8: SEEN,
    REFLECTED or BORROWED. Where nothing is seen, all texels look at the crop's middle.
    """
    texels, covered = geometry.texels, geometry.covered
    points = interpolate(texels, body.faces, np.asarray(vertices, np.float64))[covered]
    normals = interpolate(texels, body.faces, vertex_normals(vertices, body.faces))[covered]
    to_camera = camera.position - points
    cosine = (normals * to_camera).sum(1) / (
        np.linalg.norm(to_camera, axis=1) * np.linalg.norm(normals, axis=1) + 1e-9
    )
    pixels, depth = camera.project(points)
    seen = cosine > FACING_COSINE
    seen[seen] &= (
        depth[seen] < surface_depth(vertices, body.faces, camera, pixels[seen]) + DEPTH_TOLERANCE
    )
    fraction = pixels / (camera.width, camera.height)
    seen &= ((fraction > 0) & (fraction < 1)).all(1)
    if person is not None:
        columns = np.clip((fraction[:, 0] * person.shape[1]).astype(int), 0, person.shape[1] - 1)
        rows = np.clip((fraction[:, 1] * person.shape[0]).astype(int), 0, person.shape[0] - 1)
        seen &= person[rows, columns] > 0.5
    positions = np.full((geometry.size**2, 2), 0.5, np.float32)
    kinds = np.full(geometry.size**2, BORROWED, np.uint8)
    if seen.any():
        source = np.where(seen, np.arange(len(seen)), -1)
        kind = np.where(seen, SEEN, BORROWED).astype(np.uint8)
        for candidate in geometry.reflections:
            free = (source < 0) & seen[candidate]
            source[free], kind[free] = candidate[free], REFLECTED
        free = np.flatnonzero(source < 0)
        visible = np.flatnonzero(seen)
        source[free] = visible[
            cKDTree(geometry.position[visible]).query(geometry.position[free])[1]
        ]
        positions[geometry.surface] = fraction[source]
        kinds[geometry.surface] = kind
    return positions[geometry.number], kinds[geometry.number]


def projection_input(
    crops: torch.Tensor, positions: torch.Tensor, kinds: torch.Tensor, code: torch.Tensor
) -> torch.Tensor:
    """The generator's second input (B,8,S,S): colours found, seen, reflected, and the texel's
    place on the body.

    crops (B,3,H,W) in [-1,1]; positions (B,S,S,2) fractions; kinds (B,S,S); code (3,S,S).
    """
    colours = functional.grid_sample(
        crops, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False
    )
    flags = torch.stack([kinds == SEEN, kinds == REFLECTED], dim=1).to(colours.dtype)
    return torch.cat([colours, flags, code.to(colours).expand(len(crops), -1, -1, -1)], dim=1)


def _opposites(position: np.ndarray, normal: np.ndarray, part: np.ndarray) -> np.ndarray:
    """For each point the index of the nearest point, seen along z, on the other side (front or
    back) of its part.
    """
    result = np.arange(len(position))
    front = normal[:, 2] > 0
    for number in np.unique(part):
        sides = [
            np.flatnonzero((part == number) & front),
            np.flatnonzero((part == number) & ~front),
        ]
        if not (len(sides[0]) and len(sides[1])):
            continue
        for here, there in (sides, sides[::-1]):
            result[here] = there[cKDTree(position[there, :2]).query(position[here, :2])[1]]
    return result
