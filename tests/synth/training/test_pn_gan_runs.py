"""`synth train pn-gan`: photographs and stand-ins, runs that go on, and requests that are refused."""

from __future__ import annotations

import json
import re
import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mocap.errors import BadInput
from synth.cli.reid_scores import eval_reid
from synth.cli.train import train
from synth.standins.training_pedestrians import make_bank
from tests.textures.pn_gan.test_poses import FRONT
from textures.evidence.joint_files import MARKET_NAMES
from textures.pn_gan.weights import load_pn_gan

TINY = [
    *("--recipe", "small", "--device", "cpu", "--threads", "1", "--workers", "1", "--full"),
    *("--steps", "2", "--set", "feature_schedule.steps=2", "--set", "batch=2"),
    *("--set", "gan.channels=4", "--set", "gan.blocks=1", "--set", "gan.discriminator_channels=4"),
    *("--set", "gan.height=64", "--set", "gan.width=64", "--set", "clusters=2"),
    *("--set", "features.trunk=resnet", "--set", "features.depth=10", "--set", "imagenet=false"),
    *("--set", "features.channels=4", "--set", "features.embedding=8", "--set", "feature_batch=2"),
]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Four people by two cameras, one of them held out, and a CSV of their joints."""
    folder = tmp_path_factory.mktemp("market")
    crops = folder / "bounding_box_train"
    crops.mkdir()
    rng = np.random.default_rng(0)
    lines = [["image", *(f"{name}_{axis}" for name in MARKET_NAMES for axis in "xy")]]
    for person in (2, 7, 10, 11):
        for camera in (1, 2):
            for number in (1, 2):
                name = f"{person:04d}_c{camera}s1_{number:06d}_00.jpg"
                cv2.imwrite(str(crops / name), rng.integers(0, 255, (128, 64, 3), np.uint8))
                points = [np.array(FRONT[ours]) for ours in MARKET_NAMES.values()]
                shift = rng.normal(0, 2, (len(points), 2))
                lines.append([name, *(f"{v:.1f}" for v in np.ravel(np.array(points) + shift))])
    (folder / "joints.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    (folder / "held_out.txt").write_text("0010 0011\n")
    return folder


def run_train(out, *arguments):
    return CliRunner().invoke(train, ["pn-gan", "--out", str(out), *TINY, *map(str, arguments)])


def photographs(market):
    return (
        *("--images", market, "--evidence", market / "joints.csv"),
        *("--without", market / "held_out.txt"),
    )


def test_photographs_become_one_file_that_evaluation_reads(market, tmp_path):
    result = run_train(tmp_path / "run", *photographs(market))
    assert result.exit_code == 0, (result.output, result.exception)
    path = tmp_path / "run" / "pn_gan.safetensors"
    networks, card = load_pn_gan(path)
    assert card["data"] == {
        **{"set": "Market-1501 (not shipped)", "joints": "joints"},
        **{"held out": "the people of held_out.txt", "identities": 2, "crops": 8},
    }
    assert card["metrics"]["l1"] > 0 and card["config"]["features"]["classes"] == 2
    assert networks.poses.arrays().shape == (2, 18, 3) and networks.poses.arrays().any()
    before = path.read_bytes()
    again = run_train(tmp_path / "run", *photographs(market))
    assert again.exit_code == 0 and path.read_bytes() == before
    assert "goes on after step 2 of 2" in again.output
    arguments = [path, "--images", market, "--people", market / "held_out.txt", "--json", "--quiet"]
    table = CliRunner().invoke(eval_reid, [str(a) for a in arguments])
    assert table.exit_code == 0 and "%|" not in table.stderr, table.exception
    assert {row["network"] for row in json.loads(table.stdout)["rows"]} == {
        f"run {name}" for name in ("A", "B, 1 pose", "B, 2 poses", "A+B, 1 pose", "A+B, 2 poses")
    }
    crop = sorted((market / "bounding_box_train").iterdir())[0]
    content = crop.read_bytes()
    cv2.imwrite(str(crop), np.full((128, 64, 3), 7, np.uint8))
    other = run_train(tmp_path / "run", *photographs(market))
    crop.write_bytes(content)
    assert "this run was on other photographs (sha256" in str(other.exception)


def test_a_crop_that_cannot_be_read_is_left_out_or_under_strict_refused(market, tmp_path):
    folder = shutil.copytree(market, tmp_path / "market")
    crop = sorted((folder / "bounding_box_train").iterdir())[0]
    crop.write_bytes(crop.read_bytes()[:30])
    strict = run_train(tmp_path / "run", *photographs(folder), "--strict")
    assert "1 of 16 crops cannot be read, the first: " in str(strict.exception)
    assert not (tmp_path / "run").exists()
    result = run_train(tmp_path / "run", *photographs(folder))
    assert result.exit_code == 0, result.exception
    assert f"left out: {crop}: not a readable image (30 bytes)" in result.stderr
    card = json.loads((tmp_path / "run" / "pn_gan.json").read_text())
    assert card["data"]["crops"] == 7 and card["data"]["unreadable crops"] == 1


def test_generated_pedestrians_have_true_poses(body, tmp_path):
    bank = tmp_path / "bank.safetensors"
    make_bank(body, identities=5, images=3, seed=6).save(bank)
    result = run_train(tmp_path / "run", "--pedestrians", bank)
    assert result.exit_code == 0, (result.output, result.exception)
    card = json.loads((tmp_path / "run" / "pn_gan.json").read_text())
    assert "no photograph" in card["data"]["set"] and card["data"]["identities"] == 4


def test_generator_and_features_of_crops_serve_bodies_too_but_features_of_poses_do_not(
    body, tmp_path
):
    bank = tmp_path / "bank.safetensors"
    make_bank(body, identities=5, images=3, seed=6).save(bank)
    arguments = ["--pedestrians", bank]
    assert run_train(tmp_path / "run", *arguments).exit_code == 0
    for name in ("generator", "original"):
        shutil.copytree(tmp_path / "run" / name, tmp_path / "bodies" / name)
    result = run_train(tmp_path / "bodies", *arguments, "--bodies", "rstg")
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.output.count("goes on after step 2 of 2") == 2
    card = json.loads((tmp_path / "bodies" / "pn_gan.json").read_text())
    assert card["data"]["canonical poses by"] == "bodies of rstg"
    refused = run_train(tmp_path / "run", *arguments, "--bodies", "rstg")
    assert "this run was on other texture weights" in str(refused.exception)


def test_pedestrians_are_generated_as_asked_and_the_rate_is_the_recipes(tmp_path):
    size = [
        "--count-identities",
        "5",
        "--count-crops",
        "3",
        "--seed",
        "6",
        "--lr",
        "0.0005",
        "--half",
    ]
    result = run_train(tmp_path / "run", *size)
    assert result.exit_code == 0, (result.output, result.exception)
    card = json.loads((tmp_path / "run" / "pn_gan.json").read_text())
    assert (card["data"]["identities"], card["data"]["crops"]) == (4, 12)
    assert card["recipe"]["schedule"]["lr"] == 0.0005 and card["recipe"]["schedule"]["seed"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evidence", "blazepose", "--networks", "."], "BlazePose is not installed"),
        (["--evidence", "network", "--body-fit", "held_out.txt"], "held_out.txt"),
        (["--evidence", "fits", "--smpl", "held_out.txt"], "fits|held_out.txt"),
    ],
)
def test_sources_of_joints_that_cannot_be_opened_are_refused(
    arguments, message, market, tmp_path, monkeypatch
):
    monkeypatch.setattr("textures.evidence.sources.installed_blazepose", lambda: None)
    monkeypatch.chdir(market)
    people = ["--images", market, "--without", market / "held_out.txt"]
    result = run_train(tmp_path / "run", *people, *arguments)
    assert isinstance(result.exception, BadInput), (result.output, result.exception)
    assert re.search(message, str(result.exception))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--without", "list.txt"], "give their --images, too"),
        (["--evidence", "a.csv", "--evidence", "b.csv"], "2 sources of joints: expected one"),
        (["--set", "imagenet=true"], "give it with --resnet"),
        (
            ["--set", "features.trunk=resnet", "--resnet", "nowhere.pth"],
            "nowhere.pth: no such file",
        ),
        (["--bodies", "nobody's"], "method nobody's: expected one of"),
        (["--set", "gan.height=130"], "multiples of 4"),
        (["--recipe", "mine"], "--recipe mine: expected one of small, paper"),
        (["--set", "adversarial=hinge"], "expected log or least-squares"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_computed(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("synth.training.runs.make_bank", pytest.fail)
    result = run_train(tmp_path / "run", *arguments)
    assert isinstance(result.exception, BadInput) and message in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_joints_of_other_crops_and_too_few_poses_are_refused(market, tmp_path):
    joints = tmp_path / "joints.csv"
    lines = (market / "joints.csv").read_text().splitlines()
    joints.write_text("\n".join([lines[0], "elsewhere.jpg" + lines[1][lines[1].index(",") :]]))
    arguments = list(photographs(market))
    arguments[3] = joints
    result = run_train(tmp_path / "run", *arguments)
    assert "too few different ones for 2 canonical poses" in str(result.exception)
    assert not (tmp_path / "run").exists()
