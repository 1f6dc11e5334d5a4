"""The training loop: taken up again it goes on as if never stopped; other settings are refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mocap.errors import BadInput
from textures.training.loop import (
    Phase,
    Schedule,
    TrainingStep,
    make_fabric,
    train_networks,
)

SCHEDULE = Schedule(steps=8, lr=1e-2, warm_up=2, checkpoint_every=3, report_every=1)


def run(folder, *, stop_at=None, schedule=SCHEDULE, configuration=None):
    torch.manual_seed(5)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    calls = []

    def draw_batch(rng):
        calls.append(1)
        if stop_at is not None and len(calls) > stop_at:
            raise KeyboardInterrupt
        return torch.from_numpy(rng.normal(size=(16, 4))).float()

    def losses(networks, x, rng):
        return {"fit": (networks["toy"](x)[:, 0] - x.sum(1)).square().mean()}

    train_networks(
        {"toy": network},
        TrainingStep({"toy": Phase(("toy",), losses)}, draw_batch),
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
    assert steps == [1, 2, 3, 4, 5, 6, 7, 8]  # 4 and 5 were done again


def test_a_run_of_other_settings_is_not_taken_up(tmp_path):
    run(tmp_path)
    with pytest.raises(BadInput, match=r"config\.json.*other settings"):
        run(tmp_path, configuration={"kind": "another"})


def damage(path, deed):
    """Tear or spoil a file as crashes and failing disks do."""
    data = path.read_bytes()
    if deed == "torn":
        path.write_bytes(data[: len(data) // 2])
    elif deed == "empty":
        path.write_bytes(b"")
    elif deed == "noise":
        path.write_bytes(b"damaged")
    else:
        tensors = load_file(path)
        key = "network.toy.0.weight" if deed == "NaN" else "step"
        tensors[key] = torch.full_like(tensors[key], math.nan if deed == "NaN" else -3)
        save_file(tensors, path)


@pytest.mark.parametrize("deed", ["torn", "empty", "noise", "NaN", "step"])
def test_a_damaged_checkpoint_starts_its_run_again_and_says_so(tmp_path, capsys, deed):
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=7)
    capsys.readouterr()
    damage(tmp_path / "broken" / "checkpoint.safetensors", deed)
    again = run(tmp_path / "broken")
    said = capsys.readouterr().err
    assert "checkpoint.safetensors: cannot be resumed" in said and "starts again" in said
    for a, b in zip(whole.state_dict().values(), again.state_dict().values()):
        assert torch.equal(a, b)
    lines = (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("text", ["", "{", '{"schedule": ', "\0\0\0", "[]"])
def test_a_torn_configuration_does_not_stop_the_run_that_its_checkpoint_names(tmp_path, text):
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=5)
    config = tmp_path / "broken" / "config.json"
    expected = config.read_bytes()
    config.write_text(text)
    with pytest.raises(BadInput, match="other settings"):
        run(tmp_path / "broken", configuration={"kind": "another"})
    resumed = run(tmp_path / "broken")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()):
        assert torch.equal(a, b)
    assert config.read_bytes() == expected


def test_torn_metrics_are_taken_out_with_a_line_and_the_rest_stays(tmp_path, capsys):
    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=5)
    metrics = tmp_path / "broken" / "metrics.jsonl"
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(lines[0] + b"\xff\x00[\n" + lines[1] + lines[2] + lines[3][:9])
    run(tmp_path / "broken")
    assert "metrics.jsonl: 2 torn lines are taken out, the first line 2" in capsys.readouterr().err
    assert metrics.read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()


def test_the_rate_warms_up_and_comes_down():
    schedule = Schedule(steps=100, lr=1.0, warm_up=10)
    rates = [schedule.lr_of_step(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == pytest.approx(
        1.0
    )
    assert rates[-1] < 0.02 and rates[10:] == sorted(rates[10:], reverse=True)
    assert Schedule(steps=100, lr=1.0, cosine=False).lr_of_step(99) == pytest.approx(1.0)


def adversarial_run(folder, *, stop_at=None):
    """A generator of points and a critic that tells them from true ones, by two optimisers."""
    torch.manual_seed(1)
    networks = {
        "generator": nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)),
        "critic": nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 1)),
    }
    calls = []

    def draw_batch(rng):
        calls.append(1)
        if stop_at is not None and len(calls) > stop_at:
            raise KeyboardInterrupt
        return torch.from_numpy(rng.normal(size=(2, 16, 2))).float()

    def generator_losses(members, batch, rng):
        points = members["generator"](batch[0])
        return {"fooled": nn.functional.softplus(-members["critic"](points)).mean()}

    def critic_losses(members, batch, rng):
        points = members["generator"](batch[0]).detach()
        return {
            "true": nn.functional.softplus(-members["critic"](batch[1] + 3)).mean(),
            "false": nn.functional.softplus(members["critic"](points)).mean(),
        }

    train_networks(
        networks,
        TrainingStep(
            {
                "generator": Phase(("generator",), generator_losses, betas=(0.5, 0.999)),
                "critic": Phase(("critic",), critic_losses, lr_factor=2.0),
            },
            draw_batch,
        ),
        folder=folder,
        schedule=SCHEDULE,
        fabric=make_fabric("cpu"),
        configuration={"kind": "adversarial"},
        name="adversarial",
    )
    return networks


def test_two_networks_with_two_optimisers_resume_to_the_bit(tmp_path):
    whole = adversarial_run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        adversarial_run(tmp_path / "broken", stop_at=5)
    resumed = adversarial_run(tmp_path / "broken")
    for name, network in whole.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, resumed[name].state_dict()[key]), (name, key)
    terms = json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"generator/fooled", "critic/true", "critic/false"} <= set(terms)


def test_a_phase_is_the_step_of_its_own_optimiser_alone(tmp_path):
    """The loop's two phases against the same two steps written out in plain torch."""
    networks = adversarial_run(tmp_path)
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 1))
    first = torch.optim.AdamW(generator.parameters(), betas=(0.5, 0.999), weight_decay=1e-5)
    second = torch.optim.AdamW(critic.parameters(), weight_decay=1e-5)
    for step in range(SCHEDULE.steps):
        seed = np.random.SeedSequence([SCHEDULE.seed, 0, step]).generate_state(1)[0]
        torch.manual_seed(int(seed))
        rng = np.random.default_rng([SCHEDULE.seed, 0, step])
        noise, true = torch.from_numpy(rng.normal(size=(2, 16, 2))).float()
        for optimiser, factor in ((first, 1.0), (second, 2.0)):
            optimiser.param_groups[0]["lr"] = SCHEDULE.lr_of_step(step) * factor
        generator.zero_grad()
        nn.functional.softplus(-critic(generator(noise))).mean().backward()
        nn.utils.clip_grad_norm_(generator.parameters(), SCHEDULE.clip)
        first.step()
        critic.zero_grad()
        loss = nn.functional.softplus(-critic(true + 3)).mean()
        (loss + nn.functional.softplus(critic(generator(noise).detach())).mean()).backward()
        nn.utils.clip_grad_norm_(critic.parameters(), SCHEDULE.clip)
        second.step()
    for name, network in (("generator", generator), ("critic", critic)):
        for key, value in network.state_dict().items():
            assert torch.allclose(value, networks[name].state_dict()[key], atol=1e-6), (name, key)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_phase(tmp_path):
    network = nn.Linear(1, 1)
    step = TrainingStep(
        {
            "sharp": Phase(
                ("toy",), lambda networks, x, rng: {"nan": networks["toy"](x).sum() * torch.nan}
            )
        },
        lambda rng: torch.ones(1, 1),
    )
    with pytest.raises(FloatingPointError, match="of sharp at step 0"):
        train_networks(
            {"toy": network},
            step,
            folder=tmp_path,
            schedule=SCHEDULE,
            fabric=make_fabric("cpu"),
            configuration={},
            name="toy",
        )


