"""Where a posed body meets the ground: soles, floor, and legs that reach for given ankles.

Plain numpy over all frames of a motion at once. World: metres, y up, the floor is y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from weakref import ref

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from mocap.body import JOINT_NAMES, PARENTS, Body
from mocap.rotations import to_matrices, unit

SIDES = ("left", "right")
_MEAN_SOLES: dict[int, tuple[ref, Soles]] = {}  # of the bodies alive, by their id
_FLOOR_PERCENTILE = 10.0
_SUNK = 0.002
_BENDS = np.radians(np.arange(0.0, 61.0, 4.0))


@dataclass(frozen=True)
class Soles:
    """What of a shaped body is needed to place it: joints (24, 3) and the feet's hull vertices.

    ``feet`` holds, for left and right, T-posed vertices (N, 3) and their skinning weights (N, 24).
    """

    joints: np.ndarray
    feet: tuple[tuple[np.ndarray, np.ndarray], ...]

    def leg_length(self) -> float:
        """Hip to knee to ankle to sole, mean of both sides, metres."""
        total = 0.0
        for side, (vertices, _) in zip(SIDES, self.feet, strict=True):
            hip, knee, ankle = (self.joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
            total += np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)
            total += ankle[1] - vertices[:, 1].min()
        return float(total / 2)

    def joint(self, name: str) -> np.ndarray:
        return self.joints[JOINT_NAMES.index(name)]


def soles_of(body: Body, betas: np.ndarray | None = None) -> Soles:
    """The soles and joints of a body with shape ``betas`` (10,), the mean shape by default."""
    known = _MEAN_SOLES.get(id(body)) if betas is None else None
    if known is not None and known[0]() is body:
        return known[1]
    vertices = body.template.astype(np.float64)
    if betas is not None:
        vertices = vertices + body.shape_directions @ np.asarray(betas, dtype=np.float64)
    feet = []
    for side in SIDES:
        chosen = []
        for name in (f"{side}_ankle", f"{side}_foot"):
            own = np.flatnonzero(body.weights[:, JOINT_NAMES.index(name)] > 0.5)
            chosen.append(own[ConvexHull(vertices[own]).vertices])
        picked = np.unique(np.concatenate(chosen))
        feet.append((vertices[picked], body.weights[picked].astype(np.float64)))
    soles = Soles(body.joint_regressor.astype(np.float64) @ vertices, tuple(feet))
    if betas is None:
        number = id(body)
        _MEAN_SOLES[number] = (ref(body, lambda _: _MEAN_SOLES.pop(number, None)), soles)
    return soles


def chain_joints(rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Positions (T, 24, 3) of joints from global ``rotations`` (T, 24, 3, 3), the pelvis at 0."""
    positions = np.zeros((len(rotations), len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            offset = joints[joint] - joints[parent]
            positions[:, joint] = positions[:, parent] + rotations[:, parent] @ offset
    return positions


def global_rotations(pose: np.ndarray) -> np.ndarray:
    """Global joint rotations (T, 24, 3, 3) of SMPL poses (T, 72)."""
    local = to_matrices(np.asarray(pose).reshape(len(pose), -1, 3))
    out = np.empty_like(local)
    for joint, parent in enumerate(PARENTS):
        out[:, joint] = local[:, joint] if parent < 0 else out[:, parent] @ local[:, joint]
    return out


def foot_heights(rotations: np.ndarray, soles: Soles) -> np.ndarray:
    """Height (T, 2) of the lowest point of the left and right foot above the pelvis joint."""
    upward = rotations[:, :, 1]  # y of a turned vector
    level = np.zeros(upward.shape[:2])
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            offset = soles.joints[joint] - soles.joints[parent]
            level[:, joint] = level[:, parent] + upward[:, parent] @ offset
    out = np.empty((len(rotations), 2))
    for side, (vertices, weights) in enumerate(soles.feet):
        used = np.flatnonzero(weights.max(axis=0) > 1e-3)
        rows = upward[:, used]
        shift = level[:, used] - (rows * soles.joints[used]).sum(axis=-1)
        # A skinned height is linear in rows and shifts: one product for all vertices.
        terms = np.concatenate([rows, shift[..., None]], axis=-1).reshape(len(rows), -1)
        points = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
        shares = (weights[:, used, None] * points[:, None]).reshape(len(vertices), -1)
        out[:, side] = (terms @ shares.T).min(axis=1)
    return out


def standing_feet(ankles: np.ndarray, toes: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T, 2) in which each foot rests flat on the ground: still, and as low as feet get.

    ``ankles``, ``toes`` (T, 2, 3): ankles and toe bases of the left and right foot.
    """
    return _still(ankles, fps, 0.25) & _still(toes, fps, 0.25) & _low(ankles)


def treading_feet(toes: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T, 2) in which the balls of the feet ``toes`` (T, 2, 3) bear: the heels may be up."""
    return _still(toes, fps, 0.4) & _low(toes)


def _still(joints: np.ndarray, fps: float, limit: float) -> np.ndarray:
    """Where joints (T, 2, 3) are slower than ``limit`` m/s.

    Paths are smoothed over some hundredths of a second, for converted captures tremble.
    """
    if len(joints) < 3:
        return np.zeros(joints.shape[:2], dtype=bool)
    smooth = gaussian_filter1d(joints, 0.04 * fps, axis=0, mode="nearest")
    return np.linalg.norm(np.gradient(smooth, 1 / fps, axis=0), axis=-1) < limit


def _low(joints: np.ndarray) -> np.ndarray:
    """Where joints (T, 2, 3) are within 5 cm of the lowest that the lower of the two gets."""
    height = joints[..., 1]
    return height < np.percentile(height.min(axis=1), 5) + 0.05


def hold_places(track: np.ndarray, standing: np.ndarray, fps: float) -> np.ndarray:
    """What to add to ``track`` (T, 3) so that it stays where it is in each run of ``standing`` (T,).

    The horizontal place becomes the run's median. Runs in which it wanders by more than 6 cm are left
    alone: it slides. See ``_faded`` for what happens in between.
    """
    shift, kept = np.zeros((len(track), 3)), []
    for start, stop in _runs(standing):
        run = track[start:stop]
        away = (np.median(run, axis=0) - run) * [1, 0, 1]
        if np.linalg.norm(away, axis=1).max() <= 0.06:
            shift[start:stop] = away
            kept.append((start, stop))
    return _faded(shift, kept, fps)


def hold_turns(turns: np.ndarray, standing: np.ndarray, fps: float) -> np.ndarray:
    """Rotations (T, 3, 3) that bring ``turns`` to their mean in each run of ``standing`` (T,)."""
    vectors, kept = np.zeros((len(turns), 3)), _runs(standing)
    for start, stop in kept:
        run = Rotation.from_matrix(turns[start:stop])
        vectors[start:stop] = (run.mean() * run.inv()).as_rotvec()
    return Rotation.from_rotvec(_faded(vectors, kept, fps)).as_matrix()


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """First and one-past-last frames of each run of three or more marked frames."""
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False].astype(int))).reshape(-1, 2)
    return [(int(start), int(stop)) for start, stop in edges if stop - start >= 3]


