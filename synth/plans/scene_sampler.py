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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.plans.preset import Backgrounds, Lights
from synth.plans.texture_sampler import TextureSampler
from synth.plans.view_sampler import camera_sides
from synth.scene.camera import View
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import Light
from synth.scene.lights.registry import draw_light
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.places.scene_place import Dome, PhotographCamera, ScenePlace
from textures.library import TextureEntry

_ALL_SIDES = tuple(np.arange(16) * (2 * np.pi / 16))
_FIRST_PLACES = 24  # clips of a plan that do not share their place with each other
_MAX_DRAWS = 1000  # of a light; at a `light.least` of 0.65 one in four is too dark on some side


@dataclass(frozen=True)
class Scenery:
    """A row's `background`, `light` and `scene_place`."""

    background: dict[str, Any]
    light: dict[str, Any]
    scene_place: ScenePlace | None = None


@dataclass(frozen=True)
class ClipScene:
    """A texture, and where it is filmed."""

    texture: TextureEntry
    scenery: Scenery


class SceneSampler:
    """Draws the scenes of one split, clip after clip.

    `photographs` (none: plates are painted), `photograph_places`, those of them that show a floor, and
    `environments` are the split's. With
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
        backgrounds: Backgrounds,
        photographs: Sequence[str],
        photograph_places: Mapping[str, PhotographCamera],
        environments: Sequence[str],
        seed: str,
    ):
        self._textures, self._shared, self._seed = textures, shared, seed
        self._photographs, self._environments = photographs, environments
        self._photograph_places, self._backgrounds = photograph_places, backgrounds
        self._minimum_lit, self._contact = lights.minimum_lit, lights.contact
        self._kinds, self._shares = _shares(lights.kinds)
        files = {"photograph": photograph_places, "environment": environments}
        available = {
            kind: share
            for kind, share in backgrounds.kinds.items()
            if share > 0 and len(files.get(kind, kind)) > 0
        }
        self._background_kinds, self._background_shares = _shares(available or {"painted": 1.0})
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
        return ClipScene(texture, scenery)

    def next_texture(
        self, category: str, rng: np.random.Generator, *, excluded: Collection[str]
    ) -> TextureEntry:
        """The texture of a further person of a clip, who is none of those `excluded` if that can be."""
        return self._textures.next_texture(category, rng, excluded=excluded)

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
        kinds, number = self._background_kinds, 0
        scene_place: ScenePlace | None = None
        if len(kinds) > 1:
            number = int(rng.choice(len(kinds), p=self._background_shares))
        background: dict[str, Any]
        if kinds[number] == "environment":
            return self._draw_environment(sides, rng)
        if kinds[number] == "photograph":
            names = [*self._photograph_places]
            chosen = names[int(rng.integers(len(names)))]
            background = {"photograph": chosen}
            scene_place = ScenePlace(photograph=self._photograph_places[chosen])
        elif kinds[number] == "plate" and self._photographs:
            background = {
                "photograph": self._photographs[int(rng.integers(len(self._photographs)))]
            }
        else:
            background = {"painted": int(rng.integers(2**62))}
            scene_place = ScenePlace() if kinds[number] == "painted" else None
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        light = self._draw_light(kind, sides, rng).to_fields()
        if kind == SphericalHarmonics.kind:
            light["contact"] = self._contact
        return Scenery(background, light, scene_place)

    def _draw_environment(self, sides: Sequence[float], rng: np.random.Generator) -> Scenery:
        """An environment that lights the person and stands behind them."""
        light = self._draw_light(Environment.kind, sides, rng)
        assert isinstance(light, Environment)
        dome = Dome(
            turn=light.turn,
            strength=light.strength,
            camera_height=self._backgrounds.camera_height,
            radius=self._backgrounds.dome,
        )
        return Scenery({"environment": light.file}, light.to_fields(), ScenePlace(dome=dome))

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


def _shares(kinds: Mapping[str, float]) -> tuple[list[str], np.ndarray]:
    """Names in their order, and their shares, which sum to 1."""
    names = sorted(kinds)
    shares = np.array([kinds[name] for name in names])
    return names, shares / shares.sum()
