"""A body fit measured on labelled photographs, with intervals over people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocap.errors import BadInput
from textures.body_fit.fit_scores import (
    LIMBS,
    FitErrors,
    Interval,
    fit_errors,
    landmark_pixels,
    mean_over_people,
    rank_correlation,
)
from textures.body_fit.fitting import BodyFit, BodyFitter
from textures.evidence.joint_files import JointTable
from textures.market1501 import read_image

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class FitEvaluation:
    """Figures of a body fit on N crops of P people.

    source: what the fit was given. pck: share of the twelve limb joints within a fifth of the torso.
    facing: share of people not seen from the side whose left and right are not exchanged. median_pixels:
    of a crop 128 pixels high. joints: PCK of each. agreement_rank: rank correlation of the fit's
    agreement with the share of right joints.
    """

    source: str
    crops: int
    people: int
    pck: Interval
    facing: Interval
    median_pixels: float
    joints: dict[str, float]
    agreement_rank: float | None

    def as_dict(self) -> dict[str, object]:
        """The figures as JSON has them."""
        return dataclasses.asdict(self)


def evaluate_fit(
    fitter: BodyFitter,
    crops: Sequence[Path],
    people: Sequence[str],
    labels: JointTable,
    rng: np.random.Generator,
) -> FitEvaluation:
    """Fit a body to each labelled crop and compare.

    Args:
        fitter: the fit.
        crops: files.
        people: who each crop shows.
        labels: joints of the crops.
        rng: of the intervals.

    Raises:
        BadInput: when no crop has labels, or an image cannot be read.
    """
    truth = labels.observe([str(path) for path in crops], [])
    labelled = np.flatnonzero(truth.confidence.sum(1) > 0)
    if not len(labelled):
        raise BadInput(f"{labels.name}: has joints of none of the {len(crops)} crops")
    pieces: list[FitErrors] = []
    agreement = []
    for first in tqdm(range(0, len(labelled), BATCH), desc="fitting bodies", mininterval=2.0):
        chosen = labelled[first : first + BATCH]
        images = [read_image(crops[index]) for index in chosen]
        fit: BodyFit = fitter.fit([str(crops[index]) for index in chosen], images)
        heights = np.array([image.shape[0] for image in images], np.float32)
        pixels = landmark_pixels(fit, fitter.skinning, fitter.landmarks)
        pieces.append(
            fit_errors(pixels, truth.landmarks[chosen], truth.confidence[chosen], heights)
        )
        agreement.append(fit.agreement)
    errors = FitErrors(
        **{
            field.name: np.concatenate([getattr(piece, field.name) for piece in pieces])
            for field in dataclasses.fields(FitErrors)
        }
    )
    names = np.array(people)[labelled]
    return FitEvaluation(
        source=fitter.name,
        crops=len(labelled),
        people=len(set(names.tolist())),
        pck=mean_over_people(errors.right, names, rng),
        facing=mean_over_people(errors.facing, names, rng),
        median_pixels=float(np.nanmedian(errors.pixels)),
        joints={name: float(np.nanmean(errors.right[:, k])) for k, name in enumerate(LIMBS)},
        agreement_rank=rank_correlation(np.concatenate(agreement), errors),
    )