def _faded(values: np.ndarray, runs: list[tuple[int, int]], fps: float) -> np.ndarray:
    """Values (T, 3) known in ``runs``, fading out over 0.12 s on either side of each."""
    out, ramp = values.copy(), max(1.0, 0.12 * fps)
    frames = np.arange(len(values))
    for (_, stop), (start, _) in pairwise([(0, 0), *runs, (len(values), 0)]):
        between = frames[stop:start]
        for edge, known in ((stop - 1, stop > 0), (start, start < len(values))):
            if known:
                away = np.clip(np.abs(between - edge) / ramp, 0, 1)[:, None]
                out[stop:start] += (1 - away * away * (3 - 2 * away)) * values[edge]
    return out


def floor_offset(lowest: np.ndarray, standing: np.ndarray) -> float:
    """What to add to heights so that standing feet are at 0.

    ``lowest`` (T, 2) is the lowest point of each foot, ``standing`` (T, 2) whether it rests flat. In
    motions without such frames (runs) the lowest tenth of the frames is taken instead.
    """
    if standing.sum() >= 10:
        return -float(np.median(lowest[standing]))
    return -float(np.percentile(lowest.min(axis=1), _FLOOR_PERCENTILE))


def settle(pose: np.ndarray, translation: np.ndarray, body: Body, betas: np.ndarray) -> np.ndarray:
    """Translation (T, 3) that lets a body of shape ``betas`` walk a motion made for the mean shape.

    The path is scaled with the legs, and where the mean shape's feet are at the floor (y = 0) the new
    feet are. ``pose`` (T, 72), ``translation`` (T, 3) as in ``Motion``; float32. The mean shape's own
    translation comes back unchanged.
    """
    mean, shaped = soles_of(body), soles_of(body, betas)
    scale = shaped.leg_length() / mean.leg_length()
    rotations = global_rotations(pose)
    pelvis = translation + mean.joints[0]
    before = foot_heights(rotations, mean).min(axis=1) + pelvis[:, 1]
    pelvis = pelvis * scale
    after = foot_heights(rotations, shaped).min(axis=1) + pelvis[:, 1]
    near = before < before.min() + 0.03
    pelvis[:, 1] += np.median((scale * before - after)[near])
    return (pelvis - shaped.joints[0]).astype(np.float32)


