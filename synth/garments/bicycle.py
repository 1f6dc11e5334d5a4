"""A bicycle of tubes, ridden or pushed: what hides legs in the street more often than anything else."""

from __future__ import annotations

import numpy as np

from synth.garments.solids import Solid, joined, rounded_box, tube

WHEEL = 0.33  # radius, metres
REAR, FRONT = -0.42, 0.62  # axles ahead of the crank, metres
RISE = 0.04  # of the axles above the crank
GROUND = RISE - WHEEL


def make_bicycle(crank: np.ndarray) -> Solid:
    """A bicycle that heads for +z, on the ground `GROUND` below its crank.

    Args:
        crank: (3,) where its pedals turn, metres.
    """

    def point(x: float, y: float, z: float) -> np.ndarray:
        return crank + np.array([x, y, z])

    def bar(*points: np.ndarray, radius: float = 0.016) -> Solid:
        return tube(np.stack(points), [radius] * len(points), 6)

    rear, front = point(0, RISE, REAR), point(0, RISE, FRONT)
    saddle, head = point(0, 0.5, -0.17), point(0, 0.48, 0.42)
    stem = point(0, 0.72, 0.38)
    return joined(
        [
            _wheel(rear),
            _wheel(front),
            bar(crank, saddle),
            bar(saddle, rear, radius=0.011),
            bar(crank, rear, radius=0.011),
            bar(crank, head),
            bar(saddle, head),
            bar(front, head, stem),
            bar(point(-0.28, 0.74, 0.26), stem, point(0.28, 0.74, 0.26), radius=0.013),
            bar(point(-0.12, -0.16, 0.03), crank, point(0.12, 0.16, -0.03), radius=0.013),
            rounded_box(saddle + np.array([0, 0.03, -0.02]), (0.17, 0.06, 0.26)),
            rounded_box(rear + np.array([0, WHEEL + 0.06, 0.02]), (0.16, 0.03, 0.36)),
        ]
    )


def _wheel(axle: np.ndarray) -> Solid:
    """A tyre and four spokes' worth of bars across it."""
    angle = np.linspace(0, 2 * np.pi, 25)
    circle = axle + WHEEL * np.stack([np.zeros(25), np.cos(angle), np.sin(angle)], 1)
    tyre = tube(circle, [0.021] * 25, 6)
    spokes = []
    for turn in (0.2, 1.25, 2.3):
        end = 0.97 * WHEEL * np.array([0, np.cos(turn), np.sin(turn)])
        spokes.append(tube(np.stack([axle - end, axle + end]), [0.004, 0.004], 4))
    return joined([tyre, *spokes])
