"""DDFF's losses against the same written out, its trainings, its tables, the method."""

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
from tests.textures.ddff.test_ddff_networks import TINY
from textures.body_fit.bank_fits import perturbed_fits
from textures.body_fit.fitting import pose_fit
from textures.ddff.annotations import fit_annotations, heat_maps, turned_fits
from textures.ddff.attention import identity_positions
from textures.ddff.losses import (
    consistency_loss,
    coordinate_loss,
    correctness_loss,
    flow_regularisation,
    hinge_critic_loss,
    hinge_generator_loss,
)
from textures.ddff.method import DdffMethod, next_crops
from textures.ddff.networks import LINKS
from textures.ddff.recipes import PAPER, RECIPES, DdffLosses, DdffRecipe
from textures.ddff.training import draw_pairs, person_pictures
from textures.perceptual.losses import PerceptualLosses
from textures.perceptual.vgg import ShiftTolerantVgg
from textures.texture_method import DataSummary, TrainingData, load_method
from textures.training.loop import Schedule, make_fabric, train_networks

WITHOUT_VGG = DdffLosses(content=0.0, style=0.0, correctness=0.0)
RECIPE = DdffRecipe(
    name="tiny",
    networks=TINY,
    losses=WITHOUT_VGG,
    batch=2,
    schedule=Schedule(steps=3, lr=1e-3, warm_up=0, optimiser="adam", checkpoint_every=1),
)


@pytest.fixture(scope="module")
def data(body):
    bank = make_bank(body, identities=5, images=3, seed=6)
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
    """A run of the tiny recipe, stopped before a step or with a spoilt picture where asked."""
    method = DdffMethod.initialise(recipe, data.body)
    step = method.training_step(recipe, data, torch.device("cpu"))
    count = 0

    def draw_batch(rng):
        nonlocal count
        count += 1
        if stop_at is not None and count > stop_at:
            raise KeyboardInterrupt
        batch = step.draw_batch(rng)
        if spoil is not None and count > spoil:
            batch.targets.pictures[0, 0, 0, 0] = torch.nan
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


def test_the_hinge_losses_are_those_written_out():
    true, generated = np.random.default_rng(0).normal(size=(2, 3, 1, 4, 4)) * 2
    tensors = torch.from_numpy(true), torch.from_numpy(generated)
    expected = np.maximum(0, 1 - true).mean() + np.maximum(0, 1 + generated).mean()
    assert float(hinge_critic_loss(*tensors)) == pytest.approx(expected)
    assert float(hinge_generator_loss(tensors[1])) == pytest.approx(-generated.mean())


def test_correctness_is_equation_13_written_out():
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 1, 6, 4, 4))
    identity = identity_positions(4, 4, torch.device("cpu")).double()
    loss = correctness_loss(torch.from_numpy(source), torch.from_numpy(target), identity)
    unit = [x.reshape(6, 16) / np.linalg.norm(x.reshape(6, 16), axis=0) for x in (source, target)]
    cosines = unit[0].T @ unit[1]  # (source, target)
    best = np.maximum(cosines.max(0), 1e-6)
    assert float(loss) == pytest.approx(np.exp(-np.diag(cosines) / best).mean(), rel=1e-5)
    # A flow to the best of each target's matches reaches the bound, exp(-1).
    choice = cosines.argmax(0)
    positions = identity.view(16, 2)[choice].view(1, 4, 4, 2)
    perfect = correctness_loss(torch.from_numpy(source), torch.from_numpy(target), positions)
    assert float(perfect) == pytest.approx(np.exp(-1), rel=1e-4)


def test_coordinates_count_where_the_picture_shows_the_texel():
    rng = np.random.default_rng(2)
    coordinates = torch.from_numpy(rng.uniform(-1, 1, (2, 8, 8, 2)))
    visible = torch.from_numpy((rng.random((2, 1, 8, 8)) > 0.4).astype(float))
    positions = torch.from_numpy(rng.uniform(-1, 1, (2, 8, 8, 2)))
    distance = np.linalg.norm((positions - coordinates).numpy(), axis=-1)
    expected = distance[visible[:, 0].numpy() > 0].mean()
    assert float(coordinate_loss(positions, coordinates, visible)) == pytest.approx(expected)
    # At half the size: the mean of visible coordinates, where most are visible.
    half = torch.zeros(2, 4, 4, 2, dtype=torch.double)
    total, cells = 0.0, 0
    for b in range(2):
        for i in range(4):
            for j in range(4):
                shown = visible[b, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].bool()
                if shown.sum() > 2:
                    inside = coordinates[b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2][shown]
                    total, cells = total + inside.mean(0).norm().item(), cells + 1
    assert float(coordinate_loss(half, coordinates, visible)) == pytest.approx(total / cells)
    assert float(coordinate_loss(positions, coordinates, visible * 0)) == 0


