"""The free body laid on another mesh, once: posed and shaped to it, then pulled onto its surface.

The other mesh is a body in the T-pose, of which nothing but the surface is known. First the free body's
pose, shape and place are fitted. Then its head is bent so that eyes, nose, mouth and ears are where the
other's are, as smoothly as can be, and each vertex moves to the nearest surface that looks the same way
(non-rigid ICP, Amberg et al., 2007, with displacements in place of affine maps); what cannot be seen from
outside, as the inside of the mouth, just goes along. What is left between the surfaces and between the
features of the faces is measured. The result is kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.files import atomic_write, cache_folder
from textures.conversion.face_landmarks import landmark_pairs
from textures.conversion.head_bending import bent_head
from textures.conversion.nearest_surface import nearest_points
from textures.conversion.outer_surface import outer_faces
from textures.visibility.vertex_normals import vertex_normals

REGISTRATION = 2  # raised whenever the numbers below change, so that old caches are not read
_STEPS = 40
_STRIDES = (5, 2)  # of the body's and of the other mesh's vertices, in the fit of the pose
_STIFFNESS = (20, 20, 10, 10, 5, 5, 2, 2, 1, 1, 0.5, 0.5, 0.3, 0.3)
_NORMAL = 0.05  # metres: how far apart are two points at one place that look at right angles
_REACH = 0.05  # metres beyond which a vertex is not pulled
_BACK = 0.3  # of the pull of the other mesh's vertices, by that of the free body's
_ON_PLANE = 0.8  # of a pull goes along the normal only, so that vertices may slide
_LANDMARKS = 1.0  # of the fit of the pose: weight of the landmarks' mean squared distance
_LANDMARK_PULL = 5.0  # by a vertex' own
_LARGEST_POSED_MEAN = 0.03  # metres, before vertices are pulled; 7 mm on SMPL
_LARGEST_MEAN = 0.015  # metres between the surfaces beyond which the meshes are no two bodies


@dataclass(frozen=True)
class Registration:
    """The free body on the other mesh, and how far the surfaces are apart, metres.

    Attributes:
        vertices: (V, 3) float32, the free body's.
        outer: (F,) bool, the free body's faces that are seen from outside.
        mesh_outer: (G,) bool, the other mesh's.
        mean: from the other mesh's vertices to the free body's surface.
        percentile_95: of the same.
        largest: of the same.
        features: from a feature of the other mesh's face to the same one of the free body, on the free
            body, on average; nan where a mesh's features are unknown.
    """

    vertices: np.ndarray
    outer: np.ndarray
    mesh_outer: np.ndarray
    mean: float
    percentile_95: float
    largest: float
    features: float

    def __str__(self) -> str:
        features = (
            f"; features of the face {1000 * self.features:.1f} mm" if self.features >= 0 else ""
        )
        return (
            f"{1000 * self.mean:.1f} mm between the surfaces on average, "
            f"{1000 * self.percentile_95:.1f} mm at 95 %, {1000 * self.largest:.0f} mm at most"
            + features
        )


def register(body: Body, mesh: Mesh, *, cache: Path | None = None) -> Registration:
    """Lay a body on another mesh, or read from the cache how it lies.

    Args:
        body: the free body.
        mesh: in the T-pose, metres, y up, facing +z.
        cache: folder of what was computed before; `cache_folder()` when None.

    Raises:
        BadInput: the surfaces do not come together, as of a mesh that is no body in the T-pose.
    """
    digest = hashlib.sha256()
    pairs = landmark_pairs(body.mesh, mesh)
    for array in (body.template, body.faces, mesh.vertices, mesh.faces, pairs):
        digest.update(np.ascontiguousarray(array).tobytes())
    name = f"registration-{REGISTRATION}-{digest.hexdigest()[:16]}.npz"
    path = (cache or cache_folder()) / name
    stored = _cached_arrays(path, body, mesh)
    if stored is None:
        outer, mesh_outer = (outer_faces(f.vertices, f.faces) for f in (body.mesh, mesh))
        vertices = _registered_vertices(body, outer, mesh)
        stored = {"vertices": vertices, "outer": outer, "mesh_outer": mesh_outer}
        content = io.BytesIO()
        np.savez(content, **stored)
        with atomic_write(path) as temporary:
            temporary.write_bytes(content.getbuffer())
    distance = surface_distances(stored["vertices"], body.faces, mesh)
    result = Registration(
        **stored,
        mean=float(distance.mean()),
        percentile_95=float(np.percentile(distance, 95)),
        largest=float(distance.max()),
        features=_features_apart(body, stored["vertices"], stored["outer"], mesh),
    )
    if result.mean > _LARGEST_MEAN:
        path.unlink(missing_ok=True)
        raise _no_body(mesh, body, str(result))
    return result


def _no_body(mesh: Mesh, body: Body, measure: str) -> BadInput:
    return BadInput(
        f"{mesh.name}: cannot be laid on the body {body.name}: {measure}; expected a body in the T-pose, "
        "y up, facing +z"
    )


def surface_distances(vertices: np.ndarray, faces: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Metres (N,) from each vertex of `mesh` to the nearest point of a surface that looks its way."""
    normals = _unit(vertex_normals(mesh.vertices, mesh.faces))
    face, weights = nearest_points(mesh.vertices, normals, vertices, faces)
    points = np.einsum("nk,nkd->nd", weights, np.asarray(vertices, np.float64)[faces[face]])
    return np.linalg.norm(points - mesh.vertices, axis=1)


