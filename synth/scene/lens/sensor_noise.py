"""A sensor's noise: that of the light's own quanta, and that of reading them out."""

from __future__ import annotations

import numpy as np


def noisy(
    light: np.ndarray, rng: np.random.Generator, *, shot_noise: float, read_noise: float
) -> np.ndarray:
    """Light as a sensor counts it.

    The variance of a value x is shot_noise^2 x + read_noise^2: quanta by Poisson's law, whose many
    are as good as normal, and the amplifier's.

    Args:
        light: (H,W,3) float32, linear, 1 is white.
        rng: the frame's own.
        shot_noise: standard deviation at white.
        read_noise: standard deviation in the dark.

    Returns:
        (H,W,3) float32, at least 0.
    """
    if shot_noise == 0.0 and read_noise == 0.0:
        return light
    light = np.clip(light, 0.0, 1.0)  # a full well holds no more
    deviation = np.sqrt(np.float32(shot_noise**2) * light + np.float32(read_noise**2))
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    return np.maximum(light + deviation * noise, 0.0)
