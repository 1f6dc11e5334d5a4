"""Published networks written from their publishers' definitions, in the publishers' names and shapes.

Nothing of ours is imported: each function computes the logits of one network step by step from
`Parameters`, which makes every array, at random, when the definition first asks for it. Afterwards
`Parameters.arrays` is a state dict of published names and shapes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

COUNTS = {50: (3, 4, 6, 3)}


class Parameters:
    """Arrays by name, made when first asked for; always the same for one seed.

    `projection` scales the kernels of theta, phi and g: without a softmax their products grow fast.
    """

    def __init__(self, seed: int = 0, projection: float = 1.0) -> None:
        self.projection = projection
        self.generator = torch.Generator().manual_seed(seed)
        self.arrays: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int, kind: str = "kernel") -> Tensor:
        assert name not in self.arrays, name
        value = torch.randn(shape, generator=self.generator)
        if kind == "kernel":
            value *= (2 / value[0].numel()) ** 0.5
        elif kind == "projection":
            value *= self.projection * (1 / value[0].numel()) ** 0.5
        elif kind == "variance":
            value = value.abs() + 0.5
        elif kind == "gain":
            value = 0.7 + 0.2 * value
        elif kind == "shift":
            value *= 0.2
        self.arrays[name] = value
        return value

    def norm(self, names: list[str], x: Tensor) -> Tensor:
        """Batch normalisation: names of gain and shift, and mean and variance if any."""
        channels = x.shape[1]
        gain = self(names[0], channels, kind="gain")
        shift = self(names[1], channels, kind="shift")
        if len(names) == 2:  # frozen to an affine map
            return x * gain.view(-1, 1, 1, 1) + shift.view(-1, 1, 1, 1)
        mean = self(names[2], channels, kind="shift")
        variance = self(names[3], channels, kind="variance")
        return F.batch_norm(x, mean, variance, gain, shift)


def torch_norm(p: Parameters, name: str, x: Tensor) -> Tensor:
    ends = ("weight", "bias", "running_mean", "running_var")
    y = p.norm([f"{name}.{end}" for end in ends], x)
    p.arrays[f"{name}.num_batches_tracked"] = torch.tensor(7)
    return y


def span(trunk: str, stage: int, index: int) -> int:
    """Frames of a block's first kernel: all of res2, every second of res3 and res4, res5's second."""
    if trunk == "c2d":
        return 1
    return (
        3 if (stage == 2 or (stage in (3, 4) and index % 2 == 0) or (stage, index) == (5, 1)) else 1
    )


def has_block(nonlocal_blocks: bool, stage: int, index: int) -> bool:
    return nonlocal_blocks and stage in (3, 4) and index % 2 == 1


def attention(
    theta: Tensor, phi: Tensor, g: Tensor, *, scale: float, softmax: bool = True
) -> Tensor:
    """Weighted sum over all positions of phi's map, per position of theta's."""
    batch, _, *shape = theta.shape
    scores = torch.einsum("bcn,bcm->bnm", theta.flatten(2), phi.flatten(2)) * scale
    weights = scores.softmax(2) if softmax else scores / scores.shape[2]
    return torch.einsum("bnm,bcm->bcn", weights, g.flatten(2)).reshape(batch, g.shape[1], *shape)


def pyslowfast(
    p: Parameters, x: Tensor, *, trunk: str, nonlocal_blocks: bool, softmax=True
) -> Tensor:
    """slowfast/models: video_model_builder.ResNet with ResNetBasicStem, ResStage and Nonlocal."""
    frames = 5 if trunk == "i3d" else 1
    kernel = p("s1.pathway0_stem.conv.weight", 64, 3, frames, 7, 7)
    x = F.conv3d(x, kernel, stride=(1, 2, 2), padding=(frames // 2, 3, 3))
    x = F.relu(torch_norm(p, "s1.pathway0_stem.bn", x))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, count in enumerate(COUNTS[50], start=2):
        inner = 64 * 2 ** (stage - 2)
        for index in range(count):
            name, stride = f"s{stage}.pathway0_res{index}", 2 if stage > 2 and index == 0 else 1
            t = span(trunk, stage, index)
            y = F.conv3d(
                x, p(f"{name}.branch2.a.weight", inner, x.shape[1], t, 1, 1), padding=(t // 2, 0, 0)
            )
            y = F.relu(torch_norm(p, f"{name}.branch2.a_bn", y))
            kernel = p(f"{name}.branch2.b.weight", inner, inner, 1, 3, 3)
            y = F.conv3d(y, kernel, stride=(1, stride, stride), padding=(0, 1, 1))
            y = F.relu(torch_norm(p, f"{name}.branch2.b_bn", y))
            y = F.conv3d(y, p(f"{name}.branch2.c.weight", inner * 4, inner, 1, 1, 1))
            y = torch_norm(p, f"{name}.branch2.c_bn", y)
            if index == 0:
                kernel = p(f"{name}.branch1.weight", inner * 4, x.shape[1], 1, 1, 1)
                x = torch_norm(
                    p, f"{name}.branch1_bn", F.conv3d(x, kernel, stride=(1, stride, stride))
                )
            x = F.relu(x + y)
            if has_block(nonlocal_blocks, stage, index):
                name, c = f"s{stage}.pathway0_nonlocal{index}", inner * 2
                pooled = F.max_pool3d(x, (1, 2, 2), (1, 2, 2))
                maps = []
                for layer, source in (("theta", x), ("phi", pooled), ("g", pooled)):
                    shape = (c, x.shape[1], 1, 1, 1)
                    kernel = p(f"{name}.conv_{layer}.weight", *shape, kind="projection")
                    bias = p(f"{name}.conv_{layer}.bias", c, kind="shift")
                    maps.append(F.conv3d(source, kernel, bias))
                y = attention(*maps, scale=c**-0.5 if softmax else 1.0, softmax=softmax)
                bias = p(f"{name}.conv_out.bias", c * 2, kind="shift")
                y = F.conv3d(y, p(f"{name}.conv_out.weight", c * 2, c, 1, 1, 1), bias)
                x = x + torch_norm(p, f"{name}.norm", y)
        if stage == 2:
            x = F.max_pool3d(x, (2, 1, 1))
    weight = p("head.projection.weight", 400, 2048)
    return F.linear(x.mean((2, 3, 4)), weight, p("head.projection.bias", 400, kind="shift"))


def pytorchvideo(p: Parameters, x: Tensor, *, trunk: str) -> Tensor:
    """pytorchvideo/models/resnet.py: create_resnet as the hub's i3d_r50 and c2d_r50 call it."""
    frames = 5 if trunk == "i3d" else 1
    kernel = p("blocks.0.conv.weight", 64, 3, frames, 7, 7)
    x = F.conv3d(x, kernel, stride=(1, 2, 2), padding=(frames // 2, 3, 3))
    x = F.relu(torch_norm(p, "blocks.0.norm", x))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, block, count in zip((2, 3, 4, 5), (1, 3, 4, 5), COUNTS[50]):
        inner = 64 * 2 ** (stage - 2)
        for index in range(count):
            name, stride = (
                f"blocks.{block}.res_blocks.{index}",
                2 if stage > 2 and index == 0 else 1,
            )
            t = span(trunk, stage, index)
            y = x
            kernels = (
                (inner, x.shape[1], t, 1, 1),
                (inner, inner, 1, 3, 3),
                (4 * inner, inner, 1, 1, 1),
            )
            for letter, shape in zip("abc", kernels):
                steps = (1, stride, stride) if letter == "b" else 1
                kernel = p(f"{name}.branch2.conv_{letter}.weight", *shape)
                y = F.conv3d(y, kernel, stride=steps, padding=tuple(n // 2 for n in shape[2:]))
                y = torch_norm(p, f"{name}.branch2.norm_{letter}", y)
                y = y if letter == "c" else F.relu(y)
            if index == 0:
                kernel = p(f"{name}.branch1_conv.weight", inner * 4, x.shape[1], 1, 1, 1)
                shortcut = F.conv3d(x, kernel, stride=(1, stride, stride))
                x = torch_norm(p, f"{name}.branch1_norm", shortcut)
            x = F.relu(x + y)
        if stage == 2:
            x = F.max_pool3d(x, (2, 1, 1))
    weight = p("blocks.6.proj.weight", 400, 2048)
    return F.linear(x.mean((2, 3, 4)), weight, p("blocks.6.proj.bias", 400, kind="shift"))


def mmaction2(p: Parameters, x: Tensor, *, mode: str | None) -> Tensor:
    """mmaction2's ResNet3d as configured for I3D, with mmcv's NonLocal3d (sub_sample, no scale)."""
    x = F.conv3d(x, p("backbone.conv1.conv.weight", 64, 3, 5, 7, 7), stride=2, padding=(2, 3, 3))
    x = F.relu(torch_norm(p, "backbone.conv1.bn", x))
    x = F.max_pool3d(x, (1, 3, 3), (2, 2, 2), (0, 1, 1))
    for stage, count in enumerate(COUNTS[50], start=2):
        inner = 64 * 2 ** (stage - 2)
        for index in range(count):
            name, stride = (
                f"backbone.layer{stage - 1}.{index}",
                2 if stage > 2 and index == 0 else 1,
            )
            t = span("i3d", stage, index)
            kernel = p(f"{name}.conv1.conv.weight", inner, x.shape[1], t, 1, 1)
            y = F.relu(
                torch_norm(p, f"{name}.conv1.bn", F.conv3d(x, kernel, padding=(t // 2, 0, 0)))
            )
            kernel = p(f"{name}.conv2.conv.weight", inner, inner, 1, 3, 3)
            y = F.conv3d(y, kernel, stride=(1, stride, stride), padding=(0, 1, 1))
            y = F.relu(torch_norm(p, f"{name}.conv2.bn", y))
            y = F.conv3d(y, p(f"{name}.conv3.conv.weight", inner * 4, inner, 1, 1, 1))
            y = torch_norm(p, f"{name}.conv3.bn", y)
            if index == 0:
                kernel = p(f"{name}.downsample.conv.weight", inner * 4, x.shape[1], 1, 1, 1)
                shortcut = F.conv3d(x, kernel, stride=(1, stride, stride))
                x = torch_norm(p, f"{name}.downsample.bn", shortcut)
            x = F.relu(x + y)
            if mode and has_block(True, stage, index):
                x = x + _mmcv_nonlocal(p, f"{name}.non_local_block", x, mode)
        if stage == 2:
            x = F.max_pool3d(x, (2, 1, 1))
    weight = p("cls_head.fc_cls.weight", 400, 2048)
    return F.linear(x.mean((2, 3, 4)), weight, p("cls_head.fc_cls.bias", 400, kind="shift"))


def _mmcv_nonlocal(p: Parameters, name: str, x: Tensor, mode: str) -> Tensor:
    c = x.shape[1] // 2

    def projection(layer: str) -> Tensor:
        kernel = p(f"{name}.{layer}.conv.weight", c, x.shape[1], 1, 1, 1, kind="projection")
        return F.conv3d(x, kernel, p(f"{name}.{layer}.conv.bias", c, kind="shift"))

    g = F.max_pool3d(projection("g.0"), (1, 2, 2))
    if mode == "gaussian":
        theta, phi = x, F.max_pool3d(x, (1, 2, 2))
    else:
        theta, phi = projection("theta"), F.max_pool3d(projection("phi.0"), (1, 2, 2))
    if mode == "concatenation":
        w_f = p(f"{name}.concat_project.conv.weight", 1, 2 * c, 1, 1)
        rows, columns = theta.flatten(2), phi.flatten(2)
        n, m = rows.shape[2], columns.shape[2]
        pairs = torch.cat(
            [rows[..., None].expand(-1, -1, n, m), columns[:, :, None].expand(-1, -1, n, m)], dim=1
        )
        weights = F.relu(F.conv2d(pairs, w_f))[:, 0] / m
        y = torch.einsum("bnm,bcm->bcn", weights, g.flatten(2)).reshape(len(x), c, *x.shape[2:])
    else:
        y = attention(theta, phi, g, scale=1.0, softmax=mode != "dot_product")
    y = F.conv3d(y, p(f"{name}.conv_out.conv.weight", 2 * c, c, 1, 1, 1))
    return torch_norm(p, f"{name}.conv_out.bn", y)


def video_nonlocal_net(p: Parameters, x: Tensor, *, long: bool, affine: bool) -> Tensor:
    """The authors' resnet_video.py, or resnet_video_org.py where `long`, as Caffe2 names its blobs."""

    def norm(name: str, x: Tensor) -> Tensor:
        return p.norm(
            [f"{name}_bn_{end}" for end in (("s", "b") if affine else ("s", "b", "rm", "riv"))], x
        )

    time = 2 if long else 1
    x = F.conv3d(x, p("conv1_w", 64, 3, 5, 7, 7), stride=(time, 2, 2), padding=(2, 3, 3))
    x = F.max_pool3d(F.relu(norm("res_conv1", x)), (time, 3, 3), (time, 2, 2))
    for stage, count in enumerate(COUNTS[50], start=2):
        inner = 64 * 2 ** (stage - 2)
        for index in range(count):
            name, stride = f"res{stage}_{index}", 2 if stage > 2 and index == 0 else 1
            t = span("i3d", stage, index)
            y = F.conv3d(
                x, p(f"{name}_branch2a_w", inner, x.shape[1], t, 1, 1), padding=(t // 2, 0, 0)
            )
            y = F.relu(norm(f"{name}_branch2a", y))
            kernel = p(f"{name}_branch2b_w", inner, inner, 1, 3, 3)
            y = F.conv3d(y, kernel, stride=(1, stride, stride), padding=(0, 1, 1))
            y = F.relu(norm(f"{name}_branch2b", y))
            y = norm(
                f"{name}_branch2c", F.conv3d(y, p(f"{name}_branch2c_w", inner * 4, inner, 1, 1, 1))
            )
            if index == 0:
                kernel = p(f"{name}_branch1_w", inner * 4, x.shape[1], 1, 1, 1)
                x = norm(f"{name}_branch1", F.conv3d(x, kernel, stride=(1, stride, stride)))
            x = F.relu(x + y)
            if has_block(True, stage, index):
                name, c = f"nonlocal_conv{stage}_{index}", inner * 2
                pooled = F.max_pool3d(x, (1, 2, 2))
                maps = []
                for layer, source in (("theta", x), ("phi", pooled), ("g", pooled)):
                    bias = p(f"{name}_{layer}_b", c, kind="shift")
                    kernel = p(f"{name}_{layer}_w", c, x.shape[1], 1, 1, 1, kind="projection")
                    maps.append(F.conv3d(source, kernel, bias))
                y = attention(*maps, scale=c**-0.5)
                bias = p(f"{name}_out_b", c * 2, kind="shift")
                x = x + norm(name, F.conv3d(y, p(f"{name}_out_w", c * 2, c, 1, 1, 1), bias))
        if stage == 2:
            x = F.max_pool3d(x, (2, 1, 1))
    weight, bias = p("pred_w", 400, 2048), p("pred_b", 400, kind="shift")
    return F.linear(x.mean((2, 3, 4)), weight, bias)


def torchvision_18(p: Parameters, x: Tensor) -> Tensor:
    """torchvision's resnet18, image (B,3,H,W) -> logits."""
    x = F.conv2d(x, p("conv1.weight", 64, 3, 7, 7), stride=2, padding=3)

    def norm(name: str, x: Tensor) -> Tensor:
        return torch_norm(p, name, x[:, :, None])[:, :, 0]

    x = F.max_pool2d(F.relu(norm("bn1", x)), 3, 2, 1)
    for stage in range(1, 5):
        channels = 64 * 2 ** (stage - 1)
        for index in range(2):
            name, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
            y = F.conv2d(x, p(f"{name}.conv1.weight", channels, x.shape[1], 3, 3), None, stride, 1)
            y = F.relu(norm(f"{name}.bn1", y))
            y = norm(
                f"{name}.bn2",
                F.conv2d(y, p(f"{name}.conv2.weight", channels, channels, 3, 3), padding=1),
            )
            if stride == 2:
                kernel = p(f"{name}.downsample.0.weight", channels, x.shape[1], 1, 1)
                x = norm(f"{name}.downsample.1", F.conv2d(x, kernel, stride=2))
            x = F.relu(x + y)
    weight = p("fc.weight", 1000, 512)
    return F.linear(x.mean((2, 3)), weight, p("fc.bias", 1000, kind="shift"))
