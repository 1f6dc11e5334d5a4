"""SURREAL's light: nine spherical harmonics of the irradiance, without shadows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synth.scene.lights.light import Light


@dataclass(frozen=True)
class SphericalHarmonics(Light):
    """SURREAL's nine coefficients: irradiance of the world normal, without shadows.

    `textures.visibility.shading.sh_irradiance` says which axes they belong to.
    """

    coefficients: tuple[float, ...]

    kind: ClassVar[str] = "sh"
    casts_shadows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._check_numbers("coefficients", 9)

    @classmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str] = ()) -> SphericalHarmonics:
        """SURREAL's distribution (`sample_coefficients`)."""
        return cls(tuple(float(value) for value in sample_coefficients(rng)))


def sample_coefficients(rng: np.random.Generator) -> np.ndarray:
    """Nine coefficients, (9,) float32, distributed as SURREAL's (Varol et al. 2017).

    All uniform in [-0.7, 0.7], but the first (ambient) in [0.5, 1.4] and the second in [-0.7, 0],
    which lights from above. `textures.visibility.shading.sh_irradiance` says which axes they belong to.
    """
    coefficients = 0.7 * rng.uniform(-1.0, 1.0, size=9)
    coefficients[0] = 0.5 + 0.9 * rng.random()
    coefficients[1] = -0.7 * rng.random()
    return coefficients.astype(np.float32)
