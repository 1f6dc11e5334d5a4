"""Generators of a category beside each other, as RSTG's Figure 7 has them: a table and a picture.

Each texture is seen as its own photograph has the object, and as another photograph of the same identity
has it. A classifier that trained none of them says which identity it takes the rendered object for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from mocap.errors import BadInput
from textures.categories.generator import CategoryGenerator
from textures.categories.identities import named_identities
from textures.categories.object_bank import ObjectBank, PlacedObject, object_bank
from textures.evaluation.comparison import figure, paired_difference
from textures.evaluation.summary import MeasureSummary
from textures.metrics import score
from textures.reid.pcb import PCB
from textures.rstg.training import next_views
from textures.training.augmentation import image_batch
from textures.visibility.rendering_tensor import composite, render

PHOTOGRAPHS, TRUE_TEXTURES = "photographs", "true textures"
MEASURES = {
    "ssim, own view": (
        "ssim@strict of the texture, seen as its photograph has the object, against that photograph.",
        True,
    ),
    "ssim, other view": (
        "The same as another photograph of the identity has it, against that photograph.",
        True,
    ),
    "identity, own view": (
        "Whether a classifier that trained none of the generators names the identity of the rendered "
        "object, before its photograph's background.",
        True,
    ),
    "identity, other view": (
        "The same as another photograph of the identity has it, before that one's background.",
        True,
    ),
    "texture error": ("Mean absolute difference from the true texture, of 255 (stand-ins).", False),
    "texture ssim": ("ssim@strict of the texture against the true one (stand-ins).", True),
}
_MARGIN, _TITLE_HEIGHT = 4, 22
_SHOWN = 128  # pixels of a picture's side


@dataclass(frozen=True)
class _Rendered:
    """A set's pictures in the own and in the other view: (N,S,S,3) uint8 each."""

    same_view: np.ndarray
    other_view: np.ndarray


