"""The flip, the lookup and the atlas, on known answers and on the body."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.bodies.body import PART_NAMES
from mocap.errors import BadInput
from textures.visibility.buffer import interpolate, visibility
from textures.visibility.camera import look_at
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import (
    atlas,
    check_layout,
    fill_gutters,
    grid_positions,
    mirrored_texels,
    sample_texture,
    texel_masks,
    texel_positions,
)


def test_uv_origin_is_the_bottom_left_of_the_image():
    texture = np.zeros((4, 4, 3), np.uint8)
    texture[3, 0] = (10, 20, 30)  # bottom-left texel
    texture[0, 3] = (200, 100, 50)  # top-right texel
    corners = np.array([[0.125, 0.125], [0.875, 0.875]])
    np.testing.assert_allclose(sample_texture(texture, corners), [[10, 20, 30], [200, 100, 50]])
    np.testing.assert_allclose(texel_positions(corners, 4), [[0.5, 3.5], [3.5, 0.5]])


def test_lookup_is_bilinear_between_texel_centres_and_repeats():
    texture = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    midway = np.array([[2 / 8, 1 - 1 / 8], [1 / 8, 1 - 2 / 8]])
    np.testing.assert_allclose(sample_texture(texture, midway)[:, 0], [0.5, 2.0], atol=1e-6)
    uv = np.random.default_rng(0).random((50, 2))
    np.testing.assert_allclose(
        sample_texture(texture, uv), sample_texture(texture, uv + np.array([3, -2])), atol=1e-4
    )
    # On the left border the lookup mixes the first and the last column.
    border = sample_texture(texture, np.array([[0.0, 1 - 1 / 8]]))
    np.testing.assert_allclose(border, [[1.5]], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_agrees_with_grid_sample(seed, size):
    """Networks sample with torch: same flip, same texel centres (but for the border)."""
    rng = np.random.default_rng(seed)
    texture = rng.random((size, size, 3), dtype=np.float32)
    uv = rng.uniform(0.5 / size, 1 - 0.5 / size, size=(1, 40, 2)).astype(np.float32)
    ours = sample_texture(texture, uv)[0]
    theirs = torch.nn.functional.grid_sample(
        torch.from_numpy(texture).permute(2, 0, 1)[None],
        grid_positions(torch.from_numpy(uv))[None],
        align_corners=False,
    )[0, :, 0].T
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    np.testing.assert_allclose(grid_positions(uv), grid_positions(torch.from_numpy(uv)).numpy())


def test_texel_map_and_atlas_are_inverse(body):
    """A texture that holds each texel's T-pose position shows every pixel its own position."""
    size = 256
    texels = atlas(body.mesh, size)
    positions = fill_gutters(interpolate(texels, body.faces, body.template), texels.covered)
    camera = look_at((1.0, 0.2, 4), (0, -0.3, 0), focal=250, width=128, height=192)
    buffer = visibility(body.template, body.faces, camera)
    seen = sample_texture(positions, texel_map(buffer, body.mesh))[buffer.covered]
    truth = interpolate(buffer, body.faces, body.template)[buffer.covered]
    error = np.linalg.norm(seen - truth, axis=1)
    assert np.median(error) < 0.002
    assert np.quantile(error, 0.99) < 0.02
    # Flipping the texture upside down breaks it: the test can tell.
    flipped = sample_texture(positions[::-1], texel_map(buffer, body.mesh))[buffer.covered]
    assert np.median(np.linalg.norm(flipped - truth, axis=1)) > 0.2


def test_masks_lie_on_the_head_and_hands(body):
    size = 128
    masks = texel_masks(body.mesh, size)
    texels = atlas(body.mesh, size)
    positions = interpolate(texels, body.faces, body.template)
    joints = body.rest_joints
    assert not (masks.head & masks.hand).any()
    assert positions[masks.head][:, 1].min() > joints[12, 1] - 0.05  # above the neck joint
    assert np.abs(positions[masks.hand][:, 0]).min() > joints[20, 0] - 0.05  # beyond the wrists
    assert 0.1 < masks.head.sum() / masks.covered.sum() < 0.5


def test_gutters_take_the_nearest_colour():
    covered = np.zeros((5, 7), bool)
    covered[2, 1] = covered[2, 5] = True
    texture = np.zeros((5, 7, 3), np.uint8)
    texture[2, 1], texture[2, 5] = (9, 8, 7), (1, 2, 3)
    filled = fill_gutters(texture, covered)
    assert (filled[:, :3] == (9, 8, 7)).all()
    assert (filled[:, 4:] == (1, 2, 3)).all()
    with pytest.raises(ValueError, match="covered"):
        fill_gutters(texture, np.zeros((5, 7), bool))


def test_a_texture_of_another_layout_is_refused(body):
    check_layout(body.uv_layout, body.mesh)
    with pytest.raises(BadInput, match=r"crop\.png: made for UV layout 'smpl'"):
        check_layout("smpl", body.mesh, "crop.png")
    with pytest.raises(BadInput):
        check_layout(body.uv_layout, replace(body.mesh, uv_layout="other"))


def test_mirrored_texels_swap_left_and_right(body):
    size = 256
    twins = mirrored_texels(body.mesh, size)
    texels = atlas(body.mesh, size)
    covered = texels.covered
    assert ((twins >= 0) == covered).all()
    positions = interpolate(texels, body.faces, body.template.astype(np.float64))[covered]
    place = np.full(size * size, -1)
    place[np.flatnonzero(covered)] = np.arange(covered.sum())
    twin = place[twins[covered]]
    assert (twin >= 0).all()
    off = np.linalg.norm(positions[twin] - positions * (-1, 1, 1), axis=1)
    assert np.median(off) < 2e-3 and np.percentile(off, 99) < 5e-3  # metres; a texel is some 5 mm
    swap = np.arange(25)
    for left, name in enumerate(PART_NAMES, 1):
        if name.startswith("left"):
            right = PART_NAMES.index(name.replace("left", "right")) + 1
            swap[left], swap[right] = right, left
    part = body.face_parts[texels.face[covered]]
    assert (part[twin] == swap[part]).mean() > 0.99  # the rest lies along borders of parts
    back_again = np.linalg.norm(positions[twin[twin]] - positions, axis=1)
    assert np.percentile(back_again, 98) < 5e-3
