"""Materials of painted places: pavements, walls, facades, leaves, wood, cloth, in all their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from synth.scene.backgrounds import draw_colour, paint_surface, smooth_noise
from synth.scene.places.painted_tracing import LEVELS, TEXELS
from textures.visibility.shading import srgb_to_linear

_GREENS = np.array([[0.30, 0.38, 0.18], [0.36, 0.40, 0.22], [0.24, 0.33, 0.17], [0.42, 0.42, 0.25]])


def ground_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """A pavement or floor of tiles, boards, asphalt or plain ground, (T,T,3) sRGB in [0, 1]."""
    image = _covering(rng, extent, ("plain", "tiles", "tiles", "bricks", "boards", "checker"))
    return _grained(rng, image, rng.uniform(0.02, 0.07))


def asphalt_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """A road: grey, patched and worn."""
    grey = rng.uniform(0.24, 0.5) * np.array(
        [1.0, rng.uniform(0.98, 1.01), rng.uniform(0.96, 1.04)]
    )
    image = np.broadcast_to(grey, (TEXELS, TEXELS, 3)).astype(np.float32)
    image = image * (1 + 0.12 * smooth_noise(rng, TEXELS, TEXELS, 5, 5))[..., None]
    for _ in range(int(rng.integers(0, 4))):
        left, top = rng.integers(0, TEXELS, 2)
        wide, tall = rng.integers(TEXELS // 10, TEXELS // 2, 2)
        image[top : top + tall, left : left + wide] *= rng.uniform(0.82, 1.12)
    return _grained(rng, image, rng.uniform(0.05, 0.1))


def lawn_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """Grass, dry in places."""
    image = _mixed(
        _GREENS[rng.integers(4)], np.array([0.55, 0.5, 0.3]), rng, 3, rng.uniform(0.1, 0.6)
    )
    blades = smooth_noise(rng, TEXELS, TEXELS, TEXELS / 5, 3)
    return _grained(rng, image * (1 + 0.3 * blades)[..., None], 0.09)


def leaf_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """Leaves of trees and hedges, with the dark between them."""
    image = _mixed(_GREENS[rng.integers(4)], _GREENS[rng.integers(4)] * 0.6, rng, 6, 0.5)
    clumps = smooth_noise(rng, TEXELS, TEXELS, rng.uniform(7, 14), 2)
    leaves = smooth_noise(rng, TEXELS, TEXELS, rng.uniform(50, 90), 2)
    lit = np.clip(0.9 + 0.25 * clumps + 0.7 * leaves, 0.15, 1.9)
    return _grained(rng, image * lit[..., None], 0.06)


def wall_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """A wall, plastered, tiled or of bricks, weathered from above and from below."""
    patterns = ("plain", "plain", "plain", "plain", "bricks", "tiles", "boards", "stripes")
    image = _covering(rng, extent, patterns, low=0.3)
    streaks = cv2.GaussianBlur(
        rng.normal(size=(TEXELS, TEXELS)).astype(np.float32), (0, 0), sigmaX=4, sigmaY=90
    )
    streaks = streaks / max(float(streaks.std()), 1e-6)
    return _grained(rng, image * (1 + rng.uniform(0.0, 0.06) * streaks)[..., None], 0.03)


def facade_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """A wall with windows in rows, some lit, some with blinds, each with its frame and sill."""
    image = wall_material(rng, extent)
    storey, bay = rng.uniform(2.7, 3.6), rng.uniform(1.6, 4.0)
    rows, columns = max(1, round(extent / storey)), max(1, round(extent / bay))
    tall, wide = TEXELS / rows, TEXELS / columns
    head, sill = rng.uniform(0.1, 0.2), rng.uniform(0.6, 0.85)
    left, right = rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.92)
    frame, glass = draw_colour(rng, low=0.2), draw_colour(rng, low=0.06, high=0.35)
    for row in range(rows):
        for column in range(columns):
            box = [int((row + head) * tall), int((row + sill) * tall)]
            box += [int((column + left) * wide), int((column + right) * wide)]
            image[box[0] : box[1], box[2] : box[3]] = frame
            image[box[1] : box[1] + max(1, int(0.02 * tall)), max(box[2] - 2, 0) : box[3] + 2] *= (
                0.55
            )
            rim = max(1, int(0.03 * tall))
            pane = image[box[0] + rim : box[1] - rim, box[2] + rim : box[3] - rim]
            gradient = np.linspace(1.5, 0.7, max(len(pane), 1))[:, None, None]
            pane[:] = glass * rng.uniform(0.6, 1.5) * gradient
            if rng.random() < 0.3:  # a blind or curtain
                share = rng.uniform(0.2, 0.9)
                pane[: int(share * len(pane))] = draw_colour(rng, low=0.5)
            if rng.random() < 0.6:
                middle = pane.shape[1] // 2
                pane[:, middle - rim // 2 : middle + rim // 2 + 1] = frame
    return _grained(rng, image, 0.02)


def wood_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """Wood or painted board, with its grain and joints."""
    base = draw_colour(rng, saturation=0.25, low=0.2)
    if rng.random() < 0.5:
        base = np.array([0.52, 0.36, 0.22], np.float32) * rng.uniform(0.5, 1.5)
    grain = cv2.resize(smooth_noise(rng, TEXELS, 64, 40, 4), (TEXELS, TEXELS))
    image = base * (1 + rng.uniform(0.05, 0.25) * grain)[..., None]
    joints = int(rng.integers(2, 9))
    for number in range(joints):
        image[number * TEXELS // joints : number * TEXELS // joints + 2] *= 0.6
    return _grained(rng, image, 0.02)


def metal_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """Painted metal or cloth: one colour with shine, folds and dirt."""
    base = draw_colour(rng, saturation=0.5, low=0.08)
    image = base * (1 + 0.18 * smooth_noise(rng, TEXELS, TEXELS, rng.uniform(2, 9), 4))[..., None]
    gradient = np.linspace(rng.uniform(1.0, 1.25), rng.uniform(0.75, 1.0), TEXELS)
    return _grained(rng, image * gradient[:, None, None], 0.02)


def picture_material(rng: np.random.Generator, extent: float) -> np.ndarray:
    """What hangs on walls: a poster, a painting or a notice, in a frame."""
    image = _mixed(draw_colour(rng, saturation=0.6), draw_colour(rng, saturation=0.6), rng, 3, 0.5)
    for _ in range(int(rng.integers(3, 12))):
        centre = rng.integers(0, TEXELS, 2).tolist()
        axes = rng.integers(10, TEXELS // 3, 2).tolist()
        colour = draw_colour(rng, saturation=0.6, low=0.05).tolist()
        image = np.ascontiguousarray(image, np.float32)
        if rng.random() < 0.5:
            cv2.ellipse(
                image, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA
            )
        else:
            end = [centre[0] + axes[0], centre[1] + axes[1] // 3]
            cv2.rectangle(image, centre, end, colour, -1)
    rim = TEXELS // 24
    frame = draw_colour(rng, low=0.05)
    image[:rim], image[-rim:], image[:, :rim], image[:, -rim:] = frame, frame, frame, frame
    return _grained(rng, image, 0.02)


PAINTERS: dict[str, tuple[Callable[[np.random.Generator, float], np.ndarray], float]] = {
    "ground": (ground_material, 5.0),
    "asphalt": (asphalt_material, 6.0),
    "lawn": (lawn_material, 5.0),
    "leaves": (leaf_material, 3.0),
    "wall": (wall_material, 5.0),
    "facade": (facade_material, 11.0),
    "wood": (wood_material, 1.5),
    "metal": (metal_material, 2.0),
    "picture": (picture_material, 1.0),
}
"""Materials by name, and the metres that each covers."""


def paint_pyramid(rng: np.random.Generator, name: str) -> np.ndarray:
    """A material and all its smaller sizes, one after the other, (T,3) float32 linear."""
    painter, extent = PAINTERS[name]
    image: np.ndarray = srgb_to_linear(np.clip(painter(rng, extent), 0.0, 1.0)).astype(np.float32)
    levels = [image.reshape(-1, 3)]
    for _ in range(LEVELS - 1):
        image = cv2.resize(
            image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
        levels.append(image.reshape(-1, 3))
    return np.concatenate(levels)


def _covering(
    rng: np.random.Generator, extent: float, patterns: Sequence[str], *, low: float = 0.2
) -> np.ndarray:
    """A surface of the painted plates', its colours drawn into the range of real ones."""
    metres = (np.arange(TEXELS, dtype=np.float32) + 0.5) * (extent / TEXELS)
    u, v = np.meshgrid(metres, metres)
    image = paint_surface(rng, u, v, patterns=patterns)
    mean = float(image.mean())
    grey = image.mean(axis=-1, keepdims=True) * np.array([1.04, 1.0, 0.94], np.float32)
    image = grey + (image - grey) * rng.uniform(0.1, 0.8)
    return image * (np.clip(mean, low, 0.75) / max(mean, 1e-3))


def _mixed(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, cells: float, share: float
) -> np.ndarray:
    """Two colours in patches."""
    patches = np.clip(smooth_noise(rng, TEXELS, TEXELS, cells, 5) + share, 0, 1)[..., None]
    return np.asarray(first * (1 - patches) + second * patches, np.float32)


def _grained(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """The image with dirt in large patches and grain as fine as its texels."""
    grain = rng.normal(0, strength, (TEXELS, TEXELS)).astype(np.float32)
    dirt = 0.09 * smooth_noise(rng, TEXELS, TEXELS, rng.uniform(1.5, 4), 4)
    return image * (1 + grain + dirt)[..., None]
