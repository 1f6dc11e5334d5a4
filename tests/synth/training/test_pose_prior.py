"""`synth train pose-prior`: from generated poses, or from a folder of motions."""

from __future__ import annotations

import json

import numpy as np
import torch

from tests.synth.cli.running import refusal, succeed
from textures.body_fit.pose_prior import load_pose_prior


def test_a_prior_is_learned_from_generated_poses_and_is_the_same_for_a_seed(tmp_path):
    for name in ("a", "b"):
        words = ["--out", tmp_path / name, "--count-poses", 200, "--seed", 4]
        succeed("train", "pose-prior", *words)
    first, again = (load_pose_prior(tmp_path / n / "pose_prior.safetensors") for n in "ab")
    assert torch.equal(first.factor, again.factor)
    card = json.loads((tmp_path / "a" / "pose_prior.json").read_text())
    assert card["metrics"]["poses"] == 200 and "generated" in card["data"]["set"]
    assert card["metrics"]["coordinates' RMS"] < 1.05


def test_a_prior_is_learned_from_motions(tmp_path):
    """Its mean is that of the motions' frames."""
    succeed("standins", "motions", "--out", tmp_path / "motions", "--seed", 1)
    words = ["--out", tmp_path / "prior", "--motions", tmp_path / "motions", "--count-poses", 500]
    succeed("train", "pose-prior", *words)
    prior = load_pose_prior(tmp_path / "prior" / "pose_prior.safetensors")
    knees = prior.mean.view(23, 3)[[3, 4], 0].numpy()  # joints 4 and 5, the pelvis left out
    assert (
        np.isfinite(prior.factor.numpy()).all() and (knees > 0.1).all()
    )  # people who move bend them


def test_too_few_poses_are_refused(tmp_path):
    assert "needs at least" in refusal("train", "pose-prior", "--out", tmp_path, "--count-poses", 5)
