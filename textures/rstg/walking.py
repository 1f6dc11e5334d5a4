"""Bodies that walk, in place of those fitted to crops: RSTG's ablation without pose (section 4.4).

The paper takes SMPL's numbers of random frames of CMU's walks for those of the crop's person. A walk goes
its own way, which says nothing of where a pedestrian heads, so that headings are drawn from all around;
shape, size and place in the crop are the mean of the training's bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.bank_fits import rest_pelvis
from textures.body_fit.camera_frame import FACING, crop_camera, pelvis_position
from textures.body_fit.photograph_bank import body_view
from textures.training.crop_bank import UV_STEPS
from textures.training.pedestrian_bank import PedestrianBank


@dataclass(frozen=True)
class WalkingViews:
    """What crops' cameras see of bodies that walk: masks (K,H,W) uint8, uv (K,H,W,2) uint16."""

    masks: np.ndarray
    uv: np.ndarray

    def sampled(self, rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """UVs (count,H,W,2) and masks (count,1,H,W) in 0..1 of random ones."""
        chosen = rng.integers(0, len(self.masks), count)
        masks = torch.from_numpy(self.masks[chosen].astype(np.float32) / 255)[:, None]
        return torch.from_numpy(self.uv[chosen].astype(np.float32) / UV_STEPS), masks


def walking_views(
    poses: np.ndarray, bank: PedestrianBank, body: Body, *, seed: int
) -> WalkingViews:
    """Views of bodies in these poses, each in a random heading, as large as a bank's are in the mean.

    Args:
        poses: (K,72) of people who walk.
        bank: whose crops' size, mean shape and mean place and size in the crop are taken.
        body: that walks.
        seed: of the headings.
    """
    rng = np.random.default_rng(seed)
    count = len(poses)
    turned = poses.astype(np.float64)
    turn = Rotation.from_rotvec(rng.uniform(-np.pi, np.pi, (count, 1)) * np.array((0.0, 1.0, 0.0)))
    turned[:, :3] = (turn * Rotation.from_rotvec(turned[:, :3])).as_rotvec()
    betas = np.repeat(bank.betas.mean(0, keepdims=True), count, 0).astype(np.float32)
    view = np.repeat(np.append(bank.view.mean(0), 0.0)[None], count, 0).astype(np.float32)
    pelvis = pelvis_position(torch.from_numpy(view)).numpy() * np.diag(FACING)
    skinning = Skinning(body)
    vertices, _ = skin(
        skinning,
        pose=turned.astype(np.float32),
        betas=betas,
        translation=(pelvis - rest_pelvis(skinning, betas)).astype(np.float32),
    )
    height, width = bank.images.shape[1:3]
    camera = crop_camera(height, width)
    views = [body_view(posed, body, camera) for posed in vertices]
    return WalkingViews(
        masks=np.stack([view.mask for view in views]), uv=np.stack([view.uv for view in views])
    )
