"""A generator made wider without a change of what it computes (Net2WiderNet, Chen et al. 2016).

Each channel becomes several alike, and whatever reads them shares its weight among them, unevenly, so
that training can tell them apart. What a narrow generator learned in a short time is then the beginning
of a wide one.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mocap.errors import BadInput

UNEVENNESS = 0.2  # spread of the shares that readers give to channels that are alike


def widened(
    state: Mapping[str, torch.Tensor], factor: int, rng: torch.Generator
) -> dict[str, torch.Tensor]:
    """The weights of a generator `factor` times as wide that computes the same.

    Args:
        state: of a `TextureGenerator`.
        factor: how many times as wide, 1 or more.
        rng: of the uneven shares.

    Raises:
        BadInput: for a factor below 1.
    """
    if factor < 1:
        raise BadInput(f"widened {factor} times: expected 1 or more")
    return {name: _widened(name, tensor, factor, rng) for name, tensor in state.items()}


def _widened(name: str, tensor: torch.Tensor, factor: int, rng: torch.Generator) -> torch.Tensor:
    if not tensor.ndim or factor == 1:  # batch norm's count of batches
        return tensor.clone()
    last = name.startswith("leave.")
    result = tensor if last else tensor.repeat_interleave(factor, 0)
    if tensor.ndim == 4 and name != "enter.0.weight":  # a convolution, and not that of the input
        count, inputs = result.shape[:2]
        share = torch.randn(count, inputs, factor, generator=rng) * (UNEVENNESS / factor)
        share = share - share.mean(-1, keepdim=True) + 1 / factor
        wide = result[:, :, None] * share.to(result)[..., None, None]
        result = wide.flatten(1, 2)
    return result.clone()
