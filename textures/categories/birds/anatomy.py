"""The shape of a bird: body, folded wings and legs as tubes, from a few measures.

Centimetres of a bird of thrush size; the bird looks along +z, its left side is at +x, y is up. Bill,
head, trunk and tail are one tube, so that a texture's largest piece shows them without a seam but the one
along the belly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from textures.categories.tubes import Tube, lofted

BODY_COLUMNS, WING_COLUMNS, LEG_COLUMNS = 24, 16, 8
LEFT = np.array([1.0, 0.0, 0.0])

# Stations from bill to tail: z and y of the spine, half width, half height.
BILL, HEAD, TRUNK, TAIL = 0, 3, 8, 14  # the first station of each
_STATIONS = np.array(
    [
        (6.6, 4.72, 0.14, 0.17),
        (6.0, 4.78, 0.27, 0.33),
        (5.45, 4.85, 0.42, 0.55),
        (5.05, 4.95, 0.78, 0.92),
        (4.40, 5.05, 1.15, 1.28),
        (3.60, 5.05, 1.36, 1.52),
        (2.80, 4.80, 1.38, 1.62),
        (2.05, 4.30, 1.45, 1.80),
        (1.20, 3.60, 1.80, 2.20),
        (0.10, 2.80, 2.15, 2.60),
        (-1.20, 2.10, 2.25, 2.65),
        (-2.50, 1.45, 2.00, 2.25),
        (-3.70, 0.90, 1.50, 1.60),
        (-4.70, 0.45, 1.05, 0.95),
        (-5.60, 0.05, 0.90, 0.45),
        (-7.60, -0.75, 1.05, 0.24),
        (-9.60, -1.55, 1.20, 0.16),
    ]
)
_RINGS_BETWEEN = 3  # rings for each station


@dataclass(frozen=True, kw_only=True)
class BirdMeasures:
    """What may differ between birds and their attitudes, each 0 in the template and about 1 in size.

    plump: trunk's thickness. head: its size. bill: its length. tail: its length. neck: how far the head
    is raised. legs: their length. wings: how far the wings' tips are lifted off the body.
    """

    plump: float = 0.0
    head: float = 0.0
    bill: float = 0.0
    tail: float = 0.0
    neck: float = 0.0
    legs: float = 0.0
    wings: float = 0.0


@dataclass(frozen=True)
class BirdTubes:
    """A bird's body, left wing and left leg; station (R,) of the body's rings."""

    body: Tube
    wing: Tube
    leg: Tube
    station: np.ndarray


def bird_tubes(measures: BirdMeasures) -> BirdTubes:
    """The tubes of a bird, in metres; the right wing and leg are the left ones' mirror images."""
    stations = _measured_stations(measures)
    count = len(stations)
    station = np.linspace(0, count - 1, (count - 1) * _RINGS_BETWEEN + 1)
    curve = PchipInterpolator(np.arange(count), stations, axis=0)
    z, y, width, height = curve(station).T
    spine = np.stack([np.zeros_like(z), y, z], 1)
    ends = np.stack([2 * spine[0] - spine[1], 2 * spine[-1] - spine[-2]])
    ends[0] = spine[0] + (spine[0] - spine[2]) * 0.8
    body = lofted(spine, np.stack([width, height], 1), side=LEFT, columns=BODY_COLUMNS, poles=ends)
    return BirdTubes(
        body=_metres(body),
        wing=_metres(_wing(stations, measures)),
        leg=_metres(_leg(stations, measures)),
        station=station,
    )


def _measured_stations(measures: BirdMeasures) -> np.ndarray:
    stations = _STATIONS.copy()
    stations[TRUNK:TAIL, 2:] *= 1 + 0.12 * measures.plump
    face = stations[HEAD]
    stations[:HEAD, 0] = face[0] + (stations[:HEAD, 0] - face[0]) * (1 + 0.4 * measures.bill)
    middle = stations[HEAD + 2, :2].copy()
    stations[:TRUNK, :2] = middle + (stations[:TRUNK, :2] - middle) * (1 + 0.1 * measures.head)
    stations[:TRUNK, 2:] *= 1 + 0.1 * measures.head
    raised = np.interp(np.arange(len(stations)), [HEAD + 3, TRUNK + 1], [1.0, 0.0])
    stations[:, 1] += 0.6 * measures.neck * raised
    stations[:, 0] -= 0.3 * measures.neck * raised
    root = stations[TAIL, :2].copy()
    stations[TAIL:, :2] = root + (stations[TAIL:, :2] - root) * (1 + 0.35 * measures.tail)
    return stations


def _wing(stations: np.ndarray, measures: BirdMeasures) -> Tube:
    """The left wing: a flat tube that lies on the body's side, from the shoulder to the tail."""
    fraction = np.linspace(0.03, 0.97, 15)
    z = 1.9 - 9.0 * fraction
    middle = 3.5 - 3.7 * fraction + 0.4 * np.sin(np.pi * fraction)
    width = 1.35 * np.sin(np.pi * fraction**0.75) ** 0.7 + 0.1
    angle = 2 * np.pi * np.arange(WING_COLUMNS) / WING_COLUMNS
    height = middle[:, None] - width[:, None] * np.cos(angle)
    forward = np.broadcast_to(z[:, None], height.shape)
    thickness = 0.16 * np.sin(np.pi * fraction) + 0.03
    lift = measures.wings * fraction**2
    x = _body_side(stations, forward, height) + 0.22 + thickness[:, None] * np.sin(angle)
    x = x + 0.9 * lift[:, None]
    rings = np.stack([x, height + 0.5 * lift[:, None], forward], -1)
    middles = rings.mean(1)
    ends = np.stack([2 * middles[0] - middles[1], 2 * middles[-1] - middles[-2]])
    return Tube(rings, ends)


def _body_side(stations: np.ndarray, forward: np.ndarray, height: np.ndarray) -> np.ndarray:
    """How far out the body's left side is at z and y, and a little where the body is narrower."""
    order = np.argsort(stations[:, 0])
    y, width, tall = (np.interp(forward, stations[order, 0], k) for k in stations[order, 1:].T)
    share = np.clip((height - y) / tall, -1, 1)
    reach = width * np.sqrt(np.clip(1 - share**2, 0, None))
    return np.maximum(reach, 0.55)


def _leg(stations: np.ndarray, measures: BirdMeasures) -> Tube:
    """The left leg: from within the belly down, and the foot forward."""
    ground = -3.1 - 0.8 * measures.legs
    path = np.array(
        [
            (0.95, 0.4, -1.4),
            (0.95, -0.4, -1.5),
            (0.95, ground * 0.45, -1.6),
            (0.95, ground + 0.5, -1.3),
            (0.95, ground + 0.18, -1.0),
            (0.95, ground + 0.1, -0.5),
        ]
    )
    radii = np.array([0.34, 0.28, 0.17, 0.16, 0.2, 0.17])[:, None].repeat(2, 1)
    ends = np.array([(0.95, 0.9, -1.35), (0.95, ground + 0.08, -0.1)])
    return lofted(path, radii, side=LEFT, columns=LEG_COLUMNS, poles=ends)


def _metres(tube: Tube) -> Tube:
    return Tube(tube.rings / 100, tube.poles / 100)
