"""Backgrounds of films: painted streets, rooms and clutter, or a folder of photographs.

A painted background is a pure function of its random generator and size. Perspective floors meet
walls at a horizon; walls, floors and objects carry noise, tiles, boards, stripes and stains, so
that no two are alike and nothing about them tells the person's motion.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput

PHOTOGRAPH_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


SURFACE_PATTERNS = ("plain", "tiles", "bricks", "boards", "stripes", "checker")
"""What `paint_surface` may show."""


def paint_background(rng: np.random.Generator, *, height: int, width: int) -> np.ndarray:
    """A street, a room or clutter, (height, width, 3) RGB uint8."""
    scene = rng.choice(3, p=[0.55, 0.3, 0.15])
    image = (_street, _room, _clutter)[scene](rng, width, height)
    if rng.random() < 0.5:  # light falls off across the picture
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.4)
        slope = np.cos(angle) * (columns / width - 0.5) + np.sin(angle) * (rows / height - 0.5)
        image = image * (1 + strength * slope)[..., None]
    image = image * rng.uniform(0.6, 1.15)
    image += rng.normal(0, 0.012, image.shape).astype(np.float32)
    blur = rng.uniform(0, 0.006) * height
    if blur > 0.35:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw_colour(
    rng: np.random.Generator, *, saturation: float = 0.3, low: float = 0.15, high: float = 0.9
) -> np.ndarray:
    """A colour (3,) float32 in [0, 1], mostly dull, of a brightness uniform in [low, high]."""
    value = rng.uniform(low, high)
    colour = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.2, 3) * saturation * 2, value)
    return np.array(colour, dtype=np.float32)


def smooth_noise(
    rng: np.random.Generator, width: int, height: int, cells: float, octaves: int = 3
) -> np.ndarray:
    """Smooth noise in about [-1, 1], (H,W) float32; `cells` features along the height."""
    total = np.zeros((height, width), dtype=np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        rows = int(np.clip(cells, 2, height))
        columns = int(np.clip(cells * width / height, 2, width))
        lattice = rng.uniform(-1, 1, size=(rows, columns)).astype(np.float32)
        total += amplitude * cv2.resize(lattice, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, amplitude = cells * 2.3, amplitude * 0.55
    return total / 1.6


def _ground(
    rng: np.random.Generator, width: int, height: int, horizon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates (metres) of a floor below row `horizon`: (across, away)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + 0.5
    drop = np.maximum(rows - horizon, 0.5)
    focal, camera_height = height * rng.uniform(1.0, 2.5), rng.uniform(1.5, 4)
    away = focal * camera_height / drop
    across = (columns - width * rng.uniform(0.2, 0.8)) * away / focal
    turn = rng.uniform(-0.8, 0.8)
    turned = np.cos(turn) * across - np.sin(turn) * away
    away = np.sin(turn) * across + np.cos(turn) * away
    return turned, away


def paint_surface(
    rng: np.random.Generator,
    u: np.ndarray,
    v: np.ndarray,
    *,
    patterns: Sequence[str] = SURFACE_PATTERNS,
) -> np.ndarray:
    """A pavement, floor or wall covering over metres `u`, `v`: (H,W,3) float32."""
    height, width = u.shape
    base = draw_colour(rng, saturation=0.15)
    image = np.broadcast_to(base, (height, width, 3)).copy()
    kind = rng.choice(patterns)
    period = rng.uniform(0.25, 1.4)
    joint = rng.uniform(0.03, 0.09)
    shade = rng.uniform(0.55, 0.85) if rng.random() < 0.7 else rng.uniform(1.15, 1.4)
    # Far away the joints are thinner than a pixel: fade them with the footprint of a pixel.
    footprint = np.abs(np.gradient(v, axis=0)) / period
    fade = np.clip(1.2 - 2.5 * footprint, 0, 1)
    if kind in ("tiles", "bricks", "boards"):
        long = period * (1 if kind == "tiles" else rng.uniform(2, 6))
        row = np.floor(v / period)
        offset = 0 if kind == "tiles" else 0.5 * (row % 2)
        cell = np.floor(u / long + offset)
        lines = (v / period % 1 < joint) | ((u / long + offset) % 1 < joint * period / long)
        variation = np.sin(row * 12.9898 + cell * 78.233) * 43758.5453 % 1 - 0.5
        image *= (1 + rng.uniform(0, 0.35) * variation * fade)[..., None]
        image *= (1 - (1 - shade) * lines * fade)[..., None]
    elif kind == "stripes":
        image += (draw_colour(rng) - base) * ((v / period % 1 < 0.5) * fade)[..., None]
    elif kind == "checker":
        dark = (np.floor(u / period) + np.floor(v / period)) % 2
        image *= (1 - (1 - shade) * dark * fade)[..., None]
    stains = smooth_noise(rng, width, height, rng.uniform(2, 8))
    return image * (1 + rng.uniform(0.03, 0.16) * stains)[..., None]


def _wall(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    scale = rng.uniform(2.5, 7) / height
    slant = rng.uniform(-0.25, 0.25)
    return paint_surface(rng, columns * scale, (rows + slant * columns) * scale)


def _rectangle(
    image: np.ndarray, colour: np.ndarray, left: float, top: float, right: float, bottom: float
) -> None:
    corner = (round(left), round(top)), (round(right) - 1, round(bottom) - 1)
    cv2.rectangle(image, *corner, [float(c) for c in colour], thickness=-1)


def _street(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    horizon = height * rng.choice([rng.uniform(-0.3, 0.1), rng.uniform(0.1, 0.55)])
    across, away = _ground(rng, width, height, horizon)
    image = paint_surface(rng, across, away)
    top = max(int(horizon), 0)
    if top > 2:
        image[:top] = _facade(rng, width, top)
    for _ in range(rng.integers(0, 4)):  # kerbs, lawns, tracks: bands parallel to the horizon
        start = top + (height - top) * rng.random() ** 2 * 0.7
        band = draw_colour(rng, saturation=0.6)
        if rng.random() < 0.4:
            band = np.array([0.3, 0.45, 0.22], np.float32) * rng.uniform(0.6, 1.4)
        thickness = height * rng.uniform(0.01, 0.12)
        tilt = width * rng.uniform(-0.15, 0.15)
        corners = [(0, start), (width, start + tilt), (width, start + tilt + thickness)]
        corners.append((0, start + thickness))
        cv2.fillPoly(image, [np.array(corners).round().astype(np.int32)], band.tolist())
    for _ in range(rng.integers(0, 5)):
        _thing(rng, image, top)
    return image


def _facade(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Sky, a building with windows, a hedge or a dark doorway above the ground."""
    kind = rng.choice(["building", "trees", "dark", "wall", "sky"], p=[0.3, 0.25, 0.2, 0.15, 0.1])
    if kind == "sky":
        return np.linspace(draw_colour(rng, low=0.7), draw_colour(rng, low=0.6), height)[
            :, None
        ].repeat(width, axis=1)
    if kind == "trees":
        leaves = np.array([0.22, 0.3, 0.14], np.float32) * rng.uniform(0.5, 1.5)
        return (
            leaves * (1 + 0.8 * smooth_noise(rng, width, height, rng.uniform(4, 14), 4))[..., None]
        )
    if kind == "dark":
        return draw_colour(rng, low=0.04, high=0.2) * (
            1 + 0.3 * smooth_noise(rng, width, height, 4)[..., None]
        )
    image = _wall(rng, width, height)
    if kind == "building":
        pane = draw_colour(rng, saturation=0.3, low=0.08, high=0.6)
        step_x, step_y = width * rng.uniform(0.12, 0.5), height * rng.uniform(0.25, 0.8)
        share = rng.uniform(0.4, 0.8)
        for x in np.arange(-rng.random() * step_x, width, step_x):
            for y in np.arange(-rng.random() * step_y, height, step_y):
                tone = pane * rng.uniform(0.7, 1.3)
                _rectangle(image, tone, x, y, x + step_x * share, y + step_y * share)
    return image


