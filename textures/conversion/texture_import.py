"""A folder of textures that others made becomes a library; what `synth import-textures` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mocap.bodies.layout_mesh import LAYOUTS
from mocap.errors import BadInput
from textures.library import (
    MANIFEST,
    TextureEntry,
    assign_splits,
    read_manifest,
    read_texture,
    sha256_of,
    write_manifest,
    write_texture,
)
from textures.market1501 import image_files

_GENERATOR = "imported"
_SMALLEST = 16  # texels
_LONGEST_NAME = 200


@dataclass(frozen=True)
class ImportedTextures:
    """What was done: the library's entries, and why pictures were left out."""

    entries: list[TextureEntry]
    left_out: list[str]


def import_textures(
    folder: Path,
    out: Path,
    layout: str,
    licence: str,
    *,
    size: int | None = None,
    report: Callable[[str], None] = print,
) -> ImportedTextures:
    """Write a library of the square pictures below a folder, each somebody's texture.

    A picture's path without suffix is its person's name, and its digest is kept; splits depend on the
    names alone. The same input gives the same bytes.

    Args:
        folder: of PNG or JPEG textures, as SURREAL's, SMPLitex's or RSTG's.
        out: the library's folder.
        layout: their UV layout, one of `mocap.bodies.layout_mesh.LAYOUTS`.
        licence: on what terms they may be used; written to every line.
        size: texels along a side, to which pictures are scaled; None for each one's size.
        report: is told what is left out.

    Raises:
        BadInput: no usable picture, no licence, an unknown layout, or `out` holds another library.
    """
    folder, out = Path(folder), Path(out)
    if layout not in LAYOUTS:
        raise BadInput(f"--uv-layout {layout}: expected one of {', '.join(LAYOUTS)}")
    if not licence.strip():
        raise BadInput(
            "--licence: nothing says on what terms these textures may be used; give a tag, such as "
            "CC-BY-4.0 or SURREAL-research-only"
        )
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected one of square pictures")
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise BadInput(
            f"--out {out}: lies in {folder}, whose pictures are read; give another folder"
        )
    earlier = _earlier_import(out)
    paths = image_files(folder)
    pictures: dict[str, tuple[Path, int]] = {}
    left_out: list[str] = []
    for path in tqdm(paths, desc="textures", unit="texture"):
        try:
            name, texture = _named_texture(folder, path, pictures)
        except BadInput as error:
            left_out.append(str(error))
            report(f"left out: {error}")
            continue
        if size is not None and size != len(texture):
            method = cv2.INTER_AREA if size < len(texture) else cv2.INTER_CUBIC
            texture = cv2.resize(texture, (size, size), interpolation=method)
        write_texture(out / f"{name}.png", texture)
        pictures[name] = (path, len(texture))
    if not pictures:
        raise BadInput(
            f"{folder}: none of its {len(paths)} pictures is a texture; expected square PNG or JPEG "
            f"files of at least {_SMALLEST} texels"
        )
    splits = assign_splits(pictures)
    entries = [
        TextureEntry(
            file=f"{name}.png",
            uv_layout=layout,
            size=length,
            source=path.relative_to(folder).as_posix(),
            source_sha256=sha256_of(path),
            identity=name,
            camera=None,
            split=splits[name],
            licence=licence.strip(),
            generator=_GENERATOR,
        )
        for name, (path, length) in sorted(pictures.items())
    ]
    write_manifest(out, entries)
    for file in set(earlier) - {entry.file for entry in entries}:
        (out / file).unlink(missing_ok=True)
    return ImportedTextures(entries, left_out)


def _named_texture(
    folder: Path, path: Path, pictures: dict[str, tuple[Path, int]]
) -> tuple[str, np.ndarray]:
    """The name and the texture of a picture. Raises BadInput where it is none."""
    name = "_".join(path.relative_to(folder).with_suffix("").parts)
    if name in pictures:
        raise BadInput(f"{path}: has the name {name} of {pictures[name][0]}, too; rename one")
    if len(name) > _LONGEST_NAME:
        raise BadInput(f"{path}: a name of {len(name)} letters, expected {_LONGEST_NAME} at most")
    texture = read_texture(path)
    if len(texture) < _SMALLEST:
        raise BadInput(f"{path}: {len(texture)} texels a side, expected at least {_SMALLEST}")
    return name, texture


def _earlier_import(out: Path) -> list[str]:
    """Files of an earlier run. Raises BadInput where `out` holds anything but such a run's."""
    if out.is_file():
        raise BadInput(f"--out {out}: is a file, expected a folder")
    if not (out / MANIFEST).is_file():
        return []
    entries = list(read_manifest(out).values())
    other = next((entry.file for entry in entries if entry.generator != _GENERATOR), None)
    if other is not None:
        raise BadInput(
            f"--out {out}: holds a library that was not imported ({other}); give another folder"
        )
    return [entry.file for entry in entries]
