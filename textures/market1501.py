"""Market-1501: its folders, its file names, and the reading of images.

A name such as `0002_c1s1_000451_03.jpg` holds identity 2, camera 1, sequence 1, frame 451, box
3. Identity -1 is junk (neither right nor wrong, dropped everywhere) and 0 is a distractor (a wrong
answer, kept in the gallery only, never trained on).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from mocap.errors import BadInput

SPLIT_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"})
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")  # by content, for Pillow
MOST_PIXELS = 50_000_000  # of an image: decoding takes up to 8 bytes a pixel, 400 MB
MOST_BYTES = 256 * 2**20  # of an image's file
JUNK = -1
DISTRACTOR = 0

_NAME = re.compile(r"^(-1|\d{1,6})_c(\d+)s(\d+)_(\d+)_(\d+)")


@dataclass(frozen=True)
class MarketName:
    """What a Market-1501 file name says."""

    identity: int
    camera: int
    sequence: int
    frame: int
    box: int


@dataclass(frozen=True)
class Crop:
    """One pedestrian image of Market-1501, what its name says, and its split.

    `folder_split` is "train", "query" or "gallery".
    """

    path: Path
    name: MarketName | None = None
    folder_split: str | None = None


def market_name(crop: Crop) -> MarketName:
    """What a crop's Market-1501 name says. Raises BadInput for a crop without one."""
    return crop.name or parse_name(crop.path.name)


def parse_name(file_name: str) -> MarketName:
    """Read a Market-1501 file name. Raises BadInput when it is not one."""
    match = _NAME.match(file_name)
    if not match:
        raise BadInput(
            f"{file_name}: not a Market-1501 name; expected something like 0002_c1s1_000451_03.jpg"
        )
    return MarketName(*(int(group) for group in match.groups()))


def is_market1501(folder: Path) -> bool:
    """Whether the folder has Market-1501's layout (its training or its query folder)."""
    folder = Path(folder)
    return any((folder / name).is_dir() for name in SPLIT_FOLDERS.values())


def read_split(folder: Path, split: str) -> list[Crop]:
    """The crops of one split in name order, without junk and stray distractors.

    Args:
        folder: Market-1501's.
        split: "train", "query" or "gallery"; only the gallery keeps distractors.

    Raises:
        BadInput: when the folder is missing, holds no image, or an image without a Market-1501 name.
    """
    if split not in SPLIT_FOLDERS:
        raise BadInput(f"{split}: unknown split; expected one of {', '.join(SPLIT_FOLDERS)}")
    split_folder = Path(folder) / SPLIT_FOLDERS[split]
    if not split_folder.is_dir():
        raise BadInput(
            f"{split_folder}: no such folder; Market-1501 has {', '.join(SPLIT_FOLDERS.values())} in one "
            "folder"
        )
    return named_crops(split_folder, split)


def named_crops(folder: Path, split: str) -> list[Crop]:
    """The crops of any one folder in name order, as `read_split` gives those of a split's folder.

    Raises:
        BadInput: when it holds no image, or an image without a Market-1501 name.
    """
    crops = []
    for path in image_files(folder):
        try:
            name = parse_name(path.name)
        except BadInput as error:
            raise BadInput(f"{folder}: {error}") from None
        if name.identity == JUNK or (name.identity == DISTRACTOR and split != "gallery"):
            continue
        crops.append(Crop(path, name, split))
    if not crops:
        raise BadInput(
            f"{folder}: no usable image found; expected files such as 0002_c1s1_000451_03.jpg"
        )
    return crops


def read_people(path: Path) -> set[str]:
    """Identities of a list, as file names begin with them ("0002"), one or more a line.

    Raises:
        BadInput: for a file that cannot be read, or with something else in it.
    """
    try:
        names = Path(path).read_text(encoding="utf-8-sig").split()
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not text in UTF-8; expected identities such as 0002") from None
    strange = [name for name in names if not re.fullmatch(r"-?\d{1,6}", name)]
    if strange or not names:
        content = repr(strange[0][:40]) if strange else "nothing"
        raise BadInput(f"{path}: found {content}, expected identities such as 0002, one a line")
    return set(names)


def held_out_crops(crops: Sequence[Crop], path: Path) -> np.ndarray:
    """Which crops (N,) show people of a list, who are measured on and not learnt from.

    Raises:
        BadInput: for a list that cannot be read, names strangers, or holds out everybody.
    """
    listed = read_people(path)
    people = [crop.path.name.split("_")[0] for crop in crops]
    if strangers := listed - set(people):
        raise BadInput(
            f"{path}: {', '.join(sorted(strangers)[:5])}: no labelled crop of these people"
        )
    held = np.isin(people, sorted(listed))
    if held.all():
        raise BadInput(f"{path}: holds out everybody; nobody is left to learn from")
    return held


def training_crops(folder: Path) -> list[Crop]:
    """The crops that people are learnt from: Market-1501's training folder, or all of a flat folder.

    Junk and distractors are nobody, and left out.

    Raises:
        BadInput: when the folder is missing, holds no image, or an image without a Market-1501 name.
    """
    folder = Path(folder)
    if is_market1501(folder) or not folder.is_dir():
        return read_split(folder, "train")
    return named_crops(folder, "train")


def image_files(folder: Path) -> list[Path]:
    """Every image file below a folder, by suffix, sorted; hidden files are left out."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
    )


def open_image(path: Path) -> Image.Image:
    """An image of which only the header was read, so that its size costs no memory.

    Raises:
        BadInput: for a file that cannot be opened, is no image of a known format, is an animation, or is
            larger than MOST_PIXELS or MOST_BYTES.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=IMAGE_FORMATS)
    except Image.DecompressionBombError as error:
        pixels = int("".join(re.findall(r"\((\d+) pixels\)", str(error))) or 0)
        raise _too_large(path, f"{pixels:,} pixels") from None
    except (OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None)
        if reason:
            raise BadInput(f"{path}: cannot be opened ({reason}); check the path") from None
        raise _unreadable(path, size) from None
    width, height = picture.size
    if width * height > MOST_PIXELS or size > MOST_BYTES:
        picture.close()
        raise _too_large(path, f"{width} x {height} = {width * height:,} pixels, {size:,} bytes")
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        picture.close()
        raise BadInput(f"{path}: an animation, expected one picture; save one of its frames")
    return picture


def read_image(path: Path) -> np.ndarray:
    """An image as (H,W,3) uint8 RGB; transparency is ignored.

    Raises BadInput, with the file, when it cannot be read or is too large, before memory is taken.
    """
    path = Path(path)
    with open_image(path) as picture:
        if picture.format == "GIF":
            return decoded(path, picture, "RGB")
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise _unreadable(path, data.size)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decoded(path: Path, picture: Image.Image, mode: str) -> np.ndarray:
    """An opened image in a mode ("RGB", "RGBA"), turned as its EXIF says. Raises BadInput."""
    try:
        return np.array(ImageOps.exif_transpose(picture).convert(mode))
    except (OSError, ValueError, SyntaxError):
        raise _unreadable(path, path.stat().st_size) from None


def _unreadable(path: Path, size: int) -> BadInput:
    return BadInput(
        f"{path}: not a readable image ({size} bytes); remove it or save it again as JPEG or PNG"
    )


def _too_large(path: Path, size: str) -> BadInput:
    return BadInput(
        f"{path}: {size}; at most {MOST_PIXELS:,} pixels and {MOST_BYTES:,} bytes are read; make it "
        "smaller"
    )
