"""Trees, bushes, grass and what stands on the horizon of painted places."""

from __future__ import annotations

import math

import numpy as np

from synth.scene.places.painted_layout import PlaceLayout
from synth.scene.places.painted_solids import CYLINDER, ELLIPSOID


def add_tree(layout: PlaceLayout, across: float, away: float, size: float) -> None:
    """A tree of about 5 times `size` metres: a trunk, boughs, and a crown of clumps with holes."""
    rng = layout.rng
    leaves, bark = layout.shared_material("leaves"), layout.shared_material("bark")
    trunk = rng.uniform(1.0, 2.2) * size
    wide, grey = rng.uniform(0.16, 0.36) * size, np.full(3, rng.uniform(0.35, 0.8))
    layout.add(across, away, (wide, trunk + 1.5 * size, wide), bark, kind=CYLINDER, tint=grey)
    green = rng.uniform(0.5, 1.1) * np.array([rng.uniform(0.8, 1.35), 1.0, rng.uniform(0.7, 1.1)])
    spread, tall = rng.uniform(0.9, 1.6) * size, rng.uniform(1.8, 3.0) * size
    far = layout.distance + away > 40
    for _ in range(6 if far else int(rng.integers(8, 14))):
        angle, out = rng.uniform(0, 2 * math.pi), spread * math.sqrt(rng.random())
        high = rng.random()
        clump = rng.uniform(0.9, 2.0) * size * (1.5 if far else 1.0)
        layout.add(
            *(across + out * math.cos(angle), away + out * math.sin(angle)),
            *((clump, clump * rng.uniform(0.6, 0.9), clump), leaves),
            base=trunk + high * tall * (1 - 0.6 * out / spread) - 0.5 * clump,
            kind=ELLIPSOID,
            scale=1.6,
            turn=float(rng.uniform(0, 6)),
            tint=green * rng.uniform(0.7, 1.2),
            shift=tuple(rng.uniform(0, 3, 2)),
            holes=float(rng.uniform(0.25, 0.5)),
        )


def add_bush(layout: PlaceLayout, spot: tuple[float, float], size: float) -> None:
    """A bush of clumps of leaves, about `size` metres wide."""
    rng = layout.rng
    leaves = layout.shared_material("leaves")
    green = rng.uniform(0.5, 1.2) * np.array([rng.uniform(0.8, 1.3), 1.0, 0.9])
    for _ in range(int(rng.integers(3, 6))):
        x, z = rng.uniform(-0.4, 0.4, 2) * size
        clump = rng.uniform(0.4, 0.8) * size
        tall = clump * rng.uniform(0.6, 1.2)
        layout.add(
            *(spot[0] + x, spot[1] + z, (clump, tall, clump), leaves),
            base=rng.uniform(-0.25, 0.3) * tall,
            kind=ELLIPSOID,
            tint=green * rng.uniform(0.75, 1.15),
            holes=float(rng.uniform(0.2, 0.45)),
        )


def add_stones(layout: PlaceLayout, low: float, high: float, count: int) -> None:
    """Stones, tufts of grass and litter, strewn over the floor beyond the person."""
    rng = layout.rng
    leaves, stone = layout.shared_material("leaves"), layout.shared_material("concrete")
    for _ in range(count):
        away = rng.uniform(low, high)
        across = rng.uniform(-1, 1) * layout.half_width(away)
        size = 0.12 * float(np.exp(rng.normal(0, 0.6)))
        if rng.random() < 0.5:
            tint = rng.uniform(0.5, 1.2) * np.array([rng.uniform(0.9, 1.4), 1.0, 0.8])
            tuft = (3 * size, 1.6 * size, 3 * size)
            layout.add(
                across, away, tuft, leaves, base=-0.3 * size, kind=ELLIPSOID, tint=tint, holes=0.5
            )
        else:
            flat = (size, 0.6 * size, 1.3 * size)
            layout.add(across, away, flat, stone, base=-0.15 * size, kind=ELLIPSOID)


def add_horizon(layout: PlaceLayout) -> None:
    """What is far behind everything: hills, a line of woods, or a town."""
    rng = layout.rng
    kind = str(rng.choice(["woods", "hills", "town", "open"], p=[0.4, 0.25, 0.25, 0.1]))
    if kind == "open":
        return
    material = layout.shared_material({"woods": "leaves", "hills": "lawn", "town": "facade"}[kind])
    for _ in range(int(rng.integers(16, 32) if kind == "woods" else rng.integers(8, 18))):
        away = rng.uniform(40, 130)
        across = rng.uniform(-1.1, 1.1) * layout.half_width(away)
        tint = np.full(3, rng.uniform(0.5, 1.1))
        if kind == "town":
            size = (rng.uniform(8, 30), rng.uniform(5, 24), 10.0)
            layout.add(across, away, size, material, tint=tint, shift=tuple(rng.uniform(0, 9, 2)))
            continue
        woods = kind == "woods"
        tall = rng.uniform(4, 11) if woods else rng.uniform(6, 30)
        wide = tall * (rng.uniform(0.6, 1.5) if woods else rng.uniform(5, 10))
        # Hills stand behind the woods, and neither so deep that it comes near.
        size = (wide, tall, wide if woods else 60.0)
        layout.add(
            *(across, away + (0.0 if woods else 80.0), size, material),
            base=-0.3 * tall,
            kind=ELLIPSOID,
            tint=tint,
            scale=2.0 if woods else 8.0,
            turn=0.0,
            holes=0.4 if woods else 0.0,
            casts=False,
        )


def add_leafy_ground(layout: PlaceLayout, low: float, high: float, count: int) -> None:
    """A fence, hedge or reeds: an uneven row of bushes across the picture."""
    rng = layout.rng
    depth = rng.uniform(low, high)
    half_width = layout.half_width(depth)
    for _ in range(count):
        position = rng.uniform(-half_width, half_width)
        spot = layout.turned_point(position, depth + rng.normal(0, 0.4))
        if spot[1] > layout.reach + 2.0:
            add_bush(layout, spot, rng.uniform(1.0, 2.2))
