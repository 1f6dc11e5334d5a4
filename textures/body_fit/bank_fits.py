"""Fits of a whole bank: the network's own, or the bank's bodies with the errors that it makes."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning
from textures.body_fit.camera_frame import FACING, crop_camera, pelvis_position
from textures.body_fit.fitting import BodyFit, BodyFitter
from textures.training.pedestrian_bank import PedestrianBank

ARM_JOINTS = ("shoulder", "elbow")


def perturbed_fits(bank: PedestrianBank, rng: np.random.Generator, skinning: Skinning) -> BodyFit:
    """The bank's bodies with the errors that a body fit makes.

    In pose, heading (now and then any heading at all), shape, position and size. The bank's silhouettes
    stand for the person mask.
    """
    count = len(bank)
    pose = bank.pose.reshape(count, 24, 3).astype(np.float64)
    spread = np.full(24, 0.08)
    spread[[JOINT_NAMES.index(f"{s}_{j}") for s in ("left", "right") for j in ARM_JOINTS]] = 0.22
    pose[:, 1:] += rng.normal(size=(count, 23, 3)) * spread[1:, None]
    turn = np.where(
        rng.random(count) < 0.05, rng.uniform(-np.pi, np.pi, count), rng.normal(0, 0.18, count)
    )
    root = Rotation.from_rotvec(pose[:, 0]) * Rotation.from_rotvec(
        turn[:, None] * np.array((0, 1, 0))
    )
    pose[:, 0] = (Rotation.from_rotvec(rng.normal(0, 0.05, (count, 3))) * root).as_rotvec()
    view = bank.view + rng.normal(size=(count, 3)) * (1.3, 1.8, 0.05)
    camera = torch.from_numpy(np.pad(view, ((0, 0), (0, 1))).astype(np.float32))
    pelvis = pelvis_position(camera).numpy() * np.diag(FACING)
    height, width = bank.images.shape[1:3]
    betas = (0.6 * bank.betas + rng.normal(0, 0.35, bank.betas.shape)).astype(np.float32)
    return BodyFit(
        pose=pose.reshape(count, 72).astype(np.float32),
        betas=betas,
        translation=pelvis.astype(np.float32) - rest_pelvis(skinning, betas),
        cameras=(crop_camera(height, width),) * count,
        person=tuple(bank.masks.astype(np.float32) / 255),
        agreement=np.ones(count, np.float32),
        presence=np.ones(count, np.float32),
    )


def network_fits(bank: PedestrianBank, fitter: BodyFitter) -> BodyFit:
    """The body fit's own fits of the bank's images.

    These must be as the harvest will see them: on their scenes (`augmentation.photographed`).
    """
    return fitter.fit([""] * len(bank), list(bank.images))


def rest_pelvis(skinning: Skinning, betas: np.ndarray) -> np.ndarray:
    """The pelvis (N,3) float32 of bodies of shapes (N,10) in the rest pose, metres."""
    return skinning.shaped_joints(torch.from_numpy(betas))[:, 0].numpy()
