"""The residual blocks of the networks: basic and bottleneck, with a first kernel that spans frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from action_recog.networks.convolution import ClipConvolution


def clip_convolution(
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
) -> ClipConvolution:
    """Make a convolution without bias that keeps T, H and W but for its stride."""
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
            self.conv1 = clip_convolution(in_channels, channels, (frames, 1, 1), one)
            self.conv2 = clip_convolution(channels, channels, (1, 3, 3), s)
            self.conv3 = clip_convolution(channels, out_channels, one, one)
            self.bn3 = nn.BatchNorm3d(out_channels)
        else:
            self.conv1 = clip_convolution(in_channels, channels, (frames, 3, 3), s)
            self.conv2 = clip_convolution(channels, out_channels, (1, 3, 3), one)
        self.bn1, self.bn2 = nn.BatchNorm3d(channels), nn.BatchNorm3d(channels)
        self.bottleneck = bottleneck
        if bottleneck:  # the paper's; small trunks have too few steps to wake such blocks up
            nn.init.zeros_(self.bn3.weight)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                clip_convolution(in_channels, out_channels, one, s), nn.BatchNorm3d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,in_channels,T,H,W) -> (B,out_channels,T,H/stride,W/stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(torch.relu(y)))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))
