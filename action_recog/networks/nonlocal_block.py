"""The non-local block of Wang et al., "Non-local Neural Networks", CVPR 2018 (section 3).

Every position of a clip looks at every other position of the same clip, in space and in time:

    y_i = sum_j w_ij g(x_j),      z_i = BN(W_z y_i) + x_i

with weights w from one of four pairwise functions (section 3.2):

    embedded        softmax_j(theta(x_i) . phi(x_j) * C_inner^-1/2)
    gaussian        softmax_j(x_i . x_j)
    dot             theta(x_i) . phi(x_j) / N
    concatenation   ReLU(w_f . [theta(x_i), phi(x_j)]) / N

The scale of `embedded` is the one of the authors' released code; the paper's formula has none.

The N x N weights are held in memory for `concatenation` alone. With a softmax, torch's fused
attention goes through them in tiles; without a non-linearity,
sum_j (theta_i . phi_j) g_j = theta_i . sum_j phi_j g_j.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pairwise = Literal["embedded", "gaussian", "dot", "concatenation"]


class NonLocalBlock(nn.Module):
    """A residual non-local block over a clip (B,C,T,H,W); the output has the input's shape.

    The last batch normalisation starts with gamma = 0, so that a new block is the identity and can
    be put into a trained network (section 3.3, 4.1).

    Args:
        channels: Channels of the input and the output.
        inner_channels: Channels of theta, phi and g; by default half of `channels`, as in the
            paper.
        pairwise: Pairwise function (section 3.2).
        subsample: Max-pool phi and g 2x2 in space, which leaves the number of outputs alone and
            quarters the work.
        scale: Scale `embedded` by C_inner^-1/2, as the authors' code does.
        pool_projections: Pool what phi and g put out, as mmaction2 does, and not what they take.
        ceil_pool: Pool an odd last row or column, too; published networks leave it out.

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
        pool_projections: bool = False,
        ceil_pool: bool = True,
    ) -> None:
        super().__init__()
        if pairwise not in get_args(Pairwise):
            raise ValueError(f"pairwise is one of {get_args(Pairwise)}, not {pairwise!r}")
        self.pairwise = pairwise
        self.inner_channels = inner_channels or max(channels // 2, 1)
        self.scale = scale
        self.pool_projections = pool_projections
        self.pool = nn.MaxPool3d((1, 2, 2), ceil_mode=ceil_pool) if subsample else None
        self.theta: nn.Conv3d | None = None
        self.phi: nn.Conv3d | None = None
        if pairwise != "gaussian":
            self.theta = nn.Conv3d(channels, self.inner_channels, 1)
            self.phi = nn.Conv3d(channels, self.inner_channels, 1)
        self.pair: nn.Linear | None = None
        if pairwise == "concatenation":  # w_f of equation 4, which has no bias
            self.pair = nn.Linear(2 * self.inner_channels, 1, bias=False)
            nn.init.normal_(self.pair.weight, std=0.01)
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
            Weights (B, T*H*W, T*H'*W'), rows summing to one where they are a softmax; H' and W' are
            halved with `subsample`.
        """
        query, key, _ = self._projections(x)
        if self.pair is not None:
            return self._concatenation(query, key)
        if self.pairwise == "dot":
            return query @ key.transpose(1, 2) / key.shape[1]
        return torch.softmax(self._softmax_scale() * query @ key.transpose(1, 2), dim=2)

    def multiply_adds(self, shape: tuple[int, int, int]) -> int:
        """Multiplications with an addition that its convolutions leave out, for a map (T,H,W).

        They are those of the pairwise function and of the weighted sum, as the field counts them:
        with the weights written out, N_query x N_key x channels each.
        """
        clip = torch.empty(1, 1, *shape)
        queries, keys = clip.numel(), self._pooled(clip).numel()
        dimensions = self.g.in_channels if self.pairwise == "gaussian" else self.inner_channels
        gathered = queries * keys * self.inner_channels
        if self.pair is not None:
            return (queries + keys) * self.inner_channels + gathered
        return queries * keys * dimensions + gathered

    def _softmax_scale(self) -> float:
        return self.inner_channels**-0.5 if self.pairwise == "embedded" and self.scale else 1.0

    def _pooled(self, x: Tensor) -> Tensor:
        """The map as phi and g see it; one row or column cannot be pooled by two."""
        if self.pool is None or (min(x.shape[3:]) < 2 and not self.pool.ceil_mode):
            return x
        return self.pool(x)

    def _projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B,N,C'), keys (B,M,C') and values (B,M,C_inner)."""

        def rows(y: Tensor) -> Tensor:
            return y.flatten(2).transpose(1, 2)

        query = x if self.theta is None else self.theta(x)
        if self.pool_projections:
            return (
                rows(query),
                rows(self._pooled(x if self.phi is None else self.phi(x))),
                rows(self._pooled(self.g(x))),
            )
        attended = self._pooled(x)
        key = attended if self.phi is None else self.phi(attended)
        return rows(query), rows(key), rows(self.g(attended))

    def _concatenation(self, query: Tensor, key: Tensor) -> Tensor:
        """ReLU(w_f . [theta, phi]) / N, where w_f is applied to each half before they are paired."""
        assert self.pair is not None
        first, second = self.pair.weight.split(self.inner_channels, dim=1)
        scores = F.linear(query, first) + F.linear(key, second).transpose(1, 2)
        return torch.relu(scores) / key.shape[1]

    def _softmax_attention(self, query: Tensor, key: Tensor, values: Tensor) -> Tensor:
        """Softmax attention that never has all its weights in memory.

        The fused kernel wants rows that are contiguous and as many channels in the values as in the
        keys; zeros that are cut off again make them so where `gaussian` has twice as many keys.
        """
        missing = key.shape[2] - values.shape[2]
        triple = [query, key, F.pad(values, (0, missing)) if missing else values]
        query, key, values = (rows.contiguous()[:, None] for rows in triple)
        gathered = F.scaled_dot_product_attention(query, key, values, scale=self._softmax_scale())
        return gathered[:, 0, :, : self.inner_channels]

    def forward(self, x: Tensor) -> Tensor:
        """Clip (B,C,T,H,W) -> clip of the same shape."""
        query, key, values = self._projections(x)
        query, key = query.to(values.dtype), key.to(values.dtype)
        if self.pair is not None:
            gathered = self._concatenation(query, key).to(values.dtype) @ values
        elif self.pairwise == "dot":
            gathered = query @ (key.transpose(1, 2) @ values / key.shape[1])
        else:
            gathered = self._softmax_attention(query, key, values)
        gathered = gathered.transpose(1, 2).reshape(x.shape[0], self.inner_channels, *x.shape[2:])
        return x + self.bn(self.out(gathered))
