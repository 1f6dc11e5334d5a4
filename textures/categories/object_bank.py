"""Photographs of objects, placed by their keypoints, as a bank that textures are learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from mocap.errors import BadInput
from textures.body_fit.source_pixels import SourcePixels
from textures.categories.category import Category
from textures.categories.keypoint_camera import KeypointFit, fit_keypoints
from textures.categories.object_model import ObjectModel
from textures.categories.photographs import ObjectCrop, ObjectPhotograph, read_object_crop
from textures.training.crop_bank import CropBank, quantised_uv
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.texel_geometry import TexelGeometry, source_pixels
from textures.visibility.uv_layout import fill_gutters

DEPTH_TOLERANCE = 0.012  # of the object's size: as a body's two centimetres are of its height


@dataclass(frozen=True)
class ObjectBank(CropBank):
    """Crops of a category's photographs; see `CropBank`. They have a background of their own."""

    images: np.ndarray
    masks: np.ndarray
    carried: np.ndarray
    uv: np.ndarray
    identities: np.ndarray
    textures: np.ndarray
    texture_of: np.ndarray
    photographs: np.ndarray
    scenes: np.ndarray


@dataclass(frozen=True)
class PlacedObject:
    """A photograph, its crop, and where the crop's camera has the object."""

    photograph: ObjectPhotograph
    crop: ObjectCrop
    fit: KeypointFit


@dataclass(frozen=True)
class PlacedObjects:
    """The photographs that could be placed, in their order; why the others could not, by name."""

    objects: list[PlacedObject]
    left_out: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """How good the fits are and what was left out, for people to read."""
        lines = []
        if self.objects:
            residual = np.median([placed.fit.residual for placed in self.objects])
            unclear = sum(placed.fit.ambiguous for placed in self.objects)
            lines.append(
                f"{len(self.objects):,} photographs placed by keypoints, which are {residual:.1%} of "
                f"their extent off in the median; of {unclear:,} the mirrored view is as likely"
            )
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        return lines


def readable_crops(
    photographs: Sequence[ObjectPhotograph], size: int
) -> tuple[list[tuple[ObjectPhotograph, ObjectCrop]], dict[str, str]]:
    """The crops of photographs, and why the others cannot be read, by name."""
    crops, left_out = [], {}
    for photograph in photographs:
        try:
            crops.append((photograph, read_object_crop(photograph, size)))
        except BadInput as error:
            left_out[photograph.name] = str(error)
    return crops, left_out


def placed_objects(category: Category, photographs: Sequence[ObjectPhotograph]) -> PlacedObjects:
    """The objects of photographs, each with the camera that its keypoints tell."""
    model = category.model()
    crops, left_out = readable_crops(photographs, category.crop_size)
    objects = []
    for photograph, crop in tqdm(crops, desc="cameras from keypoints", mininterval=2.0):
        fit = fit_keypoints(model, crop.keypoints, category.crop_size)
        if isinstance(fit, str):
            left_out[photograph.name] = fit
        else:
            objects.append(PlacedObject(photograph, crop, fit))
    return PlacedObjects(objects, left_out)


def object_bank(model: ObjectModel, objects: Sequence[PlacedObject]) -> ObjectBank:
    """The bank of placed objects; masks are the silhouettes of the mesh.

    Raises:
        BadInput: where there is no object.
    """
    if not objects:
        raise BadInput("no photograph could be placed by its keypoints; see what was left out")
    masks, uvs = [], []
    for placed in objects:
        buffer = visibility(model.vertices(placed.fit.shape), model.mesh.faces, placed.fit.camera)
        uv = texel_map(buffer, model.mesh)
        masks.append(buffer.covered.astype(np.uint8) * 255)
        uvs.append(quantised_uv(fill_gutters(uv, buffer.covered) if buffer.covered.any() else uv))
    size = objects[0].crop.image.shape[0]
    return ObjectBank(
        images=np.stack([placed.crop.image for placed in objects]),
        masks=np.stack(masks),
        carried=np.zeros((len(objects), size, size), np.uint8),
        uv=np.stack(uvs),
        identities=np.array([placed.photograph.identity for placed in objects], np.int32),
        textures=np.zeros((0, 1, 1, 3), np.uint8),
        texture_of=np.full(len(objects), -1, np.int32),
        photographs=np.array([True]),
        scenes=np.zeros((0, size, size, 3), np.uint8),
    )


def object_sources(
    model: ObjectModel, geometry: TexelGeometry, objects: Sequence[PlacedObject]
) -> SourcePixels:
    """Which pixel of its crop each texel looks at, for all objects.

    Pixels that a segmentation has for background are not looked at.
    """
    size = geometry.size
    positions = np.empty((len(objects), size, size, 2), np.uint8)
    kinds = np.empty((len(objects), size, size), np.uint8)
    tolerance = DEPTH_TOLERANCE * float(np.ptp(model.mesh.vertices, axis=0).max())
    for number, placed in enumerate(objects):
        mask = placed.crop.object_mask
        fraction, kind = source_pixels(
            *(geometry, model.mesh, model.vertices(placed.fit.shape), placed.fit.camera),
            None if mask is None else mask.astype(np.float32),
            tolerance=tolerance,
        )
        positions[number] = np.clip(fraction * 256, 0, 255)
        kinds[number] = kind
    return SourcePixels(positions, kinds)
