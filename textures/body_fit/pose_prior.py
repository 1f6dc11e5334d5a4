"""A pose prior: how likely each pose of 23 joints is, learned from a library of poses.

A normal distribution of the axis-angles of all joints but the pelvis, with what joints do together
(an arm swings with the other leg). Coordinates that are 0 at the mean and have unit variance make the
fit's regularisation a plain sum of squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mocap.errors import BadInput
from textures.checkpoints import load_network

ANGLES = 69


@dataclass(frozen=True, kw_only=True)
class PosePriorConfig:
    """Of a prior.

    floor: standard deviation, radians, that every joint has at least, since the library is not everybody.
    """

    floor: float = 0.1


class PosePrior(nn.Module):
    """pose = mean + factor @ coordinates: mean (69,) and factor (69,69), radians."""

    mean: torch.Tensor
    factor: torch.Tensor

    def __init__(self, config: PosePriorConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(ANGLES))
        self.register_buffer("factor", config.floor * torch.eye(ANGLES))

    def pose(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Axis-angles (B,23,3) of coordinates (B,69)."""
        return (self.mean + coordinates @ self.factor.T).view(-1, 23, 3)

    def coordinates(self, pose: torch.Tensor) -> torch.Tensor:
        """Coordinates (B,69) of axis-angles (B,23,3)."""
        centred = (pose.reshape(-1, ANGLES) - self.mean).T
        return torch.linalg.solve_triangular(self.factor, centred, upper=False).T


def learn_pose_prior(poses: np.ndarray, config: PosePriorConfig | None = None) -> PosePrior:
    """The prior of a set of poses.

    Args:
        poses: (N,72) SMPL poses, axis-angles in radians; the pelvis is left out.
        config: of the prior.

    Raises:
        BadInput: for too few poses.
    """
    if len(poses) < ANGLES + 1:
        raise BadInput(f"{len(poses)} poses; a pose prior needs at least {ANGLES + 1}")
    prior = PosePrior(config or PosePriorConfig())
    angles = np.asarray(poses, np.float64).reshape(len(poses), 72)[:, 3:]
    covariance = np.cov(angles.T) + prior.config.floor**2 * np.eye(ANGLES)
    prior.mean.copy_(torch.from_numpy(angles.mean(0)))
    prior.factor.copy_(torch.from_numpy(np.linalg.cholesky(covariance)))
    return prior


def load_pose_prior(path: Path | None = None) -> PosePrior:
    """A learned prior; the shipped one when no path is given.

    Raises:
        BadInput: for a file that is missing or no prior.
    """
    prior, _ = load_network(
        path, "pose-prior", lambda **fields: PosePriorConfig(**fields), PosePrior
    )
    return prior
