"""A procedural wardrobe: clothed body textures from a seed, as true textures for the stand-ins.

Everything is painted per texel from the texel's position on the T-posed body, in 3D, so that no
seam between UV islands shows and any UV layout will do. An `Outfit` is plain data: `sample_outfit`
draws one, `paint_texture` turns it into a texture, and the same outfit gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.bodies.body import Body
from synth.garments.hair import LONG, cap_rim, hairline
from synth.standins.body_texels import BodyTexels, TexelPainting, prepare_body_texels
from synth.standins.garment_painting import paint_garment, paint_print
from synth.standins.painted_garments import (
    Colour,
    PaintedGarment,
    Print,
    fabric_colour,
    sample_bottom,
    sample_fabric_colour,
    sample_print,
    sample_top,
    sample_weighted,
)

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
HAIR_STYLES = {
    "short": 0.45, "bob": 0.1, "long": 0.17, "ponytail": 0.1, "bun": 0.05, "bald": 0.03, "cap": 0.06,
    "hat": 0.04,
}  # fmt: skip
BAGS = {
    "none": 0.42, "backpack": 0.22, "shoulder strap": 0.13, "tote": 0.1, "handbag": 0.05,
    "carrier": 0.06, "umbrella": 0.02,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
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
    top: PaintedGarment
    jacket: PaintedGarment | None
    bottom: PaintedGarment
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


def _jittered(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    red, green, blue = np.clip(
        np.asarray(colour) * rng.normal(1, amount) + rng.normal(0, amount / 12, 3), 0, 1
    )
    return float(round(red, 4)), float(round(green, 4)), float(round(blue, 4))


def sample_skin(rng: np.random.Generator) -> Colour:
    """Draw a skin tone between two neighbours of `SKIN_TONES`, lighter ones somewhat more often."""
    position = rng.beta(1.1, 1.5) * (len(SKIN_TONES) - 1)
    low = min(int(position), len(SKIN_TONES) - 2)
    red, green, blue = np.array(SKIN_TONES[low]) + (position - low) * (
        np.array(SKIN_TONES[low + 1]) - np.array(SKIN_TONES[low])
    )
    return _jittered(rng, (red, green, blue), 0.03)


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Draw what a pedestrian may wear.

    Many blacks, greys, whites and denims; some bright colours.

    Args:
        rng: Source of the outfit.

    Returns:
        The outfit.
    """
    colours = [colour for colour, _ in HAIR_COLOURS]
    hair = colours[rng.choice(len(colours), p=[w for _, w in HAIR_COLOURS])]
    style = sample_weighted(rng, HAIR_STYLES)
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
        bag=sample_weighted(rng, BAGS),
        bag_colour=sample_fabric_colour(rng),
        strap_side=int(rng.choice([-1, 1])),
        grain_seed=int(rng.integers(2**31)),
    )


