"""The optimiser of a training and its learning rate, step by step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from action_recog.training.options import TrainingOptions


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Divide the parameters into those with weight decay and those of batch normalisation.

    Args:
        network: Network to train.
        weight_decay: Weight decay of everything but batch normalisation.

    Returns:
        Two groups for an optimiser of torch: decayed, and not decayed.
    """
    normalised = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for parameter in module.parameters(recurse=False)
    }
    decayed = [p for p in network.parameters() if id(p) not in normalised]
    free = [p for p in network.parameters() if id(p) in normalised]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def learning_rate(options: TrainingOptions, step: int, *, drops: int = 0) -> float:
    """The learning rate of a step.

    Args:
        options: Schedule.
        step: Number of the step, from 0.
        drops: How often the held-out videos have stopped to improve; for a plateau alone.
    """
    plateau = options.plateau
    warmup = plateau.warmup_steps if plateau else options.warmup * options.steps
    if step < warmup:
        return options.lr * (0.01 + 0.99 * step / warmup)
    if plateau:
        return options.lr * 0.1**drops
    share = step / options.steps
    if options.schedule == "cosine":
        return options.lr * 0.5 * (1 + math.cos(math.pi * share))
    return options.lr * 0.1 ** sum(share >= decay for decay in options.decays)


def make_optimiser(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    groups = parameter_groups(network, options.weight_decay)
    if options.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=options.lr)
    return torch.optim.SGD(
        groups, lr=options.lr, momentum=options.momentum, nesterov=options.momentum > 0
    )
