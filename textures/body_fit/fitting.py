"""Body fit: from pedestrian crops to SMPL pose, shape and camera (RSTG 3.1, where HMR does it).

A small network looks at each crop once (`textures.body_fit.network`, which also says in which frame the
bodies stand); then the body is refined on the network's maps of parts and joints
(`textures.body_fit.refinement`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.network import (
    BodyFitNetwork,
    axis_angle,
    crop_camera,
    crop_tensor,
    fitted_joints,
    pelvis_position,
)
from textures.body_fit.refinement import RegionPoints, refine
from textures.visibility.camera import Camera


@dataclass(frozen=True, kw_only=True)
class BodyFit:
    """Fitted bodies of N crops, ready for skinning and visibility.

    pose (N,72), betas (N,10), translation (N,3) float32: SMPL's numbers, in the frame of
    `textures.body_fit.network`; as in SMPL the pelvis is at its rest position plus the translation.
    cameras: N cameras, on the crops' own sizes. person (N,h,w) float32: probability that a pixel of the
    network's input shows the person. agreement (N,) float32, 0..1: how well the body's joints agree
    with the network's heat maps.
    """

    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    cameras: tuple[Camera, ...]
    person: np.ndarray
    agreement: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PosedFit(BodyFit):
    """Fitted bodies and their vertices (N,V,3) float32, metres."""

    vertices: np.ndarray


def pose_fit(fit: BodyFit, skinning: Skinning) -> PosedFit:
    """The fit with its bodies posed."""
    vertices, _ = skin(skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation)
    fields = {field.name: getattr(fit, field.name) for field in dataclasses.fields(BodyFit)}
    return PosedFit(**fields, vertices=vertices)


def fit_bodies(
    network: BodyFitNetwork,
    skinning: Skinning,
    images: Sequence[np.ndarray],
    *,
    points: RegionPoints | None,
    steps: int = 60,
    batch: int = 32,
) -> BodyFit:
    """Fit a body to each crop.

    Args:
        network: on the device that is to be used.
        skinning: of the body, on the same device.
        images: (h,w,3) uint8 RGB, of any size.
        points: the surface points that are refined, of `region_points`; None leaves the bodies as the
            network says.
        steps: of refinement.
        batch: crops that are fitted together.
    """
    config = network.config
    device = next(network.parameters()).device
    poses: list[np.ndarray] = []
    betas: list[np.ndarray] = []
    translations: list[np.ndarray] = []
    people: list[np.ndarray] = []
    agreements: list[np.ndarray] = []
    network.eval()
    for first in range(0, len(images), batch):
        x = torch.cat(
            [
                crop_tensor(image, config.height, config.width)
                for image in images[first : first + batch]
            ]
        )
        with torch.no_grad():
            estimate = network(x.to(device))
            person = (
                1
                - functional.interpolate(
                    estimate.part_logits,
                    size=(config.height, config.width),
                    mode="bilinear",
                    align_corners=False,
                ).softmax(1)[:, 0]
            )
        if points is not None:
            estimate = refine(skinning, points, estimate, config, steps=steps)
        with torch.no_grad():
            _, pixels = fitted_joints(
                skinning, estimate.rotations, estimate.betas, estimate.camera, config
            )
            distance = (pixels - estimate.joint_pixels).norm(dim=-1) * (128 / config.height)
            weight = estimate.joint_confidence
            close = (torch.exp(-distance / 6) * weight).sum(1) / weight.sum(1).clamp(min=1e-6)
            rest_pelvis = skinning.rest_joints[0] + torch.einsum(
                "kb,nb->nk", skinning.joint_directions[0], estimate.betas
            )
            facing = rest_pelvis.new_tensor([1.0, -1.0, -1.0])
            translation = pelvis_position(estimate.camera, config) * facing - rest_pelvis
        poses.append(axis_angle(estimate.rotations.cpu().numpy()).reshape(-1, 72))
        betas.append(estimate.betas.cpu().numpy())
        translations.append(translation.cpu().numpy())
        people.append(person.cpu().numpy())
        agreements.append(close.cpu().numpy())
    return BodyFit(
        pose=np.concatenate(poses).astype(np.float32),
        betas=np.concatenate(betas).astype(np.float32),
        translation=np.concatenate(translations).astype(np.float32),
        cameras=tuple(crop_camera(config, *image.shape[:2]) for image in images),
        person=np.concatenate(people).astype(np.float32),
        agreement=np.concatenate(agreements).astype(np.float32),
    )