def test_paths_that_meet_are_consistent_and_the_others_cost_their_distance():
    identity = identity_positions(4, 4, torch.device("cpu"))
    to_source = identity * 0.5  # texel to source; to the texture by the identity
    mask = torch.ones(1, 1, 8, 8)
    assert float(consistency_loss(identity * 0.5, identity, to_source, mask)) < 1e-5
    aside = identity * 0.5 + torch.tensor([0.3, 0.4])
    assert float(consistency_loss(aside, identity, to_source, mask)) == pytest.approx(0.5, rel=1e-4)
    mask[..., :4] = 0  # the left half of the target is background
    aside[:, :, :2] += 9
    assert float(consistency_loss(aside, identity, to_source, mask)) == pytest.approx(0.5, rel=1e-4)


def test_an_affine_flow_costs_nothing_and_another_what_least_squares_leave():
    identity = identity_positions(6, 5, torch.device("cpu")).double()
    turn = torch.tensor([[0.8, -0.3], [0.2, 0.7]], dtype=torch.double)
    assert float(flow_regularisation(identity @ turn + 0.1)) < 1e-12
    rng = np.random.default_rng(3)
    flow = rng.normal(size=(1, 6, 5, 2))
    y, x = np.mgrid[0:3, 0:3]
    basis = np.stack([x.ravel(), y.ravel(), np.ones(9)], 1)
    squares = []
    for i in range(4):
        for j in range(3):
            patch = flow[0, i : i + 3, j : j + 3].reshape(9, 2)
            fit = basis @ np.linalg.lstsq(basis, patch, rcond=None)[0]
            squares.append(((patch - fit) ** 2).mean())
    loss = flow_regularisation(torch.from_numpy(flow))
    assert float(loss) == pytest.approx(np.mean(squares), rel=1e-5)


def test_gradients_of_the_flows_losses_are_those_of_finite_differences():
    torch.manual_seed(0)
    flow = (torch.rand(1, 4, 4, 2, dtype=torch.double) - 0.5).requires_grad_()
    features = torch.rand(2, 1, 3, 4, 4, dtype=torch.double)
    coordinates = torch.rand(1, 8, 8, 2, dtype=torch.double)
    mask = torch.ones(1, 1, 8, 8, dtype=torch.double)
    middle = torch.rand(1, 4, 4, 2, dtype=torch.double) - 0.5
    for loss in (
        lambda f: correctness_loss(features[0], features[1], f),
        lambda f: coordinate_loss(f, coordinates, mask),
        lambda f: consistency_loss(f, middle, coordinates[:, :4, :4], mask),
        flow_regularisation,
    ):
        assert torch.autograd.gradcheck(loss, (flow,), atol=1e-4)


def test_the_terms_of_a_step_are_the_paper_s_sums(data):
    """With a VGG: every term of the first batch, from the networks' own outputs."""
    torch.manual_seed(4)
    networks = dataclasses.replace(TINY, height=64, width=32)
    recipe = dataclasses.replace(RECIPE, networks=networks, losses=DdffLosses())
    perceptual = PerceptualLosses(ShiftTolerantVgg())
    method = DdffMethod.initialise(recipe, data.body)
    skinning = Skinning(data.body)
    annotations = fit_annotations(data.training_fits, skinning, method.mesh, method.geometry)
    from textures.ddff.training import dual_domain_step

    step = dual_domain_step(
        recipe, data.training, annotations, perceptual, torch.device("cpu"), lambda networks: {}
    )
    batch, rng = step.draw_batch(np.random.default_rng(5)), np.random.default_rng(0)
    terms = step.phases["generator"].losses(method.networks, batch, rng)
    with torch.no_grad():
        outputs = method.networks["generator"](
            batch.sources, batch.source_poses, batch.hallucinated, batch.target_heat
        )
        hats = outputs.targets.images
        looked_up = functional.grid_sample(
            outputs.texture,
            torch.stack([batch.targets.uv[..., 0] * 2 - 1, 1 - batch.targets.uv[..., 1] * 2], -1),
            padding_mode="border",
            align_corners=False,
        )
        masks, truth = batch.targets.masks, batch.targets.pictures
        tildes = (1 - masks) * hats + masks * looked_up  # equation 12
        l1 = (hats - truth).abs().mean() + (tildes - truth).abs().mean()
        contents = [perceptual.terms(x, truth) for x in (hats, tildes)]
        judged = torch.cat([method.networks["critic"](x)[-1] for x in (hats, tildes)])
    expected = {
        "reconstruction": 5 * l1.item(),
        "content": 0.5 * sum(c.item() for c, _ in contents),
        "style": 500 * sum(s.item() for _, s in contents),
        "adversarial": -2 * judged.mean().item(),
    }
    assert {k: terms[k].item() for k in expected} == pytest.approx(expected, rel=1e-3)
    flows = {"coordinate", "regularisation", "consistency", "correctness"}
    assert set(terms) == set(expected) | flows
    assert np.exp(-1) * 5 - 1e-3 < terms["correctness"].item()
    critic = step.phases["critic"].losses(method.networks, batch, rng)["hinge"]
    true = method.networks["critic"](truth)[-1]
    assert critic.item() == pytest.approx(hinge_critic_loss(true, judged).item(), rel=1e-3)


