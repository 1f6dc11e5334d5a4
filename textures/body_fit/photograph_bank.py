"""Banks seen through the body fit: photographs made into a bank, and where each texel looks in each
crop.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import BodyFit, fit_bodies
from textures.body_fit.network import (
    FACING,
    BodyFitConfig,
    BodyFitNetwork,
    crop_camera,
    pelvis_position,
)
from textures.body_fit.refinement import surface_points
from textures.market1501 import Crop, read_image
from textures.rstg.projection import TexelGeometry, source_pixels
from textures.rstg.training import SourcePixels
from textures.training.pedestrian_bank import PedestrianBank, quantised_uv
from textures.visibility.buffer import parts, visibility
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import fill_gutters

BATCH = 64
ARM_JOINTS = ("shoulder", "elbow")


def perturbed_fits(
    bank: PedestrianBank, rng: np.random.Generator, config: BodyFitConfig
) -> BodyFit:
    """The bank's true bodies with the errors that a body fit makes: in pose, heading (now and then
    any heading at all), shape, place and size. The true silhouettes stand for the person mask.
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
    camera = torch.from_numpy(view.astype(np.float32))
    pelvis = pelvis_position(camera, config).numpy() * np.diag(FACING)
    height, width = bank.images.shape[1:3]
    return BodyFit(
        pose.reshape(count, 72).astype(np.float32),
        (0.6 * bank.betas + rng.normal(0, 0.35, bank.betas.shape)).astype(np.float32),
        pelvis.astype(np.float32),
        (crop_camera(config, height, width),) * count,
        bank.masks.astype(np.float32) / 255,
        np.ones(count, np.float32),
    )


def network_fits(
    bank: PedestrianBank, fitter: BodyFitNetwork, skinning: Skinning, body: Body
) -> BodyFit:
    """The body fit's own fits of the bank's images, which must be as the harvest will see them: on
    their scenes (``augmentation.photographed``). ``translation`` is the pelvis', as in the other.
    """
    fit = fit_bodies(fitter, skinning, list(bank.images), points=surface_points(body))
    rest = skinning.shaped(torch.from_numpy(fit.betas))[1][:, 0].numpy()
    return dataclasses.replace(fit, translation=fit.translation + rest)


def find_sources(
    fit: BodyFit, skinning: Skinning, body: Body, geometry: TexelGeometry
) -> SourcePixels:
    """Where each texel looks in each crop, for fits whose ``translation`` is that of the pelvis."""
    count = len(fit.pose)
    positions = np.empty((count, geometry.size, geometry.size, 2), np.uint8)
    kinds = np.empty((count, geometry.size, geometry.size), np.uint8)
    for start in tqdm(range(0, count, BATCH), desc="source pixels", mininterval=2.0):
        part = slice(start, min(start + BATCH, count))
        betas = fit.betas[part]
        rest = skinning.shaped(torch.from_numpy(betas))[1][:, 0].numpy()
        translation = fit.translation[part] - rest
        vertices, _ = skin(skinning, pose=fit.pose[part], betas=betas, translation=translation)
        for i, posed in enumerate(vertices, start):
            fraction, kind = source_pixels(geometry, body, posed, fit.cameras[i], fit.person[i])
            positions[i] = np.clip(fraction * 256, 0, 255)
            kinds[i] = kind
    return SourcePixels(positions, kinds)


def bank_of_photographs(
    crops: list[Crop],
    fitter: BodyFitNetwork,
    skinning: Skinning,
    body: Body,
    references: np.ndarray,
    scenes: np.ndarray,
    *,
    height: int = 128,
    width: int = 64,
) -> PedestrianBank:
    """A bank of real crops with Market-1501 names: each with its fitted body's visibility, as the
    paper has it from HMR.

    references (K,S,S,3) uint8: textures of other people, for the face-and-hand loss. scenes
    (M,h,w,3) uint8: backgrounds to put rendered bodies on. Raises
    BadInput for an unreadable image.
    """
    points = surface_points(body)
    rows: dict[str, list[np.ndarray]] = {}
    for start in tqdm(range(0, len(crops), BATCH), desc="fitting bodies", mininterval=2.0):
        part = crops[start : start + BATCH]
        size = (width, height)
        images = [cv2.resize(read_image(c.path), size, interpolation=cv2.INTER_AREA) for c in part]
        fit = fit_bodies(fitter, skinning, images, points=points)
        vertices, joints = skin(
            skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation
        )
        for i, image in enumerate(images):
            buffer = visibility(vertices[i], body.faces, fit.cameras[i])
            uv = texel_map(buffer, body.mesh)
            pixels, depth = fit.cameras[i].project(joints[i])
            focal = fit.cameras[i].intrinsics[1, 1]
            crop = {
                "images": image,
                "masks": buffer.covered.astype(np.uint8) * 255,
                "uv": quantised_uv(
                    fill_gutters(uv, buffer.covered) if buffer.covered.any() else uv
                ),
                "parts": parts(buffer, body.face_parts),
                "pose": fit.pose[i],
                "betas": fit.betas[i],
                "view": np.array([*pixels[0], np.log(focal / depth[0])], np.float32),
                "joints": (joints[i] - joints[i][0]).astype(np.float32),
                "joint_pixels": pixels.astype(np.float32),
            }
            for key, value in crop.items():
                rows.setdefault(key, []).append(value)
    return PedestrianBank(
        identities=np.array([c.name.identity for c in crops], np.int32),
        cameras=np.array([c.name.camera for c in crops], np.int32),
        textures=references,
        texture_of=np.full(len(crops), -1, np.int32),
        photographs=np.array([True]),
        scenes=scenes,
        **{key: np.stack(value) for key, value in rows.items()},
    )
