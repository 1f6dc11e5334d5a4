"""Painted backgrounds vary and repeat with their seed; bad photographs are reported and skipped."""

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from synth.scene.backgrounds import load_photograph, open_photographs, paint_background


def test_painted_backgrounds_vary_and_repeat():
    images = [
        paint_background(np.random.default_rng(seed), width=64, height=48) for seed in range(60)
    ]
    again = paint_background(np.random.default_rng(3), width=64, height=48)
    np.testing.assert_array_equal(images[3], again)
    stack = np.stack(images).astype(float)
    assert stack.shape == (60, 48, 64, 3)
    means = stack.mean(axis=(1, 2))
    assert means.std(axis=0).min() > 20  # dark and light ones, and of many colours
    assert np.median(stack.std(axis=(1, 2, 3))) > 15  # none of them flat
    distance = np.abs(stack[:, None] - stack[None]).mean(axis=(2, 3, 4)) + 255 * np.eye(60)
    assert distance.min() > 3


@pytest.mark.parametrize("size", [(320, 240), (7, 9), (300, 20)])
def test_any_size(size):
    width, height = size
    for seed in range(12):
        image = paint_background(np.random.default_rng(seed), width=width, height=height)
        assert image.shape == (height, width, 3)
        assert image.dtype == np.uint8


def test_photographs_are_covered_and_cropped(tmp_path):
    wide = np.zeros((100, 400, 3), np.uint8)
    wide[:, :150], wide[:, 150:250], wide[:, 250:] = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # BGR
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    image = load_photograph(tmp_path / "wide.png", width=50, height=50)
    assert image.shape == (50, 50, 3)
    assert (image[:, 5:-5] == (0, 255, 0)).all()  # the middle, in RGB
    left = load_photograph(tmp_path / "wide.png", width=400, height=100)
    assert (left[:, :140] == (255, 0, 0)).all()


def test_bad_photographs_are_reported_and_skipped(tmp_path):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    cv2.imwrite(str(folder / "below" / "good.jpg"), np.full((40, 50, 3), 90, np.uint8))
    (folder / "bad.jpg").write_bytes(b"no image at all")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("not looked at")
    reports = []
    photographs = open_photographs(folder, reports.append)
    assert [path.name for path in photographs.paths] == ["good.jpg"]
    assert photographs.skipped == 2
    assert len(reports) == 2
    assert "bad.jpg" in reports[0]
    assert photographs.load(0, width=64, height=48).shape == (48, 64, 3)
    with pytest.raises(BadInput, match=r"bad\.jpg"):
        load_photograph(folder / "bad.jpg", width=4, height=4)
    (folder / "below" / "good.jpg").unlink()
    with pytest.raises(BadInput, match="no readable photograph"):
        open_photographs(folder, reports.append)
    with pytest.raises(BadInput, match="no such folder"):
        open_photographs(tmp_path / "nowhere", reports.append)
