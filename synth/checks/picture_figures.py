"""Figures that tell whether a clip's film shows what its labels say, frame by frame.

Every function is pure. T frames of H x W pixels; pictures are RGB uint8, differences in levels of 255.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from synth.checks.flow_figures import inner_pixels

Frames = np.ndarray | Sequence[np.ndarray]
"""Pictures (H,W,3), in one array or not."""

_REACH = 5  # pixels by which the mask is shifted to see whether it would fit better there
_SCRAP = 200  # pixels of body below which its outline is most of it
_LOOKED_AT = 12  # frames of a clip, evenly spread
_BLACK, _WHITE = 20, 250  # levels: the brightest channel at most, the darkest at least
_BLENDED = 10  # levels from the background in every channel; H.264 moves a picture by up to 4
_SMOOTH = 7  # pixels a side over which noise is averaged out


def silhouette_figures(silhouettes: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """How far the silhouettes in the renderer's pictures and the mask, (T,H,W) bool, are the same.

    Their intersection over union, and the pixels in which they differ for each pixel of the mask's
    outline, which does not depend on how large the person is: about how many pixels one lies beside
    the other. Over the clip, and in the worst frame of those that show more than a scrap of the body.
    """
    intersection, union, outline = (
        np.array(counts, np.float64) for counts in zip(*map(_overlap, silhouettes, mask))
    )
    if not union.any():
        return {}
    outline = np.maximum(outline, 1)
    difference = (union - intersection) / outline
    figures = {
        "silhouette_iou": float(intersection.sum() / union.sum()),
        "silhouette_off": float((union - intersection).sum() / outline.sum()),
    }
    if (whole := union >= _SCRAP).any():
        figures["silhouette_worst_off"] = float(difference[whole].max())
    return figures


def _overlap(silhouettes: np.ndarray, mask: np.ndarray) -> tuple[int, int, int]:
    """Pixels that two (H,W) share, that one of them has, and those of the mask's outline."""
    shared, area = np.count_nonzero(silhouettes & mask), np.count_nonzero(mask)
    inside = np.count_nonzero(inner_pixels(mask[None]))
    return shared, np.count_nonzero(silhouettes) + area - shared, area - inside


def film_figures(
    frames: np.ndarray, rate: float, *, shape: tuple[int, ...], fps: float
) -> dict[str, float]:
    """What the decoded film (T,H,W,3) lacks or has beyond the planned.

    Frames, pixels of its size, and frames per second; `shape` is the planned (frames, height, width).
    """
    height, width = frames.shape[1:3]
    return {
        "film_frames_off": float(abs(len(frames) - shape[0])),
        "film_size_off": float(max(abs(height - shape[1]), abs(width - shape[2]))),
        "film_fps_off": abs(rate - fps),
    }


def compression_figures(frames: np.ndarray, rendered: np.ndarray) -> dict[str, float]:
    """Mean difference of the film from the pictures that went into it, both (T,H,W,3) uint8.

    And by how many levels it would be less, on some frames, with red for blue, mirrored, or one frame
    earlier or later (0: it is least as it should be). That is looked at in means of `_SMOOTH` pixels a
    side: H.264 carries the noise of one frame on into the next, whose own noise it leaves out.
    """
    if frames.shape != rendered.shape:
        return {"film_levels": float("inf")}
    sample = _evenly(len(frames))
    shown, meant = _smooth(frames[sample]), _smooth(rendered[sample])
    error = _differences(shown, meant)
    swapped = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in shown]
    mirrored = [cv2.flip(frame, 1) for frame in shown]
    gains = [(error - _differences(other, meant)).mean() for other in (swapped, mirrored)]
    for step in (1, -1):
        inner = (sample + step >= 0) & (sample + step < len(frames))
        if inner.any():
            neighbours = _smooth(rendered[sample[inner] + step])
            film = [frame for frame, chosen in zip(shown, inner) if chosen]
            gains.append((error[inner] - _differences(film, neighbours)).mean())
    return {
        "film_levels": float(_differences(frames, rendered).mean()),
        "film_fits_otherwise": max(0.0, *(float(gain) for gain in gains)),
    }