def _thing(rng: np.random.Generator, image: np.ndarray, top: int) -> None:
    """Draw a pole, a parked bicycle, a car-like box, a bush or a passer-by."""
    height, width = image.shape[:2]
    foot = top + (height - top) * rng.random() * 0.6
    size = height * 0.1 + (foot - top) * rng.uniform(0.4, 1.0)
    x = rng.uniform(-0.1, 1.1) * width
    colour = draw_colour(rng, saturation=0.5, low=0.05)
    tone = [float(c) for c in colour]
    thick = max(1, int(size * 0.04))
    kind = rng.integers(5)
    if kind == 0:
        _rectangle(image, colour, x, foot - 3 * size, x + max(1, 0.06 * size), foot)
    elif kind == 1:
        wheel = max(2, int(size * 0.22))
        for side in (-1, 1):
            centre = (int(x + side * size * 0.32), int(foot - wheel))
            cv2.circle(image, centre, wheel, tone, thick, cv2.LINE_AA)
        frame = [(-0.32, 0.22), (0.0, 0.25), (-0.12, 0.55), (0.26, 0.55), (0.0, 0.25), (0.32, 0.22)]
        points = np.array([(x + dx * size, foot - dy * size) for dx, dy in frame])
        cv2.polylines(image, [points.round().astype(np.int32)], False, tone, thick, cv2.LINE_AA)
    elif kind == 2:
        _rectangle(image, colour, x, foot - size * 0.6, x + size * rng.uniform(0.5, 2.5), foot)
        _rectangle(image, colour * 0.4, x, foot - size * 0.12, x + size * 0.5, foot)
    elif kind == 3:
        axes = (int(size * rng.uniform(0.2, 0.7)), int(size * rng.uniform(0.2, 0.4)))
        green = np.array([0.2, 0.33, 0.14]) * rng.uniform(0.5, 1.4)
        cv2.ellipse(image, (int(x), int(foot - axes[1])), axes, 0, 0, 360, green.tolist(), -1)
    else:
        body = draw_colour(rng, saturation=0.5, low=0.05)
        _rectangle(image, colour * 0.6, x, foot - size * 0.5, x + size * 0.16, foot)
        _rectangle(
            image, body, x - size * 0.05, foot - size * 0.85, x + size * 0.2, foot - size * 0.45
        )
        skin = np.array([0.75, 0.56, 0.45]) * rng.uniform(0.5, 1.2)
        radius = max(1, int(size * 0.07))
        centre = (int(x + size * 0.08), int(foot - size * 0.92))
        cv2.circle(image, centre, radius, skin.tolist(), -1, cv2.LINE_AA)


