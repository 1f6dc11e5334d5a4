"""Things that come between the camera and people: boxes, poles and plants that stand on the floor.

Half of them stand still and half cross the view. They are labelled: part `OCCLUDER_PART`, an instance of
their own after the people's, depth, normals, flow and UV as any surface. Sides that meet at an edge share
no vertices, so that smooth normals are those of flat sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from mocap.bodies.mesh import Mesh
from mocap.parsing.json_files import choice
from synth.scene.placement import FloorDiscs, floor_discs
from textures.visibility.camera import Camera

OCCLUDER_PART = 25
"""The part label of occluders, after SURREAL's 24."""

OCCLUDER_KINDS = ("box", "pole", "plant")

_CLEAR = 0.05  # metres from people's discs
_BEFORE_CAMERA = 1.5  # metres that stay free before the camera
_TRIES = 200
_NEAREST, _FARTHEST = 0.5, 0.9  # of the way from the camera to a person
_CROSSING = (0.5, 2.0)  # metres in a clip
_SIDEWAYS = 0.5  # metres that one stands beside the line to a person at most
_TEXELS = 64
_SIDES = 12  # of a pole
_POT = 0.3  # of a plant's height

Metres = Annotated[float, Meta(ge=-1e6, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class OccluderDraw:
    """An occluder as it was drawn: its kind, and the seed of its size, look, place and way."""

    kind: Annotated[str, choice(OCCLUDER_KINDS)]
    seed: Annotated[int, Meta(ge=0, lt=2**62)]


@dataclass(frozen=True, kw_only=True)
class Occluder:
    """An occluder in a clip. It moves evenly from `start` to `end`, x and z in metres on the floor.

    `size` is its width, height and depth in metres, `turn` radians about the vertical.
    """

    kind: Annotated[str, choice(OCCLUDER_KINDS)]
    seed: Annotated[int, Meta(ge=0, lt=2**62)]
    size: tuple[Metres, Metres, Metres]
    turn: Metres
    start: tuple[Metres, Metres]
    end: tuple[Metres, Metres]


def place_occluders(
    draws: Sequence[OccluderDraw],
    joints: np.ndarray,
    cameras: Sequence[Camera],
    *,
    flesh: float,
) -> tuple[Occluder, ...]:
    """Occluders before people, through nobody and through each other in no frame.

    Args:
        draws: what is asked for.
        joints: (T,24P,3) of everybody, metres in the world.
        cameras: T.
        flesh: metres of body around a joint.

    Returns:
        Those for which a place was found in `_TRIES` draws; the others are left out.
    """
    people = floor_discs(joints)
    discs = people = FloorDiscs(people.middle, np.maximum(people.radius, flesh))
    positions = np.stack([camera.position for camera in cameras])[:, [0, 2]]
    placed: list[Occluder] = []
    for draw in draws:
        rng = np.random.default_rng(draw.seed)
        for _ in range(_TRIES):
            occluder = _drawn_occluder(draw, people, positions, rng)
            path = occluder_path(occluder, len(joints))
            radius = np.hypot(occluder.size[0], occluder.size[2]) / 2
            disc = FloorDiscs(path[:, None], np.full((len(path), 1), radius))
            away = np.linalg.norm(path - positions, axis=1).min() - radius
            if away >= _BEFORE_CAMERA and disc.gap(discs) >= _CLEAR:
                placed.append(occluder)
                discs = FloorDiscs(
                    np.concatenate([discs.middle, disc.middle], axis=1),
                    np.concatenate([discs.radius, disc.radius], axis=1),
                )
                break
    return tuple(placed)


def _drawn_occluder(
    draw: OccluderDraw, people: FloorDiscs, positions: np.ndarray, rng: np.random.Generator
) -> Occluder:
    """A size, place and way, whether free or not."""
    middle = len(positions) // 2
    person = people.middle[middle, int(rng.integers(people.middle.shape[1]))]
    line = person - positions[middle]
    distance = float(np.linalg.norm(line))
    ahead = line / max(distance, 1e-9)
    across = np.array([-ahead[1], ahead[0]])
    position = positions[middle] + ahead * distance * rng.uniform(_NEAREST, _FARTHEST)
    position = position + across * rng.uniform(-_SIDEWAYS, _SIDEWAYS)
    way = np.zeros(2)
    if rng.random() < 0.5:
        way = across * rng.uniform(*_CROSSING) * rng.choice([-1.0, 1.0]) / 2
    if draw.kind == "box":
        width, height, depth = rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.8)
    elif draw.kind == "pole":
        width = depth = rng.uniform(0.08, 0.22)
        height = rng.uniform(1.8, 3.0)
    else:
        width = depth = rng.uniform(0.5, 0.9)
        height = rng.uniform(0.8, 1.6)
    start, end = position - way, position + way
    return Occluder(
        kind=draw.kind,
        seed=draw.seed,
        size=(float(width), float(height), float(depth)),
        turn=float(rng.uniform(0, 2 * np.pi)),
        start=(float(start[0]), float(start[1])),
        end=(float(end[0]), float(end[1])),
    )


def occluder_path(occluder: Occluder, frames: int) -> np.ndarray:
    """(frames,2) x and z on the floor, metres."""
    share = np.linspace(0.0, 1.0, frames)[:, None]
    return (1 - share) * np.array(occluder.start) + share * np.array(occluder.end)


def posed_occluder(
    occluder: Occluder, frames: int, *, ends: tuple[bool, bool]
) -> tuple[Mesh, np.ndarray]:
    """The mesh of an occluder and where it is, frame by frame.

    Args:
        occluder: what stands or moves there.
        frames: T.
        ends: whether the frames before the first and after the last are real (`PosedClip.ends`).

    Returns:
        Its mesh, and vertices (T+2,V,3) float32, metres in the world.
    """
    mesh = occluder_mesh(occluder)
    path = occluder_path(occluder, frames + 2)
    if not ends[0]:
        path[0] = path[1]
    if not ends[1]:
        path[-1] = path[-2]
    sine, cosine = np.sin(occluder.turn), np.cos(occluder.turn)
    turned = mesh.vertices @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    floor = np.stack([path[:, 0], np.zeros(len(path)), path[:, 1]], axis=1)
    return mesh, (turned + floor[:, None]).astype(np.float32)


def occluder_mesh(occluder: Occluder) -> Mesh:
    """The mesh of an occluder about the origin, standing on y = 0."""
    width, height, depth = occluder.size
    if occluder.kind == "box":
        vertices, faces, uv = _box(width, height, depth)
    elif occluder.kind == "pole":
        vertices, faces, uv = _tube(width / 2, 0.0, height)
    else:
        vertices, faces, uv = _plant(occluder)
    return Mesh(
        name=occluder.kind,
        uv_layout=f"occluder:{occluder.kind}",
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uv=uv.astype(np.float32),
        uv_faces=faces.astype(np.int32),
        face_parts=np.full(len(faces), OCCLUDER_PART, np.uint8),
    )


def _box(width: float, height: float, depth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six sides of four vertices each, and UVs of a whole texture on each."""
    low, high = np.array([-width / 2, 0, -depth / 2]), np.array([width / 2, height, depth / 2])
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for axis in range(3):
        for side in (0, 1):
            across, upward = (axis + 1) % 3, (axis + 2) % 3
            corners = np.empty((4, 3))
            corners[:, axis] = (low, high)[side][axis]
            corners[:, across] = np.where(square[:, 0], high[across], low[across])
            corners[:, upward] = np.where(square[:, 1], high[upward], low[upward])
            order = [[0, 1, 2], [0, 2, 3]] if side else [[0, 2, 1], [0, 3, 2]]
            faces.append(np.array(order) + 4 * len(vertices))
            vertices.append(corners)
    return np.concatenate(vertices), np.concatenate(faces), np.tile(square, (6, 1)).astype(float)


def _tube(radius: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A round wall and a lid; the seam and the lid have vertices of their own."""
    angle = np.linspace(0, 2 * np.pi, _SIDES + 1)
    ring = np.stack([radius * np.sin(angle), np.zeros(_SIDES + 1), radius * np.cos(angle)], axis=1)
    rings = [ring + np.array([0, y, 0]) for y in (low, high, high)]
    vertices = np.concatenate([*rings, [[0.0, high, 0.0]]])
    n = np.arange(_SIDES)
    lower, upper, lid, middle = (
        n,
        n + _SIDES + 1,
        n + 2 * _SIDES + 2,
        np.full(_SIDES, 3 * _SIDES + 3),
    )
    faces = np.concatenate(
        [
            np.stack([lower, lower + 1, upper + 1], axis=1),
            np.stack([lower, upper + 1, upper], axis=1),
            np.stack([lid, lid + 1, middle], axis=1),
        ]
    )
    angles = np.linspace(0, 1, _SIDES + 1)
    uv = np.concatenate(
        [
            np.stack([angles, np.zeros(_SIDES + 1)], axis=1),
            np.stack([angles, np.ones(_SIDES + 1)], axis=1),
            0.5 + 0.5 * np.stack([np.sin(angle), np.cos(angle)], axis=1),
            [[0.5, 0.5]],
        ]
    )
    return vertices, faces, uv


def _plant(occluder: Occluder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pot and leaves that bend outwards; a leaf is one sheet, seen from either side."""
    width, height, _ = occluder.size
    rng = np.random.default_rng(occluder.seed + 1)
    vertices, faces, uv = _tube(0.28 * width, 0.0, _POT * height)
    uv = uv * [1.0, 0.25]  # the pot has the lowest quarter of the texture
    count = 24
    angle = rng.uniform(0, 2 * np.pi, count)
    reach = rng.uniform(0.35, 0.5, count) * width
    top = rng.uniform(0.55, 1.0, count) * height
    broad = rng.uniform(0.04, 0.09, count)
    steps = np.linspace(0, 1, 5)
    cells = np.arange(4)
    strip = np.concatenate(
        [
            np.stack([2 * cells, 2 * cells + 1, 2 * cells + 3], axis=1),
            np.stack([2 * cells, 2 * cells + 3, 2 * cells + 2], axis=1),
        ]
    )
    all_vertices, all_faces, all_uv = [vertices], [faces], [uv]
    number = len(vertices)
    for n in range(count):
        out = np.array([np.sin(angle[n]), 0, np.cos(angle[n])])
        across = np.array([out[2], 0, -out[0]])
        low = _POT * height
        stem = steps[:, None] ** 2 * reach[n] * out
        stem[:, 1] = low + (top[n] - low) * np.sin(steps * np.pi / 2)
        breadth = broad[n] * np.sin(np.pi * (0.12 + 0.83 * steps))[:, None] * across
        leaf = np.stack([stem - breadth, stem + breadth], axis=1).reshape(-1, 3)
        leaf_uv = np.stack([np.tile([0.0, 1.0], 5), 0.3 + 0.7 * np.repeat(steps, 2)], axis=1)
        all_vertices.append(leaf)
        all_faces.append(strip + number)
        all_uv.append(leaf_uv)
        number += len(leaf)
    return np.concatenate(all_vertices), np.concatenate(all_faces), np.concatenate(all_uv)


def occluder_texture(occluder: Occluder) -> np.ndarray:
    """A plain texture (64,64,3) uint8 sRGB: card or wood, painted metal, leaves above a pot."""
    rng = np.random.default_rng(occluder.seed + 2)
    row, column = np.mgrid[:_TEXELS, :_TEXELS] / _TEXELS
    grain = rng.normal(0, 4, (_TEXELS, _TEXELS, 1))
    if occluder.kind == "box":
        base = np.array([150, 115, 75]) * rng.uniform(0.6, 1.3)
        waves = 12 * np.sin(2 * np.pi * (rng.integers(3, 9) * row + rng.uniform(0, 1)))
        seam = -25.0 * (np.abs(column - 0.5) < 0.03)
        picture = base + (waves + seam)[..., None]
    elif occluder.kind == "pole":
        base = rng.uniform(60, 200, 3)
        bands = np.floor(row * rng.integers(2, 7)).astype(int) % 2
        picture = base + 45.0 * bands[..., None] - 20 * np.cos(2 * np.pi * column)[..., None]
    else:
        green = np.array([60, 115, 45]) * rng.uniform(0.7, 1.3)
        vein = 30.0 * (np.abs(column - 0.5) < 0.06) - 18 * np.abs(np.sin(20 * row + 6 * column))
        pot = np.array([150, 85, 60]) * rng.uniform(0.7, 1.2)
        picture = np.where((row > 0.75)[..., None], pot, green + vein[..., None])
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
