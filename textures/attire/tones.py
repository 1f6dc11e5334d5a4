"""Colours of skin, hair and garments as robust centres of what photographs show of them."""

from __future__ import annotations

import numpy as np

from textures.attire.surface import AttireSurface, LabelEvidence, pooled
from textures.wardrobe.outfit import SKIN_TONES
from textures.wardrobe.painted_garments import Colour

LUMA = np.array([0.299, 0.587, 0.114])
CERTAIN = 0.55  # probability of its label from which on a texel's colour is a garment's
USUAL_SKIN, USUAL_HAIR = (0.77, 0.57, 0.43), (0.12, 0.09, 0.08)
LIT = 0.75  # share of the skin that was seen which is darker than its tone
HUE = 0.6  # how far the photographs' hue of skin is followed, away from the curve
SKIN_CELLS = 6.0  # heard cells that weigh as much as the usual tone
VIVID = 0.22  # spread of the channels from which on it is a cap and not hair
USUAL_SHOE, SHOE_CELLS = (0.17, 0.17, 0.17), 3.0  # heard cells that weigh as much as it
CAP_LIGHT = 0.82  # luma from which on it is a white cap and not grey hair


def cell_colours(
    surface: AttireSurface,
    evidence: LabelEvidence,
    label: int,
    region: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (count,3) of the cells that show a label, within a region (N,), and heard (count,)."""
    chance = evidence.chance[:, label]
    weight = evidence.weight * chance * (chance > CERTAIN)
    if region is not None:
        weight = weight * region
    return pooled(evidence.colours, weight, surface.cell, surface.count)


def garment_colour(
    surface: AttireSurface, evidence: LabelEvidence, region: np.ndarray, label: int
) -> tuple[Colour, float]:
    """The colour of a garment and how many cells showed it."""
    colours, heard = cell_colours(surface, evidence, label, region)
    return robust_centre(colours, heard), float(heard.sum())


def shoe_colour(centre: Colour, heard: float) -> Colour:
    """What few cells say of shoes, drawn to a usual colour; a generator knows no better."""
    share = heard / (heard + SHOE_CELLS)
    red, green, blue = (
        usual + share * (value - usual) for value, usual in zip(centre, USUAL_SHOE, strict=True)
    )
    return red, green, blue


def robust_centre(colours: np.ndarray, heard: np.ndarray) -> Colour:
    """The weighted median (3,) of cells' colours, channel by channel; black where none is heard."""
    if heard.sum() <= 0:
        return (0.0, 0.0, 0.0)
    red, green, blue = (weighted_quantile(colours[:, c], heard, 0.5) for c in range(3))
    return red, green, blue


def weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """The value below which a share of the weight lies."""
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(running, share * running[-1])])


def skin_tone(colours: np.ndarray, heard: np.ndarray) -> Colour:
    """The tone on the curve of human skin as light as what was seen, in the photographs' own hue.

    Args:
        colours: (n,3) of the cells that showed skin.
        heard: (n,) how well; where it is little the tone is nearer the usual one.
    """
    curve = np.array(SKIN_TONES[::-1])
    usual, weight = float(np.dot(USUAL_SKIN, LUMA)), heard.sum()
    value, hue = usual, np.zeros(3)
    if weight > 0:
        # Part of what is seen lies in shade, or is hair or a beard.
        shown = weighted_quantile(colours @ LUMA, heard, LIT)
        value = (weight * shown + SKIN_CELLS * usual) / (weight + SKIN_CELLS)
        centre = np.array(robust_centre(colours, heard))
        hue = HUE * weight / (weight + SKIN_CELLS) * (centre - _on_curve(curve, centre @ LUMA))
    red, green, blue = np.clip(_on_curve(curve, value) + hue, 0, 1).tolist()
    return red, green, blue


def _on_curve(curve: np.ndarray, luma: float) -> np.ndarray:
    """The colour (3,) of a curve from dark to light that has this luma, or its end's."""
    return np.array([np.interp(luma, curve @ LUMA, curve[:, c]) for c in range(3)])


def hair_tone(colours: np.ndarray, heard: np.ndarray) -> tuple[Colour, Colour | None]:
    """The colour of the hair, and that of a cap or hat where what is seen is none of hair's."""
    weight = heard.sum()
    if weight < 2:
        return USUAL_HAIR, None
    centre = np.array(robust_centre(colours, heard))
    red, green, blue = centre.tolist()
    warm = red >= green - 0.02 >= blue - 0.06  # as blond and red hair are
    spread = float(centre.max() - centre.min())
    if (spread > VIVID and not warm) or centre @ LUMA > CAP_LIGHT:
        return USUAL_HAIR, (red, green, blue)
    return (red, green, blue), None
