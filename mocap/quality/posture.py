"""Whether a body stands in its world: balance, contact with the floor, which way is up.

What bears is looked at on the whole body, as capsules, so that those who crawl, lie, turn cartwheels or
climb bear on what they bear on. Arrays in, `Reason` out.
"""

from __future__ import annotations

import numpy as np

from mocap.bodies.body import JOINT_NAMES
from mocap.quality.limb_collisions import WINDOW, Capsules
from mocap.quality.signals import reason_of, runs_of
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds
from mocap.retargeting.ground import SIDES, Soles, foot_heights
from mocap.rotations import unit

# Shares of the body's mass by the joint they are put at; arms and legs for each side. After Winter,
# Biomechanics and Motor Control of Human Movement, each segment's halved between its two ends.
_MASS = {
    "pelvis": 0.142,
    "spine1": 0.07,
    "spine2": 0.07,
    "spine3": 0.15,
    "neck": 0.05,
    "head": 0.081,
    "hip": 0.05,
    "knee": 0.073,
    "ankle": 0.03,
    "foot": 0.008,
    "shoulder": 0.014,
    "elbow": 0.022,
    "wrist": 0.014,
}
_SHARES = np.array(
    [_MASS.get(name, _MASS.get(name.rpartition("_")[2], 0.0)) for name in JOINT_NAMES]
)
_SHARES /= _SHARES.sum()
_AXES = {
    f"{prefix}{name}": sign * np.eye(3)[k]
    for k, name in enumerate("xyz")
    for prefix, sign in (("", 1.0), ("-", -1.0))
}
_UPWARD = _AXES["y"]
_PLANTED_SECONDS = 0.1
_TURN = "turn poses and path until it stands along y (along z in an AMASS file)"
_UP_ADVICE = {
    "-z": "a world with y up was read as one with z up: turn poses and path by 90 degrees about x, or "
    "save them as plain arrays with 'fps', which have y up",
    "z": "a world with z up was read as one with y up: give the rate AMASS's name, mocap_framerate, or "
    "turn poses and path by -90 degrees about x",
    "-y": "these seem to be a camera's axes: turn poses and path by 180 degrees about x",
}