def plate_figures(
    frames: np.ndarray, plates: Sequence[np.ndarray], mask: np.ndarray
) -> dict[str, float]:
    """Whether what stands before the plate stands where the mask is.

    `frames` (T,H,W,3), `plates` T of (H,W,3) (or one object T times), mask (T,H,W). The mean
    difference from the plate on the mask over that beside it (`plate_contrast`, a person in the
    colours of the plate is near 1); and by how much the difference on the mask would be greater, in
    parts of it, were the mask elsewhere: a few pixels to a side, mirrored or upside down.
    """
    count = len(frames)
    shown = [index for index in _evenly(count) if mask[index].any()]
    if not shown:
        return {}
    on_mask, beside_mask = 0.0, 0.0
    elsewhere: dict[str, float] = {}
    for index in shown:
        difference = np.abs(frames[index].astype(np.int16) - plates[index]).mean(axis=-1)
        total = max(float(mask[index].sum()), 1.0)
        on_mask += difference[mask[index]].sum() / total
        beside_mask += difference[~mask[index]].mean()
        for name, other in _elsewhere(mask, index).items():
            elsewhere[name] = elsewhere.get(name, 0.0) + difference[other].sum() / total
    better = max(elsewhere.values()) / max(on_mask, 1e-6) - 1
    return {
        "plate_contrast": float(on_mask / max(beside_mask, 1e-6)),
        "plate_fits_elsewhere": float(max(better, 0.0)),
    }


def exposure_figures(
    frames: np.ndarray, mask: np.ndarray, plates: Sequence[np.ndarray] | None = None
) -> dict[str, float]:
    """Of how much of the body nothing can be seen, in shares of its pixels but for its outline's.

    The outline is mixed with the background.

    Args:
        frames: (T,H,W,3), the film.
        mask: (T,H,W) bool, the body.
        plates: T backgrounds (H,W,3); None: whether it stands out from them is not measured.

    Returns:
        What is black, what white, and what has the colour of its background. Nothing for a body
        without an inside.
    """
    pixels = black = white = blended = 0
    for index in _evenly(len(frames)):
        inside = inner_pixels(mask[index][None])[0]
        body = frames[index][inside]
        pixels += len(body)
        black += np.count_nonzero(body.max(axis=-1) <= _BLACK)
        white += np.count_nonzero(body.min(axis=-1) >= _WHITE)
        if plates is not None:
            difference = np.abs(body.astype(np.int16) - plates[index][inside])
            blended += np.count_nonzero(difference.max(axis=-1) <= _BLENDED)
    if not pixels:
        return {}
    figures = {"body_black": black / pixels, "body_white": white / pixels}
    if plates is not None:
        figures["body_blended"] = blended / pixels
    return figures


def _evenly(count: int) -> np.ndarray:
    """At most `_LOOKED_AT` of `count` frames, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).round().astype(int))


def _elsewhere(mask: np.ndarray, index: int) -> dict[str, np.ndarray]:
    """The mask of a frame where it should not be. All have its number of pixels, or fewer."""
    mask_of_frame = mask[index]
    masks = {"mirrored": mask_of_frame[:, ::-1], "upside down": mask_of_frame[::-1]}
    for name, axis, way in (("left", 1, -1), ("right", 1, 1), ("above", 0, -1), ("below", 0, 1)):
        masks[name] = np.roll(mask_of_frame, way * _REACH, axis=axis)
    return masks


def _smooth(frames: np.ndarray) -> list[np.ndarray]:
    """Frames in which each pixel is the mean of those about it."""
    return [cv2.blur(np.ascontiguousarray(frame), (_SMOOTH, _SMOOTH)) for frame in frames]


def _differences(first: Frames, second: Frames) -> np.ndarray:
    """Mean absolute difference of each frame, (T,)."""
    size = max(first[0].size, 1)
    pairs = zip(map(np.ascontiguousarray, first), map(np.ascontiguousarray, second))
    return np.array([cv2.norm(a, b, cv2.NORM_L1) / size for a, b in pairs])
