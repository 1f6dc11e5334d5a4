"""What is added to training pedestrians leaves the truth about them true."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textures.training.augmentation import (
    degraded,
    image_batch,
    occluded,
    random_framing,
    recoloured,
    reframed,
    reframed_pixels,
    with_company,
)
from textures.training.pedestrian_bank import PedestrianBank
from textures.training.street_scenes import draw_bicycle, scene_pool

HEIGHT, WIDTH = 128, 64


@pytest.fixture(scope="module")
def plain():
    """Four people of one colour: a red body with a blue bag beside it."""
    masks = np.zeros((4, HEIGHT, WIDTH), np.uint8)
    masks[:, 10:120, 20:44] = 255
    carried = np.zeros_like(masks)
    carried[:, 60:90, 44:54] = 255
    images = np.zeros((4, HEIGHT, WIDTH, 3), np.uint8)
    images[masks > 0], images[carried > 0] = (255, 0, 0), (0, 0, 255)
    empty = np.zeros((4, 3), np.float32)
    return PedestrianBank(
        images=images,
        masks=masks,
        carried=carried,
        uv=np.zeros((4, HEIGHT, WIDTH, 2), np.uint16),
        parts=(masks > 0).astype(np.uint8),
        identities=np.arange(4, dtype=np.int32),
        cameras=np.ones(4, np.int32),
        pose=np.zeros((4, 72), np.float32),
        betas=np.zeros((4, 10), np.float32),
        view=empty,
        joints=np.zeros((4, 24, 3), np.float32),
        joint_pixels=np.zeros((4, 24, 2), np.float32),
        textures=np.zeros((4, 8, 8, 3), np.uint8),
        label_maps=np.zeros((4, 8, 8), np.uint8),
        texture_of=np.arange(4, dtype=np.int32),
        photographs=np.array([False]),
        scenes=np.zeros((2, HEIGHT * 3 // 2, WIDTH * 2, 3), np.uint8),
    )


def test_a_point_moves_to_where_its_pixel_is_said_to_be():
    """A blob's centre after framing, stretch included, is the framed centre."""
    rng = np.random.default_rng(0)
    framing = random_framing(rng, 40, HEIGHT, WIDTH)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    centres = np.stack([rng.uniform(22, 42, 40), rng.uniform(44, 84, 40)], 1).astype(np.float32)
    squared = (columns - centres[:, :1, None]) ** 2 + (rows - centres[:, 1:, None]) ** 2
    images = torch.from_numpy(np.exp(-squared / 8).astype(np.float32))[:, None]
    moved = reframed(images, framing)[:, 0].numpy()
    expected = reframed_pixels(centres, framing, HEIGHT, WIDTH)
    inside = ((expected > 8) & (expected < (WIDTH - 8, HEIGHT - 8))).all(1)
    assert inside.sum() > 15
    weight = moved.sum((1, 2))
    where = np.stack([(moved * grid).sum((1, 2)) / weight for grid in (columns, rows)], 1)
    np.testing.assert_allclose(where[inside], expected[inside], atol=0.25)


def test_most_framings_are_a_detectors_and_some_are_bad():
    framing = random_framing(np.random.default_rng(1), 2000, HEIGHT, WIDTH)
    factor, dx, dy, stretch = framing.T
    assert 0.75 < (np.abs(np.log(factor)) < 0.12).mean() < 0.95
    assert (np.abs(np.log(factor)) > 0.25).mean() > 0.02
    assert np.abs(np.median(dx)) < 0.5 and np.abs(np.median(dy)) < 1.5
    assert 1.1 < np.median(stretch) < 1.25 and stretch.min() > 0.85


def test_company_and_what_is_carried_come_with_their_opacity(plain):
    """A companion's bag is composed with the companion, not left on the old background."""
    scenes = torch.full((64, 3, HEIGHT, WIDTH), -0.5)
    shown = with_company(np.random.default_rng(2), plain, scenes, share=1.0)
    changed = (shown - scenes).abs().amax(1) > 0.5
    assert changed.any()
    red, blue = shown[:, 0], shown[:, 2]
    assert ((red > 0.3) & changed).any() and ((blue > 0.3) & changed).any()


def test_what_stands_in_front_hides_some_and_leaves_the_rest(plain):
    images = torch.full((200, 3, HEIGHT, WIDTH), 0.25)
    shown = occluded(np.random.default_rng(3), plain, images, share=0.5)
    share = (shown != images).any(1).float().mean((1, 2))
    assert 0.35 < (share > 0).float().mean() < 0.6
    assert share.max() < 0.9 and 0.02 < share[share > 0].mean() < 0.4
    assert images.unique().numel() == 1  # the input is left alone
    again = occluded(np.random.default_rng(3), plain, images, share=0.5)
    assert torch.equal(shown, again)


def test_scenes_are_the_same_each_time_varied_and_without_gaps():
    scenes = scene_pool(HEIGHT, WIDTH, count=40)
    assert scenes.shape == (40, 192, 128, 3) and scenes.dtype == np.uint8
    again = scene_pool.__wrapped__(HEIGHT, WIDTH, count=40)
    assert np.array_equal(scenes, again)
    means = scenes.mean((1, 2, 3))
    assert means.std() > 15 and 60 < means.mean() < 160
    colourful = (scenes.max(-1).astype(int) - scenes.min(-1)).mean((1, 2))
    assert np.median(colourful) < 40  # streets are grey
    assert (scenes.reshape(40, -1).std(1) > 4).all()


def test_a_bicycle_stands_on_its_floor():
    rng = np.random.default_rng(4)
    for _ in range(10):
        canvas = np.zeros((HEIGHT, WIDTH), np.float32)
        draw_bicycle(rng, canvas, (32.0, 100.0), 30.0)
        rows = np.flatnonzero(canvas.any(1))
        assert 97 <= rows[-1] <= 103 and 40 <= rows[0] <= 75
        assert 0.03 < (canvas > 0.5).mean() < 0.25


@pytest.mark.parametrize("augment", [degraded, recoloured])
def test_the_generator_alone_decides(augment):
    pictures = np.random.default_rng(0).integers(0, 255, (8, HEIGHT, WIDTH, 3), np.uint8)
    images = image_batch(pictures)
    first, again, other = (augment(np.random.default_rng(s), images.clone()) for s in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
