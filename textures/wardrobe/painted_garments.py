"""Garments, patterns and prints, and how often pedestrians wear which."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

# Cloth colours, sRGB, each the middle of a family.
CLOTH: dict[str, Colour] = {
    "black": (0.09, 0.09, 0.10),
    "charcoal": (0.22, 0.22, 0.24),
    "grey": (0.48, 0.48, 0.50),
    "light grey": (0.70, 0.70, 0.71),
    "white": (0.92, 0.92, 0.91),
    "cream": (0.88, 0.83, 0.71),
    "beige": (0.74, 0.65, 0.50),
    "khaki": (0.58, 0.51, 0.37),
    "brown": (0.36, 0.24, 0.16),
    "navy": (0.11, 0.14, 0.28),
    "blue": (0.16, 0.33, 0.66),
    "light blue": (0.52, 0.69, 0.87),
    "denim": (0.25, 0.33, 0.46),
    "dark denim": (0.14, 0.18, 0.27),
    "light denim": (0.50, 0.60, 0.71),
    "teal": (0.10, 0.48, 0.48),
    "green": (0.16, 0.45, 0.22),
    "olive": (0.33, 0.35, 0.20),
    "lime": (0.60, 0.78, 0.25),
    "yellow": (0.91, 0.79, 0.21),
    "orange": (0.88, 0.46, 0.14),
    "red": (0.74, 0.13, 0.14),
    "burgundy": (0.40, 0.10, 0.16),
    "pink": (0.89, 0.57, 0.66),
    "magenta": (0.76, 0.20, 0.48),
    "purple": (0.39, 0.22, 0.52),
}
TOP_COLOURS = {
    "black": 16, "white": 17, "charcoal": 5, "grey": 7, "light grey": 5, "navy": 7, "blue": 6,
    "light blue": 5, "red": 6, "burgundy": 2, "pink": 4, "magenta": 2, "green": 3, "olive": 2,
    "lime": 1.5, "teal": 2, "yellow": 3.5, "orange": 2.5, "purple": 2.5, "cream": 2, "beige": 2,
    "brown": 1.5, "khaki": 1,
}  # fmt: skip
BOTTOM_COLOURS = {
    "black": 25, "charcoal": 6, "grey": 6, "light grey": 2, "navy": 7, "denim": 15,
    "dark denim": 14, "light denim": 6, "khaki": 6, "beige": 4, "white": 2.5, "brown": 2,
    "olive": 2, "red": 1, "pink": 1, "green": 0.7, "purple": 0.5, "yellow": 0.4,
}  # fmt: skip
TOPS = {
    "t-shirt": 40,
    "long sleeve": 14,
    "shirt": 14,
    "hoodie": 10,
    "tank": 6,
    "dress": 8,
    "polo": 8,
}
BOTTOMS = {"trousers": 62, "shorts": 26, "skirt": 12}
PATTERNS = {
    "solid": 66, "stripes": 9, "checks": 6, "pinstripes": 2, "dots": 3, "block": 4, "band": 2,
    "sleeves": 3, "gradient": 2, "flowers": 3,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A cloth's pattern. `period` and `height` in metres, `share` of the period in `colour`."""

    kind: str = "solid"
    colour: Colour = (0.0, 0.0, 0.0)
    third: Colour = (0.0, 0.0, 0.0)
    period: float = 0.05
    share: float = 0.5
    height: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Print:
    """A picture on the chest or the back.

    `cells` (h,w) uint8: 0 bare cloth, else an index + 1 into `colours`; centre `x` (towards
    the right of whoever looks at it) and `y`, `width` and `height` in metres.
    """

    cells: np.ndarray
    colours: tuple[Colour, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class PaintedGarment:
    """One piece of clothing on the T-posed body; heights (y) in metres of the template's frame.

    `sleeve`: 0 at the shoulder joint, 0.5 elbow, 1 wrist. `neck_rise`, `neck_depth` and
    `neck_width` shape the neckline. `open_front`: half-width of an open jacket's gap at the
    neck.
    """

    kind: str
    colour: Colour
    pattern: Pattern
    lower: float
    upper: float = 0.5
    sleeve: float = -2.0
    neck_rise: float = 0.0
    neck_depth: float = 0.0
    neck_width: float = 0.08
    strap: float = 0.12
    open_front: float = 0.0
    placket: str = ""
    collar: float = 0.0
    trim: Colour | None = None
    tucked: bool = False
    roughness: float = 0.06
    fade: float = 0.0


def sample_weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """Draw one of the names, each with the probability of its share of the weights."""
    values = np.array(list(weights.values()), dtype=float)
    return list(weights)[rng.choice(len(values), p=values / values.sum())]


def fabric_colour(rng: np.random.Generator, weights: Mapping[str, float]) -> Colour:
    """Draw a colour of one of the weighted families of `CLOTH`, with a dye's variation."""
    hue, saturation, value = colorsys.rgb_to_hsv(*CLOTH[sample_weighted(rng, weights)])
    hue = (hue + rng.normal(0, 0.018)) % 1
    saturation = float(np.clip(saturation * rng.normal(1, 0.15), 0, 1))
    value = float(np.clip(value * rng.normal(1, 0.12), 0.04, 0.97))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red, 4), round(green, 4), round(blue, 4)


