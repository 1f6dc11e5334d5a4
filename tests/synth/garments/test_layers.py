"""Layers of clothes: none comes through the one above it, in any frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mocap.bodies.skinning import Skinning, skin
from synth.garments.clothing import ClothesDraw, make_clothes
from synth.garments.garment import dressed_body, joint_frames
from synth.garments.layers import layer_edges, lifted_layer
from synth.garments.lofts import grid_faces
from synth.garments.moving_clothes import moving_clothes
from synth.garments.slices import CLEARANCE
from synth.garments.wardrobe_forms import prepare_forms
from tests.synth.crowd_clip import swinging_motion
from textures.visibility.vertex_normals import vertex_normals


def tube(radius, rows, columns):
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    ring = np.stack([np.sin(angle), np.zeros(columns), np.cos(angle)], 1) * radius
    points = (ring + np.array([0, -0.02, 0.0]) * np.arange(rows)[:, None, None]).reshape(-1, 3)
    return points, grid_faces(rows, columns, True).reshape(-1, 3)


def test_a_coarse_tube_with_a_dent_is_lifted_out_of_a_fine_one():
    """An analytic oracle: vertices and edges of the outer layer clear a cylinder of radius 0.1."""
    inner, inner_faces = tube(0.1, 30, 60)
    outer, faces = tube(0.103, 30, 12)  # its edges cut into the inner one
    outer[100:130] *= (0.6, 1, 0.6)  # a dent 4 cm deep
    edges = layer_edges(faces)
    normals = vertex_normals(inner, inner_faces)
    lifted = lifted_layer(outer, edges, inner, normals, np.ones(len(outer), bool))

    def least(points):
        share = np.linspace(0, 1, 9)[:, None, None]
        along = (1 - share) * points[edges[:, 0]] + share * points[edges[:, 1]]
        return np.hypot(along[..., 0], along[..., 2]).min()

    assert least(outer) < 0.07
    assert least(lifted) > 0.1
    fixed = lifted_layer(outer, edges, inner, normals, np.zeros(len(outer), bool))
    np.testing.assert_array_equal(fixed, outer)
    clear = outer * (2, 1, 2)
    np.testing.assert_array_equal(
        lifted_layer(clear, edges, inner, normals, np.ones(len(outer), bool)), clear
    )
    assert CLEARANCE < 0.1


def count_outside(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> tuple[int, int]:
    """How many of some points beside a sheet lie outside of it, and beside it at all.

    By the side of the nearest of many points of the sheet, where that is not at its rims.
    """
    edges, uses = np.unique(
        np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1),
        axis=0,
        return_counts=True,
    )
    rim = np.zeros(len(vertices), bool)
    rim[edges[uses == 1]] = True
    shares = np.array([(i, j, 6 - i - j) for i in range(1, 5) for j in range(1, 6 - i)]) / 6
    corners = vertices[faces]
    samples = np.einsum("sk,fkd->fsd", shares, corners).reshape(-1, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    distance, nearest = cKDTree(samples).query(points, distance_upper_bound=0.03)
    near = distance < np.inf
    face = nearest[near] // len(shares)
    inner = ~rim[faces[face]].any(1)
    height = ((points[near] - samples[nearest[near]]) * normals[face]).sum(1)[inner]
    return int((height > 0.003).sum()), len(height)


@pytest.fixture(scope="module")
def walk(body):
    """A walk of long strides: pose, vertices and joint frames."""
    motion = swinging_motion(body, frames=40)
    pose, translation = motion.pose.copy(), motion.translation
    pose[:, [3, 6]] *= 1.3
    bend = 0.6 * np.clip(np.sin(np.arange(40) / 5 + 1.2), 0, 1)
    pose[:, 12], pose[:, 15] = bend, np.roll(bend, 16)
    arguments = {"pose": pose, "betas": np.zeros(10), "translation": translation}
    skinning = Skinning(body)
    vertices, _ = skin(skinning, **arguments)
    return vertices, joint_frames(skinning, **arguments)


@pytest.fixture(scope="module")
def forms(body):
    return prepare_forms(body)


def test_trousers_stay_under_a_coat_in_a_stride(body, forms, walk):
    """By itself each trouser leg comes through the coat; in layers none does, swinging next to none."""
    vertices, frames = walk
    counts = {"alone": 0, "posed": 0, "swinging": 0}
    beside = dict(counts)
    for seed in (6, 9):
        draw = ClothesDraw(pieces=("coat", "trousers"), seed=seed, swing=True)
        garments = make_clothes(forms, body.template.astype(np.float64), draw)
        dressed = dressed_body(body, garments, 64)
        kinds = [(g.kind, g.drape is not None) for g in garments]
        pair = kinds.index(("trousers", False)), kinds.index(("top", True))
        ends = len(body.template) + np.cumsum([0, *(len(g.vertices) for g in garments)])
        solid = np.ones(len(body.template), bool)
        moving = moving_clothes(dressed, vertices, frames, fps=30.0, solid=solid)
        for n in range(0, 40, 2):
            placed = dressed.placed(vertices[n], frames[n])
            layers = {"alone": [placed[number].astype(np.float64) for number in pair]}
            wholes = {"posed": dressed.posed(vertices[n], frames[n]), "swinging": moving[n]}
            for name, points in wholes.items():
                layers[name] = [points[ends[number] : ends[number + 1]] for number in pair]
            for name, (under, over) in layers.items():
                outside, count = count_outside(under, over, garments[pair[1]].faces)
                counts[name] += outside
                beside[name] += count
    assert min(beside.values()) > 5000
    assert counts["alone"] > 50, counts
    assert counts["posed"] <= 2, counts
    assert counts["swinging"] < 0.005 * beside["swinging"], (counts, beside)
