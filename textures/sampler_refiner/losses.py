"""The losses between the discriminator and RefinerNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def fooling_loss(generated: torch.Tensor) -> torch.Tensor:
    """What RefinerNet wants of the logits of its textures: that the discriminator takes them for true."""
    return functional.softplus(-generated).mean()


def critic_loss(true: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy of the logits of true and of generated textures, half of each."""
    return (functional.softplus(-true).mean() + functional.softplus(generated).mean()) / 2


def matching_loss(generated: Sequence[torch.Tensor], true: Sequence[torch.Tensor]) -> torch.Tensor:
    """Feature matching: the mean over the discriminator's layers of the mean absolute difference."""
    return torch.stack([(a - b.detach()).abs().mean() for a, b in zip(generated, true)]).mean()
