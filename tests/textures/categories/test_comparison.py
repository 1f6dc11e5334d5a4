"""The table of Figure 7 against generators of which it is known what they make."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from tests.textures.categories.cub_folder import write_cub
from textures.categories.birds.configuration import BIRDS
from textures.categories.birds.cub import read_cub
from textures.categories.birds.model import bird_model
from textures.categories.category import Category
from textures.categories.comparison import TRUE_TEXTURES, GeneratorComparison, require_stranger
from textures.categories.keypoint_camera import KeypointFit, orthographic_camera
from textures.categories.object_bank import (
    PlacedObject,
    object_bank,
    object_sources,
    placed_objects,
)
from textures.categories.photographs import ObjectCrop
from textures.reid.pcb import PCB, ReidConfig
from textures.training.augmentation import image_batch
from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.texel_geometry import VISIBLE, texel_geometry
from textures.visibility.uv_layout import sample_texture

MODEL = bird_model()
SIZE = 96
GEOMETRY = texel_geometry(MODEL.mesh, 64)


def texture_of(seed):
    """Coloured patches, smooth enough to be seen at a photograph's size."""
    rng = np.random.default_rng(seed)
    patches = torch.from_numpy(rng.uniform(0, 255, (1, 3, 10, 10)))
    fine = torch.nn.functional.interpolate(patches, (64, 64), mode="bilinear")
    return fine[0].permute(1, 2, 0).numpy().astype(np.uint8)


def placed(identity, azimuth, texture):
    """A bird seen from a side, unlit, before grey, and the truth about it."""
    side = np.array([np.sin(azimuth), 0.2, np.cos(azimuth)])
    rotation = look_at(side, np.zeros(3), focal=1, height=1, width=1).rotation
    camera = orthographic_camera(MODEL, rotation, 420.0, np.array([48.0, 56.0]), SIZE)
    buffer = visibility(MODEL.mesh.vertices, MODEL.mesh.faces, camera)
    image = np.full((SIZE, SIZE, 3), 128, np.uint8)
    uv = texel_map(buffer, MODEL.mesh)[buffer.covered]
    image[buffer.covered] = sample_texture(texture, uv)
    pixels, _ = camera.project(MODEL.keypoints())
    name = f"{identity}/{azimuth}.jpg"
    photograph = SimpleNamespace(identity=identity, identity_name=f"species {identity}", name=name)
    fit = KeypointFit(camera=camera, shape=np.zeros(7), residual=0.0, twin_margin=1.0)
    return PlacedObject(
        photograph, ObjectCrop(image=image, keypoints=pixels, object_mask=None), fit
    )


TRUTH = [texture_of(identity) for identity in (1, 1, 2, 2, 3)]
OBJECTS = [
    placed(identity, azimuth, texture)
    for identity, azimuth, texture in zip((1, 1, 2, 2, 3), (1.2, -1.4, 1.7, 0.8, 1.5), TRUTH)
]


def generator_of(textures):
    return SimpleNamespace(
        model=MODEL, geometry=GEOMETRY, textures=lambda objects: image_batch(np.stack(textures))
    )


@pytest.fixture(scope="module")
def comparison():
    grey = [np.full((64, 64, 3), 128, np.uint8)] * 5
    generators = {"exact": generator_of(TRUTH), "grey": generator_of(grey)}
    return GeneratorComparison(generators, OBJECTS, true_textures=np.stack(TRUTH))


@pytest.fixture(scope="module")
def measures(comparison):
    torch.manual_seed(0)
    judge = PCB(
        ReidConfig(depth=10, channels=8, classes=3, stripes=1, embedding=0, height=64, width=64)
    )
    return {m.name: m for m in comparison.summaries(judge, np.array([1, 2, 3]))}


def test_a_generator_of_the_true_textures_scores_best_there_is(measures):
    error = measures["texture error"].figures
    assert error["exact"].mean.value == 0 and error["grey"].mean.value > 30
    assert measures["texture ssim"].figures["exact"].mean.value == pytest.approx(1)
    for view in ("own", "other"):
        ssim = measures[f"ssim, {view} view"].figures
        assert ssim["exact"].mean.value > 0.9 > 0.6 > ssim["grey"].mean.value
        assert ssim["exact"] == ssim[TRUE_TEXTURES]
        (pair,) = measures[f"ssim, {view} view"].differences
        assert (pair.first, pair.second, pair.order) == ("exact", "grey", "better")


