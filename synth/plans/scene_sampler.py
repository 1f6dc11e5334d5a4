"""The scene of a clip, person, background and light, which should not tell what is done in it.

Where every clip has a place of its own, a network that is to learn actions from some hundred films
learns their backgrounds by heart instead. Shared, a place and its light serve one clip of every
category, and people take turns such that each is seen in as many categories as can be: neither tells
the one category from the other, as in a counterbalanced experiment. The first few clips of a plan each
have a place that no other of them has, so that a handful of films does not show one place only; the
next clips are then filmed in those places.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.plans.preset import Lights
from synth.plans.texture_sampler import TextureSampler
from synth.plans.view_sampler import camera_sides
from synth.scene.camera import View
from synth.scene.lights.light import Light
from synth.scene.lights.registry import draw_light
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from textures.library import TextureEntry

_ALL_SIDES = tuple(np.arange(16) * (2 * np.pi / 16))
_FIRST_PLACES = 24  # clips of a plan that do not share their place with each other
_MAX_DRAWS = 1000  # of a light; at a `light.least` of 0.65 one in four is too dark on some side


@dataclass(frozen=True)
class Scenery:
    """A row's `background` and `light`."""

    background: dict[str, Any]
    light: dict[str, Any]


@dataclass(frozen=True)
class ClipScene:
    """A texture, and a row's `background` and `light`."""

    texture: TextureEntry
    background: dict[str, Any]
    light: dict[str, Any]


class SceneSampler:
    """Draws the scenes of one split, clip after clip.

    `photographs` (none: backgrounds are painted) and `environments` are the split's. With
    `shared` a clip gets the first place that its category has not been filmed in, and a new one where
    there is none or where there are not yet `_FIRST_PLACES`; the n-th place depends on n and the
    `seed` alone. Else every clip draws one for itself. Either way a longer plan
    begins with a shorter one, and places do not depend on the textures.

    A light must be bright enough (`light.least`) on the side that its clip is filmed from; a shared one
    on every side, for its other clips are not known yet. Where it is not, the next are drawn from a
    generator of their own, so that nothing else of the clip is another for it.
    """

    def __init__(
        self,
        textures: TextureSampler,
        *,
        shared: bool,
        lights: Lights,
        photographs: Sequence[str],
        environments: Sequence[str],
        seed: str,
    ):
        self._textures, self._shared, self._seed = textures, shared, seed
        self._photographs, self._environments = photographs, environments
        self._kinds = sorted(lights.kinds)
        self._minimum_lit, self._contact = lights.minimum_lit, lights.contact
        shares = np.array([lights.kinds[kind] for kind in self._kinds])
        self._shares = shares / shares.sum()
        self._sceneries: list[Scenery] = []
        self._filmed: defaultdict[str, set[int]] = defaultdict(set)
        self._unfilmed: defaultdict[str, int] = defaultdict(int)

    def next_scene(self, category: str, view: View, rng: np.random.Generator) -> ClipScene:
        """The scene of the next clip, one of `category` seen in `view`; `rng` is that clip's.

        Raises BadInput where `light.least` is more than its kind of light ever gives.
        """
        if self._shared:
            scenery = self._next_scenery(category)
        else:
            scenery = self._draw(camera_sides(view), rng)
        # Last: paired plans share all that comes before.
        texture = self._textures.next_texture(category, rng)
        return ClipScene(texture, scenery.background, scenery.light)

    def _next_scenery(self, category: str) -> Scenery:
        """The first place that the category was not filmed in, drawn where there is none."""
        count, filmed = len(self._sceneries), self._filmed[category]
        number = count
        if count >= _FIRST_PLACES:
            number = self._unfilmed[category]  # before it, the category has been filmed everywhere
            while number in filmed:
                number += 1
            self._unfilmed[category] = number
        if number == count:
            digest = hashlib.sha256(f"{self._seed} scene {number}".encode()).digest()
            self._sceneries.append(self._draw(_ALL_SIDES, np.random.default_rng(list(digest))))
        filmed.add(number)
        return self._sceneries[number]

    def _draw(self, sides: Sequence[float], rng: np.random.Generator) -> Scenery:
        if self._photographs:
            chosen = self._photographs[int(rng.integers(len(self._photographs)))]
            background: dict[str, Any] = {"photograph": chosen}
        else:
            background = {"painted": int(rng.integers(2**62))}
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        light = self._draw_light(kind, sides, rng).to_fields()
        if kind == SphericalHarmonics.kind:
            light["contact"] = self._contact
        return Scenery(background, light)

    def _draw_light(self, kind: str, sides: Sequence[float], rng: np.random.Generator) -> Light:
        """The first of a row of lights that is bright enough on all `sides`; from `rng` one is drawn."""
        light = draw_light(kind, rng, environments=self._environments)
        if self._minimum_lit <= 0:
            return light
        (spare,) = rng.spawn(1)  # leaves the numbers that `rng` gives as they are
        for _ in range(_MAX_DRAWS):
            if light.lit_shares(sides).min() >= self._minimum_lit:
                return light
            light = draw_light(kind, spare, environments=self._environments)
        raise BadInput(
            f"light.least is {self._minimum_lit:g}: none of {_MAX_DRAWS} lights of kind {kind!r} lights "
            "so much of a body; choose less"
        )