def sample_fabric_colour(rng: np.random.Generator) -> Colour:
    """Draw a colour as tops have them."""
    return fabric_colour(rng, TOP_COLOURS)


def _contrasting(rng: np.random.Generator, colour: Colour, weights: Mapping[str, float]) -> Colour:
    for _ in range(20):
        candidate = fabric_colour(rng, weights)
        if np.abs(np.subtract(candidate, colour)).max() > 0.22:
            return candidate
    red, green, blue = 1 - np.array(colour)
    return red, green, blue


def sample_pattern(rng: np.random.Generator, colour: Colour, height: float) -> Pattern:
    """Draw a pattern that goes with a colour; `height` is that of the garment's middle, metres."""
    kind = sample_weighted(rng, PATTERNS)
    period = {
        "stripes": rng.uniform(0.025, 0.09),
        "checks": rng.uniform(0.03, 0.08),
        "pinstripes": np.pi * 0.14 * 2 / rng.integers(16, 32),
        "dots": np.pi * 0.14 * 2 / rng.integers(12, 26),
        "band": rng.uniform(0.06, 0.16),
        "flowers": rng.uniform(0.02, 0.05),
    }.get(kind, 0.05)
    return Pattern(
        kind=kind,
        colour=_contrasting(rng, colour, TOP_COLOURS),
        third=_contrasting(rng, colour, TOP_COLOURS),
        period=float(period),
        share=float(rng.uniform(0.25, 0.6)),
        height=float(height + rng.uniform(-0.08, 0.12)),
        seed=int(rng.integers(2**31)),
    )


def sample_top(rng: np.random.Generator) -> tuple[PaintedGarment, PaintedGarment | None]:
    """Draw a garment for the upper body, and the jacket over it (or None)."""
    kind = sample_weighted(rng, TOPS)
    colour = fabric_colour(rng, TOP_COLOURS)
    lower = float(rng.uniform(-0.35, -0.21))
    shape: dict = {"sleeve": float(rng.uniform(0.22, 0.46))}
    if kind in ("t-shirt", "dress"):
        neck = rng.choice(3, p=[0.65, 0.15, 0.2])
        shape |= {"neck_rise": -0.005, "neck_depth": (0.0, 0.09, 0.05)[neck]}
        shape |= {"neck_width": (0.08, 0.07, 0.12)[neck]}
    elif kind == "long sleeve":
        shape = {
            "sleeve": float(rng.uniform(0.9, 1.02)),
            "neck_rise": float(rng.choice([0.0, 0.04])),
        }
    elif kind in ("shirt", "polo"):
        sleeve = (
            rng.uniform(0.9, 1.02)
            if kind == "shirt" and rng.random() < 0.6
            else rng.uniform(0.3, 0.45)
        )
        shape = {
            "sleeve": float(sleeve),
            "neck_rise": 0.02,
            "neck_depth": float(rng.uniform(0.05, 0.09)),
            "neck_width": 0.03,
            "placket": "buttons",
            "collar": float(rng.choice([0.75, 0.9, 1.15])),
        }
    elif kind == "hoodie":
        shape = {"sleeve": 1.02, "neck_rise": 0.02, "neck_depth": 0.04, "neck_width": 0.05}
        shape["placket"] = "zip" if rng.random() < 0.4 else ""
    elif kind == "tank":
        shape = {
            "sleeve": 0.0,
            "strap": float(rng.uniform(0.09, 0.14)),
            "neck_rise": -0.03,
            "neck_depth": float(rng.uniform(0.03, 0.08)),
            "neck_width": 0.12,
        }
    if kind == "dress":
        lower = float(rng.uniform(-0.72, -0.42))
        if rng.random() < 0.4:
            shape["sleeve"] = float(rng.uniform(0.02, 0.15))
    trim = fabric_colour(rng, TOP_COLOURS) if rng.random() < 0.15 else None
    top = PaintedGarment(
        kind=kind,
        colour=colour,
        pattern=sample_pattern(rng, colour, 0.05),
        lower=lower,
        trim=trim,
        tucked=bool(kind in ("shirt", "polo", "t-shirt", "tank") and rng.random() < 0.3),
        roughness=float(rng.uniform(0.05, 0.16)),
        **shape,
    )
    jacket = None
    if kind != "hoodie" and rng.random() < 0.22:
        jacket_colour = _contrasting(rng, colour, BOTTOM_COLOURS | TOP_COLOURS)
        jacket = PaintedGarment(
            kind="jacket",
            colour=jacket_colour,
            pattern=Pattern(),
            lower=float(
                rng.uniform(-0.8, -0.45) if rng.random() < 0.2 else rng.uniform(-0.42, -0.2)
            ),
            sleeve=float(rng.uniform(0.95, 1.05)),
            neck_rise=0.015,
            open_front=float(rng.uniform(0.015, 0.05)) if rng.random() < 0.75 else 0.0,
            placket="zip",
            collar=float(rng.choice([0.7, 1.0])),
            roughness=0.07,
        )
    return top, jacket


