"""The training loop: taken up again it goes on as if never stopped; other settings are refused."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from mocap.errors import BadInput
from textures.training.loop import Schedule, make_fabric, optimise

SCHEDULE = Schedule(8, rate=1e-2, warm_up=2, checkpoint_every=3, report_every=1)


def run(folder, *, stop_at=None, schedule=SCHEDULE, configuration=None):
    torch.manual_seed(5)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    calls = []

    def losses(model, rng):
        calls.append(1)
        if stop_at is not None and len(calls) > stop_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(16, 4))).float()
        return {"fit": (model(x)[:, 0] - x.sum(1)).square().mean()}

    optimise(
        network,
        losses,
        folder=folder,
        schedule=schedule,
        fabric=make_fabric("cpu"),
        configuration=configuration or {"kind": "toy"},
        name="toy",
    )
    return network


def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=5)  # its last checkpoint is that of step 3
    resumed = run(tmp_path / "broken")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()):
        assert torch.equal(a, b)
    lines = (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8]


def test_a_run_of_other_settings_is_not_taken_up(tmp_path):
    run(tmp_path)
    with pytest.raises(BadInput, match=r"config\.json.*other settings"):
        run(tmp_path, configuration={"kind": "another"})


def test_a_damaged_checkpoint_is_named(tmp_path):
    run(tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"damaged")
    with pytest.raises(BadInput, match=r"checkpoint\.safetensors"):
        run(tmp_path)


def test_the_rate_warms_up_and_comes_down():
    schedule = Schedule(100, rate=1.0, warm_up=10)
    rates = [schedule.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == pytest.approx(
        1.0
    )
    assert rates[-1] < 0.02 and rates[10:] == sorted(rates[10:], reverse=True)
    assert Schedule(100, rate=1.0, cosine=False).rate_at(99) == pytest.approx(1.0)
