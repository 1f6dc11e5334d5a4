"""The scene of a clip: texture, background and light, which should not tell what is done in it.

Where every clip has a scene of its own, a network that is to learn actions from some hundred films
learns their backgrounds by heart instead. Shared, a scene serves one clip of every category, so that
neither person nor place nor light tells the one from the other, as in a counterbalanced experiment.
"""

from __future__ import annotations

import hashlib
from collections import Counter
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
from textures.library import TextureEntry

_ALL_SIDES = tuple(np.arange(16) * (2 * np.pi / 16))
_MAX_DRAWS = 1000  # of a light; at a `light.least` of 0.65 one in four is too dark on some side


@dataclass(frozen=True)
class ClipScene:
    """A texture, and a row's `background` and `light`."""

    texture: TextureEntry
    background: dict[str, Any]
    light: dict[str, Any]


class SceneSampler:
    """Draws the scenes of one split, clip after clip.

    `photographs` (none: backgrounds are painted) and `environments` are the split's. With
    `shared` the n-th clip of each category gets the n-th scene, which depends on n and the
    `seed` alone; else every clip draws one for itself. Either way a longer plan
    begins with a shorter one.

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
        self._minimum_lit = lights.minimum_lit
        shares = np.array([lights.kinds[kind] for kind in self._kinds])
        self._shares = shares / shares.sum()
        self._scenes: list[ClipScene] = []
        self._clips: Counter[str] = Counter()

    def next_scene(self, category: str, view: View, rng: np.random.Generator) -> ClipScene:
        """The scene of the next clip, one of `category` seen in `view`; `rng` is that clip's.

        Raises BadInput where `light.least` is more than its kind of light ever gives.
        """
        if not self._shared:
            return self._draw(camera_sides(view), rng)
        number = self._clips[category]
        self._clips[category] += 1
        if number == len(self._scenes):
            digest = hashlib.sha256(f"{self._seed} scene {number}".encode()).digest()
            self._scenes.append(self._draw(_ALL_SIDES, np.random.default_rng(list(digest))))
        return self._scenes[number]

    def _draw(self, sides: Sequence[float], rng: np.random.Generator) -> ClipScene:
        if self._photographs:
            chosen = self._photographs[int(rng.integers(len(self._photographs)))]
            background: dict[str, Any] = {"photograph": chosen}
        else:
            background = {"painted": int(rng.integers(2**62))}
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        light = self._draw_light(kind, sides, rng).to_fields()
        texture = self._textures.next_texture(rng)  # last: paired plans share all that comes before
        return ClipScene(texture, background, light)

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
