"""Video-level predictions against the paper's words: the softmax of every view, then their mean."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from action_recog.datasets.ucf101 import load_split
from action_recog.experiment.evaluation import predict
from action_recog.training.options import ComputeOptions, make_fabric
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.views import ViewOptions, standardise, test_indices, test_views
from tests.action_recog.toy_videos import write_toy_ucf

VIEWS = ViewOptions(
    frames=2, stride=3, size=16, jitter=(16, 24), test_size=16, test_clips=3, test_crops=3
)
COMPUTE = ComputeOptions(precision="32-true", quiet=True)


class _Sums(nn.Module):
    """Logits (B,3) that differ much from view to view: sums of three corners of a clip."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [
                clips[..., :5, :5].sum((1, 2, 3, 4)),
                clips[..., -5:, :5].sum((1, 2, 3, 4)),
                clips[..., -5:, -5:].sum((1, 2, 3, 4)),
            ],
            dim=1,
        )


def test_a_prediction_is_the_mean_of_the_softmax_of_the_views(tmp_path):
    _, videos, _ = load_split(*write_toy_ucf(tmp_path, clips=1), 1)
    store = FrameStore(short_side=VIEWS.stored_short_side)
    store.fill((video.path for video in videos.videos), quiet=True)
    predicted = predict(
        *(_Sums(), videos),
        views=VIEWS,
        store=store,
        fabric=make_fabric(COMPUTE),
        compute=COMPUTE,
        views_per_batch=10,  # one video and a part of the next
    )
    assert len(predicted) == len(videos) == 3
    for video, probabilities in zip(videos.videos, predicted, strict=True):
        stored = store[video.path]
        softmax = []
        for indices in test_indices(stored.count, VIEWS, frame_rate=stored.frame_rate):
            for view in test_views(store.frames(video.path, indices), VIEWS):
                logits = _Sums()(standardise(torch.from_numpy(view[None])))[0].double().numpy()
                weights = np.exp(logits - logits.max())
                softmax.append(weights / weights.sum())
        assert np.ptp(softmax, axis=0).max() > 0.2  # views disagree
        np.testing.assert_allclose(probabilities, np.mean(softmax, axis=0), atol=1e-5)
