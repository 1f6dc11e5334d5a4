"""Clothing read back from colours on the body, against labels: sleeves, trousers, colours.

The same reading is done of a texture on the standing body, and of a photograph through its fitted body,
so that what a texture lost can be told from what cannot be read.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mocap.bodies.body import HAND_PARTS, HEAD_PART, PART_NAMES, Body
from mocap.errors import BadInput
from textures.evaluation.surface_scores import lab
from textures.evaluation.texture_sets import Painting
from textures.visibility.uv_layout import sample_texture

UPPER_COLOURS = ("black", "blue", "green", "gray", "purple", "red", "white", "yellow")
LOWER_COLOURS = ("black", "blue", "brown", "gray", "green", "pink", "purple", "white", "yellow")
YES = "2"  # of a colour's column; of `up` and `down`: short
LEAST_SAMPLES = 12  # of a region that is judged

_Parts = tuple[int, ...]


def _parts(*names: str) -> _Parts:
    return tuple(PART_NAMES.index(name) + 1 for name in names)


SHIRT: _Parts = _parts("spine", "spine1", "spine2", "leftShoulder", "rightShoulder")
FOREARMS: _Parts = _parts("leftForeArm", "rightForeArm")
TROUSERS: _Parts = _parts("hips", "leftUpLeg", "rightUpLeg")
SHINS: _Parts = _parts("leftLeg", "rightLeg")
SKIN: _Parts = (HEAD_PART, *HAND_PARTS, *_parts("neck"))

# L*, a*, b* that a colour's name stands for on people in daylight, who are darker than paint is.
COLOUR_NAMES: Mapping[str, tuple[tuple[float, float, float], ...]] = MappingProxyType(
    {
        "black": ((8, 0, 0), (20, 0, 0), (28, 2, -4)),
        "gray": ((42, 0, 0), (54, 0, 0), (48, 4, -4)),
        "white": ((67, 0, 0), (78, 0, -2), (92, 0, 0)),
        "red": ((28, 30, 10), (35, 35, 18), (45, 50, 25), (45, 17, 4), (58, 17, 2)),
        "pink": ((60, 25, 4), (65, 35, 0)),
        "purple": ((25, 18, -12), (35, 18, -16), (45, 25, -20)),
        "blue": ((28, 3, -16), (35, 3, -20), (45, 2, -28), (55, -4, -20), (42, 0, -11)),
        "green": ((28, -15, 6), (42, -14, 2), (40, -22, 12), (55, -28, 22)),
        "yellow": ((50, 4, 32), (65, 2, 35), (75, 0, 55), (60, 8, 25)),
        "brown": ((26, 8, 12), (34, 9, 12), (42, 8, 12), (50, 8, 12)),
    }
)


@dataclass(frozen=True, kw_only=True)
class ClothingLabels:
    """What is known of a person: None where it is not labelled, colours as sets of names."""

    short_sleeves: bool | None
    short_trousers: bool | None
    upper: frozenset[str]
    lower: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Clothing:
    """What was read: None where the body shows too little of it."""

    short_sleeves: bool | None
    short_trousers: bool | None
    upper: str | None
    lower: str | None


@dataclass(frozen=True)
class StandingBody:
    """Points all over a body: uv (N,2), and part_labels (N,), SURREAL's; even by area."""

    uv: np.ndarray
    part_labels: np.ndarray


def read_clothing_labels(path: Path) -> dict[str, ClothingLabels]:
    """Labels of people by identity, from Market-1501's attributes as CSV.

    Raises BadInput, with the line, for a table that is none.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); expected a CSV of attributes") from None
    reader = csv.DictReader(text.splitlines())
    columns = ["identity", "up", "down"]
    columns += [f"up{name}" for name in UPPER_COLOURS] + [f"down{name}" for name in LOWER_COLOURS]
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(f"{path}, line 1: no column {missing[0]}; expected {','.join(columns)}")
    labels: dict[str, ClothingLabels] = {}
    for row in reader:
        wrong = [name for name in columns[1:] if row[name] not in ("1", "2")]
        identity = (row["identity"] or "").strip()
        if wrong or not identity or identity in labels:
            reason = f"{wrong[0]} is {row[wrong[0]]!r}" if wrong else f"identity {identity!r}"
            raise BadInput(
                f"{path}, line {reader.line_num}: {reason}; expected 1 or 2 and each person once"
            )
        labels[identity] = ClothingLabels(
            short_sleeves=row["up"] == YES,
            short_trousers=row["down"] == YES,
            upper=frozenset(name for name in UPPER_COLOURS if row[f"up{name}"] == YES),
            lower=frozenset(name for name in LOWER_COLOURS if row[f"down{name}"] == YES),
        )
    if not labels:
        raise BadInput(f"{path}: lists nobody; expected a line per person")
    return labels


def standing_body(body: Body, count: int = 20_000) -> StandingBody:
    """Points spread evenly over a body's template."""
    mesh = body.mesh
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    # One point in each stratum of the running area, at the middle of its face: the same every time.
    running = np.cumsum(areas) / areas.sum()
    face = np.searchsorted(running, (np.arange(count) + 0.5) / count).clip(0, len(areas) - 1)
    return StandingBody(mesh.uv[mesh.uv_faces[face]].mean(1), mesh.face_parts[face])