@pytest.mark.parametrize("links", LINKS)
def test_every_variant_trains_and_is_measured(links, data, tmp_path):
    networks = dataclasses.replace(TINY, links=links)
    _, figures = trained(data, tmp_path, recipe=dataclasses.replace(RECIPE, networks=networks))
    assert set(figures) == {"picture error, G_I", "picture error, G_T"}
    assert all(0 < value < 200 for value in figures.values())
    lines = (tmp_path / "metrics.jsonl").read_text()
    assert ("generator/consistency" in lines) == (links in ("full", "texture-to-image"))


def test_a_stopped_run_resumes_to_the_bit(data, tmp_path):
    whole, figures = trained(data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "broken", stop_at=2)
    resumed, again = trained(data, tmp_path / "broken")
    assert again == figures
    for name, network in whole.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, resumed.networks[name].state_dict()[key]), (name, key)


def test_a_number_that_is_not_finite_stops_the_run_and_names_the_batch(data, tmp_path):
    with pytest.raises(FloatingPointError, match=r"of generator at step 1, crops \d+, \d+, \d+"):
        trained(data, tmp_path, spoil=1)


def test_pairs_are_of_one_person_and_lent_poses_of_another(data):
    recipe = dataclasses.replace(
        RECIPE, batch=3, targets=2, networks=dataclasses.replace(TINY, hallucinations=4)
    )
    bank = data.training
    for seed in range(5):
        sources, targets, lent = draw_pairs(np.random.default_rng(seed), bank, recipe)
        person = bank.identities[sources]
        assert targets.shape == (3, 2) and lent.shape == (3, 3)
        assert (bank.identities[targets] == person[:, None]).all()
        assert (targets != sources[:, None]).all()
        assert (bank.identities[lent] != person[:, None]).all()


def test_targets_are_the_person_alone_on_grey(data):
    chosen = np.array([1, 4])
    pictures = person_pictures(data.training, chosen, TINY, torch.device("cpu"))
    assert pictures.pictures.shape == (2, 3, 32, 16) and pictures.uv.shape == (2, 32, 16, 2)
    background = (pictures.masks == 0).expand(-1, 3, -1, -1)
    assert background.any() and (pictures.pictures[background] == 0).all()


def test_heat_is_highest_at_the_joint():
    joints = torch.tensor([[[0.25, 0.5], [0.9, 0.1]]])
    heat = heat_maps(joints, 64, 32)
    assert heat.shape == (1, 2, 64, 32) and heat.max() <= 1
    for number, (x, y) in enumerate(joints[0].tolist()):
        row, column = divmod(int(heat[0, number].argmax()), 32)
        assert abs(row + 0.5 - y * 64) <= 0.5 and abs(column + 0.5 - x * 32) <= 0.5


def test_turned_bodies_show_their_other_side(data, body):
    """Half a turn: left and right change places in the picture, and other texels are shown."""
    method = DdffMethod(TINY, body)
    straight, turned = (
        fit_annotations(fit, method.skinning, method.mesh, method.geometry)
        for fit in turned_fits(data.held_out_fits, 2)
    )
    for left, right in ((1, 2), (16, 17)):  # hips and shoulders
        before = straight.joints[:, left, 0] - straight.joints[:, right, 0]
        after = turned.joints[:, left, 0] - turned.joints[:, right, 0]
        sure = np.abs(before) > 0.05
        assert (np.sign(before) == -np.sign(after))[sure].all()
    shown = [a.sources.kinds == 0 for a in (straight, turned)]
    assert (shown[0] & shown[1]).sum() < 0.35 * shown[0].sum()


