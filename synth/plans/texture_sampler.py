"""Dealing textures to clips: by quality, in turns, so that nobody is seen more than others."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

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
    of_splits = [t for t in textures if not sampling.splits or t.split in sampling.splits]
    if textures and not of_splits:
        splits = ", ".join(sorted({texture.split for texture in textures}))
        raise BadInput(
            f"none of {len(textures)} textures is of textures.splits {', '.join(sampling.splits)}; "
            f"they are of {splits}"
        )
    for texture in of_splits:
        minimum_scores = sampling.minimum_scores.items()
        if all(_score(texture, name) >= minimum for name, minimum in minimum_scores):
            chosen.append(texture)
    if of_splits and not chosen:
        bar = ", ".join(f"{name} {value:g}" for name, value in sampling.minimum_scores.items())
        raise BadInput(f"none of {len(of_splits)} textures reaches {bar}; lower textures.least")
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
    """Deals the textures of one split to its clips, one after another.

    What the k-th clip gets depends on the seed and on the categories up to k alone, so that a longer plan
    begins with a shorter one. Balanced, nobody is dealt twice before everybody was dealt once, the turns
    of any two people (or textures) differ by one at most, and of those whose turn it is the one comes
    first whom the clip's category has had least, so that a person does not tell what is done.
    """

    def __init__(self, textures: Sequence[TextureEntry], sampling: TextureSampling, seed: int):
        self._sampling, self._seed = sampling, seed
        groups: dict[str, list[TextureEntry]] = {}
        for texture in sorted(textures, key=lambda texture: texture.file):
            key = texture.file if sampling.balance == "texture" else texture.identity
            groups.setdefault(key, []).append(texture)
        self._groups = [groups[key] for key in sorted(groups)]
        self._groups_of: dict[str, list[int]] = {}
        for number, group in enumerate(self._groups):
            self._groups_of.setdefault(group[0].identity, []).append(number)
        self._turns = np.zeros(len(groups), np.int64)
        self._category_turns: dict[str, np.ndarray] = {}
        self._order = np.zeros(len(groups), np.int64)

    def next_texture(
        self, category: str, rng: np.random.Generator, *, excluded: Collection[str] = ()
    ) -> TextureEntry:
        """The texture of the next clip, one of `category`; `rng` is that clip's.

        Of the identities `excluded` none is dealt, unless there are no others.
        """
        sampling = self._sampling
        allowed = np.ones(len(self._groups), bool)
        for identity in excluded:
            allowed[self._groups_of.get(identity, [])] = False
        if not allowed.any():
            allowed[:] = True
        if sampling.balance == "random":
            group = int(rng.integers(len(self._groups)))
            while not allowed[group]:
                group = int(rng.integers(len(self._groups)))
        else:
            group = self._next_group(category, allowed)
        textures = self._groups[group]
        if sampling.quality > 0:
            weights = np.array([max(_score(t, sampling.score), 1e-6) for t in textures])
            weights = weights**sampling.quality
            return textures[int(rng.choice(len(textures), p=weights / weights.sum()))]
        if sampling.balance == "random":
            return textures[int(rng.integers(len(textures)))]
        return textures[(int(self._turns[group]) - 1) % len(textures)]

    def _next_group(self, category: str, allowed: np.ndarray) -> int:
        fewest = self._turns.min()
        if fewest == self._turns.max():  # a new round, in an order of its own
            digest = hashlib.sha256(f"{self._seed} round {fewest}".encode()).digest()
            self._order = np.random.default_rng(list(digest)).permutation(len(self._groups))
        of_category = self._category_turns.setdefault(category, np.zeros_like(self._turns))
        due = np.flatnonzero(allowed & (self._turns == self._turns[allowed].min()))
        rank = of_category[due] * len(self._groups) + self._order[due]
        group = int(due[rank.argmin()])
        self._turns[group] += 1
        of_category[group] += 1
        return group
