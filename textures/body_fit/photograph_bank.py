"""Photographs made into a bank of training pedestrians, through the body fit."""

from __future__ import annotations

import cv2
import numpy as np
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import skin
from textures.body_fit.fitting import BodyFitter
from textures.market1501 import Crop, market_name, read_image
from textures.training.pedestrian_bank import PedestrianBank, quantised_uv
from textures.visibility.buffer import parts, visibility
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import fill_gutters

BATCH = 64


def bank_of_photographs(
    crops: list[Crop],
    fitter: BodyFitter,
    body: Body,
    references: np.ndarray,
    scenes: np.ndarray,
    *,
    height: int = 128,
    width: int = 64,
) -> PedestrianBank:
    """A bank of real crops, each with its fitted body's visibility, as the paper has it from HMR.

    Args:
        crops: with Market-1501 names.
        fitter: fits the bodies.
        body: the body that is fitted.
        references: (K,S,S,3) uint8, textures of other people, for the face-and-hand loss.
        scenes: (M,h,w,3) uint8, backgrounds to put rendered bodies on.
        height: of the bank's images, pixels.
        width: of the bank's images, pixels.

    Raises:
        BadInput: for an unreadable image, or one without a Market-1501 name.
    """
    rows: dict[str, list[np.ndarray]] = {}
    for start in tqdm(range(0, len(crops), BATCH), desc="fitting bodies", mininterval=2.0):
        chunk = crops[start : start + BATCH]
        size = (width, height)
        images = [cv2.resize(read_image(c.path), size, interpolation=cv2.INTER_AREA) for c in chunk]
        fit = fitter.fit([crop.path.name for crop in chunk], images)
        vertices, joints = skin(
            fitter.skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation
        )
        for i, image in enumerate(images):
            buffer = visibility(vertices[i], body.faces, fit.cameras[i])
            uv = texel_map(buffer, body.mesh)
            pixels, depth = fit.cameras[i].project(joints[i])
            focal = fit.cameras[i].intrinsics[1, 1]
            crop = {
                "images": image,
                "masks": buffer.covered.astype(np.uint8) * 255,
                "carried": np.zeros(buffer.covered.shape, np.uint8),
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
    names = [market_name(crop) for crop in crops]
    return PedestrianBank(
        identities=np.array([name.identity for name in names], np.int32),
        cameras=np.array([name.camera for name in names], np.int32),
        textures=references,
        label_maps=np.zeros((0, *references.shape[1:3]), np.uint8),  # of no use to references
        texture_of=np.full(len(crops), -1, np.int32),
        photographs=np.array([True]),
        scenes=scenes,
        **{key: np.stack(value) for key, value in rows.items()},
    )
