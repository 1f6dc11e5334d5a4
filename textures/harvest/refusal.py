"""Refusal: crops that show no whole, upright person give no texture, and it is said why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textures.body_fit.fit_scores import LIMBS
from textures.evidence.landmarks import INDEX

REFUSED = "shows no whole person"
SMALLEST_SIDE = 12  # pixels: less shows nothing of a person


@dataclass(frozen=True, kw_only=True)
class RefusalLimits:
    """From where on a crop is refused; chosen on real crops of people who are not RSTG's held-out ones.

    presence: least probability that the crop shows one whole upright person, a source; the product of
    n sources is held against its n-th power.
    limbs_inside: least share of the fitted body's twelve limb joints inside the crop. agreement: least
    agreement of body and evidence.
    """

    presence: float = 0.2
    limbs_inside: float = 0.6
    agreement: float = 0.15


def refusal_reason(
    limits: RefusalLimits,
    *,
    size: tuple[int, int],
    sources: int,
    presence: float,
    agreement: float,
    landmarks: np.ndarray,
) -> str | None:
    """Why a crop is refused, or None.

    Args:
        limits: the thresholds.
        size: (height, width) of the crop, pixels.
        sources: how many sources of evidence there are.
        presence: the product of their probabilities that the crop shows a person.
        agreement: of the fitted body with the evidence, 0..1.
        landmarks: (L,2) of the fitted body, pixels of the crop.
    """
    height, width = size
    if min(size) < SMALLEST_SIDE:
        return f"{width} x {height} pixels, expected {SMALLEST_SIDE} or more a side"
    least_presence = limits.presence**sources
    if not presence >= least_presence:  # NaN is refused, too
        return (
            f"no single, whole, upright person found ({presence:.3f}, expected {least_presence:.3g} "
            "or more)"
        )
    if not np.isfinite(landmarks).all():
        return "no body fits (its numbers are not finite)"
    heights = {
        name: landmarks[[INDEX[f"left_{name}"], INDEX[f"right_{name}"]], 1].mean()
        for name in ("shoulder", "hip", "ankle")
    }
    if heights["ankle"] < heights["shoulder"]:
        return "the person is upside down; turn the picture"
    limbs = landmarks[[INDEX[name] for name in LIMBS]]
    inside = float(((limbs >= 0) & (limbs <= (width, height))).all(1).mean())
    if inside < limits.limbs_inside:
        return (
            f"half a person: {inside:.0%} of the limbs' joints are inside, expected "
            f"{limits.limbs_inside:.0%} or more"
        )
    if not agreement >= limits.agreement:
        return f"no body fits ({agreement:.2f}, expected {limits.agreement:g} or more)"
    return None
