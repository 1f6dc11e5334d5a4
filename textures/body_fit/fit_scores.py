"""How well fitted bodies agree with labelled joints: PCK@0.2 of the torso and facing, over people.

The body's own landmarks are compared, after projection, not what a network drew. The twelve limb joints
are shoulders, elbows, wrists, hips, knees and ankles where people who label photographs put them: the
shoulder's top and the hip's crest. The torso is the distance between the middles of shoulders and hips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mocap.bodies.skinning import Skinning, rotation_matrices
from mocap.errors import BadInput
from textures.body_fit.fitting import BodyFit
from textures.evidence.landmarks import INDEX, LandmarkPoints, posed_landmarks

LIMBS: tuple[str, ...] = tuple(
    f"{side}_{name}"
    for name in ("acromion", "elbow", "wrist", "iliac_crest", "knee", "ankle")
    for side in ("left", "right")
)
PCK_SHARE = 0.2
SIDE_VIEW = 6 / 128  # of the crop's height: shoulders that are nearer are seen from the side
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class FitErrors:
    """Errors of N fitted bodies.

    pixels (N,12): distances, of a crop 128 pixels high, NaN where the joint has no label. right (N,12):
    1 where it is nearer than a fifth of the torso, NaN likewise. facing (N,): 1 where left and right are
    not exchanged, 0 where they are, NaN for side views and crops without shoulders.
    """

    pixels: np.ndarray
    right: np.ndarray
    facing: np.ndarray


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds of its 95 % interval over people."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def landmark_pixels(fit: BodyFit, skinning: Skinning, points: LandmarkPoints) -> np.ndarray:
    """The bodies' landmarks (N,L,2) in pixels of their crops."""
    rotations = rotation_matrices(torch.from_numpy(fit.pose).view(-1, 24, 3))
    betas = torch.from_numpy(fit.betas)
    relative = posed_landmarks(skinning, points, rotations, betas).numpy()
    pelvis = skinning.shaped_joints(betas)[:, 0].numpy()
    positions = relative + (pelvis + fit.translation)[:, None]
    pixels = [camera.project(row)[0] for camera, row in zip(fit.cameras, positions)]
    return np.stack(pixels).astype(np.float32)


def fit_errors(
    pixels: np.ndarray, truth: np.ndarray, labelled: np.ndarray, heights: np.ndarray
) -> FitErrors:
    """Compare landmarks with labels.

    Args:
        pixels: (N,L,2) of the bodies.
        truth: (N,L,2) labels.
        labelled: (N,L) confidence of the labels; 0 is none.
        heights: (N,) of the crops, pixels.

    Raises:
        BadInput: for a body that is not finite, which must not count as one without labels.
    """
    if not np.isfinite(pixels).all():
        index = int(np.flatnonzero(~np.isfinite(pixels).all((1, 2)))[0])
        raise BadInput(
            f"crop {index} of the batch: its fitted body has numbers that are not finite"
        )
    limbs = [INDEX[name] for name in LIMBS]
    unit = (128 / heights)[:, None]
    distance = np.linalg.norm(pixels - truth, axis=-1)[:, limbs] * unit
    distance[labelled[:, limbs] <= 0] = np.nan

    def middle(name: str) -> np.ndarray:
        return (truth[:, INDEX[f"left_{name}"]] + truth[:, INDEX[f"right_{name}"]]) / 2

    torso = np.linalg.norm(middle("acromion") - middle("iliac_crest"), axis=-1)[:, None] * unit
    right = np.where(np.isnan(distance), np.nan, distance < PCK_SHARE * torso)
    left_shoulder, right_shoulder = INDEX["left_acromion"], INDEX["right_acromion"]
    across, fitted = (p[:, left_shoulder, 0] - p[:, right_shoulder, 0] for p in (truth, pixels))
    clear = np.abs(across) > SIDE_VIEW * heights
    clear &= (labelled[:, [left_shoulder, right_shoulder]] > 0).all(1)
    facing = np.where(clear, np.sign(across) == np.sign(fitted), np.nan)
    return FitErrors(pixels=distance, right=right, facing=facing)


def mean_over_people(values: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> Interval:
    """The mean of a figure, with an interval from resampling people, whose crops go together.

    Args:
        values: (N,...) figures of crops; NaN counts for nothing.
        people: (N,) who each crop shows.
        rng: of the resampling.
    """
    rows = values.reshape(len(values), -1)
    _, index = np.unique(people, return_inverse=True)
    count = int(index.max()) + 1
    sums = np.bincount(index, np.nansum(rows, 1), count)
    amounts = np.bincount(index, (~np.isnan(rows)).sum(1), count)
    resampled = rng.integers(0, count, (RESAMPLES, count))
    means = sums[resampled].sum(1) / amounts[resampled].sum(1).clip(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(sums.sum() / max(1, amounts.sum())), float(low), float(high))


def rank_correlation(quality: np.ndarray, errors: FitErrors) -> float | None:
    """Spearman's correlation of a quality (N,) with the share of right joints; None of constants."""
    from scipy.stats import spearmanr

    share = np.nanmean(errors.right, axis=1)
    if np.ptp(share) == 0 or np.ptp(quality) == 0:
        return None
    return float(spearmanr(quality, share).statistic)
