"""`synth eval-fit`, and `synth train body-fit` on photographs with joints."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from synth.standins.training_pedestrians import make_bank
from tests.synth.cli.running import refusal, run
from textures.checkpoints import save_networks
from textures.evidence.blazepose import installed_blazepose
from textures.evidence.joint_files import MARKET_NAMES
from textures.evidence.labelled_crops import bank_labels
from textures.evidence.landmarks import INDEX
from textures.evidence.network import LandmarkConfig, LandmarkNetwork


@pytest.fixture(scope="module")
def market(tmp_path_factory, body):
    """Generated people under Market-1501's names, with their joints as its labels have them."""
    folder = tmp_path_factory.mktemp("labelled")
    bank = make_bank(body, identities=5, images=3, seed=8)
    labels = bank_labels(bank, body, Skinning(body))
    (folder / "bounding_box_train").mkdir()
    columns = [f"{name}_{axis}" for name in MARKET_NAMES for axis in "xy"]
    with (folder / "joints.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", *columns])
        for index, image in enumerate(bank.images):
            name = f"{bank.identities[index]:04d}_c{index % 3 + 1}s1_{index:06d}_01.jpg"
            cv2.imwrite(str(folder / "bounding_box_train" / name), image[..., ::-1])
            points = [labels.landmarks[index, INDEX[ours]] for ours in MARKET_NAMES.values()]
            rows.writerow([name, *np.concatenate(points).round(2)])
    bank.save(folder / "bank.safetensors")
    (folder / "two.txt").write_text("0004\n0005\n")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "body_fit.safetensors"
    network = LandmarkNetwork(LandmarkConfig(depth=10, channels=8, features=16, hidden=32))
    save_networks(path, "body-fit", {"body-fit": network}, network.config, metrics={})
    return path


def figures(*words):
    result = run("eval-fit", *words, "--json", "--seed", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_bodies_fitted_to_the_labels_themselves_are_right(market):
    joints = market / "joints.csv"
    given = ["--images", market, "--joints", joints, "--evidence", joints]
    measured = figures(*given)
    assert measured["crops"] == 15 and measured["people"] == 5
    assert measured["source"] == "joints"
    assert measured["pck"]["value"] > 0.97 and measured["facing"]["value"] == 1
    assert measured["pck"]["low"] <= measured["pck"]["value"] <= measured["pck"]["high"]
    assert figures(*given, "--people", market / "two.txt")["people"] == 2
    lines = run("eval-fit", *given)
    assert "PCK@0.2 torso" in lines.stdout and "left_wrist" in lines.stdout


def test_an_untrained_network_is_not(market, weights):
    measured = figures(
        *("--images", market, "--joints", market / "joints.csv"),
        *("--evidence", "network", "--body-fit", weights),
    )
    assert measured["pck"]["value"] < 0.5 and measured["source"] == "network-body_fit"


def test_blazepose_is_found_with_and_without_a_folder_of_networks(market, tmp_path):
    if installed_blazepose() is None:
        pytest.skip("BlazePose is not installed")
    given = ["--images", market, "--joints", market / "joints.csv", "--networks", tmp_path]
    measured = figures(*given, "--evidence", "blazepose", "--people", market / "two.txt")
    assert measured["source"] == "blazepose-full" and measured["crops"] == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--evidence", "nowhere"], "evidence 'nowhere': expected one of network, blazepose"),
        (["--evidence", "spin:nowhere.npz", "--smpl", "nowhere.pkl"], "nowhere"),
        (["--people", "nobody.txt"], "nobody.txt"),
    ],
)
def test_bad_requests_are_refused_at_once(market, words, message):
    given = ["--images", market, "--joints", market / "joints.csv"]
    assert message in refusal("eval-fit", *given, *words)


def test_the_network_learns_from_labelled_photographs(market, weights, tmp_path):
    """Two steps from a small network of the user's; the people left out are measured."""
    common = [
        *("--pedestrians", market / "bank.safetensors", "--steps", 2, "--device", "cpu"),
        *("--threads", 1, "--workers", 1, "--set", "batch=6", "--recipe", "photographs"),
    ]
    small = [f"--set=network.{k}" for k in ("depth=10", "channels=8", "features=16", "hidden=32")]
    photographs = ["--images", market, "--joints", market / "joints.csv"]
    result = run(
        *("train", "body-fit", "--out", tmp_path / "run", *common, *small, *photographs),
        *("--without", market / "two.txt", "--weights", weights),
    )
    assert result.exit_code == 0, result.output
    card = json.loads((tmp_path / "run" / "body_fit.json").read_text())
    assert "photographs' landmarks px" in card["metrics"]
    assert "Market-1501" in card["data"]["set"]
    again = figures(
        *photographs,
        "--evidence",
        "network",
        "--body-fit",
        tmp_path / "run" / "body_fit.safetensors",
    )
    assert again["crops"] == 15
    lonely = refusal("train", "body-fit", "--out", tmp_path / "x", *common, "--images", market)
    assert "--images and --joints together" in lonely
    (tmp_path / "strangers.txt").write_text("0099\n")
    strangers = refusal(
        *("train", "body-fit", "--out", tmp_path / "y", *common, *photographs),
        *("--without", tmp_path / "strangers.txt"),
    )
    assert "0099" in strangers
