"""What a person wears, decided from labels seen on the body: one boundary for both sides.

Analysis by synthesis, in the space of labels: for every sleeve, hem, waist, shoe and hairstyle that the
wardrobe may paint, how well would it explain the labels that were seen? Evidence is pooled over cells,
both arms and both legs; where little was seen, the wardrobe's own distribution decides.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from textures.attire.arms import ArmEvidence
from textures.attire.priors import HEIGHT_STEP, SLEEVE_BINS, SLEEVE_STEP
from textures.attire.surface import AttireSurface, LabelEvidence, label_evidence, pooled
from textures.attire.tones import (
    cell_colours,
    garment_colour,
    hair_tone,
    shoe_colour,
    skin_tone,
)
from textures.fusion.surface_view import FusedSurface
from textures.wardrobe.labels import LABEL_INDEX
from textures.wardrobe.outfit import Outfit
from textures.wardrobe.painted_garments import Colour, PaintedGarment, Pattern

SURFACE_SHARE = 0.3  # of what texels say of sleeves, where photographs say it, too
TRUST = 0.5  # of a fully heard cell's log-likelihood: neighbours say the same, and fits are off
LEAST_CELLS = 6.0  # heard cells of a garment from which on its colour is taken
USUAL_CLOTH = (0.16, 0.16, 0.18)  # where no generator stands in
SHOE = 0.085  # metres from the sole to a shoe's upper end; what is above it is a sock
SLEEVELESS = 0.06  # of the arm
SLEEVE_KINDS = (0.12, 0.7)  # of the arm: from no sleeve to a short one, from a short to a long one
# Where a fitted arm is off, what lies behind it is seen: the shirt, oftener than skin behind a sleeve.
SHIRT_FOR_SKIN, SKIN_FOR_SHIRT = 0.4, 0.05
# The same of hair that hangs, and of the head's outline.
OTHER_FOR_HAIR, HAIR_FOR_OTHER = 0.5, 0.06
HANGING = ("bob", "long", "ponytail")
SKIN, HAIR, TOP, BOTTOM, SHOES = (
    LABEL_INDEX[name] for name in ("skin", "hair", "top", "bottom", "shoes")
)


@dataclass(frozen=True, kw_only=True)
class AttireDecision:
    """What a person wears.

    outfit: all of it, ready to be painted. sleeve: where it ends, 0 shoulder, 0.5 elbow, 1 wrist. waist,
    hem: heights in metres of the template where top and bottom end, equal for a dress. heard: how many
    cells of skin, hair, top, bottom and shoes were seen.
    """

    outfit: Outfit
    sleeve: float
    waist: float
    hem: float
    heard: dict[str, float]


def decide_attire(
    surface: AttireSurface,
    fused: FusedSurface,
    generated: Callable[[], np.ndarray] | None = None,
    arms: ArmEvidence | None = None,
    evidence: LabelEvidence | None = None,
) -> AttireDecision:
    """Decide what a person wears.

    Args:
        surface: of the body.
        fused: what photographs show of it, with labels.
        generated: makes (S,S,3) uint8, a generator's texture, whose colours stand in for garments that
            no photograph shows; it is called only where there is such a garment.
        arms: what the photographs say of sleeves, where bodies are fitted to them.
        evidence: `label_evidence` of the same, where it is at hand.

    Returns:
        The decision; the same photographs give the same.
    """
    evidence = evidence or label_evidence(surface, fused)
    texture = None if generated is None else cache(generated)
    sleeve = _sleeve(surface, evidence, arms)
    waist, hem, shoe = _heights(surface, evidence)
    style, length = _hair_style(surface, evidence)
    texels = surface.texels
    y, sole = texels.position[:, 1], texels.sole
    colours: dict[str, Colour] = {}
    heard: dict[str, float] = {}
    trunk = texels.arm < 0
    regions = {
        "top": np.where(texels.arm > 0, texels.arm < sleeve, (y > waist) & ~texels.head),
        "bottom": trunk & (y < waist) & (y > hem),
        "shoes": y < sole + min(shoe, SHOE),
        "sock": (y > sole + SHOE + 0.01) & (y < sole + shoe),
    }
    for name, region in regions.items():
        label = LABEL_INDEX["shoes" if name == "sock" else name]
        centre, heard[name] = garment_colour(surface, evidence, region, label)
        if name == "shoes":
            centre = shoe_colour(centre, heard[name])
        elif heard[name] < (2 if name == "sock" else LEAST_CELLS):
            centre = _stand_in_colour(surface, texture, region, name, colours)
        colours[name] = centre
    skin_cells = cell_colours(surface, evidence, SKIN)
    hair_cells = cell_colours(surface, evidence, HAIR)
    hair, headwear = hair_tone(*hair_cells)
    heard["skin"] = float(skin_cells[1].sum())
    heard["hair"] = float(hair_cells[1].sum())
    if headwear is not None:
        style = "cap"
    outfit = _outfit(
        colours,
        skin=skin_tone(*skin_cells),
        hair=hair,
        cap=headwear or hair,
        style=style,
        length=length,
        cut=(sleeve, waist, hem, shoe),
        seed=zlib.crc32(np.round(fused.weight * 255).astype(np.uint8).tobytes()) >> 1,
    )
    return AttireDecision(outfit=outfit, sleeve=sleeve, waist=waist, hem=hem, heard=heard)


def _sleeve(surface: AttireSurface, evidence: LabelEvidence, arms: ArmEvidence | None) -> float:
    arm = surface.texels.arm
    chosen = (arm > 0) & (arm < SLEEVE_BINS * SLEEVE_STEP)
    step = np.floor(arm[chosen] / SLEEVE_STEP).astype(np.int64)
    group = (surface.side[chosen] * 2 + surface.front[chosen]) * SLEEVE_BINS + step
    chance = np.exp(evidence.log_chance[chosen])
    values = _mistaken(chance[:, TOP], chance[:, SKIN], SKIN_FOR_SHIRT, SHIRT_FOR_SKIN)
    means, heard = pooled(values, evidence.weight[chosen], group, 4 * SLEEVE_BINS)
    scores = (means * heard[:, None]).reshape(4, SLEEVE_BINS, -1).sum(0)
    if arms is not None:
        scores = SURFACE_SHARE * scores + np.stack([arms.covered, arms.bare], 1)
    cloth, bare = np.cumsum(scores, 0).T
    before = np.concatenate([[0], cloth[:-1]])
    after = bare[-1] - np.concatenate([[0], bare[:-1]])
    score = TRUST * (before + after) + surface.priors.sleeve
    chance = np.exp(score - score.max())
    # None, short or long by all that speaks for each, then where; else a peak wins over a plain.
    edges = [0, *(round(bound / SLEEVE_STEP) for bound in SLEEVE_KINDS), SLEEVE_BINS]
    kinds = [slice(low, high) for low, high in itertools.pairwise(edges)]
    kind = max(kinds, key=lambda kind: float(chance[kind].sum()))
    return (kind.start + int(chance[kind].argmax())) * SLEEVE_STEP


def _mistaken(
    first: np.ndarray, second: np.ndarray, first_as_second: float, second_as_first: float
) -> np.ndarray:
    """Log-likelihoods (n,2) of two things, of which one is at times seen for the other."""
    return np.log(
        np.stack(
            [
                (1 - first_as_second) * first + first_as_second * second,
                (1 - second_as_first) * second + second_as_first * first,
            ],
            1,
        )
    )


def _heights(surface: AttireSurface, evidence: LabelEvidence) -> tuple[float, float, float]:
    """Waist and hem in the template's frame, and the shoe's upper end above the sole, metres."""
    texels, priors = surface.texels, surface.priors
    steps = len(priors.shoe)
    y = texels.position[:, 1]
    step = np.floor((y - texels.sole) / HEIGHT_STEP).astype(np.int64)
    chosen = (texels.arm < 0) & ~texels.head & (step < steps)
    step = np.maximum(step, 0)
    group = (surface.side * 2 + surface.front) * steps + step
    means, heard = pooled(
        evidence.log_chance[chosen], evidence.weight[chosen], group[chosen], 4 * steps
    )
    scores = (means * heard[:, None]).reshape(4, steps, -1).sum(0)
    # beneath_step[k, label]: all cells under step k were of that label.
    beneath_step = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, 0)])[:steps]
    whole = scores.sum(0)
    row = np.arange(steps)
    shoe_end, hem = np.minimum(row[:, None], row[None, :]), row[None, :]
    legs = TRUST * (
        beneath_step[shoe_end, SHOES] + beneath_step[hem, SKIN] - beneath_step[shoe_end, SKIN]
    )
    legs = legs + priors.shoe[:, None]
    shoe = legs.argmax(0)  # the best for each hem
    cloth = (
        beneath_step[None, :, BOTTOM]
        - beneath_step[:, None, BOTTOM]
        + whole[TOP]
        - beneath_step[None, :, TOP]
    )
    total = legs.max(0)[:, None] + TRUST * cloth + priors.heights
    total[row[:, None] > row[None, :]] = -np.inf
    best_hem, best_waist = np.unravel_index(int(total.argmax()), total.shape)
    return (
        texels.sole + float(best_waist) * HEIGHT_STEP,
        texels.sole + float(best_hem) * HEIGHT_STEP,
        float(shoe[best_hem]) * HEIGHT_STEP,
    )


def _hair_style(surface: AttireSurface, evidence: LabelEvidence) -> tuple[str, float]:
    """The style and its length below the chin, metres."""
    texels = surface.texels
    chosen = (texels.position[:, 1] > texels.joints["spine3"][1] - 0.05) & (texels.arm < 0.1)
    chance = np.exp(evidence.log_chance[chosen, HAIR])
    values = _mistaken(chance, 1 - chance, OTHER_FOR_HAIR, HAIR_FOR_OTHER)
    means, heard = pooled(values, evidence.weight[chosen], surface.cell[chosen], surface.count)
    number = np.maximum(np.bincount(surface.cell[chosen], minlength=surface.count), 1)
    scores = []
    for candidate in surface.candidates:
        inside = candidate.region[chosen].astype(float)
        share = np.bincount(surface.cell[chosen], inside, surface.count) / number
        likelihood = (heard * (share * means[:, 0] + (1 - share) * means[:, 1])).sum()
        scores.append(TRUST * likelihood + np.log(candidate.share))
    chance = np.exp(np.array(scores) - max(scores))
    # Hanging or not by all that speaks for either, then how.
    hangs = np.array([candidate.style in HANGING for candidate in surface.candidates])
    kind = hangs == (chance[hangs].sum() > chance[~hangs].sum())
    best = surface.candidates[int(np.where(kind, chance, -1.0).argmax())]
    return best.style, best.length


def _stand_in_colour(
    surface: AttireSurface,
    generated: Callable[[], np.ndarray] | None,
    region: np.ndarray,
    name: str,
    colours: dict[str, Colour],
) -> Colour:
    """A colour for what nobody saw: the generator's, else a usual one."""
    if name == "sock":
        return colours["shoes"]
    if generated is None or not region.any():
        return USUAL_CLOTH
    values = generated()[surface.texels.buffer.covered][region] / 255
    red, green, blue = np.median(values, axis=0).tolist()
    return red, green, blue


