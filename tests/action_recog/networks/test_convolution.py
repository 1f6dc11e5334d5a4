"""Gradients of the networks' convolutions in bfloat16 on a CPU, against float32."""

from __future__ import annotations

import pytest
import torch

from action_recog.networks.convolution import ClipConvolution
from action_recog.networks.resnet3d import network


def gradients(layer: ClipConvolution, clips: torch.Tensor, *, bf16: bool) -> list[torch.Tensor]:
    """The output, and the gradients of the weights and of the clips."""
    layer.zero_grad()
    clips = clips.clone().contiguous(memory_format=torch.channels_last_3d).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        output = layer(clips)
    slope = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    output.float().backward(slope)
    return [output.detach().float(), layer.weight.grad.clone(), clips.grad]


def convolutions_with_input_shapes(frames: int, size: int) -> list[tuple[ClipConvolution, tuple]]:
    """Every kind of convolution of two networks, with the shape of what it meets there."""
    met = {}

    def record(layer, inputs):
        shape = (layer.kernel_size, layer.stride, layer.weight.shape, tuple(inputs[0].shape))
        met.setdefault(shape, (layer, tuple(inputs[0].shape)))

    for name in ("i3d-nl-r10", "c2d-r10"):
        torch.manual_seed(0)
        net = network(name, classes=3, frames=frames).to(memory_format=torch.channels_last_3d)
        for layer in net.modules():
            if isinstance(layer, ClipConvolution):
                layer.register_forward_pre_hook(record)
        with torch.no_grad():
            net(torch.randn(2, 3, frames, size, size))
    assert any(layer.kernel_size[0] == 5 for layer, _ in met.values())
    return list(met.values())


@pytest.mark.parametrize("size", [32, 40, 64])
@pytest.mark.parametrize("frames", range(1, 17))
def test_gradients_in_bfloat16_are_those_of_float32(frames, size):
    for layer, shape in convolutions_with_input_shapes(frames, size):
        clips = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        single = gradients(layer, clips, bf16=False)
        mixed = gradients(layer, clips, bf16=True)
        for value, expected in zip(mixed, single):
            error = float((value - expected).norm() / expected.norm())
            assert error < 0.01, (layer, shape, error)  # bfloat16 has 8 bits: 0.003 is usual
        assert all(map(torch.equal, mixed, gradients(layer, clips, bf16=True))), (layer, shape)


@pytest.mark.parametrize(
    ("kernel", "clip", "exceeds"),
    [
        ((5, 7, 7), (4, 32, 32), True),  # in time
        ((5, 7, 7), (5, 32, 32), False),
        ((1, 3, 3), (4, 1, 1), True),  # in space: here torch writes outside its memory
        ((1, 3, 3), (4, 3, 2), True),
        ((1, 3, 3), (1, 3, 3), False),
        ((1, 1, 1), (1, 1, 1), False),
    ],
)
def test_float32_is_for_kernels_longer_than_the_clip(kernel, clip, exceeds):
    layer = ClipConvolution(2, 4, kernel, padding=tuple(k // 2 for k in kernel))
    clips = torch.zeros(1, 2, *clip)
    assert layer.kernel_exceeds(clips) is exceeds
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(clips).dtype is (torch.float32 if exceeds else torch.bfloat16)
        assert layer(clips.bfloat16()).dtype is (torch.float32 if exceeds else torch.bfloat16)


def test_the_whole_network_learns_in_bfloat16_what_it_learns_in_float32():
    """Two frames of 32x32: nearly every layer is longer than its clip."""
    slopes = []
    for bf16 in (False, True):
        torch.manual_seed(0)
        net = network("i3d-nl-r10", classes=3, frames=2, dropout=0.0)
        clips = torch.randn(8, 3, 2, 32, 32)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = net(clips)
        torch.nn.functional.cross_entropy(logits.float(), torch.arange(8) % 3).backward()
        slopes.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert torch.cosine_similarity(*slopes, dim=0) > 0.95  # measured 0.968; wrong ones: NaN or 0
