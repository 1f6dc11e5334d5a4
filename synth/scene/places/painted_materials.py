"""Materials of painted places: grounds, walls, leaves, wood and goods, in all their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from synth.scene.places.painted_facades import facade_material, shelf_material, view_material
from synth.scene.places.painted_shading import LEVELS, TEXELS
from synth.scene.places.painted_textures import NoiseBank, drawn_from, laid_rows, mixed, tinted
from textures.visibility.shading import srgb_to_linear

_Painter = Callable[[np.random.Generator, NoiseBank, float], np.ndarray]

_GREENS = np.array([[0.36, 0.42, 0.20], [0.42, 0.46, 0.24], [0.28, 0.36, 0.16], [0.48, 0.47, 0.27]])
_STONES = np.array(
    [
        *([0.62, 0.60, 0.56], [0.52, 0.50, 0.48], [0.72, 0.68, 0.60], [0.42, 0.41, 0.40]),
        *([0.60, 0.50, 0.42], [0.66, 0.64, 0.62]),
    ]
)
_BRICKS = np.array([[0.52, 0.32, 0.24], [0.60, 0.42, 0.32], [0.42, 0.28, 0.23], [0.66, 0.58, 0.46]])
_PLASTERS = np.array(
    [
        *([0.88, 0.85, 0.78], [0.80, 0.79, 0.76], [0.70, 0.68, 0.63], [0.82, 0.74, 0.60]),
        *([0.56, 0.58, 0.58], [0.62, 0.68, 0.68], [0.76, 0.70, 0.64], [0.50, 0.56, 0.48]),
        *([0.90, 0.89, 0.87], [0.86, 0.80, 0.72]),
    ]
)
_WOODS = np.array([[0.62, 0.46, 0.30], [0.50, 0.34, 0.20], [0.72, 0.58, 0.42], [0.36, 0.25, 0.17]])
_SOILS = np.array([[0.46, 0.37, 0.28], [0.55, 0.46, 0.34], [0.40, 0.34, 0.25], [0.50, 0.44, 0.36]])


def _ground(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Slabs, tiles, setts or checkers."""
    base = drawn_from(rng, _STONES, 0.25)
    side = float(rng.choice([0.12, 0.2, 0.3, 0.4, 0.6, 1.0]))
    long = side * float(rng.choice([1.0, 1.0, 1.5, 2.0]))
    offset = float(rng.choice([0.0, 0.5]))
    pieces, joints = laid_rows(
        rng, extent, long=long, tall=side, joint=rng.uniform(0.004, 0.016), offset=offset
    )
    if rng.random() < 0.2:  # two colours of tiles
        pieces = np.where(pieces > 0, rng.uniform(1, 4), -1.0)
    shade = 1 + rng.uniform(0.02, 0.09) * pieces
    shade = shade * (1 + 0.05 * noises.rough(rng) + 0.07 * noises.natural(rng))
    return _weathered(
        rng, noises, mixed(tinted(shade, base), base * rng.uniform(0.4, 0.75), joints)
    )


