"""DDFF's attention and networks: oracles, shapes, variants, gradients."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from mocap.errors import BadInput
from textures.ddff.attention import (
    LocalAttention,
    identity_positions,
    local_patches,
    merged,
    warped,
)
from textures.ddff.networks import JOINTS, LINKS, DdffConfig, DualDomainNetwork, pose_maps

TINY = DdffConfig(
    height=32,
    width=16,
    texture_size=32,
    hallucinations=2,
    channels=4,
    most_channels=8,
    levels=2,
    attention_levels=2,
    flow_channels=4,
    flow_levels=2,
    critic_channels=4,
    critic_layers=2,
)


def poses(config, count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    heat = torch.rand(count, JOINTS, config.height, config.width, generator=rng)
    size = config.texture_size
    coordinates = torch.rand(count, size, size, 2, generator=rng) * 2 - 1
    visible = (torch.rand(count, 1, size, size, generator=rng) > 0.5).float()
    return pose_maps(heat, coordinates, visible)


def pictures(config, count):
    rng = torch.Generator().manual_seed(9)
    return torch.rand(count, 3, config.height, config.width, generator=rng) * 2 - 1


def test_patches_at_the_identity_are_the_neighbours():
    features = torch.rand(2, 3, 8, 6)
    positions = identity_positions(8, 6, features.device).expand(2, -1, -1, -1)
    assert torch.allclose(warped(features, positions), features, atol=1e-5)
    padded = functional.pad(features, (1, 1, 1, 1), mode="replicate")
    expected = functional.unfold(padded, 3).view(2, 3, 9, 8, 6)
    assert torch.allclose(local_patches(features, positions, 3), expected, atol=1e-5)


def test_patches_follow_the_flow_into_features_of_another_size():
    features = torch.rand(1, 2, 12, 10)
    positions = torch.zeros(1, 3, 2, 2)
    positions[..., 0], positions[..., 1] = (4.5 * 2 / 10 - 1), (7.5 * 2 / 12 - 1)  # row 7, column 4
    patches = local_patches(features, positions, 3)
    expected = features[:, :, 6:9, 3:6].reshape(1, 2, 9, 1, 1).expand(-1, -1, -1, 3, 2)
    assert torch.allclose(patches, expected, atol=1e-5)


def test_attention_is_a_weighted_mean_of_the_patch_written_out():
    torch.manual_seed(0)
    attention = LocalAttention(4, 3)
    query, key = torch.rand(1, 4, 5, 5), torch.rand(1, 4, 7, 6)
    positions = torch.rand(1, 5, 5, 2) - 0.5
    looked = attention(query, key, positions)
    identity = identity_positions(5, 5, query.device)
    asking = local_patches(query, identity, 3)[0, :, :, 2, 3]
    asked = local_patches(key, positions, 3)[0, :, :, 2, 3]
    first, _, second = attention.weigh
    hidden = first.weight[:, :, 0, 0] @ torch.cat([asking.flatten(), asked.flatten()]) + first.bias
    logits = second.weight[:, :, 0, 0] @ functional.leaky_relu(hidden, 0.1) + second.bias
    expected = asked @ logits.softmax(0)
    assert torch.allclose(looked[0, :, 2, 3], expected, atol=1e-5)
    assert key.min() - 1e-5 <= looked.min() and looked.max() <= key.max() + 1e-5


def test_attention_to_other_widths_and_the_mask_of_equation_2():
    attention = LocalAttention(4, 3, key_channels=6)
    looked = attention(torch.rand(2, 4, 5, 5), torch.rand(2, 6, 3, 3), torch.zeros(2, 5, 5, 2))
    query = torch.rand(2, 4, 5, 5)
    mask = torch.zeros(2, 1, 5, 5)
    assert torch.equal(merged(query, looked, mask), query)
    assert torch.equal(merged(query, looked, mask + 1), looked)


def test_gradients_of_attention_are_those_of_finite_differences():
    torch.manual_seed(1)
    attention = LocalAttention(2, 3).double()
    query, key = torch.rand(2, 1, 2, 4, 4, dtype=torch.double)
    positions = (torch.rand(1, 4, 4, 2, dtype=torch.double) - 0.5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda q, k, p: attention(q, k, p),
        (query.requires_grad_(), key.requires_grad_(), positions),
        atol=1e-4,
    )


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("hallucinations", [1, 2])
def test_every_variant_generates_textures_and_pictures_and_trains_all_of_its_weights(
    links, hallucinations
):
    config = dataclasses.replace(TINY, links=links, hallucinations=hallucinations)
    torch.manual_seed(0)
    network = DualDomainNetwork(config)
    targets = poses(config, 4, seed=3).heat
    outputs = network(
        pictures(config, 2), poses(config, 2), poses(config, 2 * hallucinations, 1), targets
    )
    assert outputs.texture.shape == (2, 3, 32, 32) and outputs.texture.abs().max() <= 1
    assert outputs.hallucinations.images.shape == (2 * hallucinations, 3, 32, 16)
    assert outputs.targets.images.shape == (4, 3, 32, 16)
    assert set(outputs.targets.source_flows) == {2, 1}
    linked = links in ("full", "image-to-texture")
    assert set(outputs.image_flows) == ({2, 1} if linked else {2})
    assert all(len(flow.positions) == 2 for flow in outputs.image_flows.values())
    looks = links in ("full", "texture-to-image")
    assert set(outputs.targets.texture_flows) == ({2, 1} if looks else set())
    total = outputs.texture.square().mean() + outputs.targets.images.square().mean()
    (total + outputs.hallucinations.images.square().mean()).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert not idle


def test_the_domains_hear_of_each_other_only_where_they_are_linked():
    """Other hallucinated poses change the texture where it sees pictures; another constant changes the
    pictures where they see the texture."""
    for links in LINKS:
        config = dataclasses.replace(TINY, links=links)
        torch.manual_seed(0)
        network = DualDomainNetwork(config).eval()
        source, pose = pictures(config, 1), poses(config, 1)
        heat = poses(config, 1, seed=5).heat
        with torch.no_grad():
            first = network(source, pose, poses(config, 2, 1), heat)
            second = network(source, pose, poses(config, 2, 2), heat)
            network.constant += torch.randn_like(network.constant)
            third = network(source, pose, poses(config, 2, 1), heat)
        sees_images = not torch.allclose(first.texture, second.texture, atol=1e-7)
        sees_texture = not torch.allclose(first.targets.images, third.targets.images, atol=1e-7)
        assert sees_images == (links in ("full", "image-to-texture")), links
        assert sees_texture == (links in ("full", "texture-to-image")), links


def test_the_unlinked_texture_still_looks_at_the_source_picture():
    config = dataclasses.replace(TINY, links="independent")
    torch.manual_seed(0)
    network = DualDomainNetwork(config).eval()
    with torch.no_grad():
        pair = [
            network(picture, poses(config, 1), poses(config, 2, 1)).texture
            for picture in (pictures(config, 1), -pictures(config, 1))
        ]
    assert not torch.allclose(*pair, atol=1e-7)


def test_the_texture_pose_is_the_pose_where_texels_look():
    maps = poses(TINY, 2)
    x = ((maps.coordinates[0, 3, 7, 0] + 1) / 2 * TINY.width - 0.5).item()
    y = ((maps.coordinates[0, 3, 7, 1] + 1) / 2 * TINY.height - 0.5).item()
    x, y = np.clip(x, 0, TINY.width - 1), np.clip(y, 0, TINY.height - 1)
    heat = maps.heat[0].numpy()
    i, j = int(min(y, TINY.height - 2)), int(min(x, TINY.width - 2))
    a, b = y - i, x - j
    expected = (
        heat[:, i, j] * (1 - a) * (1 - b)
        + heat[:, i, j + 1] * (1 - a) * b
        + heat[:, i + 1, j] * a * (1 - b)
        + heat[:, i + 1, j + 1] * a * b
    ) * maps.visible[0, 0, 3, 7].item()
    assert np.allclose(maps.texture_heat[0, :, 3, 7], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"links": "none"}, "networks.links none: expected one of full"),
        ({"hallucinations": 5}, "networks.hallucinations 5: expected 1 to 4"),
        ({"levels": 3}, "2 attention_levels of 3 levels, 2 flow_levels"),
        ({"width": 20}, "networks.width 20: halved 2 times"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(fields, message):
    with pytest.raises(BadInput, match=message):
        dataclasses.replace(TINY, **fields)
