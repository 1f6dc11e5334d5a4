"""A room's light: square lamps about the person."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mocap.errors import BadInput
from synth.scene.lights.light import (
    WAIST,
    WHITE,
    Colour,
    Light,
    LightFields,
    direction,
    mixed_colour,
)


@dataclass(frozen=True)
class Lamp(LightFields):
    """A square lamp of `size` metres at `distance` metres from the person's middle, facing it.

    `strength` is the brightness of a white surface in the person's middle that faces the lamp.
    """

    azimuth: float
    elevation: float
    distance: float
    size: float
    strength: float
    colour: Colour = WHITE

    kind: ClassVar[str] = "lamp"

    def __post_init__(self) -> None:
        self._check_number("azimuth")
        self._check_number("elevation", low=-math.pi / 2, high=math.pi / 2)
        for name in ("distance", "size"):
            self._check_number(name, low=1e-3)
        self._check_number("strength", low=0.0)
        self._check_numbers("colour", 3, low=0.0)


@dataclass(frozen=True)
class AreaLamps(Light):
    """One to three lamps about the person, in a room that is `ambient` bright everywhere.

    Where the person stands is said when the scene is lit.
    """

    lamps: tuple[Lamp, ...]
    ambient: float = 0.2

    kind: ClassVar[str] = "lamps"

    def __post_init__(self) -> None:
        if not 1 <= len(self.lamps) <= 3:
            raise BadInput(f"light of kind {self.kind!r}: {len(self.lamps)} lamps, expected 1 to 3")
        self._set("lamps", tuple(self.lamps))
        self._check_number("ambient", low=0.0)

    def to_fields(self) -> dict[str, Any]:
        """The fields and the kind, JSON-able; a lamp's are without its kind."""
        lamps = [lamp.to_fields() for lamp in self.lamps]
        for lamp in lamps:
            del lamp["kind"]
        return {"kind": self.kind, "lamps": lamps, "ambient": self.ambient}

    @classmethod
    def from_fields(cls, values: Any, *, label: str | None = None) -> AreaLamps:
        """The lamps whose fields these are; raises BadInput that names the lamp and the field."""
        if isinstance(values.get("lamps"), Sequence):
            lamps = tuple(
                Lamp.from_fields(lamp, label=f"{cls.kind!r}, lamp {number}")
                for number, lamp in enumerate(values["lamps"], start=1)
            )
            values = {**values, "lamps": lamps}
        return super().from_fields(values, label=label)

    def floor_shadow(self, corners: np.ndarray, ground: np.ndarray) -> list[np.ndarray]:
        """Where the corners of a box about each lamp throw `corners` (8,3): x and z (8,2) of each."""
        points = []
        for lamp in self.lamps:
            middle = ground + WAIST + lamp.distance * direction(lamp.azimuth, lamp.elevation)
            for move in itertools.product((-lamp.size / 2, lamp.size / 2), repeat=3):
                points.append(_thrown(middle + move, corners, float(ground[1])))
        return points

    @classmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str] = ()) -> AreaLamps:
        """A room with one to three lamps, as a photographer would set them.

        The key lamp stands 20 to 60 degrees high on any side at 2.5 to 5 m, strength 0.7 to 1.1;
        others are 0.2 to 0.5 of it. Lamps are 0.5 to 2 m wide and 2700 to 6500 K warm. `ambient` is
        0.25 to 0.45.
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
                    colour=mixed_colour((1.3, 0.95, 0.55), WHITE, rng.random()),
                )
            )
        return cls(tuple(lamps), ambient=float(rng.uniform(0.25, 0.45)))


def _thrown(lamp: np.ndarray, corners: np.ndarray, level: float) -> np.ndarray:
    """Where a point light (3,) throws `corners` (N,3) onto the floor: x and z (N,2).

    A corner that is as high as the light is thrown very far.
    """
    fall = np.maximum(lamp[1] - corners[:, 1:2], 1e-3)
    share = (lamp[1] - level) / fall
    return lamp[[0, 2]] + share * (corners[:, [0, 2]] - lamp[[0, 2]])
