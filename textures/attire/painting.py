"""A whole texture of a person: the decided outfit, painted, with what was surely seen laid over it.

What nobody saw is the garment's colour, its slow shades carried on from what was seen, and a pattern
that repeats along it; never a print or a bag from the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from textures.attire.decision import AttireDecision, decide_attire
from textures.attire.patterns import pattern_along
from textures.attire.surface import AttireSurface, LabelEvidence, label_evidence, pooled
from textures.fusion.surface_view import FusedSurface
from textures.visibility.shading import to_bytes
from textures.visibility.uv_layout import fill_gutters
from textures.wardrobe.labels import LABEL_INDEX, LABELS
from textures.wardrobe.outfit_painting import painted_outfit

REACH = 0.05  # metres over which seen shades are carried on
TURN = 0.06  # metres that a half turn of the surface counts as
HOLD = 0.6  # heard cells that the garment's own colour weighs as much as
AGREED, SURE = (0.45, 0.75), (0.03, 0.2)  # of label and weight: from unseen to fully seen
EDGE = (
    4.0 / 256
)  # of the texture's side: from the border of a garment inwards, what is seen fades in
FEATHER = 2.0 / 256
# How much of what is seen is laid on. Faces a few pixels wide are better painted.
OPACITY = {"skin": 0.9, "hair": 0.75, "top": 1.0, "bottom": 1.0, "shoes": 0.8, "carried": 0.0}
FACE_OPACITY = 0.0


@dataclass(frozen=True)
class DressedTexture:
    """A finished texture (S,S,3) uint8 sRGB, gutters filled, and the decision that it shows."""

    texture: np.ndarray
    decision: AttireDecision


def dressed_texture(
    surface: AttireSurface, fused: FusedSurface, generated: np.ndarray | None = None
) -> DressedTexture:
    """Dress a body as photographs show it.

    Args:
        surface: of the body, at the texture's size S.
        fused: what photographs show, with labels.
        generated: (S,S,3) uint8, a generator's texture for garments that no photograph shows.

    Returns:
        The texture; the same input gives the same bytes.

    Raises:
        ValueError: for a surface without labels, or of another size.
    """
    decision = decide_attire(surface, fused, generated)
    evidence = label_evidence(surface, fused)
    painting = painted_outfit(surface.texels, decision.outfit)
    painted, label = painting.rgb.astype(np.float64), painting.label.astype(np.int64)
    opacity = seen_opacity(surface, evidence, label)
    base = painted + carried_on(surface, evidence, label, painted, opacity)
    face = surface.texels.head & (label == LABEL_INDEX["skin"])
    laid = opacity * np.array([OPACITY[name] for name in LABELS])[label]
    laid[face] *= FACE_OPACITY
    colours = base + laid[:, None] * (evidence.colours - base)
    covered = surface.texels.buffer.covered
    image = np.zeros((*covered.shape, 3), np.uint8)
    image[covered] = to_bytes(np.clip(colours, 0, 1).astype(np.float32))
    return DressedTexture(fill_gutters(image, covered), decision)


def seen_opacity(surface: AttireSurface, evidence: LabelEvidence, label: np.ndarray) -> np.ndarray:
    """How far each texel (N,) is as it was seen: 0 where it was not, or another garment was seen there.

    Nothing is mixed across the border of two garments: towards it what was seen fades out on either side.

    Args:
        surface: of the body.
        evidence: of the same.
        label: (N,) of the decided outfit.
    """
    covered = surface.texels.buffer.covered
    size = len(covered)
    agreed = np.take_along_axis(evidence.chance, label[:, None], 1)[:, 0]
    sure = _ramp(agreed, *AGREED) * _ramp(evidence.weight, *SURE)
    sure *= 1 - _ramp(evidence.chance[:, LABEL_INDEX["carried"]], 0.15, 0.4)
    sure_map = _as_map(sure, covered)
    label_map = _as_map(label.astype(np.float64), covered)
    opacity = np.zeros(covered.shape)
    width = max(3, round(size * FEATHER * 2) | 1)
    for number in np.unique(label):
        region = label_map == number
        distance = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 5)
        inner = _ramp(distance, 0.5, max(1.0, EDGE * size))
        part = cv2.erode(np.where(region, sure_map, 1.0), np.ones((width, width)))
        part = np.where(region, part, 0.0)
        weight = cv2.GaussianBlur(region.astype(np.float64), (0, 0), size * FEATHER)
        smooth = cv2.GaussianBlur(part, (0, 0), size * FEATHER) / np.maximum(weight, 1e-6)
        opacity[region] = (np.minimum(smooth, np.maximum(sure_map, smooth) * 1.0) * inner)[region]
    return opacity[covered].clip(0, 1) * (sure > 0)


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
    place = np.concatenate([texels.position, texels.normal * (TURN / 2)], 1)
    for name in ("skin", "hair", "top", "bottom", "shoes"):
        region = label == LABEL_INDEX[name]
        parts = [region]
        if name == "skin":  # a tanned arm says nothing of the face
            parts = [region & texels.head, region & ~texels.head]
        for part in parts:
            if not part.any() or opacity[part].sum() <= 0:
                continue
            difference = evidence.colours - painted
            if name in ("top", "bottom"):
                pattern = pattern_along(surface, difference, opacity * part, part)
                added[part] += pattern[part]
                difference = difference - pattern
            added[part] += _spread(surface, place, difference, opacity * part, part)
    return added


def _spread(
    surface: AttireSurface,
    place: np.ndarray,
    difference: np.ndarray,
    weight: np.ndarray,
    part: np.ndarray,
) -> np.ndarray:
    """Slow differences carried on to all texels of a part (n,3), fading with the distance."""
    values = np.concatenate([difference, place], 1)
    means, heard = pooled(values, weight, surface.cell, surface.count)
    known = heard > 0.05
    if not known.any():
        return np.zeros((int(part.sum()), 3))
    all_places, seen_part = pooled(place, part.astype(float), surface.cell, surface.count)
    cells = np.flatnonzero(seen_part > 0)
    tree = cKDTree(means[known, 3:])
    count = min(48, int(known.sum()))
    distance, index = tree.query(all_places[cells], k=count)
    distance, index = distance.reshape(len(cells), count), index.reshape(len(cells), count)
    kernel = np.exp(-((distance / REACH) ** 2)) * heard[known][index]
    slow = (kernel[..., None] * means[known, :3][index]).sum(1)
    slow /= (kernel.sum(1) + HOLD)[:, None]
    distance, index = cKDTree(all_places[cells]).query(place[part], k=min(6, len(cells)))
    share = 1 / (distance.reshape(len(place[part]), -1) + 0.006) ** 2
    share /= share.sum(1, keepdims=True)
    return (share[..., None] * slow[index.reshape(share.shape)]).sum(1)


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _as_map(values: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Values of the covered texels (N,) as a map (S,S), gutters filled."""
    result = np.zeros(covered.shape)
    result[covered] = values
    return fill_gutters(result, covered)
