"""Clips of fractals: attractors of iterated function systems that drift, turn and deform."""

from __future__ import annotations

import numpy as np

POINTS = 6000  # of an attractor, followed together
STEPS = 24  # until they lie on it; the last half is drawn
MINIMUM_FILL = 0.12
"""Share of a 32x32 grid that an attractor touches at least: thinner ones are a line or a dot."""


def random_system(rng: np.random.Generator) -> np.ndarray:
    """Draw an iterated function system whose attractor is neither a dot nor a line.

    Args:
        rng: Source of the system.

    Returns:
        Affine contractions (maps,2,3), two to five of them.
    """
    while True:
        maps = rng.uniform(-1, 1, (int(rng.integers(2, 6)), 2, 3))
        for affine in maps:  # contractions, by their largest singular value
            affine[:, :2] *= rng.uniform(0.4, 0.85) / np.linalg.norm(affine[:, :2], 2)
        points = _framed(_attractor(maps, np.random.default_rng(0)))
        inside = points[(np.abs(points) < 1).all(axis=1)]
        columns, rows = ((inside + 1) * 16).astype(int).T
        if len(np.unique(rows * 32 + columns)) >= MINIMUM_FILL * 32 * 32:
            return maps


def _attractor(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points (N,2) of the attractor; a map is drawn as often as it is large."""
    weights = np.abs(np.linalg.det(maps[:, :, :2])) + 0.02
    points = rng.uniform(-0.1, 0.1, (POINTS, 2))
    chosen = rng.choice(len(maps), (STEPS, POINTS), p=weights / weights.sum())
    trail = []
    for step in range(STEPS):
        affine = maps[chosen[step]]
        points = np.einsum("nij,nj->ni", affine[:, :, :2], points) + affine[:, :, 2]
        if step >= STEPS // 2:
            trail.append(points)
    return np.concatenate(trail)


def _framed(points: np.ndarray) -> np.ndarray:
    """The points, centred and scaled so that nearly all lie within -1..1."""
    centred = points - np.median(points, axis=0)
    return centred / max(float(np.percentile(np.abs(centred), 98)), 1e-6)


def fractal_frames(
    system: np.ndarray, rng: np.random.Generator, *, width: int, height: int, frames: int
) -> np.ndarray:
    """Draw a clip of a fractal.

    Args:
        system: Affine contractions (maps,2,3).
        rng: Source of colours, motion and deformation.
        width: Width of the frames in pixels.
        height: Their height.
        frames: How many.

    Returns:
        Frames (frames,height,width,3) uint8 RGB.
    """
    ink, paper = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    if abs(float(ink.mean() - paper.mean())) < 60:  # to be seen at all
        ink = 255 - paper
    sway = rng.normal(0, 0.05, system.shape)
    beats, phase = rng.uniform(0.5, 1.5), rng.uniform(0, 2 * np.pi)
    turn, angle = rng.uniform(-1.5, 1.5), rng.uniform(0, 2 * np.pi)
    zoom = rng.uniform(0.55, 0.9) * np.array([1.0, rng.uniform(0.7, 1.3)])
    start, end = rng.uniform(-0.25, 0.25, (2, 2))
    seed = int(rng.integers(2**62))
    clip = np.empty((frames, height, width, 3), np.uint8)
    for number in range(frames):
        t = number / max(frames - 1, 1)
        maps = system + sway * np.sin(phase + 2 * np.pi * beats * t)
        # The same draws in every frame, so that points move on instead of flickering.
        points = _framed(_attractor(maps, np.random.default_rng(seed)))
        a = angle + turn * t
        rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        scale = zoom[0] + (zoom[1] - zoom[0]) * t
        placed = scale * points @ rotation.T + start + (end - start) * t
        columns = (placed[:, 0] * height / 2 + width / 2).astype(int)
        rows = (placed[:, 1] * height / 2 + height / 2).astype(int)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        cells = rows[inside] * width + columns[inside]
        hits = np.bincount(cells, minlength=width * height)
        share = np.minimum(np.log1p(hits) / np.log(12), 1.0).reshape(height, width, 1)
        clip[number] = np.rint(paper + (ink - paper) * share).astype(np.uint8)
    return clip
