"""Camera views drawn from the ranges of a preset, once per row of the plan."""

from __future__ import annotations

import numpy as np

from synth.plans.preset import CameraRanges
from synth.scene.camera import View


def draw_view(rng: np.random.Generator, ranges: CameraRanges) -> View:
    """A view drawn from the ranges of a preset."""
    distance = max(ranges.near, float(rng.normal(ranges.distance_mean, ranges.distance_spread)))
    sides = tuple(float(yaw) for yaw in rng.uniform(0.0, 2 * np.pi, size=ranges.sides))
    offset_x, offset_y = (float(share) for share in rng.uniform(-0.45, 0.45, size=2))
    height = _draw_in(rng, ranges.height) if ranges.height else None
    pitch = float(np.radians(_draw_in(rng, ranges.pitch)))
    names = sorted(ranges.moves)
    shares = np.array([ranges.moves[name] for name in names])
    move = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    amount, phase = float(rng.uniform(-1.0, 1.0)), int(rng.integers(2**31))
    limits = {"still": 0.0, "dolly": ranges.dolly, "pan": np.radians(ranges.pan)}
    limits |= {"orbit": np.radians(ranges.orbit), "handheld": np.radians(ranges.shake)}
    if move == "handheld":
        amount = abs(amount)
    return View(
        policy=ranges.policy,
        focal=ranges.focal,
        sides=sides,
        distance=distance,
        height=height,
        pitch=pitch,
        offset=(offset_x, offset_y),
        far=ranges.far,
        border=ranges.border,
        flesh=ranges.flesh,
        move=move,
        amount=amount * float(limits[move]),
        phase=phase if move == "handheld" else 0,
    )


def camera_sides(view: View) -> tuple[float, ...]:
    """Yaws in radians from which a view is filmed, unless it has to take another of its sides.

    One, or where it orbits those of its beginning, middle and end.
    """
    yaw = view.sides[0]
    if view.move != "orbit":
        return (yaw,)
    return (yaw - view.amount / 2, yaw, yaw + view.amount / 2)


def _draw_in(rng: np.random.Generator, limits: tuple[float, ...]) -> float:
    """Uniform in [low, high]."""
    low, high = limits
    return float(rng.uniform(low, high))
