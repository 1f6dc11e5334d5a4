"""UV layouts: from surface points to texels and back. The only module that knows the vertical flip.

UV (0, 0) is the bottom-left of the texture image, (1, 1) its top-right, so u runs with the columns
and v against the rows. Texel (row i, column j) of an S-texel image has its centre at u = (j + 0.5)
/ S, v = 1 - (i + 0.5) / S. Outside [0, 1] a texture repeats, as in Blender.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numba
import numpy as np
from scipy.spatial import cKDTree

from mocap.bodies.mesh import HAND, HEAD, Mesh
from mocap.errors import BadInput
from textures.visibility.buffer import VisibilityBuffer, interpolate
from textures.visibility.rasterisation import rasterise

if TYPE_CHECKING:
    import torch

Coordinates = TypeVar("Coordinates", np.ndarray, "torch.Tensor")


def texel_positions(uv: np.ndarray, size: int) -> np.ndarray:
    """UVs (..., 2) as continuous (x, y) in the texture image, y down, texel centres at halves."""
    uv = np.asarray(uv)
    return np.stack([uv[..., 0] * size, (1.0 - uv[..., 1]) * size], axis=-1)


def grid_positions(uv: Coordinates) -> Coordinates:
    """UVs (..., 2) as `torch.nn.functional.grid_sample` wants them with `align_corners=False`.

    Takes and gives a numpy array or a torch tensor. grid_sample does not repeat; UVs within [0, 1]
    need not.
    """
    grid = uv * 2 - 1
    grid[..., 1] *= -1
    return grid


@numba.njit(cache=True, nogil=True)
def _texels(texture, u, v):
    """Rows and columns of the four texels around UV (u, v), and how far it is towards the latter ones."""
    height, width = texture.shape[0], texture.shape[1]
    x = u * width - 0.5
    y = (1.0 - v) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    # Division is slow, and needed at the border only.
    j0, i0 = int(left), int(top)
    if j0 < 0 or j0 >= width:
        j0 %= width
    if i0 < 0 or i0 >= height:
        i0 %= height
    j1 = j0 + 1 if j0 + 1 < width else 0
    i1 = i0 + 1 if i0 + 1 < height else 0
    return i0, i1, j0, j1, x - left, y - top


@numba.njit(cache=True, nogil=True)
def _blended(texture, i0, i1, j0, j1, fx, fy, c):
    upper = texture[i0, j0, c] * (1.0 - fx) + texture[i0, j1, c] * fx
    lower = texture[i1, j0, c] * (1.0 - fx) + texture[i1, j1, c] * fx
    return upper * (1.0 - fy) + lower * fy


@numba.njit(cache=True, nogil=True)
def bilinear_rgb(texture, u, v):
    """Bilinear red, green and blue of `texture` (S,S,3) at UV (u, v); it repeats."""
    i0, i1, j0, j1, fx, fy = _texels(texture, u, v)
    return (
        _blended(texture, i0, i1, j0, j1, fx, fy, 0),
        _blended(texture, i0, i1, j0, j1, fx, fy, 1),
        _blended(texture, i0, i1, j0, j1, fx, fy, 2),
    )


@numba.njit(cache=True, nogil=True)
def _sample(texture, uv, out):
    for n in range(uv.shape[0]):
        i0, i1, j0, j1, fx, fy = _texels(texture, uv[n, 0], uv[n, 1])
        for c in range(texture.shape[2]):
            out[n, c] = _blended(texture, i0, i1, j0, j1, fx, fy, c)


def sample_texture(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear lookup of a texture, as Blender's "Linear" interpolation with "Repeat" extension.

    The values are interpolated as stored: of an 8-bit sRGB texture in sRGB, which is also what Cycles
    does.

    Args:
        texture: (S,S,C) of any dtype.
        uv: (..., 2).

    Returns:
        (..., C) float32.
    """
    uv = np.asarray(uv, dtype=np.float64)
    flat = np.ascontiguousarray(uv.reshape(-1, 2))
    out = np.empty((len(flat), texture.shape[2]), dtype=np.float32)
    _sample(np.ascontiguousarray(texture), flat, out)
    return out.reshape((*uv.shape[:-1], texture.shape[2]))