def texture_clothing(painting: Painting, standing: StandingBody) -> Clothing:
    """The clothing of a texture, on the whole body."""
    colours = sample_texture(painting.colours, standing.uv)
    painted = sample_texture(painting.painted[..., None].astype(np.uint8), standing.uv)[:, 0] > 0.5
    return read_clothing(colours[painted], standing.part_labels[painted])


def read_clothing(colours: np.ndarray, part_labels: np.ndarray) -> Clothing:
    """The clothing that colours on the body show.

    A forearm or shin is bare where most of it is nearer to the skin of face, neck and hands than to the
    shirt's or the trousers' colour.

    Args:
        colours: (N,3) RGB, 0..255.
        part_labels: (N,) SURREAL's part of each.
    """
    values = lab(np.round(colours).clip(0, 255).astype(np.uint8)[None])[0]

    def region(numbers: _Parts) -> np.ndarray:
        return values[np.isin(part_labels, numbers)]

    return Clothing(
        short_sleeves=_bare(region(FOREARMS), region(SKIN), region(SHIRT)),
        short_trousers=_bare(region(SHINS), region(SKIN), region(TROUSERS)),
        upper=_colour_name(region(SHIRT), UPPER_COLOURS),
        lower=_colour_name(region(TROUSERS), LOWER_COLOURS),
    )


def _bare(limb: np.ndarray, skin: np.ndarray, cloth: np.ndarray) -> bool | None:
    if min(len(limb), len(skin), len(cloth)) < LEAST_SAMPLES:
        return None
    tone, fabric = _skin_tone(skin), np.median(cloth, axis=0)
    weight = np.array([0.5, 1.0, 1.0])
    to_skin = np.linalg.norm((limb - tone) * weight, axis=1)
    to_cloth = np.linalg.norm((limb - fabric) * weight, axis=1)
    return bool((to_skin < to_cloth).mean() > 0.5)


def _skin_tone(skin: np.ndarray) -> np.ndarray:
    """Median of the warmer half: hair and shadow are duller than skin."""
    warmth = skin[:, 1] + skin[:, 2]
    return np.median(skin[warmth >= np.median(warmth)], axis=0)


def _colour_name(values: np.ndarray, names: tuple[str, ...]) -> str | None:
    if len(values) < LEAST_SAMPLES:
        return None
    colour = np.median(values, axis=0)
    weight = np.array([0.6, 1.0, 1.0])
    distances = {
        name: min(np.linalg.norm((colour - point) * weight) for point in COLOUR_NAMES[name])
        for name in names
    }
    return min(distances, key=lambda name: distances[name])


def clothing_scores(clothing: Clothing, labels: ClothingLabels | None) -> dict[str, float]:
    """1 where a reading is right, 0 where it is wrong or missing, NaN where there is no label."""
    if labels is None:
        return dict.fromkeys(("sleeves", "trousers", "upper-colour", "lower-colour"), np.nan)

    def right(read: bool | None, label: bool | None) -> float:
        return np.nan if label is None else float(read == label)

    return {
        "sleeves": right(clothing.short_sleeves, labels.short_sleeves),
        "trousers": right(clothing.short_trousers, labels.short_trousers),
        "upper-colour": float(clothing.upper in labels.upper) if labels.upper else np.nan,
        "lower-colour": float(clothing.lower in labels.lower) if labels.lower else np.nan,
    }
