"""Image scores, by protocol name.

"SSIM on Market-1501" has no one meaning: the same pair of images scores 0.31 to 0.88 under the
definitions in published code. So a score has a name, and a name is a frozen function: `PROTOCOLS` lists
them, each with the sentence that says what it is.

Images are (H,W,3) uint8 RGB, masks (H,W) bool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from mocap.errors import BadInput

Score = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]


@dataclass(frozen=True)
class ScoreProtocol:
    """A frozen definition of a score: how it is computed, and what that is in one sentence."""

    score: Score
    definition: str
    needs_mask: bool


def gaussian_window(size: int = 11, sigma: float = 1.5) -> np.ndarray:
    """A Gaussian window (size,) whose weights sum to 1."""
    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


def ssim_map(
    a: np.ndarray,
    b: np.ndarray,
    *,
    window: np.ndarray,
    span: float,
    sample_covariance: bool = False,
) -> np.ndarray:
    """Structural similarity at every pixel and channel, (H,W,C), with zero padding; float images.

    `window`: 1-D weights of the separable window. `span`: the range L in C1=(0.01 L)^2,
    C2=(0.03 L)^2.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)

    def mean(image: np.ndarray) -> np.ndarray:
        image = ndimage.correlate1d(image, window, axis=0, mode="constant")
        return ndimage.correlate1d(image, window, axis=1, mode="constant")

    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_a, mean_b = mean(a), mean(b)
    samples = len(window) ** 2
    unbias = samples / (samples - 1) if sample_covariance else 1.0
    var_a = unbias * (mean(a * a) - mean_a**2)
    var_b = unbias * (mean(b * b) - mean_b**2)
    covariance = unbias * (mean(a * b) - mean_a * mean_b)
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )


def _ssim_pg2(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    scores = ssim_map(a, b, window=np.full(7, 1 / 7), span=255.0, sample_covariance=True)
    return float(scores[3:-3, 3:-3].mean())


def _mask_ssim_pg2(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    mask = _needed(mask, "mask-ssim@pg2")
    return _ssim_pg2(a * mask, b * mask, None)


def _ssim_rstg(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    return float(ssim_map(a / 255.0, b / 255.0, window=gaussian_window(), span=1.0).mean())


def _mask_ssim_rstg(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    mask = _needed(mask, "mask-ssim@rstg")
    return _ssim_rstg(a * mask, b * mask, None)


def _ssim_texformer(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    mask = _needed(mask, "ssim@texformer")
    a, b = (a / 127.5 - 1) * mask, (b / 127.5 - 1) * mask
    return float(ssim_map(a, b, window=gaussian_window(), span=1.0).mean())


def _ssim_strict(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    mask = _needed(mask, "ssim@strict")[..., 0]
    scores = ssim_map(a / 255.0, b / 255.0, window=gaussian_window(), span=1.0)
    valid = np.zeros_like(mask)
    valid[5:-5, 5:-5] = mask[5:-5, 5:-5]
    if not valid.any():
        raise BadInput("ssim@strict: the mask is empty away from the image's border")
    return float(scores[valid].mean())


def _psnr_strict(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> float:
    mask = _needed(mask, "psnr@strict")[..., 0]
    error = np.mean((a[mask].astype(np.float64) - b[mask].astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


PROTOCOLS: Mapping[str, ScoreProtocol] = MappingProxyType(
    {
        "ssim@pg2": ScoreProtocol(
            _ssim_pg2,
            "7x7 uniform window, sample covariance, range 255, mean over the valid area "
            "(Ma et al. 2017).",
            needs_mask=False,
        ),
        "mask-ssim@pg2": ScoreProtocol(
            _mask_ssim_pg2,
            "As ssim@pg2, both images times the mask first, mean over the whole frame.",
            needs_mask=True,
        ),
        "ssim@rstg": ScoreProtocol(
            _ssim_rstg,
            "11x11 Gaussian of 1.5, zero padding, range 1, mean over the whole frame "
            "(Wang et al. 2019).",
            needs_mask=False,
        ),
        "mask-ssim@rstg": ScoreProtocol(
            _mask_ssim_rstg,
            "As ssim@rstg, both images times the mask first.",
            needs_mask=True,
        ),
        "ssim@hpbtt": ScoreProtocol(
            _ssim_rstg,
            "As ssim@rstg (Zhao et al. 2020); what differs there is the set and the background.",
            needs_mask=False,
        ),
        "mask-ssim@hpbtt": ScoreProtocol(
            _mask_ssim_rstg,
            "As mask-ssim@rstg, the mask being the predicted silhouette.",
            needs_mask=True,
        ),
        "ssim@texformer": ScoreProtocol(
            _ssim_texformer,
            "11x11 Gaussian, images in [-1,1] times the mask, constants of range 1, whole frame "
            "(Xu & Loy 2021).",
            needs_mask=True,
        ),
        "ssim@strict": ScoreProtocol(
            _ssim_strict,
            "11x11 Gaussian, range right, mean over the windows' centres inside the mask only.",
            needs_mask=True,
        ),
        "psnr@strict": ScoreProtocol(
            _psnr_strict,
            "Peak signal to noise inside the mask only, in dB.",
            needs_mask=True,
        ),
    }
)


def score(
    protocol: str, predicted: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None
) -> float:
    """The score called `protocol` of a predicted image against its target.

    Raises BadInput for an unknown name, images that are not (H,W,3) uint8 of one size, or a
    missing or empty mask.
    """
    if protocol not in PROTOCOLS:
        raise BadInput(f"{protocol}: unknown score; expected one of {', '.join(PROTOCOLS)}")
    for image in (predicted, target):
        if (
            image.dtype != np.uint8
            or image.ndim != 3
            or image.shape != target.shape
            or image.shape[2] != 3
        ):
            raise BadInput(
                f"{protocol}: images {predicted.shape} {predicted.dtype} and {target.shape} "
                f"{target.dtype}; "
                "expected two (H,W,3) uint8 images of one size"
            )
    if mask is not None and mask.shape != target.shape[:2]:
        raise BadInput(f"{protocol}: mask {mask.shape}, expected {target.shape[:2]}")
    return PROTOCOLS[protocol].score(predicted, target, mask)


def _needed(mask: np.ndarray | None, protocol: str) -> np.ndarray:
    if mask is None or not mask.any():
        raise BadInput(f"{protocol}: needs a mask that is not empty")
    return mask.astype(bool)[..., None]