def test_a_bird_without_another_photograph_has_no_other_view(measures):
    assert measures["ssim, own view"].figures["exact"].items == 5
    assert measures["ssim, other view"].figures["exact"].items == 4
    assert measures["identity, other view"].figures["photographs"].items == 4


def test_the_exact_textures_before_the_backgrounds_are_the_photographs(comparison):
    own = comparison.rendered["exact"].same_view.astype(int)
    apart = np.abs(own - comparison.bank.images)
    assert np.median(apart[comparison.bank.masks > 127]) <= 2
    assert (apart[comparison.bank.masks <= 127] <= 1).all()
    others = comparison.rendered["exact"].other_view.astype(int)
    apart = np.abs(others - comparison.bank.images[comparison.pairs])
    assert np.median(apart) <= 2


def test_the_picture_has_a_row_for_each_photograph(comparison):
    picture = comparison.picture(rows=3)
    assert picture.shape[0] > 3 * 128 and picture.shape[1] > 8 * 128


def test_a_judge_that_supervised_is_no_stranger():
    require_stranger({"weights_sha256": "ab"}, ["cd"], "judge")
    with pytest.raises(BadInput, match="its own pupil"):
        require_stranger({"weights_sha256": "ab"}, ["cd", "ab"], "judge")


def test_source_pixels_are_those_that_show_the_texel():
    """A bird whose texture is its texels' numbers: what a visible texel looks at has its number."""
    numbers = np.zeros((64, 64, 3), np.uint8)
    numbers[..., 0], numbers[..., 1] = np.mgrid[:64, :64] * 4
    item = placed(1, 1.4, numbers)
    sources = object_sources(MODEL, GEOMETRY, [item])
    visible = (sources.kinds[0] == VISIBLE) & GEOMETRY.covered
    assert 0.2 < visible.sum() / GEOMETRY.covered.sum() < 0.6
    rows, columns = np.nonzero(visible)
    fraction = (sources.positions[0][rows, columns].astype(float) + 0.5) / 256 * SIZE
    shown = item.crop.image[fraction[:, 1].astype(int), fraction[:, 0].astype(int)].astype(int)
    apart = np.abs(shown[:, :2] - np.stack([rows, columns], 1) * 4)
    assert np.median(apart) <= 8  # two texels
    hidden = (MODEL.mesh.face_parts[GEOMETRY.texels.face] == 6) & GEOMETRY.covered
    assert (visible & hidden).sum() < 0.15 * hidden.sum()  # the right wing, seen from the left


def test_a_mask_keeps_the_background_out_of_textures():
    item = placed(1, 1.4, TRUTH[0])
    crop = ObjectCrop(
        image=item.crop.image,
        keypoints=item.crop.keypoints,
        object_mask=np.zeros((SIZE, SIZE), bool),
    )
    sources = object_sources(MODEL, GEOMETRY, [PlacedObject(item.photograph, crop, item.fit)])
    assert not (sources.kinds == VISIBLE).any()


def test_a_bank_has_the_silhouette_of_the_fitted_mesh():
    bank = object_bank(MODEL, OBJECTS)
    for row, item in enumerate(OBJECTS):
        buffer = visibility(MODEL.mesh.vertices, MODEL.mesh.faces, item.fit.camera)
        assert ((bank.masks[row] > 0) == buffer.covered).all()
    assert bool(bank.photographs) and len(bank) == 5
    with pytest.raises(BadInput, match="no photograph could be placed"):
        object_bank(MODEL, [])


def test_photographs_that_cannot_be_placed_are_named_with_a_reason(tmp_path):
    """The hand-written folder's keypoints lie on a line, its second picture is no picture."""
    data = read_cub(write_cub(tmp_path / "cub"))
    data.photographs[1].path.write_bytes(b"")
    result = placed_objects(BIRDS, data.photographs)
    assert result.objects == [] and isinstance(BIRDS, Category)
    first, second = (photograph.name for photograph in data.photographs)
    assert "not a readable image" in result.left_out[second]
    assert "keypoints" in result.left_out[first]
    assert [line.split(":")[0] for line in result.lines()] == ["left out"] * 2