def _room(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    horizon = height * rng.uniform(0.25, 0.6)
    edge = int(horizon + height * rng.uniform(0.05, 0.3))
    across, away = _ground(rng, width, height, horizon)
    image = paint_surface(rng, across, away)
    image[:edge] = _wall(rng, width, edge)
    if rng.random() < 0.6:  # a second wall round the corner
        corner = int(width * rng.uniform(0.1, 0.9))
        image[:edge, corner:] *= rng.uniform(0.6, 0.95)
    skirting = draw_colour(rng)
    _rectangle(image, skirting, 0, edge - 0.02 * height, width, edge)
    for _ in range(rng.integers(1, 6)):  # pictures, windows, doors, furniture
        colour = draw_colour(rng, saturation=0.5)
        left = rng.uniform(-0.1, 0.95) * width
        span = rng.uniform(0.08, 0.4) * width
        if rng.random() < 0.5:
            head, foot = rng.uniform(0.02, 0.4) * edge, rng.uniform(0.45, 1.0) * edge
        else:
            head = edge * rng.uniform(0.5, 0.95)
            foot = edge + (height - edge) * rng.uniform(0, 0.4)
        _rectangle(image, colour * 0.5, left, head, left + span, foot)
        rim = rng.uniform(0.01, 0.03) * height
        _rectangle(image, colour, left + rim, head + rim, left + span - rim, foot - rim)
        if rng.random() < 0.4:
            middle = left + span / 2
            _rectangle(image, colour * 0.5, middle - rim / 2, head, middle + rim / 2, foot)
    return image


def _clutter(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    image = _wall(rng, width, height)
    for _ in range(rng.integers(4, 24)):
        colour = draw_colour(rng, saturation=0.6, low=0.05).tolist()
        centre = rng.uniform((0, 0), (width, height)).astype(int).tolist()
        size = height * rng.uniform(0.02, 0.25)
        kind = rng.integers(3)
        if kind == 0:
            axes = (int(size), int(size * rng.uniform(0.3, 1)) + 1)
            cv2.ellipse(image, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            points = np.array(centre) + rng.normal(0, size, size=(rng.integers(3, 6), 2))
            cv2.fillPoly(image, [points.round().astype(np.int32)], colour, cv2.LINE_AA)
        else:
            end = (np.array(centre) + rng.normal(0, 4 * size, 2)).astype(int).tolist()
            cv2.line(image, centre, end, colour, max(1, int(size / 6)), cv2.LINE_AA)
    tint = smooth_noise(rng, width, height, rng.uniform(2, 30))
    return image * (1 + 0.15 * tint)[..., None]


@dataclass(frozen=True)
class Photographs:
    """The readable images of a folder, sorted by path, and how many files were not images."""

    paths: tuple[Path, ...]
    skipped: int

    def load(self, index: int, *, height: int, width: int) -> np.ndarray:
        """Photograph `index` as (height, width, 3) RGB uint8 (see `load_photograph`)."""
        return load_photograph(self.paths[index], height=height, width=width)


def open_photographs(folder: Path, report: Callable[[str], None]) -> Photographs:
    """Find the photographs in `folder` and below; each bad image is reported and skipped.

    Every file is decoded once (at an eighth of its size) so that a film never meets a bad one.
    Raises BadInput when the folder does not exist or no image in it is readable.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder of backgrounds; give a folder of photographs")
    paths, skipped = [], 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PHOTOGRAPH_SUFFIXES or not path.is_file():
            continue
        if _decode(path, cv2.IMREAD_REDUCED_COLOR_8) is None:
            report(f"{path}: not a readable image; skipped (remove it or save it again)")
            skipped += 1
        else:
            paths.append(path)
    if not paths:
        suffixes = ", ".join(sorted(PHOTOGRAPH_SUFFIXES))
        raise BadInput(
            f"{folder}: no readable photograph ({skipped} unreadable); expected {suffixes}"
        )
    return Photographs(tuple(paths), skipped)


def load_photograph(path: Path, *, height: int, width: int) -> np.ndarray:
    """A photograph scaled to cover `height` x `width` and cropped about its middle.

    Returns:
        (height, width, 3) RGB uint8.

    Raises:
        BadInput: the file is not a readable image.
    """
    image = read_photograph(path)
    scale = max(width / image.shape[1], height / image.shape[0])
    columns = max(width, round(image.shape[1] * scale))
    rows = max(height, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(image, (columns, rows), interpolation=method)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def read_photograph(path: Path) -> np.ndarray:
    """A photograph, (H,W,3) RGB uint8.

    Raises:
        BadInput: the file is not a readable image.
    """
    image = _decode(path, cv2.IMREAD_COLOR)
    if image is None:
        raise BadInput(f"{path}: not a readable image; remove it or save it again as JPEG or PNG")
    return np.ascontiguousarray(image[..., ::-1])


def _decode(path: Path, mode: int) -> np.ndarray | None:
    data = np.fromfile(path, dtype=np.uint8)
    return cv2.imdecode(data, mode) if data.size else None
