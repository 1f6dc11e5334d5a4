"""How a video wants its pictures turned: phones record lying pictures and a matrix that rights them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from action_recog.errors import BadInput

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_TOLERANCE = 0.018  # tan of one degree, which ffmpeg also lets pass


@dataclass(frozen=True)
class Orientation:
    """A picture's eight ways to lie: exchanged axes, then mirrored left to right, then top to bottom."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def upright(self, frame: np.ndarray) -> np.ndarray:
        """A frame (H,W,3) as it is to be shown, (H,W,3) or (W,H,3)."""
        if self.transposed:
            frame = frame.transpose(1, 0, 2)
        if self.mirrored:
            frame = frame[:, ::-1]
        if self.flipped:
            frame = frame[::-1]
        return np.ascontiguousarray(frame)

    def upright_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a frame as it is to be shown."""
        return (width, height) if self.transposed else (height, width)


AS_STORED = Orientation()


def orientation_of_matrix(matrix: np.ndarray) -> Orientation:
    """The orientation that a display matrix asks for.

    Args:
        matrix: Nine integers (a, b, u, c, d, v, x, y, w) of ffmpeg's display matrix: the pixel (p, q)
            is shown at (a p + c q, b p + d q).

    Raises:
        BadInput: For a matrix that is no quarter turn or mirror image; it names no file.

    >>> orientation_of_matrix(np.array([0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30]))
    Orientation(transposed=True, mirrored=False, flipped=True)
    """
    a, b, _, c, d = (float(number) for number in matrix[:5])
    if not any((a, b, c, d)):
        return AS_STORED  # some writers leave zeros
    straight, crossed = (abs(a), abs(d)), (abs(b), abs(c))
    if max(crossed) <= _TOLERANCE * min(straight):
        return Orientation(False, a < 0, d < 0)
    if max(straight) <= _TOLERANCE * min(crossed):
        return Orientation(True, c < 0, b < 0)
    angle = np.degrees(np.arctan2(-b, a))
    raise BadInput(
        f"its display matrix turns pictures by {angle:.0f} degrees or shears them, expected quarter "
        "turns and mirror images; encode the video again, upright"
    )


def orientation_of(picture: VideoFrame) -> Orientation:
    """The orientation of a decoded picture.

    Raises:
        BadInput: For one that is no quarter turn or mirror image.
    """
    for data in cast(Any, picture.side_data):  # its stubs say that it gives names
        if data.type.name == "DISPLAYMATRIX":
            return orientation_of_matrix(np.frombuffer(bytes(data), np.int32))
    return AS_STORED
