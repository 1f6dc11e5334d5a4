"""Image-based light: an equirectangular picture of the surroundings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from mocap.errors import BadInput
from synth.scene.lights.light import Light, shown


@dataclass(frozen=True)
class Environment(Light):
    """The light of a place: an equirectangular picture, .hdr or .exr, from all sides.

    The picture's middle column stands at azimuth `turn` (radians). It is scaled so that `strength`
    is the brightness of a white surface that sees all of it alike: exposures of such files differ
    by orders of magnitude, and none may give a black face.
    """

    file: str
    turn: float = 0.0
    strength: float = 1.0

    kind: ClassVar[str] = "environment"
    shadow_margin: ClassVar[float] = 3.0  # metres: the sky may hold a sun

    def __post_init__(self) -> None:
        if not isinstance(self.file, str) or not self.file.lower().endswith((".hdr", ".exr")):
            raise BadInput(
                f"light of kind {self.kind!r}: file {shown(self.file)}, expected .hdr or .exr"
            )
        self._check_number("turn")
        self._check_number("strength", low=0.0)

    def with_files_in(self, folder: Path | None) -> Environment:
        """The light with its file in `folder`. Raises BadInput where there is no folder."""
        if folder is None:
            raise BadInput(
                f"{self.file}: an environment of the plan, but no folder of them; give "
                "--environments"
            )
        return replace(self, file=str(folder / self.file))

    @classmethod
    def draw(cls, rng: np.random.Generator, environments: Sequence[str] = ()) -> Environment:
        """One of the files `environments`, turned at random, strength uniform in [0.7, 1.1].

        Raises BadInput for no environments to choose from.
        """
        if not environments:
            raise BadInput(
                "light of kind 'environment': no files to choose from; give a folder of "
                "equirectangular .hdr or .exr pictures"
            )
        return cls(
            file=str(environments[int(rng.integers(len(environments)))]),
            turn=float(rng.uniform(0.0, 2 * math.pi)),
            strength=float(rng.uniform(0.7, 1.1)),
        )
