"""The colours of garments, for the side of a person that a crop does not show.

Trunk, legs, arms and feet are cut into bands a few centimetres high, each of them all round the body and,
of limbs, on both sides. A texel that the crop does not show is given the median colour of what the crop
shows of its band: the garment's own colour and its stripes go on round the body, a print or a strap does
not, being the smaller part of a band. Where a crop shows nothing of a band, its nearest neighbour stands
in; head, neck and hands are given nothing, as their sides differ.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mocap.bodies.body import PART_NAMES
from mocap.bodies.mesh import Mesh
from textures.visibility.texel_geometry import TexelGeometry

BAND_HEIGHT = 0.03  # metres, of the template
LEAST_TEXELS = 3  # of a band that are visible, for its median to count
_REGIONS: tuple[
    tuple[tuple[str, ...], int], ...
] = (  # part names, and the axis along which bands lie
    (("hips", "spine", "spine1", "spine2", "leftShoulder", "rightShoulder"), 1),
    (("leftUpLeg", "rightUpLeg", "leftLeg", "rightLeg"), 1),
    (("leftArm", "rightArm", "leftForeArm", "rightForeArm"), 0),
    (("leftFoot", "rightFoot", "leftToeBase", "rightToeBase"), 1),
)


class GarmentColours(nn.Module):
    """Median colours of the bands of a body's texture, from the texels that a crop shows."""

    members: torch.Tensor
    listed: torch.Tensor
    distance: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    share: torch.Tensor

    def __init__(self, geometry: TexelGeometry, mesh: Mesh) -> None:
        super().__init__()
        labels = mesh.face_parts[geometry.texels.face[geometry.covered]]
        texels: list[np.ndarray] = []
        regions: list[int] = []
        heights: list[float] = []
        size = geometry.size**2
        lower, upper = np.full(size, -1), np.full(size, -1)
        share = np.zeros(size, np.float32)
        for number, (names, axis) in enumerate(_REGIONS):
            region = np.isin(labels, [PART_NAMES.index(name) + 1 for name in names])
            level = geometry.position[region, axis]
            level = np.abs(level) if axis == 0 else level  # arms reach out to both sides
            start, first = level.min(), len(texels)
            count = max(1, int(np.ceil((level.max() - start) / BAND_HEIGHT)))
            step = (level - start) / BAND_HEIGHT
            band = np.clip(step.astype(int), 0, count - 1)
            surface = geometry.surface[region]
            for index in range(count):
                texels.append(surface[band == index])
                regions.append(number)
                heights.append(index)
            centred = np.clip(step - 0.5, 0, count - 1)
            lower[surface] = first + np.floor(centred).astype(int)
            upper[surface] = first + np.minimum(np.floor(centred).astype(int) + 1, count - 1)
            share[surface] = centred - np.floor(centred)
        longest = max(map(len, texels))
        members = np.zeros((len(texels), longest), np.int64)
        listed = np.zeros((len(texels), longest), bool)
        for row, numbers in enumerate(texels):
            members[row, : len(numbers)], listed[row, : len(numbers)] = numbers, True
        neighbours = np.equal.outer(regions, regions)
        distance = np.where(neighbours, np.abs(np.subtract.outer(heights, heights)), np.inf)
        gutters = geometry.number.ravel()
        for name, array in (
            ("members", members),
            ("listed", listed),
            ("distance", distance.astype(np.float32)),
            ("lower", lower[gutters]),
            ("upper", upper[gutters]),
            ("share", share[gutters]),
        ):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    @torch.no_grad()
    def forward(
        self, colours: torch.Tensor, visible: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Colours for all texels from the visible ones.

        Args:
            colours: (B,3,S,S), of which only those of visible texels count.
            visible: (B,S,S) bool.

        Returns:
            (B,3,S,S) colours, 0 where none is given, and (B,S,S) bool, where one is.
        """
        batch, _, height, width = colours.shape
        shown = visible.flatten(1)[:, self.members] & self.listed
        samples = colours.flatten(2)[:, :, self.members].masked_fill(~shown[:, None], torch.nan)
        medians = samples.nanmedian(-1).values  # (B,3,bands)
        counted = shown.sum(-1) >= LEAST_TEXELS
        away = self.distance.expand(batch, -1, -1).masked_fill(~counted[:, None], torch.inf)
        nearest = away.min(-1)
        filled = medians.nan_to_num().gather(2, nearest.indices[:, None].expand(-1, 3, -1))
        banded = torch.isfinite(nearest.values)
        painted = torch.lerp(
            filled[:, :, self.lower.clamp(min=0)], filled[:, :, self.upper.clamp(min=0)], self.share
        )
        coloured = banded[:, self.lower.clamp(min=0)] & (self.lower >= 0)
        painted = painted * coloured[:, None]
        return painted.view(batch, 3, height, width), coloured.view(batch, height, width)
