"""What the trunks of re-identification have in common."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn


class StagedNetwork(nn.Module):
    """A network whose output is read after each of four stages.

    `stage_channels` are the channels of the four outputs, `last_channels` those of the last stage's
    parts.
    """

    stage_channels: list[int]
    last_channels: list[int]

    @abstractmethod
    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the four stages, of normalised RGB images (B,3,H,W)."""

    @abstractmethod
    def last_parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the parts of the last stage, as a ResNet-50's 5a, 5b and 5c."""
