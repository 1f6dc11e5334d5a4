"""`synth train`: training pedestrians, the three runs, and the harvest with what they wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mocap.bodies.skinning import Skinning
from synth.cli.textures import harvest_textures, train
from synth.standins.training_pedestrians import make_bank
from textures.body_fit.network import BodyFitConfig, fitted_joints
from textures.body_fit.training import training_batch
from textures.rstg.losses import masked_l1
from textures.training.pedestrian_bank import load_bank
from textures.visibility.rendering_tensor import render


@pytest.fixture(scope="module")
def bank(body):
    return make_bank(body, identities=3, images=4, seed=5)


def test_the_truth_of_a_training_crop_reprojects_after_framing(bank, body):
    """Rotations, betas and view of a framed batch put the joints where the framed joints are."""
    config = BodyFitConfig()
    data = training_batch(bank, np.arange(len(bank)), np.random.default_rng(0), config)
    joints, pixels = fitted_joints(
        Skinning(body), data["rotations"], data["betas"], data["camera"], config
    )
    assert torch.allclose(joints, data["joints"], atol=1e-4)
    # The focal length is not the network's, so perspective differs a little.
    assert (pixels - data["pixels"]).norm(dim=-1).median() < 0.6
    heads = data["parts"] == 16
    rows = torch.arange(32).float() * 4 + 2
    seen = heads.flatten(1).sum(1) > 6
    middle = (heads.sum(2) * rows).sum(1) / heads.sum((1, 2)).clamp(min=1)
    assert (middle - data["pixels"][:, 15, 1])[seen].abs().max() < 10


def test_the_true_texture_seen_through_the_uv_map_is_the_crop_but_for_light(bank):
    from textures.training.augmentation import image_batch

    textures = image_batch(bank.textures[bank.texture_of])
    seen = render(textures, torch.from_numpy(bank.uv_maps(np.arange(len(bank)))))
    crops, mask = image_batch(bank.images), torch.from_numpy(bank.alpha(np.arange(len(bank))))
    mask = (mask > 0.99).float()
    right = masked_l1(seen, crops, mask)
    wrong = masked_l1(seen.roll(4, 0), crops, mask)  # another person's
    assert right < 0.6 * wrong


def test_a_bank_comes_from_its_seed_and_is_read_back(bank, body, tmp_path):
    again = make_bank(body, identities=3, images=4, seed=5)
    bank.save(tmp_path / "bank.safetensors")
    read = load_bank(tmp_path / "bank.safetensors")
    for name, array in vars(bank).items():
        assert np.array_equal(array, getattr(again, name)), name
        assert np.array_equal(array, getattr(read, name)), name
    assert len(np.unique(bank.identities)) == 3 and len(bank) == 12


@pytest.mark.slow
def test_the_three_runs_and_a_harvest_with_their_weights(tmp_path):
    given = ["--pedestrians", tmp_path / "bank.safetensors", "--identities", 5, "--images", 6]
    given += ["--steps", 2, "--device", "cpu", "--threads", 1]
    runs = {
        "body-fit": ["--depth", 10, "--width", 8, "--batch", 4],
        "reid": ["--width", 8, "--batch", 4, "--height", 64],
        "generator": ["--base", 4, "--texture-size", 32],
    }
    weights = {}
    for kind, extra in runs.items():
        arguments = [kind, "--out", tmp_path / kind, *given, *extra]
        if kind == "generator":
            arguments += ["--reid", weights["reid"]]
        result = CliRunner().invoke(train, [str(a) for a in arguments], catch_exceptions=False)
        assert result.exit_code == 0 and "wrote" in result.output
        weights[kind] = tmp_path / kind / f"{kind.replace('-', '_')}.safetensors"
        card = json.loads(weights[kind].with_suffix(".json").read_text())
        assert card["command"].split()[0] == "synth" and card["data"]["identities"] == 5
    crops = tmp_path / "crops"
    crops.mkdir()
    import cv2

    cv2.imwrite(str(crops / "me.png"), np.full((128, 64, 3), 99, np.uint8))
    arguments = ["--images", crops, "--out", tmp_path / "textures", "--size", 32]
    for kind, path in weights.items():
        arguments += [f"--{kind}", path]
    result = CliRunner().invoke(
        harvest_textures, [str(a) for a in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0 and "1 textures" in result.output
