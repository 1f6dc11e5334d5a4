"""Which of a person's crops go into a texture: the best, of every camera and side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy.spatial.transform import Rotation

from textures.body_fit.fitting import BodyFit

SIDES = 4
LOOKED_AT = 3  # times as many crops as go into a texture are fitted, evenly spaced by name

Item = TypeVar("Item")


def looked_at(crops: Sequence[Item], limit: int) -> list[Item]:
    """At most LOOKED_AT * `limit` of a person's crops, evenly spaced."""
    if len(crops) <= LOOKED_AT * limit:
        return list(crops)
    indices = np.linspace(0, len(crops) - 1, LOOKED_AT * limit).round().astype(int)
    return [crops[index] for index in np.unique(indices)]


def chosen_crops(
    group: Sequence[int],
    fit: BodyFit,
    qualities: Sequence[float],
    cameras: Sequence[str],
    limit: int,
) -> list[int]:
    """At most `limit` of a group of crops: in turn the best of each camera and side of the body.

    Args:
        group: indices into all that follows.
        fit: of all crops.
        qualities: 0..1.
        cameras: "" where nothing says which.
        limit: how many.

    Returns:
        Indices, the best first; of equals the earlier.
    """
    sides = _sides(fit.pose[list(group), :3])
    shelves: dict[tuple[str, int], list[int]] = {}
    for side, index in zip(sides, group):
        shelves.setdefault((cameras[index], int(side)), []).append(index)
    ranked = []
    for members in shelves.values():
        members.sort(key=lambda index: (-qualities[index], index))
        ranked += [(turn, -qualities[index], index) for turn, index in enumerate(members)]
    chosen = [index for _, _, index in sorted(ranked)[:limit]]
    return sorted(chosen, key=lambda index: (-qualities[index], index))


def _sides(rotations: np.ndarray) -> np.ndarray:
    """Which quarter of the compass bodies face, from the axis-angle vectors (N,3) of their roots."""
    facing = Rotation.from_rotvec(rotations).apply((0.0, 0.0, 1.0))
    yaw = np.arctan2(facing[:, 0], facing[:, 2])
    return np.round(yaw / (2 * np.pi / SIDES)).astype(int) % SIDES
