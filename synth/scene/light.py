"""Kinds of light, as plain data: SURREAL's harmonics, sun and sky, area lamps, an environment.

Directions. An azimuth of 0 is +z of the world and pi/2 is +x (as a camera's yaw), an elevation of
pi/2 is straight up, both in radians: the light comes *from* there.

Brightness. A strength is what a white diffuse surface that faces the light shows in the picture: 1
is white, and a texture is multiplied by it in linear light. So a strength means the same whatever
the kind and the renderer. (Radiometrically it is the irradiance divided by pi.)

Each kind knows its ``to_fields()``; ``light_of`` reads those back. ``draw_light`` draws one of a
kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from mocap.errors import BadInput

Colour = tuple[float, float, float]
WAIST = np.array([0.0, 0.9, 0.0])
"""From the ground to the middle of a person, metres: what lamps stand about and face."""

WHITE: Colour = (1.0, 1.0, 1.0)
GROUND = 0.4
"""How much of the sky's brightness the ground throws back at a surface that faces down."""


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector (3,) of the world towards ``azimuth`` and ``elevation``, radians."""
    level = math.cos(elevation)
    return np.array(
        [level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)], np.float64
    )


@dataclass(frozen=True)
class SphericalHarmonics:
    """SURREAL's nine coefficients: irradiance of the world normal, without shadows.

    `textures.visibility.shading.sh_irradiance` says which axes they belong to.
    """

    coefficients: tuple[float, ...]

    kind: ClassVar[str] = "sh"

    def __post_init__(self) -> None:
        _set(self, "coefficients", _numbers(self, "coefficients", 9))

    def to_fields(self) -> dict[str, Any]:
        """JSON-able fields, for `light_of`."""
        return {"kind": self.kind, "coefficients": list(self.coefficients)}


@dataclass(frozen=True)
class SunSky:
    """A sun that casts shadows, under a sky that is a straight gradient from zenith to ground.

    ``sky`` is the brightness of a white surface that faces up and sees no sun; one that faces down
    gets `GROUND` of it, uncoloured; a wall the mean. ``colour`` and ``sky_colour`` are linear RGB.
    ``angle`` is the sun's diameter in radians: 0.009 is the real one, haze makes it wider and the
    shadows softer. Raises BadInput for a sun below the horizon or a negative strength.
    """

    elevation: float
    azimuth: float
    strength: float
    colour: Colour = WHITE
    sky: float = 0.3
    sky_colour: Colour = WHITE
    angle: float = 0.009

    kind: ClassVar[str] = "sun-sky"

    def __post_init__(self) -> None:
        _set(self, "elevation", _number(self, "elevation", low=0.0, high=math.pi / 2))
        _set(self, "azimuth", _number(self, "azimuth"))
        for name in ("strength", "sky"):
            _set(self, name, _number(self, name, low=0.0))
        _set(self, "angle", _number(self, "angle", low=0.0, high=math.pi))
        for name in ("colour", "sky_colour"):
            _set(self, name, _numbers(self, name, 3, low=0.0))

    @property
    def towards_sun(self) -> np.ndarray:
        """Unit vector (3,) of the world towards the sun."""
        return direction(self.azimuth, self.elevation)

    @property
    def sky_brightness(self) -> tuple[np.ndarray, np.ndarray]:
        """What white surfaces show that face up and down, away from the sun: two (3,), linear RGB.

        Between them the brightness is linear in the normal's y, as is the sky's in the direction's.
        """
        return self.sky * np.array(self.sky_colour), np.full(3, self.sky * GROUND)

    def to_fields(self) -> dict[str, Any]:
        """JSON-able fields, for `light_of`."""
        return _plain(self)


@dataclass(frozen=True)
class Lamp:
    """A square lamp of ``size`` metres at ``distance`` metres from the person's middle, facing it.

    ``strength`` is the brightness of a white surface there that faces the lamp.
    """

    azimuth: float
    elevation: float
    distance: float
    size: float
    strength: float
    colour: Colour = WHITE

    kind: ClassVar[str] = "lamp"

    def __post_init__(self) -> None:
        _set(self, "azimuth", _number(self, "azimuth"))
        _set(self, "elevation", _number(self, "elevation", low=-math.pi / 2, high=math.pi / 2))
        for name in ("distance", "size"):
            _set(self, name, _number(self, name, low=1e-3))
        _set(self, "strength", _number(self, "strength", low=0.0))
        _set(self, "colour", _numbers(self, "colour", 3, low=0.0))


@dataclass(frozen=True)
class AreaLamps:
    """One to three lamps about the person, in a room that is ``ambient`` bright everywhere.

    Where the person stands is said when the scene is lit.
    """

    lamps: tuple[Lamp, ...]
    ambient: float = 0.2

    kind: ClassVar[str] = "lamps"

    def __post_init__(self) -> None:
        if not 1 <= len(self.lamps) <= 3:
            raise BadInput(f"light of kind {self.kind!r}: {len(self.lamps)} lamps, expected 1 to 3")
        _set(self, "lamps", tuple(self.lamps))
        _set(self, "ambient", _number(self, "ambient", low=0.0))

    def to_fields(self) -> dict[str, Any]:
        """JSON-able fields, for `light_of`."""
        lamps = [_plain(lamp) for lamp in self.lamps]
        for lamp in lamps:
            del lamp["kind"]
        return {"kind": self.kind, "lamps": lamps, "ambient": self.ambient}


@dataclass(frozen=True)
class Environment:
    """The light of a place: an equirectangular picture, .hdr or .exr, from all sides.

    The picture's middle column stands at azimuth ``turn`` (radians). It is scaled so that
    ``strength`` is the brightness of a white surface that sees all of it alike: exposures of such
    files differ by orders of magnitude, and none may give a black face.
    """

    file: str
    turn: float = 0.0
    strength: float = 1.0

    kind: ClassVar[str] = "environment"

    def __post_init__(self) -> None:
        if not isinstance(self.file, str) or not self.file.lower().endswith((".hdr", ".exr")):
            raise BadInput(
                f"light of kind {self.kind!r}: file {self.file!r}, expected .hdr or .exr"
            )
        _set(self, "turn", _number(self, "turn"))
        _set(self, "strength", _number(self, "strength", low=0.0))

    def to_fields(self) -> dict[str, Any]:
        """JSON-able fields, for `light_of`."""
        return _plain(self)


Light = SphericalHarmonics | SunSky | AreaLamps | Environment

_KINDS: dict[str, type] = {
    kind.kind: kind for kind in (SphericalHarmonics, SunSky, AreaLamps, Environment)
}
LIGHT_KINDS = tuple(_KINDS)


def light_of(values: Mapping[str, Any]) -> Light:
    """The light whose ``to_fields()`` these are. Raises BadInput that names the kind and the
    field.
    """
    values = dict(values)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise BadInput(f"light of kind {kind!r}: expected one of {', '.join(LIGHT_KINDS)}")
    if kind == AreaLamps.kind and isinstance(values.get("lamps"), Sequence):
        values["lamps"] = tuple(
            _built(Lamp, lamp, f"{kind!r}, lamp {number}")
            for number, lamp in enumerate(values["lamps"], start=1)
        )
    return _built(_KINDS[kind], values, repr(kind))


def draw_light(kind: str, rng: np.random.Generator, environments: Sequence[str] = ()) -> Light:
    """A light of ``kind`` (one of `LIGHT_KINDS`), drawn from its distribution.

    sh: SURREAL's (`sample_light`). sun-sky: `_draw_sun`. lamps: `_draw_lamps`. environment: one of
    the files ``environments``, turned at random, strength uniform in [0.7, 1.1]. Raises BadInput for
    an unknown kind and for no environments to choose from.
    """
    if kind in _DRAW:
        return _DRAW[kind](rng)
    if kind != Environment.kind:
        raise BadInput(f"light of kind {kind!r}: expected one of {', '.join(LIGHT_KINDS)}")
    if not environments:
        raise BadInput(
            "light of kind 'environment': no files to choose from; give a folder of "
            "equirectangular .hdr or .exr pictures"
        )
    return Environment(
        file=str(environments[int(rng.integers(len(environments)))]),
        turn=float(rng.uniform(0.0, 2 * math.pi)),
        strength=float(rng.uniform(0.7, 1.1)),
    )


def sample_light(rng: np.random.Generator) -> np.ndarray:
    """Nine coefficients, float32, distributed as SURREAL's (Varol et al. 2017).

    All uniform in [-0.7, 0.7], but the first (ambient) in [0.5, 1.4] and the second in [-0.7, 0],
    which lights from above. `textures.visibility.shading.sh_irradiance` says which axes they belong to.
    """
    coefficients = 0.7 * rng.uniform(-1.0, 1.0, size=9)
    coefficients[0] = 0.5 + 0.9 * rng.random()
    coefficients[1] = -0.7 * rng.random()
    return coefficients.astype(np.float32)


def _draw_harmonics(rng: np.random.Generator) -> SphericalHarmonics:
    return SphericalHarmonics(tuple(float(value) for value in sample_light(rng)))


def _draw_sun(rng: np.random.Generator) -> SunSky:
    """A day: sun 15 to 70 degrees high, on any side, from clear to overcast.

    ``haze`` in [0, 1] takes the sun from 1.1 down to 0.25 and widens it from 0.5 to 6 degrees, while
    the sky goes from 0.45 to 0.75 and from blue to white: a white wall in the shadow shows 0.25 at
    least. The sun's colour is that of white light through the air's Rayleigh scattering, so a low
    sun is orange.
    """
    elevation = math.radians(rng.uniform(15.0, 70.0))
    haze = float(rng.random())
    return SunSky(
        elevation=elevation,
        azimuth=float(rng.uniform(0.0, 2 * math.pi)),
        strength=1.1 + (0.25 - 1.1) * haze,
        colour=_through_air(elevation),
        sky=0.45 + 0.3 * haze,
        sky_colour=tuple(_mixed((0.75, 1.0, 1.45), WHITE, haze)),
        angle=math.radians(0.53 + 5.5 * haze**2),
    )


def _draw_lamps(rng: np.random.Generator) -> AreaLamps:
    """A room with one to three lamps, as a photographer would set them.

    The key lamp stands 20 to 60 degrees high on any side at 2.5 to 5 m, strength 0.7 to 1.1; others
    are 0.2 to 0.5 of it. Lamps are 0.5 to 2 m wide and 2700 to 6500 K warm. ``ambient`` is 0.25 to
    0.45.
    """
    strength = rng.uniform(0.7, 1.1)
    lamps = []
    for number in range(int(rng.integers(1, 4))):
        share = 1.0 if number == 0 else rng.uniform(0.2, 0.5)
        lamps.append(
            Lamp(
                azimuth=float(rng.uniform(0.0, 2 * math.pi)),
                elevation=math.radians(rng.uniform(20.0, 60.0)),
                distance=float(rng.uniform(2.5, 5.0)),
                size=float(rng.uniform(0.5, 2.0)),
                strength=float(strength * share),
                colour=tuple(_mixed((1.3, 0.95, 0.55), WHITE, rng.random())),
            )
        )
    return AreaLamps(tuple(lamps), ambient=float(rng.uniform(0.25, 0.45)))


_DRAW: dict[str, Callable[[np.random.Generator], Light]] = {
    SphericalHarmonics.kind: _draw_harmonics,
    SunSky.kind: _draw_sun,
    AreaLamps.kind: _draw_lamps,
}


def _through_air(elevation: float) -> Colour:
    """Colour of the sun through the air, linear RGB of luminance 1.

    Rayleigh's optical thickness of one atmosphere is about 0.06, 0.10 and 0.22 at the sRGB
    primaries' wavelengths; a sun at ``elevation`` shines through 1 / sin(elevation) of them.
    """
    passed = np.exp(-np.array([0.06, 0.10, 0.22]) / math.sin(elevation))
    return tuple(float(value) for value in passed / (passed @ (0.2126, 0.7152, 0.0722)))


def _mixed(first: Colour, second: Colour, share: float) -> list[float]:
    return [float(a + (b - a) * share) for a, b in zip(first, second, strict=True)]


def _plain(light: Any) -> dict[str, Any]:
    values = {field.name: getattr(light, field.name) for field in fields(light)}
    return {"kind": light.kind} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def _built(kind: type, values: Any, what: str) -> Any:
    if not isinstance(values, Mapping):
        raise BadInput(f"light of kind {what}: found {values!r}, expected its fields")
    known = {field.name for field in fields(kind)}
    for name in values:
        if name not in known:
            raise BadInput(
                f"light of kind {what}: unknown field {name!r}, expected {', '.join(sorted(known))}"
            )
    try:
        return kind(**values)
    except TypeError as error:
        raise BadInput(f"light of kind {what}: {error}") from error


def _set(light: Any, name: str, value: Any) -> None:
    object.__setattr__(light, name, value)


def _number(light: Any, name: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    value = getattr(light, name)
    return _checked(light, name, value, low, high)


def _numbers(light: Any, name: str, count: int, *, low: float = -math.inf) -> tuple[float, ...]:
    values = getattr(light, name)
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != count:
        raise BadInput(f"light of kind {light.kind!r}: {name} {values!r}, expected {count} numbers")
    return tuple(_checked(light, name, value, low, math.inf) for value in values)


def _checked(light: Any, name: str, value: Any, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not low <= number <= high:
        expected = "a finite number"
        if low > -math.inf:
            expected += f" of at least {low:g}"
        if high < math.inf:
            expected += f" and at most {high:g}"
        raise BadInput(f"light of kind {light.kind!r}: {name} {value!r}, expected {expected}")
    return number
