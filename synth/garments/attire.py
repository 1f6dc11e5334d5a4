"""What somebody wears, as measures of a tailor: plain data that garments are made from."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Upper:
    """A shirt, dress, jacket or coat; heights (y) are the template's, lengths in metres.

    `sleeve` is 0 at the shoulder joint, 0.5 at the elbow, 1 at the wrist; `ease` how far the cloth
    stands off the trunk, `cuff` off the arm at the sleeve's end, `flare` off the body at the hem
    beyond the ease; `taper` how fast it may come in below the chest, per 2 cm; `rise` moves the
    neckline; `hood` is the depth of a hood that lies on the back. `folds`: their depth, number and
    phase.
    """

    lower: float
    sleeve: float
    ease: float = 0.012
    cuff: float = 0.02
    flare: float = 0.01
    taper: float = 0.004
    rise: float = 0.0
    hood: float = 0.0
    folds: tuple[float, int, float] = (0.0, 7, 0.0)


@dataclass(frozen=True, kw_only=True)
class Lower:
    """Trousers, shorts or a skirt; as in `Upper`. `ease` at the hip, `hem` off the leg below."""

    skirt: bool
    upper: float
    lower: float
    ease: float = 0.01
    hem: float = 0.02
    taper: float = 0.0
    folds: tuple[float, int, float] = (0.0, 7, 0.0)


@dataclass(frozen=True, kw_only=True)
class Hair:
    """Hair: `style` is short, bob, long, ponytail, bun, bald; `length` below the chin."""

    style: str
    thickness: float
    length: float = 0.0
    hairline: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """Something carried, ridden or pushed.

    `kind` is backpack, shoulder bag, tote, handbag, carrier, umbrella, ridden bicycle or pushed
    bicycle (whose size is always the same).

    `side` is 1 for the person's left; `size` (width, height, depth) in metres.
    """

    kind: str
    colour: Rgb
    side: int
    size: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Attire:
    """Everything that somebody wears and carries. `headwear` is "", cap or hat."""

    top: Upper
    bottom: Lower
    hair: Hair
    headwear: str = ""
    brim: float = 0.06
    sole: float = 0.012
    luggage: tuple[Luggage, ...] = ()
