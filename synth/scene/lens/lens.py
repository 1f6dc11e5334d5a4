"""What a clip's camera does to its pictures, as plain data: a field of every row of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

MAX_DEFOCUS = 16.0  # pixels


@dataclass(frozen=True, kw_only=True)
class Lens:
    """A camera's faults as they were drawn for a clip; the default has none.

    `shutter` is for how much of the time between two frames light falls in, half before the frame's
    instant and half after; labels are those of that instant. `defocus` is the radius in pixels
    of the disc that a point on the person becomes, `backdrop_defocus` of one behind. `exposure`
    is in stops: 1 is twice the light. `shot_noise` is the standard deviation at white in parts of
    white, which falls with the root of the light; `read_noise` that in the dark. `jpeg` is the
    quality of each frame's compression, `h264` the CRF of the film's, 0 none. `sharp` keeps the picture
    without all this beside the film.
    """

    shutter: Annotated[float, Meta(ge=0, le=1)] = 0.0
    defocus: Annotated[float, Meta(ge=0, le=MAX_DEFOCUS)] = 0.0
    backdrop_defocus: Annotated[float, Meta(ge=0, le=MAX_DEFOCUS)] = 0.0
    exposure: Annotated[float, Meta(ge=-6, le=6)] = 0.0
    shot_noise: Annotated[float, Meta(ge=0, le=1)] = 0.0
    read_noise: Annotated[float, Meta(ge=0, le=1)] = 0.0
    jpeg: Annotated[int, Meta(ge=0, le=100)] = 0
    h264: Annotated[int, Meta(ge=0, le=51)] = 0
    sharp: bool = False

    @property
    def noise_levels(self) -> float:
        """Levels of 255 by which noise and the camera's compression may make pictures of the same differ.

        Shot noise of S at white is some 200 S levels where it is dark, and twice that between two frames.
        """
        return 400 * self.shot_noise + (4.0 if self.jpeg or self.h264 else 0.0)

    @property
    def alters_light(self) -> bool:
        """Whether it does anything to a picture before that is compressed."""
        optics = (self.shutter, self.defocus, self.backdrop_defocus)
        return any((*optics, self.exposure, self.shot_noise, self.read_noise))
