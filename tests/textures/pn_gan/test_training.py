"""PN-GAN's trainings: pairs, phases, resume to the bit, a NaN with its batch, weights and ablations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from tests.textures.pn_gan.test_poses import FRONT, exchanged, joints_of
from textures.evaluation.describers import open_describers
from textures.evaluation.pose_features import PoseFeatureDescriber
from textures.pn_gan.canonical_poses import CanonicalPoses
from textures.pn_gan.features import FeatureConfig, fused_features
from textures.pn_gan.networks import PoseGanConfig, PoseGenerator
from textures.pn_gan.normalisers import GeneratorNormaliser, all_poses
from textures.pn_gan.pose_maps import unit_poses
from textures.pn_gan.recipes import RECIPES, PnGanRecipe
from textures.pn_gan.training import (
    PairDrawer,
    PosedCrops,
    gan_step,
    train_features,
    train_gan,
)
from textures.pn_gan.weights import PnGanConfig, build_pn_gan, load_pn_gan, save_pn_gan
from textures.training.augmentation import image_batch
from textures.training.loop import Schedule, make_fabric

TINY = PnGanRecipe(
    name="tiny",
    gan=PoseGanConfig(channels=4, blocks=1, discriminator_channels=4, height=64, width=64),
    features=FeatureConfig(depth=10, channels=4, embedding=8, height=64, width=64),
    adversarial="least-squares",
    batch=3,
    schedule=Schedule(steps=4, lr=1e-3, warm_up=0, clip=0.0, optimiser="adam", checkpoint_every=2),
    feature_batch=4,
    feature_schedule=Schedule(steps=4, lr=1e-3, warm_up=0, checkpoint_every=2),
)


def posed_crops(people=4, seed=0):
    """Three crops of each of some people: from the front, from behind, and one whose pose is unknown."""
    rng = np.random.default_rng(seed)
    front, back = (
        unit_poses(joints_of(points)[None], np.array([[128, 64]]))[0]
        for points in (FRONT, exchanged(FRONT))
    )
    images = rng.integers(0, 255, (people * 3, 64, 64, 3), np.uint8)
    return PosedCrops(
        images=images,
        identities=np.repeat(np.arange(people), 3),
        cameras=np.tile([1, 2, 3], people),
        poses=np.tile(np.stack([front, back, np.zeros_like(front)]), (people, 1, 1)),
        names=tuple(f"crop{k}" for k in range(len(images))),
    )


def test_pairs_are_of_one_person_in_two_known_poses():
    drawer = PairDrawer(posed_crops(), (64, 64))
    pairs = drawer.draw(50, np.random.default_rng(0))
    for name in pairs.names:
        first, second = (int(part.removeprefix("crop")) for part in name.split(" as "))
        assert first != second and first // 3 == second // 3
        assert first % 3 != 2 and second % 3 != 2
    assert len(set(pairs.names)) == 8  # both orders of four people
    images = image_batch(posed_crops().images)
    first, second = (int(part.removeprefix("crop")) for part in pairs.names[0].split(" as "))
    assert torch.equal(pairs.images[0], images[first])
    assert torch.equal(pairs.targets[0], images[second])
    maps = {
        second % 3: pairs.poses[k] for k, n in enumerate(pairs.names) for second in [int(n[-1])]
    }
    assert len(maps) >= 1 and not torch.equal(pairs.poses[0], torch.full_like(pairs.poses[0], -1))
    with pytest.raises(BadInput, match="nobody has two crops"):
        lone = posed_crops()
        PairDrawer(dataclasses.replace(lone, identities=np.arange(12)), (64, 64))


def test_a_pair_is_drawn_as_often_as_any_other():
    crops = posed_crops(people=2)
    identities = np.array([0, 0, 0, 0, 1, 1])
    poses = np.tile(crops.poses[:1], (6, 1, 1))
    drawer = PairDrawer(dataclasses.replace(crops, identities=identities, poses=poses), (64, 64))
    assert drawer.shares.tolist() == [12 / 14, 2 / 14]


def gan_terms(recipe, crops, key):
    step = gan_step(recipe, crops, crops, torch.device("cpu"))
    torch.manual_seed(1)
    networks = {
        "generator": PoseGenerator(recipe.gan),
        "discriminator": torch.nn.Conv2d(3, 1, 1),
    }
    rng = np.random.default_rng(2)
    pairs = step.draw_batch(rng)
    terms = {name: phase.losses(networks, pairs, rng) for name, phase in step.phases.items()}
    return networks, pairs, terms[key]


@pytest.mark.parametrize("kind", ["log", "least-squares"])
def test_the_terms_of_both_phases_by_an_independent_computation(kind):
    recipe = dataclasses.replace(TINY, adversarial=kind)
    networks, pairs, terms = gan_terms(recipe, posed_crops(), "generator")
    generated = networks["generator"](pairs.images, pairs.poses).detach().numpy()
    targets = pairs.targets.numpy()
    assert float(terms["l1"].detach()) == pytest.approx(
        10 * np.abs(generated - targets).mean(), rel=1e-5
    )
    weight, bias = (p.detach().numpy().squeeze() for p in networks["discriminator"].parameters())

    def output(images):
        return np.einsum("c,bchw->bhw", weight, images) + bias

    def probability(images):
        return 1 / (1 + np.exp(-output(images)))

    by_kind = {
        "log": (
            np.log(1 - probability(generated)).mean(),
            -np.log(probability(targets)).mean() - np.log(1 - probability(generated)).mean(),
        ),
        "least-squares": (
            ((output(generated) - 1) ** 2).mean(),
            ((output(targets) - 1) ** 2).mean() + (output(generated) ** 2).mean(),
        ),
    }
    assert float(terms["adversarial"].detach()) == pytest.approx(by_kind[kind][0], rel=1e-4)
    _, _, terms = gan_terms(recipe, posed_crops(), "discriminator")
    assert float(terms["adversarial"].detach()) == pytest.approx(by_kind[kind][1], rel=1e-4)


def trained_state(folder, steps):
    """The generator after so many steps in a folder, going on with what is there."""
    recipe = dataclasses.replace(TINY, schedule=dataclasses.replace(TINY.schedule, steps=4))
    crops = posed_crops()
    if steps < 4:
        import textures.training.loop as loop

        class Stopped(Exception):
            pass

        original = loop.save_checkpoint

        def save(*arguments, **named):
            original(*arguments, **named)
            raise Stopped

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "save_checkpoint", save)
            with pytest.raises(Stopped):
                train_gan(recipe, crops, crops, folder=folder, fabric=make_fabric("cpu"))
        return None
    generator, figures = train_gan(recipe, crops, crops, folder=folder, fabric=make_fabric("cpu"))
    return generator.state_dict(), figures


def test_a_run_that_was_stopped_ends_to_the_bit_as_an_unbroken_one(tmp_path):
    whole, figures = trained_state(tmp_path / "whole", 4)
    assert trained_state(tmp_path / "broken", 2) is None
    resumed, again = trained_state(tmp_path / "broken", 4)
    assert figures == again and set(figures) == {"l1", "l1 of the crop itself"}
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    files = [
        (tmp_path / run / "checkpoint.safetensors").read_bytes() for run in ("whole", "broken")
    ]
    assert files[0] == files[1]


def test_a_nan_stops_with_the_batch_named(tmp_path, monkeypatch):
    def broken(logits, kind):
        return logits.mean() * float("nan")

    monkeypatch.setattr("textures.pn_gan.training.generator_loss", broken)
    crops = posed_crops()
    with pytest.raises(
        FloatingPointError, match=r"adversarial is nan on the batch crop\d+ as crop"
    ):
        train_gan(TINY, crops, crops, folder=tmp_path, fabric=make_fabric("cpu"))
    assert not (tmp_path / "checkpoint.safetensors").exists()


class BrightPoses:
    """Brings everybody into two poses by brightness."""

    name, count = "brightness", 2

    def pictures(self, images, chosen):
        return images * 0 + torch.from_numpy(np.asarray(chosen, np.float32))[:, None, None, None]


def test_features_learn_crops_or_crops_in_poses(tmp_path, monkeypatch):
    seen = []

    def views(rng, images, **how):
        seen.append(images)
        return images

    monkeypatch.setattr("textures.pn_gan.training.training_views", views)
    crops = posed_crops()
    network = train_features(TINY, crops, folder=tmp_path / "a", fabric=make_fabric("cpu"))
    assert network.config.classes == 4 and len(seen) == 4
    known = {tuple(image.flatten()[:20].tolist()) for image in image_batch(crops.images)}
    assert all(tuple(i.flatten()[:20].tolist()) in known for batch in seen for i in batch)
    seen.clear()
    train_features(
        *(TINY, crops),
        folder=tmp_path / "b",
        fabric=make_fabric("cpu"),
        normaliser=BrightPoses(),
    )
    assert torch.cat(seen).unique().tolist() == [0.0, 1.0]
    with pytest.raises(BadInput, match="other settings"):
        train_features(TINY, crops, folder=tmp_path / "b", fabric=make_fabric("cpu"))


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    features = dataclasses.replace(TINY.features, classes=4)
    config = PnGanConfig(gan=TINY.gan, features=features, clusters=2)
    networks = build_pn_gan(config)
    networks = dataclasses.replace(networks, poses=CanonicalPoses(posed_crops().poses[:2]))
    path = tmp_path / "run" / "pn_gan.safetensors"
    path.parent.mkdir()
    save_pn_gan(path, networks, config, data={"set": "a test"}, steps=3)
    return path


def test_a_person_in_every_pose_is_the_generator_s_picture_of_that_pose(weights):
    networks, card = load_pn_gan(weights)
    assert card["kind"] == "pn-gan"
    normaliser = GeneratorNormaliser(networks.generator, networks.poses.arrays())
    images = image_batch(posed_crops().images[:3])
    pictures = all_poses(normaliser, images)
    assert pictures.shape == (3, 2, 3, 64, 64)
    with torch.no_grad():
        expected = networks.generator(images, normaliser.maps[[1, 1, 1]])
    torch.testing.assert_close(pictures[:, 1], expected)
    assert not torch.equal(pictures[:, 0], pictures[:, 1])


def test_the_ablations_are_fusions_of_the_same_vectors(weights):
    describers = open_describers([str(weights)])
    names = [describer.name for describer in describers]
    assert names == [
        f"run {name}" for name in ("A", "B, 1 pose", "B, 2 poses", "A+B, 1 pose", "A+B, 2 poses")
    ]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (128, 64, 3), np.uint8) for _ in range(3)]
    vectors = {d.name.removeprefix("run "): d.unit_descriptors(images) for d in describers}
    networks, _ = load_pn_gan(weights)
    batch = image_batch(np.stack(images))
    pictures = all_poses(GeneratorNormaliser(networks.generator, networks.poses.arrays()), batch)

    def described(network, images):
        with torch.no_grad():
            total = network.features(images) + network.features(images.flip(3))
        return torch.nn.functional.normalize(total, dim=1)

    a = described(networks.original, batch)
    b = [described(networks.normalised, pictures[:, pose]) for pose in range(2)]
    expected = {
        **{"A": [a], "B, 1 pose": b[:1], "B, 2 poses": b},
        **{"A+B, 1 pose": [a, b[0]], "A+B, 2 poses": [a, *b]},
    }
    for name, items in expected.items():
        np.testing.assert_allclose(vectors[name], fused_features(items).numpy(), atol=1e-5)


def test_crops_go_through_the_generator_once_for_all_ablations(weights):
    networks, _ = load_pn_gan(weights)
    calls = []

    class Counted(BrightPoses):
        def pictures(self, images, chosen):
            calls.append(len(images))
            return super().pictures(images, chosen)

    describer = PoseFeatureDescriber(networks.original, networks.normalised, Counted())
    images = [np.zeros((128, 64, 3), np.uint8)] * 2
    for ablation in describer.ablations():
        assert describer.vectors(images, ablation).shape == (2, 8)
    assert calls == [2, 2]


def test_the_paper_s_recipe_is_the_paper_s():
    paper = RECIPES["paper"]
    assert (paper.l1, paper.batch, paper.feature_batch, paper.clusters) == (10, 32, 16, 8)
    assert (paper.adversarial, paper.gan.blocks) == ("log", 9)
    assert (paper.gan.height, paper.gan.width) == (paper.features.height, paper.features.width)
    assert (paper.schedule.lr, paper.feature_schedule.lr) == (2e-4, 3.5e-4)
    for schedule in (paper.schedule, paper.feature_schedule):
        assert (schedule.optimiser, schedule.cosine, schedule.clip) == ("adam", False, 0)
        assert schedule.weight_decay == 0 and schedule.lr_of_step(0) == schedule.lr
    step = gan_step(paper, posed_crops(), posed_crops(), torch.device("cpu"))
    assert [phase.betas for phase in step.phases.values()] == [(0.5, 0.999)] * 2
    with pytest.raises(BadInput, match="adversarial hinge"):
        dataclasses.replace(paper, adversarial="hinge")
