"""Bodies fitted to photographs, each once however many sets of textures look at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from textures.body_fit.fitting import BodyFitter, PosedFit, pose_fit, selected_fits
from textures.harvest.crop_image import CropImage, without_transparent


class CropFits:
    """A body fitter that remembers what it has fitted, by the photographs' names."""

    def __init__(self, fitter: BodyFitter) -> None:
        """Begin with nothing remembered."""
        self.fitter = fitter
        self._fits: dict[str, PosedFit] = {}

    def posed(self, images: Sequence[CropImage]) -> PosedFit:
        """The fitted and posed bodies of photographs, transparent pixels not the person's."""
        unknown = [image for image in images if image.name not in self._fits]
        if unknown:
            fit = self.fitter.fit(
                [image.name for image in unknown], [image.pixels for image in unknown]
            )
            fit = dataclasses.replace(fit, person=without_transparent(fit.person, unknown))
            posed = pose_fit(fit, self.fitter.skinning)
            for index, image in enumerate(unknown):
                self._fits[image.name] = selected_fits(posed, [index])
        return _joined([self._fits[image.name] for image in images])


def _joined(fits: Sequence[PosedFit]) -> PosedFit:
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(PosedFit):
        parts = [getattr(fit, field.name) for fit in fits]
        is_tuple = isinstance(parts[0], tuple)
        columns[field.name] = sum(parts, ()) if is_tuple else np.concatenate(parts)
    return PosedFit(**columns)
