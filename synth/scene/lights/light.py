"""What every kind of light can do, and the measures that all of them share.

Directions. An azimuth of 0 is +z of the world and pi/2 is +x (as a camera's yaw), an elevation of
pi/2 is straight up, both in radians: the light comes *from* that direction.

Brightness. A strength is what a white diffuse surface that faces the light shows in the picture: 1
is white, and a texture is multiplied by it in linear light. So a strength means the same whatever
the kind and the renderer. (Radiometrically it is the irradiance divided by pi.)

A kind of light is a subclass of `Light` in a file of its own, a line in `synth.scene.lights.registry`,
and a function in each engine that can show it (`synth.scene.blender_lights`, `synth.scene.raster`).
"""

from __future__ import annotations

import math
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from mocap.errors import BadInput

Colour = tuple[float, float, float]
WAIST = np.array([0.0, 0.9, 0.0])
"""From the ground to the middle of a person, metres: what lamps stand about and face."""

WHITE: Colour = (1.0, 1.0, 1.0)

UNLIT = 0.05
"""Brightness up to which a surface counts as unlit: white then shows 63 of 255 levels, grey cloth 25."""


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector (3,) of the world towards `azimuth` and `elevation`, radians."""
    level = math.cos(elevation)
    return np.array(
        [level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)], np.float64
    )


def mixed_colour(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that is `share` of the way from `first` to `second`, linear RGB."""
    red, green, blue = (float(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class LightFields:
    """JSON-able fields of a frozen dataclass that are checked when it is made.

    `kind` names the class in files and in messages.
    """

    kind: ClassVar[str]

    def to_fields(self) -> dict[str, Any]:
        """The fields and the kind, JSON-able."""
        values = {name: getattr(self, name) for name in field_names(type(self))}
        return {"kind": self.kind} | {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @classmethod
    def from_fields(cls, values: Any, *, label: str | None = None) -> Self:
        """What has these fields, but for the kind; `label` (None: the kind) names it in messages.

        Raises BadInput that names the label and the field.
        """
        label = repr(cls.kind) if label is None else label
        if not isinstance(values, Mapping):
            raise BadInput(f"light of kind {label}: found {shown(values)}, expected its fields")
        names = field_names(cls)
        for name in values:
            if name not in names:
                raise BadInput(
                    f"light of kind {label}: unknown field {shown(name)}, expected "
                    f"{', '.join(sorted(names))}"
                )
        try:
            return cls(**values)
        except TypeError as error:
            raise BadInput(f"light of kind {label}: {error}") from error

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_number(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> None:
        """Make the field `name` a float; raises BadInput unless it is finite and in [low, high]."""
        self._set(name, self._checked(name, getattr(self, name), low, high))

    def _check_numbers(self, name: str, count: int, *, low: float = -math.inf) -> None:
        """Make the field `name` a tuple of `count` floats; raises BadInput unless it can be."""
        values = getattr(self, name)
        if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != count:
            raise BadInput(
                f"light of kind {self.kind!r}: {name} {shown(values)}, expected {count} numbers"
            )
        self._set(name, tuple(self._checked(name, value, low, math.inf) for value in values))

    def _checked(self, name: str, value: Any, low: float, high: float) -> float:
        number = math.nan
        if not isinstance(value, str | bool):
            with suppress(TypeError, ValueError, OverflowError):
                number = float(value)
        if not math.isfinite(number) or not low <= number <= high:
            expected = "a finite number"
            if low > -math.inf:
                expected += f" of at least {low:g}"
            if high < math.inf:
                expected += f" and at most {high:g}"
            raise BadInput(
                f"light of kind {self.kind!r}: {name} {shown(value)}, expected {expected}"
            )
        return number


def field_names(cls: Any) -> list[str]:
    """Names of a dataclass's fields, in their order."""
    return [field.name for field in fields(cls)]


_VALUES = reprlib.Repr()
_VALUES.maxstring = _VALUES.maxother = _VALUES.maxlong = 60


def shown(value: object) -> str:
    """A value as a message can hold it, in Python's spelling."""
    return _VALUES.repr(value)


class Light(LightFields, ABC):
    """A light as plain data, whatever shows it."""

    casts_shadows: ClassVar[bool] = True
    """Whether it is real light, which needs rays and throws shadows on the floor."""

    shadow_margin: ClassVar[float] = 0.9
    """Metres around a body where it takes more than a hundredth of the light; 0.9 for an even sky."""

    @property
    def floor_darkening(self) -> float:
        """Which share of the shadow on the floor is shown, in [0, 1]; 0: there is none."""
        return 1.0

    @classmethod
    @abstractmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str]) -> Self:
        """One of this kind from its distribution.

        Args:
            rng: the only source of chance.
            environments: files of environment pictures to choose from.

        Raises:
            BadInput: the kind needs a file and `environments` has none.
        """

    def lit_shares(self, sides: Sequence[float]) -> np.ndarray:
        """How much of a body is lit that is seen from each side, (N,) in [0, 1].

        An estimate from the light alone, before a body is posed. 1 for kinds that leave no side dark by
        what they are drawn from, and for those that only a file tells of.

        Args:
            sides: N yaws of cameras, radians; 0: the camera stands at +z, pi/2: at +x.
        """
        return np.ones(len(sides))

    def floor_shadow(self, corners: np.ndarray, ground: np.ndarray) -> list[np.ndarray]:
        """Where beams throw a body's box onto the floor.

        Args:
            corners: (8,3) the corners of the box, metres in the world, none below the floor.
            ground: (3,) the point of the floor under the person, about which lamps stand.

        Returns:
            x and z (N,2) of points on the floor, one array per beam; none where there is no beam.
        """
        return []

    def with_files_in(self, folder: Path | None) -> Self:
        """The light with the paths of its files, if any, taken as relative to `folder`."""
        return self
