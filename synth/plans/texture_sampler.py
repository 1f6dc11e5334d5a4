"""Drawing the texture of a scene: by quality, in turns, so that nobody is seen more than others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from mocap.errors import BadInput
from synth.plans.preset import TextureSampling
from textures.library import TextureEntry


def choose_textures(
    textures: Sequence[TextureEntry], sampling: TextureSampling
) -> list[TextureEntry]:
    """The textures that may be used, in the order of their files.

    Those of `sampling.splits` whose scores reach `sampling.minimum_scores`, of them the `limit` best by
    `sampling.score`.

    Raises:
        BadInput: a score that is asked for is missing, or nothing is left.
    """
    chosen = []
    candidates = [t for t in textures if not sampling.splits or t.split in sampling.splits]
    if textures and not candidates:
        split_names = ", ".join(sorted({texture.split for texture in textures}))
        raise BadInput(
            f"none of {len(textures)} textures is of textures.splits {', '.join(sampling.splits)}; "
            f"they are of {split_names}"
        )
    for texture in candidates:
        minimum_scores = sampling.minimum_scores.items()
        if all(_score(texture, name) >= minimum for name, minimum in minimum_scores):
            chosen.append(texture)
    if candidates and not chosen:
        bar = ", ".join(f"{name} {value:g}" for name, value in sampling.minimum_scores.items())
        raise BadInput(f"none of {len(candidates)} textures reaches {bar}; lower textures.least")
    if 0 < sampling.limit < len(chosen):
        chosen.sort(key=lambda texture: (-_score(texture, sampling.score), texture.file))
        chosen = chosen[: sampling.limit]
    return sorted(chosen, key=lambda texture: texture.file)


def _score(texture: TextureEntry, name: str) -> float:
    if name not in texture.scores:
        scores = ", ".join(texture.scores) or "none"
        raise BadInput(f"{texture.file}: has no score {name} (it has {scores}); see [textures]")
    return float(texture.scores[name])


class TextureSampler:
    """Draws the textures of one split, scene after scene.

    What the k-th scene gets depends on k and the seed alone, so that a longer plan begins with a
    shorter one. Balanced, the turns of any two people (or textures) differ by one at most.
    """

    def __init__(self, textures: Sequence[TextureEntry], sampling: TextureSampling, seed: int):
        self._sampling, self._seed, self._turns = sampling, seed, 0
        groups: dict[str, list[TextureEntry]] = {}
        for texture in sorted(textures, key=lambda texture: texture.file):
            key = texture.file if sampling.balance == "texture" else texture.identity
            groups.setdefault(key, []).append(texture)
        self._groups = [groups[key] for key in sorted(groups)]
        self._uses = [0] * len(self._groups)
        self._order: list[int] = []

    def next_texture(self, rng: np.random.Generator) -> TextureEntry:
        """The next scene's texture; `rng` is that scene's."""
        sampling = self._sampling
        if sampling.balance == "random":
            group = int(rng.integers(len(self._groups)))
        else:
            group = self._next_group()
        textures = self._groups[group]
        if sampling.quality > 0:
            weights = np.array([max(_score(t, sampling.score), 1e-6) for t in textures])
            weights = weights**sampling.quality
            return textures[int(rng.choice(len(textures), p=weights / weights.sum()))]
        if sampling.balance == "random":
            return textures[int(rng.integers(len(textures)))]
        self._uses[group] += 1
        return textures[(self._uses[group] - 1) % len(textures)]

    def _next_group(self) -> int:
        index = self._turns % len(self._groups)
        if index == 0:  # a new round, in an order of its own
            digest = hashlib.sha256(f"{self._seed} round {self._turns}".encode()).digest()
            shuffled = np.random.default_rng(list(digest)).permutation(len(self._groups))
            self._order = shuffled.tolist()
        self._turns += 1
        return self._order[index]
