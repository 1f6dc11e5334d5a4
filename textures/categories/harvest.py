"""Photographs of a category become a library of textures, one for each photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mocap.errors import BadInput
from mocap.files import is_stand_in
from textures.categories.generator import CategoryGenerator
from textures.categories.object_bank import placed_objects
from textures.harvest.crop_folder import LeftOut, left_out_lines, texture_name, write_left_out
from textures.harvest.licence import licence_tag
from textures.library import (
    MANIFEST,
    TextureEntry,
    read_manifest,
    sha256_of,
    write_manifest,
    write_texture,
)

BATCH = 16


@dataclass(frozen=True)
class CategoryHarvest:
    """What a harvest came to: its entries, how many of them are new, and the photographs without one."""

    entries: list[TextureEntry]
    new: int
    left_out: list[LeftOut]


def harvest_category(
    images: Path,
    out: Path,
    generator: CategoryGenerator,
    *,
    licence: str = "",
    report: Callable[[str], None],
) -> CategoryHarvest:
    """A texture for each photograph of a data set that its keypoints place.

    Textures that are there already, of the same photographs and weights, are kept. Training photographs
    have the split "train", the others "test".

    Args:
        images: the data set's folder.
        out: the library.
        generator: makes the textures.
        licence: tag of the photographs, for every line.
        report: is told what was left out.

    Raises:
        BadInput: for a folder that is not the data set's, photographs of which nothing says whose they
            are, and a library of other textures.
    """
    category = generator.category
    read = category.read(images)
    stand_in = is_stand_in(images)
    tag = licence_tag(images, licence, stand_in=stand_in, report=report)
    out.mkdir(parents=True, exist_ok=True)
    present = _present(out, generator)
    placed = placed_objects(category, read.photographs)
    for line in placed.lines()[:1]:
        report(line)
    entries, new = [], 0
    for start in range(0, len(placed.objects), BATCH):
        chunk = placed.objects[start : start + BATCH]
        requests = []
        for item in chunk:
            digest = sha256_of(item.photograph.path)
            entry = present.get(item.photograph.name)
            unchanged = entry is not None and entry.source_sha256 == digest
            requests.append((item, digest, entry if unchanged else None))
        missing = [item for item, _, entry in requests if entry is None]
        textures = iter(generator.textures(missing) if missing else torch.zeros(0))
        for item, digest, entry in requests:
            if entry is None:
                photograph = item.photograph
                entry = TextureEntry(
                    file=texture_name(photograph.name),
                    uv_layout=generator.model.mesh.uv_layout,
                    size=generator.geometry.size,
                    source=photograph.name,
                    source_sha256=digest,
                    identity=photograph.identity_name,
                    camera=None,
                    split="train" if photograph.training else "test",
                    scores={"keypoint residual": round(item.fit.residual, 4)},
                    licence=tag,
                    generator=generator.tag,
                    stand_in=stand_in,
                )
                scaled = (next(textures).permute(1, 2, 0).numpy() + 1) * 127.5
                write_texture(out / entry.file, np.clip(scaled.round(), 0, 255).astype(np.uint8))
                new += 1
            entries.append(entry)
    left_out = [
        LeftOut(
            source=name,
            reason="too few visible keypoints",
            detail=f"{name}: {cause}",
            foreseen=True,
        )
        for name, cause in read.left_out.items()
    ]
    left_out += [
        LeftOut(source=name, reason="cannot be placed or read", detail=f"{name}: {cause}")
        for name, cause in placed.left_out.items()
    ]
    write_manifest(out, entries)
    write_left_out(out, left_out)
    for line in left_out_lines(left_out):
        report(line)
    return CategoryHarvest(entries, new, left_out)


def _present(out: Path, generator: CategoryGenerator) -> dict[str, TextureEntry]:
    """The entries of a library that is there already and whose textures these weights made, by source."""
    if not (out / MANIFEST).is_file():
        return {}
    entries = list(read_manifest(out).values())
    layout = generator.model.mesh.uv_layout
    if odd := [entry.file for entry in entries if entry.uv_layout != layout]:
        raise BadInput(
            f"{out}: has textures of another UV layout than {layout} ({odd[0]}); give another --out"
        )
    return {
        entry.source: entry
        for entry in entries
        if entry.generator == generator.tag and (out / entry.file).is_file()
    }
