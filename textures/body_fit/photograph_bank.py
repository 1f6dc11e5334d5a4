"""Photographs made into a bank of training pedestrians, through the body fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import skin
from mocap.files import atomic_write
from textures.body_fit.camera_frame import crop_camera
from textures.body_fit.fitting import BodyFit, BodyFitter
from textures.market1501 import Crop, market_name, read_image
from textures.training.pedestrian_bank import PedestrianBank, quantised_uv
from textures.visibility.buffer import parts, visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import fill_gutters

BATCH = 64
FILE_VERSION = 1  # of kept photographs
_FIT = ("betas", "translation", "person", "agreement", "presence", "stretch")  # besides the bank's


@dataclass(frozen=True)
class FittedPhotographs:
    """A bank of photographs, and the bodies that were fitted to them."""

    bank: PedestrianBank
    fit: BodyFit


def fitted_photographs(
    crops: Sequence[Crop],
    fitter: BodyFitter,
    body: Body,
    references: np.ndarray,
    scenes: np.ndarray,
    *,
    height: int = 128,
    width: int = 64,
) -> FittedPhotographs:
    """A bank of real crops, each with its fitted body's visibility, as the paper has it from HMR.

    Args:
        crops: with Market-1501 names.
        fitter: fits the bodies.
        body: the body that is fitted.
        references: (K,S,S,3) uint8, textures of other people, for the face-and-hand loss.
        scenes: (M,h,w,3) uint8, backgrounds to put rendered bodies on.
        height: of the bank's images, pixels.
        width: of the bank's images, pixels.

    Returns:
        The bank, and its fits; their person masks are in 255 steps, as a file keeps them.

    Raises:
        BadInput: for an unreadable image, or one without a Market-1501 name.
    """
    rows: dict[str, list[np.ndarray]] = {}
    fits: list[BodyFit] = []
    for start in tqdm(range(0, len(crops), BATCH), desc="fitting bodies", mininterval=2.0):
        chunk = crops[start : start + BATCH]
        size = (width, height)
        images = [cv2.resize(read_image(c.path), size, interpolation=cv2.INTER_AREA) for c in chunk]
        fit = fitter.fit([crop.path.name for crop in chunk], images)
        fits.append(fit)
        vertices, joints = skin(
            fitter.skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation
        )
        for i, image in enumerate(images):
            view = body_view(vertices[i], body, fit.cameras[i])
            pixels, depth = fit.cameras[i].project(joints[i])
            focal = fit.cameras[i].intrinsics[1, 1]
            crop = {
                "images": image,
                "masks": view.mask,
                "carried": np.zeros(view.mask.shape, np.uint8),
                "uv": view.uv,
                "parts": view.parts,
                "pose": fit.pose[i],
                "betas": fit.betas[i],
                "view": np.array([*pixels[0], np.log(focal / depth[0])], np.float32),
                "joints": (joints[i] - joints[i][0]).astype(np.float32),
                "joint_pixels": pixels.astype(np.float32),
            }
            for key, value in crop.items():
                rows.setdefault(key, []).append(value)
    names = [market_name(crop) for crop in crops]
    bank = PedestrianBank(
        identities=np.array([name.identity for name in names], np.int32),
        cameras=np.array([name.camera for name in names], np.int32),
        textures=references,
        label_maps=np.zeros((0, *references.shape[1:3]), np.uint8),  # of no use to references
        texture_of=np.full(len(crops), -1, np.int32),
        photographs=np.array([True]),
        scenes=scenes,
        **{key: np.stack(value) for key, value in rows.items()},
    )
    return FittedPhotographs(bank, _fit_of(_fit_arrays(fits), bank))


@dataclass(frozen=True)
class BodyView:
    """What a crop's camera sees of a body, as a bank has it.

    mask (H,W) uint8, 255 on the body. uv (H,W,2) uint16, UV times 65535, carried outwards. parts (H,W)
    uint8, 0 background.
    """

    mask: np.ndarray
    uv: np.ndarray
    parts: np.ndarray


def body_view(vertices: np.ndarray, body: Body, camera: Camera) -> BodyView:
    """A posed body (V,3), metres, as a camera sees it."""
    buffer = visibility(vertices, body.faces, camera)
    uv = texel_map(buffer, body.mesh)
    return BodyView(
        mask=buffer.covered.astype(np.uint8) * 255,
        uv=quantised_uv(fill_gutters(uv, buffer.covered) if buffer.covered.any() else uv),
        parts=parts(buffer, body.face_parts),
    )


def kept_photographs(
    path: Path, key: str, make: Callable[[], FittedPhotographs]
) -> tuple[FittedPhotographs, bool]:
    """Photographs from a file of an earlier call with the same key, else made and kept there.

    References and scenes are not kept; those of photographs that are read back are empty.

    Args:
        path: of the file.
        key: what they follow from: the photographs, their order and the body fit.
        make: fits them.

    Returns:
        The photographs, and whether they were read.
    """
    key = f"{FILE_VERSION} {key}"
    if path.is_file():
        try:
            with safe_open(path, framework="np") as file:
                if (file.metadata() or {}).get("key") == key:
                    names = list(file.keys())  # a handle is no dictionary
                    return _read_photographs({n: file.get_tensor(n) for n in names}), True
        except SafetensorError:
            pass  # damaged: it is made anew
    photographs = make()
    empty = np.zeros((0, 1, 1, 3), np.uint8)
    bank = dataclasses.replace(photographs.bank, textures=empty, scenes=empty)
    arrays = {f"bank.{f.name}": getattr(bank, f.name) for f in dataclasses.fields(bank)}
    arrays |= {f"fit.{name}": value for name, value in _fit_arrays([photographs.fit]).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        save_file(
            {name: np.ascontiguousarray(value) for name, value in arrays.items()},
            temporary,
            {"key": key},
        )
    return photographs, False


def _read_photographs(arrays: dict[str, np.ndarray]) -> FittedPhotographs:
    names = [f.name for f in dataclasses.fields(PedestrianBank)]
    bank = PedestrianBank(**{name: arrays[f"bank.{name}"] for name in names})
    return FittedPhotographs(bank, _fit_of({name: arrays[f"fit.{name}"] for name in _FIT}, bank))


def _fit_arrays(fits: Sequence[BodyFit]) -> dict[str, np.ndarray]:
    """What a fit has besides its bank's pose, as arrays over all crops."""
    cameras = [camera.intrinsics for fit in fits for camera in fit.cameras]
    columns = {
        name: np.concatenate([getattr(fit, name) for fit in fits])
        for name in ("betas", "translation", "agreement", "presence")
    }
    person = np.concatenate([np.stack(fit.person) for fit in fits])
    return {
        **columns,
        "person": np.round(person * 255).astype(np.uint8),
        "stretch": np.log([matrix[0, 0] / matrix[1, 1] for matrix in cameras]),
    }


def _fit_of(arrays: dict[str, np.ndarray], bank: PedestrianBank) -> BodyFit:
    height, width = bank.images.shape[1:3]
    return BodyFit(
        pose=bank.pose,
        betas=arrays["betas"],
        translation=arrays["translation"],
        cameras=tuple(crop_camera(height, width, float(k)) for k in arrays["stretch"]),
        person=tuple(arrays["person"].astype(np.float32) / 255),
        agreement=arrays["agreement"],
        presence=arrays["presence"],
    )
