"""How alike two images are to a re-ID network: cosines between its stages."""

from __future__ import annotations

import torch
from torch.nn import functional

from textures.reid.pcb import PCB


def stage_cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(B,) cosine between two stage outputs, each flattened over channels and positions."""
    return functional.cosine_similarity(a.float().flatten(1), b.float().flatten(1), dim=1)


@torch.no_grad()
def reid_similarity(network: PCB, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(B,) mean cosine over the four stages: the score that the harvest writes.

    Args:
        network: in evaluation mode.
        a: (B,3,H,W) RGB in [-1,1].
        b: the images they are compared with, alike.
    """
    return torch.stack(
        [stage_cosine(x, y) for x, y in zip(network.stages(a), network.stages(b))]
    ).mean(0)
