"""What a pedestrian wears and is, as plain data, and how often: an `Outfit` from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textures.wardrobe.painted_garments import (
    Colour,
    PaintedGarment,
    Print,
    fabric_colour,
    sample_bottom,
    sample_fabric_colour,
    sample_print,
    sample_top,
    sample_weighted,
)

# Skin from very light to very dark, sRGB. Samples lie between neighbours.
SKIN_TONES: tuple[Colour, ...] = (
    (0.95, 0.81, 0.73),
    (0.91, 0.74, 0.63),
    (0.86, 0.67, 0.54),
    (0.77, 0.57, 0.43),
    (0.64, 0.45, 0.33),
    (0.48, 0.33, 0.24),
    (0.34, 0.23, 0.17),
)
HAIR_COLOURS: tuple[tuple[Colour, float], ...] = (
    ((0.07, 0.06, 0.06), 0.46),
    ((0.15, 0.10, 0.08), 0.22),
    ((0.28, 0.19, 0.13), 0.12),
    ((0.45, 0.32, 0.20), 0.06),
    ((0.74, 0.60, 0.40), 0.05),
    ((0.45, 0.20, 0.10), 0.03),
    ((0.55, 0.54, 0.53), 0.04),
    ((0.80, 0.79, 0.77), 0.02),
)
HAIR_STYLES = {
    "short": 0.45, "bob": 0.1, "long": 0.17, "ponytail": 0.1, "bun": 0.05, "bald": 0.03, "cap": 0.06,
    "hat": 0.04,
}  # fmt: skip
BAGS = {
    "none": 0.42, "backpack": 0.22, "shoulder strap": 0.13, "tote": 0.1, "handbag": 0.05,
    "carrier": 0.06, "umbrella": 0.02,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """Everything a person wears and is, as plain data. Colours are sRGB in [0, 1], lengths metres."""

    skin: Colour
    hair_style: str
    hair: Colour
    hairline: float  # metres that the hairline is moved up
    hair_length: float  # metres below the chin (long, ponytail)
    cap: Colour
    beard: float  # opacity
    glasses: bool
    iris: Colour
    top: PaintedGarment
    jacket: PaintedGarment | None
    bottom: PaintedGarment
    chest_print: Print | None
    back_print: Print | None
    belt: Colour | None
    sock: Colour
    sock_height: float
    shoe: Colour
    sole: Colour
    shoe_height: float
    bag: str
    bag_colour: Colour
    strap_side: int
    grain_seed: int


def _jittered(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    red, green, blue = np.clip(
        np.asarray(colour) * rng.normal(1, amount) + rng.normal(0, amount / 12, 3), 0, 1
    )
    return float(round(red, 4)), float(round(green, 4)), float(round(blue, 4))


def sample_skin(rng: np.random.Generator) -> Colour:
    """Draw a skin tone between two neighbours of `SKIN_TONES`, lighter ones somewhat more often."""
    position = rng.beta(1.1, 1.5) * (len(SKIN_TONES) - 1)
    low = min(int(position), len(SKIN_TONES) - 2)
    red, green, blue = np.array(SKIN_TONES[low]) + (position - low) * (
        np.array(SKIN_TONES[low + 1]) - np.array(SKIN_TONES[low])
    )
    return _jittered(rng, (red, green, blue), 0.03)


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Draw what a pedestrian may wear.

    Many blacks, greys, whites and denims; some bright colours.

    Args:
        rng: Source of the outfit.

    Returns:
        The outfit.
    """
    colours = [colour for colour, _ in HAIR_COLOURS]
    hair = colours[rng.choice(len(colours), p=[w for _, w in HAIR_COLOURS])]
    style = sample_weighted(rng, HAIR_STYLES)
    top, jacket = sample_top(rng)
    bottom = sample_bottom(rng, top)
    if top.kind == "dress":
        jacket = jacket if rng.random() < 0.3 else None
    printed = top.pattern.kind == "solid" and top.kind in (
        "t-shirt",
        "long sleeve",
        "hoodie",
        "tank",
    )
    shoe = fabric_colour(
        rng,
        {
            "black": 0.38,
            "white": 0.26,
            "grey": 0.1,
            "brown": 0.1,
            "navy": 0.06,
            "red": 0.05,
            "blue": 0.05,
        },
    )
    return Outfit(
        skin=sample_skin(rng),
        hair_style=style,
        hair=_jittered(rng, hair, 0.12),
        hairline=float(max(0.0, rng.normal(0.0, 0.008))),
        hair_length=float(rng.uniform(0.02, 0.24)),
        cap=sample_fabric_colour(rng),
        beard=float(rng.uniform(0.15, 0.75)) if style == "short" and rng.random() < 0.25 else 0.0,
        glasses=bool(rng.random() < 0.15),
        iris=((0.2, 0.12, 0.07), (0.25, 0.35, 0.5), (0.25, 0.3, 0.15))[
            rng.choice(3, p=[0.8, 0.12, 0.08])
        ],
        top=top,
        jacket=jacket,
        bottom=bottom,
        chest_print=sample_print(rng, top.colour) if printed and rng.random() < 0.45 else None,
        back_print=sample_print(rng, top.colour) if printed and rng.random() < 0.14 else None,
        belt=fabric_colour(rng, {"black": 0.6, "brown": 0.4}) if rng.random() < 0.35 else None,
        sock=fabric_colour(rng, {"white": 0.5, "black": 0.3, "grey": 0.2}),
        sock_height=float(rng.uniform(0.08, 0.2)),
        shoe=shoe,
        sole=shoe if rng.random() < 0.35 else _jittered(rng, (0.85, 0.85, 0.83), 0.08),
        shoe_height=float(rng.choice([0.065, 0.085, 0.15], p=[0.35, 0.5, 0.15])),
        bag=sample_weighted(rng, BAGS),
        bag_colour=sample_fabric_colour(rng),
        strap_side=int(rng.choice([-1, 1])),
        grain_seed=int(rng.integers(2**31)),
    )
