import re

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from action_recog.networks.architectures import DEPTHS
from action_recog.networks.cost import network_cost
from action_recog.networks.resnet3d import inflate_state, network, resnet3d


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


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("c2d-nl-r10", [(3, 0), (4, 0)]),
        ("c2d-nl-r18", [(3, 1), (4, 1)]),
        ("c2d-nl-r34", [(3, 1), (3, 3), (4, 1), (4, 3), (4, 5)]),
        # resnet_video.py of the authors: every second block of res3, every seventh of res4
        ("c2d-nl-r101", [(3, 1), (3, 3), (4, 6), (4, 13), (4, 20)]),
        ("c2d-nl=10-r50", [(3, i) for i in range(4)] + [(4, i) for i in range(6)]),
        ("c2d-nl=4.5,2.0,5.2-r50", [(2, 0), (4, 5), (5, 2)]),
    ],
)
def test_blocks_sit_where_the_name_says(name, positions):
    with torch.device("meta"):
        blocks = network(name, classes=2).nonlocal_blocks
    assert list(blocks) == [f"layer{stage - 1}_{index}" for stage, index in positions]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("c2d-nl=3.4-r50", "3.4: ResNet-50 has 2.0 to 2.2, 3.0 to 3.3"),
        ("c2d-nl=1.0-r50", "1.0"),
        ("c2d-nl=6.0-r50", "6.0"),
        ("c2d-nl=7-r50", "5 or 10"),
        ("c2d-nl=3.1,3.1-r50", "twice"),
        ("c2d-nl=3.-r50", "places as 3.1,4.5"),
        ("c2d-nl=3.1.2-r50", "places as 3.1,4.5"),
        ("c2d-r50@caffe", "one of paper, video-nonlocal-net"),
        ("c2d=3.1-r50", "expected trunk"),
    ],
)
def test_blocks_that_a_network_lacks_are_refused(name, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        network(name, classes=2)


# Parameters with 1000 classes and billions of multiply-adds for a picture of 224 pixels, as torchvision
# prints for its ImageNet weights.
TORCHVISION = {
    18: (11_689_512, 1.81),
    34: (21_797_672, 3.66),
    50: (25_557_032, 4.09),
    101: (44_549_160, 7.80),
}
# Parameters with 400 classes and billions of multiply-adds of one clip, with frames and pixels.
VIDEO_ZOOS = [
    # facebookresearch/pytorchvideo, docs/source/model_zoo.md: 25.89 and 37.53 G, 24.33 and 28.04 M
    ("c2d-r50@pytorchvideo", 8, 256, 24_330_000, 25.89),
    ("i3d-r50@pytorchvideo", 8, 256, 28_040_000, 37.53),
    # open-mmlab/mmaction2, configs/recognition/i3d: README.md (43.5 and 59.3 G), metafile.yml
    # (parameters; its blocks have no bias in their last convolution, 4,096 numbers)
    ("i3d-r50@mmaction2", 32, 256, 28_043_472, 43.5),
    ("i3d-nl-r50@mmaction2", 32, 256, 35_397_840, 59.3),
    # SlowFast paper (arXiv 1812.03982), table 2: 282 G for the non-local network on 128 frames
    ("i3d-nl-r50", 128, 256, None, 282),
]


@pytest.mark.parametrize("depth", TORCHVISION)
def test_c2d_on_one_frame_costs_what_torchvisions_network_costs(depth):
    parameters, billions = TORCHVISION[depth]
    with torch.device("meta"):
        cost = network_cost(network(f"c2d-r{depth}", classes=1000), frames=1, size=224)
    assert cost.parameters == parameters
    assert round(cost.multiply_adds / 1e9, 2) == billions


@pytest.mark.parametrize(("name", "frames", "size", "parameters", "billions"), VIDEO_ZOOS)
def test_costs_of_the_published_video_networks(name, frames, size, parameters, billions):
    with torch.device("meta"):
        cost = network_cost(network(name, classes=400, frames=frames), frames=frames, size=size)
    if parameters:
        assert cost.parameters == pytest.approx(parameters, rel=2e-4)
    # the zoos' counters add batch normalisation, ReLU and pooling, about 1 %
    assert cost.multiply_adds / 1e9 == pytest.approx(billions, rel=0.02)


def test_the_published_cost_of_r101_has_three_temporal_kernels_in_res4():
    """SlowFast's table 2: 359 G for the non-local ResNet-101 on 128 frames of 256 pixels; ours has 378.

    Of the 23 blocks of res4 every other one has a 3x1x1 convolution in the non-local authors' code, and
    so here: twelve. 359 is what three cost: PySlowFast gives temporal kernels to the first six blocks of
    res4 alone (NUM_BLOCK_TEMP_KERNEL), as many as ResNet-50 has. A convolution 1024 -> 256 on 16x16x16
    positions is 1.074 G a temporal tap; two taps fewer in nine blocks are 19.3 G: 378.4 - 19.3 = 359.1.
    ResNet-50, to which nothing of it applies, costs 281.5 for their 282.
    """
    with torch.device("meta"):
        net = network("i3d-nl-r101", classes=400, frames=128)
        ours = network_cost(net, frames=128, size=256).multiply_adds
        temporal = [n for n, block in enumerate(net.layer3) if block.conv1.kernel_size[0] == 3]
        assert temporal == list(range(0, 23, 2))
        for number in temporal[3:]:
            net.layer3[number].conv1 = torch.nn.Conv3d(1024, 256, 1, bias=False)
        published = network_cost(net, frames=128, size=256).multiply_adds
    assert round(ours / 1e9) == 378 and round(published / 1e9) == 359
    assert ours - published == 9 * 2 * (1024 * 256 * 16 * 16 * 16)


@pytest.mark.parametrize("name", ["i3d-nl-r10", "i3d-r10", "c2d-nl=3.0,5.0-r10"])
def test_multiply_adds_are_half_the_flops_that_torch_counts(name):
    net = network(name, classes=5).eval()
    written_out = sdpa_kernel(SDPBackend.MATH)  # torch does not count its fused attention on a CPU
    with torch.no_grad(), written_out, FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, 8, 64, 64))
    assert network_cost(net, frames=8, size=64).multiply_adds == counter.get_total_flops() // 2


