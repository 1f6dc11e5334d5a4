"""A body's surface prepared for deciding garments: cells that are looked at together, and candidates.

A texture's texels are far more than the pixels of a crop, and fitted bodies are some pixels off, so
texels are no witnesses by themselves: those of a cell, a few centimetres wide, speak with one voice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from mocap.bodies.body import JOINT_NAMES, Body
from textures.attire.priors import GarmentPriors, garment_priors
from textures.fusion.surface_view import FusedSurface
from textures.wardrobe.body_texels import (
    BodyTexels,
    TexelPainting,
    arm_coordinate,
    prepare_body_texels,
)
from textures.wardrobe.hair_painting import cap_region, hair_region
from textures.wardrobe.labels import LABEL_INDEX, LABELS
from textures.wardrobe.outfit import HAIR_STYLES

CELL = 0.025  # metres
TURN = 0.06  # metres that a half turn of the surface counts as
DOUBT = 0.06  # share of a label's probability that says nothing
FULLY_HEARD = 0.12  # mean weight of a cell's texels from which on it is fully heard

NEAR_TEXELS = 8
REACH = 0.05  # metres over which what cells show is carried on
FARTHEST = 2.5  # times REACH: what is farther away adds nothing

ARM_STEP = 0.1
ARM_SUPPORT = np.arange(ARM_STEP / 2, 1.06, ARM_STEP)
"""Where an arm's axis is taken from its vertices: 0 shoulder, 0.5 elbow, 1 wrist."""

HAIR_LENGTHS = {"long": (0.04, 0.1, 0.17, 0.24), "ponytail": (0.06, 0.14, 0.22)}


@dataclass(frozen=True)
class HairCandidate:
    """A style, its length below the chin in metres, where it is (N,) bool, and its share of people."""

    style: str
    length: float
    region: np.ndarray
    share: float


