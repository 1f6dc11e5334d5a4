"""Crops whose evidence is known, for training: generated pedestrians, or photographs with joints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, rotation_matrices
from textures.evidence.evidence import yaw_of_line
from textures.evidence.joint_files import JointTable
from textures.evidence.landmarks import (
    BONE_ENDS,
    BONE_STARTS,
    INDEX,
    LANDMARKS,
    landmark_points,
    posed_landmarks,
)
from textures.training.pedestrian_bank import PedestrianBank

BATCH = 256
SHOULDER_WIDTH = 1.3  # of the trunk's length, of people seen from the front on Market-1501's crops


@dataclass(frozen=True, kw_only=True)
class CropLabels:
    """What is known of N crops; a confidence of 0 where nothing is.

    landmarks (N,L,2) pixels of the crop; confidence (N,L); directions (N,bones,3) unit vectors and
    heading (N,) radians, in the frame of the body fit; oriented (N,): 1 where directions and heading are
    known. turned (N,): 1 where only the heading is, but for its sign, as from joints in a picture, which
    tell front from back but not which shoulder is nearer. All float32.
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    directions: np.ndarray
    heading: np.ndarray
    oriented: np.ndarray
    turned: np.ndarray

    def select(self, chosen: np.ndarray) -> CropLabels:
        """The labels of some crops."""
        fields = dataclasses.fields(self)
        return CropLabels(**{f.name: getattr(self, f.name)[chosen] for f in fields})


def bank_labels(bank: PedestrianBank, body: Body, skinning: Skinning) -> CropLabels:
    """Labels of generated pedestrians, exact.

    Args:
        bank: of bodies of `body`, each seen by a camera whose axis goes through the crop's middle; crops
            may have been stretched sideways about it.
        body: of the bank.
        skinning: of the same body.
    """
    points = landmark_points(body)
    pieces = []
    for first in range(0, len(bank), BATCH):
        pose = torch.from_numpy(bank.pose[first : first + BATCH]).view(-1, 24, 3)
        betas = torch.from_numpy(bank.betas[first : first + BATCH])
        pieces.append(posed_landmarks(skinning, points, rotation_matrices(pose), betas).numpy())
    landmarks = np.concatenate(pieces)
    middle = np.array([bank.images.shape[2] / 2, bank.images.shape[1] / 2], np.float32)
    pixels = _projected(landmarks, bank, middle)
    lines = landmarks[:, BONE_ENDS] - landmarks[:, BONE_STARTS]
    lines /= np.linalg.norm(lines, axis=-1, keepdims=True).clip(1e-9)
    hips = bank.joints[:, JOINT_NAMES.index("left_hip")]
    hips = hips - bank.joints[:, JOINT_NAMES.index("right_hip")]
    count = len(bank)
    return CropLabels(
        landmarks=pixels.astype(np.float32),
        confidence=np.ones((count, len(LANDMARKS)), np.float32),
        directions=lines.astype(np.float32),
        heading=yaw_of_line(hips).astype(np.float32),
        oriented=np.ones(count, np.float32),
        turned=np.zeros(count, np.float32),
    )


def table_labels(table: JointTable, names: Sequence[str]) -> CropLabels:
    """Labels of photographs with joints in a file: landmarks, and what they tell of the heading."""
    evidence = table.observe(names, [])
    heading, turned = unsigned_heading(evidence.landmarks, evidence.confidence)
    return CropLabels(
        landmarks=evidence.landmarks,
        confidence=evidence.confidence,
        directions=evidence.directions,
        heading=heading,
        oriented=np.zeros(len(names), np.float32),
        turned=turned,
    )


def unsigned_heading(
    landmarks: np.ndarray, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Heading without its sign, from how broad the shoulders look for the trunk's length.

    Args:
        landmarks: (N,L,2) pixels.
        confidence: (N,L).

    Returns:
        Radians (N,) float32, 0 for a person who faces the camera to pi for one who turns the back, and
        (N,) float32, 1 where shoulders and hips are known.
    """
    sides = [
        [INDEX[f"{side}_{name}"] for side in ("left", "right")]
        for name in ("acromion", "iliac_crest")
    ]
    shoulders, hips = (landmarks[:, pair] for pair in sides)
    trunk = np.linalg.norm(shoulders.mean(1) - hips.mean(1), axis=-1)
    across = shoulders[:, 0, 0] - shoulders[:, 1, 0]
    labelled = (confidence[:, sides].min((1, 2)) > 0) & (trunk > 0)
    cosine = across / (SHOULDER_WIDTH * np.where(labelled, trunk, 1.0))
    heading = np.where(labelled, np.arccos(np.clip(cosine, -1, 1)), 0.0)
    return heading.astype(np.float32), labelled.astype(np.float32)


def _projected(points: np.ndarray, bank: PedestrianBank, middle: np.ndarray) -> np.ndarray:
    """Points (N,P,3) relative to the pelvis as pixels (N,P,2) of the bank's crops.

    The bank keeps no camera, but the joints' own pixels tell it: how near it is from their heights, and
    how much wider the crop was made than it was seen from the rest.
    """
    scale = np.exp(bank.view[:, 2])[:, None, None]
    pelvis, observed = bank.view[:, None, :2] - middle, bank.joint_pixels - middle
    flat = bank.joints[..., :2] * scale * (1.0, -1.0)
    slope = observed[..., 1] * bank.joints[..., 2]
    offset = observed[..., 1] - flat[..., 1] - pelvis[..., 1]
    nearness = (slope * offset).sum(1) / (slope**2).sum(1).clip(1e-9)
    across = observed[..., 0] * (1 - bank.joints[..., 2] * nearness[:, None]) - pelvis[..., 0]
    stretch = (across * flat[..., 0]).sum(1) / (flat[..., 0] ** 2).sum(1).clip(1e-9)
    wide = np.stack([stretch, np.ones_like(stretch)], 1)[:, None]
    depth = 1 - points[..., 2:] * nearness[:, None, None]
    return (points[..., :2] * scale * (1.0, -1.0) * wide + pelvis) / depth + middle
