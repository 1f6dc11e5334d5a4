"""How long sleeves, trousers and shirts are among pedestrians: the wardrobe's own distribution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from textures.wardrobe.outfit import Outfit, sample_outfit

SAMPLES = 1000
SLEEVE_STEP = 0.02  # of the arm: 0 shoulder, 0.5 elbow, 1 wrist
SLEEVE_BINS = 54
HEIGHT_STEP = 0.01  # metres
HIGHEST = 0.0  # of a waist, metres in the template's frame
FLOOR = 0.02  # share of the outfits that may be like nothing in the wardrobe


@dataclass(frozen=True)
class GarmentPriors:
    """Logs of how likely garments end where.

    sleeve (K,): of a sleeve's end at k * SLEEVE_STEP. heights (H,W): of the hem of what covers the legs
    at step H and of the hem of the top at step W, counted in HEIGHT_STEP from the sole; a dress has both
    at one height. shoe (H,): of where shoes, or socks in them, end.
    """

    sleeve: np.ndarray
    heights: np.ndarray
    shoe: np.ndarray


def visible_sleeve(outfit: Outfit) -> float:
    """Where the outermost sleeve of an outfit ends; 0 for none."""
    sleeves = [outfit.top.sleeve] + ([outfit.jacket.sleeve] if outfit.jacket else [])
    return max(0.0, *sleeves) if len(sleeves) > 1 else max(0.0, sleeves[0])


def visible_hems(outfit: Outfit) -> tuple[float, float]:
    """Heights at which the top of an outfit and what is below it end, metres; equal for a dress."""
    waist = outfit.bottom.upper if outfit.top.tucked else outfit.top.lower
    if outfit.jacket is not None:
        waist = min(waist, outfit.jacket.lower)
    return waist, min(outfit.bottom.lower, waist)


@cache
def garment_priors(sole: float) -> GarmentPriors:
    """The wardrobe's own priors, for a body whose soles are at the height `sole` (metres)."""
    rng = np.random.default_rng(0)
    outfits = [sample_outfit(rng) for _ in range(SAMPLES)]
    steps = round((HIGHEST - sole) / HEIGHT_STEP)
    sleeves = np.array([visible_sleeve(outfit) for outfit in outfits])
    hems = np.array([visible_hems(outfit) for outfit in outfits])
    shoes = np.array([max(outfit.sock_height, outfit.shoe_height) for outfit in outfits])

    def index(values: np.ndarray, step: float, limit: int) -> np.ndarray:
        return np.clip(np.round(values / step).astype(int), 0, limit - 1)

    sleeve = np.bincount(index(sleeves, SLEEVE_STEP, SLEEVE_BINS), minlength=SLEEVE_BINS)
    heights = np.zeros((steps, steps))
    rows = index(hems[:, 1] - sole, HEIGHT_STEP, steps)
    np.add.at(heights, (rows, index(hems[:, 0] - sole, HEIGHT_STEP, steps)), 1)
    shoe = np.bincount(index(shoes, HEIGHT_STEP, steps), minlength=steps)
    return GarmentPriors(_log(sleeve, 1.5), _log(heights, 3.0), _log(shoe, 1.5))


def _log(counts: np.ndarray, sigma: float) -> np.ndarray:
    smooth = gaussian_filter(counts.astype(float), sigma, mode="nearest")
    shares = smooth / smooth.sum()
    return np.log((1 - FLOOR) * shares + FLOOR / shares.size)
