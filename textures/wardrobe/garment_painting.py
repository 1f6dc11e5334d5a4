"""Painting of garments: where they are, their cloth, their details and the pictures on them."""

from __future__ import annotations

import numpy as np

from textures.wardrobe.body_texels import EDGE, TexelPainting, noise
from textures.wardrobe.painted_garments import Colour, PaintedGarment, Pattern, Print

LOWER_KINDS = ("trousers", "shorts", "skirt")


def _region(painting: TexelPainting, garment: PaintedGarment) -> np.ndarray:
    """Where a garment is, (N,) soft."""
    texels = painting.texels
    region = painting.mask_between(painting.y, garment.lower, garment.upper)
    if garment.kind in LOWER_KINDS:
        return region * (texels.arm < 0)
    neck = texels.joints["neck"]
    opening = neck[1] + garment.neck_rise - 0.38 * (painting.z - neck[2])
    front = painting.z > neck[2]
    if garment.neck_depth:
        share = np.clip(1 - np.abs(painting.x) / max(garment.neck_width, 1e-3), 0, 1)
        opening = opening - np.where(front, garment.neck_depth * share, 0)
    region = painting.mask_below(painting.y, opening) * painting.mask_below(
        -painting.y, -garment.lower
    )
    region = region * painting.mask_below(texels.arm, garment.sleeve, EDGE / 0.5)
    if garment.kind == "tank":
        # Straps: the shoulder is bare beyond them.
        upper_chest = painting.mask_below(-painting.y, -(texels.joints["spine3"][1] + 0.12), 0.02)
        region = region * (
            1 - upper_chest * painting.mask_below(-np.abs(painting.x), -garment.strap, 0.006)
        )
    if garment.open_front:
        gap = garment.open_front * (0.6 + 1.2 * np.clip(neck[1] - painting.y, 0, 0.6))
        split = painting.mask_below(np.abs(painting.x), gap) * painting.mask_below(
            -painting.z, -(neck[2] - 0.01)
        )
        region = region * (1 - split)
    return region * ~texels.head


def _garment_axes(painting: TexelPainting) -> tuple[np.ndarray, np.ndarray]:
    """Metres along the limb or trunk, and around it, for patterns that follow the cloth."""
    texels = painting.texels
    hip, knee = texels.joints["left_hip"], texels.joints["left_knee"]
    shoulder = texels.joints["left_shoulder"]
    trunk_around = np.arctan2(painting.x, painting.z - texels.joints["spine2"][2] - 0.01) * 0.14
    leg_x = np.interp(-painting.y, [-hip[1], -knee[1]], [hip[0] * 0.75, knee[0]])
    leg_around = np.arctan2(np.abs(painting.x) - leg_x, painting.z - hip[2]) * 0.085
    arm_around = np.arctan2(painting.y - shoulder[1], painting.z - shoulder[2]) * 0.05
    sleeve, leg = texels.arm > 0, painting.y < hip[1] - 0.08
    lengthwise = np.where(sleeve, shoulder[1] - (np.abs(painting.x) - shoulder[0]), painting.y)
    crosswise = np.where(sleeve, arm_around, np.where(leg, leg_around, trunk_around))
    return lengthwise, crosswise


def _pattern_colour(painting: TexelPainting, pattern: Pattern, colour: Colour) -> np.ndarray:
    """Cloth colour at each texel, (N,3)."""
    base = np.broadcast_to(np.array(colour, dtype=np.float32), painting.rgb.shape).copy()
    if pattern.kind == "solid":
        return base
    second = np.array(pattern.colour, dtype=np.float32)
    lengthwise, crosswise = _garment_axes(painting)
    period, share = pattern.period, pattern.share

    def bars(values: np.ndarray, step: float) -> np.ndarray:
        phase = np.abs((values / step) % 1 - 0.5) * step
        return painting.mask_below(phase, share * step / 2, 0.003)

    if pattern.kind == "stripes":
        mask = bars(lengthwise, period)
    elif pattern.kind == "pinstripes":
        mask = bars(crosswise, period)
    elif pattern.kind == "checks":
        mask = 0.5 * bars(lengthwise, period) + 0.5 * bars(crosswise, period)
    elif pattern.kind == "dots":
        row = np.floor(lengthwise / period)
        across = (crosswise / period + 0.5 * (row % 2)) % 1 - 0.5
        distance = np.hypot(lengthwise / period - row - 0.5, across) * period
        mask = painting.mask_below(distance, share * period / 2, 0.003)
    elif pattern.kind == "block":
        mask = painting.mask_below(painting.y, pattern.height)
    elif pattern.kind == "band":
        mask = painting.mask_between(painting.y, pattern.height - period, pattern.height) * (
            painting.texels.arm < 0
        )
    elif pattern.kind == "sleeves":
        mask = painting.mask_below(-painting.texels.arm, 0.02, 0.02)
    elif pattern.kind == "gradient":
        mask = np.clip((pattern.height - painting.y) / 0.35 + 0.5, 0, 1)
    elif pattern.kind == "flowers":
        rng = np.random.default_rng(pattern.seed)
        mask = (noise(painting.texels.position, period, rng) > 0.35).astype(np.float32)
        third = np.array(pattern.third, dtype=np.float32)
        second_mask = (noise(painting.texels.position, period * 0.8, rng) > 0.45).astype(np.float32)
        base += (third - base) * second_mask[:, None]
    else:
        raise ValueError(f"unknown pattern {pattern.kind!r}")
    return base + (second - base) * mask[:, None]