def sample_bottom(rng: np.random.Generator, top: PaintedGarment) -> PaintedGarment:
    """Draw trousers, shorts or a skirt; under a dress shorts or leggings."""
    kind = sample_weighted(rng, BOTTOMS)
    colour = fabric_colour(rng, BOTTOM_COLOURS)
    if top.kind == "dress":
        kind = "trousers" if rng.random() < 0.3 else "shorts"
        colour = (
            fabric_colour(rng, {"black": 3, "charcoal": 1}) if kind == "trousers" else top.colour
        )
    upper = float(rng.uniform(-0.17, -0.12)) if top.tucked else -0.14
    lower = {
        "trousers": rng.choice([-1.06, -0.98, -0.85], p=[0.76, 0.14, 0.1]) + rng.normal(0, 0.012),
        "shorts": rng.uniform(-0.68, -0.40),
        "skirt": rng.uniform(-0.85, -0.42),
    }[kind]
    if top.kind == "dress" and kind == "shorts":
        lower = max(-0.38, top.lower + 0.03)
    pattern = Pattern()
    if top.kind != "dress" and rng.random() < (0.3 if kind == "skirt" else 0.1):
        pattern = sample_pattern(rng, colour, (upper + lower) / 2)
    blue = colour[2] > colour[0] + 0.06
    return PaintedGarment(
        kind=kind,
        colour=colour,
        pattern=pattern,
        lower=float(lower),
        upper=upper,
        roughness=float(rng.uniform(0.04, 0.12)),
        fade=float(rng.uniform(0, 0.3)) if blue and kind != "skirt" else 0.0,
    )


def sample_print(rng: np.random.Generator, cloth: Colour) -> Print:
    """Draw a picture as shirts carry them: lines of writing, a badge, a block or an emblem."""
    kind = rng.choice(
        ["writing", "disc", "block", "emblem", "picture"], p=[0.35, 0.15, 0.15, 0.2, 0.15]
    )
    colours = tuple(_contrasting(rng, cloth, TOP_COLOURS) for _ in range(3))
    small = rng.random() < 0.25
    width = float(rng.uniform(0.05, 0.08) if small else rng.uniform(0.12, 0.24))
    rows, columns = np.mgrid[:32, :32]
    radius = np.hypot(rows - 15.5, columns - 15.5)
    cells = np.zeros((32, 32), np.uint8)
    if kind == "writing":
        for line in range(rng.integers(1, 4)):
            top, column = 2 + 10 * line, 1
            while column < 30:
                letter = int(rng.integers(1, 4))
                cells[top : top + rng.integers(5, 8), column : column + letter] = 1
                column += letter + int(rng.choice([1, 1, 3]))
    elif kind == "disc":
        cells[radius < 15] = 1
        cells[radius < 15 * rng.uniform(0.4, 0.8)] = 2
    elif kind == "block":
        cells[4:28] = 1
        cells[10:22, 4:28] = 2
    elif kind == "emblem":
        angle = np.arctan2(rows - 15.5, columns - 15.5)
        points = rng.integers(3, 8)
        cells[radius < 9 + 6 * np.cos(points * angle)] = 1
        cells[radius < 4] = 2
    else:
        coarse = rng.integers(0, 4, size=(8, 8)).astype(np.uint8)
        cells = np.kron(coarse, np.ones((4, 4), np.uint8))
        cells[radius > 16] = 0
    return Print(
        cells=cells,
        colours=colours,
        x=float(rng.choice([-1, 1]) * 0.075) if small else 0.0,
        y=float(rng.uniform(0.12, 0.2) if small else rng.uniform(0.04, 0.16)),
        width=width,
        height=width * float(rng.uniform(0.7, 1.2)),
    )
