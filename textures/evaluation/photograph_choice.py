"""Which photographs textures are measured on, and which texture of a person on which photograph."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from textures.evaluation.texture_sets import EvaluatedTexture
from textures.harvest.crop_folder import SourceCrop


def chosen_photographs(
    crops: Sequence[SourceCrop], people: set[str], limit: int | None = None
) -> list[SourceCrop]:
    """Of each person one photograph per camera, the first by name; of at most `limit` of the cameras."""
    first: dict[tuple[str, str], SourceCrop] = {}
    for crop in sorted(crops, key=lambda crop: crop.source):
        if crop.person.identity in people and crop.person.camera is not None:
            first.setdefault((crop.person.identity, crop.person.camera), crop)
    views, count = [], Counter[str]()
    for (person, _), crop in sorted(first.items()):
        count[person] += 1
        if limit is None or count[person] <= limit:
            views.append(crop)
    return sorted(views, key=lambda crop: crop.source)


def other_camera_texture(
    textures: Sequence[EvaluatedTexture], crop: SourceCrop
) -> EvaluatedTexture | None:
    """The texture that is measured on a photograph of a camera that it has not seen.

    Of several the one whose source's and the photograph's names hash lowest: sets made of the same
    photographs take the same one. Textures that do not say what they have seen are never taken.
    """
    camera = crop.person.camera
    free = [t for t in textures if t.cameras and camera is not None and camera not in t.cameras]

    def digest(texture: EvaluatedTexture) -> str:
        name = f"{texture.source or texture.path.stem} {crop.source}"
        return hashlib.sha256(name.encode()).hexdigest()

    return min(free, key=digest, default=None)


def evenly_spaced(items: Sequence[str], count: int) -> set[str]:
    """At most `count` of the items, evenly spaced."""
    if not items or not count:
        return set()
    indices = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return {items[index] for index in indices}