def _asphalt(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """A road: grey, patched, cracked and worn."""
    grey = rng.uniform(0.28, 0.52) * np.array(
        [1.0, rng.uniform(0.98, 1.01), rng.uniform(0.96, 1.04)]
    )
    image = tinted(1 + 0.09 * noises.rough(rng) + 0.10 * noises.natural(rng), grey)
    for _ in range(int(rng.integers(0, 4))):
        left, top = rng.integers(0, TEXELS, 2)
        wide, tall = rng.integers(TEXELS // 10, TEXELS // 2, 2)
        image[top : top + tall, left : left + wide] *= rng.uniform(0.82, 1.12)
    cracks = abs(noises.natural(rng)) < rng.uniform(0.0, 0.035)
    return _weathered(rng, noises, image * np.where(cracks, 0.65, 1.0)[..., None])


def _concrete(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Concrete or stone, cast or worn, with what ran down it."""
    shade = 1 + 0.07 * noises.rough(rng) + 0.05 * noises.natural(rng)
    shade = shade * (1 + rng.uniform(0.0, 0.05) * noises.streaked(rng, 8, True))
    return _weathered(rng, noises, tinted(shade, drawn_from(rng, _STONES, 0.2)))


def _lawn(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Grass, dry or trodden in places."""
    green = drawn_from(rng, _GREENS, 0.2)
    dry = drawn_from(rng, _SOILS, 0.15) * rng.uniform(0.9, 1.3)
    image = mixed(green, dry, rng.uniform(-0.4, 0.6) + 0.35 * noises.natural(rng))
    shade = 1 + 0.16 * noises.rough(rng) + 0.14 * noises.natural(rng)
    return image * np.clip(shade, 0.3, 1.8)[..., None]


def _soil(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Earth with leaves, grass and stones on it."""
    earth, litter = drawn_from(rng, _SOILS), drawn_from(rng, np.concatenate([_WOODS, _GREENS]))
    image = mixed(earth, litter, rng.uniform(0.0, 0.7) + 0.6 * noises.natural(rng))
    shade = 1 + 0.2 * noises.rough(rng) + 0.16 * noises.natural(rng)
    return image * np.clip(shade, 0.3, 1.8)[..., None]


def _sand(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    shade = 1 + 0.05 * noises.rough(rng) + 0.08 * noises.natural(rng)
    return tinted(shade, (0.74, 0.66, 0.52)) * np.float32(rng.uniform(0.7, 1.15))


def _leaves(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Leaves of trees and hedges, with the dark between them."""
    image = mixed(
        drawn_from(rng, _GREENS), drawn_from(rng, _GREENS) * 0.6, 0.5 + noises.natural(rng)
    )
    if rng.random() < 0.2:  # autumn
        image = image * np.array([1.35, 0.95, 0.6], np.float32)
    lit = 0.85 + 0.35 * noises.rough(rng) + 0.15 * noises.natural(rng)
    return image * np.clip(lit, 0.12, 2.0)[..., None]


def _bark(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    shade = 1 + 0.3 * noises.streaked(rng, 4, True) + 0.15 * noises.rough(rng)
    image = tinted(np.clip(shade, 0.2, 2.0), (0.44, 0.37, 0.30))
    moss = np.array([0.36, 0.38, 0.22], np.float32)
    return mixed(image, moss, rng.uniform(-0.6, 0.3) + 0.4 * noises.natural(rng))


def _wall(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """A plastered or papered wall, weathered from above and from below."""
    base = drawn_from(rng, _PLASTERS, 0.2)
    shade = 1 + 0.015 * noises.rough(rng) + rng.uniform(0.01, 0.07) * noises.natural(rng)
    shade = shade * (1 + rng.uniform(0.0, 0.05) * noises.streaked(rng, 8, True))
    image = tinted(shade, base)
    if rng.random() < 0.2:  # tiles
        side = rng.uniform(0.1, 0.3)
        pieces, joints = laid_rows(rng, extent, long=side, tall=side, joint=0.006, offset=0.0)
        image = mixed(image * (1 + 0.02 * pieces)[..., None], base * 0.75, joints)
    return _weathered(rng, noises, image)


def _plaster(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """A ceiling: nearly white, plain or of panels."""
    image = tinted(1 + 0.02 * noises.natural(rng), (0.86, 0.85, 0.83))
    if rng.random() < 0.5:
        pieces, joints = laid_rows(rng, extent, long=0.625, tall=0.625, joint=0.03, offset=0.0)
        image = mixed(image * (1 + 0.02 * pieces)[..., None], (0.6, 0.6, 0.58), joints)
    return image


def _brick(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    pieces, joints = laid_rows(rng, extent, long=0.25, tall=0.077, joint=0.012, offset=0.5)
    base = drawn_from(rng, _BRICKS, 0.2)
    shade = (1 + 0.10 * pieces) * (1 + 0.08 * noises.rough(rng) + 0.08 * noises.natural(rng))
    mortar = np.array([0.62, 0.59, 0.55]) * rng.uniform(0.6, 1.1)
    if rng.random() < 0.25:  # painted over
        base, mortar = drawn_from(rng, _PLASTERS), base * 0.8
    return _weathered(rng, noises, mixed(tinted(shade, base), mortar, joints))


def _boards(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Upright boards or sheets, painted or not."""
    wide = float(rng.choice([0.1, 0.15, 0.2, 1.0]))
    pieces, joints = laid_rows(rng, extent, long=wide, tall=extent, joint=0.012, offset=0.0)
    base = drawn_from(rng, np.concatenate([_WOODS, _PLASTERS, _STONES]), 0.25)
    shade = (1 + 0.08 * pieces) * (1 + 0.08 * noises.streaked(rng, 8, True))
    return _weathered(rng, noises, mixed(tinted(shade, base), base * 0.35, joints))


def _planks(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """A floor of boards or parquet."""
    tall = float(rng.choice([0.07, 0.1, 0.16]))
    pieces, joints = laid_rows(rng, extent, long=tall * 8, tall=tall, joint=0.004, offset=0.5)
    shade = (1 + 0.09 * pieces) * (1 + 0.09 * noises.streaked(rng, 8, False))
    base = drawn_from(rng, _WOODS, 0.2)
    return _weathered(rng, noises, mixed(tinted(shade, base), base * 0.5, joints))


def _wood(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Grain for whatever colour it is given."""
    return tinted(1 + 0.10 * noises.streaked(rng, 8, False), (0.6, 0.585, 0.57))


def _metal(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Painted metal or card, with dirt, for whatever colour it is given."""
    shade = 0.62 * (1 + 0.10 * noises.cloudy(rng) + 0.05 * noises.natural(rng))
    return tinted(shade * np.linspace(1.15, 0.8, TEXELS, dtype=np.float32)[:, None], (1, 1, 1))


def _cloth(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    shade = 0.6 * (1 + 0.05 * noises.rough(rng) + 0.10 * noises.cloudy(rng))
    return tinted(shade, (1, 0.99, 0.98))


def _curtain(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Folds that hang down."""
    return tinted(0.6 * np.clip(1 + 0.35 * noises.streaked(rng, 32, True), 0.3, 1.7), (1, 1, 1))


def _panels(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Doors of cupboards and rooms, with rims, for whatever colour they are given."""
    wide, tall = float(rng.choice([0.45, 0.9])), float(rng.choice([0.4, 0.75, 1.0]))
    pieces, joints = laid_rows(rng, extent, long=wide, tall=tall, joint=0.02, offset=0.0)
    _, rims = laid_rows(rng, extent, long=wide, tall=tall, joint=0.2, offset=0.0)
    edges = cv2.Laplacian(rims, cv2.CV_32F)
    shade = 0.62 * (1 + 0.03 * pieces + 0.05 * noises.natural(rng)) * (1 - 0.06 * rims)
    shade = shade * (1 + 0.2 * np.clip(edges, -1, 1)) * (1 - 0.6 * joints)
    return tinted(shade, (1, 0.99, 0.97))


def _picture(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """What hangs on walls: a painting, a poster or a notice, in a frame."""
    colours = rng.beta(1.2, 1.8, (4, 3))
    image = mixed(colours[0], colours[1], 0.5 + 0.8 * noises.cloudy(rng))
    image = mixed(image, colours[2], 3 * noises.natural(rng) - 2)
    if rng.random() < 0.5:  # lines of text, or a title
        paper = np.array([0.9, 0.89, 0.85]) * rng.uniform(0.7, 1.05)
        pieces, gaps = laid_rows(
            rng, 1.0, long=0.04, tall=rng.uniform(0.03, 0.1), joint=0.02, offset=0.3
        )
        image = mixed(paper, image * 0.5, (pieces > -0.3) * (1 - gaps) * rng.uniform(0.4, 1.0))
    rim = TEXELS // 24
    frame = rng.uniform(0.05, 0.9) * np.ones(3)
    image[:rim], image[-rim:], image[:, :rim], image[:, -rim:] = frame, frame, frame, frame
    return image


def _glass(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Panes of cars and houses that mirror something dark and something bright."""
    return tinted(np.clip(0.2 + 0.14 * noises.cloudy(rng), 0.04, 0.7), (0.9, 0.97, 1.05))


PAINTERS: dict[str, tuple[_Painter, float]] = {
    **{"ground": (_ground, 6.0), "asphalt": (_asphalt, 6.0), "concrete": (_concrete, 3.0)},
    **{"lawn": (_lawn, 5.0), "soil": (_soil, 4.0), "sand": (_sand, 4.0)},
    **{"leaves": (_leaves, 2.5), "bark": (_bark, 1.5)},
    **{"wall": (_wall, 5.0), "plaster": (_plaster, 5.0), "brick": (_brick, 2.5)},
    **{"boards": (_boards, 3.0), "planks": (_planks, 2.56), "facade": (facade_material, 11.0)},
    **{"wood": (_wood, 1.5), "metal": (_metal, 2.0), "cloth": (_cloth, 1.5)},
    **{"curtain": (_curtain, 2.5), "panels": (_panels, 1.8), "shelf": (shelf_material, 2.0)},
    **{"picture": (_picture, 1.0), "view": (view_material, 2.0), "glass": (_glass, 2.0)},
}
"""Materials by name, and the metres that each covers."""

_SHOWING = ("facade", "shelf", "picture", "view", "leaves", "panels")


def paint_pyramids(rng: np.random.Generator, names: Sequence[str]) -> np.ndarray:
    """Materials and all their smaller sizes, one after the other, (M,T,3) float32 linear."""
    noises = NoiseBank(rng)
    # All that is in one place has its cast, from warm to cold, and its contrast.
    cast = np.exp(rng.normal(0.03, 0.07) * np.array([1.0, 0.0, -1.3]))
    pyramids = []
    for name in names:
        image = PAINTERS[name][0](rng, noises, PAINTERS[name][1])
        # Grounds and walls are anything from polished to rough; what shows things shows them.
        contrast = rng.uniform(0.9, 1.4) if name in _SHOWING else rng.uniform(0.15, 1.0)
        pyramids.append(_pyramid(_contrasted(image, contrast) * cast))
    return np.stack(pyramids)


def _contrasted(image: np.ndarray, contrast: float) -> np.ndarray:
    """The image with darker darks and brighter brights about its mean colour, or the reverse."""
    mean = np.maximum(image.mean(axis=(0, 1)), 1e-3)
    return np.asarray(mean * (np.clip(image, 0, 1) / mean) ** contrast, np.float32)


def _pyramid(image: np.ndarray) -> np.ndarray:
    level: np.ndarray = srgb_to_linear(np.clip(image, 0.0, 1.0)).astype(np.float32)
    levels = [level.reshape(-1, 3)]
    for _ in range(LEVELS - 1):
        level = cv2.resize(
            level, (level.shape[1] // 2, level.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
        levels.append(level.reshape(-1, 3))
    return np.concatenate(levels)


def _weathered(rng: np.random.Generator, noises: NoiseBank, image: np.ndarray) -> np.ndarray:
    """The image with dirt in large patches and stains."""
    dirt = np.clip(noises.natural(rng) - rng.uniform(0.5, 2.5), 0, 1) * rng.uniform(0.0, 0.3)
    return image * (1 - dirt + rng.uniform(0.02, 0.06) * noises.cloudy(rng))[..., None]
