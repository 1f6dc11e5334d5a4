"""Garments on the canvas: where they are, their cloth, their details and the pictures on them."""

from __future__ import annotations

import numpy as np

from synth.standins.canvas import EDGE, Canvas, noise
from synth.standins.garments import Colour, Garment, Pattern, Print


def _region(canvas: Canvas, garment: Garment) -> np.ndarray:
    """Where a garment is, (N,) soft."""
    model = canvas.model
    region = canvas.between(canvas.y, garment.lower, garment.upper)
    if garment.kind in ("trousers", "shorts", "skirt"):
        return region * (model.arm < 0)
    neck = model.joints["neck"]
    opening = neck[1] + garment.neck_rise - 0.38 * (canvas.z - neck[2])
    front = canvas.z > neck[2]
    if garment.neck_depth:
        share = np.clip(1 - np.abs(canvas.x) / max(garment.neck_width, 1e-3), 0, 1)
        opening = opening - np.where(front, garment.neck_depth * share, 0)
    region = canvas.below(canvas.y, opening) * canvas.below(-canvas.y, -garment.lower)
    region = region * canvas.below(model.arm, garment.sleeve, EDGE / 0.5)
    if garment.kind == "tank":
        # Straps: the shoulder is bare beyond them.
        above = canvas.below(-canvas.y, -(model.joints["spine3"][1] + 0.12), 0.02)
        region = region * (1 - above * canvas.below(-np.abs(canvas.x), -garment.strap, 0.006))
    if garment.open_front:
        gap = garment.open_front * (0.6 + 1.2 * np.clip(neck[1] - canvas.y, 0, 0.6))
        split = canvas.below(np.abs(canvas.x), gap) * canvas.below(-canvas.z, -(neck[2] - 0.01))
        region = region * (1 - split)
    return region * ~model.head


