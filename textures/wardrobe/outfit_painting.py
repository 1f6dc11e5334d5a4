"""Outfits painted on a body's texels: true textures of stand-ins, and what photographs' are built on.

Everything is painted per texel from the texel's position on the T-posed body, in 3D, so that no
seam between UV islands shows and any UV layout will do. `paint_texture` turns an `Outfit` into a
texture; the same outfit gives the same bytes.
"""

from __future__ import annotations

import numpy as np

from mocap.bodies.body import Body
from textures.wardrobe.body_texels import BodyTexels, TexelPainting, prepare_body_texels
from textures.wardrobe.garment_painting import paint_garment, paint_print
from textures.wardrobe.hair_painting import paint_hair
from textures.wardrobe.outfit import Outfit, sample_outfit


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
    return painted_outfit(texels, outfit).texture()


def painted_outfit(texels: BodyTexels, outfit: Outfit) -> TexelPainting:
    """An outfit on the texels: `texture()` and, beside the colours, `label_map()` are its pictures.

    Args:
        texels: Texels of the body.
        outfit: Everything that is painted.

    Returns:
        The painting, finished.
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
        painting.cover(
            outfit.belt, painting.mask_between(painting.y, waist - 0.035, waist), "bottom"
        )
    if outfit.jacket is not None:
        paint_garment(painting, outfit.jacket)
    paint_hair(
        painting,
        outfit.hair_style,
        outfit.hair,
        cap=outfit.cap,
        length=outfit.hair_length,
        raised=outfit.hairline,
    )
    _paint_bag(painting, outfit)
    return painting


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


def _paint_feet(painting: TexelPainting, outfit: Outfit) -> None:
    sole = painting.texels.sole
    ankle = painting.texels.joints["left_ankle"]
    painting.cover(outfit.sock, painting.mask_below(painting.y, sole + outfit.sock_height), "shoes")
    height = outfit.shoe_height + 0.25 * np.clip(painting.z - ankle[2] - 0.03, -0.05, 0.05)
    painting.cover(
        np.array(outfit.shoe) * (1 + 0.06 * painting.fine[:, None]),
        painting.mask_below(painting.y, sole + height),
        "shoes",
    )
    painting.cover(outfit.sole, painting.mask_below(painting.y, sole + 0.016), "shoes")
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
        painting.cover(colour * 0.8, strap * trunk, "carried")
        across = np.abs(painting.x) / 0.145
        upright = np.abs(painting.y - (chest[1] + 0.06)) / 0.2
        distance = (across**4 + upright**4) ** 0.25
        pack = painting.mask_below(distance, 1.0, 0.03) * (texels.normal[:, 2] < 0.0) * trunk
        painting.cover(colour, pack, "carried")
        line = painting.mask_below(np.abs(distance - 0.62), 0.04, 0.02) * pack
        painting.cover(colour * 0.55, line * (painting.y < chest[1] + 0.08))
    elif outfit.bag == "shoulder strap":
        # A strap from one shoulder to the other hip: a plane through the trunk.
        slope = (neck[1] - texels.joints["left_hip"][1]) / 0.24
        plane = (painting.y - chest[1] - 0.06) - outfit.strap_side * slope * painting.x
        strap = painting.mask_below(np.abs(plane) / np.hypot(1, slope), 0.016)
        painting.cover(
            colour * 0.8, strap * trunk * (painting.y > texels.joints["left_hip"][1]), "carried"
        )
