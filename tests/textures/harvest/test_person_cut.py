"""Photographs that are no tight crops: cut around their person, or refused; bars stand for people."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from textures.evidence.evidence import Evidence, no_evidence
from textures.evidence.person_detector import (
    PersonDetection,
    PersonDetector,
    _anchors,
    detection_windows,
    installed_detector,
    merged_detections,
)
from textures.harvest.crop_image import LONGEST_SIDE, full_size_box, read_crop
from textures.harvest.harvest import harvest
from textures.harvest.harvester import Harvester
from textures.harvest.person_cut import (
    ASPECT,
    PersonCut,
    PersonCutter,
    is_tight,
    mask_box,
)
from textures.harvest.refusal import RefusalLimits
from textures.library import read_library


def bright(image: np.ndarray) -> np.ndarray:
    return (image.mean(axis=2) > 128).astype(np.float32)


class BarDetector:
    """Each bright bar is a person, found with a circle that is somewhat off."""

    def people(self, image: np.ndarray) -> list[PersonDetection]:
        count, _, figures, _ = cv2.connectedComponentsWithStats(bright(image).astype(np.uint8))
        return [
            PersonDetection((x + w / 2 + 3, y + 0.55 * h), 0.6 * h, 0.9)
            for x, y, w, h, _ in figures[1:count].tolist()
        ]


class BarLandmarks:
    """The bright bar of a region is its person; without one nobody is there."""

    name = tag = "bars"

    def observe(self, names: list[str], images: list[np.ndarray]) -> Evidence:
        mask = bright(images[0])
        nothing = no_evidence(self.name, 1)
        box = mask_box(mask)
        points = np.array([[0, 0]] if box is None else [[(box[0] + box[2]) / 2, box[1]]])
        return dataclasses.replace(
            nothing,
            person=(mask,),
            presence=np.array([float(mask.any())], np.float32),
            landmarks=np.broadcast_to(points, nothing.landmarks.shape).astype(np.float32),
            confidence=np.ones_like(nothing.confidence),
        )


class NoDetector:
    def people(self, image: np.ndarray) -> list[PersonDetection]:
        raise AssertionError("a tight crop is looked at no further")


@pytest.fixture
def cutter():
    return PersonCutter(BarDetector(), BarLandmarks())


def scene(*bars: tuple[int, int, int, int], size: tuple[int, int] = (480, 640)) -> np.ndarray:
    image = np.full((*size, 3), 30, np.uint8)
    for left, top, right, bottom in bars:
        image[top:bottom, left:right] = 220
    return image


def nobody(image: np.ndarray) -> np.ndarray:
    return np.zeros(image.shape[:2], np.float32)


@pytest.mark.parametrize("bar", [(300, 120, 360, 420), (5, 100, 65, 300), (560, 300, 630, 479)])
def test_one_person_is_cut_out_wherever_he_stands(cutter, bar):
    image = scene(bar)
    cut = cutter.cut(image, nobody(image), None)
    assert cut.reason is None and cut.box is not None
    left, top, right, bottom = cut.box
    assert left <= bar[0] and top <= bar[1] and right >= bar[2] and bottom >= bar[3]
    assert left >= 0 and right <= 640 and bottom <= 480
    assert bottom - top <= 1.12 * (bar[3] - bar[1]) + 2
    if 100 < bar[0] < 500:  # no edge of the picture is in the way
        assert (right - left) / (bottom - top) == pytest.approx(ASPECT, abs=0.02)


def test_the_largest_is_cut_out_and_people_of_one_size_are_refused(cutter):
    image = scene((100, 100, 160, 400), (400, 200, 440, 380))
    box = cutter.cut(image, nobody(image), None).box
    assert box is not None and box[2] < 400
    image = scene((100, 100, 160, 400), (400, 120, 460, 400))
    cut = cutter.cut(image, nobody(image), "no single, whole, upright person found")
    assert cut.box is None and "2 people of about one size (300, 280 pixels" in str(cut.reason)


def test_giants_and_people_beside_the_picture_are_no_people(cutter):
    image = scene((300, 120, 360, 420))

    class Inventive(BarDetector):
        def people(self, image):
            giants = [((-20.0, 200.0), 150.0), ((320.0, 200.0), 500.0), ((100.0, 240.0), 200.0)]
            return [
                PersonDetection(hips, radius, 0.99) for hips, radius in giants
            ] + super().people(image)

    expected = cutter.cut(image, nobody(image), None)
    assert expected.box is not None
    assert PersonCutter(Inventive(), BarLandmarks()).cut(image, nobody(image), None) == expected


def test_nobody_and_tiny_people_are_refused_with_the_reason(cutter):
    image = scene()
    assert "no whole person" in str(cutter.cut(image, nobody(image), None).reason)
    assert cutter.cut(image, nobody(image), "upside down").reason == "upside down"
    image = scene((300, 200, 310, 240))
    assert "40 pixels high, expected 48" in str(cutter.cut(image, nobody(image), None).reason)


def test_a_tight_crop_is_not_looked_at(cutter):
    image = scene((8, 6, 56, 120), size=(128, 64))
    silent = PersonCutter(NoDetector(), BarLandmarks())
    assert silent.cut(image, bright(image), None) == PersonCut()
    assert silent.cut(image, bright(image), "half a person") == PersonCut(reason="half a person")
    assert not is_tight(
        mask_box(bright(image)), 128, 200
    )  # a wide picture shows more than one person
    assert not is_tight((20, 40, 44, 88), 128, 64)


def test_without_a_detector_what_is_not_tight_is_refused_and_it_is_said_what_to_install():
    image = scene((300, 120, 360, 420))
    cut = PersonCutter(None, None).cut(image, bright(image), None)
    assert cut.box is None and "pip install --no-deps mediapipe" in str(cut.reason)


def test_a_box_is_of_the_picture_before_it_was_shrunk(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (1500, 3000, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    whole = read_crop(tmp_path / "a.png")
    assert max(whole.pixels.shape) == LONGEST_SIDE and whole.size == (3000, 1500)
    box = full_size_box((100, 50, 300, 450), whole)
    assert box == pytest.approx(np.array((100, 50, 300, 450)) * 3000 / LONGEST_SIDE, abs=1)
    cut = read_crop(tmp_path / "a.png", (293, 146, 879, 1000))
    np.testing.assert_array_equal(cut.pixels, image[146:1000, 293:879])


def test_windows_cover_a_picture_and_a_person_is_counted_once():
    for height, width in ((480, 640), (128, 64), (300, 2000)):
        for windows in detection_windows(height, width):
            seen = np.zeros((height, width), bool)
            for left, top, side in windows:
                low, high = np.floor([top, left]).clip(0), np.ceil([top + side, left + side])
                seen[int(low[0]) : int(high[0]), int(low[1]) : int(high[1])] = True
            assert seen.all()
    assert _anchors().shape == (2254, 2)
    near, far = PersonDetection((100, 100), 50, 0.9), PersonDetection((300, 100), 50, 0.7)
    assert merged_detections([far, PersonDetection((105, 102), 48, 0.8), near]) == [near, far]


def test_a_harvest_writes_boxes_keeps_tight_crops_bytes_and_names_what_it_refuses(
    crops, tmp_path, harvester, weights, body, fitter
):
    """The texture of a photograph is that of its person cut out; others are as without a cutter."""

    class WidePictures:
        """Wide pictures are no tight crops; where nobody is bright, nobody is there."""

        def cut(self, image, mask, refusal):
            if image.shape[1] <= image.shape[0]:
                return PersonCut(reason=refusal)
            box = mask_box(bright(image))
            return PersonCut(reason="nobody") if box is None else PersonCut(box=box)

    noise = np.random.default_rng(1).integers(150, 255, (120, 60, 3), dtype=np.uint8)
    photograph = scene(size=(200, 400))
    photograph[40:160, 200:260] = noise
    cv2.imwrite(str(crops / "photograph.png"), photograph)
    cv2.imwrite(str(crops / "empty.png"), scene(size=(200, 400)))
    cutting = Harvester(
        body,
        harvester.method,
        fitter,
        reid=weights / "reid.safetensors",
        size=48,
        limits=RefusalLimits(presence=0.0, limbs_inside=0.0, agreement=0.0),
        cutter=WidePictures(),
    )
    lines: list[str] = []
    options = {"grouping": "crop", "licence": "mine"}
    done = harvest(crops, tmp_path / "cut", cutting, report=lines.append, **options)
    entries = {entry.source: entry for entry in read_library(tmp_path / "cut")}
    assert dict(entries["photograph.png"].boxes) == {"photograph.png": (200, 40, 260, 160)}
    assert not entries["me.png"].boxes and "cuts-1" in entries["me.png"].generator
    assert [item.source for item in done.left_out] == ["empty.png"]
    assert not done.left_out[0].foreseen and "nobody" in done.left_out[0].detail
    assert any(line.startswith("cut around their person: 1 photographs") for line in lines)
    cv2.imwrite(str(crops / "photograph.png"), noise)
    (crops / "empty.png").unlink()
    harvest(crops, tmp_path / "plain", harvester, sheet_rows=0, **options)
    for entry in entries.values():
        made = (tmp_path / "cut" / entry.file).read_bytes()
        assert made == (tmp_path / "plain" / entry.file).read_bytes(), entry.file
    cv2.imwrite(str(crops / "photograph.png"), photograph)
    lines.clear()
    again = harvest(crops, tmp_path / "cut", cutting, report=lines.append, **options)
    assert again.new == 0 and "kept: 5 textures of the same crops, weights and size" in lines
    assert {e.source: e for e in again.entries} == entries


@pytest.mark.skipif(installed_detector() is None, reason="mediapipe or ai-edge-litert is absent")
def test_the_real_detector_reads_its_file_and_sees_nobody_in_noise():
    detector = PersonDetector(installed_detector())
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    assert detector.people(image) == []
