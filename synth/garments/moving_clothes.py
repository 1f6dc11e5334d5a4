"""What a body wears over the frames of a clip: where it would hang, how it swings, in layers."""

from __future__ import annotations

import numpy as np

from synth.garments.garment import DressedBody, Garment
from synth.garments.layers import separated_layers
from synth.garments.swing import swung_nodes
from textures.visibility.vertex_normals import vertex_normals


def moving_clothes(
    dressed: DressedBody,
    vertices: np.ndarray,
    frames: np.ndarray,
    *,
    fps: float,
    solid: np.ndarray,
    real: slice = slice(None),
) -> np.ndarray:
    """Vertices of a body and of what it wears, which lags behind it and swings.

    Args:
        dressed: the body with its garments.
        vertices: (T,V,3) of the posed body, metres.
        frames: (T,24,3,4) of its joints.
        fps: frames a second.
        solid: (V,) bool, the body's vertices that cloth stays outside of: all but the arms'.
        real: the frames that are a motion's; those before and after repeat them, and so does the cloth.

    Returns:
        (T,V',3) float64, of every frame a function of the clip alone.
    """
    numbers = np.arange(len(vertices))[real]
    standing = [dressed.placed(vertices[n], frames[n]) for n in numbers]
    moved = []
    for number, garment in enumerate(dressed.garments):
        hung = np.stack([placed[number] for placed in standing]).astype(np.float64)
        moved.append(_swung(garment, hung, vertices[numbers], frames[numbers], fps))
    layers = [garment.layer for garment in dressed.garments]
    faces = [garment.faces for garment in dressed.garments]
    movable = [
        _free(garment) if garment.drape is None else np.ones(len(garment.vertices), bool)
        for garment in dressed.garments
    ]
    whole = []
    for index, number in enumerate(numbers):
        skin = vertex_normals(vertices[number], dressed.body_faces)[solid]
        separated = separated_layers(
            [garment[index] for garment in moved],
            faces,
            dressed.edges,
            layers,
            movable,
            [garment.outward(frames[number]) for garment in dressed.garments],
            (vertices[number][solid].astype(np.float64), skin),
        )
        whole.append(np.concatenate([vertices[number], *separated]))
    picked = np.clip(np.arange(len(vertices)) - numbers[0], 0, len(numbers) - 1)
    return np.stack(whole)[picked].astype(np.float64)


def _free(garment: Garment) -> np.ndarray:
    """Which vertices (V,) of a garment swing by themselves."""
    swing = garment.swing
    if swing is None or swing.shares is not None:
        return np.zeros(len(garment.vertices), bool)
    return swing.depth.reshape(-1) > 0


def _swung(
    garment: Garment, hung: np.ndarray, vertices: np.ndarray, frames: np.ndarray, fps: float
) -> np.ndarray:
    """Where the vertices (T,V,3) of a garment are, that would hang at `rest` on a still body."""
    swing = garment.swing
    if swing is None:
        return hung
    nodes = swing.nodes(hung)
    if garment.drape is not None:
        bounds = [garment.drape.bounds(v, f) for v, f in zip(vertices, frames)]
        limits, outward = (np.stack(arrays) for arrays in zip(*bounds, strict=True))
    else:
        assert swing.outward is not None and swing.slack is not None
        turn = frames[:, swing.joint, :, :3]
        outward = np.einsum("tij,raj->trai", turn, swing.outward)
        limits = nodes - swing.slack[..., None] * outward
    return swing.vertices(hung, swung_nodes(nodes, limits, outward, swing, fps=fps))