def bent_leg(
    hip: np.ndarray, ankle: np.ndarray, forward: np.ndarray, thigh: float, shin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Knees and ankles (T, 3) of legs of given lengths from ``hip`` (T, 3) towards ``ankle`` (T, 3).

    The knee lies on the side of ``forward`` (T, 3). Where the ankle is out of reach the leg is
    stretched towards it, never quite straight.
    """
    reach = ankle - hip
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / np.maximum(distance, 1e-9)
    distance = np.clip(distance, abs(thigh - shin) * 1.01 + 1e-6, (thigh + shin) * 0.9995)
    out = unit(forward - (forward * along).sum(-1, keepdims=True) * along)
    near = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(thigh**2 - near**2, 0.0))
    return hip + near * along + aside * out, hip + distance * along


def bend_off_floor(
    rotations: np.ndarray, soles: Soles, pelvis_height: np.ndarray, fps: float
) -> None:
    """Bend first toes, then ankles, upwards where a foot would sink into the floor, in place.

    ``rotations`` (T, 24, 3, 3) global, ``pelvis_height`` (T,) metres. A capture's toes often reach
    below the ground when the heel rises; real ones bend, until they are level. The rest is left.
    """
    for side, name in enumerate(SIDES):
        ankle, foot = (JOINT_NAMES.index(f"{name}_{joint}") for joint in ("ankle", "foot"))
        for joint in (foot, ankle):
            lowest = foot_heights(rotations, soles)[:, side] + pelvis_height
            sunk = np.flatnonzero(lowest < -_SUNK)
            if not len(sunk):
                break
            heights = []
            for angle in _BENDS:
                trial = rotations[sunk]
                _turn_up(trial, joint, ankle, foot, np.full(len(sunk), angle))
                heights.append(foot_heights(trial, soles)[:, side] + pelvis_height[sunk])
            down = -np.arcsin(np.clip(rotations[sunk, joint, 1, 2], -1, 1))
            level = _BENDS[:, None] <= np.maximum(down, 0)  # never past level: heels do not bend
            heights = np.where(level, np.stack(heights), -np.inf)
            wanted = np.minimum(heights.max(axis=0) - 0.001, -_SUNK)
            choice = (heights >= wanted).argmax(axis=0)  # the least bend that helps as far as any
            angles = np.zeros(len(rotations))
            angles[sunk] = _BENDS[choice]
            _turn_up(rotations, joint, ankle, foot, _spread(angles, fps))


def _turn_up(rotations: np.ndarray, joint: int, ankle: int, foot: int, angles: np.ndarray) -> None:
    """Raise the toes by ``angles`` (T,) about the side axis of ``joint``, the foot following."""
    turn = Rotation.from_rotvec(angles[:, None] * [-1.0, 0.0, 0.0]).as_matrix()
    turned = rotations[:, joint] @ turn
    if joint == ankle:
        back = np.swapaxes(rotations[:, ankle], -1, -2)
        rotations[:, foot] = turned @ back @ rotations[:, foot]
    rotations[:, joint] = turned


def _spread(values: np.ndarray, fps: float) -> np.ndarray:
    """Values (T,) made smooth over some hundredths of a second, nowhere much below themselves."""
    reach = max(1, round(0.04 * fps))
    envelope = maximum_filter1d(values, 2 * reach + 1, mode="nearest")
    return gaussian_filter1d(envelope, reach / 2, mode="nearest", truncate=2.0)


def lift_above_floor(lowest: np.ndarray, fps: float) -> np.ndarray:
    """Smooth heights (T,) to add so that ``lowest`` (T,) is not below 0."""
    return _spread(np.maximum(-lowest, 0.0), fps)
