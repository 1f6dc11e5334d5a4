"""A texture library: a folder of PNG textures and textures.jsonl, one JSON object a line.

Each line says where the texture comes from: the crop's name and hash, identity, camera, split,
scores, licence, and which generator made it, and for which UV layout. Where several crops of a person
went into one texture, it names all of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from msgspec import Meta

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import (
    Label,
    RelativePath,
    choice,
    decode_json,
    path_inside,
    read_json_lines,
)
from textures.market1501 import read_image
from textures.visibility.uv_layout import check_layout

MANIFEST = "textures.jsonl"
Pixel = Annotated[int, Meta(ge=0, le=2**31)]
Box = tuple[Pixel, Pixel, Pixel, Pixel]
SPLITS = ("train", "val", "test")
SCORES = {
    "quality": "how well the crops show their person, 0 to 1: sharp, large, whole, well fitted",
    "fit_agreement": "how well the fitted bodies meet the landmarks, 0 to 1",
    "presence": "how sure the fit's network is that one person is there, 0 to 1",
    "silhouette_iou": "overlap of the fitted bodies' outlines with the people's, 0 to 1",
    "surface_seen": "share of the body's surface that the crops show",
    "reid_cosine": "likeness of the rendered body to the crops by our own re-ID network, -1 to 1; it "
    "supervised the generator, too, so it is no judge",
}
"""What a harvest scores of a texture, the score to sort by first."""
CAMERA_SEPARATOR = "+"  # between the cameras of one texture


@dataclass(frozen=True)
class TextureEntry:
    """One line of textures.jsonl.

    `file` is relative to the folder; `identity` and `camera` are text. `generator` and `scorer` name the
    weights that made the texture and the scores; `scorer` is empty in lines that do not say so.

    A texture of a person is made of several crops: `sources` are all that were looked at, `crops` how
    many went into it, `refused` which did not and why; `source` is the best of them, `source_sha256` a
    digest of all, and `camera` names theirs, as `c1+c3`. A texture of one crop has no `sources`.
    `anonymous_face`: whether its face is nobody's. `boxes`: left, top, right, bottom, pixels, to which
    those of its photographs were cut that were no tight crops.
    """

    file: RelativePath
    uv_layout: Label
    size: Annotated[int, Meta(ge=1, le=65536)]
    source: Label
    source_sha256: Annotated[str, Meta(max_length=64)]
    identity: Label
    camera: Label | None
    split: Annotated[str, choice(SPLITS)]
    scores: Mapping[str, float] = field(default_factory=dict)
    licence: Label = ""
    generator: Label = ""
    scorer: Label = ""
    stand_in: bool = False
    sources: tuple[Label, ...] = ()
    crops: Annotated[int, Meta(ge=1)] = 1
    refused: Mapping[Label, Label] = field(default_factory=dict)
    anonymous_face: bool = False
    boxes: Mapping[Label, Box] = field(default_factory=dict)


def read_library(
    folder: Path, body: Body | None = None, *, skip_missing: bool = False
) -> list[TextureEntry]:
    """The textures of a folder, in the manifest's order.

    Args:
        folder: the library.
        body: textures of another UV layout than its own are refused.
        skip_missing: leave out lines whose PNG is gone.

    Raises:
        BadInput: with file and line, for a missing or damaged manifest, a missing field, a missing PNG,
            an unknown split or a wrong layout.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    entries = []
    for label, entry in read_manifest(folder).items():
        path = folder / entry.file
        if not path.is_file():
            if skip_missing:
                continue
            raise BadInput(f"{label}: {path} is missing; harvest again or remove the line")
        if body is not None:
            check_layout(entry.uv_layout, body.mesh, str(path))
        entries.append(entry)
    if not entries and not skip_missing:
        raise BadInput(f"{manifest}: lists no texture; harvest some with `synth harvest-textures`")
    return entries


def read_manifest(folder: Path) -> dict[str, TextureEntry]:
    """The entries of a folder's manifest, whether or not their PNGs are there.

    Each has a label, "PATH, line N". Raises BadInput, with file and line, for a missing or damaged
    manifest.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise BadInput(
            f"{manifest}: no such file; a texture folder has PNG textures and {MANIFEST} "
            "(`synth harvest-textures` writes one)"
        )
    lines = read_json_lines(manifest, advice="harvest again")
    return {label: _parse(line, folder, label) for label, line in lines}


def listed_texture(path: Path) -> TextureEntry | None:
    """The line of a texture's file in the library around it; None where no library lists it.

    Raises:
        BadInput: the library's manifest is damaged.
    """
    path = Path(path)
    if not (path.parent / MANIFEST).is_file():
        return None
    entries = read_library(path.parent, skip_missing=True)
    return next((entry for entry in entries if entry.file == path.name), None)


def write_manifest(folder: Path, entries: Iterable[TextureEntry]) -> Path:
    """Write the folder's manifest whole, in the order given."""
    path = Path(folder) / MANIFEST
    with atomic_write(path) as temporary:
        temporary.write_text(
            "".join(json.dumps(dataclasses.asdict(entry)) + "\n" for entry in entries),
            encoding="utf-8",
        )
    return path


def read_texture(path: Path) -> np.ndarray:
    """A texture as (S,S,3) uint8 RGB, sRGB-encoded. Raises BadInput when it is not a square image."""
    image = read_image(path)
    if image.shape[0] != image.shape[1]:
        raise BadInput(
            f"{path}: texture of {image.shape[1]}x{image.shape[0]} pixels; expected a square"
        )
    return image


def write_texture(path: Path, texture: np.ndarray) -> None:
    """Write (S,S,3) uint8 RGB as PNG, whole."""
    with atomic_write(path) as temporary:
        write_image(temporary, texture)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write (H,W,3) uint8 RGB in the format of the path's suffix.

    Raises:
        OSError: where the disk takes no more. `cv2.imwrite` would leave a torn file, and say nothing.
    """
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def assign_splits(
    identities: Iterable[str], assigned: Mapping[str, str] | None = None, *, held_out: float = 0.1
) -> dict[str, str]:
    """A split for each identity, so that no person is in two.

    About `held_out` of them are in val and as many in test. The order is that of a hash of the name,
    so it depends neither on file order nor on a seed. From three identities on, every split has one.
    Identities in `assigned` keep theirs.
    """
    splits = dict(assigned or {})
    new = sorted(
        set(identities) - set(splits), key=lambda name: hashlib.sha256(name.encode()).hexdigest()
    )
    total = len(new) + len(splits)
    share = max(1, round(held_out * total)) if total >= 3 else 0
    for name in new:
        counts = {split: sum(1 for s in splits.values() if s == split) for split in SPLITS}
        splits[name] = next((s for s in ("test", "val") if counts[s] < share), "train")
    return splits


def _parse(line: bytes, folder: Path, label: str) -> TextureEntry:
    try:
        entry = decode_json(line, TextureEntry, extra_fields=True)
        path_inside(folder, entry.file)
    except BadInput as error:
        raise BadInput(f"{label}: not a texture's line: {error}; harvest again") from None
    return entry