def test_textures_do_not_depend_on_who_else_is_there(data, body):
    torch.manual_seed(0)
    method = DdffMethod(TINY, body)
    for network in method.networks.values():
        network.eval()
    posed = pose_fit(data.held_out_fits, Skinning(body))
    crops = list(data.held_out.images)
    together = method.textures(crops, posed)
    from textures.body_fit.fitting import selected_fits

    alone = method.textures(crops[1:2], selected_fits(posed, [1]))
    assert together.shape == (len(crops), 3, 32, 32)
    assert torch.allclose(together[1], alone[0], atol=1e-5)
    number = torch.from_numpy(method.geometry.number).flatten()
    assert torch.equal(together.flatten(2), together.flatten(2)[:, :, number])


def test_each_crop_s_next_is_the_same_person_s():
    order, follower = next_crops(np.array([5, 9, 5, 7, 5, 9]))
    assert dict(zip(order.tolist(), follower.tolist())) == {0: 2, 2: 4, 4: 0, 1: 5, 5: 1}
    assert not len(next_crops(np.array([1, 2]))[0])


def test_the_paper_s_recipe_has_its_networks_and_its_block_s_weights():
    assert set(RECIPES) == {"small", "paper"}
    assert PAPER.networks.hallucinations == 3 and PAPER.networks.links == "full"
    losses = PAPER.losses
    assert (losses.reconstruction, losses.content, losses.style) == (5, 0.5, 500)
    assert (losses.adversarial, losses.correctness, losses.regularisation) == (2, 5, 0.0025)
    assert (PAPER.schedule.lr, PAPER.critic_rate, PAPER.betas_first) == (1e-4, 0.1, 0)


def test_what_cannot_be_trained_on_is_refused(monkeypatch):
    alone = DataSummary(name="market", photographs=True, identities=100, crops_per_identity=1)
    with pytest.raises(BadInput, match="in market nobody has two; generate more"):
        DdffMethod.check_recipe(RECIPE, alone)
    few = dataclasses.replace(alone, identities=3, crops_per_identity=2)
    with pytest.raises(BadInput, match="market: 3 people, expected 4 or more"):
        DdffMethod.check_recipe(RECIPE, few)
    monkeypatch.setattr("textures.perceptual.vgg.installed_file", lambda *names: None)
    enough = dataclasses.replace(few, identities=4)
    DdffMethod.check_recipe(RECIPE, enough)
    with pytest.raises(BadInput, match="needs a VGG: pip install"):
        DdffMethod.check_recipe(PAPER, enough)
    with pytest.raises(BadInput, match="leaves 16 pixels of pictures of 32x16, expected 32"):
        dataclasses.replace(RECIPE, losses=DdffLosses())
    with pytest.raises(BadInput, match="batch 1: expected 2 or more people"):
        dataclasses.replace(RECIPE, batch=1)


def test_the_command_trains_and_prints_the_paper_s_tables(body, tmp_path):
    arguments = ["generator", "--method", "ddff", "--out", tmp_path / "run", "--half"]
    arguments += ["--steps", 2, "--device", "cpu", "--threads", 1, "--workers", 1, "--seed", 3]
    arguments += ["--pedestrians", tmp_path / "bank.safetensors", "--count-identities", 4]
    arguments += ["--count-crops", 2]
    overrides = {f"networks.{k}": v for k, v in dataclasses.asdict(TINY).items()}
    overrides |= {f"losses.{name}": 0 for name in ("content", "style", "correctness")}
    for name, value in (overrides | {"batch": 2}).items():
        arguments += ["--set", f"{name}={value}"]
    result = CliRunner().invoke(train, [str(a) for a in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    weights = tmp_path / "run" / "ddff.safetensors"
    assert load_method(DdffMethod, body, weights).config == TINY
    asked = [weights, "--method", "ddff", "--pedestrians", tmp_path / "bank.safetensors"]
    result = CliRunner().invoke(eval_generator, [str(a) for a in [*asked, "--json"]])
    assert result.exit_code == 0, (result.output, result.exception)
    measures = {measure["name"]: measure for measure in json.loads(result.stdout)["measures"]}
    assert set(measures["ssim@rstg"]["figures"]) == {"G_I (n_h = 2)", "G_T (n_h = 2)"}
    assert "not computed" in measures["fid"]["not_computed"]
    lines = CliRunner().invoke(eval_generator, [str(a) for a in asked]).stdout
    assert "published SSIM on iPER 0.907" in lines and "published FID on DeepFashion 9.001" in lines
