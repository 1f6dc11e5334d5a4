"""A posed body before its cameras, frame by frame: all geometry of a clip follows from it.

A `PosedClip` is made from a row of the plan and a motion, or read back from the `_info.mat` of a clip,
with the same numbers to the last bit: so ground truth can be computed again at any time, without the
motions and without Blender.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from mocap.motion import Motion
from mocap.retargeting.ground import chain_joints, fit_to_ground, global_rotations
from synth.scene.camera import View, place_cameras
from synth.scene.photograph_cameras import place_in_photograph
from synth.scene.places.scene_place import PhotographCamera
from textures.visibility.camera import Camera


@dataclass(frozen=True, kw_only=True)
class PosedClip:
    """T frames and one more at either end, which flow needs.

    pose: (T+2,72) float32, SMPL's axis-angle numbers.
    translation: (T+2,3) float32, as SMPL's, metres.
    betas: (10,) float32, as SMPL's.
    cameras: T+2.
    ends: whether the frame before the first and the one after the last are real: where the motion has
        none, the end frame is repeated and its flow is 0.
    yaw, distance: where the camera stands (see `synth.scene.camera`), radians and metres.
    background_yaw: where the camera stood that took the background (see `FilmCameras`), radians.
    """

    pose: np.ndarray
    translation: np.ndarray
    betas: np.ndarray
    cameras: tuple[Camera, ...]
    ends: tuple[bool, bool]
    yaw: float
    distance: float
    background_yaw: float = 0.0

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
    photograph: PhotographCamera | None = None,
) -> PosedClip:
    """Cut a motion, stand the shaped body on the ground and place the cameras of a view.

    Args:
        motion: at the film's frame rate, made for `body`.
        body: the body that moves.
        view: the camera as it was drawn.
        betas: (10,) shape.
        start: first frame of the clip in `motion`.
        frames: T, how many frames the clip has.
        height: of the picture, pixels.
        width: of the picture, pixels.
        photograph: the camera of the photograph that the body stands in, if it stands in one.

    Raises:
        ValueError: joints that are not finite.
    """
    shape = np.array(betas, np.float32)
    pose, translation, ends = clip_motion(motion, body, shape, start=start, frames=frames)
    joints = pose_joints(body, pose=pose, betas=shape, translation=translation)
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
    return PosedClip(
        pose=pose,
        translation=translation,
        betas=shape,
        cameras=tuple(cameras),
        ends=ends,
        yaw=placed.yaw,
        distance=placed.distance,
        background_yaw=placed.background_yaw,
    )


def skin_clip(posed_clip: PosedClip, skinning: Skinning) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (T+2,V,3) and joints (T+2,24,3) of a clip, float32, world metres.

    On one thread, whatever torch is set to: sums in another order have other last bits.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return skin(
            skinning,
            pose=posed_clip.pose,
            betas=posed_clip.betas,
            translation=posed_clip.translation,
        )
    finally:
        torch.set_num_threads(threads)


def ground_point(joints: np.ndarray) -> tuple[float, float, float]:
    """The point of the floor under the middle of a clip's way, metres in the world.

    Args:
        joints: (T+2,24,3) metres in the world.
    """
    middle = joints[1:-1, 0].mean(axis=0)
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
