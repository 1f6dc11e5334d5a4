"""SamplerNet, RefinerNet and their discriminator: shapes, sampling, gradients."""

from __future__ import annotations

import dataclasses
import resource

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.layers.residual import PatchCritic, ResidualBlock
from textures.sampler_refiner.networks import (
    RefinerNet,
    SamplerNet,
    SamplerRefinerConfig,
    identity_grid,
    sampled_texture,
)

TINY = SamplerRefinerConfig(
    texture_size=32,
    sampler_channels=4,
    sampler_levels=3,
    refiner_channels=4,
    refiner_levels=2,
    refiner_blocks=2,
    critic_channels=4,
    critic_layers=2,
)


def inputs(config, batch=2):
    rng = torch.Generator().manual_seed(0)
    size = config.texture_size
    colours = torch.rand(batch, 3, size, size, generator=rng) * 2 - 1
    filled = (torch.rand(batch, 1, size, size, generator=rng) > 0.5).float()
    normals = torch.nn.functional.normalize(torch.randn(1, 3, size, size, generator=rng), dim=1)
    return colours * filled, filled, normals


def test_the_paper_s_networks_have_its_shapes_and_take_a_step_in_little_memory():
    """256 texels, 1024 channels at 8x8, nine residual blocks at 32x32; one forward and backward."""
    config = SamplerRefinerConfig()
    colours, filled, normals = inputs(config, 1)
    sampler, refiner, critic = (
        SamplerNet(config),
        RefinerNet(config),
        PatchCritic(config.critic_channels, config.critic_layers),
    )
    shapes = {}
    sampler.appearance[-1].register_forward_hook(lambda m, x, y: shapes.update(bottom=y.shape))
    refiner.bottleneck.register_forward_hook(lambda m, x, y: shapes.update(bottleneck=y.shape))
    grid = sampler(colours, filled, normals)
    refined, mask = refiner(sampled_texture(colours, grid), filled)
    judged = critic(refined)
    assert grid.shape == (1, 256, 256, 2)
    assert refined.shape == (1, 3, 256, 256) and mask.shape == (1, 1, 256, 256)
    assert shapes == {"bottom": (1, 1024, 8, 8), "bottleneck": (1, 512, 32, 32)}
    assert sum(isinstance(m, ResidualBlock) for m in refiner.modules()) == 9
    assert [x.shape[1] for x in judged] == [64, 128, 256, 512, 1]
    (judged[-1].mean() + mask.mean()).backward()
    assert all(p.grad is not None for p in (*sampler.parameters(), *refiner.parameters()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 * 2**20  # KiB: 8 GiB


def test_the_identity_grid_samples_the_identity():
    textures = torch.rand(2, 3, 32, 32)
    grid = identity_grid(32, textures.device).expand(2, -1, -1, -1)
    assert torch.allclose(sampled_texture(textures, grid), textures, atol=1e-5)
    shifted = grid.clone()
    shifted[..., 0] += 2 / 31  # one texel to the right
    assert torch.allclose(
        sampled_texture(textures, shifted)[..., :-1], textures[..., 1:], atol=1e-5
    )


def test_a_sampler_whose_last_layer_is_zero_gives_the_identity_and_no_offset_is_longer_than_one():
    sampler = SamplerNet(TINY)
    colours, filled, normals = inputs(TINY)
    grid = sampler(colours, filled, normals)
    assert ((grid - identity_grid(32, grid.device)).abs() <= 1).all()
    for parameter in sampler.leave.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(
        sampler(colours, filled, normals), identity_grid(32, grid.device).expand(2, 32, 32, 2)
    )


def test_the_grid_is_in_single_precision_where_the_network_is_in_half():
    """bfloat16 has 8 bits: a grid of it would jump from texel to texel."""
    sampler = SamplerNet(TINY)
    with torch.autocast("cpu", torch.bfloat16):
        grid = sampler(*inputs(TINY))
        texture = sampled_texture(inputs(TINY)[0].bfloat16(), grid)
    assert grid.dtype == texture.dtype == torch.float32
    assert len(torch.unique(grid)) > 1000


def test_the_refiner_s_textures_and_masks_are_within_their_ranges():
    refiner = RefinerNet(TINY)
    colours, filled, _ = inputs(TINY)
    refined, mask = refiner(colours, filled)
    assert refined.abs().max() <= 1 and 0 <= mask.min() <= mask.max() <= 1
    other, _ = refiner(colours, 1 - filled)
    assert not torch.equal(refined, other)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    sampler, refiner = SamplerNet(TINY).double(), RefinerNet(TINY).double()
    colours, filled, normals = (x.double() for x in inputs(TINY, 1))
    target = torch.rand_like(colours)

    def refinement():
        refined, mask = refiner(colours, filled)
        return (colours * mask + refined * (1 - mask)).sub(target).sum()

    def offsets():
        weights = torch.linspace(0, 1, 32 * 32 * 2).view(1, 32, 32, 2)
        return (sampler(colours, filled, normals) * weights).sum()

    for loss, parameter in ((refinement, refiner.leave.weight), (offsets, sampler.leave.bias)):
        (gradient,) = torch.autograd.grad(loss(), parameter)
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            before = parameter.clone()
            parameter.copy_(before + 1e-5 * direction)
            above = loss().item()
            parameter.copy_(before - 1e-5 * direction)
            below = loss().item()
            parameter.copy_(before)
        expected = float((gradient * direction).sum())
        assert (above - below) / 2e-5 == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"texture_size": 40}, "textures of 40 texels: halved 3 times by sampler_levels"),
        ({"refiner_levels": 0}, "refiner_levels 0: expected 1 or more"),
        ({"partial": "guessed"}, "networks.partial guessed: expected visible or reflected"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(fields, message):
    with pytest.raises(BadInput, match=message):
        dataclasses.replace(TINY, **fields)


def test_a_sampled_texture_is_differentiable_in_the_grid():
    line = torch.linspace(-1, 1, 8, dtype=torch.float32)
    ramp = line.expand(1, 3, 8, 8).contiguous()  # each texel's colour is its x
    grid = identity_grid(8, ramp.device).clone() * 0.9
    grid.requires_grad_()
    sampled = sampled_texture(ramp, grid)
    assert np.allclose(sampled.detach()[0, 0], grid.detach()[0, ..., 0], atol=1e-5)
    sampled.sum().backward()
    assert torch.allclose(grid.grad[..., 0], torch.full((1, 8, 8), 3.0), atol=1e-3)
    assert torch.allclose(grid.grad[..., 1], torch.zeros(1, 8, 8), atol=1e-3)
