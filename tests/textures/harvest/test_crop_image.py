"""Pictures of crops: bounded before they are decoded, and transparent pixels are nobody."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mocap.errors import BadInput
from textures.harvest.contact_sheet import CAPTION, COLUMNS, captioned, sheet_row, stacked
from textures.harvest.crop_image import LONGEST_SIDE, read_crop, without_transparent
from textures.market1501 import MOST_PIXELS, read_image
from textures.visibility.camera import look_at


def png_header(width, height):
    """A PNG that says its size and holds no pixel."""
    fields = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for kind, data in ((b"IHDR", fields), (b"IDAT", b""), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        chunks += struct.pack(">I", len(data)) + kind + data + checksum
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("side", [7_072, 12_000, 30_000])  # below and above Pillow's own limits
def test_an_image_above_the_limit_is_refused_before_memory_is_taken(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    tracemalloc.start()
    for read in (read_image, read_crop):
        with pytest.raises(BadInput, match=f"bomb.png: .*{side**2:,} pixels.*{MOST_PIXELS:,}"):
            read(tmp_path / "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_the_bomb_is_refused_by_its_size(shared_data):
    with pytest.raises(BadInput, match=r"bomb\.png: .*900,000,000 pixels"):
        read_image(shared_data / "faults" / "crops" / "bomb.png")
    assert read_image(shared_data / "faults" / "crops" / "ok.gif").shape == (128, 64, 3)


def test_a_gif_of_one_picture_is_read_and_an_animation_is_refused(tmp_path):
    red, blue = (Image.new("RGB", (4, 6), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    red.save(tmp_path / "one.gif")
    assert read_image(tmp_path / "one.gif").tolist() == [[[255, 0, 0]] * 4] * 6
    red.save(tmp_path / "two.gif", save_all=True, append_images=[blue])
    with pytest.raises(BadInput, match=r"two\.gif: an animation"):
        read_image(tmp_path / "two.gif")


@pytest.mark.parametrize("scale", [1, 40])
def test_what_lies_under_transparent_pixels_does_not_matter(tmp_path, scale):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (64, 32, 4), dtype=np.uint8)
    image[..., 3] = 0
    image[16:48, 8:24, 3] = 255
    pictures = []
    for colour in ((0, 0, 0), (255, 0, 255)):
        image[image[..., 3] == 0, :3] = colour
        large = np.repeat(np.repeat(image, scale, 0), scale, 1)
        cv2.imwrite(str(tmp_path / "crop.png"), cv2.cvtColor(large, cv2.COLOR_RGBA2BGRA))
        pictures.append(read_crop(tmp_path / "crop.png"))
    assert np.array_equal(pictures[0].pixels, pictures[1].pixels)
    assert max(pictures[0].pixels.shape) == min(64 * scale, LONGEST_SIDE)
    mean = image[16:48, 8:24, :3].mean((0, 1))
    assert np.abs(pictures[0].pixels[0, 0] - mean).max() < 1
    height, width = pictures[0].pixels.shape[:2]
    (person,) = without_transparent([np.ones((height, width), np.float32)], pictures[:1])
    small = cv2.resize(person, (32, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(small > 0.5, image[..., 3] > 0)
    assert small[:14].max() == 0


def test_an_opaque_crop_is_what_opencv_reads_and_an_invisible_one_is_refused(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (64, 32, 4), dtype=np.uint8)
    image[..., 3] = 255
    cv2.imwrite(str(tmp_path / "crop.png"), image)
    crop = read_crop(tmp_path / "crop.png")
    assert crop.opaque is None and np.array_equal(crop.pixels, read_image(tmp_path / "crop.png"))
    cv2.imwrite(str(tmp_path / "crop.png"), image * np.array([1, 1, 1, 0], np.uint8))
    with pytest.raises(BadInput, match=r"crop\.png: every pixel is transparent"):
        read_crop(tmp_path / "crop.png")


@pytest.mark.parametrize("shape", [(128, 64), (1, 1), (12, 1024), (1024, 1)])
def test_a_row_of_the_sheet_is_of_one_height_and_never_wide(body, shape):
    from mocap.bodies.skinning import Skinning

    crop = np.full((*shape, 3), 90, np.uint8)
    camera = look_at(
        np.array((0.0, 0.0, 6.0)), np.zeros(3), focal=100.0, width=shape[1], height=shape[0]
    )
    texture = np.full((32, 32, 3), 90, np.uint8)
    vertices = body.mesh.vertices.astype(np.float32)
    row = sheet_row(
        body, Skinning(body), crop, texture, vertices, camera, np.zeros(10, np.float32), height=64
    )
    assert row.shape == (64, 64 * 4, 3)  # a wide crop lies in its cell and moves no other picture


def test_captions_stay_within_a_picture_and_titles_above_the_columns():
    picture = np.full((30, 200, 3), 90, np.uint8)
    for text in ("short", "a name that is far longer than the picture is wide", "ä" * 90):
        shown = captioned(picture, text)
        assert shown.shape == (30 + CAPTION, 200, 3)
        np.testing.assert_array_equal(shown[CAPTION:], picture)
        assert (shown[:CAPTION] < 128).any() and (shown[:CAPTION, -4:] > 250).all()
    rows = [captioned(np.full((64, 900, 3), level, np.uint8), "a") for level in (10, 20, 30)]
    sheet = stacked(rows, columns=2)
    assert sheet.shape == (CAPTION + 2 * (64 + CAPTION + 4), 2 * 908, 3)
    for start in COLUMNS.values():
        left = round(start * 908)
        assert (sheet[:CAPTION, left : left + 60] < 128).any()
