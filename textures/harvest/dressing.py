"""A person's texture as garments that were decided, then painted: what the harvest needs for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from textures.attire.arms import ArmEvidence, arm_evidence
from textures.attire.network import attire_chances, load_attire_network
from textures.attire.painting import DressedTexture, dressed_texture
from textures.attire.surface import prepare_attire_surface
from textures.body_fit.fitting import PosedFit
from textures.checkpoints import weights_tag
from textures.fusion.surface_view import FusedSurface

DRESSING_VERSION = 1  # of how garments are decided and painted


class Dresser:
    """The network that says what a crop's pixels show, and the body that is painted, loaded once."""

    def __init__(
        self, body: Body, *, size: int = 256, weights: Path | None = None, device: str = "cpu"
    ) -> None:
        """Prepare the network and the surface.

        Args:
            body: that is dressed.
            size: texels along a texture's side.
            weights: of the network; the shipped ones when None.
            device: of the network.

        Raises:
            BadInput: for weights that cannot be used.
        """
        self.network, _ = load_attire_network(weights, device=device)
        self.surface = prepare_attire_surface(body, size)
        self.tag = f"{weights_tag(weights, 'attire')}-{DRESSING_VERSION}"

    def chances(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per crop (h,w,L+1): how likely each label is at each pixel, the background last."""
        return attire_chances(self.network, images)

    def arms(
        self, chances: Sequence[np.ndarray], fit: PosedFit, qualities: Sequence[float]
    ) -> ArmEvidence:
        """What a person's crops say of sleeves, with their fits and the fits' qualities."""
        return arm_evidence(self.surface, chances, fit.vertices, fit.cameras, qualities)

    def textured(
        self, fused: FusedSurface, generated: np.ndarray, arms: ArmEvidence
    ) -> DressedTexture:
        """The texture of a person.

        Args:
            fused: what the photographs show, with labels.
            generated: (S,S,3) float32, the mean of the method's textures, for what nobody saw.
            arms: what the photographs say of sleeves.
        """
        pixels = np.round(generated.clip(0, 255)).astype(np.uint8)
        return dressed_texture(self.surface, fused, pixels, arms)
