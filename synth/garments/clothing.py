"""What people in films wear and carry beside what their texture shows, drawn from a seed.

Cloth that hangs (skirts, dresses, coats, the trunk of a hood) finds its way about the limbs anew in each
frame; all else is skinned. Both may swing (`synth.garments.swing`). Cloth has a fabric of its own, hair
has the texture's colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from msgspec import Meta

from mocap.parsing.json_files import choice
from synth.garments.attire import Hair, Lower, Luggage, Upper
from synth.garments.clothes import make_bottom, make_shoes, make_top, shaped_patch
from synth.garments.dressing import smoothed_normals
from synth.garments.garment import Garment
from synth.garments.hair import make_hair, make_headwear
from synth.garments.luggage import make_luggage
from synth.garments.wardrobe_forms import WardrobeForms
from textures.wardrobe.painted_garments import Colour, sample_fabric_colour

CLOTHES = (
    *("dress", "coat", "hood", "skirt", "trousers", "shoes", "hair", "hat", "backpack"),
    "bag",
)
"""What can be worn, in the order in which it is drawn."""

TOPS = ("dress", "coat", "hood")
BOTTOMS = ("skirt", "trousers")
_EXCLUSIVE = (TOPS, (*BOTTOMS, "dress"), ("coat", "skirt"))  # of each of these one at most is worn


@dataclass(frozen=True, kw_only=True)
class ClothesDraw:
    """What somebody wears: `pieces` of `CLOTHES`, and the seed of their cut and colours.

    `swing`: whether what hangs lags behind the body and swings.
    """

    pieces: Annotated[
        tuple[Annotated[str, choice(CLOTHES)], ...], Meta(min_length=1, max_length=len(CLOTHES))
    ]
    seed: Annotated[int, Meta(ge=0, lt=2**62)]
    swing: bool  # without a default: plans of before there was a swing, and of other layers, are refused

    @property
    def sole(self) -> float:
        """Metres between the foot and the floor."""
        if "shoes" not in self.pieces:
            return 0.0
        return float(np.random.default_rng([self.seed, 0]).uniform(0.01, 0.03))


def fitting_pieces(pieces: Sequence[str]) -> tuple[str, ...]:
    """Those of some pieces that can be worn together: one top, and no more below it than it lets.

    Args:
        pieces: of `CLOTHES`, the first ones preferred.
    """
    chosen: list[str] = []
    for piece in pieces:
        rivals = {rival for group in _EXCLUSIVE if piece in group for rival in group}
        if not rivals & set(chosen):
            chosen.append(piece)
    return tuple(chosen)


def make_clothes(forms: WardrobeForms, vertices: np.ndarray, draw: ClothesDraw) -> list[Garment]:
    """The meshes of what somebody wears.

    Args:
        forms: of the body, prepared once.
        vertices: (V,3) of the shaped body in the T-pose, metres.
        draw: what is worn.

    Returns:
        The garments; the same draw gives the same bytes.
    """
    normals = smoothed_normals(forms, vertices)
    cloth = shaped_patch(forms.cloth, forms.cloth_vertices, vertices, normals)
    scalp = shaped_patch(forms.scalp, forms.scalp_vertices, vertices, normals)
    garments: list[Garment] = []
    underlayers: list[Garment] = []
    ease = 0.0
    # Bottoms first: tops hang over them.
    for piece in sorted(CLOTHES, key=lambda piece: piece not in BOTTOMS):
        number = CLOTHES.index(piece) + 1
        if piece not in draw.pieces:
            continue
        rng = np.random.default_rng([draw.seed, number])
        colour = sample_fabric_colour(rng)
        if piece in TOPS:
            top = _top(piece, rng)
            ease = top.ease
            garments += _dyed(make_top(forms, cloth, vertices, top, underlayers), colour)
        elif piece in BOTTOMS:
            bottom = _bottom(piece, rng)
            if set(draw.pieces) & set(TOPS):  # well inside of what hangs over it
                bottom = replace(bottom, ease=min(bottom.ease, 0.008), folds=(0.0, 7, 0.0))
            underlayers = _dyed(make_bottom(forms, cloth, vertices, bottom), colour)
            garments += underlayers
        elif piece == "shoes":
            garments += _dyed(make_shoes(forms, vertices, sole=draw.sole), colour)
        elif piece == "hair":
            style = str(rng.choice(["short", "bob", "long", "ponytail", "bun"]))
            thickness = 0.008 if "hat" in draw.pieces else float(rng.uniform(0.008, 0.03))
            length = float(rng.uniform(0.04, 0.24))
            cut = Hair(style=style, thickness=thickness, length=length)
            garments += make_hair(forms, scalp, vertices, cut)
        elif piece == "hat":
            kind = str(rng.choice(["cap", "hat"]))
            brim = float(rng.uniform(0.05, 0.09))
            garments += _dyed(make_headwear(forms, scalp, vertices, kind, brim), colour)
        else:
            garments += make_luggage(forms, vertices, _luggage(piece, rng, colour), ease)
    return garments


def _dyed(garments: Sequence[Garment], colour: Colour) -> list[Garment]:
    return [replace(garment, colour=colour) for garment in garments]


def _folds(rng: np.random.Generator, depth: float) -> tuple[float, int, float]:
    return float(depth * rng.uniform(0.4, 1)), int(rng.integers(5, 11)), float(rng.uniform(0, 6.28))


def _top(piece: str, rng: np.random.Generator) -> Upper:
    if piece == "dress":
        return Upper(
            lower=float(rng.uniform(-0.95, -0.5)),
            sleeve=float(rng.choice([-0.1, 0.3, 0.95])),
            ease=float(rng.uniform(0.01, 0.016)),
            cuff=0.025,
            flare=float(rng.uniform(0.03, 0.12)),
            taper=float(rng.uniform(0.006, 0.02)),
            folds=_folds(rng, 0.03),
        )
    if piece == "coat":
        return Upper(
            lower=float(rng.uniform(-0.85, -0.45)),
            sleeve=0.97,
            ease=float(rng.uniform(0.022, 0.03)),
            cuff=float(rng.uniform(0.02, 0.035)),
            flare=float(rng.uniform(0.02, 0.07)),
            taper=float(rng.uniform(0.002, 0.008)),
            rise=0.02,
            folds=_folds(rng, 0.015),
        )
    return Upper(
        lower=float(rng.uniform(-0.3, -0.2)),
        sleeve=0.97,
        ease=float(rng.uniform(0.02, 0.026)),
        cuff=0.025,
        flare=0.015,
        rise=0.015,
        hood=float(rng.uniform(0.035, 0.06)),
        folds=_folds(rng, 0.01),
    )


def _bottom(piece: str, rng: np.random.Generator) -> Lower:
    if piece == "skirt":
        flare = float(rng.uniform(0.02, 0.12))
        return Lower(
            skirt=True,
            upper=-0.13,
            lower=float(rng.uniform(-1.0, -0.5)),
            ease=float(rng.uniform(0.009, 0.016)),
            hem=flare,
            folds=_folds(rng, 0.01 + 0.3 * flare),
        )
    return Lower(
        skirt=False,
        upper=-0.14,
        lower=float(rng.uniform(-1.06, -0.98)),
        ease=float(rng.uniform(0.01, 0.018)),
        hem=float(rng.uniform(0.03, 0.05)),
        folds=_folds(rng, 0.012),
    )


def _luggage(piece: str, rng: np.random.Generator, colour: Colour) -> Luggage:
    kind = "backpack"
    if piece == "bag":
        kind = str(rng.choice(["shoulder bag", "tote", "handbag"]))
    low, high = (
        ((0.25, 0.36, 0.11), (0.34, 0.5, 0.2))
        if piece == "backpack"
        else (
            (0.2, 0.18, 0.06),
            (0.36, 0.3, 0.13),
        )
    )
    width, height, depth = (float(value) for value in rng.uniform(low, high))
    side = int(rng.choice([-1, 1]))
    return Luggage(kind=kind, colour=colour, side=side, size=(width, height, depth))
