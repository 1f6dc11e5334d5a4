"""Augmentation: what moves moves with its labels, and all randomness is the generator's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textures.training.augmentation import (
    degraded,
    image_batch,
    random_framing,
    recoloured,
    reframed,
    reframed_pixels,
)

HEIGHT, WIDTH = 96, 48


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_and_its_pixels_are_framed_alike(seed):
    """A soft spot's centre of mass goes where `reframed_pixels` says."""
    rng = np.random.default_rng(seed)
    framing = random_framing(rng, 4, HEIGHT, WIDTH)
    centres = np.stack([rng.uniform(16, 32, 4), rng.uniform(34, 62, 4)], axis=1)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    squares = (x - centres[:, 0, None, None]) ** 2 + (y - centres[:, 1, None, None]) ** 2
    spots = torch.from_numpy(np.exp(-squares / (2 * 1.5**2))).float()[:, None]
    moved = reframed(spots, framing)[:, 0].numpy()
    expected = reframed_pixels(centres, framing, HEIGHT, WIDTH)
    inside = ((expected > 6) & (expected < np.array([WIDTH, HEIGHT]) - 6)).all(axis=1)
    assert inside.any()
    for spot, place in zip(moved[inside], expected[inside], strict=True):
        centre = np.array([(spot * x).sum(), (spot * y).sum()]) / spot.sum()
        np.testing.assert_allclose(centre, place, atol=0.1)


@pytest.mark.parametrize("augment", [degraded, recoloured])
def test_the_generator_alone_decides(augment):
    pictures = np.random.default_rng(0).integers(0, 255, (8, HEIGHT, WIDTH, 3), np.uint8)
    images = image_batch(pictures)
    first, again, other = (augment(np.random.default_rng(s), images.clone()) for s in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
