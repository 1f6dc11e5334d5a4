"""A procedural wardrobe: clothed body textures from a seed, as true textures for the stand-ins.

Everything is painted per texel from the texel's position on the T-posed body, in 3D, so that no
seam between UV islands shows and any UV layout will do. An `Outfit` is plain data: `sample_outfit`
draws one, `paint` turns it into a texture, and the same outfit gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.body import JOINT_NAMES, Body
from textures.shading import to_bytes
from textures.uv_layout import atlas, fill_gutters
from textures.visibility import VisibilityBuffer, interpolate, vertex_normals

from .garments import (
    Garment,
    Pattern,
    Print,
    fabric_colour,
    sample_bottom,
    sample_fabric_colour,
    sample_print,
    sample_top,
)

Colour = tuple[float, float, float]

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


@dataclass(frozen=True)
class Mannequin:
    """What painting needs of a body, prepared once: its covered texels on the T-posed template.

    ``position`` and ``normal`` (N,3) float32 of the covered texels, ``head`` (N,) bool; ``arm``
    (N,) is 0 at the shoulder joint, 0.5 at the elbow, 1 at the wrist (negative on the trunk),
    ``joints`` by name, heights of the sole and the crown, ``front`` z of the face.
    """

    texels: VisibilityBuffer
    position: np.ndarray
    normal: np.ndarray
    head: np.ndarray
    arm: np.ndarray
    joints: dict[str, np.ndarray]
    sole: float
    crown: float
    front: float

    @property
    def size(self) -> int:
        """Texels along the texture's side."""
        return len(self.texels.face)


def mannequin(body: Body, size: int = 256) -> Mannequin:
    """Prepare ``body`` for painting textures of ``size`` x ``size`` texels."""
    texels = atlas(body, size)
    covered = texels.covered
    position = interpolate(texels, body.faces, body.template)[covered]
    normals = vertex_normals(body.template, body.faces).astype(np.float32)
    normal = interpolate(texels, body.faces, normals)[covered]
    joints = dict(zip(JOINT_NAMES, body.rest_joints.astype(float)))
    shoulder, elbow, wrist = (joints[f"left_{n}"][0] for n in ("shoulder", "elbow", "wrist"))
    arm = np.interp(
        np.abs(position[:, 0]), [0.0, shoulder, elbow, wrist, wrist + 0.2], [-1, 0, 0.5, 1.0, 1.4]
    )
    arm[position[:, 1] < joints["spine3"][1]] = -1.0
    skull = body.template[np.unique(body.faces[body.head_faces])]
    return Mannequin(
        texels=texels,
        position=position,
        normal=normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6),
        head=body.head_faces[texels.face[covered]],
        arm=arm.astype(np.float32),
        joints=joints,
        sole=float(body.template[:, 1].min()),
        crown=float(skull[:, 1].max()),
        front=float(skull[:, 2].max()),
    )


