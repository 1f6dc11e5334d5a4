"""The nearest point of a mesh to points, among faces that look the same way."""

from __future__ import annotations

import numba
import numpy as np
from scipy.spatial import cKDTree

_CANDIDATES = 32  # faces whose middles are nearest, which are looked at exactly
_TURN = 0.03  # metres: how much farther a face may be that looks the point's way, not across it
_ALIKE = (
    0.5  # cosine above which two directions are alike: on a nose they differ at the same feature
)
_SORTED_TURN = 0.01  # metres: the same, in the order in which candidates are looked up
_CHUNK = 1 << 17


@numba.njit(cache=True, nogil=True)
def _closest(px, py, pz, a, b, c):
    """Weights of the corners a, b, c at the triangle's point nearest to (px, py, pz)."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = px - a[0], py - a[1], pz - a[2]
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    if d1 <= 0.0 and d2 <= 0.0:
        return 1.0, 0.0, 0.0
    bpx, bpy, bpz = px - b[0], py - b[1], pz - b[2]
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    if d3 >= 0.0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / max(d1 - d3, 1e-20)
        return 1.0 - v, v, 0.0
    cpx, cpy, cpz = px - c[0], py - c[1], pz - c[2]
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / max(d2 - d6, 1e-20)
        return 1.0 - w, 0.0, w
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        w = (d4 - d3) / max((d4 - d3) + (d5 - d6), 1e-20)
        return 0.0, 1.0 - w, w
    scale = 1.0 / max(va + vb + vc, 1e-20)
    return 1.0 - (vb + vc) * scale, vb * scale, vc * scale


@numba.njit(cache=True, nogil=True)
def _choose(points, normals, candidates, vertices, faces, face_normals, turn, face, weights):
    for n in range(points.shape[0]):
        best = np.inf
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for k in range(candidates.shape[1]):
            f = candidates[n, k]
            a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
            u, v, w = _closest(x, y, z, a, b, c)
            dx = u * a[0] + v * b[0] + w * c[0] - x
            dy = u * a[1] + v * b[1] + w * c[1] - y
            dz = u * a[2] + v * b[2] + w * c[2] - z
            cosine = (
                normals[n, 0] * face_normals[f, 0]
                + normals[n, 1] * face_normals[f, 1]
                + normals[n, 2] * face_normals[f, 2]
            )
            cost = dx * dx + dy * dy + dz * dz + turn * turn * max(0.0, _ALIKE - cosine)
            if cost < best:
                best = cost
                face[n] = f
                weights[n, 0], weights[n, 1], weights[n, 2] = u, v, w


def nearest_points(
    points: np.ndarray, normals: np.ndarray, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The surface point nearest to each point, where the surface looks the same way.

    Args:
        points: (N, 3) metres.
        normals: (N, 3) unit vectors.
        vertices: (V, 3) metres, of the mesh.
        faces: (F, 3).

    Returns:
        Faces (N,) int64 and weights of their corners (N, 3) float64, which sum to 1.
    """
    vertices = np.ascontiguousarray(vertices, np.float64)
    corners = vertices[faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    tree = cKDTree(np.column_stack([corners.mean(axis=1), _SORTED_TURN * flat]))
    count = min(_CANDIDATES, len(faces))
    face = np.empty(len(points), np.int64)
    weights = np.empty((len(points), 3))
    for start in range(0, len(points), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        queries = np.column_stack([points[chunk], _SORTED_TURN * normals[chunk]])
        candidates = tree.query(queries, k=count)[1].reshape(len(queries), count)
        _choose(
            np.ascontiguousarray(points[chunk], np.float64),
            np.ascontiguousarray(normals[chunk], np.float64),
            candidates,
            vertices,
            np.ascontiguousarray(faces, np.int64),
            flat,
            _TURN,
            face[chunk],
            weights[chunk],
        )
    return face, weights