def _outfit(
    colours: dict[str, Colour],
    *,
    skin: Colour,
    hair: Colour,
    cap: Colour,
    style: str,
    length: float,
    cut: tuple[float, float, float, float],
    seed: int,
) -> Outfit:
    """An outfit of plain cloth with these measures: sleeve, waist, hem and the shoe's upper end."""
    sleeve, waist, hem, shoe = cut
    dress = hem >= waist
    top = PaintedGarment(
        kind="tank" if sleeve < SLEEVELESS else "t-shirt",
        colour=colours["top"],
        pattern=Pattern(),
        lower=waist,
        sleeve=sleeve,
        roughness=0.05,
        neck_rise=-0.03 if sleeve < SLEEVELESS else -0.005,
        neck_depth=0.04 if sleeve < SLEEVELESS else 0.0,
        neck_width=0.12,
        strap=0.125,
    )
    bottom = PaintedGarment(
        kind="trousers" if hem < -0.75 else "shorts",
        colour=colours["top"] if dress else colours["bottom"],
        pattern=Pattern(),
        lower=waist + 0.02 if dress else hem,
        upper=max(waist + 0.04, -0.14),
        roughness=0.05,
    )
    red, green, blue = (0.85 * value + 0.06 for value in colours["shoes"])
    return Outfit(
        skin=skin,
        hair_style=style,
        hair=hair,
        hairline=0.0,
        hair_length=length,
        cap=cap,
        beard=0.0,
        glasses=False,
        iris=(0.2, 0.12, 0.07),
        top=top,
        jacket=None,
        bottom=bottom,
        chest_print=None,
        back_print=None,
        belt=None,
        sock=colours["sock"],
        sock_height=shoe,
        shoe=colours["shoes"],
        sole=(red, green, blue),
        shoe_height=min(shoe, SHOE),
        bag="none",
        bag_colour=(0.1, 0.1, 0.1),
        strap_side=1,
        grain_seed=seed,
    )
