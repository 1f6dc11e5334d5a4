"""PN-GAN's networks against their publication, its losses by hand, features and their fusion."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.pn_gan.features import FeatureConfig, MergedFeatureNetwork, fused_features
from textures.pn_gan.losses import discriminator_loss, generator_loss
from textures.pn_gan.networks import PatchDiscriminator, PoseGanConfig, PoseGenerator
from textures.pn_gan.recipes import RECIPES


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_the_paper_s_networks_have_the_size_of_its_authors_code():
    """Counted from `naiq/PN_GAN`, script/GAN/network.py: ngf and ndf 64, nine residual blocks."""
    config = RECIPES["paper"].gan
    assert parameters(PoseGenerator(config)) == 11_387_584
    assert parameters(PatchDiscriminator(config)) == 2_764_672


def test_the_paper_s_networks_go_forward_and_back_at_its_size():
    torch.manual_seed(0)
    config = RECIPES["paper"].gan
    generator, discriminator = PoseGenerator(config), PatchDiscriminator(config)
    images = torch.rand(1, 3, 256, 128) * 2 - 1
    generated = generator(images, torch.zeros(1, 3, 256, 128) - 1)
    assert generated.shape == (1, 3, 256, 128) and generated.abs().max() <= 1
    logits = discriminator(generated)
    assert logits.shape == (1, 1, 26, 10)  # 32x16 after three strides, less 3 by each open edge
    (generator_loss(logits, "log") + (generated - images).abs().mean()).backward()
    weights = [p for p in generator.parameters() if p.ndim > 1]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in weights)


def test_the_encoder_has_nine_residual_blocks_that_add_to_their_input():
    config = PoseGanConfig(channels=4)
    blocks = [m for m in PoseGenerator(config).encoder if type(m).__name__ == "InstanceResidual"]
    assert len(blocks) == 9
    for layer in blocks[0].layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    x = torch.rand(1, 16, 8, 4)
    assert torch.equal(blocks[0](x), x)


def test_both_inputs_reach_the_picture():
    torch.manual_seed(0)
    generator = PoseGenerator(PoseGanConfig(channels=4, blocks=1, height=64, width=64))
    image, pose = (torch.randn(1, 3, 64, 64).requires_grad_() for _ in range(2))
    generator(image, pose).square().sum().backward()
    assert image.grad.abs().sum() > 0 and pose.grad.abs().sum() > 0


REAL, GENERATED = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, -3.0]])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_losses_by_hand():
    d_real = [sigmoid(2), sigmoid(-1)]
    d_generated = [sigmoid(0.5), sigmoid(-3)]
    expected = sum(math.log(1 - d) for d in d_generated) / 2
    assert float(generator_loss(GENERATED, "log")) == pytest.approx(expected, rel=1e-6)
    expected = -sum(math.log(d) for d in d_real) / 2 - expected
    assert float(discriminator_loss(REAL, GENERATED, "log")) == pytest.approx(expected, rel=1e-6)
    expected = ((0.5 - 1) ** 2 + (-3 - 1) ** 2) / 2
    assert float(generator_loss(GENERATED, "least-squares")) == pytest.approx(expected)
    expected = ((2 - 1) ** 2 + (-1 - 1) ** 2) / 2 + (0.5**2 + 3**2) / 2
    assert float(discriminator_loss(REAL, GENERATED, "least-squares")) == pytest.approx(expected)
    with pytest.raises(BadInput, match="adversarial hinge: expected log or least-squares"):
        generator_loss(REAL, "hinge")


@pytest.mark.parametrize("kind", ["log", "least-squares"])
def test_gradients_of_the_losses(kind):
    logits = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    step = 1e-4
    losses = (
        lambda x: generator_loss(x, kind),
        lambda x: discriminator_loss(x, logits.clone(), kind),
        lambda x: discriminator_loss(logits.clone(), x, kind),
    )
    for loss in losses:
        x = logits.clone().requires_grad_()
        loss(x).backward()
        for column in range(2):
            shift = torch.zeros_like(logits)
            shift[0, column] = 1e-2
            numeric = float(loss(logits + shift) - loss(logits - shift)) / 2e-2
            assert float(x.grad[0, column]) == pytest.approx(numeric, abs=step * 10)


@pytest.mark.parametrize(
    ("fields", "widths"),
    [
        ({"trunk": "resnet", "depth": 50, "channels": 8}, [256, 256, 256]),
        ({"trunk": "resnet", "depth": 18, "channels": 8}, [64, 64]),
        ({"trunk": "efficientnet-lite0"}, [192, 320, 1280]),
    ],
)
def test_features_merge_the_averages_of_the_last_stage_s_parts(fields, widths):
    torch.manual_seed(0)
    config = FeatureConfig(**fields, classes=5, embedding=12, height=64, width=32)
    network = MergedFeatureNetwork(config).eval()
    images = torch.rand(2, 3, 64, 32) * 2 - 1
    parts = network.trunk.last_parts((images / 2 + 0.5 - network.mean) / network.std)
    assert [part.shape[1] for part in parts] == widths == network.trunk.last_channels
    assert torch.equal(
        parts[-1], network.trunk.stages((images / 2 + 0.5 - network.mean) / network.std)[-1]
    )
    joined = torch.cat([part.flatten(2).mean(2) for part in parts], 1)
    linear, norm = network.merge[0], network.merge[1]
    expected = norm(joined @ linear.weight.T + linear.bias).clamp(min=0)
    torch.testing.assert_close(network.features(images), expected, atol=1e-5, rtol=1e-4)
    logits = network(images)
    torch.testing.assert_close(logits, expected @ network.classifier.weight.T, atol=1e-5, rtol=1e-4)


def test_the_paper_s_features_are_resnet_50_s_and_have_1024_numbers():
    """ResNet-50 without its classifier, a layer from 3 x 2048 to 1024, and a classifier of 751."""
    network = MergedFeatureNetwork(RECIPES["paper"].features)
    assert parameters(network.trunk) == 25_557_032 - 2_049_000
    assert network.merge[0].weight.shape == (1024, 3 * 2048)
    assert network.classifier.weight.shape == (751, 1024) and network.dropout.p == 0.5


def test_fusion_is_the_maximum_of_unit_vectors_of_unit_length():
    a, b = torch.tensor([[3.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.5, 0.0]])
    maximum = np.array([0.6, 1.0, 0.0])
    expected = maximum / np.linalg.norm(maximum)
    np.testing.assert_allclose(fused_features([a, b])[0].numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(fused_features([a])[0].numpy(), [0.6, 0.8, 0.0], rtol=1e-6)


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(BadInput, match="multiples of 4"):
        PoseGanConfig(height=130)
    with pytest.raises(BadInput, match="trunk vgg"):
        FeatureConfig(trunk="vgg")
