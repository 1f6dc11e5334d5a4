"""Figures that tell whether cameras are cameras and joints are where they are said to be.

Every function is pure; T frames, world and camera space in metres, pixels as in
`textures.visibility.camera`.
"""

from __future__ import annotations

import numpy as np

NEAREST = 0.1  # metres; a joint nearer than this projects to where float32 no longer tells 0.01 px


def rotation_figures(rotations: np.ndarray) -> dict[str, float]:
    """How far (N,3,3) are from rotations: of the determinant from +1, and of R R^T from 1."""
    determinant = np.linalg.det(rotations)
    square = rotations @ np.swapaxes(rotations, 1, 2)
    return {
        "rotation_determinant": float(np.abs(determinant - 1).max()),
        "rotation_orthonormality": float(np.abs(square - np.eye(3)).max()),
    }


def intrinsics_figures(
    intrinsics: np.ndarray, *, size: tuple[int, int], focal: float
) -> dict[str, float]:
    """(N,3,3) against the plan's `focal` and the image's `size` (width, height), in pixels."""
    expected = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
    return {"intrinsics_px": float(np.abs(intrinsics - expected).max())}


def camera_points(
    points: np.ndarray, rotations: np.ndarray, translations: np.ndarray
) -> np.ndarray:
    """World points (T,N,3) in the camera space of their frame, float64."""
    rotated = np.einsum("tij,tnj->tni", rotations, np.asarray(points, np.float64))
    return rotated + translations[:, None]


def projected(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Camera-space points (T,N,3) as pixels (T,N,2), NaN in the camera's own plane."""
    homogeneous = np.einsum("tij,tnj->tni", intrinsics, points)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = homogeneous[..., :2] / homogeneous[..., 2:]
    return np.where(homogeneous[..., 2:] == 0, np.nan, pixels)


def projection_figures(
    stored: np.ndarray, points: np.ndarray, intrinsics: np.ndarray, *, name: str
) -> dict[str, float]:
    """Largest distance in pixels of stored points from projected ones, of those before the camera.

    `stored` (T,N,2) pixels, `points` (T,N,3) in camera space.
    """
    before = points[..., 2] > NEAREST
    if not before.any():
        return {}
    error = np.linalg.norm(projected(points, intrinsics) - stored, axis=-1)[before]
    return {name: _largest(error)}


def distance_figures(points: np.ndarray, expected: np.ndarray, *, name: str) -> dict[str, float]:
    """Largest distance between points (..., 3), metres."""
    return {name: _largest(np.linalg.norm(np.asarray(points, np.float64) - expected, axis=-1))}


def flag_figures(
    pixels: np.ndarray,
    z: np.ndarray,
    inside: np.ndarray,
    visible: np.ndarray,
    *,
    size: tuple[int, int],
) -> dict[str, float]:
    """Shares of joints (T,24) whose flags contradict where they are.

    These are joints whose `inside` flag is not what their pixels (T,24,2) and depths `z` say, and those
    said to be visible although they are outside. Joints on the very edge of the image, within 0.01 px,
    are not counted.
    """
    margin = np.minimum(pixels, np.array(size) - pixels).min(axis=-1)
    expected = (margin >= 0) & (z > 0)
    clear = np.abs(margin) > 0.01
    return {
        "inside_wrong": float((inside != expected)[clear].mean()) if clear.any() else 0.0,
        "visible_outside": float((visible & ~inside).mean()),
    }


def framing_figures(inside: np.ndarray, *, policy: str) -> dict[str, float]:
    """Share of the joints (T,24) that are not in the image where the view's policy keeps them there."""
    return {"joints_outside": float((~inside).mean())} if policy == "framed" else {}


def _largest(error: np.ndarray) -> float:
    """The largest of `error`; infinite where one is not a number, which no limit lets pass."""
    return float(error.max()) if np.isfinite(error).all() else float("inf")
