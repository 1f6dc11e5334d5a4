"""Textures that a method's weights make of the very photographs, and the very fits, that measure them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from mocap.errors import BadInput
from textures.evaluation.crop_fits import CropFits
from textures.evaluation.describers import training_in_words
from textures.evaluation.markdown_table import TableRow
from textures.evaluation.texture_sets import EvaluatedTexture, Painting, TextureSet
from textures.harvest.crop_folder import LeftOut, SourceCrop
from textures.harvest.crop_image import read_crop
from textures.methods import published_figures
from textures.texture_method import TextureMethod

BATCH = 32


def made_texture_set(
    method: TextureMethod,
    name: str,
    crops: Sequence[SourceCrop],
    fits: CropFits,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> TextureSet:
    """One texture of each photograph, by a method as it was trained.

    Args:
        method: with its weights.
        name: of the set.
        crops: the photographs.
        fits: of their bodies.
        report: is told what is left out.

    Raises:
        BadInput: where no photograph can be read.
    """
    paintings: dict[str, Painting] = {}
    textures: list[EvaluatedTexture] = []
    left_out: list[LeftOut] = []
    for start in range(0, len(crops), BATCH):
        usable, images = [], []
        for crop in crops[start : start + BATCH]:
            try:
                images.append(read_crop(crop.path))
                usable.append(crop)
            except BadInput as error:
                left_out.append(
                    LeftOut(source=crop.source, reason="cannot be used", detail=str(error))
                )
                report(f"left out: {error}")
        if not usable:
            continue
        textures_of_batch = method.textures([image.pixels for image in images], fits.posed(images))
        for crop, texture in zip(usable, _bytes(textures_of_batch), strict=True):
            cameras = frozenset({crop.person.camera} if crop.person.camera else ())
            textures.append(
                EvaluatedTexture(
                    path=crop.path,
                    identity=crop.person.identity,
                    cameras=cameras,
                    source=crop.source,
                )
            )
            paintings[crop.source] = Painting(texture, np.ones(texture.shape[:2], bool))
    if not textures:
        raise BadInput(
            f"{name}: none of {len(crops)} photographs can be read, expected one or more"
        )
    return TextureSet(
        name=name,
        textures=tuple(textures),
        read=lambda texture: paintings[texture.source or ""],
        left_out=tuple(left_out),
    )


def set_name(method: TextureMethod, weights: Path) -> str:
    """What the textures of weights are called: their recipe's variant, else their folder."""
    variant = (method.card.get("recipe") or {}).get("variant")
    return str(variant) if variant else weights.parent.name


def table_row(name: str, method: TextureMethod | None) -> TableRow:
    """The row of a set of textures, with what its method's card says where there is one."""
    if method is None:
        return TableRow(name=name)
    variant = method.variants.get((method.card.get("recipe") or {}).get("variant", ""))
    return TableRow(
        name=name,
        definition=variant.definition if variant else "",
        training=training_in_words(method.card),
        command=method.card.get("command", ""),
        published=published_figures(method),
    )


def _bytes(textures: torch.Tensor) -> np.ndarray:
    """Textures (N,3,S,S) in [-1,1] as (N,S,S,3) uint8."""
    scaled = ((textures.float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).numpy())
