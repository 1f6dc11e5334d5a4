"""A bird as a mesh with UVs of its own layout, shape directions and the keypoints of CUB-200-2011."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from mocap.bodies.mesh import HEAD as HEAD_GROUP
from mocap.bodies.mesh import Mesh
from textures.categories.birds.anatomy import (
    BILL,
    BODY_COLUMNS,
    HEAD,
    TAIL,
    TRUNK,
    WING_COLUMNS,
    BirdMeasures,
    BirdTubes,
    bird_tubes,
)
from textures.categories.object_model import ObjectModel
from textures.categories.tubes import Tube, lengthwise

UV_LAYOUT = "bird-1"
PART_LABELS = (
    "bill",
    "head",
    "trunk",
    "tail",
    "left wing",
    "right wing",
    "left leg",
    "right leg",
)
# Islands: left, bottom, right, top.
_BODY_ISLAND = (0.01, 0.36, 0.99, 0.99)
_WING_ISLANDS = ((0.01, 0.01, 0.42, 0.345), (0.44, 0.01, 0.85, 0.345))
_LEG_ISLANDS = ((0.87, 0.01, 0.92, 0.345), (0.94, 0.01, 0.99, 0.345))
_OUTER_SHARE = 0.72  # of a wing's island, for the side that is seen
_HEAD_SHARE = 0.42  # of the body's island, for bill and head
_DOWN, _UP = 0, BODY_COLUMNS // 2  # columns of the body
_ON_LEFT, _ON_RIGHT = BODY_COLUMNS // 4 + 2, 3 * BODY_COLUMNS // 4 - 2  # a little above the middle

# CUB's fifteen parts: on the body at a station and a column; of wings and legs, at a ring.
KEYPOINTS = (
    "back",
    "beak",
    "belly",
    "breast",
    "crown",
    "forehead",
    "left eye",
    "left leg",
    "left wing",
    "nape",
    "right eye",
    "right leg",
    "right wing",
    "tail",
    "throat",
)
_ON_BODY = {
    "back": (10.0, _UP),
    "beak": (BILL + 0.0, _UP),
    "belly": (11.0, _DOWN),
    "breast": (8.3, _DOWN),
    "crown": (5.3, _UP),
    "forehead": (HEAD + 0.6, _UP),
    "left eye": (HEAD + 1.0, _ON_LEFT),
    "nape": (7.3, _UP),
    "right eye": (HEAD + 1.0, _ON_RIGHT),
    "tail": (TAIL + 2.0, _UP),
    "throat": (HEAD + 1.6, _DOWN),
}
_WING_RING, _LEG_RING = 6, 2


@functools.cache
def bird_model() -> ObjectModel:
    """The bird: its template, how its shape varies, and where CUB's parts lie on it."""
    tubes = bird_tubes(BirdMeasures())
    pieces = (tubes.body, tubes.wing, tubes.wing, tubes.leg, tubes.leg)
    mirrored = (False, False, True, False, True)
    uvs = [_body_uv(tubes), *_wing_uvs(tubes.wing), *_leg_uvs(tubes.leg)]
    faces, uv_faces, corners, points = [], [], 0, 0
    for piece, flipped in zip(pieces, mirrored, strict=True):
        order = slice(None, None, -1 if flipped else 1)
        faces.append(piece.faces()[:, order] + points)
        uv_faces.append(piece.uv_faces()[:, order] + corners)
        points += len(piece.vertices())
        corners += len(piece.unrolled((0, 0, 1, 1), **_evenly(piece)))
    labels = [_body_labels(tubes)]
    labels += [np.full(len(piece), 5 + number) for number, piece in enumerate(faces[1:])]
    face_parts = np.concatenate(labels).astype(np.uint8)
    mesh = Mesh(
        name="bird",
        uv_layout=UV_LAYOUT,
        vertices=bird_vertices(BirdMeasures()).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        uv=np.concatenate(uvs).astype(np.float32),
        uv_faces=np.concatenate(uv_faces).astype(np.int32),
        face_parts=face_parts,
        face_groups={HEAD_GROUP: face_parts <= 2},
    )
    return ObjectModel(
        mesh=mesh,
        directions=_directions(),
        keypoint_names=KEYPOINTS,
        keypoint_vertices=_keypoint_vertices(tubes),
        sides=tuple(_counterpart(name) for name in KEYPOINTS),
    )