def garment_label(garment: PaintedGarment) -> str:
    """Which of `LABELS` a garment is."""
    return "bottom" if garment.kind in LOWER_KINDS else "top"


def paint_garment(painting: TexelPainting, garment: PaintedGarment) -> None:
    """Paint a garment over what it covers."""
    region = _region(painting, garment)
    cloth = _pattern_colour(painting, garment.pattern, garment.colour)
    texels = painting.texels
    wrinkles = 1 + garment.roughness * (0.6 * painting.folds + 0.4 * painting.fine)
    if garment.fade:  # denim is lighter on the front of the thighs and at the knees
        front = np.clip(texels.normal[:, 2], 0, 1) * (painting.y < texels.joints["left_hip"][1])
        wrinkles = wrinkles * (1 + garment.fade * front)
    painting.cover(np.clip(cloth * wrinkles[:, None], 0, 1), region, garment_label(garment))
    trim = np.array(garment.trim if garment.trim is not None else garment.colour)
    trim = trim if garment.trim is not None else trim * 0.8
    if garment.kind in LOWER_KINDS:
        painting.cover(
            trim,
            0.6 * region * painting.mask_between(painting.y, garment.upper - 0.03, garment.upper),
        )
        if garment.kind == "trousers":
            seam = np.abs(np.abs(painting.x) - texels.joints["left_hip"][0] - 0.055) < 0.004
            pocket = seam * (np.abs(painting.z - 0.03) < 0.05) * (painting.y > garment.upper - 0.16)
            painting.shade(1 - 0.25 * region * pocket)
        return
    hem = painting.mask_between(painting.y, garment.lower, garment.lower + 0.015)
    cuffs = painting.mask_between(texels.arm, garment.sleeve - 0.035, garment.sleeve + 0.02, 0.008)
    painting.cover(trim, 0.5 * region * np.maximum(hem, cuffs))
    neck = texels.joints["neck"]
    if garment.placket:  # buttons or a zip, on the front only
        strip = painting.mask_below(np.abs(painting.x), 0.006, 0.003) * (texels.normal[:, 2] > 0.1)
        painting.shade(1 - 0.2 * region * strip)
        if garment.placket == "buttons":
            step = np.abs((painting.y / 0.075) % 1 - 0.5) * 0.075
            buttons = painting.mask_below(np.hypot(painting.x, step), 0.006, 0.002)
            painting.cover(trim * 0.5, region * buttons * (texels.normal[:, 2] > 0.1))
    if garment.collar:
        ring = painting.mask_between(
            painting.y + 0.38 * (painting.z - neck[2]), neck[1] - 0.03, neck[1] + 0.05, 0.003
        )
        ring = ring * (np.abs(painting.x) < 0.085) * (np.abs(painting.x) > 0.012)
        painting.cover(np.clip(trim * garment.collar, 0, 1), 0.9 * region * ring)
    if garment.kind == "hoodie":
        hood = painting.mask_below(
            np.hypot(painting.x * 0.9, (painting.y - neck[1]) * 1.1), 0.1, 0.006
        )
        hood = hood * painting.mask_below(painting.z, neck[2] - 0.005)
        painting.cover(np.array(garment.colour) * 0.78, region * hood)
        for side in (-1, 1):
            cord = painting.mask_below(np.abs(painting.x - side * 0.03), 0.004, 0.002)
            cord = (
                cord
                * painting.mask_between(painting.y, neck[1] - 0.17, neck[1])
                * (texels.normal[:, 2] > 0.1)
            )
            painting.cover((0.85, 0.85, 0.83), 0.8 * region * cord)
        pocket = painting.mask_below(np.abs(painting.x), 0.11) * (texels.normal[:, 2] > 0.2)
        pocket = pocket * painting.mask_between(
            painting.y, garment.lower + 0.03, garment.lower + 0.17
        )
        painting.shade(1 - 0.1 * region * pocket)


def paint_print(
    painting: TexelPainting, picture: Print, garment: PaintedGarment, side: int
) -> None:
    """Paint a picture on the chest (`side` 1) or the back (-1) of a garment."""
    # Seen from the front the wearer's left (+x) is on the right; from the back it is the
    # reverse.
    column = (side * painting.x - picture.x) / picture.width + 0.5
    row = (picture.y - painting.y) / picture.height + 0.5
    height, width = picture.cells.shape
    inside = (column >= 0) & (column < 1) & (row >= 0) & (row < 1)
    inside &= side * painting.texels.normal[:, 2] > 0.15
    i = np.clip((row * height).astype(int), 0, height - 1)
    j = np.clip((column * width).astype(int), 0, width - 1)
    ink = picture.cells[i, j]
    colours = np.array(picture.colours)
    painting.cover(
        colours[np.where(ink > 0, ink, 1) - 1], inside * (ink > 0) * _region(painting, garment)
    )
