"""Bare or covered, along the arms of a photograph: where a fitted arm is off, skin near it still tells.

Arms are a few pixels wide, and fitted ones are as many pixels off: their texels see the shirt behind.
Skin that lies beside a fitted forearm can hardly be anything but the forearm, so for sleeves each point
of an arm looks at the skin around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import minimum_filter1d

from textures.attire.priors import SLEEVE_BINS, SLEEVE_STEP
from textures.attire.surface import ARM_SUPPORT, AttireSurface
from textures.visibility.camera import Camera
from textures.wardrobe.labels import LABEL_INDEX

NEAR_ARM = 0.07  # metres about the arm's axis in which skin is the arm's
NEAR_HEAD = 0.15  # metres about the head's middle in which it is the head's
NECK = 0.22  # of the arm: nearer to the shoulder skin may be the neck's
TAKEN_BACK = 0.3  # of what skin spreads along the arm: the skin of real arms has gaps
# Power of a fit's quality in its photograph's vote: arms of poor fits see other things than arms.
RELIABILITY = 3.0
HIDDEN, STRAY = 0.6, 0.05  # how often a bare arm shows no skin, and a covered one some


@dataclass(frozen=True)
class ArmEvidence:
    """Log-likelihoods along the arm, step by step of SLEEVE_STEP, of both arms together.

    covered, bare (K,) float64: of cloth and of skin at each step.
    """

    covered: np.ndarray
    bare: np.ndarray


def arm_evidence(
    surface: AttireSurface,
    chances: Sequence[np.ndarray],
    vertices: np.ndarray,
    cameras: Sequence[Camera],
    qualities: Sequence[float],
) -> ArmEvidence:
    """What a person's photographs say of their sleeves.

    Args:
        surface: of the body.
        chances: per photograph (h,w,L+1), as `attire_chances` gives.
        vertices: (P,V,3) of the fitted bodies, metres.
        cameras: of the fits, on the photographs' pixels.
        qualities: of the fits, 0..1.

    Returns:
        The mean over the photographs, the better fits counting far more.
    """
    covered, bare = np.zeros(SLEEVE_BINS), np.zeros(SLEEVE_BINS)
    votes = np.power(np.asarray(qualities, np.float64), RELIABILITY)
    votes /= max(1e-9, float(votes.sum()))
    for chance, posed, camera, vote in zip(chances, vertices, cameras, votes, strict=True):
        skin, person = chance[..., LABEL_INDEX["skin"]].copy(), 1 - chance[..., -1]
        scale = _pixels_a_metre(posed, camera)
        middle, _ = camera.project(posed[surface.head_vertices].mean(0, keepdims=True))
        radius = max(1, round(NEAR_HEAD * scale))
        cv2.circle(skin, tuple(int(v) for v in middle[0].clip(-999, 999)), radius, (0.0,), -1)
        reach = 2 * max(1, round(NEAR_ARM * scale)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        near_skin, near_person = cv2.dilate(skin, disc), cv2.dilate(person, disc)
        for groups in surface.arm_vertices:
            axis = np.stack([posed[group].mean(0) for group in groups])
            pixels, _ = camera.project(axis)
            steps = (np.arange(SLEEVE_BINS) + 0.5) * SLEEVE_STEP
            x, y = (np.interp(steps, ARM_SUPPORT, pixels[:, c]).astype(np.float32) for c in (0, 1))
            inside = (x > 0) & (y > 0) & (x < camera.width) & (y < camera.height)
            shown, near = (
                cv2.remap(layer, x - 0.5, y - 0.5, cv2.INTER_LINEAR)[:, 0].astype(np.float64)
                for layer in (near_skin, near_person)
            )
            weight = vote * inside * (near > 0.5) * (steps > NECK)
            # What spread along the arm is taken back; what spread across it stays.
            window = 2 * round(TAKEN_BACK * NEAR_ARM / _arm_length(axis) / SLEEVE_STEP) + 1
            shown = minimum_filter1d(shown.clip(0, 1), window, mode="nearest")
            bare += weight * np.log((1 - HIDDEN) * shown + HIDDEN * (1 - shown))
            covered += weight * np.log((1 - STRAY) * (1 - shown) + STRAY * shown)
    return ArmEvidence(covered, bare)


def _arm_length(axis: np.ndarray) -> float:
    """Metres from the shoulder to the wrist along an arm's axis (P,3)."""
    return float(np.linalg.norm(np.diff(axis, axis=0), axis=1).sum())


def _pixels_a_metre(vertices: np.ndarray, camera: Camera) -> float:
    depth = float(camera.to_camera(vertices.mean(0, keepdims=True))[0, 2])
    return float(camera.intrinsics[1, 1]) / max(depth, 1e-6)
