"""Hair, caps and hats painted on a head: where each style's are, and in which colour."""

from __future__ import annotations

import numpy as np

from textures.wardrobe.body_texels import TexelPainting
from textures.wardrobe.hairlines import LONG, cap_rim, hairline
from textures.wardrobe.painted_garments import Colour


def hair_region(
    painting: TexelPainting, style: str, *, length: float, raised: float = 0.0
) -> np.ndarray:
    """Where the hair of a style is, without a cap or hat that may be on it.

    Args:
        painting: Gives the texels and their noise.
        style: One of `textures.wardrobe.outfit.HAIR_STYLES`.
        length: Metres below the chin of long hair and of a ponytail.
        raised: Metres that the hairline is moved up.

    Returns:
        (N,) soft mask.
    """
    texels = painting.texels
    head, unit = texels.joints["head"], texels.crown - texels.joints["head"][1]
    depth = painting.z - head[2]
    line = hairline(depth, style)
    lowest = head[1] + line * unit + raised + 0.004 * painting.coarse
    hair = painting.mask_below(-painting.y, -lowest) * texels.head
    near = np.hypot(painting.x, depth) < 0.2
    # Long hair that hangs lies on more of the back than what is tied together.
    front = 0.01 - 0.1 * np.abs(painting.x)
    if style not in LONG:
        front = -0.25 * np.abs(painting.x)
    back = painting.mask_below(depth, front, 0.008) * near
    chin = head[1] - 0.45 * unit
    if style in LONG:
        drop = 0.02 if style == "bob" else length
        strands = painting.mask_below(-painting.y, -(chin - drop + 0.012 * painting.fine), 0.01)
        hair = np.maximum(
            hair, back * strands * painting.mask_below(np.abs(painting.x), 0.12, 0.01)
        )
        hair = np.maximum(hair, strands * texels.head * painting.mask_below(depth, 0.025, 0.008))
    elif style == "ponytail":
        tail = painting.mask_below(-painting.y, -(chin - length)) * back
        hair = np.maximum(hair, tail * painting.mask_below(np.abs(painting.x), 0.032, 0.006))
    if style == "bald":
        hair = hair * 0.12
    return hair


def cap_region(painting: TexelPainting) -> np.ndarray:
    """Where a cap or a hat is on the head, (N,) soft."""
    head, crown = painting.texels.joints["head"], painting.texels.crown
    rim = head[1] + cap_rim(painting.z - head[2]) * (crown - head[1])
    return painting.mask_below(-painting.y, -rim) * painting.texels.head


def paint_hair(
    painting: TexelPainting,
    style: str,
    colour: Colour,
    *,
    cap: Colour,
    length: float,
    raised: float,
) -> None:
    """Paint a style of hair, and the cap or hat where the style is one; arguments of `hair_region`."""
    hair = hair_region(painting, style, length=length, raised=raised)
    painting.cover(np.array(colour) * (1 + 0.14 * painting.fine[:, None]), hair, "hair")
    if style in ("cap", "hat"):
        cloth = np.array(cap) * (1 + 0.04 * painting.fine[:, None])
        painting.cover(cloth, cap_region(painting), "hair")
    if style == "cap":
        head = painting.texels.joints["head"]
        rim = head[1] + cap_rim(painting.z - head[2]) * (painting.texels.crown - head[1])
        visor = painting.mask_between(painting.y, rim, rim + 0.012) * painting.face_front
        middle = painting.mask_below(np.abs(painting.x), 0.06)
        painting.cover(np.array(cap) * 0.6, visor * middle, "hair")
