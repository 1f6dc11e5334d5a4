"""CUB-200-2011 read in its own layout; a damaged list is named with its line."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mocap.errors import BadInput
from tests.textures.categories.cub_folder import IMAGES, write_cub
from textures.categories.birds.cub import is_cub, read_cub
from textures.categories.birds.model import KEYPOINTS
from textures.categories.photographs import read_object_crop


@pytest.fixture
def cub(tmp_path):
    return write_cub(tmp_path / "CUB_200_2011")


def test_the_lists_are_read_together(cub):
    assert is_cub(cub) and not is_cub(cub / "images")
    data = read_cub(cub)
    first, second = data.photographs
    assert [p.name for p in data.photographs] == [IMAGES[0][1], IMAGES[1][1]]
    assert first.path == cub / "images" / IMAGES[0][1] and first.path.is_file()
    assert (first.identity, first.identity_name) == (1, "001.Black_footed_Albatross")
    assert first.training and not second.training
    assert first.box == (20, 30, 100, 60)
    assert first.keypoints.shape == (15, 2)
    assert (
        tuple(first.keypoints[1]) == (22.0, 32.5)
        and first.visible.tolist() == [True] * 10 + [False] * 5
    )
    assert first.segmentation == (cub / "segmentations" / IMAGES[0][1]).with_suffix(".png")


def test_parts_are_known_by_their_names_not_their_numbers(cub):
    path = cub / "parts" / "parts.txt"
    numbered = dict(zip(KEYPOINTS, range(1, 16)))
    numbered["back"], numbered["beak"] = numbered["beak"], numbered["back"]
    path.write_text("".join(f"{number} {name}\n" for name, number in numbered.items()))
    swapped = read_cub(cub).photographs[0]
    assert tuple(swapped.keypoints[0]) == (22.0, 32.5) and tuple(swapped.keypoints[1]) == (
        21.0,
        31.5,
    )


def test_photographs_with_six_visible_keypoints_are_left_out_and_with_seven_kept(cub):
    assert read_cub(cub).left_out == {IMAGES[2][1]: "6 visible keypoints, more than 6 needed"}
    path = cub / "parts" / "part_locs.txt"
    path.write_text(path.read_text().replace("8 7 0.0 0.0 0", "8 7 27.0 37.5 1"))
    data = read_cub(cub)
    assert len(data.photographs) == 3 and data.left_out == {}


def test_segmentations_may_be_absent(cub):
    shutil.rmtree(cub / "segmentations")
    first = read_cub(cub).photographs[0]
    assert first.segmentation is None and read_object_crop(first, 64).object_mask is None


@pytest.mark.parametrize(
    ("file", "line", "text", "message"),
    [
        ("images.txt", 2, "5", 'found "5", expected IMAGE NAME'),
        ("images.txt", 2, "x bird.jpg", 'found "x", expected a whole number'),
        ("images.txt", 2, "3 bird.jpg", "number 3 again"),
        ("images.txt", 2, "5 ../../etc/passwd", "without '..'"),
        ("images.txt", 2, "5 /etc/passwd", "without '..'"),
        ("images.txt", 2, "5 a/./b.jpg", "without '..'"),
        ("images.txt", 2, "5 a\\b.jpg", "without '..'"),
        ("bounding_boxes.txt", 3, "8 1 2 3", "expected IMAGE X Y WIDTH HEIGHT"),
        ("bounding_boxes.txt", 3, "8 1 2 nan 4", 'found "nan", expected pixels'),
        ("bounding_boxes.txt", 3, "8 1 2 0 4", "found a box of 0x4 pixels"),
        ("bounding_boxes.txt", 3, "8 1 2 1e9 4", 'found "1e9", expected pixels'),
        ("image_class_labels.txt", 1, "3 -1", 'found "-1", expected a whole number'),
        ("train_test_split.txt", 1, "3 2", 'found "2", expected 0 or 1'),
        ("parts/part_locs.txt", 4, "3 4 1 2", "expected IMAGE PART X Y VISIBLE"),
        ("parts/part_locs.txt", 4, "3 4 1 2 0.5", 'found "0.5", expected 0 or 1'),
        ("parts/part_locs.txt", 4, "3 16 1 2 1", "part 16, which no other list has"),
        ("parts/part_locs.txt", 4, "99 4 1 2 1", "image 99, which no other list has"),
        ("parts/part_locs.txt", 4, "3 3 1 2 1", "part 3 of image 3 again"),
        ("parts/part_locs.txt", 4, "3 4 inf 2 1", 'found "inf", expected pixels'),
    ],
)
def test_a_damaged_line_is_named(cub, file, line, text, message):
    path = cub / file
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(BadInput) as refused:
        read_cub(cub)
    assert f"{path}, line {line}: " in str(refused.value) and message in str(refused.value)


@pytest.mark.parametrize(
    "file", ["images.txt", "classes.txt", "parts/parts.txt", "parts/part_locs.txt"]
)
def test_a_list_that_is_missing_is_named(cub, file):
    (cub / file).unlink()
    with pytest.raises(BadInput, match=f"{file}: no such file; expected CUB-200-2011's folder"):
        read_cub(cub)
    (cub / file).write_text("")
    with pytest.raises(BadInput, match=file):
        read_cub(cub)


@pytest.mark.parametrize(
    "file", ["image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt"]
)
def test_lists_that_disagree_are_refused(cub, file):
    path = cub / file
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(BadInput, match="no line for image 8"):
        read_cub(cub)


def test_a_part_without_a_line_is_named(cub):
    path = cub / "parts" / "part_locs.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(BadInput, match="no line for 'throat' of image 8"):
        read_cub(cub)


def test_a_list_that_is_no_text_is_named(cub):
    (cub / "classes.txt").write_bytes(b"1 001.Albatross\n4 \xff\xfe\n")
    with pytest.raises(BadInput, match=r"classes.txt, line 2: not text in UTF-8"):
        read_cub(cub)


def test_an_image_behind_a_link_that_leads_out_is_refused(cub, tmp_path):
    outside = tmp_path / "elsewhere"
    folder = cub / "images" / "001.Black_footed_Albatross"
    folder.rename(outside)
    folder.symlink_to(outside)
    with pytest.raises(BadInput, match="out of the folder"):
        read_cub(cub)


def test_a_crop_is_the_square_around_the_box_and_keypoints_go_with_it(cub):
    """A bright spot in the photograph lies at its keypoint in the crop, made smaller or larger."""
    import cv2

    photograph = read_cub(cub).photographs[0]
    picture = np.zeros((110, 150, 3), np.uint8)
    x, y = photograph.keypoints[4]
    picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 255
    photograph.path.with_suffix(".png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    shown = {**vars(photograph), "path": photograph.path.with_suffix(".png")}
    for size in (48, 128, 300):
        crop = read_object_crop(type(photograph)(**shown), size)
        assert crop.image.shape == (size, size, 3)
        weight = crop.image.mean(2)
        rows, columns = np.mgrid[:size, :size] + 0.5
        spot = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        expected = (np.array([int(x), int(y)]) + 0.5 - photograph.keypoints[4]) * size / 120
        assert np.abs(spot - crop.keypoints[4] - expected).max() < 0.15 * size / 48
        assert np.isnan(crop.keypoints[12]).all()
        share = crop.object_mask.mean()
        assert share == pytest.approx(100 * 60 / 120**2, abs=0.04)


def test_a_box_or_segmentation_of_another_picture_is_refused(cub):
    import cv2

    photograph = read_cub(cub).photographs[0]
    fields = vars(photograph)
    with pytest.raises(BadInput, match="lies outside"):
        read_object_crop(type(photograph)(**{**fields, "box": (400.0, 5.0, 20.0, 20.0)}), 64)
    vast = type(photograph)(**{**fields, "box": (-9e5, -9e5, 1e6, 1e6)})  # takes no vast memory
    assert read_object_crop(vast, 64).image.shape == (64, 64, 3)
    cv2.imwrite(str(photograph.segmentation), np.zeros((20, 20), np.uint8))
    with pytest.raises(BadInput, match=r"20x20 pixels, its photograph has 150x110"):
        read_object_crop(photograph, 64)


def test_a_box_at_the_border_shows_the_border_go_on(cub):
    import cv2

    photograph = read_cub(cub).photographs[0]
    picture = np.zeros((110, 150, 3), np.uint8)
    picture[:, :40] = 200
    path = photograph.path.with_suffix(".png")
    cv2.imwrite(str(path), picture)
    shown = type(photograph)(**{**vars(photograph), "path": path, "box": (0.0, 0.0, 30.0, 110.0)})
    crop = read_object_crop(shown, 66)  # from -51 to 81 pixels
    assert (crop.image[:, :44] == 200).all() and (crop.image[:, 47:] == 0).all()
