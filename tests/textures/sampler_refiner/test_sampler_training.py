"""The trainings of SamplerNet and RefinerNet: losses, stages, exact resume, bad numbers, the command."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional

from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.cli.generator_tables import eval_generator
from synth.cli.train import train
from synth.standins.training_pedestrians import make_bank
from tests.textures.sampler_refiner.test_sampler_networks import TINY
from textures.body_fit.bank_fits import perturbed_fits
from textures.body_fit.fitting import pose_fit
from textures.methods import METHODS
from textures.sampler_refiner.losses import critic_loss, fooling_loss, matching_loss
from textures.sampler_refiner.method import SamplerRefinerMethod
from textures.sampler_refiner.partial_texture import TexelProjection
from textures.sampler_refiner.recipes import (
    PAPER,
    RECIPES,
    LossSettings,
    RefinerLosses,
    SamplerLosses,
    SamplerRefinerRecipe,
)
from textures.sampler_refiner.training import true_textures
from textures.texture_method import DataSummary, TrainingData, load_method
from textures.training.loop import Schedule, make_fabric, train_networks
from textures.visibility.texel_geometry import BORROWED, REFLECTED, VISIBLE, texel_geometry

RECIPE = SamplerRefinerRecipe(
    name="tiny",
    networks=TINY,
    losses=LossSettings(
        sampler=SamplerLosses(lpips=0.0), refiner=RefinerLosses(vgg=0.0)
    ),  # which need a VGG
    batch=2,
    schedule=Schedule(steps=4, lr=1e-3, warm_up=0, optimiser="adam", checkpoint_every=1),
)


@pytest.fixture(scope="module")
def data(body):
    bank = make_bank(body, identities=5, images=2, seed=6)
    training, held_out = bank.split_identities(0.2)
    rng, skinning = np.random.default_rng(0), Skinning(body)
    return TrainingData(
        body=body,
        training=training,
        held_out=held_out,
        training_fits=perturbed_fits(training, rng, skinning),
        held_out_fits=perturbed_fits(held_out, rng, skinning),
        reid_weights=None,
    )


def trained(data, folder, *, recipe=RECIPE, stop_at=None, spoil=None):
    """A run of the tiny recipe, stopped before a step or with a spoilt true texture where asked."""
    method = SamplerRefinerMethod.initialise(recipe, data.body)
    step = method.training_step(recipe, data, torch.device("cpu"))
    count = 0

    def draw_batch(rng):
        nonlocal count
        count += 1
        if stop_at is not None and count > stop_at:
            raise KeyboardInterrupt
        batch = step.draw_batch(rng)
        if spoil is not None and count > spoil:
            batch.truth[0, 0, 0, 0] = torch.nan
        return batch

    figures = train_networks(
        method.networks,
        dataclasses.replace(step, draw_batch=draw_batch),
        folder=folder,
        schedule=recipe.schedule,
        fabric=make_fabric("cpu"),
        configuration={},
        name="tiny",
    )
    return method, figures


def test_the_paper_s_recipe_is_the_paper_s_whole_configuration():
    """Sections 2 and 3: weights 10 and 1, then 10, 10, 10 and 1; Adam at 2e-4, batches of 8, 30,000
    steps for each network, 1,229 people and 212."""
    losses = PAPER.losses
    assert (losses.sampler.l1, losses.sampler.lpips) == (10, 1)
    refiner = losses.refiner
    assert (refiner.l1, refiner.vgg, refiner.matching, refiner.gan) == (10, 10, 10, 1)
    schedule = PAPER.schedule
    assert (schedule.optimiser, schedule.lr, PAPER.batch) == ("adam", 2e-4, 8)
    assert schedule.lr_of_step(0) == schedule.lr_of_step(59_999) == 2e-4 and not schedule.clip
    assert PAPER.sampler_steps == schedule.steps - PAPER.sampler_steps == 30_000
    assert PAPER.networks.texture_size == 256 and PAPER.networks.refiner_blocks == 9
    assert round(PAPER.held_out * (1229 + 212)) == 212
    assert set(RECIPES) == {"small", "paper"}


def test_the_adversarial_losses_are_those_written_out():
    rng = np.random.default_rng(0)
    true, made = rng.normal(size=(2, 3, 1, 4, 4))
    probability = {"true": 1 / (1 + np.exp(-true)), "made": 1 / (1 + np.exp(-made))}
    entropy = -np.log(probability["true"]).mean() - np.log(1 - probability["made"]).mean()
    tensors = torch.from_numpy(true), torch.from_numpy(made)
    assert float(critic_loss(*tensors)) == pytest.approx(entropy / 2)
    assert float(fooling_loss(tensors[1])) == pytest.approx(-np.log(probability["made"]).mean())
    layers = [rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 2))]
    others = [rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 2))]
    expected = np.mean([np.abs(a - b).mean() for a, b in zip(layers, others)])
    ours = [[torch.from_numpy(x).requires_grad_() for x in group] for group in (layers, others)]
    loss = matching_loss(*ours)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert all(x.grad is not None for x in ours[0]) and all(x.grad is None for x in ours[1])


def test_the_first_step_s_terms_are_the_paper_s_sums(data):
    """Both networks' terms of a batch, from the textures of the method's own forward, in numpy."""
    method = SamplerRefinerMethod.initialise(RECIPE, data.body)
    step = method.training_step(RECIPE, data, torch.device("cpu"))
    batch = step.draw_batch(np.random.default_rng(3))
    rng = np.random.default_rng(0)
    projection, partial = method.projection, batch.partial
    terms = step.phases["sampler"].losses(method.networks, batch, rng)
    with torch.no_grad():
        grid = method.networks["sampler"](partial.colours, partial.filled, projection.normals)
        looked_up = functional.grid_sample(
            partial.colours, grid, padding_mode="border", align_corners=True
        ).numpy()
        visible = partial.visible.numpy()
        mixed = visible * partial.colours.numpy() + (1 - visible) * looked_up
        number = method.geometry.number.ravel()
        sampled = mixed.reshape(2, 3, -1)[:, :, number].reshape(mixed.shape)
        truth = batch.truth.numpy()
        assert terms["l1"].item() == pytest.approx(10 * np.abs(sampled - truth).mean(), rel=1e-5)
        assert set(terms) == {"l1"}
        refined, mask = (
            t.numpy().reshape(2, -1, 32 * 32)[:, :, number].reshape(2, -1, 32, 32)
            for t in method.networks["refiner"](torch.from_numpy(sampled), partial.visible)
        )
        full = sampled * mask + refined * (1 - mask)
        made = method.networks["critic"](torch.from_numpy(full))
        true = method.networks["critic"](batch.truth)
    terms = step.phases["refiner"].losses(method.networks, batch, rng)
    expected = {
        "l1": 10 * np.abs(full - truth).mean(),
        "gan": -np.log(1 / (1 + np.exp(-made[-1].numpy()))).mean(),
        "matching": 10 * np.mean([float((a - b).abs().mean()) for a, b in zip(made[:2], true)]),
    }
    assert {k: v.item() for k, v in terms.items()} == pytest.approx(expected, rel=1e-4)
    terms["l1"].backward()
    assert all(p.grad is None for p in method.networks["sampler"].parameters())
    critic = step.phases["critic"].losses(method.networks, batch, rng)
    expected = critic_loss(true[-1], made[-1])
    assert critic["patches"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_perceptual_terms_are_weighed_as_the_paper_says(data, monkeypatch):
    class Counted(torch.nn.Module):
        def __init__(self, network, *, size):
            super().__init__()

        def distance(self, images, targets):
            return (images - targets).square().mean()

        content = distance

    module = "textures.sampler_refiner.method"
    monkeypatch.setattr(f"{module}.PerceptualLosses", Counted)
    monkeypatch.setattr(f"{module}.open_perceptual", lambda path: None)
    recipe = dataclasses.replace(RECIPE, losses=LossSettings())
    method = SamplerRefinerMethod.initialise(recipe, data.body)
    step = method.training_step(recipe, data, torch.device("cpu"))
    batch, rng = step.draw_batch(np.random.default_rng(3)), np.random.default_rng(0)
    terms = step.phases["sampler"].losses(method.networks, batch, rng)
    assert set(terms) == {"l1", "lpips"} and 0 < terms["lpips"] < terms["l1"]
    batch.truth[:] = 0
    refined = step.phases["refiner"].losses(method.networks, batch, rng)
    assert set(refined) == {"l1", "vgg", "gan", "matching"}
    assert refined["vgg"].item() > 5 * (refined["l1"].item() / 10) ** 2  # Jensen: 10 * E[x^2]


def test_the_partial_texture_holds_what_the_crop_shows(body):
    geometry = texel_geometry(body.mesh, 32)
    kinds = torch.randint(0, 3, (1, 32, 32), generator=torch.Generator().manual_seed(0))
    positions = torch.rand(1, 32, 32, 2, generator=torch.Generator().manual_seed(1))
    crops = torch.full((1, 3, 128, 64), 0.5)
    for partial, shown in (("visible", [VISIBLE]), ("reflected", [VISIBLE, REFLECTED])):
        made = TexelProjection(geometry, body.mesh, partial=partial)(crops, positions, kinds)
        filled = np.isin(kinds.numpy(), shown)
        assert np.array_equal(made.filled[:, 0].numpy(), filled)
        assert np.allclose(made.colours.numpy(), np.repeat(filled[:, None] * 0.5, 3, 1))
        assert np.array_equal(made.visible[:, 0].numpy(), kinds.numpy() == VISIBLE)
    assert (kinds == BORROWED).any()
    projection = TexelProjection(geometry, body.mesh, partial="visible")
    assert torch.allclose(projection.normals.norm(dim=1), torch.ones(1, 32, 32), atol=1e-5)


def test_true_textures_are_the_people_s(data):
    bank = data.training
    chosen = np.array([3, 0])
    truth = true_textures(bank, chosen, 128)
    expected = bank.textures[bank.texture_of[chosen]].transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.allclose(truth.numpy(), expected, atol=1e-6)
    assert true_textures(bank, chosen, 32).shape == (2, 3, 32, 32)
    assert true_textures(bank, chosen, 256).shape == (2, 3, 256, 256)


def test_a_stopped_run_resumes_to_the_bit_in_either_stage(data, tmp_path):
    whole, figures = trained(data, tmp_path / "whole")
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            trained(data, tmp_path / f"broken{stop}", stop_at=stop)
        resumed, again = trained(data, tmp_path / f"broken{stop}")
        assert again == figures
        for name, network in whole.networks.items():
            for key, value in network.state_dict().items():
                assert torch.equal(value, resumed.networks[name].state_dict()[key]), (name, key)
    assert {"texture error, full, unseen", "texture error, sampled, seen"} <= set(figures)


def test_each_stage_trains_its_networks_alone(data, tmp_path):
    method = SamplerRefinerMethod.initialise(RECIPE, data.body)
    start = {name: dict(network.state_dict()) for name, network in method.networks.items()}
    start = {n: {k: v.clone() for k, v in state.items()} for n, state in start.items()}
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", stop_at=RECIPE.sampler_steps)
    from safetensors.torch import load_file

    halfway = load_file(tmp_path / "run" / "checkpoint.safetensors")
    end, _ = trained(data, tmp_path / "run")
    key = "leave.weight"
    assert not torch.equal(halfway[f"network.sampler.{key}"], start["sampler"][key])
    assert torch.equal(halfway[f"network.refiner.{key}"], start["refiner"][key])
    assert torch.equal(halfway[f"network.critic.{key}"], start["critic"][key])
    final = {name: network.state_dict()[key] for name, network in end.networks.items()}
    assert torch.equal(final["sampler"], halfway[f"network.sampler.{key}"])
    assert not torch.equal(final["refiner"], halfway[f"network.refiner.{key}"])
    assert not torch.equal(final["critic"], halfway[f"network.critic.{key}"])


def test_a_number_that_is_not_finite_stops_the_run_and_names_the_batch(data, tmp_path):
    with pytest.raises(FloatingPointError, match=r"of sampler at step 1, crops \d+, \d+; lower"):
        trained(data, tmp_path, spoil=1)


def test_the_method_s_textures_are_of_its_size_with_what_the_crop_shows(data, body):
    torch.manual_seed(0)
    method = SamplerRefinerMethod(TINY, body)
    posed = pose_fit(data.held_out_fits, Skinning(body))
    crops = list(data.held_out.images)
    stages = method.stage_textures(crops, posed)
    assert list(stages) == ["sampled", "refinement", "full"]
    assert torch.equal(method.textures(crops, posed), stages["full"])
    assert stages["full"].shape == (len(crops), 3, 32, 32) and stages["full"].abs().max() <= 1
    flat = stages["full"].flatten(2)
    number = torch.from_numpy(method.geometry.number).flatten()
    assert torch.equal(flat, flat[:, :, number])  # gutters
    shifted = method.stage_textures(crops[::-1], posed)
    assert not torch.equal(shifted["sampled"], stages["sampled"])


def test_weights_are_kept_and_read_back_by_name(data, body, tmp_path):
    method = SamplerRefinerMethod.initialise(RECIPE, body)
    method.save(tmp_path / "sampler_refiner.safetensors", metrics={})
    read = load_method(METHODS["sampler-refiner"], body, tmp_path / "sampler_refiner.safetensors")
    assert read.config == TINY
    for name, network in method.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value.half().float(), read.networks[name].state_dict()[key])


def test_what_cannot_be_trained_on_is_refused(monkeypatch):
    people = DataSummary(name="market", photographs=True, identities=100, crops_per_identity=9)
    with pytest.raises(BadInput, match="photographs of market do not have; leave --images out"):
        SamplerRefinerMethod.check_recipe(RECIPE, people)
    few = DataSummary(name="bank", photographs=False, identities=3, crops_per_identity=9)
    with pytest.raises(BadInput, match="bank: 3 people, expected 4 or more"):
        SamplerRefinerMethod.check_recipe(RECIPE, few)
    monkeypatch.setattr("textures.perceptual.vgg.installed_file", lambda *names: None)
    enough = dataclasses.replace(few, identities=4)
    SamplerRefinerMethod.check_recipe(RECIPE, enough)
    with pytest.raises(BadInput, match="needs a VGG: pip install"):
        SamplerRefinerMethod.check_recipe(PAPER, enough)
    with pytest.raises(BadInput, match="1 steps, 0 of them SamplerNet's"):
        dataclasses.replace(RECIPE, schedule=Schedule(steps=1))


def test_the_command_trains_and_the_card_says_by_what(body, tmp_path):
    arguments = ["generator", "--method", "sampler-refiner", "--out", tmp_path / "run"]
    arguments += ["--steps", 2, "--device", "cpu", "--threads", 1, "--workers", 1, "--seed", 3]
    arguments += ["--pedestrians", tmp_path / "bank.safetensors", "--count-identities", 4]
    arguments += ["--count-crops", 1, "--full"]
    overrides = {f"networks.{k}": v for k, v in dataclasses.asdict(TINY).items()}
    overrides |= {"losses.sampler.lpips": 0, "losses.refiner.vgg": 0, "batch": 2}
    for field, value in overrides.items():
        arguments += ["--set", f"{field}={value}"]
    result = CliRunner().invoke(train, [str(a) for a in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    weights = tmp_path / "run" / "sampler_refiner.safetensors"
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["kind"] == "sampler-refiner" and card["recipe"]["name"] == "small"
    assert card["config"] == dataclasses.asdict(TINY)
    assert card["metrics"]["texture error, full, unseen"] > 0
    assert load_method(SamplerRefinerMethod, body, weights).texture_size == 32
    asked = [weights, "--method", "sampler-refiner", "--pedestrians", tmp_path / "bank.safetensors"]
    result = CliRunner().invoke(eval_generator, [str(a) for a in [*asked, "--people", 1, "--json"]])
    assert result.exit_code == 0, (result.output, result.exception)
    measures = {measure["name"]: measure for measure in json.loads(result.stdout)["measures"]}
    assert list(measures) == ["st-lpips", "psnr@strict", "ssim@rstg", "ssim@strict"]
    figures = measures["psnr@strict"]["figures"]
    assert list(figures) == ["sampled", "refinement", "full"]
    assert all(5 < row["mean"]["value"] < 40 and row["people"] == 1 for row in figures.values())
    lines = CliRunner().invoke(eval_generator, [str(a) for a in asked]).stdout
    assert "published PSNR 18.1052" in lines and "Orders between rows can be compared" in lines
    make_bank(body, identities=4, images=1, seed=9).save(tmp_path / "other.safetensors")
    asked[-1] = tmp_path / "other.safetensors"
    refused = CliRunner().invoke(eval_generator, [str(a) for a in asked])
    assert "was trained on other pedestrians" in str(refused.exception)
