"""Patterns that go on around a garment: stripes and blocks, as one profile over the height."""

from __future__ import annotations

import numpy as np

from textures.attire.surface import AttireSurface

STEP = 0.01  # metres along the garment
LEAST_STEPS = 12
LIKENESS = 0.8  # correlation of the middle's profile and the sides' from which on it is a pattern
STRENGTH = 0.6  # of the weaker of the two, as a share of the stronger
AMPLITUDE = 0.03  # of sRGB's 0..1: weaker patterns are light and shade
MIDDLE, SIDES = 0.075, 0.105  # metres from the middle: prints lie within, and end before, these


def pattern_along(
    surface: AttireSurface, difference: np.ndarray, weight: np.ndarray, region: np.ndarray
) -> np.ndarray:
    """What a pattern along the trunk adds to a garment's colour; 0 without one.

    A pattern is what is the same in the middle and at the sides: a print is not.

    Args:
        surface: of the body.
        difference: (N,3) of the colours that were seen from the garment's.
        weight: (N,) of the texels that were seen.
        region: (N,) bool, the garment.

    Returns:
        (N,3), the same at all texels of a height.
    """
    texels = surface.texels
    result = np.zeros_like(difference)
    trunk = region & (texels.arm < 0)
    y = texels.position[:, 1]
    if not trunk.any():
        return result
    step = np.floor((y - y[trunk].min()) / STEP).astype(np.int64)
    count = int(step[trunk].max()) + 1
    step = np.clip(step, 0, count - 1)
    aside = np.abs(texels.position[:, 0])
    profiles = []
    for chosen in (trunk & (aside < MIDDLE), trunk & (aside > SIDES)):
        total = np.bincount(step[chosen], weight[chosen], count)
        sums = np.stack(
            [
                np.bincount(step[chosen], weight[chosen] * difference[chosen, c], count)
                for c in range(3)
            ],
            1,
        )
        profiles.append((sums / np.maximum(total, 1e-9)[:, None], total > 1.0))
    common = profiles[0][1] & profiles[1][1]
    if common.sum() < max(LEAST_STEPS, 0.5 * count):
        return result
    centre, lateral = (profile - profile[common].mean(0) for profile, _ in profiles)
    shared = (centre[common] + lateral[common]) / 2
    powers = [float((profile[common] ** 2).mean()) for profile in (centre, lateral)]
    product = float((centre[common] * lateral[common]).mean())
    if (shared**2).mean() < AMPLITUDE**2 or product < LIKENESS * np.sqrt(powers[0] * powers[1]):
        return result
    if min(powers) < STRENGTH**2 * max(powers):
        return result
    profile = np.stack(
        [np.interp(np.arange(count), np.flatnonzero(common), shared[:, c]) for c in range(3)], 1
    )
    result[trunk] = profile[step[trunk]]
    return result
