"""Plumages of species that nobody has seen: colours and marks of birds, painted on the mesh's texels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textures.categories.birds.model import KEYPOINTS, PART_LABELS
from textures.categories.object_model import ObjectModel
from textures.visibility.texel_geometry import TexelGeometry
from textures.visibility.vertex_normals import vertex_normals

COLOURS = {
    "black": (28, 27, 30),
    "slate": (84, 92, 104),
    "grey": (140, 142, 144),
    "white": (232, 230, 222),
    "cream": (222, 206, 168),
    "brown": (110, 78, 50),
    "rust": (158, 84, 40),
    "olive": (112, 112, 56),
    "yellow": (228, 196, 48),
    "orange": (222, 124, 36),
    "red": (184, 40, 38),
    "blue": (52, 92, 170),
    "azure": (92, 158, 206),
    "green": (56, 116, 66),
}
_BILLS = ("black", "slate", "orange", "yellow", "brown", "red")
_LEGS = ("black", "slate", "orange", "rust", "grey")


@dataclass(frozen=True, kw_only=True)
class Plumage:
    """A species' colours, (3,) sRGB of 255 each, by region, and its marks.

    Attributes:
        colours: of bill, crown, face, throat, nape, back, breast, belly, wing, tail, legs.
        eye_stripe: a dark stripe through the eye.
        eye_ring: a light ring around it.
        collar: a band around the neck, in the throat's colour or dark.
        wing_bars: how many light bars lie across the wing.
        breast_marks: "plain", "spots" or "streaks".
        tail_band: a band before the tail's end.
        noise_seed: of the feathers' unevenness.
    """

    colours: dict[str, np.ndarray]
    eye_stripe: bool
    eye_ring: bool
    collar: bool
    wing_bars: int
    breast_marks: str
    tail_band: bool
    noise_seed: int


def sample_plumage(rng: np.random.Generator) -> Plumage:
    """Draw a species' plumage: few colours, most of them shared by neighbouring regions."""

    def colour(name: str) -> np.ndarray:
        shade = np.array(COLOURS[name], float) * np.exp(rng.normal(0, 0.12))
        return np.clip(shade + rng.normal(0, 6, 3), 8, 247)

    names = list(COLOURS)
    upper, lower, accent = (colour(str(name)) for name in rng.choice(names, 3, replace=False))
    wing = upper * rng.uniform(0.55, 1.0) if rng.random() < 0.6 else colour(str(rng.choice(names)))
    crown = accent if rng.random() < 0.45 else upper
    face = (upper, lower, accent)[rng.integers(3)]
    colours = {
        "bill": colour(str(rng.choice(_BILLS))),
        "crown": crown,
        "face": face,
        "throat": (face, lower, accent)[rng.integers(3)],
        "nape": crown if rng.random() < 0.5 else upper,
        "back": upper,
        "breast": accent if rng.random() < 0.3 else lower,
        "belly": lower,
        "wing": wing,
        "tail": wing if rng.random() < 0.6 else upper * 0.7,
        "legs": colour(str(rng.choice(_LEGS))),
    }
    return Plumage(
        colours=colours,
        eye_stripe=bool(rng.random() < 0.35),
        eye_ring=bool(rng.random() < 0.4),
        collar=bool(rng.random() < 0.3),
        wing_bars=int(rng.integers(0, 3)),
        breast_marks=str(rng.choice(["plain", "spots", "streaks"], p=[0.5, 0.25, 0.25])),
        tail_band=bool(rng.random() < 0.35),
        noise_seed=int(rng.integers(2**31)),
    )