def bird_vertices(measures: BirdMeasures) -> np.ndarray:
    """Vertices (V,3) float64 of a bird, metres: body, left and right wing, left and right leg."""
    tubes = bird_tubes(measures)
    mirror = np.array([-1.0, 1.0, 1.0])
    wing, leg = tubes.wing.vertices(), tubes.leg.vertices()
    return np.concatenate([tubes.body.vertices(), wing, wing * mirror, leg, leg * mirror])


def _directions() -> np.ndarray:
    """(P,V,3): how the vertices move with each measure, from its two sides."""
    return np.stack(
        [
            (
                bird_vertices(BirdMeasures(**{field.name: 0.5}))
                - bird_vertices(BirdMeasures(**{field.name: -0.5}))
            )
            for field in dataclasses.fields(BirdMeasures)
        ]
    ).astype(np.float32)


def _evenly(tube: Tube) -> dict[str, np.ndarray]:
    rows, columns = tube.rings.shape[:2]
    return {"across": np.linspace(0, 1, columns + 1), "down": np.linspace(0, 1, rows + 2)}


def _body_uv(tubes: BirdTubes) -> np.ndarray:
    """The body cut along the belly, its head larger than life."""
    down = lengthwise(tubes.body)
    neck = float(np.interp(TRUNK, tubes.station, down[1:-1]))
    stretched = np.interp(down, [0, neck, 1], [0, _HEAD_SHARE, 1])
    across = np.linspace(0, 1, BODY_COLUMNS + 1)
    return tubes.body.unrolled(_BODY_ISLAND, across=across, down=stretched)


def _wing_uvs(wing: Tube) -> list[np.ndarray]:
    """Both wings, cut along the lower edge, the outside larger; the right one mirrored."""
    outer = WING_COLUMNS // 2
    across = np.concatenate(
        [
            np.linspace(0, _OUTER_SHARE, outer + 1),
            np.linspace(_OUTER_SHARE, 1, WING_COLUMNS - outer + 1)[1:],
        ]
    )
    left = wing.unrolled(_WING_ISLANDS[0], across=across, down=lengthwise(wing))
    return [left, _mirrored(left, *_WING_ISLANDS)]


def _leg_uvs(leg: Tube) -> list[np.ndarray]:
    left = leg.unrolled(_LEG_ISLANDS[0], across=_evenly(leg)["across"], down=lengthwise(leg))
    return [left, _mirrored(left, *_LEG_ISLANDS)]


def _mirrored(uv: np.ndarray, island: tuple[float, ...], target: tuple[float, ...]) -> np.ndarray:
    """UVs of an island, mirrored into another one of its size."""
    return np.stack([target[2] - (uv[:, 0] - island[0]), uv[:, 1]], 1)


def _body_labels(tubes: BirdTubes) -> np.ndarray:
    """(F,) part labels of the body's faces, by the station of their foremost ring."""
    rows = len(tubes.station)
    ring = np.concatenate([np.repeat(np.arange(rows), BODY_COLUMNS), [0, rows - 1]])
    foremost = tubes.station[ring[tubes.body.faces()].min(1)]
    return np.searchsorted([HEAD, TRUNK, TAIL], foremost, side="right") + 1


def _keypoint_vertices(tubes: BirdTubes) -> np.ndarray:
    """(15,) indices of the vertices at which CUB's parts lie."""
    body = len(tubes.body.vertices())
    wing, leg = len(tubes.wing.vertices()), len(tubes.leg.vertices())
    outside = WING_COLUMNS // 4
    leg_columns = tubes.leg.rings.shape[1]
    result = []
    for name in KEYPOINTS:
        if name in _ON_BODY:
            station, column = _ON_BODY[name]
            ring = int(np.abs(tubes.station - station).argmin())
            result.append(ring * BODY_COLUMNS + column)
            continue
        right = name.startswith("right")
        if name.endswith("wing"):
            result.append(body + right * wing + _WING_RING * WING_COLUMNS + outside)
        else:
            before = body + 2 * wing + right * leg
            result.append(before + _LEG_RING * leg_columns + leg_columns // 4)
    return np.array(result)


def _counterpart(name: str) -> int:
    """The number of the same keypoint on the other side; a middle one's own."""
    words = {"left": "right", "right": "left"}
    first, _, last = name.partition(" ")
    return KEYPOINTS.index(f"{words[first]} {last}" if first in words else name)
