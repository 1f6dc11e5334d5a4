"""How alike a re-ID network finds people and the bodies that wear their textures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mocap.bodies.mesh import Mesh
from textures.harvest.fitted_crops import FittedCrops
from textures.reid.pcb import PCB
from textures.reid.similarity import reid_similarity
from textures.training.augmentation import image_batch
from textures.visibility.rendering_tensor import composite, render, texel_map

BATCH = 16


@torch.no_grad()
def reid_cosines(
    network: PCB,
    mesh: Mesh,
    crops: FittedCrops,
    groups: Sequence[Sequence[int]],
    textures: Sequence[np.ndarray],
    *,
    device: str,
) -> list[float]:
    """The mean re-ID cosine of each group's crops and their re-rendered bodies.

    Both are on grey outside the body's silhouette. Crops of one size go through the network together.

    Args:
        network: that compares.
        mesh: of the bodies.
        crops: of all groups, fitted.
        groups: of each texture the indices of its crops.
        textures: of each group, (S,S,3) uint8 RGB.
        device: of the network.
    """
    by_size: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for number, group in enumerate(groups):
        for index in group:
            shape = crops.buffers[index].face.shape
            by_size.setdefault((shape[0], shape[1]), []).append((number, index))
    sums = np.zeros(len(groups))
    for pairs in by_size.values():
        for start in range(0, len(pairs), BATCH):
            batch = pairs[start : start + BATCH]
            pixels = np.stack([crops.images[index].pixels for _, index in batch])
            images = image_batch(pixels).to(device)
            maps = [texel_map(crops.buffers[index], mesh) for _, index in batch]
            dressings = image_batch(np.stack([textures[number] for number, _ in batch]))
            rendered = torch.cat(
                [
                    render(texture[None].to(device), torch.from_numpy(uv)[None].to(device))
                    for texture, uv in zip(dressings, maps)
                ]
            )
            covered = np.stack([crops.buffers[index].covered for _, index in batch])
            masks = torch.from_numpy(covered).float()[:, None].to(device)
            grey = torch.zeros_like(images)
            cosines = reid_similarity(
                network, composite(rendered, masks, grey), composite(images, masks, grey)
            )
            np.add.at(sums, [number for number, _ in batch], cosines.cpu().numpy())
    return [float(total / len(group)) for total, group in zip(sums, groups)]
