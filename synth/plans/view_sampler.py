"""Camera views drawn from the ranges of a preset, once a row of the plan."""

from __future__ import annotations

import numpy as np

from synth.plans.preset import CameraRanges
from synth.scene.camera import View


def draw_view(rng: np.random.Generator, ranges: CameraRanges) -> View:
    """A view drawn from the ranges of a preset."""
    distance = max(ranges.near, float(rng.normal(ranges.distance_mean, ranges.distance_spread)))
    sides = tuple(float(yaw) for yaw in rng.uniform(0.0, 2 * np.pi, size=ranges.sides))
    offset = tuple(float(share) for share in rng.uniform(-0.45, 0.45, size=2))
    height = float(rng.uniform(*ranges.height)) if ranges.height else None
    pitch = float(np.radians(rng.uniform(*ranges.pitch)))
    names = sorted(ranges.moves)
    shares = np.array([ranges.moves[name] for name in names])
    move = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    amount, phase = float(rng.uniform(-1.0, 1.0)), int(rng.integers(2**31))
    most = {"still": 0.0, "dolly": ranges.dolly, "pan": np.radians(ranges.pan)}
    most |= {"orbit": np.radians(ranges.orbit), "handheld": np.radians(ranges.shake)}
    if move == "handheld":
        amount = abs(amount)
    return View(
        policy=ranges.policy,
        focal=ranges.focal,
        sides=sides,
        distance=distance,
        height=height,
        pitch=pitch,
        offset=offset,
        far=ranges.far,
        border=ranges.border,
        flesh=ranges.flesh,
        move=move,
        amount=amount * float(most[move]),
        phase=phase if move == "handheld" else 0,
    )
