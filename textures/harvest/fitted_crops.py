"""Crops with all that is worked out of them before textures are made."""

from __future__ import annotations

from dataclasses import dataclass

from textures.body_fit.fitting import PosedFit
from textures.harvest.crop_image import CropImage
from textures.harvest.quality import CropFigures
from textures.visibility.buffer import VisibilityBuffer


@dataclass(frozen=True, kw_only=True)
class FittedCrops:
    """Crops with fitted bodies: images, fits, what their cameras see, figures, and quality in 0..1."""

    images: tuple[CropImage, ...]
    fit: PosedFit
    buffers: tuple[VisibilityBuffer, ...]
    figures: tuple[CropFigures, ...]
    qualities: tuple[float, ...]
