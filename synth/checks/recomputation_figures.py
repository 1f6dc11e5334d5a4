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
    "background_flow_forward": 0.05,
    "background_flow_backward": 0.05,
    "uv": 1e-3,
    "face": 0,
    "occlusion_forward": 0,
    "occlusion_backward": 0,
    "tracks2d": 0.05,
    "tracks3d": 1e-3,
    "tracks_visible": 0,
    "instances": 0,
    "joints_visible": 0,
    "joints_inside": 0,
}


def recomputation_figures(stored: GroundTruth, recomputed: GroundTruth) -> dict[str, float]:
    """Shares of each channel's values that are others in `recomputed`, and the greatest of the shares.

    Of body pixels, or of tracks and joints; a channel of another shape is wholly another.
    """
    figures = {}
    for name, allowed in DIFFERENCES.items():
        values, expected = getattr(stored, name), getattr(recomputed, name)
        if values is not None and expected is not None:
            figures[f"other_{name}"] = _share(values, expected, allowed, recomputed.mask)
    return figures | {"other_values": max(figures.values())} if figures else {}


def _share(values: np.ndarray, expected: np.ndarray, allowed: float, mask: np.ndarray) -> float:
    if values.shape != expected.shape:
        return 1.0
    if values.shape[:3] == mask.shape:
        # What is the same to the last bit, mostly background, is quick.
        values, expected = values.reshape(*mask.shape, -1), expected.reshape(*mask.shape, -1)
        unequal = (values != expected).any(axis=-1)
        values, expected = values[unequal], expected[unequal]
        other = _apart(values, expected, allowed).any(axis=-1)
        return float(other.sum()) / max(1, int(mask.sum()))
    other = _apart(values, expected, allowed)
    return float(other.mean()) if other.size else 0.0


def _apart(values: np.ndarray, expected: np.ndarray, allowed: float) -> np.ndarray:
    """Where two arrays differ by more than `allowed`; infinities and NaN are equal to themselves."""
    if values.dtype == bool:
        return values != expected
    values, expected = values.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf
        near = np.abs(values - expected) <= allowed
    return ~(near | (values == expected) | (np.isnan(values) & np.isnan(expected)))
