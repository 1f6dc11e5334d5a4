"""A texture of one UV layout painted anew in another's: each texel takes its surface point's colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from textures.conversion.nearest_surface import nearest_points
from textures.conversion.registration import Registration
from textures.visibility.buffer import interpolate
from textures.visibility.uv_layout import atlas, fill_gutters, sample_texture
from textures.visibility.vertex_normals import vertex_normals


@dataclass(frozen=True)
class LayoutConversion:
    """From the texels of one layout to those of another, S x S.

    Attributes:
        source: the mesh whose layout textures have.
        target: the mesh whose layout they get.
        covered: (S, S) bool, texels of the target that lie on its surface.
        uv: (N, 2) float64, where each of them lies in the source's layout.
    """

    source: Mesh
    target: Mesh
    covered: np.ndarray
    uv: np.ndarray

    @property
    def size(self) -> int:
        """Texels along a side of the target's texture."""
        return len(self.covered)

    def convert(self, texture: np.ndarray) -> np.ndarray:
        """A texture (T, T, 3) uint8 of the source's layout in the target's, (S, S, 3) uint8.

        What lies between the islands of either layout is filled from their borders, so that no colour of
        the ground bleeds in.
        """
        filled = fill_gutters(texture, atlas(self.source, len(texture)).covered)
        if len(filled) > self.size:
            filled = cv2.resize(filled, (self.size, self.size), interpolation=cv2.INTER_AREA)
        painted = np.zeros((self.size, self.size, 3), np.uint8)
        colours = sample_texture(filled, self.uv)
        painted[self.covered] = np.round(colours).clip(0, 255).astype(np.uint8)
        return fill_gutters(painted, self.covered)


def layout_conversions(
    body: Body, mesh: Mesh, registration: Registration, size: int
) -> tuple[LayoutConversion, LayoutConversion]:
    """From the body's layout to the mesh's, and back.

    Args:
        body: the free body.
        mesh: has the other layout.
        registration: of the body on the mesh.
        size: texels along a side of the converted textures.
    """
    laid = (registration.vertices, mesh.vertices)
    outer = (registration.outer, registration.mesh_outer)
    meshes = (body.mesh, mesh)
    forward, backward = (
        _conversion(meshes[k], laid[k], np.flatnonzero(outer[k]), meshes[1 - k], laid[1 - k], size)
        for k in (0, 1)
    )
    return forward, backward


def _conversion(
    source: Mesh,
    source_vertices: np.ndarray,
    outer: np.ndarray,
    target: Mesh,
    target_vertices: np.ndarray,
    size: int,
) -> LayoutConversion:
    texels = atlas(target, size)
    covered = texels.covered
    outward = vertex_normals(target_vertices, target.faces)
    points = interpolate(texels, target.faces, target_vertices)[covered]
    normals = interpolate(texels, target.faces, outward)[covered]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    face, weights = nearest_points(points, normals, source_vertices, source.faces[outer])
    corners = source.uv.astype(np.float64)[source.uv_faces[outer[face]]]
    return LayoutConversion(source, target, covered, np.einsum("nk,nkd->nd", weights, corners))
