"""Camera views drawn from the ranges of a preset, once per row of the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synth.plans.preset import Backgrounds, CameraRanges
from synth.scene.camera import View
from synth.scene.places.scene_place import ScenePlace

_NEAREST = 2.5  # metres: nearer, nobody is seen whole
_UPRIGHT = 0.4  # of what a person is off the middle upwards: a standing camera tilts for it


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


def view_in_place(
    view: View,
    scene_place: ScenePlace | None,
    ranges: Backgrounds,
    rng: np.random.Generator,
    *,
    height: int,
    width: int,
) -> View:
    """The view of a person who stands in a place, as a camera above its floor sees it.

    It stands as high as was drawn for it, else as `ranges.heights` say, and turns where a framed one
    slides. In a photograph it stands where the photographer stood, as high, with a lens between that
    which shows all of the photograph and the one that was drawn, and the person is as large in the
    picture as they were to be. It may turn, but a photograph has no parallax: what would drive or
    go around stands still there.

    Args:
        view: as it was drawn.
        scene_place: None for a plate, before which the view stays what it is.
        ranges: of the preset.
        rng: the source of the height and, in a photograph, of the lens.
        height: of the picture, pixels.
        width: of the picture, pixels.
    """
    if scene_place is None:
        return view
    photograph = scene_place.photograph
    if photograph is None:
        drawn_height = _draw_in(rng, ranges.heights)
        policy = "standing" if view.policy == "framed" else view.policy
        return replace(
            view,
            policy=policy,
            height=drawn_height if view.height is None else view.height,
            offset=(view.offset[0], _UPRIGHT * view.offset[1]),
        )
    enlarged = ranges.enlarged
    shortest, longest = photograph.film_focals(
        view.focal, width=width, height=height, enlarged=enlarged
    )
    focal = shortest * (longest / shortest) ** float(rng.random())
    moves = view.move in ("pan", "handheld")
    return replace(
        view,
        policy="standing",
        focal=focal,
        distance=max(_NEAREST, view.distance * focal / view.focal),
        height=photograph.camera_height,
        pitch=0.0,
        offset=(view.offset[0], _UPRIGHT * view.offset[1]),
        move=view.move if moves else "still",
        amount=view.amount if moves else 0.0,
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
