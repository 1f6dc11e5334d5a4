"""What a method that learns textures needs of a bank of crops, whatever the crops show."""

from __future__ import annotations

import numpy as np

UV_STEPS = 65535


class CropBank:
    """N crops of H x W pixels, and which texel each of their pixels shows.

    The fields are those of the dataclasses that derive from it, with the meaning that they have in
    `textures.training.pedestrian_bank.PedestrianBank`: images (N,H,W,3) uint8 RGB; masks and carried
    (N,H,W) uint8; uv (N,H,W,2) uint16; identities (N,) int32; textures (K,S,S,3) uint8 and
    texture_of (N,) int32; photographs (1,) bool; scenes (M,h,w,3) uint8.
    """

    images: np.ndarray
    masks: np.ndarray
    carried: np.ndarray
    uv: np.ndarray
    identities: np.ndarray
    textures: np.ndarray
    texture_of: np.ndarray
    photographs: np.ndarray
    scenes: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def alpha(self, chosen: np.ndarray) -> np.ndarray:
        """(n,1,H,W) float32 in 0..1: how much of each pixel is the person or object, as dressed."""
        return self.masks[chosen][:, None].astype(np.float32) / 255

    def opacity(self, chosen: np.ndarray) -> np.ndarray:
        """(n,1,H,W) float32 in 0..1: how much of each pixel is the person or what they carry."""
        shares = self.masks[chosen].astype(np.float32) + self.carried[chosen]
        return shares[:, None] / 255

    def groups(self, rng: np.random.Generator, *, identities: int, images: int) -> np.ndarray:
        """Crop indices (identities * images,), each identity's together.

        They are drawn with replacement where there are too few.
        """
        names = np.unique(self.identities)
        chosen = rng.choice(names, identities, replace=len(names) < identities)
        rows = []
        for name in chosen:
            members = np.flatnonzero(self.identities == name)
            rows.append(rng.choice(members, images, replace=len(members) < images))
        return np.concatenate(rows)

    def uv_maps(self, chosen: np.ndarray) -> np.ndarray:
        """(n,H,W,2) float32 UVs."""
        return self.uv[chosen].astype(np.float32) / UV_STEPS


def quantised_uv(uv: np.ndarray) -> np.ndarray:
    """UVs in [0,1] as uint16."""
    return np.round(np.clip(uv, 0, 1) * UV_STEPS).astype(np.uint16)
