"""Layers of clothes: each lies outside of the body and of what is worn beneath it, in every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from synth.garments.slices import CLEARANCE
from textures.visibility.vertex_normals import vertex_normals

_DEEPEST = 0.09  # metres; deeper, the nearest surface is none that a layer was pressed into
_ROUNDS = 6
_BACKWARD = -0.2  # cosine between normal and way out: beyond, the nearest surface is the far side
_LONG = 0.025  # metres; edges longer than that are looked at between their ends, too


def lifted_layer(
    points: np.ndarray,
    edges: np.ndarray,
    surface: np.ndarray,
    normals: np.ndarray,
    movable: np.ndarray,
    outward: np.ndarray | None = None,
) -> np.ndarray:
    """A layer's vertices, those that lie under the surface beneath it moved out of it.

    Args:
        points: (N,3) vertices of the layer, metres.
        edges: (E,2) of its faces, which stay outside as well.
        surface: (M,3) points of the surface beneath it.
        normals: (M,3) its unit normals.
        movable: (N,) bool, the vertices that may move.
        outward: (N,3) unit vectors by which deep ones leave it; None: by the nearest normals alone.

    Returns:
        (N,3) float64.
    """
    lifted = np.array(points, np.float64)
    vertices = np.flatnonzero(movable)
    if not len(vertices) or not len(surface):
        return lifted
    edges = edges[movable[edges].all(1)]
    edges = edges[np.linalg.norm(lifted[edges[:, 1]] - lifted[edges[:, 0]], axis=1) > _LONG]
    ends = np.concatenate([np.stack([vertices, vertices], 1), *[edges] * 3])
    shares = np.repeat([0.0, 0.25, 0.5, 0.75], [len(vertices), *[len(edges)] * 3])
    tree = cKDTree(surface, balanced_tree=False, compact_nodes=False)  # built anew in each frame
    for _ in range(_ROUNDS):
        share = shares[:, None]
        samples = (1 - share) * lifted[ends[:, 0]] + share * lifted[ends[:, 1]]
        distance, nearest = tree.query(samples, distance_upper_bound=_DEEPEST)
        near = distance < np.inf
        height = np.full(len(samples), np.inf)
        normal = normals[np.where(near, nearest, 0)]
        offset = samples[near] - surface[nearest[near]]
        height[near] = (offset * normal[near]).sum(1)
        low = height < CLEARANCE
        ends, shares = ends[low], shares[low]
        if not len(ends):
            break
        way = normal[low]
        if outward is not None:
            away = outward[ends[:, 0]] + outward[ends[:, 1]]
            away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
            forward = (way * away).sum(1, keepdims=True) > _BACKWARD
            way = np.where(forward, way + away, away)
            way = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        _move(lifted, ends, shares, (CLEARANCE - height[low])[:, None] * way)
    return lifted


def _move(points: np.ndarray, ends: np.ndarray, shares: np.ndarray, shifts: np.ndarray) -> None:
    """Move points (N,3) in place so that samples between pairs of them move by shifts (S,3).

    Of all that a point is asked for, it follows the farthest.
    """
    square = (1 - shares) ** 2 + shares**2
    demands = [((1 - shares) / square)[:, None] * shifts, (shares / square)[:, None] * shifts]
    numbers, moves = ends.T.reshape(-1), np.concatenate(demands)
    order = np.argsort((moves**2).sum(1), kind="stable")
    chosen = np.zeros_like(points)
    chosen[numbers[order]] = moves[order]  # the last one of each stays
    points += chosen


def layer_edges(faces: np.ndarray) -> np.ndarray:
    """Vertex pairs (E,2) of faces (F,3), each once."""
    pairs = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def separated_layers(
    points: Sequence[np.ndarray],
    faces: Sequence[np.ndarray],
    edges: Sequence[np.ndarray],
    layers: Sequence[int],
    movable: Sequence[np.ndarray],
    outward: Sequence[np.ndarray | None],
    skin: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """The vertices of garments, each layer moved outside of those beneath it.

    Args:
        points: (V,3) vertices of each garment, metres.
        faces: (F,3) of each.
        edges: (E,2) of each, from `layer_edges`.
        layers: of each, see `Garment.layer`.
        movable: (V,) bool of each, the vertices that may move.
        outward: (V,3) unit vectors of each out of what is beneath, if they are known.
        skin: points (M,3) and normals (M,3) of the body, of which layers stay outside as well.

    Returns:
        As `points`, float64.
    """
    separated = [np.asarray(p, np.float64) for p in points]
    surfaces = {0: [skin]} if skin is not None else {}
    for number in sorted(range(len(points)), key=lambda n: layers[n]):
        layer = layers[number]
        if layer == 0:
            continue
        surface = [s for other, items in surfaces.items() if other < layer for s in items]
        if surface and movable[number].any():
            positions, normals = (np.concatenate(arrays) for arrays in zip(*surface, strict=True))
            separated[number] = lifted_layer(
                separated[number],
                edges[number],
                positions,
                normals,
                movable[number],
                outward[number],
            )
        if any(other > layer for other in layers):
            normals = vertex_normals(separated[number], faces[number])
            surfaces.setdefault(layer, []).append((separated[number], normals))
    return separated
