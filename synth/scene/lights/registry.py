"""The registry of kinds of light: reading and drawing them by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.scene.lights.area_lamps import AreaLamps
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import Light, shown
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky

LIGHTS: dict[str, type[Light]] = {
    SphericalHarmonics.kind: SphericalHarmonics,
    SunSky.kind: SunSky,
    AreaLamps.kind: AreaLamps,
    Environment.kind: Environment,
}
"""Classes of light by kind."""

LIGHT_KINDS = tuple(LIGHTS)


def light_from_fields(values: Mapping[str, Any]) -> Light:
    """The light whose `to_fields()` these are.

    Raises:
        BadInput: that names the kind and the field.
    """
    values = dict(values)
    return _light_class(values.pop("kind", None)).from_fields(values)


def draw_light(kind: str, rng: np.random.Generator, environments: Sequence[str] = ()) -> Light:
    """A light of `kind` (one of `LIGHT_KINDS`), drawn from its distribution.

    Args:
        kind: sh is SURREAL's; each class says what its `draw` does.
        rng: the only source of chance.
        environments: files of environment pictures to choose from.

    Raises:
        BadInput: an unknown kind, or no environments to choose from.
    """
    return _light_class(kind).draw(rng, environments)


def _light_class(kind: object) -> type[Light]:
    if not isinstance(kind, str) or kind not in LIGHTS:
        raise BadInput(f"light of kind {shown(kind)}: expected one of {', '.join(LIGHT_KINDS)}")
    return LIGHTS[kind]
