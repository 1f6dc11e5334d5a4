"""The non-local block of Wang et al., "Non-local Neural Networks", CVPR 2018 (section 3).

Every position of a clip looks at every other position of the same clip, in space and in time:

    y_i = sum_j w_ij g(x_j),      z_i = BN(W_z y_i) + x_i

with weights w from one of three pairwise functions (section 3.2):

    embedded   softmax_j(theta(x_i) . phi(x_j) * C_inner^-1/2)
    gaussian   softmax_j(x_i . x_j)
    dot        theta(x_i) . phi(x_j) / N

The scale of `embedded` is the one of the authors' released code; the paper's formula has none.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

Pairwise = Literal["embedded", "gaussian", "dot"]


class NonLocalBlock(nn.Module):
    """A residual non-local block over a clip (B,C,T,H,W); the output has the input's shape.

    The last batch normalisation starts with gamma = 0, so that a new block is the identity and can
    be put into a trained network (section 3.3, 4.1).

    Args:
        channels: Channels of the input and the output.
        inner_channels: Channels of theta, phi and g; by default half of `channels`, as in the
            paper.
        pairwise: Pairwise function (section 3.2).
        subsample: Max-pool the input of phi and g 2x2 in space, which leaves the number of outputs
            alone and quarters the work.
        scale: Scale `embedded` by C_inner^-1/2, as the authors' code does.

    Raises:
        ValueError: For an unknown pairwise function.
    """

    def __init__(
        self,
        channels: int,
        *,
        inner_channels: int | None = None,
        pairwise: Pairwise = "embedded",
        subsample: bool = True,
        scale: bool = True,
    ) -> None:
        super().__init__()
        if pairwise not in get_args(Pairwise):
            raise ValueError(f"pairwise is one of {get_args(Pairwise)}, not {pairwise!r}")
        self.pairwise = pairwise
        self.inner_channels = inner_channels or max(channels // 2, 1)
        self.scale = scale
        self.pool = nn.MaxPool3d((1, 2, 2), ceil_mode=True) if subsample else None
        self.theta: nn.Conv3d | None = None
        self.phi: nn.Conv3d | None = None
        if pairwise != "gaussian":
            self.theta = nn.Conv3d(channels, self.inner_channels, 1)
            self.phi = nn.Conv3d(channels, self.inner_channels, 1)
        self.g = nn.Conv3d(channels, self.inner_channels, 1)
        self.out = nn.Conv3d(self.inner_channels, channels, 1)
        self.bn = nn.BatchNorm3d(channels)
        for convolution in (self.theta, self.phi, self.g, self.out):
            if convolution is not None:
                nn.init.normal_(convolution.weight, std=0.01)
                if convolution.bias is not None:
                    nn.init.zeros_(convolution.bias)
        nn.init.zeros_(self.bn.weight)

    def weights(self, x: Tensor) -> Tensor:
        """Attention of every position to every other.

        Args:
            x: Clip (B,C,T,H,W).

        Returns:
            Weights (B, T*H*W, T*H'*W'), rows summing to one (not for `dot`); H' and W' are halved
            with `subsample`.
        """
        return self._weights(x, x if self.pool is None else self.pool(x))

    def _weights(self, x: Tensor, attended: Tensor) -> Tensor:
        query = (x if self.theta is None else self.theta(x)).flatten(2).transpose(1, 2)
        key = (attended if self.phi is None else self.phi(attended)).flatten(2)
        if self.pairwise == "dot":
            return query @ key / key.shape[2]
        if self.pairwise == "embedded" and self.scale:
            query = query * self.inner_channels**-0.5
        return torch.softmax(query @ key, dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,C,T,H,W) -> clip of the same shape."""
        attended = x if self.pool is None else self.pool(x)
        values = self.g(attended).flatten(2).transpose(1, 2)
        gathered = self._weights(x, attended).to(values.dtype) @ values
        gathered = gathered.transpose(1, 2).reshape(x.shape[0], self.inner_channels, *x.shape[2:])
        return x + self.bn(self.out(gathered))