def paint_outfit(body: Body, *, rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Paint a clothed texture drawn from `rng`.

    For many textures call `prepare_body_texels` once and `paint_texture` with sampled outfits.

    Args:
        body: Body that the texture is for.
        rng: Source of the outfit.
        size: Texels along the texture's side.

    Returns:
        Texture (size,size,3) uint8 sRGB.
    """
    return paint_texture(prepare_body_texels(body, size), sample_outfit(rng))


def paint_texture(texels: BodyTexels, outfit: Outfit) -> np.ndarray:
    """Paint an outfit.

    Args:
        texels: Texels of the body.
        outfit: Everything that is painted.

    Returns:
        Texture (S,S,3) uint8 sRGB, gutters filled; the same outfit gives the same bytes.
    """
    painting = TexelPainting(texels, np.random.default_rng(outfit.grain_seed))
    _paint_skin(painting, outfit)
    _paint_face(painting, outfit)
    _paint_feet(painting, outfit)
    if outfit.top.tucked:
        paint_garment(painting, outfit.top)
        _paint_prints(painting, outfit)
        paint_garment(painting, outfit.bottom)
    else:
        paint_garment(painting, outfit.bottom)
        paint_garment(painting, outfit.top)
        _paint_prints(painting, outfit)
    if outfit.belt is not None and outfit.top.tucked:
        waist = outfit.bottom.upper
        painting.cover(outfit.belt, painting.mask_between(painting.y, waist - 0.035, waist))
    if outfit.jacket is not None:
        paint_garment(painting, outfit.jacket)
    _paint_hair(painting, outfit)
    _paint_bag(painting, outfit)
    return painting.texture()


def _paint_skin(painting: TexelPainting, outfit: Outfit) -> None:
    tone = np.array(outfit.skin, dtype=np.float32)
    painting.cover(tone, np.ones(len(painting.x)))
    painting.shade(1 + 0.03 * painting.coarse + 0.02 * painting.fine)
    knuckles = np.clip((painting.texels.arm - 1.15) * 8, 0, 1)
    painting.cover(tone * np.array([0.95, 0.84, 0.82]), 0.5 * knuckles)


def _paint_face(painting: TexelPainting, outfit: Outfit) -> None:
    texels, tone = painting.texels, np.array(outfit.skin)
    unit = texels.crown - texels.joints["head"][1]  # from the head joint to the crown, 0.153 m
    base = texels.joints["head"][1]
    eye_y, brow_y, mouth_y = base + 0.262 * unit, base + 0.37 * unit, base - 0.19 * unit
    for cheek in (-0.045, 0.045):
        painting.cover(
            tone * (1.0, 0.82, 0.8),
            0.35 * painting.ellipse((cheek, mouth_y + 0.03), (0.022, 0.022)),
        )
    painting.cover(
        tone * (0.9, 0.8, 0.78), 0.5 * painting.ellipse((0, mouth_y + 0.033), (0.02, 0.006))
    )
    painting.cover(
        tone * (0.86, 0.6, 0.6), 0.9 * painting.ellipse((0, mouth_y - 0.002), (0.024, 0.009))
    )
    painting.cover(tone * (0.45, 0.3, 0.3), 0.8 * painting.ellipse((0, mouth_y), (0.022, 0.002)))
    if outfit.beard:
        jaw = painting.mask_between(painting.y, base - 0.5 * unit, base - 0.02 * unit, 0.01)
        jaw *= (
            painting.mask_below(-painting.z, -(texels.joints["head"][2] + 0.01), 0.01) * texels.head
        )
        jaw *= 1 - painting.ellipse((0, mouth_y - 0.002), (0.022, 0.007))
        nose = painting.ellipse((0, mouth_y + 0.045), (0.02, 0.03))
        painting.cover(outfit.hair, outfit.beard * jaw * (1 - nose))
    for side in (-1, 1):
        x = side * 0.0305
        painting.cover(tone * 0.72, 0.5 * painting.ellipse((x, eye_y + 0.003), (0.022, 0.012)))
        painting.cover((0.92, 0.9, 0.88), painting.ellipse((x, eye_y), (0.0135, 0.0055)))
        painting.cover(outfit.iris, painting.ellipse((x, eye_y), (0.0065, 0.006)))
        painting.cover((0.08, 0.06, 0.05), painting.ellipse((x, eye_y + 0.005), (0.016, 0.0025)))
        brow = painting.ellipse((side * 0.034, brow_y), (0.021, 0.0045))
        painting.cover(np.array(outfit.hair) * 0.8, 0.85 * brow)
        if outfit.glasses:
            lens = painting.ellipse((x, eye_y), (0.027, 0.019))
            rim = lens * (1 - painting.ellipse((x, eye_y), (0.023, 0.015)))
            painting.cover((0.06, 0.06, 0.07), rim)
    if outfit.glasses:
        painting.cover((0.06, 0.06, 0.07), painting.ellipse((0, eye_y + 0.004), (0.009, 0.003)))
        temples = (
            painting.mask_between(painting.y, eye_y + 0.001, eye_y + 0.008, 0.002) * texels.head
        )
        temples *= (np.abs(painting.x) > 0.055) & (painting.z > texels.joints["head"][2] + 0.01)
        painting.cover((0.06, 0.06, 0.07), temples)


def _paint_hair(painting: TexelPainting, outfit: Outfit) -> None:
    texels = painting.texels
    head, unit = texels.joints["head"], texels.crown - texels.joints["head"][1]
    depth = painting.z - head[2]
    line = hairline(depth, outfit.hair_style)
    lowest = head[1] + line * unit + outfit.hairline + 0.004 * painting.coarse
    hair = painting.mask_below(-painting.y, -lowest) * texels.head
    near = np.hypot(painting.x, depth) < 0.2
    # Long hair that hangs lies on more of the back than what is tied together.
    front = 0.01 - 0.1 * np.abs(painting.x)
    if outfit.hair_style not in LONG:
        front = -0.25 * np.abs(painting.x)
    back = painting.mask_below(depth, front, 0.008) * near
    chin = head[1] - 0.45 * unit
    if outfit.hair_style in LONG:
        length = 0.02 if outfit.hair_style == "bob" else outfit.hair_length
        strands = painting.mask_below(-painting.y, -(chin - length + 0.012 * painting.fine), 0.01)
        hair = np.maximum(
            hair, back * strands * painting.mask_below(np.abs(painting.x), 0.12, 0.01)
        )
        hair = np.maximum(hair, strands * texels.head * painting.mask_below(depth, 0.025, 0.008))
    elif outfit.hair_style == "ponytail":
        tail = painting.mask_below(-painting.y, -(chin - outfit.hair_length)) * back
        hair = np.maximum(hair, tail * painting.mask_below(np.abs(painting.x), 0.032, 0.006))
    if outfit.hair_style == "bald":
        hair = hair * 0.12
    hair_colour = np.array(outfit.hair) * (1 + 0.14 * painting.fine[:, None])
    painting.cover(hair_colour, hair)
    if outfit.hair_style in ("cap", "hat"):
        rim = head[1] + cap_rim(depth) * unit
        cap = painting.mask_below(-painting.y, -rim) * texels.head
        painting.cover(np.array(outfit.cap) * (1 + 0.04 * painting.fine[:, None]), cap)
    if outfit.hair_style == "cap":
        visor = painting.mask_between(painting.y, rim, rim + 0.012) * painting.face_front
        painting.cover(
            np.array(outfit.cap) * 0.6, visor * painting.mask_below(np.abs(painting.x), 0.06)
        )


def _paint_feet(painting: TexelPainting, outfit: Outfit) -> None:
    sole = painting.texels.sole
    ankle = painting.texels.joints["left_ankle"]
    painting.cover(outfit.sock, painting.mask_below(painting.y, sole + outfit.sock_height))
    height = outfit.shoe_height + 0.25 * np.clip(painting.z - ankle[2] - 0.03, -0.05, 0.05)
    painting.cover(
        np.array(outfit.shoe) * (1 + 0.06 * painting.fine[:, None]),
        painting.mask_below(painting.y, sole + height),
    )
    painting.cover(outfit.sole, painting.mask_below(painting.y, sole + 0.016))
    laces = painting.mask_between(painting.z, ankle[2] + 0.06, ankle[2] + 0.11) * (
        painting.texels.normal[:, 1] > 0.3
    )
    laces = laces * painting.mask_below(painting.y, sole + height) * (np.sin(painting.z * 500) > 0)
    painting.cover(outfit.sole, 0.5 * laces)


def _paint_prints(painting: TexelPainting, outfit: Outfit) -> None:
    for picture, side in ((outfit.chest_print, 1), (outfit.back_print, -1)):
        if picture is not None:
            paint_print(painting, picture, outfit.top, side)


def _paint_bag(painting: TexelPainting, outfit: Outfit) -> None:
    if outfit.bag == "none":
        return
    texels = painting.texels
    colour = np.array(outfit.bag_colour) * 0.9
    neck, chest = texels.joints["neck"], texels.joints["spine3"]
    trunk = (texels.arm < 0.15) & ~texels.head & (painting.y < neck[1])
    if outfit.bag == "backpack":
        front = texels.normal[:, 2] > -0.3
        strap = painting.mask_below(np.abs(np.abs(painting.x) - 0.105), 0.02) * front
        strap = strap * painting.mask_below(-painting.y, -(chest[1] + 0.02))
        painting.cover(colour * 0.8, strap * trunk)
        across = np.abs(painting.x) / 0.145
        upright = np.abs(painting.y - (chest[1] + 0.06)) / 0.2
        distance = (across**4 + upright**4) ** 0.25
        pack = painting.mask_below(distance, 1.0, 0.03) * (texels.normal[:, 2] < 0.0) * trunk
        painting.cover(colour, pack)
        line = painting.mask_below(np.abs(distance - 0.62), 0.04, 0.02) * pack
        painting.cover(colour * 0.55, line * (painting.y < chest[1] + 0.08))
    elif outfit.bag == "shoulder strap":
        # A strap from one shoulder to the other hip: a plane through the trunk.
        slope = (neck[1] - texels.joints["left_hip"][1]) / 0.24
        plane = (painting.y - chest[1] - 0.06) - outfit.strap_side * slope * painting.x
        strap = painting.mask_below(np.abs(plane) / np.hypot(1, slope), 0.016)
        painting.cover(colour * 0.8, strap * trunk * (painting.y > texels.joints["left_hip"][1]))