def _features_apart(body: Body, vertices: np.ndarray, outer: np.ndarray, mesh: Mesh) -> float:
    """Mean metres, on the body, from where the mesh's features come to lie to the body's features."""
    numbers, marks = landmark_pairs(body.mesh, mesh)
    if not len(marks):
        return float("nan")
    normals = _unit(vertex_normals(mesh.vertices, mesh.faces))[marks]
    faces = body.faces[outer]
    face, weights = nearest_points(mesh.vertices[marks], normals, vertices, faces)
    points = np.einsum("nk,nkd->nd", weights, body.template[faces[face]].astype(np.float64))
    return float(np.linalg.norm(points - body.template[numbers], axis=1).mean())


def _cached_arrays(path: Path, body: Body, mesh: Mesh) -> dict[str, np.ndarray] | None:
    """What an earlier run kept; None where there is nothing or it is torn."""
    if not path.is_file():
        return None
    shapes = {
        "vertices": (body.template.shape, np.float32),
        "outer": ((len(body.faces),), np.bool_),
        "mesh_outer": ((len(mesh.faces),), np.bool_),
    }
    try:
        with np.load(path, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in shapes}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
    fits = all((stored[name].shape, stored[name].dtype) == kind for name, kind in shapes.items())
    return stored if fits and np.isfinite(stored["vertices"]).all() else None


