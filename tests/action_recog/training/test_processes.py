"""Two processes on one machine against one with twice the batch."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from action_recog.datasets.ucf101 import load_split
from action_recog.errors import BadInput
from action_recog.networks.resnet3d import resnet3d
from action_recog.training.clip_batches import ClipBatches
from action_recog.training.processes import (
    JointBatchNorm3d,
    join_batch_norm,
    rows_of_all,
    share_of,
)
from action_recog.videos.frame_store import FrameStore
from tests.action_recog.toy_videos import write_toy_ucf
from tests.action_recog.training.joint_training import VIEWS
from tests.test_house_rules import ROOT


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_toy_ucf(tmp_path_factory.mktemp("ucf"))


def run(folders, out, *, processes: int, **changes) -> subprocess.CompletedProcess[str]:
    module = "tests.action_recog.training.joint_training"
    words = [*map(str, folders), str(out), str(processes), json.dumps(changes)]
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


def test_two_processes_give_the_weights_of_one_with_twice_the_batch(folders, tmp_path):
    """In parts and with its gradient cut: batch normalisation is over both processes' clips."""
    options = {"steps": 1, "batch": 8, "parts": 2, "gradient_norm": 5.0, "lr": 0.5}
    for processes in (1, 2):
        done = run(folders, tmp_path / str(processes), processes=processes, **options)
        assert done.returncode == 0, done.stderr
    one, two = (load_file(str(tmp_path / n / "network.safetensors")) for n in "12")
    assert one.keys() == two.keys()
    for name, value in one.items():  # float32, summed in another order: 1e-5 is usual
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4, msg=name)
    torch.manual_seed(0)
    start = resnet3d(classes=3, depth=10, channels=4).state_dict()
    moved = {name: float((one[name] - value).abs().max()) for name, value in start.items()}
    assert (
        min(v for name, v in moved.items() if ".conv" in name) > 1e-3
    )  # far more than they differ
    rows = [
        [json.loads(line) for line in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in "12"
    ]
    assert len(rows[0]) == len(rows[1]) == 1  # one process writes
    assert rows[1][0]["accuracy"] == rows[0][0]["accuracy"]
    assert rows[1][0]["loss"] == pytest.approx(rows[0][0]["loss"], rel=1e-4)
    # Five videos on two processes: all are there, none twice, on both processes.
    predictions = [np.load(tmp_path / "2" / f"predictions{rank}.npy") for rank in (0, 1)]
    np.testing.assert_array_equal(*predictions)
    expected = np.load(tmp_path / "1" / "predictions0.npy")
    assert expected.shape[0] == 5
    np.testing.assert_allclose(predictions[0], expected, atol=1e-3)
    assert np.abs(np.diff(expected, axis=0)).max() > 0.01  # which are told apart


def test_every_clip_of_a_batch_has_one_process(folders):
    videos, lists = folders
    train_set, _, _ = load_split(videos, lists, 1)
    store = FrameStore(short_side=VIEWS.stored_short_side)
    store.fill([video.path for video in train_set.videos], quiet=True)
    whole = list(ClipBatches(train_set, store, VIEWS, batch=4, seed=3).of_epoch(2))
    shares = [
        list(ClipBatches(train_set, store, VIEWS, batch=4, seed=3, rank=r, processes=2).of_epoch(2))
        for r in (0, 1)
    ]
    assert len(whole) == len(shares[0]) == len(shares[1]) > 1
    for (clips, labels), *parts in zip(whole, *shares):
        for rank, (part, part_labels) in enumerate(parts):
            assert torch.equal(part, clips[rank::2]) and torch.equal(part_labels, labels[rank::2])
    with pytest.raises(BadInput, match=r"expected a multiple of 3.*give 3"):
        ClipBatches(train_set, store, VIEWS, batch=4, seed=3, rank=0, processes=3)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 5, 6])
def test_what_processes_test_is_put_together_in_order(monkeypatch, count, processes):
    rows = np.arange(2 * count).reshape(count, 2)
    fabrics = [SimpleNamespace(global_rank=r, world_size=processes) for r in range(processes)]
    shares = [[rows[i : i + 1] for i in share_of(range(count), fabric)] for fabric in fabrics]
    assert sum(map(len, shares)) == count

    def gather(parts, mine):
        parts[:] = shares

    monkeypatch.setattr("action_recog.training.processes.dist.all_gather_object", gather)
    for share, fabric in zip(shares, fabrics):
        if processes > 1 or share:
            np.testing.assert_array_equal(rows_of_all(share, fabric), rows)


def test_joint_batch_normalisation_keeps_names_and_parameters_and_is_torchs_for_one_process():
    torch.manual_seed(0)
    net = resnet3d(classes=3, depth=10, channels=4)
    parameters = dict(net.named_parameters())
    names = list(net.state_dict())
    clip = torch.randn(2, 3, 4, 32, 32)
    torch.manual_seed(0)
    again = resnet3d(classes=3, depth=10, channels=4)
    again.dropout.p = net.dropout.p = 0.0
    expected = again.train()(clip)
    assert join_batch_norm(net, "cpu") is net
    assert list(net.state_dict()) == names
    assert all(p is parameters[name] for name, p in net.named_parameters())
    normalising = [m for m in net.modules() if isinstance(m, nn.BatchNorm3d)]
    assert normalising and all(type(m) is JointBatchNorm3d for m in normalising)
    torch.testing.assert_close(net.train()(clip), expected)
