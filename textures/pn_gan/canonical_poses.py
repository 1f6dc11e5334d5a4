"""Eight canonical poses: the centres of the clusters of a training set's poses.

The paper clusters VGG-19's features of pose pictures; here the joints themselves are clustered, with
whether each is seen, which needs no network and tells front from back as well.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import nn

from mocap.errors import BadInput
from textures.pn_gan.pose_maps import COCO_JOINTS, usable_poses

CLUSTERS = 8
ASPECT = 0.5  # a crop's width over its height: shares of the width count half
_SEEN_WEIGHT = 0.1  # of a joint that is seen in one pose and not in another
_RESTARTS = 8


class CanonicalPoses(nn.Module):
    """Canonical poses (K,18,3) in shares of a crop's size, the largest cluster's first, as a buffer."""

    poses: torch.Tensor

    def __init__(self, poses: np.ndarray | None = None, *, count: int = CLUSTERS) -> None:
        """Keep poses; without any, room for `count` of them, to be filled with weights."""
        super().__init__()
        empty = np.zeros((count, len(COCO_JOINTS), 3), np.float32)
        self.register_buffer("poses", torch.from_numpy(empty if poses is None else poses))

    def arrays(self) -> np.ndarray:
        """The poses (K,18,3) float32."""
        return self.poses.float().cpu().numpy()


def cluster_poses(poses: np.ndarray, *, count: int = CLUSTERS, seed: int = 0) -> np.ndarray:
    """The canonical poses (count,18,3) of a training set, by k-means, largest cluster first.

    Each is the mean of its cluster's joints; a joint is seen where most of the cluster's are.

    Args:
        poses: (N,18,3) in shares of the crops' sizes; those without shoulders and hips do not count.
        count: of clusters.
        seed: of the first centres.

    Raises:
        BadInput: for fewer different poses than clusters.
    """
    poses = poses[usable_poses(poses)]
    visible = poses[:, :, 2] > 0
    weights = visible[..., None]
    means = (poses[:, :, :2] * weights).sum(0) / weights.sum(0).clip(1)
    positions = np.where(weights, poses[:, :, :2], means) * (ASPECT, 1.0)
    columns = 2 * len(COCO_JOINTS)
    vectors = np.concatenate([positions.reshape(-1, columns), visible * _SEEN_WEIGHT], axis=1)
    if len(np.unique(vectors, axis=0)) < count:
        raise BadInput(
            f"{len(poses)} poses with shoulders and hips, too few different ones for {count} canonical "
            "poses; give more crops whose joints are known"
        )
    best: tuple[float, np.ndarray] | None = None
    for restart in range(_RESTARTS):
        rng = np.random.default_rng([seed, restart])
        centres, labels = kmeans2(vectors, count, minit="++", seed=rng, iter=50)
        if len(np.unique(labels)) < count:
            continue
        spread = float(((vectors - centres[labels]) ** 2).sum())
        if best is None or spread < best[0]:
            best = (spread, labels)
    if best is None:
        raise BadInput(f"{len(poses)} poses fall into fewer than {count} clusters; give more crops")
    order = np.argsort(-np.bincount(best[1], minlength=count), kind="stable")
    return np.stack([_mean_pose(poses[best[1] == label]) for label in order])


def _mean_pose(members: np.ndarray) -> np.ndarray:
    visible = members[:, :, 2] > 0
    total = (members[:, :, :2] * visible[..., None]).sum(0)
    shown = visible.mean(0) > 0.5
    pose = np.zeros(members.shape[1:], np.float32)
    pose[:, :2] = total / visible.sum(0).clip(1)[:, None]
    pose[:, 2] = shown
    return np.where(shown[:, None], pose, 0).astype(np.float32)