def _unit(normals: np.ndarray) -> np.ndarray:
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _registered_vertices(body: Body, outer_mask: np.ndarray, mesh: Mesh) -> np.ndarray:
    """The body's vertices (V, 3) float32 on the mesh, in the mesh's place and size."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    scale = float(np.ptp(mesh.vertices[:, 1]) / np.ptp(body.template[:, 1]))
    middle = (body.template.min(axis=0) + body.template.max(axis=0)) / 2
    target = (mesh.vertices - (low + high) / 2) / scale + middle
    normals = _unit(vertex_normals(target, mesh.faces))
    with tqdm(total=_STEPS + len(_STIFFNESS), desc="registering bodies", unit="step") as bar:
        pairs = landmark_pairs(body.mesh, mesh)
        posed = _posed_vertices(body, target, normals, pairs, bar)
        apart = surface_distances(
            posed, body.faces, replace(mesh, vertices=target.astype(np.float32))
        )
        if apart.mean() > _LARGEST_POSED_MEAN:  # what is pulled far enough lies on anything
            raise _no_body(mesh, body, f"{1000 * apart.mean():.0f} mm between the surfaces")
        posed = bent_head(posed, target, pairs)
        outer = np.zeros(len(posed), bool)
        outer[body.faces[outer_mask]] = True
        pulled = _pulled_vertices(posed, body.faces, outer, target, mesh.faces, normals, pairs, bar)
    return ((pulled - middle) * scale + (low + high) / 2).astype(np.float32)


def _posed_vertices(
    body: Body, target: np.ndarray, normals: np.ndarray, pairs: np.ndarray, bar: tqdm[Any]
) -> np.ndarray:
    """The body in the pose and shape that bring it nearest to a target's vertices (N, 3).

    `pairs` (2, L) are landmarks: numbers of vertices of the body and of the target.
    """
    marks = torch.from_numpy(target[pairs[1]].astype(np.float32))
    skinning = Skinning(body)
    sizes = ((72, 0.03), (10, 0.1), (3, 0.01))  # pose, betas, translation, and their steps
    pose, betas, path = parameters = [torch.zeros(1, n, requires_grad=True) for n, _ in sizes]
    target, normals = target[:: _STRIDES[1]], normals[:: _STRIDES[1]]
    optimiser = torch.optim.Adam(
        [{"params": [value], "lr": rate} for value, (_, rate) in zip(parameters, sizes)]
    )
    tree = cKDTree(np.column_stack([target, _NORMAL * normals]))
    goal = torch.from_numpy(target.astype(np.float32))
    across = torch.from_numpy(normals.astype(np.float32))
    vertices = skinning(pose, betas, path)[0][0]
    for step in range(_STEPS):
        for group, (_, rate) in zip(optimiser.param_groups, sizes):
            group["lr"] = rate * (
                1 - step / _STEPS
            )  # Adam's steps are long however near the end is
        points = vertices.detach().numpy()
        outward = _unit(vertex_normals(points, body.faces))[:: _STRIDES[0]]
        shown = vertices[:: _STRIDES[0]]
        features = np.column_stack([points[:: _STRIDES[0]], _NORMAL * outward])
        nearest = tree.query(features)[1]
        back = cKDTree(features).query(np.column_stack([target, _NORMAL * normals]))[1]
        gaps = (shown - goal[nearest], shown[back] - goal)
        planes = ((gaps[0] * across[nearest]).sum(1), (gaps[1] * across).sum(1))
        loss = sum((plane**2).mean() for plane in planes)
        loss = loss + 0.3 * sum((gap**2).sum(1).mean() for gap in gaps)
        loss = loss + _LANDMARKS * ((vertices[pairs[0]] - marks) ** 2).sum() / max(len(marks), 1)
        loss = loss + 1e-5 * (betas**2).sum() + 1e-4 * (pose**2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        vertices = skinning(pose, betas, path)[0][0]
        bar.update()
    return vertices.detach().numpy().astype(np.float64)


def _pulled_vertices(
    posed: np.ndarray,
    faces: np.ndarray,
    outer: np.ndarray,
    target: np.ndarray,
    target_faces: np.ndarray,
    normals: np.ndarray,
    pairs: np.ndarray,
    bar: tqdm[Any],
) -> np.ndarray:
    """Vertices (V, 3), the `outer` (V,) pulled onto a target, neighbours alike, ever less stiffly."""
    count = len(posed)
    edges = np.unique(
        np.sort(np.vstack([faces[:, k] for k in ([0, 1], [1, 2], [2, 0])]), 1), axis=0
    )
    numbers = np.arange(len(edges))
    signs = np.repeat([1.0, -1.0], len(edges))
    ends = (np.tile(numbers, 2), edges.T.reshape(-1))
    differences = sparse.csr_matrix((signs, ends), shape=(len(edges), count))
    stiffness = differences.T @ differences
    outside = faces[outer[faces].all(axis=1)]
    points = posed.copy()
    for weight in _STIFFNESS:
        outward = _unit(vertex_normals(points, faces))
        face, weights = nearest_points(points, outward, target, target_faces)
        nearest = np.einsum("nk,nkd->nd", weights, target[target_faces[face]])
        across = _unit(np.einsum("nk,nkd->nd", weights, normals[target_faces[face]]))
        gap = points - nearest
        slid = points - (gap * across).sum(axis=1, keepdims=True) * across
        goal = _ON_PLANE * slid + (1 - _ON_PLANE) * nearest
        pull = np.clip((outward * across).sum(axis=1), 0, 1) ** 2
        pull *= (np.linalg.norm(gap, axis=1) < _REACH) & outer
        goal[pairs[0]] = target[pairs[1]]
        pull[pairs[0]] = _LANDMARK_PULL
        face, weights = nearest_points(target, normals, points, outside)
        chosen = sparse.csr_matrix(
            (weights.ravel(), (np.repeat(np.arange(len(target)), 3), outside[face].ravel())),
            shape=(len(target), count),
        )
        equations = sparse.diags(pull) + _BACK * (chosen.T @ chosen) + weight * stiffness
        # A whisper of the identity: a piece that nothing pulls has equations of its own.
        equations = equations + 1e-9 * sparse.identity(count)
        moves = pull[:, None] * (goal - posed)
        moves += _BACK * (chosen.T @ (target - chosen @ posed))
        points = posed + splu(equations.tocsc()).solve(moves)
        bar.update()
    return points
