"""From crops and fits to a dressed texture, with the shipped network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from textures.attire.painter import AttirePainter
from textures.fusion.surface_view import FusedSurface
from textures.wardrobe.labels import LABELS

SIZE = 64


@pytest.fixture(scope="module")
def painter(body):
    return AttirePainter(body, size=SIZE)


def grey_surface(painter):
    covered = painter.surface.texels.buffer.covered
    chances = np.full((SIZE, SIZE, len(LABELS)), 1 / len(LABELS), np.float32)
    return FusedSurface(
        colours=np.full((SIZE, SIZE, 3), 128, np.float32),
        weight=covered.astype(np.float32) * 0.5,
        labels=chances,
    )


def test_crops_of_any_size_get_chances_of_their_own_size(painter):
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (*size, 3)).astype(np.uint8) for size in ((128, 64), (97, 71))]
    for crop, chance in zip(crops, painter.chances(crops)):
        assert chance.shape == (*crop.shape[:2], len(LABELS) + 1)
        np.testing.assert_allclose(chance.sum(-1), 1, atol=1e-4)


def test_labels_that_say_nothing_still_give_a_whole_texture(painter):
    dressed = painter.dressed(grey_surface(painter))
    assert dressed.texture.shape == (SIZE, SIZE, 3)
    assert dressed.texture.any(-1).mean() > 0.95


def test_a_surface_of_another_size_and_chances_without_fits_are_refused(painter):
    fused = grey_surface(painter)
    small = replace(fused, labels=fused.labels[:32, :32])
    with pytest.raises(ValueError, match=r"labels \(32, 32, 6\); expected \(64, 64, 6\)"):
        painter.dressed(small)
    with pytest.raises(ValueError, match="1 crops' chances; expected a fit of each"):
        painter.dressed(fused, chances=[np.zeros((128, 64, 7), np.float32)])


def test_the_tag_names_the_weights(painter):
    assert painter.tag.startswith("attire-")
