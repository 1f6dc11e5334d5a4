"""A pose prior: how likely each pose of 23 joints is, learned from a library of motions.

A normal distribution of the axis-angles of all joints but the pelvis, with what joints do together
(an arm swings with the other leg). Coordinates that are 0 at the mean and have unit variance make the
fit's regularisation a plain sum of squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from mocap.errors import BadInput
from mocap.files import atomic_write

ANGLES = 69
SHIPPED = Path(__file__).parents[1] / "weights" / "pose_prior.safetensors"


@dataclass(frozen=True)
class PosePrior:
    """mean (69,) and factor (69,69), radians: pose = mean + factor @ coordinates."""

    mean: torch.Tensor
    factor: torch.Tensor

    def pose(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Axis-angles (B,23,3) of coordinates (B,69)."""
        return (self.mean + coordinates @ self.factor.T).view(-1, 23, 3)

    def coordinates(self, pose: torch.Tensor) -> torch.Tensor:
        """Coordinates (B,69) of axis-angles (B,23,3)."""
        centred = (pose.reshape(-1, ANGLES) - self.mean).T
        return torch.linalg.solve_triangular(self.factor, centred, upper=False).T

    def to(self, device: torch.device | str) -> PosePrior:
        """The prior on another device."""
        return PosePrior(self.mean.to(device), self.factor.to(device))

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        with atomic_write(path) as temporary:
            save_file({"mean": self.mean.numpy(), "factor": self.factor.numpy()}, temporary)
            temporary.chmod(0o644)


def learn_pose_prior(poses: np.ndarray, *, floor: float = 0.1) -> PosePrior:
    """The prior of a set of poses.

    Args:
        poses: (N,72) SMPL poses, axis-angles in radians; the pelvis is left out.
        floor: standard deviation, radians, that every joint has at least: the library is not everybody.

    Raises:
        BadInput: for too few poses.
    """
    if len(poses) < ANGLES + 1:
        raise BadInput(f"{len(poses)} poses; a pose prior needs at least {ANGLES + 1}")
    angles = np.asarray(poses, np.float64).reshape(len(poses), 72)[:, 3:]
    covariance = np.cov(angles.T) + floor**2 * np.eye(ANGLES)
    return PosePrior(
        torch.from_numpy(angles.mean(0).astype(np.float32)),
        torch.from_numpy(np.linalg.cholesky(covariance).astype(np.float32)),
    )


def load_pose_prior(path: Path | None = None) -> PosePrior:
    """Read a prior written by `save`; the shipped one when no path is given.

    Raises:
        BadInput: for a file that is missing or no prior.
    """
    path = Path(path) if path else SHIPPED
    try:
        arrays = load_file(path)
        mean, factor = arrays["mean"], arrays["factor"]
        good = mean.shape == (ANGLES,) and factor.shape == (ANGLES, ANGLES)
        if not good or not np.isfinite(mean).all() or not np.isfinite(factor).all():
            raise ValueError(f"shapes {mean.shape}, {factor.shape}, or numbers that are not finite")
    except Exception as error:  # missing, damaged or foreign
        raise BadInput(f"{path}: not a pose prior ({error}); learn it again") from None
    return PosePrior(torch.from_numpy(mean), torch.from_numpy(factor))
