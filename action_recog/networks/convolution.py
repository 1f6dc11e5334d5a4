"""The 3-D convolution of the networks, with gradients that hold on a CPU in bfloat16, too."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClipConvolution(nn.Conv3d):
    """A 3-D convolution that computes in float32 where bfloat16 is wrong.

    On a CPU, torch 2.13 (oneDNN) gives random, infinite or NaN weight gradients in bfloat16, and
    writes outside its memory, where the kernel is longer than the clip in time, height or width:
    five frames over four, 3x3 over 1x1. Such a layer is small; it leaves autocast.
    """

    def kernel_exceeds(self, x: Tensor) -> bool:
        """Whether the kernel is longer than the clip (B,C,T,H,W) along any of T, H and W."""
        return any(k > n for k, n in zip(self.kernel_size, x.shape[2:]) if k > 1)

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,C,T,H,W) -> convolved clip."""
        if x.device.type == "cpu" and self.kernel_exceeds(x):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.to(self.weight.dtype))
        return super().forward(x)
