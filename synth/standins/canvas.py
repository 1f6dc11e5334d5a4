"""The body as a canvas: its texels in 3D, soft masks over them, and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from textures.visibility.buffer import VisibilityBuffer, interpolate, vertex_normals
from textures.visibility.shading import to_bytes
from textures.visibility.uv_layout import atlas, fill_gutters

Colour = tuple[float, float, float]


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
    texels = atlas(body.mesh, size)
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


EDGE = 0.004
"""Half-width in metres over which the border of a painted region fades (about a texel at 256)."""


class Canvas:
    """The covered texels being painted: colours (N,3) sRGB and soft masks (N,) over them."""

    def __init__(self, model: Mannequin, rng: np.random.Generator) -> None:
        self.model = model
        self.x, self.y, self.z = model.position.T
        self.rgb = np.zeros_like(model.position)
        self.fine = noise(model.position, 0.012, rng)
        self.coarse = noise(model.position, 0.07, rng)
        self.folds = noise(model.position * np.array([1, 0.4, 1], np.float32), 0.05, rng)

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
        where = np.flatnonzero(mask)
        colour = np.asarray(colour, dtype=np.float32)
        colour = colour[where] if colour.ndim == 2 else colour
        share = np.asarray(mask, dtype=np.float32)[where, None]
        self.rgb[where] += (colour - self.rgb[where]) * share

    def shade(self, factor: np.ndarray) -> None:
        """Multiply the colours."""
        self.rgb *= factor[:, None]

    def texture(self) -> np.ndarray:
        texels = self.model.texels
        image = np.zeros((*texels.face.shape, 3), dtype=np.uint8)
        image[texels.covered] = to_bytes(self.rgb)
        return fill_gutters(image, texels.covered)


LATTICE = 32


def noise(points: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise in [-1, 1] at 3D ``points`` (N,3), with features of about ``scale`` metres.

    It repeats every 32 features.
    """
    lattice = rng.random((LATTICE, LATTICE, LATTICE), dtype=np.float32) * 2 - 1
    out = np.empty(len(points), dtype=np.float32)
    _value_noise(points / np.float32(scale), lattice, out)
    return out


@numba.njit(cache=True, nogil=True)
def _value_noise(cells, lattice, out):
    low = np.empty(3, np.int64)
    part = np.empty(3, np.float64)
    place = np.empty(3, np.int64)
    for n in range(cells.shape[0]):
        for d in range(3):
            floor = np.floor(cells[n, d])
            low[d] = int(floor) % LATTICE
            t = cells[n, d] - floor
            part[d] = t * t * (3.0 - 2.0 * t)
        total = 0.0
        for corner in range(8):
            weight = 1.0
            for d in range(3):
                place[d] = low[d]
                if corner >> d & 1:
                    weight *= part[d]
                    place[d] = (place[d] + 1) % LATTICE
                else:
                    weight *= 1.0 - part[d]
            total += weight * lattice[place[0], place[1], place[2]]
        out[n] = total
