"""SURREAL's light: nine spherical harmonics of the irradiance, without shadows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synth.scene.lights.light import UNLIT, Light
from textures.visibility.shading import sh_irradiance

_HEIGHT = 2.0
"""Height by width of the ellipsoid that stands for a body. Of 1 to 100, those of 1.5 and 2 predict best
what is unlit of posed bodies: over 4,800 pairs of 120 clips of CMU's and a light the rank correlation
is 0.95 among those with anything unlit, the error 0.04 (root of its mean square)."""


@dataclass(frozen=True)
class SphericalHarmonics(Light):
    """SURREAL's nine coefficients: irradiance of the world normal, without shadows of their own.

    `textures.visibility.shading.sh_irradiance` says which axes they belong to. `contact` in [0, 1] is
    how much of an even sky's shadow is laid over: what the body hides from itself (ambient occlusion)
    and from the floor about its feet. 0 is SURREAL's light.
    """

    coefficients: tuple[float, ...]
    contact: float = 0.0

    kind: ClassVar[str] = "sh"
    casts_shadows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._check_numbers("coefficients", 9)
        self._check_number("contact", low=0.0, high=1.0)

    @property
    def floor_darkening(self) -> float:
        """As much as `contact`."""
        return self.contact

    @classmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str] = ()) -> SphericalHarmonics:
        """SURREAL's distribution (`sample_coefficients`)."""
        return cls(tuple(float(value) for value in sample_coefficients(rng)))

    def lit_shares(self, sides: Sequence[float]) -> np.ndarray:
        """The share of an upright ellipsoid's picture that is brighter than `UNLIT`, from each side."""
        normals = np.stack([_NORMALS @ _turn(side).T for side in sides])
        return (sh_irradiance(normals, np.array(self.coefficients)) > UNLIT).mean(axis=1)


def sample_coefficients(rng: np.random.Generator) -> np.ndarray:
    """Nine coefficients, (9,) float32, distributed as SURREAL's (Varol et al. 2017).

    All uniform in [-0.7, 0.7], but the first (ambient) in [0.5, 1.4] and the second in [-0.7, 0],
    which lights from above. `textures.visibility.shading.sh_irradiance` says which axes they belong to.
    """
    coefficients = 0.7 * rng.uniform(-1.0, 1.0, size=9)
    coefficients[0] = 0.5 + 0.9 * rng.random()
    coefficients[1] = -0.7 * rng.random()
    return coefficients.astype(np.float32)


def _turn(yaw: float) -> np.ndarray:
    """Rotation (3,3) that takes what faces +z to where it faces a camera at `yaw`."""
    sine, cosine = math.sin(yaw), math.cos(yaw)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def _ellipsoid_normals(*, steps: int = 16) -> np.ndarray:
    """Normals (N,3) at points that lie evenly in an upright ellipsoid's picture, seen from +z.

    The points are those of a grid of `steps` by `steps` on which the ellipsoid is.
    """
    grid = (np.arange(steps) + 0.5) * 2 / steps - 1
    right, up = np.meshgrid(grid, grid)
    inside = np.hypot(right, up) < 1
    right, up = right[inside], up[inside]
    normals = np.stack([right, up / _HEIGHT, np.sqrt(1 - right**2 - up**2)], axis=1)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


_NORMALS = _ellipsoid_normals()
