import pytest
import torch
import torch.nn.functional as F

from action_recog.networks.resnet3d import DEPTHS, inflate_state, network, resnet3d


def _count(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_parameters_of_the_published_networks():
    # mmaction2's model zoo, 400 classes: I3D R50 28.0 M, with five non-local blocks 35.4 M
    assert round(_count(network("i3d-r50", classes=400)) / 1e6, 1) == 28.0
    assert round(_count(network("i3d-nl-r50", classes=400)) / 1e6, 1) == 35.4
    # C2D without its pooling in time is torchvision's ResNet-50 (25,557,032 with 1000 classes)
    assert _count(network("c2d-r50", classes=1000)) == 25_557_032


def test_places_of_the_five_blocks():
    blocks = network("i3d-nl-r50", classes=2).nonlocal_blocks
    assert list(blocks) == ["layer2_1", "layer2_3", "layer3_1", "layer3_3", "layer3_5"]
    assert [b.inner_channels for b in blocks.values()] == [256, 256, 512, 512, 512]


@pytest.mark.parametrize(("frames", "size", "time"), [(8, 64, 4), (32, 64, 4), (8, 96, 4)])
def test_time_and_space_seen_by_the_last_stage(frames, size, time):
    net = network("i3d-nl-r10", classes=5, frames=frames).eval()
    with torch.no_grad():
        assert net.features(torch.zeros(1, 3, frames, size, size)).shape[2:] == (
            time,
            size // 32,
            size // 32,
        )


@pytest.mark.parametrize("name", ["r10", "c2d-xx-r10", "c2d-nl-r34", "x3d-nl-r50", "c2d-nl-rten"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="expected trunk"):
        network(name, classes=2)


def _weights_2d(depth: int, channels: int) -> dict[str, torch.Tensor]:
    """Random 2D ResNet weights under torchvision's names."""
    net = resnet3d(classes=7, trunk="c2d", depth=depth, channels=channels, pairwise=None)
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, value in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        value = value[:, :, 0] if value.ndim == 5 else value
        random = torch.randn(value.shape, generator=generator)
        if value.ndim == 4:
            random = random * (2 / value[0].numel()) ** 0.5
        state[name] = random.abs() + 0.5 if name.endswith("running_var") else random
    return state


def _resnet_2d(state: dict[str, torch.Tensor], x: torch.Tensor, depth: int) -> torch.Tensor:
    """The 2D network, written from its definition: image (B,3,H,W) -> logits."""

    def bn(name, x):
        parts = [state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts)

    x = F.relu(bn("bn1", F.conv2d(x, state["conv1.weight"], stride=2, padding=3)))
    x = F.max_pool2d(x, 3, 2, 1)
    bottleneck, counts = DEPTHS[depth]
    for stage, count in enumerate(counts, start=1):
        for index in range(count):
            p, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
            if bottleneck:
                y = F.relu(bn(f"{p}.bn1", F.conv2d(x, state[f"{p}.conv1.weight"])))
                y = F.conv2d(y, state[f"{p}.conv2.weight"], stride=stride, padding=1)
                y = bn(f"{p}.bn3", F.conv2d(F.relu(bn(f"{p}.bn2", y)), state[f"{p}.conv3.weight"]))
            else:
                y = F.conv2d(x, state[f"{p}.conv1.weight"], stride=stride, padding=1)
                y = F.relu(bn(f"{p}.bn1", y))
                y = bn(f"{p}.bn2", F.conv2d(y, state[f"{p}.conv2.weight"], padding=1))
            if f"{p}.downsample.0.weight" in state:
                x = F.conv2d(x, state[f"{p}.downsample.0.weight"], stride=stride)
                x = bn(f"{p}.downsample.1", x)
            x = F.relu(x + y)
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


@pytest.mark.parametrize("depth", [10, 50])
@pytest.mark.parametrize("trunk", ["c2d", "i3d"])
def test_inflated_on_a_still_clip_equals_the_2d_network(trunk, depth):
    """Exact away from the ends of the clip, where the zero padding in time is seen."""
    state = _weights_2d(depth, 8)
    net = resnet3d(classes=7, trunk=trunk, depth=depth, channels=8).eval()
    net.load_state_dict(inflate_state(state, net, classifier=True))
    image = torch.randn(1, 3, 64, 64)
    frames = 8 if trunk == "c2d" else 48
    with torch.no_grad():
        found = net.features(image.unsqueeze(2).repeat(1, 1, frames, 1, 1))
        found = net.fc(found[:, :, found.shape[2] // 2].mean(dim=(2, 3)))
        expected = _resnet_2d(state, image, depth)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_inflation_names_what_does_not_fit():
    net = resnet3d(classes=7, depth=10, channels=8)
    state = _weights_2d(10, 8)
    del state["layer2.0.conv2.weight"]
    with pytest.raises(ValueError, match=r"layer2\.0\.conv2\.weight"):
        inflate_state(state, net)
    with pytest.raises(ValueError, match=r"conv1\.weight"):
        inflate_state(_weights_2d(10, 16), net)


def test_i3d_sees_the_order_of_frames_and_c2d_only_pairs():
    clip = torch.randn(1, 3, 8, 64, 64, generator=torch.Generator().manual_seed(1))
    for trunk, equal in (("c2d", True), ("i3d", False)):
        torch.manual_seed(0)
        net = resnet3d(classes=3, trunk=trunk, depth=10, channels=8).eval()
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                if name.endswith("bn2.weight"):
                    parameter.fill_(1.0)
            same = torch.allclose(net(clip), net(clip.flip(2)), atol=1e-5)
        assert same is equal
