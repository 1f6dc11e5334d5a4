"""A photograph that is no tight crop is cut around its person, or refused.

Whether a crop is tight is told by the person's mask that its body fit has anyway, so tight crops are
looked at no further. In any other picture BlazePose's detector finds people, and its landmark network
says of each whether it is one and where he ends. Of several the largest is cut out, unless another is
about as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from textures.evidence.blazepose import BlazePose
from textures.evidence.evidence import EvidenceSource
from textures.evidence.person_detector import PersonDetection, PersonDetector, installed_detector
from textures.evidence.sources import SourceOptions, blazepose_file

ASPECT = 0.5  # width by height of a cut, as of Market-1501's crops, which all networks learnt on
MARGIN = 0.04  # of the person's height, around him
TIGHT_SHARE = 0.4  # of a picture's area that the cut would have, from which on the picture is tight
WIDEST_TIGHT = 1.0  # width by height beyond which a picture is of no upright person alone
LIKE_SIZE = 0.8  # of the largest person's height, from which on another is about as large
LEAST_HEIGHT = 48  # pixels of a person of whom a texture is made
LEAST_PRESENCE = 0.5  # of the landmark network's answer that there is a person
SHOWN = 0.5  # probability of a mask's pixel, and confidence of a landmark, from which on they count
LARGEST_RADIUS = 0.75  # of a picture's height, of the circle about a person who is whole in it
MOST_PEOPLE = 8  # the surest of the detector's answers that are looked at
PATCH = 1.15  # of the detector's circle, or of a person's box: what the landmark network is shown

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, the last two outside."""


class FindsPeople(Protocol):
    """What a detector of people is."""

    def people(self, image: np.ndarray) -> list[PersonDetection]:
        """People in a picture (h,w,3) uint8 RGB."""


@dataclass(frozen=True)
class PersonCut:
    """What a picture is cut to, pixels of it; or why it is refused. Neither: it stays as it is."""

    box: Box | None = None
    reason: str | None = None


class PersonCutter:
    """Decides of pictures whether they are cut, and where."""

    def __init__(self, detector: FindsPeople | None, landmarks: EvidenceSource | None) -> None:
        """Keep the networks.

        Args:
            detector: finds people; None where it is not installed: what is not tight is refused then.
            landmarks: says of a region whether it shows a person, and where.
        """
        self.detector, self.landmarks = detector, landmarks

    def cut(self, image: np.ndarray, mask: np.ndarray, refusal: str | None) -> PersonCut:
        """What becomes of a picture.

        Args:
            image: (h,w,3) uint8 RGB.
            mask: (h,w) float32, the probability that a pixel shows the person, of its body fit.
            refusal: why it is refused as it is, if it is.
        """
        height, width = image.shape[:2]
        person = mask_box(mask)
        if is_tight(person, height, width):
            return PersonCut(reason=refusal)
        if self.detector is None or self.landmarks is None:
            return PersonCut(
                reason=refusal
                or "no tight crop of a person; cut it around him, or pip install --no-deps "
                "mediapipe==0.10.21 and pip install ai-edge-litert, which finds him"
            )
        people = self._people(image)
        if not people:
            return PersonCut(reason=refusal or "no tight crop, and no whole person was found in it")
        largest, *smaller = people
        rivals = [box for box in smaller if _tall(box) >= LIKE_SIZE * _tall(largest)]
        if rivals:
            heights = ", ".join(f"{_tall(box)}" for box in (largest, *rivals))
            return PersonCut(
                reason=f"{1 + len(rivals)} people of about one size ({heights} pixels high); cut it "
                "around one of them"
            )
        if _tall(largest) < LEAST_HEIGHT:
            return PersonCut(
                reason=f"its person is {_tall(largest)} pixels high, expected {LEAST_HEIGHT} or more"
            )
        box = framed(largest, height, width)
        if (box[2] - box[0]) * (box[3] - box[1]) > 0.9 * height * width:
            return PersonCut(reason=refusal)
        return PersonCut(box=box)

    def _people(self, image: np.ndarray) -> list[Box]:
        """Boxes of the people that the landmark network confirms, the tallest first, each once."""
        assert self.detector is not None
        boxes: list[Box] = []
        for detection in self.detector.people(image)[:MOST_PEOPLE]:
            if not _is_whole(detection, image):
                continue
            box = self._confirmed(image, detection.square)
            if box is not None:
                box = self._confirmed(image, box) or box
                if not _contains(box, detection.hips):
                    continue  # the landmark network saw something else near the detector's person
                if all(_shared(box, other) < 0.5 for other in boxes):
                    boxes.append(box)
        return sorted(boxes, key=lambda box: (-_tall(box), box))

    def _confirmed(self, image: np.ndarray, region: tuple[float, ...]) -> Box | None:
        """The box of the person in a region and somewhat more; None where there is none."""
        height, width = image.shape[:2]
        middle = np.array([region[0] + region[2], region[1] + region[3]]) / 2
        tall = PATCH * (region[3] - region[1])
        wide = max(PATCH * (region[2] - region[0]), tall * ASPECT)
        reach = np.array([wide, tall]) / 2
        left, top = np.maximum(np.floor(middle - reach), 0).astype(int)
        right, bottom = np.ceil(middle + reach).astype(int)
        patch = image[top : min(bottom, height), left : min(right, width)]
        if min(patch.shape[:2]) < LEAST_HEIGHT // 4:
            return None
        assert self.landmarks is not None
        evidence = self.landmarks.observe([""], [np.ascontiguousarray(patch)])
        mask = evidence.person[0]
        if mask is None or not evidence.presence[0] >= LEAST_PRESENCE:
            return None
        box = mask_box(mask)
        sure = evidence.landmarks[0][evidence.confidence[0] >= SHOWN]
        if box is None or len(sure) < evidence.landmarks.shape[1] // 2:
            return None
        low, high = np.minimum(sure.min(0), box[:2]), np.maximum(sure.max(0), box[2:])
        low, high = (np.clip(np.round(e), 0, patch.shape[1::-1]).astype(int) for e in (low, high))
        x, y = int(left), int(top)
        return int(low[0]) + x, int(low[1]) + y, int(high[0]) + x, int(high[1]) + y


