"""A batch in parts against the whole batch, and gradients that are cut."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from action_recog.datasets.ucf101 import load_split
from action_recog.networks.resnet3d import resnet3d
from action_recog.training.clip_batches import ClipBatches
from action_recog.training.optimiser_step import take_step
from action_recog.training.options import ComputeOptions, make_fabric
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.views import ViewOptions, standardise
from tests.action_recog.toy_videos import write_toy_ucf


@pytest.fixture(scope="module")
def fabric():
    return make_fabric(ComputeOptions(precision="32-true"))


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 3, 4, 32, 32, generator=generator), torch.tensor([0, 1, 2, 0, 1])


def trained(fabric, batch, *, frozen: bool, steps: int = 1, **options):
    """The network after steps; `frozen` normalises with the running statistics."""
    torch.manual_seed(0)
    network = resnet3d(classes=3, depth=10, channels=4, dropout=0.0)
    with torch.no_grad():
        for block in network.nonlocal_blocks.values():
            block.bn.weight.fill_(1.0)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    module, optimiser = fabric.setup(network, optimiser)
    module.train(not frozen)
    for _ in range(steps):
        loss, logits = take_step(module, optimiser, *batch, fabric=fabric, **options)
    return network, loss, logits


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_batch_in_parts_gives_the_weights_of_the_whole(fabric, batch, parts):
    """Parts of unequal size: each clip counts the same."""
    options = {"frozen": True, "steps": 2, "label_smoothing": 0.1}
    whole, loss, logits = trained(fabric, batch, **options)
    split, split_loss, split_logits = trained(fabric, batch, parts=parts, **options)
    torch.testing.assert_close(split_loss, loss)
    torch.testing.assert_close(split_logits, logits, rtol=1e-4, atol=1e-5)
    for (name, value), other in zip(whole.named_parameters(), split.parameters()):
        torch.testing.assert_close(other, value, rtol=1e-4, atol=1e-5, msg=name)


def test_batch_normalisation_is_what_differs(fabric, batch):
    whole, *_ = trained(fabric, batch, frozen=False)
    split, *_ = trained(fabric, batch, frozen=False, parts=2)
    assert not torch.allclose(whole.conv1.weight, split.conv1.weight, atol=1e-4)


def test_a_gradient_is_cut_to_its_length_and_a_short_one_left(fabric, batch):
    start, *_ = trained(fabric, batch, frozen=True, gradient_norm=1e9)
    free, *_ = trained(fabric, batch, frozen=True)
    for value, other in zip(start.parameters(), free.parameters()):
        assert torch.equal(value, other)
    cut, *_ = trained(fabric, batch, frozen=True, gradient_norm=1e-3)
    length = torch.cat([p.grad.flatten() for p in cut.parameters()]).norm()
    assert float(length) == pytest.approx(1e-3, rel=1e-4)


def test_a_loss_that_is_not_finite_leaves_the_weights(fabric, batch):
    torch.manual_seed(0)
    network = resnet3d(classes=3, depth=10, channels=4, dropout=0.0)
    before = copy.deepcopy(network.state_dict())
    module, optimiser = fabric.setup(network, torch.optim.SGD(network.parameters(), lr=0.1))
    module.eval()
    clips, labels = batch
    loss, _ = take_step(module, optimiser, clips * float("nan"), labels, fabric=fabric)
    assert not torch.isfinite(loss)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_loss_is_the_mean_over_the_batch(fabric, batch):
    torch.manual_seed(0)
    network = resnet3d(classes=3, depth=10, channels=4, dropout=0.0).eval()
    with torch.no_grad():
        for block in network.nonlocal_blocks.values():
            block.bn.weight.fill_(1.0)
        expected = F.cross_entropy(network(batch[0]), batch[1])
    _, loss, _ = trained(fabric, batch, frozen=True, parts=3)
    torch.testing.assert_close(loss, expected)


def test_eight_videos_are_learnt_by_heart(fabric, tmp_path):
    """An I3D network with non-local blocks fits a clip of each of eight videos with shuffled labels."""
    train_set, _, _ = load_split(*write_toy_ucf(tmp_path), 1)
    labels = (0, 1, 2, 2, 1, 0, 2, 1)
    videos = [replace(v, label=n) for v, n in zip(train_set.videos, labels)]
    eight = replace(train_set, videos=tuple(videos))
    views = ViewOptions(
        frames=8, stride=2, size=32, jitter=(32, 32), test_size=32, test_clips=1, test_crops=1
    )
    store = FrameStore(short_side=views.stored_short_side)
    store.fill([video.path for video in eight.videos], quiet=True)
    batches = ClipBatches(eight, store, views, batch=8, seed=0)
    torch.manual_seed(0)
    network = resnet3d(classes=3, depth=18, channels=8, dropout=0.0)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    module, optimiser = fabric.setup(network, optimiser)
    right = []
    ((clips, classes),) = batches.of_epoch(0)
    for _ in range(40):
        _, logits = take_step(
            module, optimiser, standardise(clips), classes, fabric=fabric, gradient_norm=5.0
        )
        right.append(int((logits.argmax(1) == classes).sum()))
    assert right[0] < 8 and right[-5:] == [8] * 5
    moved = [float(b.bn.weight.detach().abs().max()) for b in network.nonlocal_blocks.values()]
    assert len(moved) == 2 and min(moved) > 1e-3
