"""From a rendered frame and its backdrop to the picture that a clip's camera takes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numba
import numpy as np

from synth.scene.lens.defocus import defocused
from synth.scene.lens.exposure import exposed
from synth.scene.lens.lens import Lens
from synth.scene.lens.motion_blur import blurred_backdrop
from synth.scene.lens.registry import STREAM_EFFECTS
from synth.scene.lens.sensor_noise import noisy
from synth.scene.picture import LINEAR, composite
from textures.visibility.camera import Camera
from textures.visibility.shading import srgb_byte


def camera_picture(
    rgba: np.ndarray,
    plate: np.ndarray,
    cameras: Sequence[Camera],
    lens: Lens,
    *,
    rng: np.random.Generator,
) -> np.ndarray:
    """What a camera with a lens makes of a frame.

    Light is mixed, spread, scaled and counted in linear light, in the order in which it meets a camera;
    the picture is then encoded. A lens that does nothing gives `synth.scene.picture.composite`.

    Args:
        rgba: (H,W,4) float32, scene-linear and premultiplied, blurred by the shutter already.
        plate: (H,W,3) uint8 sRGB, the backdrop at the frame's instant.
        cameras: of the frame before, of the frame and of the one after.
        lens: what it does.
        rng: the frame's, for its noise.

    Returns:
        (H,W,3) uint8 sRGB.
    """
    if not lens.alters_light:
        return composite(rgba, plate)
    light = _backdrop_light(plate, cameras, lens)
    front = defocused(rgba, lens.defocus)
    light = front[..., :3] + (1 - front[..., 3:]) * light
    light = exposed(light, lens.exposure)
    light = noisy(light, rng, shot_noise=lens.shot_noise, read_noise=lens.read_noise)
    return _encoded(np.ascontiguousarray(light))


def plates_through_lens(
    plates: Sequence[np.ndarray], cameras: Sequence[Camera], lens: Lens
) -> Sequence[np.ndarray]:
    """Backdrops (H,W,3) uint8 as a film shows them where nobody stands, without noise and compression.

    `cameras` are those of the frames with one more at either end.
    """
    if not lens.alters_light:
        return plates
    return [
        _encoded(exposed(_backdrop_light(plate, cameras[number : number + 3], lens), lens.exposure))
        for number, plate in enumerate(plates)
    ]


def compressed(frames: Iterable[np.ndarray], lens: Lens, fps: float) -> Iterator[np.ndarray]:
    """Frames (H,W,3) RGB uint8 after the camera's own compression, one for each, in their order."""
    for effect in STREAM_EFFECTS.values():
        frames = effect(frames, lens, fps)
    return iter(frames)


def _backdrop_light(plate: np.ndarray, cameras: Sequence[Camera], lens: Lens) -> np.ndarray:
    light = blurred_backdrop(LINEAR[plate], cameras, shutter=lens.shutter)
    return defocused(light, lens.backdrop_defocus)


@numba.njit(cache=True, nogil=True)
def _encoded(light):
    """Linear (H,W,3) as sRGB bytes."""
    out = np.empty(light.shape, np.uint8)
    for row in range(light.shape[0]):
        for column in range(light.shape[1]):
            for c in range(3):
                out[row, column, c] = srgb_byte(light[row, column, c])
    return out