def atlas(mesh: Mesh, size: int) -> VisibilityBuffer:
    """The surface point of each texel of a texture.

    Args:
        mesh: its UVs say where each face lies in the texture.
        size: the texture has size x size texels.

    Returns:
        Face and barycentric position of each texel, face -1 where no surface is. For instance,
        `interpolate(atlas(mesh, 256), mesh.faces, mesh.vertices)` is each texel's position on the
        template (a body's is T-posed).
    """
    positions = texel_positions(np.asarray(mesh.uv, dtype=np.float64), size)
    faces = np.ascontiguousarray(mesh.uv_faces, dtype=np.int32)
    face, barycentric = rasterise(positions, np.ones(len(positions)), faces, size, size)
    return VisibilityBuffer(face=face, barycentric=barycentric)


@dataclass(frozen=True)
class TexelMasks:
    """(S,S) bool masks of a texture: texels with a surface, of the head, of the hands."""

    covered: np.ndarray
    head: np.ndarray
    hand: np.ndarray


def texel_masks(mesh: Mesh, size: int) -> TexelMasks:
    """Masks of the texels that lie on the mesh, on its head and on its hands.

    Args:
        mesh: its face groups "head" and "hand" are looked at; a mesh may lack them.
        size: the texture has size x size texels.
    """
    return masks_of_atlas(atlas(mesh, size), mesh)


def masks_of_atlas(texels: VisibilityBuffer, mesh: Mesh) -> TexelMasks:
    """The same as `texel_masks` from an atlas that is at hand already."""
    covered = texels.covered
    return TexelMasks(
        covered=covered,
        head=covered & mesh.face_group(HEAD)[texels.face],
        hand=covered & mesh.face_group(HAND)[texels.face],
    )


def mirrored_texels(mesh: Mesh, size: int) -> np.ndarray:
    """Each texel's twin on the other side of the mesh.

    The twin is the texel whose point on the template (a body's is T-posed) is nearest to the mirror image
    (left for right) of this texel's point. `texture.reshape(S * S, -1)[twins]` is the texture of the
    mirrored person, wherever `twins >= 0`.

    Args:
        mesh: its template's left side points to +x.
        size: S, of the texture in texels.

    Returns:
        (S,S) int64 numbers, row * S + column, -1 where no surface is.
    """
    texels = atlas(mesh, size)
    covered = texels.covered
    twins = np.full((size, size), -1, np.int64)
    if covered.any():
        position = interpolate(texels, mesh.faces, mesh.vertices)[covered].astype(np.float64)
        nearest = cKDTree(position).query(position * (-1, 1, 1))[1]
        twins[covered] = np.flatnonzero(covered)[nearest]
    return twins


def fill_gutters(texture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """A texture in which each uncovered texel has its nearest covered one's value.

    Without it, bilinear lookup bleeds the background into the seams between UV islands.

    Args:
        texture: (S,S,...).
        covered: (S,S) bool.

    Raises:
        ValueError: where no texel is covered.
    """
    if not covered.any():
        raise ValueError("no texel is covered")
    _, labels = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(labels.max() + 1, dtype=np.int64)
    source[labels[covered]] = np.flatnonzero(covered)
    flat = texture.reshape((-1, *texture.shape[2:]))
    return flat[source[labels]].reshape(texture.shape)


def check_layout(texture_layout: str, mesh: Mesh, texture: str = "texture") -> None:
    """Refuse a texture of one UV layout on a mesh of another.

    Args:
        texture_layout: the texture's UV layout.
        mesh: what the texture is to be put on.
        texture: names the texture in the message (its file).

    Raises:
        BadInput: where the layouts differ.
    """
    if texture_layout != mesh.uv_layout:
        raise BadInput(
            f"{texture}: made for UV layout {texture_layout!r}, but body {mesh.name!r} has "
            f"{mesh.uv_layout!r}; use a body of that layout or harvest the texture for this one"
        )