@pytest.mark.parametrize("pairwise", ["embedded", "gaussian", "dot", "concatenation"])
def test_blocks_put_into_a_trained_network_leave_its_output_and_then_learn(pairwise):
    torch.manual_seed(0)
    net = resnet3d(classes=3, trunk="c2d", depth=18, channels=8, pairwise=None).eval()
    clip = torch.randn(2, 3, 4, 32, 32)
    before = net(clip)
    net.insert_nonlocal_blocks(((2, 0), (3, 1), (5, 1)), pairwise=pairwise)
    assert not any(module.training for module in net.modules())
    assert torch.equal(net(clip), before)
    net(clip).sum().backward()
    for block in net.nonlocal_blocks.values():
        assert block.bn.weight.grad.abs().max() > 0
    with pytest.raises(ValueError, match=r"after 3\.1 already"):
        net.insert_nonlocal_blocks(((3, 1),), pairwise=pairwise)


@pytest.mark.parametrize(("frames", "size", "time"), [(8, 64, 4), (32, 64, 4), (8, 96, 4)])
def test_time_and_space_seen_by_the_last_stage(frames, size, time):
    net = network("i3d-nl-r10", classes=5, frames=frames).eval()
    with torch.no_grad():
        assert net.features(torch.zeros(1, 3, frames, size, size)).shape[2:] == (
            time,
            size // 32,
            size // 32,
        )


@pytest.mark.parametrize("name", ["r10", "c2d-xx-r10", "c2d-nl-r35", "x3d-nl-r50", "c2d-nl-rten"])
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
    bottleneck, counts, _ = DEPTHS[depth]
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


@pytest.mark.parametrize("depth", [10, 18, 34, 50, 101])
@pytest.mark.parametrize("trunk", ["c2d", "i3d"])
def test_inflated_on_a_still_clip_equals_the_2d_network(trunk, depth):
    """Exact away from the ends of the clip, where the zero padding in time is seen."""
    state = _weights_2d(depth, 8)
    net = resnet3d(classes=7, trunk=trunk, depth=depth, channels=8).eval()
    net.load_state_dict(inflate_state(state, net, classifier=True))
    image = torch.randn(1, 3, 64, 64)
    frames = 8 if trunk == "c2d" else 96 if depth == 101 else 48
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
    with pytest.raises(ValueError, match=r"no parameter layer1\.1\.conv1\.weight"):
        inflate_state(_weights_2d(18, 8), net)


def test_a_state_over_clips_brings_its_non_local_blocks():
    torch.manual_seed(1)
    source = resnet3d(classes=4, depth=18, channels=8, positions=((3, 1),))
    with torch.no_grad():
        for block in source.nonlocal_blocks.values():
            block.bn.weight.normal_()
    target = resnet3d(classes=7, depth=18, channels=8, positions=((3, 1), (4, 0)))
    target.load_state_dict(inflate_state(source.state_dict(), target))
    clip = torch.randn(1, 3, 8, 32, 32)
    assert torch.equal(target.eval().features(clip), source.eval().features(clip))
    with pytest.raises(ValueError, match=r"no parameter nonlocal_blocks\.layer2_1"):
        inflate_state(source.state_dict(), resnet3d(classes=4, depth=18, channels=8, pairwise=None))


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
