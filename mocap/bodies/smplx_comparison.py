"""A model file under our skinning and under `smplx`, its authors' implementation.

`smplx` is for non-commercial use and needed by nothing else: it is imported here, when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.bodies.smpl_files import BODY_JOINTS, HIERARCHIES, SmplFile, read_smpl_file
from mocap.errors import BadInput

POSES = 100
POSE_DEVIATION, TRANSLATION_DEVIATION = 0.5, 1.0  # radians of each axis-angle number, metres


@dataclass(frozen=True)
class SmplxComparison:
    """Distances between two implementations of one model, metres, over random people.

    Attributes:
        poses: how many people, each in a pose, a shape and a place of its own.
        mean: distance of the vertices.
        largest: distance of the vertices.
        largest_joint: distance of SMPL's first 22 joints.
        straight_fingers: whether fingers, jaw and eyes were at rest, as our 24 joints have them.
    """

    poses: int
    mean: float
    largest: float
    largest_joint: float
    straight_fingers: bool


def compare_with_smplx(path: str | Path, body: Body, *, seed: int = 0) -> SmplxComparison:
    """Pose a model file's body by our skinning and by `smplx.lbs`, with all joints of the file.

    Args:
        path: of the model file.
        body: what `mocap.bodies.loading.load_body` made of it.
        seed: of the poses.

    Raises:
        BadInput: where `smplx` is not installed, and for a file that cannot be used.
    """
    try:
        from smplx.lbs import lbs
    except ImportError:
        raise BadInput(
            "--compare needs smplx, which is not installed (non-commercial licence): pip install smplx"
        ) from None
    model = read_smpl_file(path)
    parents = HIERARCHIES[model.kind]
    straight_fingers = len(parents) != len(body.weights[0])
    pose, betas, translation = _random_people(seed, hands=not straight_fingers)
    full = torch.zeros(POSES, 3 * len(parents))
    columns = 3 * (BODY_JOINTS if straight_fingers else len(parents))
    full[:, :columns] = pose[:, :columns]
    with torch.no_grad():
        vertices, joints = Skinning(body)(pose, betas, translation)
        expected, expected_joints = lbs(betas, full, *_lbs_arrays(model, parents))
    apart = (vertices - expected - translation[:, None]).norm(dim=-1)
    joints_apart = joints[:, :BODY_JOINTS] - expected_joints[:, :BODY_JOINTS] - translation[:, None]
    return SmplxComparison(
        poses=POSES,
        mean=float(apart.mean()),
        largest=float(apart.max()),
        largest_joint=float(joints_apart.norm(dim=-1).max()),
        straight_fingers=straight_fingers,
    )


def _random_people(seed: int, *, hands: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pose (P, 72), betas (P, 10), translation (P, 3); without `hands` those are straight."""
    rng = np.random.default_rng(seed)
    pose = torch.from_numpy(rng.normal(scale=POSE_DEVIATION, size=(POSES, 72))).float()
    if not hands:
        pose[:, 3 * BODY_JOINTS :] = 0
    betas = torch.from_numpy(rng.normal(size=(POSES, 10))).float()
    translation = rng.normal(scale=TRANSLATION_DEVIATION, size=(POSES, 3))
    return pose, betas, torch.from_numpy(translation).float()


def _lbs_arrays(model: SmplFile, parents: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """What `smplx.lbs.lbs` takes after betas and pose, in its order and shapes."""
    directions = model.pose_directions
    return (
        torch.from_numpy(model.template),
        torch.from_numpy(np.ascontiguousarray(model.shape_directions[..., :10])),
        torch.from_numpy(np.ascontiguousarray(directions.reshape(-1, directions.shape[2]).T)),
        torch.from_numpy(model.joint_regressor),
        torch.tensor((-1, *parents[1:])),
        torch.from_numpy(model.weights),
    )
