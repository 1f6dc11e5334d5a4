"""Body fit: from pedestrian crops to SMPL pose, shape and camera (RSTG section 3.1, where HMR does
it).

A small network looks at each crop once (body_fit_network.py, which also says in which frame the
bodies stand); then the body settles on the parts and joints that the network drew
(body_settling.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.skinning import Skinning
from textures.body_fit.network import (
    BodyFitNetwork,
    axis_angle,
    crop_camera,
    crop_tensor,
    fitted_joints,
    pelvis_position,
)
from textures.body_fit.refinement import SurfacePoints, settle
from textures.visibility.camera import Camera


@dataclass(frozen=True)
class BodyFit:
    """Fitted bodies of N crops, ready for skinning and visibility.

    pose (N,72), betas (N,10), translation (N,3): float32, in the frame of the module's docstring.
    cameras: N cameras, on the crops' own sizes. person (N,h,w) float32: probability that a pixel
    of the network's input shows the person. agreement (N,) float32, 0..1: how well the body's
    joints agree with the joints drawn by the dense head.
    """

    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    cameras: tuple[Camera, ...]
    person: np.ndarray
    agreement: np.ndarray


def fit_bodies(
    network: BodyFitNetwork,
    skinning: Skinning,
    images: list[np.ndarray],
    *,
    points: SurfacePoints | None,
    steps: int = 60,
    batch: int = 32,
) -> BodyFit:
    """Fit a body to each crop, (h,w,3) uint8 RGB of any size. Device: the network's.

    points: the surface points that settle (``body_settling.surface_points``), for ``steps`` steps;
    None leaves the bodies as the network says.
    """
    config = network.config
    device = next(network.parameters()).device
    poses, betas, translations, people, agreements = [], [], [], [], []
    network.eval()
    for first in range(0, len(images), batch):
        x = torch.cat(
            [
                crop_tensor(image, config.height, config.image_width)
                for image in images[first : first + batch]
            ]
        )
        with torch.no_grad():
            estimate = network(x.to(device))
            flat = estimate.part_logits
            person = (
                1
                - functional.interpolate(
                    flat,
                    size=(config.height, config.image_width),
                    mode="bilinear",
                    align_corners=False,
                ).softmax(1)[:, 0]
            )
        if points is not None:
            estimate = settle(skinning, points, estimate, config, steps=steps)
        with torch.no_grad():
            _, pixels = fitted_joints(
                skinning, estimate.rotations, estimate.betas, estimate.camera, config
            )
            distance = (pixels - estimate.joint_pixels).norm(dim=-1) * (128 / config.height)
            weight = estimate.joint_confidence
            close = (torch.exp(-distance / 6) * weight).sum(1) / weight.sum(1).clamp(min=1e-6)
            rest = skinning.rest_joints[0] + torch.einsum(
                "kb,nb->nk", skinning.joint_directions[0], estimate.betas
            )
            facing = rest.new_tensor([1.0, -1.0, -1.0])
            translation = pelvis_position(estimate.camera, config) * facing - rest
        poses.append(axis_angle(estimate.rotations.cpu().numpy()).reshape(-1, 72))
        betas.append(estimate.betas.cpu().numpy())
        translations.append(translation.cpu().numpy())
        people.append(person.cpu().numpy())
        agreements.append(close.cpu().numpy())
    return BodyFit(
        np.concatenate(poses).astype(np.float32),
        np.concatenate(betas).astype(np.float32),
        np.concatenate(translations).astype(np.float32),
        tuple(crop_camera(config, *image.shape[:2]) for image in images),
        np.concatenate(people).astype(np.float32),
        np.concatenate(agreements).astype(np.float32),
    )
