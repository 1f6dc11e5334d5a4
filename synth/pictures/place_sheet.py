"""A sheet of photographs with their horizons, their floors and a person on each, to look at places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mocap.files import atomic_write
from synth.scene.backgrounds import read_photograph
from synth.scene.places.photograph_analysis import PhotographAnalysis
from synth.scene.places.photograph_geometry import in_photograph, inside_polygon
from synth.scene.places.scene_place import PhotographCamera

PERSON_HEIGHT = 1.7
"""Metres of the person that is drawn."""

_TILE = (360, 270)  # pixels: width and height
_TEXT = 20  # pixels of a tile's line of text
_HORIZON, _FLOOR, _PERSON, _GOOD, _BAD = (
    *((230, 60, 50), (60, 220, 90), (250, 220, 40)),
    *((235, 235, 235), (255, 130, 110)),
)
_DISTANCES = (5.0, 4.0, 6.5, 3.0, 8.0, 10.0, 13.0)  # metres at which the person is tried


def write_place_sheet(
    path: Path, folder: Path, analyses: Mapping[str, PhotographAnalysis], *, columns: int = 4
) -> None:
    """Write the sheet of some photographs.

    Args:
        path: a .jpg or .png file.
        folder: where the photographs lie.
        analyses: by name; one tile for each.
        columns: tiles side by side.

    Raises:
        BadInput: a photograph that cannot be read.
    """
    tiles = [_tile(folder / name, name, analysis) for name, analysis in analyses.items()]
    blank = np.zeros((_TILE[1] + _TEXT, _TILE[0], 3), np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    with atomic_write(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows)[..., ::-1])


def standing_spot(camera: PhotographCamera) -> np.ndarray | None:
    """A point of a photograph's floor (3,) metres from its camera, as seen from side 0; None: none."""
    corners = np.array(camera.floor).reshape(-1, 2)
    if len(corners) < 3:
        return None
    for distance in _DISTANCES:
        for across in (0.0, -1.0, 1.0, -2.0, 2.0, -3.5, 3.5):
            foot = np.array([[across, -camera.camera_height, -distance]])
            if inside_polygon(np.nan_to_num(in_photograph(foot, camera, 0.0), nan=-9.0), corners)[
                0
            ]:
                return foot[0]
    return None


def _tile(path: Path, name: str, analysis: PhotographAnalysis) -> np.ndarray:
    image = read_photograph(path)
    factor = min(_TILE[0] / image.shape[1], _TILE[1] / image.shape[0])
    wide, tall = (max(1, round(side * factor)) for side in image.shape[1::-1])
    tile = np.zeros((_TILE[1] + _TEXT, _TILE[0], 3), np.uint8)
    picture = cv2.resize(image, (wide, tall), interpolation=cv2.INTER_AREA)
    left, right = (round(share * tall) for share in analysis.horizon)
    cv2.line(picture, (0, left), (wide, right), _HORIZON, 1, cv2.LINE_AA)
    if analysis.floor:
        outline = (np.array(analysis.floor) * [wide, tall]).round().astype(np.int32)
        cv2.polylines(picture, [outline], True, _FLOOR, 1, cv2.LINE_AA)
        _draw_person(picture, analysis.camera)
    tile[_TEXT : _TEXT + tall, :wide] = picture
    words = analysis.unusable or (
        f"{analysis.area:.0f} m2, +-{analysis.pitch_spread:.1f} deg, f {analysis.focal:.2f} "
        f"({analysis.focal_source})"
    )
    colour = _BAD if analysis.unusable else _GOOD
    cv2.putText(
        *(tile, f"{Path(name).name}: {words}"[:60], (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.36),
        *(colour, 1, cv2.LINE_AA),
    )
    return tile


def _draw_person(picture: np.ndarray, camera: PhotographCamera) -> None:
    """An upright figure of `PERSON_HEIGHT` on the floor, if there is room for one."""
    foot = standing_spot(camera)
    if foot is None:
        return
    heights: Sequence[float] = (0.0, PERSON_HEIGHT / 2, PERSON_HEIGHT * 0.86, PERSON_HEIGHT)
    points = in_photograph(foot + np.array([[0.0, up, 0.0] for up in heights]), camera, 0.0)
    if not np.isfinite(points).all():
        return
    pixels = points * picture.shape[1::-1]
    size = float(np.linalg.norm(pixels[3] - pixels[0]))
    ends = [tuple(int(v) for v in pixel.round()) for pixel in pixels]
    thick = max(1, round(size * 0.12))
    cv2.line(picture, ends[0], ends[1], _PERSON, max(1, thick // 2), cv2.LINE_AA)
    cv2.line(picture, ends[1], ends[2], _PERSON, thick, cv2.LINE_AA)
    middle = tuple(int(v) for v in ((pixels[2] + pixels[3]) / 2).round())
    cv2.circle(picture, middle, max(1, round(size * 0.06)), _PERSON, -1, cv2.LINE_AA)
