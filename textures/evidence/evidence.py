"""Evidence: what a source says of the people in a batch of crops, and the interface of sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from textures.evidence.landmarks import BONES, LANDMARKS


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one source says of N crops; a confidence of 0 says nothing.

    Directions and heading are in the frame of `textures.body_fit.fitting`: y up, and the camera looks
    along -z, so that a person of heading 0 faces it.

    source: its name, for messages. landmarks (N,L,2) float32: pixels of the crop, its corner at (0, 0).
    confidence (N,L) float32, 0..1. directions (N,B,3) float32: unit vectors along `BONES`.
    direction_confidence (N,B) float32. heading (N,) float32: radians that the pelvis is turned about y.
    heading_confidence (N,) float32. person: of each crop None or (h,w) float32, the probability that a
    pixel shows the person. presence (N,) float32: probability that the crop shows a person at all.
    """

    source: str
    landmarks: np.ndarray
    confidence: np.ndarray
    directions: np.ndarray
    direction_confidence: np.ndarray
    heading: np.ndarray
    heading_confidence: np.ndarray
    person: tuple[np.ndarray | None, ...]
    presence: np.ndarray

    def __len__(self) -> int:
        return len(self.landmarks)


class EvidenceSource(Protocol):
    """Looks at crops.

    name: of the source, for messages. tag: name and digest of the files that its answers follow from.
    """

    name: str
    tag: str

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        """Evidence of crops.

        Args:
            names: paths of the crops; sources that read labels look them up by their ends.
            images: (h,w,3) uint8 RGB, of any size.
        """


def no_evidence(source: str, count: int) -> Evidence:
    """Evidence that says nothing of `count` crops."""
    return Evidence(
        source=source,
        landmarks=np.zeros((count, len(LANDMARKS), 2), np.float32),
        confidence=np.zeros((count, len(LANDMARKS)), np.float32),
        directions=np.zeros((count, len(BONES), 3), np.float32),
        direction_confidence=np.zeros((count, len(BONES)), np.float32),
        heading=np.zeros(count, np.float32),
        heading_confidence=np.zeros(count, np.float32),
        person=(None,) * count,
        presence=np.ones(count, np.float32),
    )


def stacked_evidence(pieces: Sequence[Evidence]) -> Evidence:
    """Evidence of one source about several batches, as that of one batch."""
    arrays = {
        field.name: np.concatenate([getattr(piece, field.name) for piece in pieces])
        for field in dataclasses.fields(Evidence)
        if field.name not in ("source", "person")
    }
    person = tuple(mask for piece in pieces for mask in piece.person)
    return Evidence(source=pieces[0].source, person=person, **arrays)


def yaw_of_line(line: np.ndarray) -> np.ndarray:
    """Heading (...) radians of people whose right-to-left hip or shoulder line is (...,3)."""
    return np.arctan2(-line[..., 2], line[..., 0])
