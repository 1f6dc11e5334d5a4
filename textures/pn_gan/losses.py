"""PN-GAN's losses: adversarial, in two forms, and the mean absolute difference."""

from __future__ import annotations

import torch
from torch.nn import functional

from mocap.errors import BadInput

ADVERSARIAL = ("log", "least-squares")
"""The paper's equation 3, and what its authors' code has in its place."""


def generator_loss(logits: torch.Tensor, kind: str) -> torch.Tensor:
    """The generator's adversarial term, of the discriminator's logits of generated pictures.

    "log" is the mean of log(1 - D), which the generator minimises (equations 1 and 3); "least-squares"
    the mean of (D - 1)^2 of the discriminator's bare output.
    """
    _check(kind)
    if kind == "log":
        return -functional.softplus(logits.float()).mean()
    return (logits.float() - 1).square().mean()


def discriminator_loss(real: torch.Tensor, generated: torch.Tensor, kind: str) -> torch.Tensor:
    """The discriminator's loss, of its logits of real and of generated pictures.

    "log" is the mean of -log D(real) and of -log(1 - D(generated)), added (equation 4); "least-squares"
    the means of (D(real) - 1)^2 and D(generated)^2, added.
    """
    _check(kind)
    real, generated = real.float(), generated.float()
    if kind == "log":
        return functional.softplus(-real).mean() + functional.softplus(generated).mean()
    return (real - 1).square().mean() + generated.square().mean()


def _check(kind: str) -> None:
    if kind not in ADVERSARIAL:
        raise BadInput(f"adversarial {kind}: expected {' or '.join(ADVERSARIAL)}")
