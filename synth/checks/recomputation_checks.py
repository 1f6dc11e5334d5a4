"""Figures that compare a clip's stored channels with the same channels computed again."""

from __future__ import annotations

import numpy as np

from synth.scene.ground_truth import GroundTruth

# By how much a stored value may differ, in its unit: more than the compact layout's rounding, and than
# what another machine's arithmetic changes.
DIFFERENCES: dict[str, float] = {
    "depth": 1e-3,
    "parts": 0,
    "normals": 0.01,
    "flow_forward": 0.05,
    "flow_backward": 0.05,
    "uv": 1e-3,
    "face": 0,
    "occlusion_forward": 0,
    "occlusion_backward": 0,
    "tracks2d": 0.05,
    "tracks3d": 1e-3,
    "tracks_visible": 0,
    "joints_visible": 0,
    "joints_inside": 0,
}


def recomputation_figures(stored: GroundTruth, again: GroundTruth) -> dict[str, float]:
    """For each channel the share of body pixels (for tracks and joints, of them) whose value is another,
    and the greatest of these shares; a channel of another shape is wholly another."""
    figures = {}
    for name, allowed in DIFFERENCES.items():
        found, expected = getattr(stored, name), getattr(again, name)
        if found is not None and expected is not None:
            figures[f"other_{name}"] = _share(found, expected, allowed, again.mask)
    return figures | {"other_values": max(figures.values())} if figures else {}


def _share(found: np.ndarray, expected: np.ndarray, allowed: float, mask: np.ndarray) -> float:
    if found.shape != expected.shape:
        return 1.0
    if (
        found.shape[:3] == mask.shape
    ):  # what is the same to the last bit, mostly background, is quick
        found, expected = found.reshape(*mask.shape, -1), expected.reshape(*mask.shape, -1)
        unlike = (found != expected).any(axis=-1)
        found, expected = found[unlike], expected[unlike]
        other = _apart(found, expected, allowed).any(axis=-1)
        return float(other.sum()) / max(1, int(mask.sum()))
    other = _apart(found, expected, allowed)
    return float(other.mean()) if other.size else 0.0


def _apart(found: np.ndarray, expected: np.ndarray, allowed: float) -> np.ndarray:
    """Where two arrays differ by more than ``allowed``; infinities and NaN are equal to themselves."""
    if found.dtype == bool:
        return found != expected
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf
        near = np.abs(found - expected) <= allowed
    return ~(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))
