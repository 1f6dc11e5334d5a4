"""Linear blend skinning in torch: batched, differentiable, SMPL's formulation (its sec. 3)."""

from __future__ import annotations

import numpy as np
import torch

from mocap.bodies.body import PARENTS, Body


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


def _levels() -> list[tuple[list[int], list[int]]]:
    """Joints by their depth below the pelvis, each with its parent's index in the level above."""
    levels = [([0], [0])]
    while True:
        previous = levels[-1][0]
        joints = [joint for joint, parent in enumerate(PARENTS) if parent in previous]
        if not joints:
            return levels
        levels.append((joints, [previous.index(PARENTS[joint]) for joint in joints]))


_LEVELS = _levels()
_ORDER = [joint for joints, _ in _LEVELS for joint in joints]
_LEVEL_INDICES = [_ORDER.index(joint) for joint in range(len(PARENTS))]
_CHUNK = 32  # bodies blended at a time on a CPU: what lies between stays near it


class Skinning(torch.nn.Module):
    """Poses a `Body`: (pose, betas, translation) -> (vertices, joints).

    Inside, coordinates are kept as three rows of V numbers (not V rows of three), so that every step
    is one matrix product or runs over long rows.
    """

    template: torch.Tensor
    rest_joints: torch.Tensor
    joint_directions: torch.Tensor
    _directions: torch.Tensor
    _template: torch.Tensor
    _weights: torch.Tensor

    def __init__(self, body: Body) -> None:
        super().__init__()
        regressor = torch.from_numpy(body.joint_regressor)
        template = torch.from_numpy(body.template)
        directions = torch.from_numpy(body.shape_directions)
        self.register_buffer("template", template)
        # Joints are linear in the betas: regress once, not once per body.
        self.register_buffer("rest_joints", regressor @ template)
        joint_directions = torch.einsum("jv,vkb->jkb", regressor, directions)
        self.register_buffer("joint_directions", joint_directions)
        self.corrected = body.pose_directions is not None
        if self.corrected:
            directions = torch.cat([directions, torch.from_numpy(body.pose_directions)], -1)
        rows = directions.permute(2, 1, 0).reshape(directions.shape[-1], -1)
        self.register_buffer("_directions", rows.contiguous(), persistent=False)
        self.register_buffer("_template", template.T.reshape(-1).contiguous(), persistent=False)
        weights = torch.from_numpy(body.weights).T.contiguous()
        self.register_buffer("_weights", weights, persistent=False)

    def joint_transforms(
        self, rotations: torch.Tensor, rest_joints: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Chain the joints from the pelvis outwards.

        Args:
            rotations: (B, 24, 3, 3) relative to the parent.
            rest_joints: (B, 24, 3) metres, in the T-pose.

        Returns:
            Global rotations (B, 24, 3, 3) and joint positions (B, 24, 3).
        """
        offsets = torch.cat(
            [rest_joints[:, :1], rest_joints[:, 1:] - rest_joints[:, PARENTS[1:]]], 1
        )
        local = torch.cat([rotations, offsets.unsqueeze(-1)], -1)
        levels = [local[:, :1]]
        for joints, parents in _LEVELS[1:]:
            parent_transforms = levels[-1][:, parents]
            rotated = parent_transforms[..., :3] @ local[:, joints]
            levels.append(
                torch.cat([rotated[..., :3], rotated[..., 3:] + parent_transforms[..., 3:]], -1)
            )
        chained = torch.cat(levels, 1)[:, _LEVEL_INDICES]
        return chained[..., :3], chained[..., 3]

    def shaped_joints(self, betas: torch.Tensor) -> torch.Tensor:
        """T-posed joints (B, 24, 3), metres, of betas (B, 10)."""
        flat = betas @ self.joint_directions.reshape(72, -1).T
        return self.rest_joints + flat.view(len(betas), 24, 3)

    def forward(
        self, pose: torch.Tensor, betas: torch.Tensor, translation: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pose shaped bodies.

        As in SMPL, the pelvis lands on its rest position plus the translation.

        Args:
            pose: (B, 72) axis-angle vectors, radians.
            betas: (B, 10).
            translation: (B, 3) metres.

        Returns:
            Vertices (B, V, 3) and joints (B, 24, 3) in world metres.
        """
        rest_joints = self.shaped_joints(betas)
        rotations = rotation_matrices(pose.view(len(pose), 24, 3))
        coefficients = betas
        if self.corrected:
            identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
            features = (rotations[:, 1:] - identity).reshape(len(pose), -1)
            coefficients = torch.cat([betas, features], 1)
        global_rotations, joints = self.joint_transforms(rotations, rest_joints)
        offsets = joints - (global_rotations @ rest_joints.unsqueeze(-1)).squeeze(-1)
        transforms = torch.cat([global_rotations, offsets.unsqueeze(-1)], -1).permute(0, 3, 2, 1)
        shaped = torch.addmm(self._template, coefficients, self._directions)
        size = len(pose) if pose.is_cuda else _CHUNK
        chunks = [
            self._blended(*inputs)
            for inputs in zip(shaped.split(size), transforms.split(size), translation.split(size))
        ]
        vertices = chunks[0] if len(chunks) == 1 else torch.cat(chunks)
        return vertices, joints + translation.unsqueeze(1)

    def _blended(
        self, shaped: torch.Tensor, transforms: torch.Tensor, translation: torch.Tensor
    ) -> torch.Tensor:
        """Shaped (B, 3V) under the joints' transforms, (B, 4, 3, 24) as columns: (B, V, 3)."""
        template = shaped.view(len(shaped), 3, 1, -1)
        blended = (transforms.reshape(-1, 24) @ self._weights).view(len(template), 4, 3, -1)
        posed = blended[:, 3] + translation.unsqueeze(-1)
        for axis in range(3):
            posed.addcmul_(blended[:, axis], template[:, axis])
        return posed.transpose(1, 2).contiguous()


@torch.no_grad()
def skin(
    skinning: Skinning, *, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pose a body over frames: arrays in, arrays out.

    Args:
        skinning: of the body.
        pose: (T, 72) axis-angle vectors, radians.
        betas: (10,) or (T, 10).
        translation: (T, 3) metres.

    Returns:
        Vertices (T, V, 3) and joints (T, 24, 3), float32, world metres.
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
