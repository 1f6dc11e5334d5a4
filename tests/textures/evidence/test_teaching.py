"""Another source's answers as labels: only where it agrees with itself, in a mirror and over time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evidence.evidence import no_evidence
from textures.evidence.labelled_crops import CropLabels, unsigned_heading
from textures.evidence.landmarks import BONES, INDEX, LANDMARKS
from textures.evidence.teaching import (
    confident_labels,
    kept_labels,
    mirrored_evidence,
    turned_from_others,
)
from textures.market1501 import MarketName

KNEE, OTHER_KNEE = INDEX["left_knee"], INDEX["right_knee"]


class DotTeacher:
    """Sees each crop's brightest pixel as the knee of the half that it lies in, the left one's right."""

    name = tag = "dots"

    def __init__(self, confused=()):
        self.confused = set(confused)

    def observe(self, names, images):
        evidence = no_evidence(self.name, len(images))
        evidence.directions[..., 0] = 1
        evidence.heading_confidence[:] = 0.9
        for k, (name, image) in enumerate(zip(names, images)):
            row, column = np.unravel_index(image.max(-1).argmax(), image.shape[:2])
            mirrored = column < image.shape[1] / 2
            place = (column + 0.5, row + 0.5)
            if name in self.confused and mirrored:
                place = (column + 0.5, row + 20.5)
            knee = OTHER_KNEE if mirrored else KNEE
            evidence.landmarks[k, knee] = place
            evidence.confidence[k, knee] = 0.8
            evidence.heading[k] = -0.4 if mirrored else 0.4
        return evidence


def crops(count):
    images = np.zeros((count, 128, 64, 3), np.uint8)
    images[:, 90, 40] = 255
    return list(images)


def shots(count, step=1):
    return [MarketName(7, 1, 1, step * index, 1) for index in range(count)]


def test_what_it_says_of_a_crop_and_of_its_mirror_image_becomes_a_label():
    labels = confident_labels(DotTeacher(), ["a", "b"], crops(2), shots(2))
    np.testing.assert_allclose(labels.landmarks[:, KNEE], [(40.5, 90.5)] * 2)
    assert (labels.confidence[:, KNEE] == np.float32(0.8)).all()
    assert np.count_nonzero(labels.confidence) == 2  # of all other landmarks nothing is known
    np.testing.assert_allclose(labels.heading, 0.4, atol=1e-6)
    assert (labels.oriented == 1).all() and (labels.turned == 0).all()


def test_what_it_says_otherwise_of_the_mirror_image_teaches_nothing():
    labels = confident_labels(DotTeacher(confused=["b"]), ["a", "b"], crops(2), shots(2))
    assert labels.confidence[0].any() and not labels.confidence[1].any()


def test_a_teacher_that_sees_nobody_is_named():
    teacher = DotTeacher()
    plain = teacher.observe
    teacher.observe = lambda *given: dataclasses.replace(
        plain(*given), presence=np.zeros(len(given[1]), np.float32)
    )
    with pytest.raises(BadInput, match=r"dots: no answer about 2 crops.*--joints"):
        confident_labels(teacher, ["a", "b"], crops(2), shots(2))


def test_a_mirror_of_a_mirror_is_the_first_answer():
    rng = np.random.default_rng(0)
    evidence = dataclasses.replace(
        no_evidence("x", 3),
        landmarks=rng.uniform(0, 64, (3, len(LANDMARKS), 2)).astype(np.float32),
        confidence=rng.random((3, len(LANDMARKS))).astype(np.float32),
        directions=rng.normal(size=(3, len(BONES), 3)).astype(np.float32),
        heading=rng.uniform(-3, 3, 3).astype(np.float32),
        person=(rng.random((5, 4)), None, None),
    )
    once = mirrored_evidence(evidence, [64, 50, 33])
    assert not np.allclose(once.landmarks, evidence.landmarks)
    twice = mirrored_evidence(once, [64, 50, 33])
    for name in ("landmarks", "confidence", "directions", "heading"):
        np.testing.assert_allclose(getattr(twice, name), getattr(evidence, name), atol=1e-5)
    np.testing.assert_array_equal(twice.person[0], evidence.person[0])


def test_one_crop_of_a_walk_that_is_turned_round_is_left_out():
    heading = np.array([0.1, -0.2, 3.0, 0.3, 3.0, 3.1])
    trusted = np.array([True, True, True, True, False, True])
    walk = [*shots(5, step=6), MarketName(7, 1, 1, 900, 1)]  # the last was taken much later
    lonely = turned_from_others(heading, trusted, walk)
    assert lonely.tolist() == [False, False, True, False, False, False]
    others = [MarketName(index, 1, 1, 0, 1) for index in range(6)]
    assert not turned_from_others(heading, trusted, others).any()


def test_answers_are_asked_for_once(tmp_path):
    asked = []

    def ask():
        asked.append(1)
        return confident_labels(DotTeacher(), ["a", "b"], crops(2), shots(2))

    path = tmp_path / "run" / "labels.safetensors"
    first, again = kept_labels(path, "k", ask), kept_labels(path, "k", ask)
    for field in dataclasses.fields(CropLabels):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert len(asked) == 1
    kept_labels(path, "of other photographs", ask)
    path.write_bytes(b"damaged")
    kept_labels(path, "of other photographs", ask)
    assert len(asked) == 3


def test_a_heading_is_told_by_the_breadth_of_the_shoulders_but_for_its_sign():
    landmarks = np.zeros((5, len(LANDMARKS), 2), np.float32)
    confidence = np.zeros((5, len(LANDMARKS)), np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        landmarks[:, INDEX[f"{side}_iliac_crest"]] = (32, 60)
        for k, half in enumerate((30, -30, 0, 13, 30)):
            landmarks[k, INDEX[f"{side}_acromion"]] = (32 + sign * half, 20)
        confidence[:, [INDEX[f"{side}_acromion"], INDEX[f"{side}_iliac_crest"]]] = 1
    confidence[4, INDEX["left_acromion"]] = 0
    heading, known = unsigned_heading(landmarks, confidence)
    assert known.tolist() == [1, 1, 1, 1, 0]
    np.testing.assert_allclose(heading[:4], [0, np.pi, np.pi / 2, np.pi / 3], atol=1e-5)
