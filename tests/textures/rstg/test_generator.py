"""The generator: the paper's size, the whole path to the loss, and the recipes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.rstg.recipes import LOSS_TERMS, PAPER, RECIPES, SHIPPED, LossWeights
from textures.rstg.unet import GeneratorConfig, TextureGenerator, parameter_count

SMALL = GeneratorConfig(channels=8, height=32, width=32, texture_size=32, projection=True)


def test_the_paper_s_network_has_13_395_459_parameters_and_makes_64_texel_textures():
    network = TextureGenerator(GeneratorConfig())
    assert parameter_count(network) == 13_395_459
    texture = network.eval()(torch.rand(1, 3, 128, 64) * 2 - 1)
    assert texture.shape == (1, 3, 64, 64) and texture.abs().max() <= 1


def test_width_and_texture_size_are_free_and_projection_is_a_second_input():
    network = TextureGenerator(SMALL).eval()
    crops, projection = torch.rand(2, 3, 128, 64), torch.rand(2, 8, 32, 32)
    assert network(crops, projection).shape == (2, 3, 32, 32)
    assert not torch.equal(network(crops, projection), network(crops, projection * 0))
    with pytest.raises(ValueError, match="projection"):
        network(crops)
    with pytest.raises(BadInput, match="multiples of 16"):
        GeneratorConfig(channels=8, height=100, width=64)
    with pytest.raises(BadInput, match="square"):
        GeneratorConfig(channels=8, height=64, width=32, texture_size=32, projection=True)


def test_the_paper_s_recipe_is_the_paper_s_whole_configuration():
    """RSTG section 4.2: U-Net of width 64, 64x64 textures, PCB on ResNet-50, Adam at 2e-4 and 1e-5,
    four groups of four crops, 64k iterations, weights 5000 and 1; its release differs in two values.
    """
    for name, norm, lr in (("paper", "l1", 2e-4), ("release", "mse", 1e-4)):
        recipe = RECIPES[name]
        assert recipe.generator == GeneratorConfig(channels=64, texture_size=64)
        assert recipe.losses == LossWeights(reid=5000.0, face_hand=1.0, face_norm=norm)
        assert recipe.supervisor.depth == 50
        assert (recipe.batch.identities, recipe.batch.images) == (4, 4)
        schedule = recipe.schedule
        assert (schedule.optimiser, schedule.lr, schedule.weight_decay) == ("adam", lr, 1e-5)
        assert schedule.lr_of_step(0) == schedule.lr_of_step(schedule.steps - 1) == lr
        assert not recipe.augmentation.recolour and not recipe.augmentation.degrade
    assert PAPER.schedule.steps == 64_000
    assert SHIPPED.losses.cross_view and SHIPPED.losses.texture


def test_every_term_of_the_loss_has_its_sentence():
    numbers = {name for name, value in vars(LossWeights()).items() if isinstance(value, float)}
    assert set(LOSS_TERMS) == numbers
    assert all(sentence.endswith(".") for sentence in LOSS_TERMS.values())


def test_same_texture_other_crop_pairs_stay_within_their_identity():
    from textures.rstg.training import next_views, other_views

    other = other_views(np.random.default_rng(0), 16, 4)
    assert (other // 4 == np.arange(16) // 4).all() and (other != np.arange(16)).all()
    assert next_views(np.array([5, 5, 9, 5])).tolist() == [1, 3, 2, 0]


def test_at_first_the_carried_colours_are_mostly_kept():
    torch.manual_seed(0)
    network = TextureGenerator(SMALL)
    projection = torch.zeros(2, 8, 32, 32)
    projection[:, 0] = 1.0
    made = network(torch.rand(2, 3, 128, 64) * 2 - 1, projection)
    assert made[:, 0].mean() > 0.5 and made[:, 1].abs().mean() < 0.4
