"""Posed bodies before their cameras, frame by frame: all geometry of a clip follows from it.

A `PosedClip` is made from a row of the plan and a motion, or read back from the `_info.mat` of a clip,
with the same numbers to the last bit: so ground truth can be computed again at any time, without the
motions and without Blender.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, skin
from mocap.motion import Motion
from mocap.retargeting.ground import chain_joints, fit_to_ground, global_rotations
from synth.garments.clothing import ClothesDraw
from synth.scene.camera import View, place_cameras
from synth.scene.occluders import Occluder, OccluderDraw, place_occluders
from synth.scene.photograph_cameras import place_in_photograph
from synth.scene.placement import place_figure, turned_motion
from synth.scene.places.scene_place import PhotographCamera
from textures.visibility.camera import Camera


@dataclass(frozen=True, kw_only=True)
class PosedFigure:
    """One person over T frames and one more at either end.

    pose: (T+2,72) float32, SMPL's axis-angle numbers.
    translation: (T+2,3) float32, as SMPL's, metres.
    betas: (10,) float32, as SMPL's.
    clothes: what is worn beside what the texture shows.
    """

    pose: np.ndarray
    translation: np.ndarray
    betas: np.ndarray
    clothes: ClothesDraw | None = None


@dataclass(frozen=True, kw_only=True)
class FigureMotion:
    """What a further person of a clip does, before a place is found for them.

    motion: at the film's frame rate, made for `body`.
    body: the body that moves.
    betas: (10,) shape.
    start: first frame of the clip in `motion`.
    heading: radians by which the motion is turned about the vertical.
    seed: of the place.
    clothes: what is worn beside what the texture shows.
    """

    motion: Motion
    body: Body
    betas: Sequence[float]
    start: int
    heading: float
    seed: int
    clothes: ClothesDraw | None = None


@dataclass(frozen=True, kw_only=True)
class PosedClip:
    """T frames and one more at either end, which flow needs.

    pose: (T+2,72) float32, SMPL's axis-angle numbers.
    translation: (T+2,3) float32, as SMPL's, metres.
    betas: (10,) float32, as SMPL's.
    cameras: T+2.
    fps: frames a second.
    ends: whether the frame before the first and the one after the last are real: where a motion has
        none, the end frame is repeated and its flow is 0.
    yaw, distance: where the camera stands (see `synth.scene.camera`), radians and metres.
    background_yaw: where the camera stood that took the background (see `FilmCameras`), radians.
    companions: the people beside the first, whose pose, translation, betas and clothes are the clip's.
    occluders: the things before or among them.
    """

    pose: np.ndarray
    translation: np.ndarray
    betas: np.ndarray
    cameras: tuple[Camera, ...]
    fps: float
    ends: tuple[bool, bool]
    yaw: float
    distance: float
    companions: tuple[PosedFigure, ...] = ()
    occluders: tuple[Occluder, ...] = ()
    background_yaw: float = 0.0
    clothes: ClothesDraw | None = None

    @property
    def figures(self) -> tuple[PosedFigure, ...]:
        """Everybody, the first person first."""
        first = PosedFigure(
            pose=self.pose, translation=self.translation, betas=self.betas, clothes=self.clothes
        )
        return (first, *self.companions)

    def __len__(self) -> int:
        return len(self.pose) - 2


def pose_clip(
    motion: Motion,
    body: Body,
    view: View,
    *,
    betas: Sequence[float],
    start: int,
    frames: int,
    height: int,
    width: int,
    companions: Sequence[FigureMotion] = (),
    occluders: Sequence[OccluderDraw] = (),
    photograph: PhotographCamera | None = None,
    clothes: ClothesDraw | None = None,
) -> PosedClip:
    """Cut a motion, stand the shaped body on the ground and place the cameras of a view.

    Further people are placed about the first, nobody through anybody else (`synth.scene.placement`), the
    cameras are placed for all of them, and occluders then before them (`synth.scene.occluders`).

    Args:
        motion: at the film's frame rate, made for `body`.
        body: the body that moves.
        view: the camera as it was drawn.
        betas: (10,) shape.
        start: first frame of the clip in `motion`.
        frames: T, how many frames the clip has.
        height: of the picture, pixels.
        width: of the picture, pixels.
        companions: the people beside the first.
        occluders: things that come between people and camera; one without room is left out.
        photograph: the camera of the photograph that the body stands in, if it stands in one.
        clothes: what the first person wears beside what the texture shows; soles lift them.

    Raises:
        ValueError: joints that are not finite.
    """
    shape = np.array(betas, np.float32)
    pose, translation, ends = clip_motion(motion, body, shape, start=start, frames=frames)
    translation = _on_soles(translation, clothes)
    joints = pose_joints(body, pose=pose, betas=shape, translation=translation)
    figures: list[PosedFigure] = []
    for other in companions:
        figure, figure_joints, figure_ends = _placed_figure(other, joints, frames)
        figures.append(figure)
        joints = np.concatenate([joints, figure_joints], axis=1)
        ends = (ends[0] and figure_ends[0], ends[1] and figure_ends[1])
    if figures:  # one frame that is not real makes all of them repeat theirs
        for array in (
            pose,
            translation,
            joints,
            *(a for f in figures for a in (f.pose, f.translation)),
        ):
            _repeat_ends(array, ends)
    if photograph is None:
        placed = place_cameras(joints, view, width=width, height=height, fps=motion.fps)
    else:
        placed = place_in_photograph(
            joints, view, photograph, width=width, height=height, fps=motion.fps
        )
    cameras = list(placed.cameras)
    if not ends[0]:
        cameras[0] = cameras[1]
    if not ends[1]:
        cameras[-1] = cameras[-2]
    things = place_occluders(occluders, joints, cameras, flesh=view.flesh) if occluders else ()
    return PosedClip(
        pose=pose,
        translation=translation,
        betas=shape,
        cameras=tuple(cameras),
        fps=motion.fps,
        ends=ends,
        yaw=placed.yaw,
        distance=placed.distance,
        companions=tuple(figures),
        occluders=things,
        background_yaw=placed.background_yaw,
        clothes=clothes,
    )


def _on_soles(translation: np.ndarray, clothes: ClothesDraw | None) -> np.ndarray:
    """A translation (T+2,3) lifted by the soles of the shoes."""
    if clothes is None:
        return translation
    return (translation + np.array([0.0, clothes.sole, 0.0])).astype(translation.dtype)


def _placed_figure(
    other: FigureMotion, joints: np.ndarray, frames: int
) -> tuple[PosedFigure, np.ndarray, tuple[bool, bool]]:
    """A further person beside those whose `joints` (T+2,24n,3) are given, their joints and ends."""
    shape = np.array(other.betas, np.float32)
    pose, translation, ends = clip_motion(
        other.motion, other.body, shape, start=other.start, frames=frames
    )
    rest_joints = other.body.joint_regressor @ (
        other.body.template + other.body.shape_directions @ shape
    )
    translation = _on_soles(translation, other.clothes)
    pose, translation = turned_motion(pose, translation, rest_joints[0], other.heading)
    posed = pose_joints(other.body, pose=pose, betas=shape, translation=translation)
    shift = place_figure(posed, joints, np.random.default_rng(other.seed))
    translation = (translation + shift).astype(np.float32)
    posed = pose_joints(other.body, pose=pose, betas=shape, translation=translation)
    figure = PosedFigure(pose=pose, translation=translation, betas=shape, clothes=other.clothes)
    return figure, posed, ends


def _repeat_ends(values: np.ndarray, ends: tuple[bool, bool]) -> None:
    """Make the first and the last of (T+2, ...) their neighbours where they are not real."""
    if not ends[0]:
        values[0] = values[1]
    if not ends[1]:
        values[-1] = values[-2]


def skin_clip(posed_clip: PosedClip, skinning: Skinning) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (T+2,V,3) and joints (T+2,24,3) of a clip's first person, float32, world metres.

    `synth.scene.scene_mesh.scene_geometry` has those of everybody.
    """
    return skin_figure(posed_clip.figures[0], skinning)


