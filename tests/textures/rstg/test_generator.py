"""The generator: the paper's size, the whole path to the loss, and the recipes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.rstg.training import PAPER, RECIPES, SHIPPED
from textures.rstg.unet import GeneratorConfig, TextureGenerator, parameter_count


def test_the_paper_s_network_has_13_395_459_parameters_and_makes_64_texel_textures():
    network = TextureGenerator(GeneratorConfig())
    assert parameter_count(network) == 13_395_459
    texture = network.eval()(torch.rand(1, 3, 128, 64) * 2 - 1)
    assert texture.shape == (1, 3, 64, 64) and texture.abs().max() <= 1


def test_width_and_texture_size_are_free_and_projection_is_a_second_input():
    network = TextureGenerator(GeneratorConfig(8, 32, 32, 32, True)).eval()
    crops, projection = torch.rand(2, 3, 128, 64), torch.rand(2, 8, 32, 32)
    assert network(crops, projection).shape == (2, 3, 32, 32)
    assert not torch.equal(network(crops, projection), network(crops, projection * 0))
    with pytest.raises(ValueError, match="projection"):
        network(crops)
    with pytest.raises(BadInput, match="multiples of 16"):
        GeneratorConfig(8, 100, 64)
    with pytest.raises(BadInput, match="square"):
        GeneratorConfig(8, 64, 32, 32, True)


def test_the_paper_s_recipe_has_its_two_terms_alone():
    extensions = ("cross_view", "cross_pixel", "pixel", "texture", "recolour")
    for name in ("paper", "release"):
        recipe = RECIPES[name]
        assert (recipe.reid, recipe.face_hand, recipe.weighting) == (5000.0, 1.0, "release")
        assert not any(getattr(recipe, term) for term in extensions) and not recipe.degrade
    assert PAPER.face_norm == "l1" and RECIPES["release"].face_norm == "mse"
    assert SHIPPED.cross_view and SHIPPED.texture


def test_same_texture_other_crop_pairs_stay_within_their_identity():
    from textures.rstg.training import _another, _neighbour

    other = _another(np.random.default_rng(0), 16, 4)
    assert (other // 4 == np.arange(16) // 4).all() and (other != np.arange(16)).all()
    assert _neighbour(np.array([5, 5, 9, 5])).tolist() == [1, 3, 2, 0]


def test_at_first_the_carried_colours_are_mostly_kept():
    torch.manual_seed(0)
    network = TextureGenerator(GeneratorConfig(8, 32, 32, 32, True))
    projection = torch.zeros(2, 8, 32, 32)
    projection[:, 0] = 1.0
    made = network(torch.rand(2, 3, 128, 64) * 2 - 1, projection)
    assert made[:, 0].mean() > 0.5 and made[:, 1].abs().mean() < 0.4
