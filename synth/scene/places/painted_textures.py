"""What materials of painted places are made of: noise as in photographs, things laid in rows, colours."""

from __future__ import annotations

import numpy as np

from synth.scene.places.painted_shading import TEXELS

Colour = tuple[float, float, float]


class NoiseBank:
    """Noise of a place, (T,T) float32 of mean 0 and deviation 1, that repeats without a seam.

    Its amplitude falls with the frequency to the power of `slope`, as that of photographs does with
    about 1; fields are drawn once and shifted for every use.

    Args:
        rng: of the place's materials.
    """

    slopes = (0.4, 1.0, 1.6)

    def __init__(self, rng: np.random.Generator):
        rows = np.fft.fftfreq(TEXELS)[:, None] * TEXELS
        columns = np.fft.rfftfreq(TEXELS)[None] * TEXELS
        frequency = np.hypot(rows, columns)
        frequency[0, 0] = np.inf
        self._fields: dict[float, np.ndarray] = {}
        for slope in self.slopes:
            white = np.fft.rfft2(rng.standard_normal((TEXELS, TEXELS), dtype=np.float32))
            field = np.fft.irfft2(white / frequency**slope, s=(TEXELS, TEXELS))
            self._fields[slope] = (field / field.std()).astype(np.float32)

    def rough(self, rng: np.random.Generator) -> np.ndarray:
        """Noise that is nearly as strong in its finest details."""
        return self._shifted(rng, 0.4)

    def natural(self, rng: np.random.Generator) -> np.ndarray:
        """Noise like the surfaces of photographs."""
        return self._shifted(rng, 1.0)

    def cloudy(self, rng: np.random.Generator) -> np.ndarray:
        """Noise of large soft patches."""
        return self._shifted(rng, 1.6)

    def streaked(self, rng: np.random.Generator, ratio: int, upright: bool) -> np.ndarray:
        """Noise drawn out by a ratio, along the vertical or across it."""
        field = self._shifted(rng, 1.0)
        side = TEXELS // ratio
        if upright:
            return field[:side].repeat(ratio, axis=0)
        return field[:, :side].repeat(ratio, axis=1)

    def _shifted(self, rng: np.random.Generator, slope: float) -> np.ndarray:
        field = self._fields[slope]
        if rng.random() < 0.5:
            field = field.T
        down, right = rng.integers(0, TEXELS, 2)
        return np.roll(field, (int(down), int(right)), axis=(0, 1))


def laid_rows(
    rng: np.random.Generator,
    extent: float,
    *,
    long: float,
    tall: float,
    joint: float,
    offset: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Bricks, tiles or boards laid in rows.

    Args:
        rng: the source of each piece's number.
        extent: metres that the texture covers.
        long: metres of a piece along its row.
        tall: metres of a piece across it.
        joint: metres between pieces.
        offset: by which part of a piece the next row is shifted.

    Returns:
        A number N(0, 1) for each piece, and how much of the joint is in each texel, both (T,T) float32.
    """
    rows, columns = max(1, round(extent / tall)), max(1, round(extent / long))
    metres = (np.arange(TEXELS, dtype=np.float32) + 0.5) / TEXELS
    v, row = np.modf(metres * rows)
    u = metres[None] * columns + offset * (row[:, None] % 2)
    u, column = np.modf(u)
    numbers = rng.standard_normal((rows, columns + 1)).astype(np.float32)
    pieces = numbers[row.astype(int)[:, None], column.astype(int) % (columns + 1)]
    texel = extent / TEXELS
    across = np.minimum(v, 1 - v)[:, None] * extent / rows
    row_gap = np.minimum(u, 1 - u) * extent / columns
    away = np.minimum(across, row_gap)
    return pieces, np.clip((joint / 2 + texel / 2 - away) / texel, 0, 1).astype(np.float32)


def tinted(shade: np.ndarray, colour: np.ndarray | Colour) -> np.ndarray:
    """A colour in the shades (T,T), (T,T,3) float32."""
    return np.asarray(shade[..., None] * np.asarray(colour, np.float32), np.float32)


def mixed(first: np.ndarray | Colour, second: np.ndarray | Colour, share: np.ndarray) -> np.ndarray:
    """Two colours or pictures by a share (T,T) of the second, (T,T,3) float32."""
    share = np.clip(share, 0, 1)[..., None]
    mixture = np.asarray(first, np.float32) * (1 - share) + np.asarray(second, np.float32) * share
    return np.asarray(mixture, np.float32)


def drawn_from(rng: np.random.Generator, colours: np.ndarray, spread: float = 0.15) -> np.ndarray:
    """One of some colours (N,3), brighter or darker by chance and a little off its hue."""
    colour = colours[rng.integers(len(colours))] * np.exp(rng.normal(0, spread))
    return np.clip(colour * (1 + rng.normal(0, 0.03, 3)), 0.02, 0.95)