@dataclass(frozen=True)
class AttireSurface:
    """What deciding and painting garments needs of a body, prepared once for a texture's size.

    texels: of the body, N of them covered. cell (N,) int: which of `count` cells a texel is in, front
    and back apart. side (N,) int: 1 on the person's left, 0 on the right; front (N,) int: 1 where the
    surface looks ahead. candidates: of the hair. priors: of the garments. arm_vertices: per arm, right
    and left, the body's vertices about each point of `ARM_SUPPORT`; head_vertices: those of the head.
    shares (N,count), sparse: how the nearest cells share each texel. reach (count,count), sparse: how far
    what a cell shows is carried on to another. near_texels (N,8) int, near_distances (N,8) metres: the
    texels about each, itself left out.
    """

    texels: BodyTexels
    cell: np.ndarray
    count: int
    side: np.ndarray
    front: np.ndarray
    candidates: tuple[HairCandidate, ...]
    priors: GarmentPriors
    arm_vertices: tuple[tuple[np.ndarray, ...], ...]
    head_vertices: np.ndarray
    shares: csr_array
    reach: csr_array
    near_texels: np.ndarray
    near_distances: np.ndarray

    def on_texels(self, values: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Values (count,C) of the cells that are inside (count,), smooth over the texels: (N,C)."""
        total = np.maximum(self.shares @ inside, 1e-12)
        return (self.shares @ (values * inside[:, None])) / total[:, None]

    def border_distances(self, label: np.ndarray, farthest: float) -> np.ndarray:
        """Metres (N,) along the surface from each texel to one of another label, at most `farthest`."""
        other = label[self.near_texels] != label[:, None]
        distance = np.where(other, self.near_distances, farthest).min(1)
        step = np.where(other, np.inf, self.near_distances)
        while True:  # each round goes a texel farther from the border
            nearer = np.minimum(distance, (distance[self.near_texels] + step).min(1))
            if np.array_equal(nearer, distance):
                return distance
            distance = nearer


@dataclass(frozen=True)
class LabelEvidence:
    """What is seen at the covered texels.

    log_chance (N,L): log-probabilities of the labels, never far below log(DOUBT / L); weight (N,) in
    0..1: how sure texel and label are, 0 where nobody saw the person; chance (N,L): probabilities;
    colours (N,3) sRGB in [0,1].
    """

    log_chance: np.ndarray
    chance: np.ndarray
    weight: np.ndarray
    colours: np.ndarray


def prepare_attire_surface(body: Body, size: int) -> AttireSurface:
    """Prepare a body for deciding what it wears, on textures of `size` texels a side."""
    texels = prepare_body_texels(body, size)
    front = (texels.normal[:, 2] >= 0).astype(np.int64)
    side = (texels.position[:, 0] >= 0).astype(np.int64)
    grid = np.floor(texels.position / CELL).astype(np.int64)
    keys = np.concatenate([grid - grid.min(0), front[:, None]], 1)
    _, cell = np.unique(keys, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    points = np.concatenate([texels.position, texels.normal * (TURN / 2)], 1).astype(np.float64)
    number = np.bincount(cell)
    centres = np.stack([np.bincount(cell, column) / number for column in points.T], 1)
    tree = cKDTree(centres)
    distance, near = tree.query(points, k=8)
    shares = np.exp(-((distance / CELL) ** 2)) + 1e-9 / (distance + 1e-3)
    starts = np.arange(0, shares.size + 1, shares.shape[1])
    apart = tree.sparse_distance_matrix(tree, FARTHEST * REACH, output_type="coo_matrix")
    reach = csr_array((np.exp(-((apart.data / REACH) ** 2)), (apart.row, apart.col)), apart.shape)
    away, neighbours = cKDTree(texels.position).query(texels.position, k=NEAR_TEXELS + 1)
    return AttireSurface(
        texels=texels,
        cell=cell,
        count=int(cell.max()) + 1,
        side=side,
        front=front,
        candidates=_hair_candidates(texels),
        priors=garment_priors(texels.sole),
        arm_vertices=tuple(_arm_vertices(body, side) for side in (-1, 1)),
        head_vertices=np.unique(body.faces[body.head_faces]),
        shares=csr_array(
            (shares.reshape(-1), near.reshape(-1), starts), (len(points), len(centres))
        ),
        reach=reach,
        near_texels=neighbours[:, 1:],
        near_distances=away[:, 1:],
    )


def _arm_vertices(body: Body, side: int) -> tuple[np.ndarray, ...]:
    """The vertices of an arm about each point of `ARM_SUPPORT`, never none."""
    template = body.template
    coordinate = arm_coordinate(template, dict(zip(JOINT_NAMES, body.rest_joints.astype(float))))
    arm = np.where(template[:, 0] * side > 0, coordinate, -9.0)
    groups = []
    for point in ARM_SUPPORT:
        distance = np.abs(arm - point)
        near = np.flatnonzero(distance < ARM_STEP / 2)
        groups.append(near if len(near) else np.array([int(distance.argmin())]))
    return tuple(groups)


def _hair_candidates(texels: BodyTexels) -> tuple[HairCandidate, ...]:
    painting = TexelPainting(texels, np.random.default_rng(0))
    candidates = []
    total = sum(HAIR_STYLES.values())
    for style, weight in HAIR_STYLES.items():
        if style == "hat":  # on a body's skin it is a cap without a visor
            continue
        lengths = HAIR_LENGTHS.get(style, (0.02,))
        for length in lengths:
            region = hair_region(painting, style, length=length) > 0.5
            if style == "cap":
                region |= cap_region(painting) > 0.5
            share = weight / total / len(lengths)
            candidates.append(HairCandidate(style, length, region, share))
    return tuple(candidates)


def label_evidence(surface: AttireSurface, fused: FusedSurface) -> LabelEvidence:
    """What photographs say of the labels of a body's texels.

    Args:
        surface: of the body, at the photographs' size.
        fused: with labels.

    Raises:
        ValueError: for a surface without labels, or of another size.
    """
    size = surface.texels.size
    if fused.labels is None or fused.labels.shape != (size, size, len(LABELS)):
        shape = None if fused.labels is None else fused.labels.shape
        raise ValueError(f"labels {shape}; expected ({size}, {size}, {len(LABELS)})")
    covered = surface.texels.buffer.covered
    chance = np.clip(fused.labels[covered].astype(np.float64), 0, 1)
    person = chance.sum(1) - chance[:, LABEL_INDEX["carried"]]
    # What is carried, or is no person at all, says nothing of what is below it.
    weight = fused.weight[covered] * np.clip(person, 0, 1)
    shares = chance / np.maximum(chance.sum(1, keepdims=True), 1e-9)
    mixed = (1 - DOUBT) * shares + DOUBT / len(LABELS)
    colours = np.clip(fused.colours[covered] / 255, 0, 1)
    return LabelEvidence(np.log(mixed), shares, weight, colours.astype(np.float64))


def pooled(
    values: np.ndarray, weight: np.ndarray, groups: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means of texels' values by group, and how well each group is seen.

    Args:
        values: (n,C).
        weight: (n,) of the texels.
        groups: (n,) int, below `count`.
        count: of groups.

    Returns:
        Means (count,C), 0 for groups that nobody saw, and heard (count,) in 0..1.
    """
    total = np.bincount(groups, weight, count)
    number = np.bincount(groups, minlength=count)
    sums = np.stack([np.bincount(groups, weight * column, count) for column in values.T], 1)
    means = sums / np.maximum(total, 1e-9)[:, None]
    heard = np.clip(total / np.maximum(number, 1) / FULLY_HEARD, 0, 1)
    return means, heard
