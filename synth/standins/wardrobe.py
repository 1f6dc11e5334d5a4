"""A procedural wardrobe: clothed body textures from a seed, as true textures for the stand-ins.

Everything is painted per texel from the texel's position on the T-posed body, in 3D, so that no
seam between UV islands shows and any UV layout will do. An `Outfit` is plain data: `sample_outfit`
draws one, `paint` turns it into a texture, and the same outfit gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.bodies.body import Body
from synth.standins.canvas import Canvas, Mannequin, mannequin
from synth.standins.garments import (
    Colour,
    Garment,
    Print,
    fabric_colour,
    sample_bottom,
    sample_fabric_colour,
    sample_print,
    sample_top,
)
from synth.standins.tailoring import paint_garment, paint_print

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
HAIR_STYLES = {"short": 0.46, "bob": 0.12, "long": 0.18, "ponytail": 0.1, "bald": 0.04, "cap": 0.1}
BAGS = {"none": 0.62, "backpack": 0.2, "shoulder strap": 0.18}


@dataclass(frozen=True)
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
    top: Garment
    jacket: Garment | None
    bottom: Garment
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


def _weighted(rng: np.random.Generator, options: dict) -> object:
    names = list(options)
    weights = np.array([options[name] for name in names], dtype=float)
    return names[rng.choice(len(names), p=weights / weights.sum())]


def _jittered(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    value = np.clip(
        np.asarray(colour) * rng.normal(1, amount) + rng.normal(0, amount / 12, 3), 0, 1
    )
    return tuple(float(round(v, 4)) for v in value)


def sample_skin(rng: np.random.Generator) -> Colour:
    """A skin tone between two neighbours of `SKIN_TONES`, lighter ones somewhat more often."""
    position = rng.beta(1.1, 1.5) * (len(SKIN_TONES) - 1)
    low = min(int(position), len(SKIN_TONES) - 2)
    tone = np.array(SKIN_TONES[low]) + (position - low) * (
        np.array(SKIN_TONES[low + 1]) - np.array(SKIN_TONES[low])
    )
    return _jittered(rng, tuple(tone), 0.03)


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Draw what a pedestrian may wear. Many blacks, greys, whites and denims; some bright colours."""
    colours = [colour for colour, _ in HAIR_COLOURS]
    hair = colours[rng.choice(len(colours), p=[w for _, w in HAIR_COLOURS])]
    style = _weighted(rng, HAIR_STYLES)
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
        bag=_weighted(rng, BAGS),
        bag_colour=sample_fabric_colour(rng),
        strap_side=int(rng.choice([-1, 1])),
        grain_seed=int(rng.integers(2**31)),
    )


