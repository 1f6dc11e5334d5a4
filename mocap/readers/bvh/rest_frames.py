"""Rest poses that a converter put before a motion: found by looking, mended where they bled in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from mocap.readers.bvh.skeleton import PlacedJoints
from mocap.retargeting.capture import CHILD, SIDES
from mocap.rotations import unit

_ALIKE, _ASKEW, _TOES = 0.6, 0.5, 0.2  # cosines between parts of a figure that stands
_SQUARE = np.cos(np.radians(1.0))


def limb_directions(positions: np.ndarray, limbs: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Directions (T, 3) of thighs, shins, upper arms and forearms, and of the hips to the left."""
    out = {}
    for side in SIDES:
        for joint in ("hip", "knee", "shoulder", "elbow"):
            child = CHILD[joint]
            start, stop = f"{side}_{joint}", f"{side}_{child}"
            if start in limbs and stop in limbs:
                out[start] = unit(positions[:, limbs[stop]] - positions[:, limbs[start]])
    out["hips"] = unit(positions[:, limbs["left_hip"]] - positions[:, limbs["right_hip"]])
    return out


def is_standing(pose: np.ndarray, placed: PlacedJoints) -> bool:
    """Whether a pose (J, 3) is a figure that stands: trunk over straight legs, toes ahead, no knot."""
    limbs = placed.limbs
    hips, shoulders = (
        pose[limbs[f"left_{joint}"]] - pose[limbs[f"right_{joint}"]]
        for joint in ("hip", "shoulder")
    )
    middle = (pose[limbs["left_hip"]] + pose[limbs["right_hip"]]) / 2
    trunk, leftward = unit(pose[placed.head] - middle), unit(hips)
    if abs(leftward @ trunk) > _ASKEW or unit(shoulders) @ leftward < _ALIKE:
        return False
    ahead = np.cross(leftward, trunk)
    for side in SIDES:
        hip, knee, ankle = (pose[limbs[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle"))
        if min(unit(hip - knee) @ trunk, unit(knee - ankle) @ trunk) < _ALIKE:
            return False
        if f"{side}_foot" in limbs:
            toes = pose[limbs[f"{side}_foot"]] - ankle
            length = np.linalg.norm(toes)
            if length > 0.02 * np.linalg.norm(knee - ankle) and toes @ ahead < _TOES * length:
                return False
    return True


def is_rest_frame(pelvis: np.ndarray | None, directions: dict[str, np.ndarray]) -> bool:
    """Whether frame 0 was added: a T-pose squarely on the axes from which the motion jumps away.

    `pelvis` (T, 3, 3) are its rotations; without them (they count from no standing pose) the hips tell
    whether the figure is square.
    """
    if len(directions["hips"]) < 2:
        return False
    if pelvis is None:
        if np.abs(directions["hips"][0]).max() < _SQUARE:
            return False
    else:
        entries = np.abs(pelvis[0])
        if not np.all((entries < 1e-3) | (entries > 1 - 1e-3)):
            return False
    thighs = unit(directions["left_hip"][0] + directions["right_hip"][0])
    for name, direction in directions.items():
        if name == "hips":
            continue
        side, _, joint = name.partition("_")
        ahead = directions["hips"][0] * (1 if side == "left" else -1)
        expected = ahead if joint in ("shoulder", "elbow") else thighs
        if direction[0] @ expected < np.cos(np.radians(30.0)):
            return False
    first, _ = _steps(directions)
    return bool(first[0] > np.radians(3.0))


def bleeds(directions: dict[str, np.ndarray]) -> bool:
    """Whether the first frames glide away from the rest pose faster than the motion ever goes on."""
    if len(directions["hips"]) < 16:
        return False
    first, later = _steps(directions)
    return bool(first[:3].max() > max(np.radians(3.0), 2 * later))


def _steps(directions: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """The largest turn of a limb from frame to frame: of the first 8, and the later ones' 90%."""
    turns = np.max(
        [np.arccos(np.clip((w[:-1] * w[1:]).sum(-1), -1, 1)) for w in directions.values()], axis=0
    )
    return turns[:8], float(np.percentile(turns[8:], 90)) if len(turns) > 8 else 0.0


def mend_start(local: np.ndarray) -> None:
    """Replace the turns of frames 0 to 6, except the root's, from frames 3 and 7, in place.

    cgspeed's Daz files were smoothed across the added rest frame: frames 0, 1 and 2 are 60, 40 and 15%
    on the way back to it, 4 to 6 ring by some degrees, frame 3 is right.
    """
    for joint in range(1, local.shape[1]):
        local[:3, joint] = local[3, joint]
        pair = Rotation.from_matrix(local[[3, 7], joint])
        local[4:7, joint] = Slerp([3, 7], pair)([4, 5, 6]).as_matrix()
