"""C2D and I3D residual networks over clips, with non-local blocks (Wang et al. 2018, table 1, 4.1).

C2D works on each frame alone except for pooling; I3D also convolves in time: the stem is 5x7x7 and
the first convolution of every second residual block is inflated to three frames. A clip is
(B,3,T,H,W); the networks are fully convolutional and take any T, H and W.

Names of the parameters are torchvision's (`conv1`, `layer3.2.bn1`, `fc`), so that published 2D
weights can be inflated (`inflate_state`). Non-local blocks live apart, in `nonlocal_blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from action_recog.networks.convolution import ClipConvolution
from action_recog.networks.nonlocal_block import NonLocalBlock, Pairwise

Trunk = Literal["c2d", "i3d"]

# depth -> (bottleneck?, residual blocks in res2..res5)
DEPTHS: dict[int, tuple[bool, tuple[int, int, int, int]]] = {
    10: (False, (1, 1, 1, 1)),
    18: (False, (2, 2, 2, 2)),
    50: (True, (3, 4, 6, 3)),
}
# Blocks (counted from 0) whose first convolution spans three frames in I3D: res2..res5.
_INFLATED = (lambda b: True, lambda b: b % 2 == 0, lambda b: b % 2 == 0, lambda b: b % 2 == 1)


def _convolution(
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
) -> ClipConvolution:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    convolution = ClipConvolution(in_channels, out_channels, kernel, stride, padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution


class ResidualBlock(nn.Module):
    """A basic (3x3, 3x3) or bottleneck (1x1, 3x3, 1x1) block.

    The spatial stride sits in the (first) 3x3; the shortcut is projected when the shape changes;
    the last batch normalisation of a bottleneck starts with gamma = 0.

    Args:
        in_channels: Channels of the input.
        channels: Channels within the block; a bottleneck puts out four times as many.
        stride: Stride in space.
        bottleneck: Whether the block is a bottleneck.
        frames: Span of the first kernel in time.
    """

    def __init__(
        self, in_channels: int, channels: int, *, stride: int, bottleneck: bool, frames: int
    ) -> None:
        super().__init__()
        out_channels = channels * 4 if bottleneck else channels
        s, one = (1, stride, stride), (1, 1, 1)
        if bottleneck:
            self.conv1 = _convolution(in_channels, channels, (frames, 1, 1), one)
            self.conv2 = _convolution(channels, channels, (1, 3, 3), s)
            self.conv3 = _convolution(channels, out_channels, one, one)
            self.bn3 = nn.BatchNorm3d(out_channels)
        else:
            self.conv1 = _convolution(in_channels, channels, (frames, 3, 3), s)
            self.conv2 = _convolution(channels, out_channels, (1, 3, 3), one)
        self.bn1, self.bn2 = nn.BatchNorm3d(channels), nn.BatchNorm3d(channels)
        self.bottleneck = bottleneck
        if bottleneck:  # the paper's; small trunks have too few steps to wake such blocks up
            nn.init.zeros_(self.bn3.weight)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                _convolution(in_channels, out_channels, one, s), nn.BatchNorm3d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,in_channels,T,H,W) -> (B,out_channels,T,H/stride,W/stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(torch.relu(y)))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet3D(nn.Module):
    """Clip (B,3,T,H,W), standardised float -> logits (B,classes). Made by `resnet3d`."""

    def __init__(
        self,
        *,
        classes: int,
        trunk: Trunk,
        depth: int,
        channels: int,
        pairwise: Pairwise | None,
        long_clips: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        bottleneck, counts = DEPTHS[depth]
        inflated = trunk == "i3d"
        time_stride = 2 if long_clips else 1
        self.conv1 = _convolution(3, channels, (5 if inflated else 1, 7, 7), (time_stride, 2, 2))
        self.bn1 = nn.BatchNorm3d(channels)
        self.pool1 = nn.MaxPool3d((time_stride, 3, 3), (time_stride, 2, 2), (0, 1, 1))
        self.pool2 = nn.MaxPool3d((2, 1, 1), (2, 1, 1), ceil_mode=True)
        self.nonlocal_blocks = nn.ModuleDict()
        out_channels = channels
        for stage, count in enumerate(counts):
            blocks = []
            for index in range(count):
                block = ResidualBlock(
                    out_channels,
                    channels * 2**stage,
                    stride=2 if stage > 0 and index == 0 else 1,
                    bottleneck=bottleneck,
                    frames=3 if inflated and _INFLATED[stage](index) else 1,
                )
                out_channels = channels * 2**stage * (4 if bottleneck else 1)
                blocks.append(block)
                # res3 and res4: after every second block, or after the only one.
                if pairwise and stage in (1, 2) and (index % 2 == 1 or count == 1):
                    name = f"layer{stage + 1}_{index}"
                    self.nonlocal_blocks[name] = NonLocalBlock(out_channels, pairwise=pairwise)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(out_channels, classes)
        if depth == 50:
            nn.init.normal_(self.fc.weight, std=0.01)
            nn.init.zeros_(self.fc.bias)

    def features(self, x: Tensor) -> Tensor:
        """The map before the global average: (B,C,T',H/32,W/32)."""
        x = self.pool1(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            for index, block in enumerate(getattr(self, f"layer{stage}")):
                x = block(x)
                name = f"layer{stage}_{index}"
                if name in self.nonlocal_blocks:
                    x = self.nonlocal_blocks[name](x)
            if stage == 1 and x.shape[2] > 1:
                x = self.pool2(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,3,T,H,W), standardised float -> logits (B,classes)."""
        return self.fc(self.dropout(self.features(x).mean(dim=(2, 3, 4))))


def resnet3d(
    *,
    classes: int,
    trunk: Trunk = "i3d",
    depth: int = 50,
    channels: int = 64,
    pairwise: Pairwise | None = "embedded",
    long_clips: bool = False,
    dropout: float = 0.5,
) -> ResNet3D:
    """Make a C2D or I3D ResNet for clips, with or without non-local blocks.

    ResNet-50 carries the paper's five blocks (after res3 blocks 1, 3 and res4 blocks 1, 3, 5).

    Args:
        classes: Number of classes.
        trunk: `c2d`, or `i3d` with convolutions in time.
        depth: 10, 18 or 50.
        channels: Channels of the stem and of res2; every stage has twice those of the one before.
        pairwise: Pairwise function of the non-local blocks; None leaves them out.
        long_clips: The stem and the first pooling halve the time each, for 32 frames (stride 2);
            without it they leave the time alone, for 8 frames (stride 8). Either way T is 4 from
            res3 on.
        dropout: Share of the features that is dropped before the classifier in training.

    Returns:
        The network: clip (B,3,T,H,W), standardised float -> logits (B,classes).

    Raises:
        ValueError: For another depth.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth is one of {sorted(DEPTHS)}, not {depth}")
    return ResNet3D(
        classes=classes,
        trunk=trunk,
        depth=depth,
        channels=channels,
        pairwise=pairwise,
        long_clips=long_clips,
        dropout=dropout,
    )


def network(name: str, *, classes: int, frames: int = 8, dropout: float = 0.5) -> ResNet3D:
    """Make the network of a name such as `c2d-nl-r10`.

    ResNet-10 has a quarter of the usual channels (16), ResNet-18 half (32); ResNet-50 is the
    paper's.

    Args:
        name: `{c2d|i3d}[-nl|-nl_gaussian|-nl_dot]-r{10|18|50}`.
        classes: Number of classes.
        frames: Frames of a clip; from 32 on the stem halves the time twice.
        dropout: Share of the features that is dropped before the classifier in training.

    Returns:
        The network, as `resnet3d` makes it.

    Raises:
        ValueError: For another name.
    """
    words = name.lower().split("-")
    trunks: dict[str, Trunk] = {"c2d": "c2d", "i3d": "i3d"}
    kinds: dict[str, Pairwise] = {"nl": "embedded", "nl_gaussian": "gaussian", "nl_dot": "dot"}
    valid = len(words) in (2, 3) and words[0] in trunks
    valid = valid and words[-1][:1] == "r" and words[-1][1:] in map(str, DEPTHS)
    if not valid or (len(words) == 3 and words[1] not in kinds):
        raise ValueError(
            f"unknown network {name!r}: expected trunk[-nl]-depth, "
            "as c2d-nl-r10, i3d-nl-r50 or c2d-r18"
        )
    depth = int(words[-1][1:])
    return resnet3d(
        classes=classes,
        trunk=trunks[words[0]],
        depth=depth,
        channels={10: 16, 18: 32, 50: 64}[depth],
        pairwise=kinds[words[1]] if len(words) == 3 else None,
        long_clips=frames >= 32,
        dropout=dropout,
    )


def inflate_state(
    weights_2d: Mapping[str, Tensor], target: ResNet3D, *, classifier: bool = False
) -> dict[str, Tensor]:
    """Inflate 2D weights to the state of a network over clips (section 4.1).

    A 2D kernel is repeated over its time span and divided by it, so that a clip of equal frames
    gives what the frame gave. Non-local blocks keep their state (the identity when new).

    Args:
        weights_2d: Parameters and buffers under torchvision's names.
        target: Network that the state is for; it is not changed.
        classifier: Take the classifier over as well.

    Returns:
        The whole state of `target`.

    Raises:
        ValueError: Naming the parameter that is missing or does not fit.
    """
    state = {name: value.detach().clone() for name, value in target.state_dict().items()}
    for name, value in state.items():
        if name.startswith("nonlocal_blocks.") or name.endswith("num_batches_tracked"):
            continue
        if name.startswith("fc.") and not classifier:
            continue
        if name not in weights_2d:
            raise ValueError(f"the 2D weights have no parameter {name}")
        source = weights_2d[name].to(value.dtype)
        if value.ndim == 5 and source.ndim == 4:
            frames = value.shape[2]
            source = source.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
        if source.shape != value.shape:
            raise ValueError(
                f"parameter {name} is {tuple(source.shape)}, the network wants {tuple(value.shape)}"
            )
        state[name] = source
    return state
