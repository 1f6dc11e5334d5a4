"""Sets of textures that are measured: libraries, a folder of PNGs named by crop, or a reference.

Which cameras a texture has seen decides which photographs are another camera's. A library's line says it
in `camera`, `c1`, or `c1+c3` where several photographs went into one texture; a PNG's name says it as its
crop's does.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from textures.harvest.crop_folder import LeftOut, SourceCrop, left_out_lines
from textures.harvest.identities import is_market_name, person_of_name, unusable_name
from textures.library import CAMERA_SEPARATOR, MANIFEST, read_library
from textures.market1501 import decoded, image_files, open_image

GREY = 128


@dataclass(frozen=True, kw_only=True)
class EvaluatedTexture:
    """One texture: whom it is of, the cameras that it has seen, and the photograph it was made of.

    cameras is empty where nothing says which; source is None where the photograph is not among those
    that are measured on. stand_in: whether its photograph was generated.
    """

    path: Path
    identity: str
    cameras: frozenset[str]
    source: str | None = None
    stand_in: bool = False


@dataclass(frozen=True)
class Painting:
    """A texture (S,S,3) uint8 RGB, and which of its texels are painted (S,S) bool."""

    colours: np.ndarray
    painted: np.ndarray


@dataclass(frozen=True, kw_only=True)
class TextureSet:
    """Textures under one name, how each is read, and files that could not be used."""

    name: str
    textures: tuple[EvaluatedTexture, ...]
    read: Callable[[EvaluatedTexture], Painting]
    left_out: tuple[LeftOut, ...] = ()


def read_painting(path: Path) -> Painting:
    """A texture file; texels that are transparent or wholly black are not painted.

    Raises BadInput when it is no square image.
    """
    with open_image(path) as picture:
        pixels = decoded(path, picture, "RGBA")
    if pixels.shape[0] != pixels.shape[1]:
        raise BadInput(f"{path}: texture of {pixels.shape[1]}x{pixels.shape[0]}; expected a square")
    colours = np.ascontiguousarray(pixels[..., :3])
    return Painting(colours, (pixels[..., 3] > 0) & (colours > 0).any(-1))


def read_texture_set(
    folder: Path, body: Body, crops: Sequence[SourceCrop], *, name: str | None = None
) -> TextureSet:
    """The textures of a folder: a library's, those of the libraries in it, or PNGs named by crop.

    Args:
        folder: with textures.jsonl; with folders that have one, as those of crops that were split by
            camera; or without, whose PNGs are taken.
        body: whose UV layout they must have; PNGs without a line are taken to have it.
        crops: photographs that are measured on.
        name: of the set; the folder's name when None.

    Returns:
        The set; files that are no usable texture are left out. Textures of people in none of the
        photographs are not opened.

    Raises:
        BadInput: for a folder without a usable texture, a damaged manifest, or another UV layout.
    """
    folder = Path(folder)
    sources = {crop.source for crop in crops}
    left_out: list[LeftOut] = []
    textures: list[EvaluatedTexture] = []
    libraries = _libraries(folder)
    if libraries:
        for library in libraries:
            for entry in read_library(library, body):
                cameras = frozenset((entry.camera or "").split(CAMERA_SEPARATOR)) - {""}
                textures.append(
                    EvaluatedTexture(
                        path=library / entry.file,
                        identity=entry.identity,
                        cameras=cameras,
                        source=entry.source if entry.source in sources else None,
                        stand_in=entry.stand_in,
                    )
                )
    elif folder.is_dir():
        by_name = _crops_by_texture(crops)
        for path in image_files(folder):
            texture = _named_texture(path, by_name)
            if texture is None:
                left_out.append(LeftOut(source=path.name, reason="not named by a crop"))
            else:
                textures.append(texture)
    people = {crop.person.identity for crop in crops}
    usable = []
    for texture in textures:
        reason = unreadable(texture.path) if texture.identity in people else None
        if reason is None:
            usable.append(texture)
        else:
            name_below = texture.path.relative_to(folder).as_posix()
            left_out.append(LeftOut(source=name_below, reason="cannot be used", detail=reason))
    if not usable:
        raise BadInput(
            f"{folder}: no texture found; expected {MANIFEST}, or PNGs named by their crops such as "
            "0002_c1s1_000451_03.png" + "".join(f"; {line}" for line in left_out_lines(left_out))
        )
    return TextureSet(
        name=name or folder.name,
        textures=tuple(usable),
        read=functools.lru_cache(maxsize=64)(lambda texture: read_painting(texture.path)),
        left_out=tuple(left_out),
    )


def _libraries(folder: Path) -> list[Path]:
    """The folder itself where it is a library, else the libraries in it, by name."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if path.is_file())


