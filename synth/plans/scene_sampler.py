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

from synth.plans.preset import Lights
from synth.plans.texture_sampler import TextureSampler
from synth.scene.lights.registry import draw_light
from textures.library import TextureEntry


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
        shares = np.array([lights.kinds[kind] for kind in self._kinds])
        self._shares = shares / shares.sum()
        self._scenes: list[ClipScene] = []
        self._clips: Counter[str] = Counter()

    def next_scene(self, category: str, rng: np.random.Generator) -> ClipScene:
        """The scene of the next clip, one of `category`; `rng` is that clip's."""
        if not self._shared:
            return self._draw(rng)
        number = self._clips[category]
        self._clips[category] += 1
        if number == len(self._scenes):
            digest = hashlib.sha256(f"{self._seed} scene {number}".encode()).digest()
            self._scenes.append(self._draw(np.random.default_rng(list(digest))))
        return self._scenes[number]

    def _draw(self, rng: np.random.Generator) -> ClipScene:
        if self._photographs:
            chosen = self._photographs[int(rng.integers(len(self._photographs)))]
            background: dict[str, Any] = {"photograph": chosen}
        else:
            background = {"painted": int(rng.integers(2**62))}
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        light = draw_light(kind, rng, environments=self._environments).to_fields()
        texture = self._textures.next_texture(rng)  # last: paired plans share all that comes before
        return ClipScene(texture, background, light)