def _garment_axes(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Metres along the limb or trunk, and around it, for patterns that follow the cloth."""
    model = canvas.model
    hip, knee = model.joints["left_hip"], model.joints["left_knee"]
    shoulder = model.joints["left_shoulder"]
    trunk_around = np.arctan2(canvas.x, canvas.z - model.joints["spine2"][2] - 0.01) * 0.14
    leg_x = np.interp(-canvas.y, [-hip[1], -knee[1]], [hip[0] * 0.75, knee[0]])
    leg_around = np.arctan2(np.abs(canvas.x) - leg_x, canvas.z - hip[2]) * 0.085
    arm_around = np.arctan2(canvas.y - shoulder[1], canvas.z - shoulder[2]) * 0.05
    sleeve, leg = model.arm > 0, canvas.y < hip[1] - 0.08
    along = np.where(sleeve, shoulder[1] - (np.abs(canvas.x) - shoulder[0]), canvas.y)
    around = np.where(sleeve, arm_around, np.where(leg, leg_around, trunk_around))
    return along, around


def _pattern_colour(canvas: Canvas, pattern: Pattern, colour: Colour) -> np.ndarray:
    """Cloth colour at each texel, (N,3)."""
    base = np.broadcast_to(np.array(colour, dtype=np.float32), canvas.rgb.shape).copy()
    if pattern.kind == "solid":
        return base
    second = np.array(pattern.colour, dtype=np.float32)
    along, around = _garment_axes(canvas)
    period, share = pattern.period, pattern.share

    def bars(values: np.ndarray, step: float) -> np.ndarray:
        phase = np.abs((values / step) % 1 - 0.5) * step
        return canvas.below(phase, share * step / 2, 0.003)

    if pattern.kind == "stripes":
        mask = bars(along, period)
    elif pattern.kind == "pinstripes":
        mask = bars(around, period)
    elif pattern.kind == "checks":
        mask = 0.5 * bars(along, period) + 0.5 * bars(around, period)
    elif pattern.kind == "dots":
        row = np.floor(along / period)
        across = (around / period + 0.5 * (row % 2)) % 1 - 0.5
        distance = np.hypot(along / period - row - 0.5, across) * period
        mask = canvas.below(distance, share * period / 2, 0.003)
    elif pattern.kind == "block":
        mask = canvas.below(canvas.y, pattern.height)
    elif pattern.kind == "band":
        mask = canvas.between(canvas.y, pattern.height - period, pattern.height) * (
            canvas.model.arm < 0
        )
    elif pattern.kind == "sleeves":
        mask = canvas.below(-canvas.model.arm, 0.02, 0.02)
    elif pattern.kind == "gradient":
        mask = np.clip((pattern.height - canvas.y) / 0.35 + 0.5, 0, 1)
    elif pattern.kind == "flowers":
        rng = np.random.default_rng(pattern.seed)
        mask = (noise(canvas.model.position, period, rng) > 0.35).astype(np.float32)
        third = np.array(pattern.third, dtype=np.float32)
        more = (noise(canvas.model.position, period * 0.8, rng) > 0.45).astype(np.float32)
        base += (third - base) * more[:, None]
    else:
        raise ValueError(f"unknown pattern {pattern.kind!r}")
    return base + (second - base) * mask[:, None]


def paint_garment(canvas: Canvas, garment: Garment) -> None:
    """Dress the canvas in ``garment``."""
    region = _region(canvas, garment)
    cloth = _pattern_colour(canvas, garment.pattern, garment.colour)
    model = canvas.model
    wrinkles = 1 + garment.roughness * (0.6 * canvas.folds + 0.4 * canvas.fine)
    if garment.fade:  # denim is lighter on the front of the thighs and at the knees
        front = np.clip(model.normal[:, 2], 0, 1) * (canvas.y < model.joints["left_hip"][1])
        wrinkles = wrinkles * (1 + garment.fade * front)
    canvas.cover(np.clip(cloth * wrinkles[:, None], 0, 1), region)
    trim = np.array(garment.trim if garment.trim is not None else garment.colour)
    trim = trim if garment.trim is not None else trim * 0.8
    if garment.kind in ("trousers", "shorts", "skirt"):
        canvas.cover(
            trim, 0.6 * region * canvas.between(canvas.y, garment.upper - 0.03, garment.upper)
        )
        if garment.kind == "trousers":
            seam = np.abs(np.abs(canvas.x) - model.joints["left_hip"][0] - 0.055) < 0.004
            pocket = seam * (np.abs(canvas.z - 0.03) < 0.05) * (canvas.y > garment.upper - 0.16)
            canvas.shade(1 - 0.25 * region * pocket)
        return
    hem = canvas.between(canvas.y, garment.lower, garment.lower + 0.015)
    cuffs = canvas.between(model.arm, garment.sleeve - 0.035, garment.sleeve + 0.02, 0.008)
    canvas.cover(trim, 0.5 * region * np.maximum(hem, cuffs))
    neck = model.joints["neck"]
    if garment.placket:  # buttons or a zip, on the front only
        strip = canvas.below(np.abs(canvas.x), 0.006, 0.003) * (model.normal[:, 2] > 0.1)
        canvas.shade(1 - 0.2 * region * strip)
        if garment.placket == "buttons":
            step = np.abs((canvas.y / 0.075) % 1 - 0.5) * 0.075
            buttons = canvas.below(np.hypot(canvas.x, step), 0.006, 0.002)
            canvas.cover(trim * 0.5, region * buttons * (model.normal[:, 2] > 0.1))
    if garment.collar:
        ring = canvas.between(
            canvas.y + 0.38 * (canvas.z - neck[2]), neck[1] - 0.03, neck[1] + 0.05, 0.003
        )
        ring = ring * (np.abs(canvas.x) < 0.085) * (np.abs(canvas.x) > 0.012)
        canvas.cover(np.clip(trim * garment.collar, 0, 1), 0.9 * region * ring)
    if garment.kind == "hoodie":
        hood = canvas.below(np.hypot(canvas.x * 0.9, (canvas.y - neck[1]) * 1.1), 0.1, 0.006)
        hood = hood * canvas.below(canvas.z, neck[2] - 0.005)
        canvas.cover(np.array(garment.colour) * 0.78, region * hood)
        for side in (-1, 1):
            cord = canvas.below(np.abs(canvas.x - side * 0.03), 0.004, 0.002)
            cord = (
                cord
                * canvas.between(canvas.y, neck[1] - 0.17, neck[1])
                * (model.normal[:, 2] > 0.1)
            )
            canvas.cover((0.85, 0.85, 0.83), 0.8 * region * cord)
        pocket = canvas.below(np.abs(canvas.x), 0.11) * (model.normal[:, 2] > 0.2)
        pocket = pocket * canvas.between(canvas.y, garment.lower + 0.03, garment.lower + 0.17)
        canvas.shade(1 - 0.1 * region * pocket)


def paint_print(canvas: Canvas, picture: Print, garment: Garment, side: int) -> None:
    """Put ``picture`` on the chest (``side`` 1) or the back (-1) of ``garment``."""
    # Seen from the front the wearer's left (+x) is on the right; from the back it is the
    # reverse.
    column = (side * canvas.x - picture.x) / picture.width + 0.5
    row = (picture.y - canvas.y) / picture.height + 0.5
    height, width = picture.cells.shape
    inside = (column >= 0) & (column < 1) & (row >= 0) & (row < 1)
    inside &= side * canvas.model.normal[:, 2] > 0.15
    i = np.clip((row * height).astype(int), 0, height - 1)
    j = np.clip((column * width).astype(int), 0, width - 1)
    ink = picture.cells[i, j]
    colours = np.array(picture.colours)
    canvas.cover(
        colours[np.where(ink > 0, ink, 1) - 1], inside * (ink > 0) * _region(canvas, garment)
    )