class GeneratorComparison:
    """Sets of textures of the same placed photographs, measured and shown.

    Attributes:
        textures: (N,3,S,S) in [-1,1] by set; the true ones, where there are any, among them.
    """

    def __init__(
        self,
        generators: Mapping[str, CategoryGenerator],
        objects: Sequence[PlacedObject],
        *,
        true_textures: np.ndarray | None = None,
    ) -> None:
        """Make the textures of all generators.

        Args:
            generators: by name, all of one category.
            objects: photographs that none of them was trained on.
            true_textures: (N,S,S,3) uint8 of the objects, where they are known.

        Raises:
            BadInput: where there is no object.
        """
        self.objects = objects
        first = next(iter(generators.values()))
        self.bank: ObjectBank = object_bank(first.model, objects)
        self.covered = {name: g.geometry.covered for name, g in generators.items()}
        self.pairs = next_views(self.bank.identities)
        self.textures = {name: g.textures(objects) for name, g in generators.items()}
        if true_textures is not None:
            self.textures[TRUE_TEXTURES] = image_batch(true_textures)
        self.rendered = {name: self._render(t) for name, t in self.textures.items()}

    def summaries(self, judge: PCB, classes: np.ndarray, *, seed: int = 0) -> list[MeasureSummary]:
        """Every measure: figures by set, and how much better each set is than each other.

        Args:
            judge: a classifier of the identities that trained none of the generators.
            classes: (C,) the identity of each of its classes.
            seed: of the resampling of identities.
        """
        values = self._values(judge, classes)
        result = []
        for name, (definition, higher) in MEASURES.items():
            sets = values.get(name, {})
            figures = {key: figure(v, np.random.default_rng(seed)) for key, v in sets.items()}
            pairs = [
                paired_difference(a, b, sets, np.random.default_rng(seed), higher_is_better=higher)
                for a, b in itertools.combinations([key for key in sets if key in self.covered], 2)
            ]
            result.append(
                MeasureSummary(
                    name=name,
                    definition=definition,
                    higher_is_better=higher,
                    figures={key: mean for key, mean in figures.items() if mean is not None},
                    differences=tuple(pair for pair in pairs if pair is not None),
                    not_computed=None if sets else "not computed; there are no true textures",
                )
            )
        return result

    def picture(self, rows: int = 8) -> np.ndarray:
        """RGB uint8: a row for a photograph, with each set's own and other view beside it."""
        step = max(1, len(self.objects) // rows)
        chosen = np.arange(len(self.objects))[::step][:rows]
        titles = ["photograph", "other photograph"]
        columns = [self.bank.images[chosen], self.bank.images[self.pairs[chosen]]]
        for name, views in self.rendered.items():
            titles += [name, "in the other view"]
            columns += [views.same_view[chosen], views.other_view[chosen]]
        cells = [np.stack([_shown(image) for image in column]) for column in columns]
        strips = [np.concatenate(list(column), axis=0) for column in cells]
        headed = [
            np.concatenate([_title(title, strip.shape[1]), strip])
            for title, strip in zip(titles, strips, strict=True)
        ]
        return np.concatenate(headed, axis=1)

    @torch.no_grad()
    def _render(self, textures: torch.Tensor, batch: int = 32) -> _Rendered:
        """The objects in these textures, before the photographs' backgrounds, in both views."""
        views = []
        for pairs in (np.arange(len(self.objects)), self.pairs):
            pictures = []
            for start in range(0, len(pairs), batch):
                view = pairs[start : start + batch]
                uv = torch.from_numpy(self.bank.uv_maps(view))
                masks = torch.from_numpy(self.bank.alpha(view))
                shown = render(textures[start : start + batch], uv)
                image = composite(shown, masks, image_batch(self.bank.images[view]))
                pictures.append(_bytes(image))
            views.append(np.concatenate(pictures))
        return _Rendered(*views)

    def _values(
        self, judge: PCB, classes: np.ndarray
    ) -> dict[str, dict[str, dict[tuple[str, str], float]]]:
        """Values by measure, set and (identity, photograph)."""
        keys = [(o.photograph.identity_name, o.photograph.name) for o in self.objects]
        paired = self.pairs != np.arange(len(self.pairs))
        values: dict[str, dict[str, dict[tuple[str, str], float]]] = {}

        def add(measure: str, name: str, row: int, value: float) -> None:
            values.setdefault(measure, {}).setdefault(name, {})[keys[row]] = value

        views: dict[str, tuple[np.ndarray, np.ndarray]] = {
            name: (pictures.same_view, pictures.other_view)
            for name, pictures in self.rendered.items()
        }
        views[PHOTOGRAPHS] = (self.bank.images, self.bank.images[self.pairs])
        for name, pictures in views.items():
            for kind, images in zip(("own", "other"), pictures, strict=True):
                named = named_identities(judge, classes, images) == self.bank.identities
                for row in np.flatnonzero(paired | (kind == "own")):
                    add(f"identity, {kind} view", name, row, float(named[row]))
                    if name == PHOTOGRAPHS:
                        continue
                    target = row if kind == "own" else self.pairs[row]
                    mask = self.bank.masks[target] > 127
                    ssim = score("ssim@strict", images[row], self.bank.images[target], mask)
                    add(f"ssim, {kind} view", name, row, ssim)
        if TRUE_TEXTURES in self.textures:
            for name, covered in self.covered.items():
                truth = _at_size(_bytes(self.textures[TRUE_TEXTURES]), len(covered))
                textures = _bytes(self.textures[name])
                for row, (texture, true) in enumerate(zip(textures, truth, strict=True)):
                    apart = np.abs(texture[covered].astype(float) - true[covered]).mean()
                    add("texture error", name, row, float(apart))
                    add("texture ssim", name, row, score("ssim@strict", texture, true, covered))
        return values


def require_stranger(judge: dict[str, object], supervisors: Sequence[str], path: object) -> None:
    """Refuse a judge that supervised one of the generators.

    Args:
        judge: its card.
        supervisors: sha256 of the networks that supervised the generators.
        path: of the judge, for the message.

    Raises:
        BadInput: where it is one of them.
    """
    if judge.get("weights_sha256") in supervisors:
        raise BadInput(
            f"{path}: supervised one of the generators, and would judge its own pupil; train another "
            "with `synth train reid --recipe judge`"
        )


def _bytes(images: torch.Tensor) -> np.ndarray:
    """(N,3,H,W) in [-1,1] as (N,H,W,3) uint8."""
    scaled = ((images + 1) * 127.5).round().clamp(0, 255).byte()
    return scaled.permute(0, 2, 3, 1).numpy()


def _at_size(textures: np.ndarray, size: int) -> np.ndarray:
    return np.stack([cv2.resize(t, (size, size), interpolation=cv2.INTER_AREA) for t in textures])


def _shown(image: np.ndarray) -> np.ndarray:
    inner = cv2.resize(image, (_SHOWN, _SHOWN), interpolation=cv2.INTER_CUBIC)
    return np.pad(inner, ((0, _MARGIN), (0, _MARGIN), (0, 0)), constant_values=255)


def _title(text: str, width: int) -> np.ndarray:
    strip = np.full((_TITLE_HEIGHT, width, 3), 255, np.uint8)
    cv2.putText(strip, text, (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
