"""What a plan's row says of the place that a clip is filmed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

CAMERA_HEIGHT = 1.6
"""Metres above the floor from which a picture is taken, where nothing tells: eye level."""

DOME_RADIUS = 12.0
"""Metres from the middle of an environment's floor to where its dome rises."""

_COVER = 1.08  # by how much narrower than the photograph the film sees at least: it may look aside

PictureShare = Annotated[float, Meta(ge=-1, le=2)]
Height = Annotated[float, Meta(ge=0.05, le=1000)]


@dataclass(frozen=True, kw_only=True)
class Dome:
    """An equirectangular picture as a floor with a dome over it.

    The picture was taken `camera_height` metres above the floor, over the middle of the person's way; its
    lower half is projected on the floor, as far as `radius` metres, and the rest on a sphere about that
    point. Its middle column stands at azimuth `turn`, radians; it is exposed so that a white surface
    that sees all of it alike shows `strength` (as in `synth.scene.lights.environment.Environment`).
    """

    turn: Annotated[float, Meta(ge=-100, le=100)]
    strength: Annotated[float, Meta(ge=0, le=1000)]
    camera_height: Height = CAMERA_HEIGHT
    radius: Annotated[float, Meta(ge=1, le=10_000)] = DOME_RADIUS


@dataclass(frozen=True, kw_only=True)
class PhotographCamera:
    """The camera that took a photograph, and the floor in it.

    width, height: of the photograph, pixels. focal: by its longer side. pitch: how far it looks down,
    roll: how far it is turned clockwise about its axis, radians; the axis meets the picture's middle.
    camera_height: metres above the floor. floor: corners (x, y) of the region where people can stand, by
    the picture's width and height, (0, 0) its top left.
    """

    width: Annotated[int, Meta(ge=1, le=1_000_000)]
    height: Annotated[int, Meta(ge=1, le=1_000_000)]
    focal: Annotated[float, Meta(ge=0.1, le=100)]
    pitch: Annotated[float, Meta(ge=-1.4, le=1.4)]
    roll: Annotated[float, Meta(ge=-1.4, le=1.4)]
    camera_height: Height
    floor: Annotated[
        tuple[tuple[PictureShare, PictureShare], ...], Meta(min_length=3, max_length=200)
    ]

    @property
    def size(self) -> np.ndarray:
        """Width and height (2,) by the longer of them."""
        return np.array([self.width, self.height]) / max(self.width, self.height)

    def film_focals(
        self, focal: float, *, width: int, height: int, enlarged: float
    ) -> tuple[float, float]:
        """The shortest and the longest focal length by which a film shows this photograph.

        Args:
            focal: the one asked for, pixels of the film, which the longest is at most.
            width: of the film's picture.
            height: of the film's picture.
            enlarged: by how much the photograph's pixels may be enlarged.

        Returns:
            Pixels of the film: at the shortest the photograph just covers the picture.
        """
        pixels = self.focal * max(self.width, self.height)
        covering = _COVER * pixels * max(width / self.width, height / self.height)
        return covering, max(covering, min(focal, enlarged * pixels))


@dataclass(frozen=True, kw_only=True)
class ScenePlace:
    """The place of a clip, beyond what its `background` names.

    An environment has a `dome`, a photograph the camera that took it; a painted place has neither, as
    all of it follows from its seed.
    """

    dome: Dome | None = None
    photograph: PhotographCamera | None = None
