"""A whole texture of a person: the decided outfit, painted, with what was surely seen laid over it.

What nobody saw is the garment's colour, its slow shades carried on from what was seen, and a pattern
that repeats along it; never a print or a bag from the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from textures.attire.arms import ArmEvidence
from textures.attire.decision import AttireDecision, decide_attire
from textures.attire.patterns import pattern_along
from textures.attire.surface import AttireSurface, LabelEvidence, label_evidence, pooled
from textures.fusion.surface_view import FusedSurface
from textures.visibility.shading import to_bytes
from textures.visibility.uv_layout import fill_gutters
from textures.wardrobe.labels import LABEL_INDEX
from textures.wardrobe.outfit_painting import painted_outfit

HOLD = 0.6  # heard cells that the garment's own colour weighs as much as
# Of label, weight and a texel's surroundings: from unseen to fully seen.
AGREED, SURE, SURROUNDINGS = (0.3, 0.55), (0.03, 0.2), (0.05, 0.35)
FACE_SURE = (0.12, 0.4)  # the same of a face's weight: seen askew, it is better painted
ODD = 0.35  # of sRGB's 0..1: a colour as far from the garment's must be agreed on the more
STRICTER = (0.1, 0.05)  # by so much
EDGE = 0.01  # metres from the border of a garment inwards over which what is seen fades in
FACE_SHADE = 0.3  # of what was seen of skin, carried on to where the face was not
NECK = 0.08  # metres below its joint to which the face's rules hold


@dataclass(frozen=True)
class DressedTexture:
    """A finished texture (S,S,3) uint8 sRGB, gutters filled, and the decision that it shows."""

    texture: np.ndarray
    decision: AttireDecision


def dressed_texture(
    surface: AttireSurface,
    fused: FusedSurface,
    generated: Callable[[], np.ndarray] | None = None,
    arms: ArmEvidence | None = None,
) -> DressedTexture:
    """Dress a body as photographs show it.

    Args:
        surface: of the body, at the texture's size S.
        fused: what photographs show, with labels.
        generated: makes (S,S,3) uint8, a generator's texture for garments that no photograph shows; it
            is called only where there is such a garment.
        arms: what the photographs say of sleeves, where bodies are fitted to them.

    Returns:
        The texture; the same input gives the same bytes.

    Raises:
        ValueError: for a surface without labels, or of another size.
    """
    evidence = label_evidence(surface, fused)
    decision = decide_attire(surface, fused, generated, arms, evidence)
    painting = painted_outfit(surface.texels, decision.outfit)
    painted, label = painting.rgb.astype(np.float64), painting.label.astype(np.int64)
    opacity = seen_opacity(surface, evidence, label, painted)
    base = painted + carried_on(surface, evidence, label, painted, opacity)
    colours = base + opacity[:, None] * (evidence.colours - base)
    covered = surface.texels.buffer.covered
    image = np.zeros((*covered.shape, 3), np.uint8)
    image[covered] = to_bytes(np.clip(colours, 0, 1).astype(np.float32))
    return DressedTexture(fill_gutters(image, covered), decision)


def seen_opacity(
    surface: AttireSurface, evidence: LabelEvidence, label: np.ndarray, painted: np.ndarray
) -> np.ndarray:
    """How far each texel (N,) is as it was seen: 0 where it was not, or another garment was seen there.

    Nothing is mixed across the border of two garments: towards it what was seen fades out on either side.
    What has another colour than the garment must be the more surely the garment's: straps are not.

    Args:
        surface: of the body.
        evidence: of the same.
        label: (N,) of the decided outfit.
        painted: (N,3) its colours.
    """
    agreed = np.take_along_axis(evidence.chance, label[:, None], 1)[:, 0]
    odd = np.clip(np.abs(evidence.colours - painted).max(1) / ODD, 0, 1)
    low, high = (bound + extra * odd for bound, extra in zip(AGREED, STRICTER))
    face = surface.texels.head & (label == LABEL_INDEX["skin"])
    clear = np.where(face, _ramp(evidence.weight, *FACE_SURE), _ramp(evidence.weight, *SURE))
    sure = _ramp(agreed, low, high) * clear
    sure *= 1 - _ramp(evidence.chance[:, LABEL_INDEX["carried"]], 0.12, 0.35)
    inner = _ramp(surface.border_distances(label, EDGE), 0.1 * EDGE, EDGE)
    opacity = np.zeros(len(label))
    for number in np.unique(label):
        region = label == number
        number_of = np.bincount(surface.cell, region, surface.count)
        mean = np.bincount(surface.cell, sure * region, surface.count) / np.maximum(number_of, 1)
        surrounding = surface.on_texels(mean[:, None], (number_of > 0).astype(float))[region, 0]
        opacity[region] = np.minimum(sure[region], _ramp(surrounding, *SURROUNDINGS))
    opacity *= inner
    return opacity


def carried_on(
    surface: AttireSurface,
    evidence: LabelEvidence,
    label: np.ndarray,
    painted: np.ndarray,
    opacity: np.ndarray,
) -> np.ndarray:
    """What the shades and patterns that were seen add to the painted colours, (N,3).

    Args:
        surface: of the body.
        evidence: of the same.
        label: (N,) of the decided outfit.
        painted: (N,3) its colours.
        opacity: (N,) how surely each texel was seen to be of its label.
    """
    added = np.zeros_like(painted)
    texels = surface.texels
    neck = texels.joints["neck"][1] - NECK
    head = texels.head | ((texels.position[:, 1] > neck) & (texels.arm < 0))
    for name in ("skin", "hair", "top", "bottom", "shoes"):
        region = label == LABEL_INDEX[name]
        parts = [(region, 1.0)]
        if name == "skin":  # a tanned arm says nothing of the face, and hair shades it wrongly
            parts = [(region & head, FACE_SHADE), (region & ~head, 1.0)]
        for piece, share in parts:
            if not piece.any() or opacity[piece].sum() <= 0:
                continue
            difference = evidence.colours - painted
            if name in ("top", "bottom"):
                pattern = pattern_along(surface, difference, opacity * piece, piece)
                added[piece] += pattern[piece]
                difference = difference - pattern
            added[piece] += share * _spread(surface, difference, opacity * piece, piece)
    return added


def _spread(
    surface: AttireSurface, difference: np.ndarray, weight: np.ndarray, piece: np.ndarray
) -> np.ndarray:
    """Slow differences carried on to all texels of a part (n,3), fading with the distance."""
    means, heard = pooled(difference, weight, surface.cell, surface.count)
    heard = np.where(heard > 0.05, heard, 0)
    slow = surface.reach @ (means * heard[:, None]) / (surface.reach @ heard + HOLD)[:, None]
    inside = np.bincount(surface.cell[piece], minlength=surface.count) > 0
    return surface.on_texels(slow, inside.astype(float))[piece]


def _ramp(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
