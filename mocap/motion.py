"""A motion: SMPL poses and a path, at a frame rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp


@dataclass(frozen=True)
class Motion:
    """A person moving, on the mean shape of the body it was made for.

    World: metres, y up, the floor is y = 0.

    Attributes:
        pose: (T, 72) float32, SMPL's axis-angle vectors, radians; the first turns the pelvis.
        translation: (T, 3) float32, metres; as in SMPL the pelvis is at its rest position plus this.
        fps: frames per second.
        subject: e.g. "02".
        trial: e.g. "01".
        name: e.g. "02_01".
        source: the file it was read from.
    """

    pose: np.ndarray
    translation: np.ndarray
    fps: float
    subject: str
    trial: str
    name: str
    source: str

    def __post_init__(self) -> None:
        if self.pose.shape != (len(self.translation), 72) or self.translation.shape[1:] != (3,):
            raise ValueError(
                f"pose {self.pose.shape} and translation {self.translation.shape} "
                "are not (T, 72) and (T, 3)"
            )
        if not self.fps > 0:
            raise ValueError(f"frame rate {self.fps} is not positive")

    def __len__(self) -> int:
        return len(self.pose)

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return (len(self) - 1) / self.fps


def resample(motion: Motion, fps: float = 30.0) -> Motion:
    """The motion at another frame rate, from the same first frame and never past the last.

    Where `fps` divides the motion's rate the frames are taken as they are; elsewhere rotations are
    interpolated along the arc and translations along the line.

    Raises:
        ValueError: where `fps` is not positive.
    """
    if not fps > 0:
        raise ValueError(f"frame rate {fps} is not positive")
    ratio = motion.fps / fps
    step = round(ratio)
    if step >= 1 and abs(ratio - step) < 1e-6:
        pose, translation = motion.pose[::step], motion.translation[::step]
        return replace(motion, pose=pose.copy(), translation=translation.copy(), fps=float(fps))
    count = int(np.floor((len(motion) - 1) / ratio + 1e-6)) + 1
    if len(motion) < 2:
        return replace(motion, fps=float(fps))
    frames = np.arange(len(motion), dtype=np.float64)
    times = np.minimum(np.arange(count) * ratio, frames[-1])
    joints = motion.pose.reshape(len(motion), 24, 3).astype(np.float64)
    pose = np.empty((count, 24, 3))
    for joint in range(24):
        pose[:, joint] = Slerp(frames, Rotation.from_rotvec(joints[:, joint]))(times).as_rotvec()
    translation = np.stack(
        [np.interp(times, frames, motion.translation[:, k]) for k in range(3)], 1
    )
    return replace(
        motion,
        pose=pose.reshape(count, 72).astype(np.float32),
        translation=translation.astype(np.float32),
        fps=float(fps),
    )


def window(motion: Motion, start: int, length: int) -> Motion:
    """A piece of a motion: `length` frames from frame `start`.

    Raises:
        ValueError: where the motion does not hold them.
    """
    if start < 0 or length < 1 or start + length > len(motion):
        raise ValueError(
            f"{motion.name}: frames {start} to {start + length - 1} asked of {len(motion)} frames"
        )
    frames = slice(start, start + length)
    return replace(
        motion, pose=motion.pose[frames].copy(), translation=motion.translation[frames].copy()
    )