def paint_outfit(body: Body, *, rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """A clothed texture (size, size, 3) uint8 sRGB for ``body``, drawn from ``rng``.

    For many textures prepare the `mannequin` once and call `paint` with sampled outfits.
    """
    return paint(mannequin(body, size), sample_outfit(rng))


def paint(model: Mannequin, outfit: Outfit) -> np.ndarray:
    """The texture (S,S,3) uint8 sRGB of ``outfit`` on ``model``, gutters filled."""
    canvas = Canvas(model, np.random.default_rng(outfit.grain_seed))
    _paint_skin(canvas, outfit)
    _paint_face(canvas, outfit)
    _paint_feet(canvas, outfit)
    if outfit.top.tucked:
        paint_garment(canvas, outfit.top)
        _paint_prints(canvas, outfit)
        paint_garment(canvas, outfit.bottom)
    else:
        paint_garment(canvas, outfit.bottom)
        paint_garment(canvas, outfit.top)
        _paint_prints(canvas, outfit)
    if outfit.belt is not None and outfit.top.tucked:
        waist = outfit.bottom.upper
        canvas.cover(outfit.belt, canvas.between(canvas.y, waist - 0.035, waist))
    if outfit.jacket is not None:
        paint_garment(canvas, outfit.jacket)
    _paint_hair(canvas, outfit)
    _paint_bag(canvas, outfit)
    return canvas.texture()


def _paint_skin(canvas: Canvas, outfit: Outfit) -> None:
    tone = np.array(outfit.skin, dtype=np.float32)
    canvas.cover(tone, np.ones(len(canvas.x)))
    canvas.shade(1 + 0.03 * canvas.coarse + 0.02 * canvas.fine)
    knuckles = np.clip((canvas.model.arm - 1.15) * 8, 0, 1)
    canvas.cover(tone * np.array([0.95, 0.84, 0.82]), 0.5 * knuckles)


def _paint_face(canvas: Canvas, outfit: Outfit) -> None:
    model, tone = canvas.model, np.array(outfit.skin)
    unit = model.crown - model.joints["head"][1]  # from the head joint to the crown, 0.153 m
    base = model.joints["head"][1]
    eye_y, brow_y, mouth_y = base + 0.262 * unit, base + 0.37 * unit, base - 0.19 * unit
    for cheek in (-0.045, 0.045):
        canvas.cover(
            tone * (1.0, 0.82, 0.8), 0.35 * canvas.ellipse((cheek, mouth_y + 0.03), (0.022, 0.022))
        )
    canvas.cover(tone * (0.9, 0.8, 0.78), 0.5 * canvas.ellipse((0, mouth_y + 0.033), (0.02, 0.006)))
    canvas.cover(
        tone * (0.86, 0.6, 0.6), 0.9 * canvas.ellipse((0, mouth_y - 0.002), (0.024, 0.009))
    )
    canvas.cover(tone * (0.45, 0.3, 0.3), 0.8 * canvas.ellipse((0, mouth_y), (0.022, 0.002)))
    if outfit.beard:
        jaw = canvas.between(canvas.y, base - 0.5 * unit, base - 0.02 * unit, 0.01)
        jaw *= canvas.below(-canvas.z, -(model.joints["head"][2] + 0.01), 0.01) * model.head
        jaw *= 1 - canvas.ellipse((0, mouth_y - 0.002), (0.022, 0.007))
        nose = canvas.ellipse((0, mouth_y + 0.045), (0.02, 0.03))
        canvas.cover(outfit.hair, outfit.beard * jaw * (1 - nose))
    for side in (-1, 1):
        x = side * 0.0305
        canvas.cover(tone * 0.72, 0.5 * canvas.ellipse((x, eye_y + 0.003), (0.022, 0.012)))
        canvas.cover((0.92, 0.9, 0.88), canvas.ellipse((x, eye_y), (0.0135, 0.0055)))
        canvas.cover(outfit.iris, canvas.ellipse((x, eye_y), (0.0065, 0.006)))
        canvas.cover((0.08, 0.06, 0.05), canvas.ellipse((x, eye_y + 0.005), (0.016, 0.0025)))
        brow = canvas.ellipse((side * 0.034, brow_y), (0.021, 0.0045))
        canvas.cover(np.array(outfit.hair) * 0.8, 0.85 * brow)
        if outfit.glasses:
            lens = canvas.ellipse((x, eye_y), (0.027, 0.019))
            rim = lens * (1 - canvas.ellipse((x, eye_y), (0.023, 0.015)))
            canvas.cover((0.06, 0.06, 0.07), rim)
    if outfit.glasses:
        canvas.cover((0.06, 0.06, 0.07), canvas.ellipse((0, eye_y + 0.004), (0.009, 0.003)))
        temples = canvas.between(canvas.y, eye_y + 0.001, eye_y + 0.008, 0.002) * model.head
        temples *= (np.abs(canvas.x) > 0.055) & (canvas.z > model.joints["head"][2] + 0.01)
        canvas.cover((0.06, 0.06, 0.07), temples)


def _paint_hair(canvas: Canvas, outfit: Outfit) -> None:
    model = canvas.model
    head, unit = model.joints["head"], model.crown - model.joints["head"][1]
    depth = canvas.z - head[2]
    # Height of the hairline (in head units above the head joint) from the nape round to the
    # forehead.
    line = np.interp(
        depth, [-0.09, -0.04, -0.01, 0.02, 0.05, 0.09], [-0.3, -0.2, 0.0, 0.35, 0.55, 0.6]
    )
    if outfit.hair_style in ("bob", "long"):
        line = np.interp(depth, [-0.05, 0.0, 0.03, 0.06, 0.09], [-0.6, -0.55, -0.1, 0.5, 0.56])
    hairline = head[1] + line * unit + outfit.hairline + 0.004 * canvas.coarse
    hair = canvas.below(-canvas.y, -hairline) * model.head
    near = np.hypot(canvas.x, depth) < 0.13
    back = canvas.below(depth, 0.0 - 0.25 * np.abs(canvas.x), 0.008) * near
    chin = head[1] - 0.45 * unit
    if outfit.hair_style in ("bob", "long"):
        length = 0.02 if outfit.hair_style == "bob" else outfit.hair_length
        strands = canvas.below(-canvas.y, -(chin - length + 0.012 * canvas.fine), 0.01)
        hair = np.maximum(hair, back * strands * canvas.below(np.abs(canvas.x), 0.105, 0.01))
        hair = np.maximum(hair, strands * model.head * canvas.below(depth, 0.025, 0.008))
    elif outfit.hair_style == "ponytail":
        tail = canvas.below(-canvas.y, -(chin - outfit.hair_length)) * back
        hair = np.maximum(hair, tail * canvas.below(np.abs(canvas.x), 0.032, 0.006))
    if outfit.hair_style == "bald":
        hair = hair * 0.12
    hair_colour = np.array(outfit.hair) * (1 + 0.14 * canvas.fine[:, None])
    canvas.cover(hair_colour, hair)
    if outfit.hair_style == "cap":
        rim = head[1] + (0.5 - 0.6 * np.clip(-depth, 0, 0.1)) * unit
        cap = canvas.below(-canvas.y, -rim) * model.head
        canvas.cover(np.array(outfit.cap) * (1 + 0.04 * canvas.fine[:, None]), cap)
        visor = canvas.between(canvas.y, rim, rim + 0.02) * canvas.face_front
        canvas.cover(np.array(outfit.cap) * 0.6, visor * canvas.below(np.abs(canvas.x), 0.06))


def _paint_feet(canvas: Canvas, outfit: Outfit) -> None:
    sole = canvas.model.sole
    ankle = canvas.model.joints["left_ankle"]
    canvas.cover(outfit.sock, canvas.below(canvas.y, sole + outfit.sock_height))
    height = outfit.shoe_height + 0.25 * np.clip(canvas.z - ankle[2] - 0.03, -0.05, 0.05)
    canvas.cover(
        np.array(outfit.shoe) * (1 + 0.06 * canvas.fine[:, None]),
        canvas.below(canvas.y, sole + height),
    )
    canvas.cover(outfit.sole, canvas.below(canvas.y, sole + 0.016))
    laces = canvas.between(canvas.z, ankle[2] + 0.06, ankle[2] + 0.11) * (
        canvas.model.normal[:, 1] > 0.3
    )
    laces = laces * canvas.below(canvas.y, sole + height) * (np.sin(canvas.z * 500) > 0)
    canvas.cover(outfit.sole, 0.5 * laces)


def _paint_prints(canvas: Canvas, outfit: Outfit) -> None:
    for picture, side in ((outfit.chest_print, 1), (outfit.back_print, -1)):
        if picture is not None:
            paint_print(canvas, picture, outfit.top, side)


def _paint_bag(canvas: Canvas, outfit: Outfit) -> None:
    if outfit.bag == "none":
        return
    model = canvas.model
    colour = np.array(outfit.bag_colour) * 0.9
    neck, chest = model.joints["neck"], model.joints["spine3"]
    trunk = (model.arm < 0.15) & ~model.head & (canvas.y < neck[1])
    if outfit.bag == "backpack":
        front = model.normal[:, 2] > -0.3
        strap = canvas.below(np.abs(np.abs(canvas.x) - 0.105), 0.02) * front
        strap = strap * canvas.below(-canvas.y, -(chest[1] + 0.02))
        canvas.cover(colour * 0.8, strap * trunk)
        across = np.abs(canvas.x) / 0.145
        upright = np.abs(canvas.y - (chest[1] + 0.06)) / 0.2
        distance = (across**4 + upright**4) ** 0.25
        pack = canvas.below(distance, 1.0, 0.03) * (model.normal[:, 2] < 0.0) * trunk
        canvas.cover(colour, pack)
        line = canvas.below(np.abs(distance - 0.62), 0.04, 0.02) * pack
        canvas.cover(colour * 0.55, line * (canvas.y < chest[1] + 0.08))
    else:
        # A strap from one shoulder to the other hip: a plane through the trunk.
        slope = (neck[1] - model.joints["left_hip"][1]) / 0.24
        plane = (canvas.y - chest[1] - 0.06) - outfit.strap_side * slope * canvas.x
        strap = canvas.below(np.abs(plane) / np.hypot(1, slope), 0.016)
        canvas.cover(colour * 0.8, strap * trunk * (canvas.y > model.joints["left_hip"][1]))