def test_phases_one_after_the_other_take_their_steps_alone_at_the_whole_schedule_s_rates(tmp_path):
    """The second phase's rate begins and ends as the first's, and a stop in either is made good."""

    def staged(folder, stop_at=None):
        torch.manual_seed(5)
        networks = {"first": nn.Linear(2, 1), "second": nn.Linear(2, 1)}
        taken = []

        def phase(name, **bounds):
            def losses(networks, x, rng):
                taken.append((name, len(taken)))
                return {"size": networks[name](x).square().mean()}

            return Phase((name,), losses, **bounds)

        def draw_batch(rng):
            if stop_at is not None and len(taken) == stop_at:
                raise KeyboardInterrupt
            return torch.from_numpy(rng.normal(size=(4, 2))).float()

        phases = {"first": phase("first", end=3), "second": phase("second", begin=3)}
        train_networks(
            networks,
            TrainingStep(phases, draw_batch),
            folder=folder,
            schedule=SCHEDULE,
            fabric=make_fabric("cpu"),
            configuration={},
            name="staged",
        )
        return networks, taken, phases

    whole, taken, phases = staged(tmp_path / "whole")
    assert [name for name, _ in taken] == ["first"] * 3 + ["second"] * 5
    for name, begin, steps in (("first", 0, 3), ("second", 3, 5)):
        alone = Schedule(steps=steps, lr=1e-2, warm_up=2)
        rates = [phases[name].lr_of_step(SCHEDULE, begin + k) for k in range(steps)]
        assert rates == [alone.lr_of_step(k) for k in range(steps)]
    for stop in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            staged(tmp_path / f"broken{stop}", stop_at=stop)
        resumed, _, _ = staged(tmp_path / f"broken{stop}")
        for name, network in whole.items():
            assert torch.equal(network.weight, resumed[name].weight)
