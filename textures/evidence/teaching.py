"""Labels of photographs that nobody labelled: another source's answers, where they agree with themselves.

A source that looks at pictures is asked about each crop and about its mirror image. A landmark counts
where both answers put it at one place, a crop where both see the person turned the same way. Of crops
that a camera took of one person one after another, those that are turned away from the others are left
out. What remains teaches our network, which then needs that source no more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write
from textures.evidence.evidence import Evidence, EvidenceSource, stacked_evidence
from textures.evidence.labelled_crops import CropLabels
from textures.evidence.landmarks import MIRRORED, MIRRORED_BONES, MIRRORED_SIGNS
from textures.market1501 import MarketName

BATCH = 64
NEAR = 0.035  # of the crop's height: how far the two answers about a landmark may lie apart
SAME_WAY = 0.5  # cosine of the angle between two headings from which they are one
LEAST_PRESENCE = 0.4  # of a person, from which a crop teaches anything
LEAST_CONFIDENCE = 0.5  # of a landmark that teaches
TRACK_FRAMES = 50  # between two crops of one walk past a camera: two seconds


def confident_labels(
    source: EvidenceSource,
    names: Sequence[str],
    images: Sequence[np.ndarray],
    shots: Sequence[MarketName],
) -> CropLabels:
    """The answers of a source about crops, as labels, where they are to be trusted.

    Args:
        source: one that looks at pictures.
        names: paths of the crops.
        images: (h,w,3) uint8 RGB.
        shots: who each crop shows, and when which camera took it.

    Raises:
        BadInput: when no crop has an answer that is to be trusted.
    """
    pieces = []
    for first in tqdm(range(0, len(images), BATCH), desc=f"asking {source.name}", mininterval=2.0):
        chosen = slice(first, first + BATCH)
        pieces.append(_agreed_answers(source, names[chosen], images[chosen]))
    evidence = stacked_evidence(pieces)
    trusted = evidence.heading_confidence > 0
    trusted &= ~turned_from_others(evidence.heading, trusted, shots)
    if not trusted.any():
        raise BadInput(
            f"{source.name}: no answer about {len(images)} crops is to be trusted; give their --joints"
        )
    return CropLabels(
        landmarks=evidence.landmarks,
        confidence=evidence.confidence * trusted[:, None],
        directions=evidence.directions,
        heading=evidence.heading,
        oriented=trusted.astype(np.float32),
        turned=np.zeros(len(images), np.float32),
    )


def _agreed_answers(
    source: EvidenceSource, names: Sequence[str], images: Sequence[np.ndarray]
) -> Evidence:
    """Evidence that crops and mirrored crops agree on; heading confidence 0 where the crops do not."""
    straight = source.observe(names, images)
    turned = mirrored_evidence(
        source.observe(names, [np.ascontiguousarray(image[:, ::-1]) for image in images]),
        [image.shape[1] for image in images],
    )
    heights = np.array([image.shape[0] for image in images], np.float32)
    apart = np.linalg.norm(straight.landmarks - turned.landmarks, axis=-1) / heights[:, None]
    confidence = np.minimum(straight.confidence, turned.confidence)
    confidence[(apart > NEAR) | (confidence < LEAST_CONFIDENCE)] = 0
    agreeing = np.cos(straight.heading - turned.heading) > SAME_WAY
    agreeing &= np.minimum(straight.presence, turned.presence) > LEAST_PRESENCE
    certain = np.minimum(straight.heading_confidence, turned.heading_confidence) * agreeing
    lines = straight.directions + turned.directions
    return dataclasses.replace(
        straight,
        landmarks=(straight.landmarks + turned.landmarks) / 2,
        confidence=confidence,
        directions=lines / np.linalg.norm(lines, axis=-1, keepdims=True).clip(1e-9),
        heading=np.arctan2(
            np.sin(straight.heading) + np.sin(turned.heading),
            np.cos(straight.heading) + np.cos(turned.heading),
        ),
        heading_confidence=certain,
        person=(None,) * len(images),
    )


def mirrored_evidence(evidence: Evidence, widths: Sequence[int]) -> Evidence:
    """What is said of crops of these widths, from what is said of their mirror images."""
    landmarks = evidence.landmarks[:, MIRRORED].copy()
    landmarks[..., 0] = np.array(widths, np.float32)[:, None] - landmarks[..., 0]
    signs = np.array(MIRRORED_SIGNS, np.float32)
    return dataclasses.replace(
        evidence,
        landmarks=landmarks,
        confidence=evidence.confidence[:, MIRRORED],
        directions=evidence.directions[:, MIRRORED_BONES] * signs,
        direction_confidence=evidence.direction_confidence[:, MIRRORED_BONES],
        heading=-evidence.heading,
        person=tuple(None if mask is None else mask[:, ::-1] for mask in evidence.person),
    )


def turned_from_others(
    heading: np.ndarray, trusted: np.ndarray, shots: Sequence[MarketName]
) -> np.ndarray:
    """Crops (N,) whose person is turned the other way than on most crops just before and after.

    Args:
        heading: (N,) radians.
        trusted: (N,) bool; only these count.
        shots: who each crop shows, and when which camera took it.
    """
    tracks: dict[tuple[int, int, int], list[int]] = {}
    for index in np.flatnonzero(trusted):
        shot = shots[index]
        tracks.setdefault((shot.identity, shot.camera, shot.sequence), []).append(int(index))
    lonely = np.zeros(len(heading), bool)
    for members in tracks.values():
        frames = np.array([shots[index].frame for index in members])
        near = np.abs(frames[:, None] - frames) <= TRACK_FRAMES
        alike = np.cos(heading[members][:, None] - heading[members]) > 0
        lonely[members] = (near & ~alike).sum(1) >= (near & alike).sum(1)
    return lonely


def kept_labels(path: Path, key: str, ask: Callable[[], CropLabels]) -> CropLabels:
    """Labels from a file of an earlier call with the same key, else asked for and kept there.

    Args:
        path: of the file.
        key: what the labels follow from: the photographs and the source.
        ask: gives the labels.
    """
    names = [field.name for field in dataclasses.fields(CropLabels)]
    if path.is_file():
        try:
            with safe_open(path, framework="np") as file:
                if (file.metadata() or {}).get("key") == key:
                    return CropLabels(**{name: file.get_tensor(name) for name in names})
        except SafetensorError:
            pass  # damaged: it is made anew
    labels = ask()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        arrays = {name: np.ascontiguousarray(getattr(labels, name)) for name in names}
        save_file(arrays, temporary, {"key": key})
    return labels
