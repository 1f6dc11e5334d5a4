"""`synth eval-fit`, and `synth train body-fit` on photographs with joints."""

from __future__ import annotations

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from synth.standins.training_pedestrians import make_bank
from synth.training.runs import labelled_photographs
from tests.synth.cli.running import refusal, run
from textures.checkpoints import save_networks
from textures.evidence.blazepose import installed_blazepose
from textures.evidence.joint_files import MARKET_NAMES, read_joints_csv
from textures.evidence.labelled_crops import bank_labels
from textures.evidence.landmarks import INDEX
from textures.evidence.network import LandmarkConfig, LandmarkNetwork
from textures.evidence.teaching import mirrored_evidence


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
    result = run("eval-fit", *words, "--json", "--quiet", "--seed", 1, "--device", "cpu")
    assert result.exit_code == 0 and "%|" not in result.stderr, result.output
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
    lonely = refusal("train", "body-fit", "--out", tmp_path / "x", *common, *photographs[2:])
    assert "give their --images" in lonely
    (tmp_path / "strangers.txt").write_text("0099\n")
    strangers = refusal(
        *("train", "body-fit", "--out", tmp_path / "y", *common, *photographs),
        *("--without", tmp_path / "strangers.txt"),
    )
    assert "0099" in strangers


class HalfBlind:
    """Looks at pictures, knows the labels, and sees nobody on the crops of every second person."""

    name, tag = "half-blind", "half-blind-1"

    def __init__(self, market):
        self.table, self.asked = read_joints_csv(market / "joints.csv"), 0

    def observe(self, names, images):
        self.asked += len(images)
        mirrored = self.asked // len(images) % 2 == 0  # a batch and its mirror images in turn
        evidence = self.table.observe(names, images)
        evidence.heading_confidence[:] = 1
        evidence.directions[..., 2] = 1
        evidence.presence[:] = [float(int(name[:4]) % 2) for name in names]
        widths = [image.shape[1] for image in images]
        return mirrored_evidence(evidence, widths) if mirrored else evidence


def test_a_photograph_that_cannot_be_read_is_not_learnt_from(market, tmp_path):
    folder = shutil.copytree(market, tmp_path / "market")
    listed = (folder, folder / "joints.csv", folder / "two.txt")
    whole = labelled_photographs(*listed)
    crops = sorted((folder / "bounding_box_train").iterdir())
    crops[0].write_bytes(b"")  # of a person who is learnt from, and one who is measured on
    crops[-1].write_bytes(b"no picture")
    learnt, measured = labelled_photographs(*listed)
    np.testing.assert_array_equal(learnt.images, whole[0].images[1:])
    np.testing.assert_array_equal(learnt.labels.landmarks, whole[0].labels.landmarks[1:])
    np.testing.assert_array_equal(measured.images, whole[1].images[:-1])


def test_photographs_without_joints_are_labelled_by_what_another_source_is_sure_of(
    market, tmp_path
):
    teacher, cache = HalfBlind(market), tmp_path / "labels.safetensors"
    learnt, measured = labelled_photographs(
        market, None, market / "two.txt", teacher=teacher, cache=cache
    )
    truth, other = labelled_photographs(market, market / "joints.csv", market / "two.txt")
    seen = np.isin(np.arange(len(truth.images)) // 3, (0, 2))  # people 1 and 3 of 1, 2, 3
    np.testing.assert_array_equal(learnt.images, truth.images[seen])
    inside = learnt.labels.confidence > 0
    assert inside.sum() > 0.9 * truth.labels.confidence[seen].sum()
    np.testing.assert_allclose(
        learnt.labels.landmarks[inside], truth.labels.landmarks[seen][inside], atol=1e-3
    )
    assert (learnt.labels.oriented == 1).all()
    assert len(measured.images) == len(other.images) / 2
    asked = teacher.asked
    labelled_photographs(market, None, market / "two.txt", teacher=teacher, cache=cache)
    assert teacher.asked == asked
