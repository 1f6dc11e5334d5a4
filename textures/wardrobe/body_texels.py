"""The body's texels in 3D as something to paint on: colours, soft masks over them, and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from textures.visibility.buffer import VisibilityBuffer, interpolate, vertex_normals
from textures.visibility.shading import to_bytes
from textures.visibility.uv_layout import atlas, fill_gutters
from textures.wardrobe.labels import LABEL_INDEX
from textures.wardrobe.painted_garments import Colour


@dataclass(frozen=True)
class BodyTexels:
    """What painting needs of a body, prepared once: its covered texels on the T-posed template.

    `buffer` has (S,S) texels, N of which are covered: `position` and `normal` (N,3) float32,
    `head` (N,) bool; `arm` (N,) is 0 at the shoulder joint, 0.5 at the elbow, 1 at the wrist
    (negative on the trunk). `joints` are positions by name, `sole` and `crown` heights, `front` the
    z of the face, all in metres in the template's frame.
    """

    buffer: VisibilityBuffer
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
        return len(self.buffer.face)


def prepare_body_texels(body: Body, size: int = 256) -> BodyTexels:
    """Prepare a body for painting.

    Args:
        body: Body whose T-posed template is painted.
        size: Texels along the side of its textures.

    Returns:
        The covered texels.
    """
    buffer = atlas(body.mesh, size)
    covered = buffer.covered
    position = interpolate(buffer, body.faces, body.template)[covered]
    normals = vertex_normals(body.template, body.faces).astype(np.float32)
    normal = interpolate(buffer, body.faces, normals)[covered]
    joints = dict(zip(JOINT_NAMES, body.rest_joints.astype(float)))
    arm = arm_coordinate(position, joints)
    skull = body.template[np.unique(body.faces[body.head_faces])]
    return BodyTexels(
        buffer=buffer,
        position=position,
        normal=normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6),
        head=body.head_faces[buffer.face[covered]],
        arm=arm.astype(np.float32),
        joints=joints,
        sole=float(body.template[:, 1].min()),
        crown=float(skull[:, 1].max()),
        front=float(skull[:, 2].max()),
    )


def arm_coordinate(points: np.ndarray, joints: dict[str, np.ndarray]) -> np.ndarray:
    """How far along the arm T-posed points (N,3) are: 0 shoulder, 0.5 elbow, 1 wrist; -1 trunk."""
    shoulder, elbow, wrist = (joints[f"left_{name}"][0] for name in ("shoulder", "elbow", "wrist"))
    arm = np.interp(
        np.abs(points[:, 0]), [0.0, shoulder, elbow, wrist, wrist + 0.2], [-1, 0, 0.5, 1.0, 1.4]
    )
    arm[points[:, 1] < joints["spine3"][1]] = -1.0
    return arm


EDGE = 0.004
"""Half-width in metres over which the border of a painted region fades (about a texel at 256)."""


class TexelPainting:
    """The covered texels being painted: colours (N,3) sRGB and soft masks (N,) over them.

    `x`, `y` and `z` (N,) are the texels' positions, `fine`, `coarse` and `folds` (N,) noise in
    [-1, 1] over them; `label` (N,) uint8 is the index into `LABELS` of what covers each.
    """

    def __init__(self, texels: BodyTexels, rng: np.random.Generator) -> None:
        self.texels = texels
        self.x, self.y, self.z = texels.position.T
        self.rgb = np.zeros_like(texels.position)
        self.label = np.zeros(len(texels.position), dtype=np.uint8)
        self.fine = noise(texels.position, 0.012, rng)
        self.coarse = noise(texels.position, 0.07, rng)
        self.folds = noise(texels.position * np.array([1, 0.4, 1], np.float32), 0.05, rng)

    def mask_below(
        self, value: np.ndarray, limit: np.ndarray | float, edge: float = EDGE
    ) -> np.ndarray:
        """1 where `value` < `limit`, fading to 0 across the border."""
        return np.clip(0.5 + (limit - value) / (2 * edge), 0, 1)

    def mask_between(
        self,
        value: np.ndarray,
        low: np.ndarray | float,
        high: np.ndarray | float,
        edge: float = EDGE,
    ) -> np.ndarray:
        """1 where `low` < `value` < `high`, fading across both borders."""
        return self.mask_below(value, high, edge) * self.mask_below(-value, -np.asarray(low), edge)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
        """1 inside an ellipse in x and y, on the front of the head."""
        distance = np.hypot((self.x - centre[0]) / radii[0], (self.y - centre[1]) / radii[1])
        return np.clip((1 - distance) * min(radii) / EDGE * 2 + 0.5, 0, 1) * self.face_front

    @property
    def face_front(self) -> np.ndarray:
        """1 on the front of the head, 0 elsewhere, (N,) float32."""
        texels = self.texels
        return (texels.head & (self.z > texels.joints["head"][2] + 0.03)).astype(np.float32)

    def cover(
        self, colour: Colour | np.ndarray, mask: np.ndarray, label: str | None = None
    ) -> None:
        """Paint `colour` (3,) or (N,3) where `mask` is 1; what it is now where it is another thing."""
        covered = np.flatnonzero(mask)
        colour = np.asarray(colour, dtype=np.float32)
        colour = colour[covered] if colour.ndim == 2 else colour
        share = np.asarray(mask, dtype=np.float32)[covered, None]
        self.rgb[covered] += (colour - self.rgb[covered]) * share
        if label is not None:
            self.label[np.asarray(mask) > 0.5] = LABEL_INDEX[label]

    def shade(self, factor: np.ndarray) -> None:
        """Multiply the colours by `factor` (N,)."""
        self.rgb *= factor[:, None]

    def texture(self) -> np.ndarray:
        """The texture (S,S,3) uint8 sRGB, gutters filled."""
        buffer = self.texels.buffer
        image = np.zeros((*buffer.face.shape, 3), dtype=np.uint8)
        image[buffer.covered] = to_bytes(self.rgb)
        return fill_gutters(image, buffer.covered)

    def label_map(self) -> np.ndarray:
        """Indices into `LABELS` (S,S) uint8 of what covers each texel, gutters filled."""
        buffer = self.texels.buffer
        labels = np.zeros(buffer.face.shape, dtype=np.uint8)
        labels[buffer.covered] = self.label
        return fill_gutters(labels, buffer.covered)


LATTICE = 32


def noise(points: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise in [-1, 1] at 3D `points` (N,3), with features of about `scale` metres.

    It repeats every 32 features.
    """
    lattice = rng.random((LATTICE, LATTICE, LATTICE), dtype=np.float32) * 2 - 1
    out = np.empty(len(points), dtype=np.float32)
    _value_noise(points / np.float32(scale), lattice, out)
    return out


@numba.njit(cache=True, nogil=True)
def _value_noise(cells, lattice, out):
    low = np.empty(3, np.int64)
    fraction = np.empty(3, np.float64)
    cell = np.empty(3, np.int64)
    for n in range(cells.shape[0]):
        for d in range(3):
            floor = np.floor(cells[n, d])
            low[d] = int(floor) % LATTICE
            t = cells[n, d] - floor
            fraction[d] = t * t * (3.0 - 2.0 * t)
        total = 0.0
        for corner in range(8):
            weight = 1.0
            for d in range(3):
                cell[d] = low[d]
                if corner >> d & 1:
                    weight *= fraction[d]
                    cell[d] = (cell[d] + 1) % LATTICE
                else:
                    weight *= 1.0 - fraction[d]
            total += weight * lattice[cell[0], cell[1], cell[2]]
        out[n] = total
