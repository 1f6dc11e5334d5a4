"""The crop's pixels on the texture: what is seen lands right, what is not is borrowed from the
right place.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.camera_frame import crop_camera
from textures.body_fit.source_pixels import SourcePixels
from textures.harvest.contact_sheet import standing_pose
from textures.rstg.projection import Projection
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.texel_geometry import (
    BORROWED,
    REFLECTED,
    VISIBLE,
    source_pixels,
    texel_geometry,
)
from textures.visibility.uv_layout import sample_texture


@pytest.fixture(scope="module")
def geometry(body):
    return texel_geometry(body.mesh, 64)


@pytest.fixture(scope="module")
def standing(body):
    vertices, _ = skin(
        Skinning(body),
        pose=standing_pose()[None],
        betas=np.zeros(10),
        translation=np.array([[0, 0.25, -8.5]]),
    )
    return vertices[0], crop_camera(128, 64)


def test_reflections_are_where_they_should_be(geometry):
    mirrored, opposite, _ = geometry.reflections
    p = geometry.position
    assert np.abs(p[mirrored] * (-1, 1, 1) - p).max(1).mean() < 0.01
    trunk = (np.abs(p[:, 0]) < 0.1) & (p[:, 1] > -0.1) & (p[:, 1] < 0.25)
    far = np.abs(p[opposite][trunk, 2] - p[trunk, 2])
    assert np.median(far) > 0.12  # a chest is some 20 cm deep
    assert np.abs(p[opposite][trunk, :2] - p[trunk, :2]).mean() < 0.03


def test_a_texture_comes_back_where_it_is_seen(body, geometry, standing):
    """Paint a smooth texture, look at it, carry the pixels back: the seen texels have their colour
    again.
    """
    vertices, camera = standing
    place = (geometry.code.transpose(1, 2, 0) * 110 + 127).astype(np.uint8)
    uv = texel_map(visibility(vertices, body.faces, camera), body.mesh)
    crop = torch.from_numpy(sample_texture(place, uv)).permute(2, 0, 1)[None]
    positions, kinds = source_pixels(geometry, body.mesh, vertices, camera)
    found = Projection(geometry)(
        crop, torch.from_numpy(positions)[None], torch.from_numpy(kinds)[None]
    )[0]
    error = np.abs(found[:3].permute(1, 2, 0).numpy() - place).mean(-1)
    seen = (kinds == VISIBLE) & geometry.covered
    assert 0.2 < seen[geometry.covered].mean() < 0.55  # the front
    assert np.median(error[seen]) < 4
    assert torch.equal(found[3] > 0, torch.from_numpy(kinds == VISIBLE))
    front = np.zeros(64 * 64, bool)
    front[geometry.surface] = geometry.position[:, 2] > 0.09
    assert kinds.reshape(-1)[front].tolist().count(VISIBLE) / front.sum() > 0.7


def test_the_back_borrows_the_front_at_the_same_height(body, geometry, standing):
    vertices, camera = standing
    positions, kinds = source_pixels(geometry, body.mesh, vertices, camera)
    flat, kind = positions.reshape(-1, 2), kinds.reshape(-1)[geometry.surface]
    p = geometry.position
    back = (p[:, 2] < -0.02) & (np.abs(p[:, 0]) < 0.12) & (p[:, 1] > -0.1) & (p[:, 1] < 0.25)
    assert (kind[back] == REFLECTED).mean() > 0.9
    rows = flat[geometry.surface][back, 1] * 128
    pixels, _ = camera.project(p[back] + np.array((0, 0.25, -8.5)))
    assert np.abs(rows - pixels[:, 1]).mean() < 3


def test_texels_off_the_person_or_off_the_crop_are_not_read(body, geometry, standing):
    vertices, camera = standing
    nobody = np.zeros((32, 16), np.float32)
    positions, kinds = source_pixels(geometry, body.mesh, vertices, camera, nobody)
    assert (kinds == BORROWED).all() and (positions == 0.5).all()
    upper = np.zeros((32, 16), np.float32)
    upper[:16] = 1
    positions, _ = source_pixels(geometry, body.mesh, vertices, camera, upper)
    assert (positions[..., 1] <= 0.5).all()


def given_inputs(body, geometry, standing, crops, unseen, dropped=None):
    """The projection of crops of one standing body, and which of its texels they show."""
    vertices, camera = standing
    positions, kinds = source_pixels(geometry, body.mesh, vertices, camera)
    projection = Projection(geometry, body.mesh, unseen=unseen)
    inputs = projection(
        crops,
        torch.from_numpy(positions).expand(len(crops), -1, -1, -1),
        torch.from_numpy(kinds).expand(len(crops), -1, -1),
        dropped,
    )
    return inputs, torch.from_numpy(kinds == VISIBLE)


@pytest.mark.parametrize("unseen", ["pixels", "colours", "nothing"])
def test_a_dropped_side_says_nothing_of_the_crop(body, geometry, standing, unseen):
    """Texels that are seen stay; the others have neither colour nor flag."""
    crop = torch.rand(1, 3, 128, 64, generator=torch.Generator().manual_seed(0)) + 0.5
    words = (body, geometry, standing, crop.expand(2, -1, -1, -1), unseen)
    (kept, dropped), seen = given_inputs(*words, torch.tensor([False, True]))
    assert torch.equal(kept[:, seen], dropped[:, seen]) and (dropped[3, seen] == 1).all()
    assert (dropped[:5, ~seen] == 0).all()
    assert torch.equal(kept[5:], dropped[5:])
    given = kept[4, ~seen].mean()
    assert given == 0 if unseen == "nothing" else given > 0.3


def test_a_garment_s_colour_goes_round_the_body_and_its_print_does_not(body, geometry, standing):
    """Shirt red with a white print on the chest, trousers blue: the back is red and blue."""
    vertices, camera = standing
    texture = np.zeros((64, 64, 3), np.uint8)
    p = geometry.position
    flat = texture.reshape(-1, 3)
    flat[geometry.surface] = np.where(p[:, 1:2] > -0.24, (200, 30, 30), (30, 30, 200))
    chest = (p[:, 2] > 0.05) & (np.abs(p[:, 0]) < 0.04) & (p[:, 1] > 0.08) & (p[:, 1] < 0.2)
    flat[geometry.surface[chest]] = 255
    texture = flat[geometry.number.ravel()].reshape(64, 64, 3)
    uv = texel_map(visibility(vertices, body.faces, camera), body.mesh)
    crop = torch.from_numpy(sample_texture(texture, uv)).permute(2, 0, 1)[None].float()
    (inputs,), seen = given_inputs(body, geometry, standing, crop / 127.5 - 1, "colours")
    made = ((inputs[:3] + 1) * 127.5).permute(1, 2, 0).numpy()
    numbers = geometry.surface
    colours, hidden = made.reshape(-1, 3)[numbers], ~seen.numpy().ravel()[numbers]
    back = hidden & (p[:, 2] < 0) & (np.abs(p[:, 0]) < 0.1)
    shirt, trousers = back & (p[:, 1] > 0.0) & (p[:, 1] < 0.2), back & (p[:, 1] < -0.4)
    trousers &= p[:, 1] > -0.9
    assert shirt.sum() > 20 and trousers.sum() > 20
    assert np.abs(colours[shirt] - (200, 30, 30)).max() < 40
    assert np.median(np.abs(colours[trousers] - (30, 30, 200))) < 20
    pixels = given_inputs(body, geometry, standing, crop / 127.5 - 1, "pixels")[0][0]
    copied = ((pixels[:3] + 1) * 127.5).permute(1, 2, 0).numpy().reshape(-1, 3)[numbers]
    assert (copied[shirt, 1] > 150).mean() > 0.05  # the print, as a copied pixel has it


def test_where_a_crop_shows_nothing_of_a_region_nothing_is_given(body, geometry, standing):
    vertices, camera = standing
    upper = np.zeros((64, 32), np.float32)
    upper[:24] = 1  # no legs
    positions, kinds = source_pixels(geometry, body.mesh, vertices, camera, upper)
    inputs = Projection(geometry, body.mesh, unseen="colours")(
        torch.ones(1, 3, 128, 64), torch.from_numpy(positions)[None], torch.from_numpy(kinds)[None]
    )[0]
    given = inputs[3:5].sum(0).numpy().ravel()[geometry.surface]
    p = geometry.position
    assert given[p[:, 1] < -0.6].max() == 0
    assert given[(p[:, 1] > 0) & (p[:, 1] < 0.2) & (np.abs(p[:, 0]) < 0.1)].min() == 1
    assert torch.isfinite(inputs).all()


def test_stored_positions_are_the_middles_of_their_steps():
    """A fraction is stored as the 256th that it lies in: read back it is off by half of one at most."""
    fractions = np.random.default_rng(0).random((1, 64, 64, 2))
    stored = SourcePixels(
        np.clip(fractions * 256, 0, 255).astype(np.uint8), np.zeros((1, 64, 64), np.uint8)
    )
    error = stored.tensors(np.array([0]))[0].numpy() - fractions
    assert np.abs(error).max() <= 0.5 / 256 + 1e-6 and abs(error.mean()) < 0.02 / 256
