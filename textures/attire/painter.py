"""From a person's photographs and the bodies fitted to them to a dressed texture, prepared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from textures.attire.arms import arm_evidence
from textures.attire.network import attire_chances, load_attire_network
from textures.attire.painting import DressedTexture, dressed_texture
from textures.attire.surface import prepare_attire_surface
from textures.body_fit.fitting import PosedFit
from textures.checkpoints import weights_tag
from textures.fusion.surface_view import FusedSurface
from textures.wardrobe.labels import LABELS

PAINTING_VERSION = 2  # of how garments are decided and painted


class AttirePainter:
    """The attire network and a body prepared for its decisions."""

    def __init__(
        self, body: Body, *, size: int, weights: Path | None = None, device: str = "cpu"
    ) -> None:
        """Load the network and prepare the body.

        Args:
            body: whose textures are painted.
            size: texels along a texture's side, as the fused surfaces have.
            weights: of the network; the shipped ones when None.
            device: of the network.

        Raises:
            BadInput: for weights that cannot be used.
        """
        self.network, _ = load_attire_network(weights, device=device)
        self.surface = prepare_attire_surface(body, size)
        self.tag = f"{weights_tag(weights, 'attire')}-{PAINTING_VERSION}"

    def chances(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per crop (h,w,3) uint8 the probabilities (h,w,L+1) of its pixels' labels, background last.

        What is laid on a surface are the first L, those of `LABELS`.
        """
        return attire_chances(self.network, images)

    def dressed(
        self,
        fused: FusedSurface,
        generated: Callable[[], np.ndarray] | None = None,
        *,
        chances: Sequence[np.ndarray] = (),
        fit: PosedFit | None = None,
        chosen: Sequence[int] = (),
    ) -> DressedTexture:
        """A person's texture.

        Args:
            fused: what the photographs show, with labels.
            generated: makes (S,S,3) uint8, a generator's texture for garments that no photograph shows;
                it is called only where there is such a garment.
            chances: of the photographs, as `chances` gives them; with their fits they tell sleeves.
            fit: of crops, those photographs' among them.
            chosen: which crops of the fit the photographs are, one for each of the chances.

        Raises:
            ValueError: for a surface without labels or of another size, and for chances without fits.
        """
        arms = None
        if len(chances):
            if fit is None or len(chances) != len(chosen):
                raise ValueError(f"{len(chances)} crops' chances; expected a fit of each")
            if any(chance.shape[-1] != len(LABELS) + 1 for chance in chances):
                raise ValueError(f"chances of other labels; expected {len(LABELS)} and background")
            arms = arm_evidence(
                self.surface,
                chances,
                fit.vertices[list(chosen)],
                [fit.cameras[index] for index in chosen],
                [float(fit.agreement[index]) for index in chosen],
            )
        return dressed_texture(self.surface, fused, generated, arms)
