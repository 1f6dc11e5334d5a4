"""A training that one or two processes run: python -m tests.action_recog.training.joint_training ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from action_recog.datasets.ucf101 import load_split
from action_recog.experiment.evaluation import predict
from action_recog.networks.resnet3d import resnet3d
from action_recog.training.loop import train
from action_recog.training.options import ComputeOptions, TrainingOptions, make_fabric
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.views import ViewOptions

VIEWS = ViewOptions(
    frames=4, stride=4, size=32, jitter=(32, 36), test_size=32, test_clips=2, test_crops=1
)


def main(videos: str, lists: str, out: str, processes: str, changes: str) -> None:
    """Train and test, and leave the network, its predictions and what is in the folder."""
    torch.set_num_threads(1)
    compute = ComputeOptions(precision="32-true", quiet=True, devices=int(processes))
    fabric = make_fabric(compute)
    train_set, test_set, _ = load_split(Path(videos), Path(lists), 1)
    store = FrameStore(short_side=VIEWS.stored_short_side)
    store.fill([video.path for s in (train_set, test_set) for video in s.videos], quiet=True)
    torch.manual_seed(0)
    network = resnet3d(classes=len(train_set.classes), depth=10, channels=4, dropout=0.0)
    with torch.no_grad():
        for block in network.nonlocal_blocks.values():
            block.bn.weight.fill_(1.0)
    options = {"steps": 4, "batch": 4, "lr": 0.02, "precise_bn": 1, **json.loads(changes)}
    train(
        network,
        train_set,
        views=VIEWS,
        options=TrainingOptions(**options),
        seed=3,
        store=store,
        fabric=fabric,
        folder=Path(out),
        facts={},
        title="joint",
        compute=compute,
    )
    # Five videos on two processes: an odd number, of which none may count twice.
    odd = type(test_set)(**{**vars(test_set), "videos": test_set.videos[:5]})
    predictions = predict(
        network, odd, views=VIEWS, store=store, fabric=fabric, compute=compute, views_per_batch=2
    )
    np.save(Path(out) / f"predictions{fabric.global_rank}.npy", predictions)


if __name__ == "__main__":
    main(*sys.argv[1:])
