"""The generator: the paper's size, the whole path to the loss, and the recipes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.body_fit.source_pixels import SourcePixels
from textures.rstg.method import RstgMethod
from textures.rstg.recipes import LOSS_TERMS, PAPER, RECIPES, SHIPPED, Augmentation, LossWeights
from textures.rstg.training import CropBatch, GeneratorLosses
from textures.rstg.unet import GeneratorConfig, TextureGenerator, parameter_count
from textures.rstg.widening import widened
from textures.texture_method import load_method
from textures.visibility.texel_geometry import REFLECTED, VISIBLE, texel_geometry

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


@pytest.mark.parametrize("unseen", ["colours", "nothing"])
def test_a_texel_that_is_given_nothing_is_painted(unseen):
    """What can be kept is what has a flag; only where pixels are borrowed has every texel a colour."""
    torch.manual_seed(0)
    crops, projection = torch.rand(2, 3, 128, 64) * 2 - 1, torch.rand(2, 8, 32, 32)
    projection[:, 3] = (projection[:, 3] > 0.5).float()
    projection[:, 4] = (projection[:, 4] > 0.5).float() * (1 - projection[:, 3])
    network = TextureGenerator(dataclasses.replace(SMALL, unseen=unseen)).eval()
    with torch.no_grad():
        for parameter in network.leave.parameters():
            parameter[:3] = 0.0  # paints grey, and keeps the more of what it is given
            parameter[3:] = 9.0 if parameter.ndim == 1 else 0.0
        made = network(crops, projection)
    given = projection[:, 3:5].sum(1, keepdim=True).expand(-1, 3, -1, -1) > 0
    assert (made[~given] == 0).all()
    assert torch.allclose(made[given], projection[:, :3][given], atol=1e-3)
    with pytest.raises(BadInput, match="unseen guesses: expected pixels, colours, nothing"):
        dataclasses.replace(SMALL, unseen="guesses")


def test_sides_are_dropped_in_their_share_of_the_crops(body):
    """A network that shows its input tells which crops were given borrowed pixels."""

    class Shown(torch.nn.Module):
        def forward(self, crops, projection):
            self.flags = projection[:, 4]
            return torch.zeros(len(crops), 3, 32, 32)

    geometry = texel_geometry(body.mesh, 32)
    count = 400
    kinds = np.full((count, 32, 32), REFLECTED, np.uint8)
    kinds[:, :16] = VISIBLE
    sources = SourcePixels(np.full((count, 32, 32, 2), 128, np.uint8), kinds)
    batch = CropBatch(
        torch.ones(count, 3, 128, 64),
        torch.ones(count, 1, 128, 64),
        torch.zeros(count, 3, 128, 64),
        torch.zeros(count, 128, 64, 2),
    )
    none = LossWeights(reid=0.0, face_hand=0.0)
    terms = GeneratorLosses(none, torch.nn.Identity(), geometry)
    for share in (0.0, 0.3, 1.0):
        shown = Shown()
        rng = np.random.default_rng(0)
        words = (batch, None, sources, np.arange(count), rng)
        terms(shown, *words, per_identity=1, side_dropout=share)
        dropped = (shown.flags == 0).flatten(1).all(1)
        assert abs(dropped.float().mean() - share) < 0.07
        assert (shown.flags[~dropped][:, 16:] == 1).all()
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadInput, match="side_dropout"):
            Augmentation(side_dropout=share)


def test_a_wider_generator_computes_the_same_and_its_alike_channels_part():
    torch.manual_seed(0)
    narrow = TextureGenerator(SMALL).train()
    wide = TextureGenerator(dataclasses.replace(SMALL, channels=24))
    crops, projection = torch.rand(2, 3, 128, 64) * 2 - 1, torch.rand(2, 8, 32, 32)
    for _ in range(3):
        narrow(crops, projection)  # batch norm has statistics of its own
    wide.load_state_dict(widened(narrow.state_dict(), 3, torch.Generator().manual_seed(0)))
    with torch.no_grad():
        expected = narrow.eval()(crops, projection)
        assert torch.allclose(wide.eval()(crops, projection), expected, atol=1e-5)
    wide.train()(crops, projection).square().mean().backward()
    gradient = wide.down[0][0].weight.grad
    assert not torch.allclose(gradient[0], gradient[1], rtol=1e-3, atol=0)
    with pytest.raises(BadInput, match="widened 0 times"):
        widened(narrow.state_dict(), 0, torch.Generator())


def test_a_training_starts_from_weights_of_another_size_and_a_fraction_of_the_width(body, tmp_path):
    def method_of(channels, size):
        shape = GeneratorConfig(
            channels=channels, height=size, width=size, texture_size=size, projection=True
        )
        return RstgMethod.initialise(dataclasses.replace(SHIPPED, generator=shape), body)

    start = method_of(4, 32)
    start.save(tmp_path / "start.safetensors")
    loaded = load_method(RstgMethod, body, tmp_path / "start.safetensors")
    crops, projection = torch.rand(2, 3, 128, 64) * 2 - 1, torch.rand(2, 8, 32, 32)
    expected = loaded.generator(crops, projection)
    for channels in (4, 8):
        begun = method_of(channels, 32)
        begun.start_from(tmp_path / "start.safetensors", body)
        assert torch.allclose(begun.generator.eval()(crops, projection), expected, atol=1e-5)
    larger = method_of(4, 64)
    larger.start_from(tmp_path / "start.safetensors", body)
    assert torch.equal(larger.generator.leave.weight, loaded.generator.leave.weight)
    with pytest.raises(BadInput, match="another shape than the recipe's"):
        method_of(6, 32).start_from(tmp_path / "start.safetensors", body)


def test_weights_of_before_there_was_a_choice_borrow_pixels():
    """A card that does not say so is of a generator that was trained with borrowed pixels."""
    assert GeneratorConfig(channels=8, texture_size=64).unseen == "pixels"
    assert SHIPPED.generator.unseen == "colours" and 0 < SHIPPED.augmentation.side_dropout < 1
    assert SHIPPED.generator.channels >= 48 and SHIPPED.generator.texture_size >= 128
