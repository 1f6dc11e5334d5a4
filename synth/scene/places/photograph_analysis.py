"""What a photograph tells of its camera and its floor, or whoever knows better says beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta
from PIL import ExifTags, Image

from mocap.parsing.json_files import read_json
from synth.scene.backgrounds import read_photograph
from synth.scene.places.floor_region import floor_polygon, standing_area
from synth.scene.places.horizon import estimate_camera, line_segments, uprights
from synth.scene.places.scene_place import CAMERA_HEIGHT, Height, PhotographCamera, PictureShare

WIDEST_SPREAD = math.radians(5.0)
"""Standard deviation of the pitch up to which a photograph's horizon counts as known."""

SMALLEST_FLOOR = 12.0
"""Square metres of floor, seen from 2.5 to 16 m away, from which people can stand in a photograph."""

_FULL_FRAME = (
    36.0  # millimetres: the longer side of the film that EXIF's focal lengths are given for
)
_ADVICE = "correct the file, or remove it and the photograph is analysed"


@dataclass(frozen=True, kw_only=True)
class PhotographNotes:
    """What NAME.json beside a photograph may say; what it leaves out is estimated.

    focal: by the longer side. horizon: where it crosses the left and the right rim, by the height from
    the top (below 0 and above 1: outside). camera_height: metres above the floor. floor: corners (x, y)
    of where people can stand, by width and height; empty: nowhere.
    """

    focal: Annotated[float, Meta(ge=0.1, le=100)] | None = None
    horizon: (
        tuple[Annotated[float, Meta(ge=-5, le=5)], Annotated[float, Meta(ge=-5, le=5)]] | None
    ) = None
    camera_height: Height | None = None
    floor: Annotated[tuple[tuple[PictureShare, PictureShare], ...], Meta(max_length=200)] | None = (
        None
    )


@dataclass(frozen=True, kw_only=True)
class PhotographAnalysis:
    """What is known of a photograph.

    width, height: pixels. focal, horizon, camera_height, floor: as in `PhotographNotes`. pitch_spread:
    standard deviation of the camera's pitch, degrees; 0 where the horizon was given. focal_source:
    "file", "exif", "lines" or "assumed". area: square metres of floor. unusable: why nobody can stand in
    it; "" where people can.
    """

    width: int
    height: int
    focal: float
    horizon: tuple[float, float]
    camera_height: float
    floor: tuple[tuple[float, float], ...]
    pitch_spread: float
    focal_source: str
    area: float
    unusable: str

    @property
    def camera(self) -> PhotographCamera:
        """The camera of a photograph that is of use as a place."""
        return camera_of(
            self.width, self.height, self.focal, self.horizon, self.camera_height, self.floor
        )


def notes_path(photograph: Path) -> Path:
    """Where notes on a photograph lie."""
    return Path(photograph).with_suffix(".json")


def analyse_photograph(path: Path, *, camera_height: float = CAMERA_HEIGHT) -> PhotographAnalysis:
    """The camera and the floor of a photograph, by its notes, its EXIF data, its lines and its colours.

    Args:
        path: of the photograph.
        camera_height: metres above the floor, where the notes do not say.

    Raises:
        BadInput: a photograph or notes that cannot be read.
    """
    image = read_photograph(path)
    notes = PhotographNotes()
    if notes_path(path).is_file():
        notes = read_json(notes_path(path), PhotographNotes, advice=_ADVICE)
    height, width = image.shape[:2]
    exif = exif_focal(path)
    told_focal = notes.focal if notes.focal is not None else exif
    source = "file" if notes.focal is not None else "exif"
    segments, standing = np.zeros((0, 4)), np.zeros(0, bool)
    if notes.horizon is None:
        segments = line_segments(image)
        estimate = estimate_camera(segments, focal=told_focal)
        standing = uprights(segments, estimate)
        segments = segments * max(width, height) / np.tile([width, height], 2) + 0.5
        focal, spread = estimate.focal, estimate.pitch_spread
        horizon = horizon_of(width, height, focal, estimate.pitch, estimate.roll)
        if told_focal is None:
            source = "lines" if spread < WIDEST_SPREAD else "assumed"
    else:
        horizon, spread = notes.horizon, 0.0
        focal = told_focal if told_focal is not None else estimate_camera(np.zeros((0, 4))).focal
        source = source if told_focal is not None else "assumed"
    floor = notes.floor
    if floor is None:
        floor = floor_polygon(image, horizon=horizon, segments=segments, standing=standing)
    eye_height = notes.camera_height if notes.camera_height is not None else camera_height
    area = 0.0
    if len(floor) >= 3:
        area = standing_area(camera_of(width, height, focal, horizon, eye_height, floor))
    unusable = ""
    if spread > WIDEST_SPREAD:
        unusable = f"its horizon is unknown by {math.degrees(spread):.0f} degrees"
    elif area < SMALLEST_FLOOR:
        unusable = f"{area:.0f} square metres of floor, expected {SMALLEST_FLOOR:.0f}"
    return PhotographAnalysis(
        width=width,
        height=height,
        focal=round(focal, 4),
        horizon=(round(horizon[0], 4), round(horizon[1], 4)),
        camera_height=eye_height,
        floor=floor,
        pitch_spread=round(math.degrees(spread), 2),
        focal_source=source,
        area=area,
        unusable=unusable,
    )


def exif_focal(path: Path) -> float | None:
    """The focal length by the picture's longer side that EXIF data tell; None where they do not."""
    try:
        with Image.open(path) as image:
            tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
        value = float(tags.get(ExifTags.Base.FocalLengthIn35mmFilm, 0))
    except (OSError, ValueError, TypeError, SyntaxError, ZeroDivisionError, KeyError):
        return None  # EXIF data that cannot be read say nothing
    return value / _FULL_FRAME if 8 <= value <= 1000 else None


def horizon_of(
    width: int, height: int, focal: float, pitch: float, roll: float
) -> tuple[float, float]:
    """Where the horizon crosses the left and right rim, by the height; the inverse of `camera_of`."""
    pixels = focal * max(width, height)
    middle = 0.5 - math.tan(pitch) * pixels / math.cos(roll) / height
    slope = math.tan(roll) * width / height
    return middle + slope / 2, middle - slope / 2


def camera_of(
    width: int,
    height: int,
    focal: float,
    horizon: tuple[float, float],
    camera_height: float,
    floor: tuple[tuple[float, float], ...],
) -> PhotographCamera:
    """The camera that sees the horizon there; the arguments are those of `PhotographAnalysis`."""
    pixels = focal * max(width, height)
    roll = math.atan2((horizon[0] - horizon[1]) * height, width)
    rise = (0.5 - sum(horizon) / 2) * height * math.cos(roll)
    return PhotographCamera(
        width=width,
        height=height,
        focal=focal,
        pitch=math.atan2(rise, pixels),
        roll=roll,
        camera_height=camera_height,
        floor=floor,
    )
