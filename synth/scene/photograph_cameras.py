"""Film cameras in a photograph: a person is put where its floor is, at the size that the floor demands.

The film's camera stands where the photographer stood, as high above the floor, and turns to the
person; the photograph is turned with it, as all of it is as good as infinitely far from a camera that
stays where it is. What is left to choose is the side from which the person is seen, how far away they
are and in which direction of the photograph: such that their way lies on the floor, the whole clip is in
the frame and the frame in the photograph, at a distance near the one that was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mocap.bodies.body import JOINT_NAMES
from synth.scene.camera import FilmCameras, TrialCameras, View
from synth.scene.places.photograph_geometry import in_photograph, inside_polygon
from synth.scene.places.scene_place import PhotographCamera
from textures.visibility.camera import Camera

_DISTANCES = (1.0, 0.85, 1.2, 0.7, 1.45, 0.6, 1.8, 2.3, 3.0)  # times the one that was drawn
_DIRECTIONS = 15  # of the photograph that are tried
_UPWARD = (
    -0.45,
    0.3,
)  # shares of the margin: the person high in the picture, which looks down, and low
_FEET = [7, 8, 10, 11]  # joints
_ROOM = 0.5  # metres of floor about the feet
_WAY_POINTS = 24  # frames of a clip whose feet are looked at
_DISTANCE_WEIGHT, _DIRECTION_WEIGHT = 0.15, 0.02  # of a logarithm, and of the picture's half width
_GOOD = 0.1  # what those may cost where all else is right, before other sides are tried


def place_in_photograph(
    joints: np.ndarray,
    view: View,
    photograph: PhotographCamera,
    *,
    height: int,
    width: int,
    fps: float,
) -> FilmCameras:
    """Place a person on the floor of a photograph, and the cameras of a clip where it was taken from.

    Args:
        joints: (T+2,24P,3) of everybody, world metres, with one more frame at either end, which gets a
            camera but need not be in the frame.
        view: a standing one, as high as the photographer's.
        photograph: the camera that took the photograph, and the floor in it.
        height: of the film's picture, pixels.
        width: of the film's picture, pixels.
        fps: frames per second, for the pace of a hand's shake.

    Raises:
        ValueError: joints that are not finite, and a view that shows the whole clip from nowhere.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if not np.isfinite(joints).all():
        raise ValueError("joints hold values that are not finite")
    inner = joints[1:-1]
    points = inner.reshape(-1, 3)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    trial = TrialCameras(inner, middle, view, height=height, width=width, fps=fps)
    step = max(1, len(inner) // _WAY_POINTS)
    people = range(0, inner.shape[1], len(JOINT_NAMES))
    feet = [first + foot for first in people for foot in _FEET]
    way = inner[::step, feet].reshape(-1, 1, 3) * (1.0, 0.0, 1.0)
    way = (
        way + _ROOM * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]])
    ).reshape(-1, 3)
    best: tuple[float, tuple[float, float, np.ndarray, float]] | None = None
    for side in view.sides:
        for distance, slide in _standpoints(trial, side):
            cameras = trial.cameras(side, distance, slide, len(inner))
            cost = _DISTANCE_WEIGHT * abs(np.log(distance / view.distance))
            for score, background_yaw in _directions(cameras, way, photograph, view):
                value = score - cost
                if best is None or value > best[0] + 1e-9:
                    best = value, (side, distance, slide, background_yaw)
        if best is not None and best[0] > 2.0 - _GOOD:
            break
    assert best is not None  # a standpoint of every side has been looked at
    side, distance, slide, background_yaw = best[1]
    cameras = trial.cameras(side, distance, slide, len(joints))
    return FilmCameras(cameras, side, distance, background_yaw)


def _standpoints(trial: TrialCameras, side: float) -> Iterator[tuple[float, np.ndarray]]:
    """Distances, each with its slide, at which the whole clip is in the frame; at least one."""
    fitting = 0
    for factor in _DISTANCES:
        distance = trial.view.distance * factor
        slide, box = trial.centred(side, distance)
        if trial.fits(box):
            fitting += 1
            for upward in (trial.view.offset[1], *_UPWARD):
                offset = trial.view.offset[0], upward
                yield distance, trial.off_centre(side, distance, slide, offset)
    if not fitting:
        yield trial.step_back(side)


def _directions(
    cameras: tuple[Camera, ...],
    way: np.ndarray,
    photograph: PhotographCamera,
    view: View,
) -> Iterator[tuple[float, float]]:
    """Scores of directions of the photograph that the person may stand in.

    Yields for each the share of the way that is on the floor plus that of the frame that is in the
    photograph, less a little for what is not where it was drawn, and the photographer's side.
    """
    half_angle = np.arctan(0.5 * photograph.size[0] / photograph.focal)
    chosen = [cameras[0], cameras[len(cameras) // 2], cameras[-1]]
    rim = np.array([(x, y, 1) for x in (0, 0.5, 1) for y in (0, 0.5, 1)])
    pixels = rim * [cameras[0].width, cameras[0].height, 1]
    rays = np.concatenate(
        [pixels @ np.linalg.inv(c.intrinsics).T @ c.rotation for c in chosen], axis=0
    )
    axis = chosen[1].rotation[2]
    axis_yaw = np.arctan2(-axis[0], -axis[2])
    corners, steps = np.array(photograph.floor), way - chosen[1].position
    for number in np.linspace(-1, 1, _DIRECTIONS):
        yaw = float(axis_yaw + number * half_angle)
        frame = in_photograph(rays, photograph, yaw)
        seen_share = ((frame >= 0) & (frame <= 1)).all(axis=1).mean()
        feet = in_photograph(steps, photograph, yaw)
        floor_share = inside_polygon(feet, corners).mean()
        away = abs(number - 2 * view.offset[0])
        yield float(2 * seen_share - 1 + floor_share - _DIRECTION_WEIGHT * away), yaw
