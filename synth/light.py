"""SURREAL's distribution of spherical-harmonics light."""

from __future__ import annotations

import numpy as np


def sample_light(rng: np.random.Generator) -> np.ndarray:
    """Nine coefficients, float32, distributed as SURREAL's (Varol et al. 2017).

    All uniform in [-0.7, 0.7], but the first (ambient) in [0.5, 1.4] and the second in [-0.7, 0],
    which lights from above. `textures.shading.sh_irradiance` says which axes they belong to.
    """
    coefficients = 0.7 * rng.uniform(-1.0, 1.0, size=9)
    coefficients[0] = 0.5 + 0.9 * rng.random()
    coefficients[1] = -0.7 * rng.random()
    return coefficients.astype(np.float32)