def paint_outfit(body: Body, *, rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """A clothed texture (size, size, 3) uint8 sRGB for ``body``, drawn from ``rng``.

    For many textures prepare the `mannequin` once and call `paint` with sampled outfits.
    """
    return paint(mannequin(body, size), sample_outfit(rng))


def paint(model: Mannequin, outfit: Outfit) -> np.ndarray:
    """The texture (S,S,3) uint8 sRGB of ``outfit`` on ``model``, gutters filled."""
    canvas = _Canvas(model, np.random.default_rng(outfit.grain_seed))
    _paint_skin(canvas, outfit)
    _paint_face(canvas, outfit)
    _paint_feet(canvas, outfit)
    if outfit.top.tucked:
        _paint_garment(canvas, outfit.top)
        _paint_prints(canvas, outfit)
        _paint_garment(canvas, outfit.bottom)
    else:
        _paint_garment(canvas, outfit.bottom)
        _paint_garment(canvas, outfit.top)
        _paint_prints(canvas, outfit)
    if outfit.belt is not None and outfit.top.tucked:
        waist = outfit.bottom.upper
        canvas.cover(outfit.belt, canvas.between(canvas.y, waist - 0.035, waist))
    if outfit.jacket is not None:
        _paint_garment(canvas, outfit.jacket)
    _paint_hair(canvas, outfit)
    _paint_bag(canvas, outfit)
    return canvas.texture()


EDGE = 0.004
"""Half-width in metres over which the border of a painted region fades (about a texel at 256)."""


class _Canvas:
    """The covered texels being painted: colours (N,3) sRGB and soft masks (N,) over them."""

    def __init__(self, model: Mannequin, rng: np.random.Generator) -> None:
        self.model = model
        self.x, self.y, self.z = model.position.T
        self.rgb = np.zeros_like(model.position)
        self.fine = _noise(model.position, 0.012, rng)
        self.coarse = _noise(model.position, 0.07, rng)
        self.folds = _noise(model.position * np.array([1, 0.4, 1], np.float32), 0.05, rng)

    def below(self, value: np.ndarray, limit: np.ndarray | float, edge: float = EDGE) -> np.ndarray:
        """1 where ``value`` < ``limit``, fading to 0 across the border."""
        return np.clip(0.5 + (limit - value) / (2 * edge), 0, 1)

    def between(
        self,
        value: np.ndarray,
        low: np.ndarray | float,
        high: np.ndarray | float,
        edge: float = EDGE,
    ) -> np.ndarray:
        """1 where ``low`` < ``value`` < ``high``, fading across both borders."""
        return self.below(value, high, edge) * self.below(-value, -np.asarray(low), edge)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
        """1 inside an ellipse in x and y, on the front of the head."""
        distance = np.hypot((self.x - centre[0]) / radii[0], (self.y - centre[1]) / radii[1])
        return np.clip((1 - distance) * min(radii) / EDGE * 2 + 0.5, 0, 1) * self.face_front

    @property
    def face_front(self) -> np.ndarray:
        model = self.model
        return (model.head & (self.z > model.joints["head"][2] + 0.03)).astype(np.float32)

    def cover(self, colour: Colour | np.ndarray, mask: np.ndarray) -> None:
        """Paint ``colour`` (3,) or (N,3) where ``mask`` is 1."""
        self.rgb += (np.asarray(colour, dtype=np.float32) - self.rgb) * mask[:, None]

    def shade(self, factor: np.ndarray) -> None:
        """Multiply the colours."""
        self.rgb *= factor[:, None]

    def texture(self) -> np.ndarray:
        texels = self.model.texels
        image = np.zeros((*texels.face.shape, 3), dtype=np.uint8)
        image[texels.covered] = to_bytes(self.rgb)
        return fill_gutters(image, texels.covered)


def _noise(points: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise in [-1, 1] at 3D ``points`` (N,3), with features of about ``scale`` metres."""
    cells = points / scale
    cells = cells - np.floor(cells.min(axis=0))
    low = np.floor(cells).astype(int)
    part = (cells - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    lattice = rng.uniform(-1, 1, size=low.max(axis=0) + 2).astype(np.float32)
    value = np.zeros(len(points), dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        value += weight * lattice[tuple((low + corner).T)]
    return value


def _paint_skin(canvas: _Canvas, outfit: Outfit) -> None:
    tone = np.array(outfit.skin, dtype=np.float32)
    canvas.cover(tone, np.ones(len(canvas.x)))
    canvas.shade(1 + 0.03 * canvas.coarse + 0.02 * canvas.fine)
    knuckles = np.clip((canvas.model.arm - 1.15) * 8, 0, 1)
    canvas.cover(tone * np.array([0.95, 0.84, 0.82]), 0.5 * knuckles)


def _paint_face(canvas: _Canvas, outfit: Outfit) -> None:
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


def _paint_hair(canvas: _Canvas, outfit: Outfit) -> None:
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


def _paint_feet(canvas: _Canvas, outfit: Outfit) -> None:
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


def _region(canvas: _Canvas, garment: Garment) -> np.ndarray:
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


def _garment_axes(canvas: _Canvas) -> tuple[np.ndarray, np.ndarray]:
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


def _pattern_colour(canvas: _Canvas, pattern: Pattern, colour: Colour) -> np.ndarray:
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
        mask = (_noise(canvas.model.position, period, rng) > 0.35).astype(np.float32)
        third = np.array(pattern.third, dtype=np.float32)
        more = (_noise(canvas.model.position, period * 0.8, rng) > 0.45).astype(np.float32)
        base += (third - base) * more[:, None]
    else:
        raise ValueError(f"unknown pattern {pattern.kind!r}")
    return base + (second - base) * mask[:, None]


def _paint_garment(canvas: _Canvas, garment: Garment) -> None:
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


def _paint_prints(canvas: _Canvas, outfit: Outfit) -> None:
    for picture, side in ((outfit.chest_print, 1), (outfit.back_print, -1)):
        if picture is None:
            continue
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
            colours[np.where(ink > 0, ink, 1) - 1], inside * (ink > 0) * _region(canvas, outfit.top)
        )


def _paint_bag(canvas: _Canvas, outfit: Outfit) -> None:
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