class PlumagePainter:
    """Paints plumages on the texels of the bird."""

    def __init__(self, model: ObjectModel, geometry: TexelGeometry) -> None:
        mesh = model.mesh
        self.geometry = geometry
        self.label = mesh.face_parts[geometry.texels.face[geometry.covered]]
        normals = geometry.interpolation @ vertex_normals(mesh.vertices, mesh.faces)
        self.upward = normals[:, 1] / np.linalg.norm(normals, axis=1)
        self.point = geometry.position * 100  # centimetres
        self.keypoint = dict(zip(KEYPOINTS, model.keypoints() * 100, strict=True))

    def texture(self, plumage: Plumage) -> np.ndarray:
        """The texture (S,S,3) uint8 of a plumage, gutters filled."""
        rng = np.random.default_rng(plumage.noise_seed)
        painted = self._regions(plumage.colours)
        self._mark(painted, plumage, rng)
        painted *= 1 + 0.10 * self._noise(rng, 1.2)[:, None] + 0.06 * self._noise(rng, 0.4)[:, None]
        self._draw_eyes(painted, plumage.eye_ring)
        size = self.geometry.size
        texture = np.zeros((size * size, 3), np.uint8)
        texture[self.geometry.surface] = np.clip(painted, 0, 255).astype(np.uint8)
        return texture[self.geometry.number]

    def _of_parts(self, *names: str) -> np.ndarray:
        return np.isin(self.label, [PART_LABELS.index(name) + 1 for name in names])

    def _away(self, keypoint: str) -> np.ndarray:
        """Centimetres from a keypoint."""
        return np.linalg.norm(self.point - self.keypoint[keypoint], axis=1)

    def _regions(self, colours: dict[str, np.ndarray]) -> np.ndarray:
        """(C,3) float64: each texel in its region's colour, edges softened."""
        z = self.point[:, 2]
        painted = np.tile(colours["back"], (len(self.point), 1))

        def lay(name: str, share: np.ndarray) -> None:
            weight = np.clip(share, 0, 1)[:, None]
            painted[:] += weight * (colours[name] - painted)

        head, trunk, tail = self._of_parts("head"), self._of_parts("trunk"), self._of_parts("tail")
        underside = _ramp(-self.upward, -0.25, 0.15)
        lay("belly", (trunk | tail) * underside)
        lay("breast", trunk * underside * _ramp(z, -0.6, 0.4))
        lay("face", head)
        lay("throat", head * _ramp(-self.upward, 0.05, 0.3))
        lay("throat", trunk * underside * _ramp(z, 1.5, 2.0))
        lay("crown", head * _ramp(self.upward, 0.45, 0.65))
        behind_head = _ramp(-z, -2.9, -2.4) * _ramp(z, 1.2, 1.7)
        lay("nape", (head | trunk) * _ramp(self.upward, -0.1, 0.2) * behind_head)
        lay("tail", tail.astype(float))
        lay("wing", self._of_parts("left wing", "right wing").astype(float))
        lay("legs", self._of_parts("left leg", "right leg").astype(float))
        lay("bill", self._of_parts("bill").astype(float))
        return painted

    def _mark(self, painted: np.ndarray, plumage: Plumage, rng: np.random.Generator) -> None:
        """Stripes, collar, bars, spots and bands."""
        z = self.point[:, 2]
        head, trunk = self._of_parts("head"), self._of_parts("trunk")
        dark = np.array(COLOURS["black"], float)
        light = np.array(COLOURS["white"], float)

        def lay(colour: np.ndarray, share: np.ndarray) -> None:
            painted[:] += np.clip(share, 0, 1)[:, None] * (colour - painted)

        if plumage.eye_stripe:
            level = np.abs(self.point[:, 1] - self.keypoint["left eye"][1])
            lay(dark, head * _ramp(-level, -0.42, -0.25) * _ramp(-self.upward, -0.6, -0.4))
        if plumage.collar:
            lay(dark, (head | trunk) * _ramp(-np.abs(z - 1.9), -0.45, -0.3))
        wing = self._of_parts("left wing", "right wing")
        for bar in range(plumage.wing_bars):
            lay(light, wing * _ramp(-np.abs(z + 0.4 + 1.5 * bar), -0.32, -0.2))
        lay(dark, wing * 0.6 * _ramp(-z, 4.2, 5.0))
        if plumage.breast_marks != "plain":
            length = 1.0 if plumage.breast_marks == "spots" else 0.25
            pattern = _value_noise(self.point * (1, length, length), 0.55, rng)
            lay(dark, trunk * _ramp(-self.upward, -0.3, 0.1) * 0.8 * _ramp(pattern, 0.35, 0.6))
        if plumage.tail_band:
            lay(light, self._of_parts("tail") * _ramp(-np.abs(z + 8.9), -0.5, -0.4))

    def _draw_eyes(self, painted: np.ndarray, ring: bool) -> None:
        for eye in ("left eye", "right eye"):
            away = self._away(eye)
            if ring:
                painted[(away < 0.52) & self._of_parts("head")] = COLOURS["white"]
            painted[(away < 0.34) & self._of_parts("head")] = COLOURS["black"]

    def _noise(self, rng: np.random.Generator, period: float) -> np.ndarray:
        return _value_noise(self.point * (1, 1, 0.6), period, rng)


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on."""
    return np.clip((values - low) / (high - low), 0, 1)


def _value_noise(points: np.ndarray, period: float, rng: np.random.Generator) -> np.ndarray:
    """(N,) noise of about unit size that is smooth over `period`: waves in random directions."""
    directions = rng.normal(size=(12, 3)) * (2 * np.pi / period / 2.5)
    phases = rng.uniform(0, 2 * np.pi, 12)
    return np.sin(points @ directions.T + phases).sum(1) / np.sqrt(6)
