"""What a sheet shows of one person: photographs, the fit, and every set's body and texture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from textures.evaluation.views import FittedView

OUTLINE = (255, 0, 200)


@dataclass(frozen=True, kw_only=True)
class ShownPerson:
    """What a sheet shows of one person.

    identity; source, photograph: the texture's own photograph, None where it is not at hand, and another
    camera's. fit: the body over that photograph. renderings: by set, the aligned body in that view.
    textures: by set.
    """

    identity: str
    source: np.ndarray | None
    photograph: np.ndarray
    photograph_name: str
    fit: np.ndarray
    renderings: Mapping[str, np.ndarray]
    textures: Mapping[str, np.ndarray]


def outlined(fitted: FittedView) -> np.ndarray:
    """The photograph (H,W,3) uint8 with the outline of the body fitted to it."""
    inner = cv2.erode(
        fitted.silhouette.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=(0,)
    )
    picture = fitted.photograph.copy()
    picture[fitted.silhouette & (inner == 0)] = OUTLINE
    return picture