def person_cutter(options: SourceOptions) -> PersonCutter:
    """The cutter of what is installed here; one that refuses what is no tight crop, where nothing is.

    Args:
        options: where networks were downloaded to.
    """
    detector, landmarks = installed_detector(), blazepose_file(options)
    if detector is None or landmarks is None:
        return PersonCutter(None, None)
    return PersonCutter(PersonDetector(detector), BlazePose(landmarks))


def mask_box(mask: np.ndarray) -> Box | None:
    """The box of a mask's largest piece, in its pixels; None where nothing shows."""
    count, _, figures, _ = cv2.connectedComponentsWithStats((mask > SHOWN).astype(np.uint8))
    if count < 2:
        return None
    left, top, width, height = figures[1 + int(figures[1:, cv2.CC_STAT_AREA].argmax()), :4].tolist()
    return left, top, left + width, top + height


def framed(person: Box, height: int, width: int) -> Box:
    """A person's box widened to a crop's aspect, with a margin, inside a picture of this size."""
    tall = (1 + 2 * MARGIN) * max(person[3] - person[1], (person[2] - person[0]) / ASPECT)
    middle = (person[0] + person[2]) / 2, (person[1] + person[3]) / 2
    sides = ASPECT * tall, tall
    low = [max(0, round(m - side / 2)) for m, side in zip(middle, sides)]
    high = [min(n, round(m + side / 2)) for m, side, n in zip(middle, sides, (width, height))]
    return low[0], low[1], high[0], high[1]


def is_tight(person: Box | None, height: int, width: int) -> bool:
    """Whether a picture of this size is a tight crop of the person with this box."""
    if person is None or width > WIDEST_TIGHT * height:
        return False
    left, top, right, bottom = framed(person, height, width)
    return (right - left) * (bottom - top) >= TIGHT_SHARE * height * width


def _is_whole(detection: PersonDetection, image: np.ndarray) -> bool:
    """Whether all of a detected person can be in a picture; the detector also invents giants."""
    height, width = image.shape[:2]
    inside = _contains((0, 0, width, height), detection.hips)
    return inside and detection.radius <= LARGEST_RADIUS * height


def _contains(box: Box, point: tuple[float, float]) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _tall(box: Box) -> int:
    return box[3] - box[1]


def _shared(first: Box, second: Box) -> float:
    """Shared area by the smaller box's."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (first, second)]
    return float(np.prod(np.clip(high - low, 0, None))) / max(1, min(areas))
