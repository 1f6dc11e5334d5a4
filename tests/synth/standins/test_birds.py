"""Birds in CUB-200-2011's layout: what is said about a photograph is true of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from mocap.files import is_stand_in
from synth.standins.birds import CubSize, write_birds
from synth.standins.plumage import PlumagePainter, sample_plumage
from textures.categories.birds.cub import read_cub
from textures.categories.birds.model import PART_LABELS, UV_LAYOUT, bird_model
from textures.library import read_library, read_texture
from textures.market1501 import read_image
from textures.visibility.buffer import visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.texel_geometry import texel_geometry
from textures.visibility.uv_layout import sample_texture

SIZE = CubSize(species=3, train_images=3, test_images=2, texture_size=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("birds") / "cub"
    assert write_birds(out, seed=4, size=SIZE, progress=False) == 15
    return out


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    write_birds(tmp_path / "again", seed=4, size=SIZE, progress=False)
    assert contents(tmp_path / "again") == contents(folder)
    write_birds(tmp_path / "other", seed=5, size=SIZE, progress=False)
    first, other = contents(folder), contents(tmp_path / "other")
    pictures = [name for name in first if name.endswith(".jpg")]
    assert len(pictures) == 15 and all(first[name] != other.get(name) for name in pictures)


def test_it_is_read_as_cub_is(folder):
    assert is_stand_in(folder)
    data = read_cub(folder)
    assert len(data.photographs) + len(data.left_out) == 15
    assert {photograph.identity for photograph in data.photographs} == {1, 2, 3}
    lines = (folder / "train_test_split.txt").read_text().split("\n")[:-1]
    assert sum(line.endswith(" 1") for line in lines) == 9


def test_boxes_segmentations_and_keypoints_are_those_of_the_bird_in_the_picture(folder):
    truth = np.load(folder / "truth.npz")
    model = bird_model()
    rows = {str(name): row for row, name in enumerate(truth["name"])}
    for photograph in read_cub(folder).photographs:
        row = rows[photograph.name]
        image = read_image(photograph.path)
        camera = Camera(
            intrinsics=truth["intrinsics"][row],
            rotation=truth["rotation"][row],
            translation=truth["translation"][row],
            height=image.shape[0],
            width=image.shape[1],
        )
        shape = truth["shape"][row]
        buffer = visibility(model.vertices(shape), model.mesh.faces, camera)
        mask = read_image(photograph.segmentation)[..., 0] > 127
        assert (mask == buffer.covered).mean() > 0.985
        rows_of_bird, columns = np.nonzero(mask)
        x, y, width, height = photograph.box
        assert (x, y) == (columns.min(), rows_of_bird.min())
        assert (x + width, y + height) == (columns.max() + 1, rows_of_bird.max() + 1)
        pixels, _ = camera.project(model.keypoints(shape))
        clicked = photograph.keypoints[photograph.visible]
        assert np.abs(clicked - pixels[photograph.visible]).max() < 12
        inside = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15)))
        columns, lines = clicked.astype(int).T
        assert inside[lines, columns].all()


def test_the_true_texture_is_what_the_picture_shows(folder):
    """Through the truth's camera, colours of a species' texture follow those of its photograph."""
    truth = np.load(folder / "truth.npz")
    model = bird_model()
    rows = {str(name): row for row, name in enumerate(truth["name"])}
    textures = {
        entry.identity: read_texture(folder / "true_textures" / entry.file)
        for entry in read_library(folder / "true_textures")
    }
    right, wrong = [], []
    for photograph in read_cub(folder).photographs:
        row = rows[photograph.name]
        image = read_image(photograph.path).astype(float)
        camera = Camera(
            intrinsics=truth["intrinsics"][row],
            rotation=truth["rotation"][row],
            translation=truth["translation"][row],
            height=image.shape[0],
            width=image.shape[1],
        )
        buffer = visibility(model.vertices(truth["shape"][row]), model.mesh.faces, camera)
        uv = texel_map(buffer, model.mesh)[buffer.covered]
        shown = image[buffer.covered]
        for name, texture in textures.items():
            error = np.abs(sample_texture(texture, uv) - shown).mean()
            (right if name == photograph.identity_name else wrong).append(error)
    assert np.mean(right) < 0.75 * np.mean(wrong)


def test_true_textures_carry_the_birds_layout(folder, body):
    entries = read_library(folder / "true_textures")
    assert len(entries) == 3 and {entry.uv_layout for entry in entries} == {UV_LAYOUT}
    assert all(entry.stand_in for entry in entries)
    with pytest.raises(BadInput, match=UV_LAYOUT):
        read_library(folder / "true_textures", body)


def test_plumages_differ_and_show_their_colours_on_their_parts():
    model = bird_model()
    geometry = texel_geometry(model.mesh, 64)
    painter = PlumagePainter(model, geometry)
    plumages = [sample_plumage(np.random.default_rng(seed)) for seed in range(6)]
    textures = np.stack([painter.texture(plumage) for plumage in plumages]).astype(float)
    for number, (plumage, texture) in enumerate(zip(plumages, textures)):
        apart = np.abs(np.delete(textures, number, 0) - texture).mean((1, 2, 3))
        assert apart.min() > 8
        parts = np.where(geometry.covered, model.mesh.face_parts[geometry.texels.face], 0)
        bill = texture[parts == PART_LABELS.index("bill") + 1].mean(0)
        assert np.abs(bill - plumage.colours["bill"]).max() < 30


def test_a_folder_that_holds_something_else_is_left_alone(folder, tmp_path):
    before = contents(folder)
    assert write_birds(folder, seed=4, size=SIZE, progress=False) == 15
    with pytest.raises(BadInput, match="something else"):
        write_birds(folder, seed=9, size=SIZE, progress=False)
    assert contents(folder) == before
    for size in (CubSize(species=1), CubSize(train_images=0), CubSize(test_images=0)):
        with pytest.raises(BadInput, match="at least 2, 1 and 1"):
            write_birds(tmp_path / "none", seed=0, size=size, progress=False)
    assert not (tmp_path / "none").exists()
