"""Materials of painted places that hold many things: fronts of houses, shelves, views out of windows."""

from __future__ import annotations

import numpy as np

from synth.scene.backgrounds import draw_colour
from synth.scene.places.painted_shading import TEXELS
from synth.scene.places.painted_textures import NoiseBank, drawn_from, laid_rows, mixed, tinted

_FRONTS = np.array(
    [
        *([0.80, 0.77, 0.70], [0.72, 0.66, 0.56], [0.62, 0.60, 0.57], [0.76, 0.62, 0.50]),
        *([0.55, 0.35, 0.27], [0.62, 0.45, 0.36], [0.48, 0.48, 0.47], [0.86, 0.84, 0.80]),
    ]
)


def facade_material(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """A front with windows in rows, each with frame, sill and blinds, and what it mirrors in them."""
    base = drawn_from(rng, _FRONTS, 0.2)
    shade = 1 + 0.03 * noises.rough(rng) + 0.07 * noises.natural(rng)
    shade = shade * (1 + rng.uniform(0.01, 0.06) * noises.streaked(rng, 8, True))
    if rng.random() < 0.5:  # courses of stone or brick
        tall = float(rng.choice([0.08, 0.3, 0.5]))
        pieces, joints = laid_rows(rng, extent, long=3 * tall, tall=tall, joint=0.02, offset=0.5)
        shade = shade * (1 + 0.04 * pieces) * (1 - 0.12 * joints)
    image = tinted(shade, base)
    storey, bay = rng.uniform(2.7, 3.6), rng.uniform(1.4, 3.6)
    rows, columns = max(1, round(extent / storey)), max(1, round(extent / bay))
    tall, wide = TEXELS / rows, TEXELS / columns
    head, sill = rng.uniform(0.1, 0.25), rng.uniform(0.62, 0.9)
    left, right = rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.92)
    frame = draw_colour(rng, saturation=0.15, low=0.2)
    glass = mixed((0.10, 0.12, 0.14), (0.55, 0.6, 0.65), 0.3 + 0.35 * noises.cloudy(rng))
    bands = rng.random() < 0.5
    for row in range(rows):
        if bands:
            line = int((row + 0.02) * tall)
            image[line : line + 3] *= 1.12
            image[line + 3 : line + 5] *= 0.7
        for column in range(columns):
            box = (
                *(int((row + head) * tall), int((row + sill) * tall)),
                *(int((column + left) * wide), int((column + right) * wide)),
            )
            _paint_window(rng, image, glass, frame, box)
    return image


def _paint_window(
    rng: np.random.Generator,
    image: np.ndarray,
    glass: np.ndarray,
    frame: np.ndarray,
    box: tuple[int, int, int, int],
) -> None:
    """A window between rows and columns of a front."""
    top, bottom, left, right = box
    image[max(top - 2, 0) : top] *= 0.8  # the lintel's shadow
    image[top:bottom, left:right] = frame * rng.uniform(0.85, 1.1)
    image[bottom : bottom + 2, max(left - 2, 0) : right + 2] *= 1.15
    image[bottom + 2 : bottom + 5, max(left - 1, 0) : right + 1] *= 0.75
    rim = 2
    pane = image[top + rim : bottom - rim, left + rim : right - rim]
    if not pane.size:
        return
    pane[:] = glass[top + rim : bottom - rim, left + rim : right - rim] * rng.uniform(0.35, 1.5)
    pane[:3] *= 0.6
    if rng.random() < 0.4:  # a blind, or curtains
        colour = draw_colour(rng, saturation=0.15, low=0.45)
        if rng.random() < 0.5:
            pane[: int(rng.uniform(0.2, 0.95) * len(pane))] = colour
        else:
            width = int(rng.uniform(0.15, 0.4) * pane.shape[1])
            pane[:, :width], pane[:, pane.shape[1] - width :] = colour * 0.9, colour * 0.9
    if rng.random() < 0.7:
        middle = pane.shape[1] // 2
        pane[:, middle : middle + 1] = frame
    if rng.random() < 0.5:
        pane[len(pane) // 3 : len(pane) // 3 + 1] = frame


def shelf_material(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """Shelves full of books, boxes and bottles, dark behind."""
    rows = int(rng.integers(4, 9))
    image = np.zeros((TEXELS, TEXELS, 3), np.float32)
    tall = TEXELS // rows
    board, dull = draw_colour(rng, saturation=0.2, low=0.25), rng.uniform(0.5, 0.95)
    for row in range(rows):
        top, x = row * tall, 0
        image[top : top + tall] = board * 0.22
        while x < TEXELS:
            wide = int(rng.integers(2, rng.integers(5, 26)))
            high = int(rng.uniform(0.35, 0.9) * tall)
            if rng.random() < 0.88:
                colour = rng.beta(1.1, 1.6, 3)
                colour = dull * colour.mean() + (1 - dull) * colour
                item = image[top + tall - high : top + tall, x : x + wide]
                item[:] = colour
                item[:, :1] *= 0.5
                item[len(item) // 3 : len(item) // 3 + 2] *= rng.uniform(0.6, 1.5)
            x += wide + int(rng.random() < 0.2) * int(rng.integers(1, 9))
        image[top : top + max(2, tall // 5)] *= np.linspace(0.4, 1.0, max(2, tall // 5))[
            :, None, None
        ]
        image[top + tall - 3 : top + tall] = board
    return image * (1 + 0.08 * noises.natural(rng))[..., None]


def view_material(rng: np.random.Generator, noises: NoiseBank, extent: float) -> np.ndarray:
    """What stands outside windows: a bright sky over leaves or houses, out of focus."""
    height = np.linspace(1.0, 0.0, TEXELS, dtype=np.float32)[:, None]
    # Textures begin at the solid's foot, so row 0 is what is low.
    sky = mixed((0.95, 0.97, 1.0), (0.75, 0.85, 1.0), 0.4 + 0.3 * noises.cloudy(rng))
    low = mixed((0.35, 0.42, 0.25), (0.62, 0.60, 0.58), 0.5 + 0.8 * noises.cloudy(rng))
    low = low * np.clip(0.9 + 0.25 * noises.natural(rng), 0.3, 1.6)[..., None]
    skyline = rng.uniform(0.3, 0.75) + 0.08 * noises.cloudy(rng)
    return mixed(sky, low, (height - (1 - skyline)) * 8)
