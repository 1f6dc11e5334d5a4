"""Charts as PNG pictures: lines over steps or shares, and confusion matrices."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from action_recog.experiment.curves import Curve

COLOURS = (
    (31, 119, 180), (214, 96, 20), (44, 140, 60), (190, 40, 50), (130, 90, 170),
    (120, 85, 70), (200, 80, 160), (90, 90, 90), (150, 150, 30), (20, 160, 180),
)  # fmt: skip
_INK, _GRID, _NOTE = (30, 30, 30), (222, 222, 222), (150, 60, 0)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers between two."""
    span = max(high - low, 1e-9)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def line_chart(
    curves: Sequence[Curve],
    *,
    title: str,
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    markers: bool = False,
    bands: Sequence[tuple[np.ndarray, np.ndarray] | None] = (),
    note: str = "",
) -> bytes:
    """Draw curves.

    Args:
        curves: At least one; the legend has their names.
        title: Heading.
        x_label: What is along x.
        y_label: What is along y.
        y_range: Ends of the y axis; by default those of the data.
        markers: Whether points have dots.
        bands: For each curve, lower and upper ends (N,) of bars at its points, or None.
        note: Line below, that says what the data are.

    Returns:
        A PNG file.
    """
    scale = 2  # drawn large, for smooth lines
    width, height = 760 * scale, 430 * scale
    left, top, right, bottom = 70 * scale, 56 * scale, 560 * scale, 370 * scale
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font, small = _font(14 * scale), _font(12 * scale)
    ends = [value for band in bands if band is not None for value in band]
    y_values = np.concatenate([curve.y for curve in curves] + ends)
    x_values = np.concatenate([curve.x for curve in curves])
    x_low, x_high = float(x_values.min()), float(x_values.max())
    y_low, y_high = y_range or (float(y_values.min()), float(y_values.max()))
    if x_high <= x_low:  # a single point stands in the middle
        x_low, x_high = x_low - 1, x_low + 1
    if y_high <= y_low:
        y_low, y_high = y_low - 1, y_low + 1

    def position(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            bottom - (y - y_low) / (y_high - y_low) * (bottom - top),
        )

    for tick in _ticks(y_low, y_high):
        y = position(x_low, tick)[1]
        draw.line([(left, y), (right, y)], fill=_GRID, width=scale)
        draw.text((left - 8 * scale, y), f"{tick:g}", fill=_INK, font=small, anchor="rm")
    for tick in _ticks(x_low, x_high):
        x = position(tick, y_low)[0]
        draw.line([(x, bottom), (x, bottom + 4 * scale)], fill=_INK, width=scale)
        draw.text((x, bottom + 7 * scale), f"{tick:g}", fill=_INK, font=small, anchor="ma")
    draw.rectangle([left, top, right, bottom], outline=_INK, width=scale)
    draw.text((left, 10 * scale), title, fill=_INK, font=font)
    draw.text(((left + right) / 2, 398 * scale), x_label, fill=_INK, font=small, anchor="ma")
    draw.text((left, 42 * scale), y_label, fill=_INK, font=small, anchor="lm")
    draw.text((8 * scale, 422 * scale), note, fill=_NOTE, font=_font(11 * scale), anchor="lm")
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        points = [position(float(x), float(y)) for x, y in zip(curve.x, curve.y)]
        if len(points) > 1:
            draw.line(points, fill=colour, width=2 * scale, joint="curve")
        band = bands[number] if number < len(bands) else None
        if band is not None:
            for x, low, high in zip(curve.x, *band):
                shift = 3 * scale * (number - (len(curves) - 1) / 2)  # bars side by side
                bar = [position(float(x), float(end)) for end in (low, high)]
                draw.line([(px + shift, py) for px, py in bar], fill=colour, width=scale)
        if markers or len(points) == 1:
            for x, y in points:
                radius = 4 * scale
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
        y = top + (8 + 22 * number) * scale
        draw.line([(right + 14 * scale, y), (right + 34 * scale, y)], fill=colour, width=3 * scale)
        name = curve.name if len(curve.name) <= 24 else curve.name[:23] + "…"
        draw.text((right + 40 * scale, y), name, fill=_INK, font=small, anchor="lm")
    return _png(image.resize((width // scale, height // scale), Image.Resampling.LANCZOS))


def matrix_chart(matrix: np.ndarray, names: Sequence[str], *, title: str, note: str = "") -> bytes:
    """Draw a confusion matrix.

    Args:
        matrix: Shares (C,C) from 0 to 1: rows are labels, columns predictions.
        names: Names of the classes.
        title: Heading.
        note: Line below, that says what the data are.

    Returns:
        A PNG file; up to 30 classes are named, up to 15 have their percentages.
    """
    count = len(names)
    cell = max(6, min(40, 900 // count))
    named = count <= 30
    font, small = _font(14), _font(11)
    margin = 16 + int(max(small.getlength(name) for name in names)) if named else 24
    size = cell * count
    texts = int(max(font.getlength(title), small.getlength(note))) + 16
    image = Image.new("RGB", (max(margin + size + 24, texts), 64 + size + margin), "white")
    draw = ImageDraw.Draw(image)
    draw.text((8, 10), title, fill=_INK, font=font)
    draw.text((8, image.height - 12), note, fill=_NOTE, font=small, anchor="lm")
    for row in range(count):
        for column in range(count):
            share = float(matrix[row, column])
            x, y = margin + column * cell, 40 + row * cell
            # White to a dark blue: the ink turns white where the cell is dark.
            colour = tuple(round(255 + (end - 255) * share) for end in (8, 48, 107))
            draw.rectangle([x, y, x + cell - 1, y + cell - 1], fill=colour)
            if count <= 15 and share >= 0.005:
                ink = (255, 255, 255) if share > 0.5 else _INK
                text = f"{100 * share:.0f}"
                draw.text((x + cell / 2, y + cell / 2), text, fill=ink, font=small, anchor="mm")
    draw.rectangle([margin - 1, 39, margin + size, 40 + size], outline=_INK)
    if named:
        for number, name in enumerate(names):
            middle = 40 + (number + 0.5) * cell
            draw.text((margin - 6, middle), name, fill=_INK, font=small, anchor="rm")
            _vertical_text(image, name, (margin + int((number + 0.5) * cell), 46 + size), small)
    return _png(image)


def _vertical_text(
    image: Image.Image,
    text: str,
    top: tuple[int, int],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    strip = Image.new("RGB", (int(font.getlength(text)) + 2, 16), "white")
    ImageDraw.Draw(strip).text((strip.width, 8), text, fill=_INK, font=font, anchor="rm")
    turned = strip.rotate(90, expand=True)
    image.paste(turned, (top[0] - turned.width // 2, top[1]))