def unreadable(path: Path) -> str | None:
    """Why a texture's file cannot be used; None where it can."""
    try:
        read_painting(path)
    except BadInput as error:
        return str(error)
    return None


def _crops_by_texture(crops: Sequence[SourceCrop]) -> dict[str, SourceCrop]:
    """Crops by what a texture of them may be called, without the suffix."""
    names: dict[str, SourceCrop] = {}
    for crop in crops:
        names[Path(crop.source).stem] = crop
        names[crop.texture.removesuffix(".png")] = crop
    return names


def _named_texture(path: Path, crops: Mapping[str, SourceCrop]) -> EvaluatedTexture | None:
    crop = crops.get(path.stem) or crops.get(Path(path.stem).stem)
    if crop is not None:
        person, source = crop.person, crop.source
    elif is_market_name(path.name) and unusable_name(path.name) is None:
        person, source = person_of_name(path.name), None
    else:
        return None
    cameras = frozenset({person.camera} if person.camera else ())
    return EvaluatedTexture(path=path, identity=person.identity, cameras=cameras, source=source)


def named_apart(sets: Sequence[TextureSet], folders: Sequence[Path]) -> list[TextureSet]:
    """The sets under names that differ: their folders' whole paths where names are alike."""
    names = [texture_set.name for texture_set in sets]
    if len({str(folder) for folder in folders}) < len(folders):
        raise BadInput(f"{', '.join(map(str, folders))}: one folder is given twice; give it once")
    return [
        dataclasses.replace(item, name=str(folder)) if names.count(item.name) > 1 else item
        for item, folder in zip(sets, folders)
    ]


def reference_sets(texture_set: TextureSet, people: Collection[str]) -> list[TextureSet]:
    """What any measure must tell from a set's textures: their mean, grey, and another person's.

    Each reference stands for the same people, photographs and cameras as the set.

    Args:
        texture_set: the references are made of its textures.
        people: that are measured on; textures of others are not used.

    Raises:
        BadInput: when it has textures of fewer than two of the people, or of several sizes.
    """
    textures = tuple(t for t in texture_set.textures if t.identity in people)
    pictured = sorted({texture.identity for texture in textures})
    if len(pictured) < 2:
        raise BadInput(
            f"{texture_set.name}: textures of {len(pictured)} of the people in the photographs; "
            "references need two"
        )
    mean = functools.lru_cache(maxsize=1)(lambda: _mean_painting(texture_set, textures))
    size = len(texture_set.read(textures[0]).colours)
    grey = Painting(np.full((size, size, 3), GREY, np.uint8), np.ones((size, size), bool))
    following = dict(zip(pictured, pictured[1:] + pictured[:1]))
    first = {texture.identity: texture for texture in reversed(textures)}

    def swapped(texture: EvaluatedTexture) -> Painting:
        return texture_set.read(first[following[texture.identity]])

    readers = {
        "mean texture": lambda texture: mean(),
        "grey texture": lambda texture: grey,
        "another person's": swapped,
    }
    return [
        TextureSet(name=f"{name} of {texture_set.name}", textures=textures, read=read)
        for name, read in readers.items()
    ]


def _mean_painting(texture_set: TextureSet, textures: Sequence[EvaluatedTexture]) -> Painting:
    first = texture_set.read(textures[0])
    total = np.zeros(first.colours.shape, np.float64)
    weight = np.zeros(first.painted.shape, np.float64)
    for texture in textures:
        painting = texture_set.read(texture)
        if painting.colours.shape != first.colours.shape:
            raise BadInput(
                f"{texture.path}: {len(painting.colours)} texels, but others of {texture_set.name} have "
                f"{len(first.colours)}; a mean needs one size"
            )
        total += painting.colours * painting.painted[..., None]
        weight += painting.painted
    colours = np.round(total / np.maximum(weight, 1)[..., None]).astype(np.uint8)
    return Painting(colours, weight > 0)
