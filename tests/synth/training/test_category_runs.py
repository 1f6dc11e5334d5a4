"""Birds from photographs in CUB's layout to textures and RSTG's Figure 7, by the commands alone."""

from __future__ import annotations

import hashlib
import json
import shutil

import cv2
import pytest
import torch

from mocap.errors import BadInput
from synth.standins.birds import CubSize, write_birds
from synth.training.category_runs import train_category_identities
from synth.training.runs import TrainingOptions
from tests.synth.cli.running import refusal, run, succeed
from textures.categories.birds.configuration import BIRDS
from textures.categories.birds.model import UV_LAYOUT
from textures.checkpoints import save_networks
from textures.library import read_library
from textures.reid.pcb import PCB, ReidConfig

COMMON = ("--device", "cpu", "--threads", 1, "--full", "--seed", 3, "--category", "birds")
TINY_IDENTITIES = (
    *("--set", "network.trunk=resnet", "--set", "network.depth=10", "--set", "network.channels=8"),
    *("--set", "network.height=64", "--set", "network.width=64", "--set", "imagenet=false"),
    *("--set", "batch=4"),
)
TINY = (
    *(
        "--set",
        "generator.channels=4",
        "--set",
        "generator.height=32",
        "--set",
        "generator.width=32",
    ),
    *("--set", "generator.texture_size=32", "--set", "batch.identities=2"),
    *("--set", "supervisor.trunk=resnet", "--set", "supervisor.depth=10"),
)