def find_leaning(
    rotations: np.ndarray,
    positions: np.ndarray,
    capsules: Capsules,
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Trunks that lean out over nothing for much of the time.

    Trunks of those who crawl, lie, bend down or stand on their hands are over what bears them.

    Args:
        rotations: (T, 24, 3, 3) global.
        positions: (T, 24, 3) of the joints, metres.
        capsules: Of the body.
        fps: Frames per second.
        limits: `lean_angle` and what follows it.
    """
    nearest = np.empty(len(rotations))
    for start in range(0, len(nearest), WINDOW):
        frames = slice(start, start + WINDOW)
        nearest[frames] = _distance_to_bearing(
            rotations[frames], positions[frames], capsules, limits.bearing_height
        )
    trunk = unit(positions[:, JOINT_NAMES.index("neck")] - positions[:, 0])
    leans = (trunk[:, 1] < np.cos(np.radians(limits.lean_angle))) & (nearest > limits.lean_metres)
    share = float(leans.mean())
    if share <= limits.lean_share:
        return []
    frame = int(np.where(leans, nearest, 0.0).argmax())
    unit_text = (
        f"of the time it leans more than {limits.lean_angle:g} degrees, its weight more than "
        f"{limits.lean_metres:g} m beside what bears it"
    )
    return [reason_of("trunk", "", frame, fps, share, limits.lean_share, unit_text)]


def _distance_to_bearing(
    rotations: np.ndarray, positions: np.ndarray, capsules: Capsules, height: float
) -> np.ndarray:
    """How far (T,) beside the nearest limb that bears the centre of mass is, metres over the floor."""
    starts, ends = capsules.segments(rotations, positions)
    points = np.concatenate([starts, ends], axis=1)
    radii = np.tile(capsules.radii, 2)
    levels = points[..., 1] - radii
    bears = levels < levels.min(axis=1, keepdims=True) + height
    centre = np.einsum("tji,j->ti", positions, _SHARES)
    aside = np.linalg.norm(points[..., [0, 2]] - centre[:, None, [0, 2]], axis=-1) - radii
    return np.where(bears, aside, np.inf).min(axis=1)


def lowest_heights(
    rotations: np.ndarray,
    positions: np.ndarray,
    pelvis: np.ndarray,
    capsules: Capsules,
    soles: Soles,
) -> np.ndarray:
    """Heights (T,) of the body's lowest point over the floor y = 0, metres.

    Args:
        rotations: (T, 24, 3, 3) global.
        positions: (T, 24, 3) of the joints from the pelvis, metres.
        pelvis: (T, 3) in the world, metres.
        capsules: Of the body.
        soles: Of the body.
    """
    limbs = np.empty(len(rotations))
    for first in range(0, len(limbs), WINDOW):
        frames = slice(first, first + WINDOW)
        starts, ends = capsules.segments(rotations[frames], positions[frames])
        limbs[frames] = (np.minimum(starts[..., 1], ends[..., 1]) - capsules.radii).min(axis=1)
    return np.minimum(limbs, foot_heights(rotations, soles).min(axis=1)) + pelvis[:, 1]


def find_floating(heights: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS) -> list[Reason]:
    """Bodies that never touch the floor. `heights` (T,) of the lowest point, metres."""
    share = float((heights < limits.floating_height).mean())
    if share >= limits.floating_share:
        return []
    unit_text = f"of the time within {limits.floating_height:g} m of the floor"
    frame = int(heights.argmax())
    return [reason_of("floating", "", frame, fps, share, limits.floating_share, unit_text)]


def find_drift(
    positions: np.ndarray, heights: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS
) -> list[Reason]:
    """Feet that rise or sink while they bear the body on a spot.

    Args:
        positions: (T, 24, 3) of the joints in the world, metres.
        heights: (T,) of the body's lowest point, metres.
        fps: Frames per second.
        limits: `drift_speed` and what follows it.
    """
    span = max(2, round(_PLANTED_SECONDS * fps))
    balls = positions[:, [JOINT_NAMES.index(f"{side}_foot") for side in SIDES]]
    velocities = (balls[span:] - balls[:-span]) * (fps / span)
    levels = balls[:-span, :, 1]
    lower = levels <= levels.min(axis=1, keepdims=True) + 0.02
    bears = levels < heights[: len(levels), None] + limits.bearing_height
    slow = np.linalg.norm(velocities[..., [0, 2]], axis=-1) < limits.planted_speed
    planted = lower & bears & slow
    if planted.any(axis=1).sum() / fps < limits.drift_seconds:
        return []
    speed = float(np.median(velocities[..., 1][planted]))
    if abs(speed) <= limits.drift_speed:
        return []
    length, frame = max((b - a, a) for a, b in runs_of(planted.any(axis=1)))
    side = SIDES[int(planted[frame : frame + length].sum(axis=0).argmax())]
    unit_text = f"m/s {'up' if speed > 0 else 'down'} while it rests on a spot"
    return [
        reason_of("floating", f"{side}_foot", frame, fps, abs(speed), limits.drift_speed, unit_text)
    ]


def find_up_axis(
    rotations: np.ndarray,
    positions: np.ndarray,
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Standers whose gravity lies: upright along a direction of the world that is not up.

    Args:
        rotations: (T, 24, 3, 3) global.
        positions: (T, 24, 3) of the joints, metres.
        fps: Frames per second.
        limits: `stander_angle` and what follows it.
    """

    def middle(name: str) -> np.ndarray:
        return positions[:, [JOINT_NAMES.index(f"{side}_{name}") for side in SIDES]].mean(axis=1)

    trunk = unit(positions[:, JOINT_NAMES.index("neck")] - positions[:, 0])
    legs = unit(middle("hip") - middle("ankle"))
    axis = unit(unit(trunk + legs).sum(axis=0))
    ankles = [JOINT_NAMES.index(f"{side}_ankle") for side in SIDES]
    soles = rotations[..., 1][:, ankles]

    def share(direction: np.ndarray, degrees: float) -> float:
        """Of the time in which trunk, legs and the flatter sole stand along a direction."""
        square = (soles @ direction).max(axis=1) > np.cos(np.radians(limits.stander_sole_angle))
        cosine = np.cos(np.radians(degrees))
        return float(((trunk @ direction > cosine) & (legs @ direction > cosine) & square).mean())

    tilt = float(np.degrees(np.arccos(np.clip(axis[1], -1, 1))))
    if (
        tilt <= limits.stander_tilt
        or share(axis, limits.stander_angle) < limits.stander_share
        or share(_UPWARD, limits.stander_tilt) > limits.upright_share
    ):
        return []
    nearest = max(_AXES, key=lambda name: float(axis @ _AXES[name]))
    if axis @ _AXES[nearest] < np.cos(np.radians(limits.stander_tilt)) or nearest == "y":
        unit_text, advice = "degrees between y and the way it stands", _TURN
    else:
        unit_text = f"degrees between y and the way it stands, {nearest}"
        advice = _UP_ADVICE.get(nearest, _TURN)
    return [reason_of("up axis", "", 0, fps, tilt, limits.stander_tilt, unit_text, advice)]
