"""CUB-200-2011 in its own layout.

`images.txt` lists images/, `image_class_labels.txt` and `classes.txt` say which species each shows,
`train_test_split.txt` the split, `bounding_boxes.txt` the box, `parts/parts.txt` and
`parts/part_locs.txt` the fifteen parts. `segmentations/`, an archive of its own, may be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.json_files import excerpt, path_inside, read_bounded_file
from textures.categories.birds.model import KEYPOINTS
from textures.categories.photographs import ObjectPhotograph, ObjectPhotographs

MOST_HIDDEN_KEYPOINTS = 6
"""CMR and RSTG (4.6) leave out photographs in which no more keypoints than that are visible."""

LIST_FILES = (
    "images.txt",
    "image_class_labels.txt",
    "classes.txt",
    "train_test_split.txt",
    "bounding_boxes.txt",
    "parts/parts.txt",
    "parts/part_locs.txt",
)
_ADVICE = "expected CUB-200-2011's folder, with " + ", ".join(LIST_FILES)
_LARGEST = 1e6  # of a coordinate, pixels
_NAME = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")

Value = TypeVar("Value")


def is_cub(folder: Path) -> bool:
    """Whether the folder has CUB-200-2011's layout."""
    return all((Path(folder) / name).is_file() for name in ("images.txt", "parts/part_locs.txt"))


def read_cub(folder: Path) -> ObjectPhotographs:
    """The photographs of CUB-200-2011 that show enough of their bird, by image number.

    Raises:
        BadInput: with file and line, for a list that is missing or damaged or disagrees with the others,
            and for an image whose path leads out of the folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; {_ADVICE}")
    names = _table(folder / "images.txt", "IMAGE NAME", _image_name)
    classes = _table(folder / "classes.txt", "CLASS NAME", _text)
    species = _table(folder / "image_class_labels.txt", "IMAGE CLASS", _whole_number)
    training = _table(folder / "train_test_split.txt", "IMAGE 0-or-1", _flag)
    boxes = _table(folder / "bounding_boxes.txt", "IMAGE X Y WIDTH HEIGHT", _box)
    for path, table in (
        ("image_class_labels.txt", species),
        ("train_test_split.txt", training),
        ("bounding_boxes.txt", boxes),
    ):
        _require_same_images(folder / path, names, table)
    keypoints, visible = _read_parts(folder, names)
    photographs, left_out = [], {}
    for row, (number, name) in enumerate(names.items()):
        if species[number] not in classes:
            raise BadInput(
                f"{folder / 'image_class_labels.txt'}: image {number} is of class {species[number]}, "
                "which classes.txt does not have; take both of one release"
            )
        count = int(visible[row].sum())
        if count <= MOST_HIDDEN_KEYPOINTS:
            left_out[name] = f"{count} visible keypoints, more than {MOST_HIDDEN_KEYPOINTS} needed"
            continue
        segmentation = folder / "segmentations" / Path(name).with_suffix(".png")
        photographs.append(
            ObjectPhotograph(
                path=path_inside(folder / "images", name),
                name=name,
                identity=species[number],
                identity_name=classes[species[number]],
                training=training[number],
                box=boxes[number],
                keypoints=keypoints[row],
                visible=visible[row],
                segmentation=path_inside(
                    folder / "segmentations", str(Path(name).with_suffix(".png"))
                )
                if segmentation.is_file()
                else None,
            )
        )
    return ObjectPhotographs(photographs, left_out)


def _read_parts(folder: Path, names: dict[int, str]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N,15,2) and visibility (N,15) in the order of `KEYPOINTS`."""
    path = folder / "parts" / "parts.txt"
    parts = _table(path, "PART NAME", _text)
    if sorted(parts.values()) != sorted(KEYPOINTS):
        odd = set(parts.values()) ^ set(KEYPOINTS)
        raise BadInput(
            f"{path}: other parts than CUB's fifteen ({', '.join(sorted(odd)[:4])}); expected "
            + ", ".join(KEYPOINTS)
        )
    column = {number: KEYPOINTS.index(name) for number, name in parts.items()}
    row = {number: index for index, number in enumerate(names)}
    keypoints = np.zeros((len(names), len(KEYPOINTS), 2))
    visible = np.zeros(keypoints.shape[:2], bool)
    listed = np.zeros(keypoints.shape[:2], bool)
    path = folder / "parts" / "part_locs.txt"
    for label, fields in _lines(path, "IMAGE PART X Y VISIBLE", 5, 5):
        image, part_number = (_whole_number([field], label) for field in fields[:2])
        if image not in row or part_number not in column:
            unknown = f"image {image}" if image not in row else f"part {part_number}"
            raise BadInput(f"{label}: {unknown}, which no other list has; take all of one release")
        cell = row[image], column[part_number]
        if listed[cell]:
            raise BadInput(f"{label}: part {part_number} of image {image} again; expected it once")
        listed[cell] = True
        keypoints[cell] = [_number(field, label) for field in fields[2:4]]
        visible[cell] = _flag(fields[4:], label)
    if not listed.all():
        image, part_number = np.argwhere(~listed)[0]
        raise BadInput(
            f"{path}: no line for {KEYPOINTS[part_number]!r} of image {list(names)[image]}; expected "
            f"{len(KEYPOINTS)} parts of each image"
        )
    return keypoints, visible