@pytest.fixture(scope="module")
def cub(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "cub"
    size = CubSize(species=3, train_images=3, test_images=2, texture_size=64)
    write_birds(out, seed=4, size=size, progress=False)
    return out


def card(path):
    return json.loads(path.with_suffix(".json").read_text())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def species(cub, tmp_path_factory):
    """Two networks that tell the species apart, of other seeds."""
    folder = tmp_path_factory.mktemp("species")
    for name, seed in (("teacher", 3), ("judge", 8)):
        words = ["train", "reid", *COMMON, *TINY_IDENTITIES, "--images", cub, "--steps", 2]
        told = succeed(*words, "--seed", seed, "--out", folder / name).output
        assert "accuracy: " in told
    return folder


def train_generator(cub, species, out, *words):
    succeed(
        *("train", "generator", *COMMON, *TINY, "--images", cub, "--out", out),
        *("--reid", species / "teacher" / "reid.safetensors", *words),
    )
    return out / "birds_generator.safetensors"


@pytest.fixture(scope="module")
def generators(cub, species, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generators")
    untrained = train_generator(cub, species, folder / "untrained", "--steps", 1, "--lr", 1e-9)
    words = ["--recipe", "projected", "--set", "losses.reid=0", "--set", "losses.pixel=1"]
    trained = train_generator(cub, species, folder / "trained", "--steps", 20, *words)
    return untrained, trained


def test_the_species_network_is_the_re_id_networks_kind_and_says_what_it_knows(species):
    about = card(species / "teacher" / "reid.safetensors")
    assert about["kind"] == "reid" and about["config"]["classes"] == 3
    assert about["data"]["category"] == "birds" and about["data"]["classes"] == [1, 2, 3]
    assert "generated birds" in about["data"]["set"]
    assert 0 <= about["metrics"]["accuracy"] <= 1


def test_a_generators_card_has_its_category_and_layout_and_the_same_seed_the_same_bytes(
    cub, species, generators, tmp_path
):
    about = card(generators[0])
    assert about["kind"] == "birds-generator" and about["data"]["uv_layout"] == UV_LAYOUT
    supervisor = sha256(species / "teacher" / "reid.safetensors")
    assert about["data"]["identity_network"] == supervisor
    again = train_generator(cub, species, tmp_path / "again", "--steps", 1, "--lr", 1e-9)
    assert sha256(again) == sha256(generators[0])


@pytest.mark.parametrize("recipe", ["small", "projected"])
def test_every_loss_trains_by_configuration(cub, species, tmp_path, recipe):
    words = ["--recipe", recipe, "--steps", 2, "--set", "losses.cross_view=0.5"]
    weights = train_generator(cub, species, tmp_path / recipe, *words)
    metrics = card(weights)["metrics"]
    assert -1 <= metrics["re-ID cosine, own view"] <= 1
    lines = (tmp_path / recipe / "metrics.jsonl").read_text().splitlines()
    assert {"reid", "cross_view"} <= set(json.loads(lines[0]))


def test_the_perceptual_recipe_needs_its_network(cub, species, tmp_path):
    words = [
        "--recipe",
        "small-perceptual",
        "--steps",
        2,
        "--set",
        f"losses.vgg={tmp_path / 'no.pth'}",
    ]
    told = refusal(
        *("train", "generator", *COMMON, *TINY, "--images", cub, "--out", tmp_path / "out", *words),
        *("--reid", species / "teacher" / "reid.safetensors"),
    )
    assert "no.pth: no such file" in told and not (tmp_path / "out").exists()


def test_textures_of_a_trained_generator_are_nearer_to_photographs_and_to_the_truth(
    cub, species, generators, tmp_path
):
    words = ["eval-generator", *generators, "--category", "birds", "--images", cub, "--seed", 1]
    words += ["--judge", species / "judge" / "reid.safetensors", "--device", "cpu"]
    told = succeed(*words, "--out", tmp_path / "figure7").output
    assert "untrained < trained: better by -" in told and "items of 3 species" in told
    content = json.loads((tmp_path / "figure7" / "comparison.json").read_text())
    measures = {row["name"]: row["figures"] for row in content["measures"]}
    for name in ("ssim, own view", "texture ssim"):
        means = {key: row["mean"]["value"] for key, row in measures[name].items()}
        assert means["trained"] > means["untrained"]
    error = {key: row["mean"]["value"] for key, row in measures["texture error"].items()}
    assert error["trained"] < error["untrained"]
    assert {"photographs", "true textures"} <= set(measures["identity, own view"])
    assert content["stand-in"] and content["photographs"] > 3
    picture = cv2.imread(str(tmp_path / "figure7" / "comparison.png"))
    assert picture.shape[1] > 8 * 128 and picture.std() > 20
    result = succeed(*words, "--json", "--quiet", "--out", tmp_path / "again")
    summaries = result.stdout
    assert "%|" not in result.stderr
    assert json.loads(summaries)[0]["name"] == "ssim, own view"


def test_a_judge_that_supervised_is_refused(cub, species, generators, tmp_path):
    words = ["eval-generator", *generators, "--category", "birds", "--images", cub]
    words += ["--judge", species / "teacher" / "reid.safetensors", "--out", tmp_path / "out"]
    assert "judge its own pupil" in refusal(*words)
    assert "--judge, too" in refusal(*words[:6], "--out", tmp_path / "out")
    assert "--method is for people" in refusal(*words, "--method", "rstg")
    told = refusal("eval-generator", generators[0], "--judge", generators[0])
    assert "--judge goes with another --category" in told
    assert "Missing option '--pedestrians'" in refusal("eval-generator", "a", "--method", "ddff")


def test_a_harvest_is_a_library_of_the_birds_layout_and_re_uses_what_is_there(
    cub, generators, body, tmp_path
):
    words = ["harvest-textures", "--category", "birds", "--images", cub, "--out", tmp_path / "lib"]
    told = succeed(*words, "--weights", generators[1]).output
    entries = read_library(tmp_path / "lib")
    assert f"({len(entries)} new)" in told and len(entries) >= 12
    assert {entry.uv_layout for entry in entries} == {UV_LAYOUT}
    assert {entry.split for entry in entries} == {"train", "test"}
    assert all(entry.stand_in and entry.licence == "generated-stand-in" for entry in entries)
    before = {path.name: path.read_bytes() for path in (tmp_path / "lib").iterdir()}
    assert "(0 new)" in succeed(*words, "--weights", generators[1]).output
    assert {path.name: path.read_bytes() for path in (tmp_path / "lib").iterdir()} == before
    assert f"({len(entries)} new)" in succeed(*words, "--weights", generators[0]).output
    with pytest.raises(BadInput, match=UV_LAYOUT):
        read_library(tmp_path / "lib", body)


def test_a_damaged_photograph_is_left_out_and_counted(cub, species, generators, tmp_path):
    broken = tmp_path / "cub"
    shutil.copytree(cub, broken)
    victim = sorted((broken / "images").rglob("*.jpg"))[0]
    victim.write_bytes(b"no picture")
    words = ["harvest-textures", "--category", "birds", "--images", broken]
    words += ["--weights", generators[1], "--out", tmp_path / "lib"]
    assert "left out, cannot be placed or read: 1" in succeed(*words).output
    assert victim.name in (tmp_path / "lib" / "left_out.csv").read_text()
    victim.unlink()
    assert "left out, cannot be placed or read: 1" in succeed(*words).output
    assert run(*words, "--strict").exit_code == 1
    told = succeed(
        *("train", "reid", *COMMON, *TINY_IDENTITIES, "--images", broken, "--steps", 1),
        *("--out", tmp_path / "reid"),
    ).output
    assert "photographs left out: 1" in told
    options = TrainingOptions(out=tmp_path / "strict", images=broken)
    with pytest.raises(BadInput, match=f"1 photographs cannot be used .*{victim.stem}"):
        train_category_identities(BIRDS, BIRDS.identity_recipes["judge"], options, strict=True)
    assert not (tmp_path / "strict").exists()


def test_what_is_for_people_is_refused_with_birds_and_the_other_way_round(
    cub, species, generators, tmp_path
):
    generator = ["train", "generator", "--category", "birds", "--out", tmp_path / "out"]
    teacher = ["--reid", species / "teacher" / "reid.safetensors"]
    assert "give it with --reid" in refusal(*generator, "--images", cub)
    assert "folder with --images" in refusal(*generator, *teacher, *TINY)
    for words, message in (
        (["--set", "losses.face_hand=1"], "losses.face_hand compares with reference textures"),
        (["--set", "losses.texture=1"], "losses.texture compares with reference textures"),
        (["--recipe", "projected", "--set", "generator.unseen=colours"], "is for garments"),
        (["--set", "supervisor.depth=50"], "is on ResNet-10"),
        (["--pedestrians", "bank"], "--pedestrians is for people"),
        (["--method", "ddff"], "--method is for people"),
        (["--recipe", "shipped"], "expected one of small, small-perceptual, projected, paper"),
    ):
        told = refusal(*generator, "--images", cub, *teacher, *TINY[:-2], *words)
        assert message in told, told
    told = refusal("train", "reid", "--category", "cats", "--out", tmp_path / "out")
    assert "category cats: expected one of people, birds" in told
    words = ["train", "reid", "--category", "birds", "--out", tmp_path / "out", *TINY_IDENTITIES]
    assert "images.txt: no such file" in refusal(*words, "--images", tmp_path)
    config = ReidConfig(depth=10, channels=8, classes=2, height=64, width=64)
    save_networks(tmp_path / "people.safetensors", "reid", {"reid": PCB(config)}, config)
    told = refusal(*generator, "--images", cub, "--reid", tmp_path / "people.safetensors")
    assert "tells apart people, expected species of birds" in told
    harvest = [
        "harvest-textures",
        "--category",
        "birds",
        "--images",
        cub,
        "--out",
        tmp_path / "lib",
    ]
    assert "--weights" in refusal(*harvest)
    assert "--size is for people" in refusal(*harvest, "--size", 64, "--weights", generators[0])
    people = ["harvest-textures", "--images", cub, "--out", tmp_path / "lib", "--stand-in"]
    told = refusal(*people, "--weights", generators[0], "--evidence", "network")
    assert "weights of kind birds-generator, expected generator" in told
    assert not (tmp_path / "out").exists()


def test_an_interrupted_training_goes_on_to_the_same_weights(cub, species, tmp_path):
    words = ["--steps", 4, "--set", "schedule.checkpoint_every=2"]
    whole = train_generator(cub, species, tmp_path / "whole", *words)
    state = torch.random.get_rng_state()
    import textures.training.loop as loop

    save = loop.save_checkpoint

    def stop_after(path, networks, optimisers, step, **options):
        save(path, networks, optimisers, step, **options)
        if step == 2:
            raise KeyboardInterrupt

    loop.save_checkpoint = stop_after
    try:
        with pytest.raises((KeyboardInterrupt, AssertionError)):
            train_generator(cub, species, tmp_path / "parts", *words)
    finally:
        loop.save_checkpoint = save
        torch.random.set_rng_state(state)
    assert not (tmp_path / "parts" / "birds_generator.safetensors").exists()
    resumed = train_generator(cub, species, tmp_path / "parts", *words)
    assert sha256(resumed) == sha256(whole)