def skin_figure(figure: PosedFigure, skinning: Skinning) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (T+2,V,3) and joints (T+2,24,3) of a person, float32, world metres.

    On one thread, whatever torch is set to: sums in another order have other last bits.
    """
    with one_thread():
        return skin(
            skinning,
            pose=figure.pose,
            betas=figure.betas,
            translation=figure.translation,
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """While open, torch computes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def ground_point(joints: np.ndarray) -> tuple[float, float, float]:
    """The point of the floor under the middle of a clip's way, metres in the world.

    Args:
        joints: (T+2,24P,3) of everybody, metres in the world.
    """
    middle = joints[1:-1, :: len(JOINT_NAMES)].reshape(-1, 3).mean(axis=0)
    return float(middle[0]), 0.0, float(middle[2])


def clip_motion(
    motion: Motion, body: Body, betas: np.ndarray, *, start: int, frames: int
) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool]]:
    """The motion of a clip, with one more frame at either end.

    Where the motion has no such frame the end frame is repeated (its flow there is 0).

    Args:
        motion: at the film's frame rate, made for `body`.
        body: the body that moves.
        betas: (10,) the shape that is stood on the ground.
        start: first frame of the clip in `motion`.
        frames: how many frames the clip has.

    Returns:
        Pose (frames+2, 72), translation (frames+2, 3), and whether the first and the last of these
        frames are real.
    """
    translation = fit_to_ground(motion.pose, motion.translation, body, betas)
    numbers = np.arange(start - 1, start + frames + 1)
    index = np.clip(numbers, 0, len(motion) - 1)
    return motion.pose[index], translation[index], (numbers[0] >= 0, numbers[-1] < len(motion))


def pose_joints(
    body: Body, *, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """Joints (T,24,3) of a motion without its vertices; as `mocap.bodies.skinning.skin`."""
    rest_joints = body.joint_regressor @ (body.template + body.shape_directions @ betas)
    positions = chain_joints(global_rotations(pose), rest_joints)
    return positions + (np.asarray(translation) + rest_joints[0])[:, None]
