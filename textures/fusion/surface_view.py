"""What photographs show of a body's surface, texel by texel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class SurfaceView:
    """What one photograph shows of the surface.

    colours (S,S,3) float32, sRGB in 0..255, meaningless where weight is 0. weight (S,S) float32 in 0..1:
    how well the photograph shows a texel, 0 where it does not. labels (S,S,L) float32 or None: how
    likely each of `textures.wardrobe.labels.LABELS` is at a texel that is seen. camera: who took it.
    quality: of the photograph's fit, in 0..1.
    """

    colours: np.ndarray
    weight: np.ndarray
    labels: np.ndarray | None
    camera: str
    quality: float


@dataclass(frozen=True, kw_only=True)
class FusedSurface:
    """What all photographs of a person show together, in one light.

    colours (S,S,3) float32, sRGB in 0..255. weight (S,S) float32 in 0..1: how sure they are, 0 where
    nobody saw. labels (S,S,L) float32 or None. cameras: those that took part, in order.
    """

    colours: np.ndarray
    weight: np.ndarray
    labels: np.ndarray | None
    cameras: tuple[str, ...]
