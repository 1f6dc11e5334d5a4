"""From an outfit, which is painted, to the measures of the garments that its cloth is worn as."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synth.garments.attire import Attire, Hair, Lower, Luggage, Upper
from textures.wardrobe.outfit import Outfit
from textures.wardrobe.painted_garments import PaintedGarment

BICYCLES = 0.07  # share of the people who ride or push one
LUGGAGE_SIZES = {  # width, height, depth, metres: smallest and largest
    "backpack": ((0.25, 0.36, 0.11), (0.34, 0.5, 0.22)),
    "shoulder bag": ((0.18, 0.15, 0.05), (0.38, 0.3, 0.13)),
    "tote": ((0.24, 0.2, 0.07), (0.4, 0.34, 0.16)),
    "handbag": ((0.22, 0.18, 0.08), (0.38, 0.3, 0.16)),
    "carrier": ((0.18, 0.22, 0.08), (0.34, 0.4, 0.2)),
    "umbrella": ((0.42, 0.6, 0.1), (0.55, 0.72, 0.1)),
}


def attire_of_outfit(outfit: Outfit) -> Attire:
    """The garments that an outfit is worn as; what the paint does not say is drawn from its seed.

    Args:
        outfit: what is painted. Garments end where their paint ends.

    Returns:
        Measures of the same clothes; bags are things to carry and not painted on the body then.
    """
    rng = np.random.default_rng([outfit.grain_seed, 1])
    loose = float(rng.beta(1.6, 1.6))
    return Attire(
        top=_upper(rng, outfit, loose),
        bottom=_lower(rng, outfit.bottom, loose),
        hair=_hair(rng, outfit),
        headwear=outfit.hair_style if outfit.hair_style in ("cap", "hat") else "",
        brim=float(rng.uniform(0.045, 0.1) if outfit.hair_style == "hat" else 0.065),
        sole=float(rng.choice([0.01, 0.022, 0.035], p=[0.5, 0.38, 0.12])),
        luggage=_luggage(rng, outfit),
    )


def with_bicycle(rng: np.random.Generator, attire: Attire) -> Attire:
    """The same attire, now and then with a bicycle to ride or to push."""
    if rng.random() >= BICYCLES:
        return attire
    kind = "ridden bicycle" if rng.random() < 0.6 else "pushed bicycle"
    red, green, blue = np.clip(rng.uniform(0.05, 0.5) + rng.normal(0, 0.06, 3), 0, 1).tolist()
    side = int(rng.choice([-1, 1]))
    thing = Luggage(kind=kind, colour=(red, green, blue), side=side, size=(0.6, 1.0, 1.7))
    # Hands at the handlebar hold nothing else.
    held = ("handbag", "carrier", "umbrella")
    remaining = tuple(item for item in attire.luggage if item.kind not in held)
    return replace(attire, luggage=(*remaining, thing))


def _folds(rng: np.random.Generator, depth: float) -> tuple[float, int, float]:
    return float(depth * rng.uniform(0.2, 1)), int(rng.integers(4, 11)), float(rng.uniform(0, 6.28))


def _upper(rng: np.random.Generator, outfit: Outfit, loose: float) -> Upper:
    top, jacket = outfit.top, outfit.jacket
    outer: PaintedGarment = jacket or top
    lower = outer.lower
    if top.tucked and jacket is None:
        lower = outfit.bottom.upper - 0.02
    elif jacket is not None and not top.tucked:
        lower = min(outer.lower, top.lower)
    ease = 0.007 + 0.013 * loose
    if outer.kind in ("jacket", "hoodie"):
        ease += 0.01
    sleeve = min(outer.sleeve, 1.0)
    short = 0.05 < sleeve < 0.7
    cuff = ease + (0.03 * loose + 0.004 if short else 0.008 + 0.014 * loose * rng.random())
    flare = 0.02 * loose * rng.random()
    if outer.kind == "dress" or lower < -0.45:
        flare = float(rng.uniform(0.01, 0.09))
    return Upper(
        lower=float(lower),
        sleeve=float(sleeve if sleeve > 0.05 else -0.1),
        ease=float(ease),
        cuff=float(cuff),
        flare=float(flare),
        taper=float(rng.uniform(0.012, 0.03) if loose < 0.3 else rng.uniform(0.002, 0.009)),
        rise=float(outer.neck_rise),
        hood=float(rng.uniform(0.03, 0.06)) if outer.kind == "hoodie" else 0.0,
        folds=_folds(rng, 0.012 + 0.25 * flare + 0.01 * loose),
    )


def _lower(rng: np.random.Generator, bottom: PaintedGarment, loose: float) -> Lower:
    wide = float(np.clip(loose + rng.normal(0, 0.25), 0, 1))
    if bottom.kind == "skirt":
        flare = float(rng.uniform(0.005, 0.12))
        return Lower(
            skirt=True,
            upper=bottom.upper,
            lower=bottom.lower,
            ease=float(rng.uniform(0.008, 0.016)),
            hem=flare,
            taper=0.0 if flare > 0.03 else float(rng.uniform(0, 0.012)),
            folds=_folds(rng, 0.01 + 0.3 * flare),
        )
    hem = 0.012 + 0.045 * wide if bottom.lower > -0.8 else 0.006 + 0.032 * wide**1.5
    return Lower(
        skirt=False,
        upper=bottom.upper,
        lower=float(bottom.lower),
        ease=0.004 + 0.014 * wide,
        hem=float(hem),
        folds=_folds(rng, 0.004 + 0.008 * wide),
    )


def _hair(rng: np.random.Generator, outfit: Outfit) -> Hair:
    style = {"cap": "short", "hat": "short"}.get(outfit.hair_style, outfit.hair_style)
    if outfit.hair_style == "hat" and rng.random() < 0.5:
        style = "bob"
    length = 0.02 if style == "bob" else outfit.hair_length
    thickness = float(rng.uniform(0.006, 0.03))
    if outfit.hair_style in ("cap", "hat"):
        thickness = min(thickness, 0.008)
    return Hair(style=style, thickness=thickness, length=length, hairline=outfit.hairline)


def _luggage(rng: np.random.Generator, outfit: Outfit) -> tuple[Luggage, ...]:
    def thing(kind: str, side: int) -> Luggage:
        low, high = LUGGAGE_SIZES[kind]
        width, height, depth = (float(value) for value in rng.uniform(low, high))
        return Luggage(kind=kind, colour=outfit.bag_colour, side=side, size=(width, height, depth))

    bag = {"none": "", "shoulder strap": "shoulder bag"}.get(outfit.bag, outfit.bag)
    things = [thing(bag, outfit.strap_side)] if bag else []
    if bag != "carrier" and rng.random() < 0.07:
        things.append(thing("carrier", -outfit.strap_side))
    return tuple(things)
