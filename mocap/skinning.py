"""Linear blend skinning in torch: batched, differentiable, SMPL's formulation (its sec. 3)."""

from __future__ import annotations

import numpy as np
import torch

from mocap.body import PARENTS, Body


def rotation_matrices(axis_angle: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula. (..., 3) radians -> (..., 3, 3). Smooth, with gradients, at zero."""
    squared = (axis_angle * axis_angle).sum(-1)
    small = squared < 1e-8
    angle = torch.sqrt(torch.where(small, torch.ones_like(squared), squared))
    # sin(a)/a and (1-cos(a))/a^2 with their series near zero, so that no 0/0 reaches the gradient.
    sine = torch.where(small, 1 - squared / 6, torch.sin(angle) / angle)
    cosine = torch.where(small, 0.5 - squared / 24, (1 - torch.cos(angle)) / angle**2)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    cross = cross.reshape(*axis_angle.shape[:-1], 3, 3)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine[..., None, None] * cross + cosine[..., None, None] * (cross @ cross)


class Skinning(torch.nn.Module):
    """Poses a `Body`: (pose, betas, translation) -> (vertices, joints)."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        vertices = len(body.template)
        regressor = torch.from_numpy(body.joint_regressor)
        template = torch.from_numpy(body.template)
        directions = torch.from_numpy(body.shape_directions).reshape(vertices * 3, -1)
        self.register_buffer("template", template)
        self.register_buffer("directions", directions)
        self.register_buffer("weights", torch.from_numpy(body.weights))
        # Joints are linear in the betas: regress once, not once a body.
        self.register_buffer("rest_joints", regressor @ template)
        joint_directions = torch.einsum("jv,vkb->jkb", regressor, directions.view(vertices, 3, -1))
        self.register_buffer("joint_directions", joint_directions)
        corrections = None
        if body.pose_directions is not None:
            corrections = torch.from_numpy(body.pose_directions).reshape(vertices * 3, -1)
        self.register_buffer("pose_directions", corrections)

    def joint_transforms(
        self, rotations: torch.Tensor, rest: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Chain the joints. rotations (B, 24, 3, 3) relative to the parent, rest (B, 24, 3) joints.

        Returns global rotations (B, 24, 3, 3) and joint positions (B, 24, 3).
        """
        globals_, positions = [rotations[:, 0]], [rest[:, 0]]
        for joint in range(1, len(PARENTS)):
            parent = PARENTS[joint]
            offset = (rest[:, joint] - rest[:, parent]).unsqueeze(-1)
            positions.append(positions[parent] + (globals_[parent] @ offset).squeeze(-1))
            globals_.append(globals_[parent] @ rotations[:, joint])
        return torch.stack(globals_, 1), torch.stack(positions, 1)

    def shaped(self, betas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """T-posed vertices (B, V, 3) and joints (B, 24, 3) of betas (B, 10)."""
        vertices = self.template + (betas @ self.directions.T).view(len(betas), -1, 3)
        return vertices, self.rest_joints + torch.einsum(
            "jkb,nb->njk", self.joint_directions, betas
        )

    def forward(
        self, pose: torch.Tensor, betas: torch.Tensor, translation: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """pose (B, 72) axis-angle radians, betas (B, 10), translation (B, 3) metres.

        Returns vertices (B, V, 3) and joints (B, 24, 3) in world metres. As in SMPL, the pelvis lands
        on its rest position plus the translation.
        """
        vertices, rest = self.shaped(betas)
        rotations = rotation_matrices(pose.view(len(pose), 24, 3))
        if self.pose_directions is not None:
            identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
            features = (rotations[:, 1:] - identity).reshape(len(pose), -1)
            vertices = vertices + (features @ self.pose_directions.T).view(len(pose), -1, 3)
        globals_, joints = self.joint_transforms(rotations, rest)
        offsets = joints - (globals_ @ rest.unsqueeze(-1)).squeeze(-1)
        transforms = torch.cat([globals_, offsets.unsqueeze(-1)], -1).view(len(pose), 24, 12)
        blended = (self.weights @ transforms).view(len(pose), -1, 3, 4)
        posed = (blended[..., :3] @ vertices.unsqueeze(-1)).squeeze(-1) + blended[..., 3]
        return posed + translation.unsqueeze(1), joints + translation.unsqueeze(1)


@torch.no_grad()
def skin(
    skinning: Skinning, *, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Arrays in, arrays out: pose (T, 72), betas (10,) or (T, 10), translation (T, 3).

    Returns vertices (T, V, 3) and joints (T, 24, 3), float32, world metres.
    """
    frames = len(pose)
    device = skinning.template.device
    betas = np.broadcast_to(np.asarray(betas, np.float32), (frames, 10))
    tensors = [
        torch.tensor(np.asarray(array, np.float32), device=device)
        for array in (pose, betas, translation)
    ]
    vertices, joints = skinning(*tensors)
    return vertices.cpu().numpy(), joints.cpu().numpy()
