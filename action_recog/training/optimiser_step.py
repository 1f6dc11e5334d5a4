"""One step of the optimiser: a batch in parts, gradients added up, clipped, applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def take_step(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    clips: Tensor,
    labels: Tensor,
    *,
    fabric: Fabric,
    label_smoothing: float = 0.0,
    parts: int = 1,
    gradient_norm: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Take one step on a batch, which may go through the network in parts.

    The gradient is that of the mean loss over the whole batch, however many parts it has, up to rounding.
    What differs: batch normalisation in training takes its mean and variance over a part, and dropout
    draws other masks. Where the loss is not finite on any process no step is taken on any.

    Args:
        module: Network as `fabric.setup` returned it.
        optimiser: Its optimiser, set up likewise.
        clips: Standardised clips (B,3,T,H,W) of this process.
        labels: Classes (B,) int64.
        fabric: Device, precision and processes.
        label_smoothing: As `torch.nn.functional.cross_entropy` takes it.
        parts: Number of parts; memory is needed for one. At most B.
        gradient_norm: The whole gradient is scaled down to this length where it is longer.

    Returns:
        The mean loss () over the batches of all processes, and the logits (B,classes) of this one,
        float32 and detached.
    """
    optimiser.zero_grad(set_to_none=True)
    losses, logits = [], []
    pairs = list(zip(clips.chunk(parts), labels.chunk(parts), strict=True))
    for number, (chunk, chunk_labels) in enumerate(pairs, 1):
        with fabric.no_backward_sync(module, enabled=number < len(pairs)):  # type: ignore[arg-type]
            chunk_logits = module(chunk).float()
            loss = F.cross_entropy(chunk_logits, chunk_labels, label_smoothing=label_smoothing)
            loss = loss * (len(chunk_labels) / len(labels))
            fabric.backward(loss)
        losses.append(loss.detach())
        logits.append(chunk_logits.detach())
    mean = torch.stack(losses).sum()
    if fabric.world_size > 1:
        mean = fabric.all_reduce(mean, reduce_op="mean")  # type: ignore[assignment]
    if torch.isfinite(mean):
        if gradient_norm is not None:
            fabric.clip_gradients(module, optimiser, max_norm=gradient_norm)
        optimiser.step()
    return mean, torch.cat(logits)
