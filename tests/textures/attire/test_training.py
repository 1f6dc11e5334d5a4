"""The attire network learns from generated crops what their pixels show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synth.standins.training_pedestrians import make_bank
from textures.attire.network import BACKGROUND, AttireConfig, AttireNetwork, attire_chances
from textures.attire.training import (
    UNKNOWN,
    AttireRecipe,
    attire_batch,
    label_figures,
    pixel_labels,
    train_attire,
)
from textures.training.loop import Schedule, make_fabric
from textures.wardrobe.labels import LABEL_INDEX, LABELS


@pytest.fixture(scope="module")
def bank(body):
    return make_bank(body, identities=4, images=3, seed=3)


def test_pixel_labels_are_background_person_and_bags(bank):
    chosen = np.arange(len(bank))
    labels = pixel_labels(bank, chosen)
    person = bank.masks[chosen] > 250
    assert (labels[(bank.masks[chosen] == 0) & (bank.carried[chosen] == 0)] == BACKGROUND).all()
    assert (labels[bank.carried[chosen] > 200] == LABEL_INDEX["carried"]).all()
    assert ((labels[person] >= 0) & (labels[person] < LABEL_INDEX["carried"])).all()
    assert (labels[(bank.masks[chosen] > 60) & (bank.masks[chosen] < 120)] != BACKGROUND).all()


def test_a_batch_asks_at_half_the_size_and_never_about_occluders(bank):
    images, labels = attire_batch(bank, np.arange(len(bank)), np.random.default_rng(0))
    assert images.shape == (12, 3, 128, 64) and labels.shape == (12, 64, 32)
    assert images.abs().max() <= 1 and torch.isfinite(images).all()
    assert labels.min() >= UNKNOWN and labels.max() <= BACKGROUND
    again, _ = attire_batch(bank, np.arange(len(bank)), np.random.default_rng(0))
    torch.testing.assert_close(images, again)


def test_training_learns_what_pixels_show(bank, tmp_path):
    """A small network, on few people, tells top and background apart far better than chance."""
    recipe = AttireRecipe(
        name="small",
        network=AttireConfig(channels=8),
        batch=12,
        schedule=Schedule(steps=50, lr=3e-3, warm_up=5),
    )
    network, figures = train_attire(
        recipe, bank, bank, folder=tmp_path, fabric=make_fabric("cpu"), measure_every=0
    )
    assert set(figures) == {f"{name} IoU" for name in (*LABELS, "background")}
    assert figures["background IoU"] > 0.7
    assert figures["top IoU"] > 0.4
    network.eval()
    (chance,) = attire_chances(network, [bank.images[0][:100, :60]])
    assert chance.shape == (100, 60, len(LABELS) + 1)
    np.testing.assert_allclose(chance.sum(-1), 1, atol=1e-4)


def test_figures_are_one_for_the_truth_and_say_nothing_of_what_is_not_asked(bank):
    class Oracle(torch.nn.Module):
        def forward(self, images):
            return torch.nn.functional.one_hot(truth.clamp(min=0), 7).permute(0, 3, 1, 2).float()

    images, truth = attire_batch(bank, np.arange(6), np.random.default_rng(1))
    figures = label_figures(Oracle(), images, truth, device=torch.device("cpu"))
    assert all(value in (0.0, 1.0) for value in figures.values())
    assert figures["top IoU"] == 1


def test_a_mirrored_crop_has_the_mirrored_labels():
    torch.manual_seed(0)
    network = AttireNetwork(AttireConfig(channels=8)).eval()
    image = np.random.default_rng(0).integers(0, 255, (128, 64, 3)).astype(np.uint8)
    (straight,), (turned,) = (attire_chances(network, [x]) for x in (image, image[:, ::-1]))
    np.testing.assert_allclose(straight, turned[:, ::-1], atol=2e-4)
