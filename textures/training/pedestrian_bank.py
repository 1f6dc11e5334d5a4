"""Training pedestrians in memory: crops and, per crop, what is known of the body in it.

A bank is made from stand-ins (where everything is known) or from photographs with fitted bodies
(where there are no true textures). Arrays only, so that it can be kept in one safetensors file and
sampled from a seed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mocap.errors import BadInput
from mocap.files import atomic_write
from textures.training.crop_bank import CropBank
from textures.training.crop_bank import quantised_uv as quantised_uv

BANK_VERSION = 3
SHARED = ("textures", "label_maps", "photographs", "scenes")


@dataclass(frozen=True)
class PedestrianBank(CropBank):
    """N crops of H x W pixels, and the body in each.

    The frame of pose, joints and view is that of `textures.body_fit.camera_frame`.

    images (N,H,W,3) uint8 RGB. masks (N,H,W) uint8, 255 on the person: body, worn clothes and hair.
    carried (N,H,W) uint8, 255 on bags and umbrellas, which are neither; a pixel's masks and carried are
    never more than 255 together. uv (N,H,W,2) uint16 (UV times
    65535), carried outwards where there is no body. parts (N,H,W) uint8, 0 background. identities,
    cameras (N,) int32. pose (N,72), betas (N,10), view (N,3) float32: pelvis pixel u, v and log of
    the scale in pixels a metre there. joints (N,24,3) metres relative to the pelvis, joint_pixels
    (N,24,2). textures (K,S,S,3) uint8 and texture_of (N,) int32. label_maps (K,S,S) uint8: indices into
    `textures.wardrobe.labels.LABELS` of what the textures' texels show.

    photographs (1,) bool: the images have a background of their own, the masks are those of fitted
    bodies, the textures are references of other people and texture_of is -1. The images of
    stand-ins have no background (colours are carried outwards), and are put on scenes as needed.
    scenes (M,h,w,3) uint8, h >= H and w >= W: backgrounds.
    """

    images: np.ndarray
    masks: np.ndarray
    carried: np.ndarray
    uv: np.ndarray
    parts: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    view: np.ndarray
    joints: np.ndarray
    joint_pixels: np.ndarray
    textures: np.ndarray
    label_maps: np.ndarray
    texture_of: np.ndarray
    photographs: np.ndarray
    scenes: np.ndarray

    def select(self, chosen: np.ndarray) -> PedestrianBank:
        """The crops with these indices (or where this mask is true); textures and scenes stay."""
        per_crop = {
            f.name: getattr(self, f.name)[chosen]
            for f in dataclasses.fields(self)
            if f.name not in SHARED
        }
        shared = {name: getattr(self, name) for name in SHARED}
        return PedestrianBank(**per_crop, **shared)

    def held_out(self, share: float) -> np.ndarray:
        """(N,) bool: which crops show the last `share` of the identities."""
        names = np.unique(self.identities)
        return np.isin(self.identities, names[len(names) - max(1, round(share * len(names))) :])

    def split_identities(self, share: float) -> tuple[PedestrianBank, PedestrianBank]:
        """(training, held out): the last `share` of the identities is held out."""
        out = self.held_out(share)
        return self.select(~out), self.select(out)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        arrays = {
            f.name: np.ascontiguousarray(getattr(self, f.name)) for f in dataclasses.fields(self)
        }
        with atomic_write(path) as temporary:
            save_file(arrays, temporary, {"version": str(BANK_VERSION)})


def load_bank(path: Path) -> PedestrianBank:
    """Read a bank written by `save`.

    Raises:
        BadInput: when the file is not one, or was made by another version.
    """
    try:
        with safe_open(path, framework="np") as file:
            version = (file.metadata() or {}).get("version", "1")
        arrays = load_file(path)
    except Exception as error:  # missing, damaged or foreign
        raise BadInput(
            f"{path}: not a bank of training pedestrians ({error}); make it again"
        ) from None
    names = {f.name for f in dataclasses.fields(PedestrianBank)}
    # Version 1 had no `carried`, 1 and 2 no `label_maps`; what lacks anything else is none of ours.
    if version != str(BANK_VERSION) and names - set(arrays) <= {"carried", "label_maps"}:
        raise BadInput(
            f"{path}: training pedestrians of version {version}, expected {BANK_VERSION} (clothes, "
            "hair and bags have a shape since, and textures labels); remove the file and "
            "run again to make them anew"
        )
    if set(arrays) != names:
        odd = ", ".join(sorted(names ^ set(arrays)))
        raise BadInput(f"{path}: not a bank of training pedestrians ({odd}); make it again")
    return PedestrianBank(**arrays)
