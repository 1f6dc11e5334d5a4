"""Training of the landmark network: labels that are exact, augmentation that takes labels along."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import vonmises

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning
from synth.standins.training_pedestrians import make_bank
from textures.evidence.labelled_crops import CropLabels, bank_labels
from textures.evidence.landmarks import BONES, INDEX, LANDMARKS
from textures.evidence.network import (
    PARTS,
    Drawing,
    LandmarkConfig,
    LandmarkNetwork,
    framed_crop,
    input_frame,
    mirrored_drawing,
    peak_pixels,
)
from textures.evidence.training import (
    ABSENT,
    ACROSS,
    UNKNOWN_PART,
    Photographs,
    _mirrored,
    _turned,
    batch_losses,
    generated_batch,
    heading_loss,
    photograph_batch,
    placed_loss,
    unsigned_heading_loss,
)

SMALL = LandmarkConfig(depth=10, channels=8, features=16, hidden=32)


@pytest.fixture(scope="module")
def bank(body):
    return make_bank(body, identities=4, images=3, seed=5)


@pytest.fixture(scope="module")
def labels(bank, body):
    return bank_labels(bank, body, Skinning(body))


def test_labels_of_joints_are_the_bank_s_own_pixels(bank, labels):
    """The bank keeps no camera; its distance follows from the joints, and surface points with it."""
    for name in LANDMARKS:
        if name in JOINT_NAMES and not name.endswith("_ankle"):
            truth = bank.joint_pixels[:, JOINT_NAMES.index(name)]
            assert np.abs(labels.landmarks[:, INDEX[name]] - truth).max() < 0.05, name
    assert np.allclose(np.linalg.norm(labels.directions, axis=-1), 1, atol=1e-5)


def test_a_person_of_heading_zero_has_the_left_on_the_image_s_right(bank, labels):
    across = labels.landmarks[:, INDEX["left_hip"], 0] - labels.landmarks[:, INDEX["right_hip"], 0]
    clear = np.abs(np.cos(labels.heading)) > 0.3
    assert clear.any() and (np.sign(across) == np.sign(np.cos(labels.heading)))[clear].all()


def dots(landmarks, height=128, width=64):
    rows, columns = np.mgrid[:height, :width] + 0.5
    x, y = landmarks[..., 0, None, None], landmarks[..., 1, None, None]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8).astype(np.float32)


def test_turning_and_framing_take_the_labels_along():
    rng = np.random.default_rng(0)
    landmarks = rng.uniform((26, 52), (38, 76), (8, 1, 2))
    images = torch.from_numpy(dots(landmarks))
    columns = [(0.8, 1.3), (-5, 5), (-6, 6), (0.8, 1.2)]
    framing = np.stack([rng.uniform(*limits, 8) for limits in columns], 1)
    moved, places = _turned(images, landmarks, framing.astype(np.float32), rng.normal(0, 0.3, 8))
    rows, columns = np.mgrid[:128, :64] + 0.5
    weight = moved[:, 0].numpy()
    total = weight.sum((1, 2))
    seen = (
        np.stack([(weight * columns).sum((1, 2)), (weight * rows).sum((1, 2))], 1) / total[:, None]
    )
    assert np.abs(seen - places[:, 0]).max() < 0.1


def test_mirroring_a_batch_twice_changes_nothing_and_once_the_side(bank, labels):
    batch = generated_batch(bank, labels, np.arange(6), np.random.default_rng(1), absent=0.5)
    every = torch.ones(6, dtype=torch.bool)
    once = _mirrored(batch, every, 64)
    twice = _mirrored(once, every, 64)
    assert all(torch.allclose(twice[name], batch[name], atol=1e-5) for name in batch)
    left, right = INDEX["left_knee"], INDEX["right_knee"]
    assert torch.allclose(once["landmarks"][:, left, 0], 64 - batch["landmarks"][:, right, 0])
    assert torch.equal(_mirrored(batch, ~every, 64)["images"], batch["images"])


def test_a_drawing_of_a_mirrored_image_is_read_as_labels_are():
    """`mirrored_drawing` and `_mirrored` must agree on what a mirror does."""
    torch.manual_seed(0)
    batch = {
        "images": torch.zeros(2, 3, 128, 64),
        "landmarks": torch.rand(2, len(LANDMARKS), 2) * torch.tensor([16, 32]) // 1 * 4 + 2,
        "confidence": torch.ones(2, len(LANDMARKS)),
        "directions": torch.nn.functional.normalize(torch.randn(2, len(BONES), 3), dim=-1),
        "heading": torch.nn.functional.normalize(torch.randn(2, 2), dim=-1),
        "oriented": torch.ones(2),
        "turned": torch.zeros(2),
        "parts": torch.randint(0, PARTS, (2, 32, 16)),
        "presence": torch.ones(2),
    }
    drawing = perfect(batch)
    mirrored = _mirrored(batch, torch.ones(2, dtype=torch.bool), 64)
    back = mirrored_drawing(perfect(mirrored))
    for said, truth in zip(back, drawing):
        assert torch.allclose(said, truth, atol=1e-5)


def perfect(batch):
    """The drawing that says exactly what the labels say."""
    cells = (batch["landmarks"] // 4).long().clamp(torch.tensor(0), torch.tensor([15, 31]))
    heat = torch.full((*batch["confidence"].shape, 32, 16), -50.0)
    index = (cells[..., 1] * 16 + cells[..., 0])[..., None]
    heat = heat.flatten(2).scatter(2, index, 50.0).view_as(heat)
    parts = torch.nn.functional.one_hot(batch["parts"], PARTS).permute(0, 3, 1, 2) * 50.0
    inside = torch.full_like(batch["confidence"], 50.0)
    presence = torch.full_like(batch["presence"], 50.0)
    return Drawing(heat, parts, batch["directions"], batch["heading"] * 30, inside, presence)


def test_a_perfect_drawing_costs_next_to_nothing(bank, labels):
    batch = generated_batch(bank, labels, np.arange(12), np.random.default_rng(2), absent=0.0)
    batch["landmarks"] = batch["landmarks"] // 4 * 4 + 2  # the middles of cells
    drawing = perfect(batch)
    losses = batch_losses(lambda images: drawing, batch)
    assert losses["place"] < 1e-2 and losses["pixels"] < 1e-3 and losses["parts"] < 1e-3
    assert losses["directions"] < 1e-3 and losses["presence"] < 1e-3
    wrong = drawing._replace(
        heat=drawing.heat.flip(-2), directions=-drawing.directions, heading=-drawing.heading
    )
    losses = batch_losses(lambda images: wrong, batch)
    assert min(losses[name] for name in ("place", "directions", "heading")) > 1


def test_crops_without_a_person_teach_presence_alone(bank, labels):
    batch = generated_batch(bank, labels, np.arange(12), np.random.default_rng(3), absent=1.0)
    assert batch["presence"].sum() == 0 and batch["confidence"].sum() == 0
    assert batch["oriented"].sum() == 0 and (batch["parts"] == UNKNOWN_PART).all()
    assert 0 < ABSENT < 0.5


def test_heading_loss_is_that_of_von_mises():
    concentration, angle, truth = np.array([0.2, 3.0, 20.0]), 0.4, np.array([0.1, 2.0, 0.5])
    said = concentration[:, None] * np.array([np.cos(angle), np.sin(angle)])
    loss = heading_loss(
        torch.tensor(said), torch.tensor(np.stack([np.cos(truth), np.sin(truth)], 1))
    )
    expected = -vonmises.logpdf(truth, concentration, loc=angle) - np.log(2 * np.pi)
    assert np.allclose(loss.numpy(), expected)


def test_an_unsigned_heading_costs_the_same_to_either_side():
    """The mean of both headings' likelihoods, so the sum of the two densities is right, too."""
    angle, truth = np.array([0.4, -0.4, 2.0, 1.0]), np.array([0.6, 0.6, 2.9, 0.0])
    concentration = np.array([3.0, 3.0, 0.5, 20.0])
    said = concentration[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    loss = unsigned_heading_loss(
        torch.tensor(said), torch.tensor(np.stack([np.cos(truth), np.sin(truth)], 1))
    )
    density = sum(vonmises.pdf(sign * truth, concentration, loc=angle) for sign in (1, -1)) / 2
    assert np.allclose(loss.numpy(), -np.log(density) - np.log(2 * np.pi))
    assert np.isclose(loss[0], loss[1])


def test_photographs_with_joints_teach_front_and_back(bank):
    labels = CropLabels(
        landmarks=np.full((2, len(LANDMARKS), 2), 30.0, np.float32),
        confidence=np.ones((2, len(LANDMARKS)), np.float32),
        directions=np.zeros((2, len(BONES), 3), np.float32),
        heading=np.array([0.0, np.pi], np.float32),
        oriented=np.zeros(2, np.float32),
        turned=np.ones(2, np.float32),
    )
    batch = photograph_batch(Photographs(bank.images[:2], labels), np.arange(2), None)
    drawing = perfect({**batch, "parts": torch.zeros(2, 32, 16, dtype=torch.int64)})
    lines = torch.zeros(2, len(BONES), 3)
    lines[:, ACROSS, 0] = torch.tensor([[1.0], [-1.0]])
    right = batch_losses(lambda images: drawing._replace(directions=lines), batch)
    assert right["directions"] < 1e-6
    wrong = drawing._replace(directions=-lines, heading=-drawing.heading)
    losses = batch_losses(lambda images: wrong, batch)
    assert losses["directions"] > 1 and losses["heading"] > right["heading"] + 5


def test_heat_is_drawn_to_the_landmark_and_read_from_it():
    """The cross-entropy's minimum shares a place between four cells, whose mean is the place again."""
    logits = torch.zeros(1, 1, 32, 16, requires_grad=True)
    place = torch.tensor([[[21.0, 77.0]]])
    optimiser = torch.optim.Adam([logits], lr=0.5)
    for _ in range(400):
        optimiser.zero_grad()
        placed_loss(logits, place / 4).sum().backward()
        optimiser.step()
    pixels, mass = peak_pixels(logits.detach().flatten(2).softmax(-1).view_as(logits))
    assert torch.allclose(pixels, place, atol=0.05) and mass > 0.95


@pytest.mark.parametrize("size", [(128, 64), (300, 100), (90, 90), (50, 120), (1, 1)])
def test_any_crop_lies_undistorted_in_the_middle_of_the_input(size):
    frame = input_frame(*size, SMALL)
    image = np.full((*size, 3), 255, np.uint8)
    assert framed_crop(image, frame, SMALL).shape == (1, 3, 128, 64)
    corners = np.array([(0, 0), (size[1], size[0])]) * frame.factor + frame.offset
    assert (corners >= -1e-6).all() and (corners <= (64 + 1e-6, 128 + 1e-6)).all()
    assert np.allclose(corners.sum(0), (64, 128))


def test_photographs_without_labels_of_bones_do_not_teach_them(bank):
    labels = CropLabels(
        landmarks=np.full((3, len(LANDMARKS), 2), 30.0, np.float32),
        confidence=np.ones((3, len(LANDMARKS)), np.float32),
        directions=np.zeros((3, len(BONES), 3), np.float32),
        heading=np.zeros(3, np.float32),
        oriented=np.zeros(3, np.float32),
        turned=np.zeros(3, np.float32),
    )
    photographs = Photographs(bank.images[:3], labels)
    batch = photograph_batch(photographs, np.arange(3), np.random.default_rng(0))
    torch.manual_seed(0)
    losses = batch_losses(LandmarkNetwork(SMALL), batch)
    assert losses["directions"] == 0 and losses["heading"] == 0 and losses["parts"] == 0
    assert losses["place"] > 0