def _table(path: Path, columns: str, parse: Callable[[list[str], str], Value]) -> dict[int, Value]:
    """Values of a list by the number that its lines begin with."""
    limit = 10**6 if columns.endswith("NAME") else len(columns.split())
    table: dict[int, Value] = {}
    for label, fields in _lines(path, columns, len(columns.split()), limit):
        number = _whole_number(fields[:1], label)
        if number in table:
            raise BadInput(f"{label}: number {number} again; expected each once")
        table[number] = parse(fields[1:], label)
    if not table:
        raise BadInput(f"{path}: empty; expected lines of {columns}")
    return table


def _lines(path: Path, columns: str, fewest: int, limit: int) -> Iterator[tuple[str, list[str]]]:
    """The words of each line that is not blank, with "PATH, line N" for messages."""
    content = read_bounded_file(path, advice=_ADVICE)
    for number, line in enumerate(content.split(b"\n"), 1):
        label = f"{path}, line {number}"
        try:
            fields = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise BadInput(f"{label}: not text in UTF-8; expected {columns}") from None
        if fields and not fewest <= len(fields) <= limit:
            line_excerpt = excerpt(line.decode("utf-8").strip())
            raise BadInput(f"{label}: found {line_excerpt}, expected {columns}")
        if fields:
            yield label, fields


def _whole_number(fields: list[str], label: str) -> int:
    if len(fields) != 1 or not re.fullmatch(r"[0-9]{1,9}", fields[0]):
        raise BadInput(f"{label}: found {excerpt(' '.join(fields))}, expected a whole number")
    return int(fields[0])


def _number(field: str, label: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = np.nan
    if not abs(value) <= _LARGEST:  # also of nan
        raise BadInput(f"{label}: found {excerpt(field)}, expected pixels")
    return value


def _flag(fields: list[str], label: str) -> bool:
    if fields not in (["0"], ["1"]):
        raise BadInput(f"{label}: found {excerpt(' '.join(fields))}, expected 0 or 1")
    return fields == ["1"]


def _text(fields: list[str], label: str) -> str:
    return " ".join(fields)


def _image_name(fields: list[str], label: str) -> str:
    """A path below images/, without a way out of it."""
    name = " ".join(fields)
    steps = name.split("/")
    if not _NAME.fullmatch(name) or {"", ".", ".."} & set(steps):
        raise BadInput(
            f"{label}: found {excerpt(name)}, expected an image's path below images/, without '..'"
        )
    return name


def _box(fields: list[str], label: str) -> tuple[float, float, float, float]:
    x, y, width, height = (_number(field, label) for field in fields)
    if width < 1 or height < 1:
        raise BadInput(
            f"{label}: found a box of {width:g}x{height:g} pixels, expected 1 or more each"
        )
    return x, y, width, height


def _require_same_images(path: Path, names: dict[int, str], numbers: Iterable[int]) -> None:
    odd = names.keys() ^ set(numbers)
    if odd:
        number = min(odd)
        relation = "no line for" if number in names else "a line for the unlisted"
        raise BadInput(f"{path}: {relation} image {number}; expected one for each of images.txt")
