"""`synth eval-textures`: from folders to figures, a JSON object and a sheet."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from mocap.bodies.body import JOINT_NAMES
from tests.synth.cli.running import refusal, run, succeed
from textures.library import read_library, write_texture

COLUMNS = {
    "neck_right": "neck",
    "right_shoulder": "right_shoulder",
    "right_elbow": "right_elbow",
    "right_wrist": "right_wrist",
    "right_hip": "right_hip",
    "right_knee": "right_knee",
    "right_ankle": "right_ankle",
    "left_ankle": "left_ankle",
    "left_knee": "left_knee",
    "left_hip": "left_hip",
    "left_wrist": "left_wrist",
    "left_elbow": "left_elbow",
    "left_shoulder": "left_shoulder",
    "neck_left": "neck",
}


@pytest.fixture(scope="module")
def joints(world, tmp_path_factory):
    """The true joints as a CSV."""
    pixels = world.fitter.crops.joint_pixels()
    header = ["image", "head_top_x", "head_top_y"]
    header += [f"{name}_{axis}" for name in COLUMNS for axis in "xy"]
    lines = [",".join(header)]
    for name, index in world.fitter.number.items():
        head = pixels[index, JOINT_NAMES.index("head")]
        neck = pixels[index, JOINT_NAMES.index("neck")]
        values = [*(2 * head - neck)]
        for joint in COLUMNS.values():
            values += [*pixels[index, JOINT_NAMES.index(joint)]]
        lines.append(",".join([name, *(f"{value:.1f}" for value in values)]))
    path = tmp_path_factory.mktemp("joints") / "joints.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def wrong(world, tmp_path_factory):
    """The next person's texture, as PNGs named by crop."""
    folder = tmp_path_factory.mktemp("sets") / "wrong"
    folder.mkdir()
    entries = read_library(world.library)
    for entry, texture in zip(entries, world.textures[1:] + world.textures[:1]):
        write_texture(folder / entry.file, texture)
    return folder


def test_sets_are_measured_and_shown(world, joints, wrong, tmp_path):
    out = tmp_path / "out"
    result = succeed(
        *("eval-textures", world.library, wrong, "--images", world.images, "--evidence", joints),
        *("--out", out, "--sheet-people", 2, "--json", "--quiet"),
    )
    assert "%|" not in result.stderr
    content = json.loads((out / "evaluation.json").read_text())
    assert json.loads(result.output[result.output.index("{") :]) == content
    assert content["stand_in"] and content["sets"] == ["true", "wrong"]
    measures = {item["name"]: item for item in content["measures"]}
    psnr = measures["psnr@strict (other camera)"]
    assert psnr["differences"][0]["order"] == "better"
    assert psnr["figures"]["true"]["people"] == psnr["figures"]["wrong"]["people"] == 5
    perceptual = measures["st-lpips (own view)"]
    if perceptual["not_computed"] is None:
        assert perceptual["figures"]["true"]["mean"]["value"] > 0
    else:
        assert "pip install" in perceptual["not_computed"]
    page = (out / "sheet.html").read_text()
    assert len(re.findall(r'class="person"', page)) == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "http" not in page
    assert "stand-in data" in page


def test_weights_of_any_method_are_measured_on_the_same_crops_and_fits(
    world, joints, wrong, body, tmp_path
):
    """Two trainings and a folder in one table, which is written where it is to stand."""
    import torch

    from mocap.parsing.settings import with_overrides
    from textures.methods import variant_overrides
    from textures.rstg.method import RstgMethod
    from textures.rstg.recipes import RECIPES

    weights = []
    for seed, variant in enumerate(("reid", "pixel")):
        changes = ["generator.channels=4", f"schedule.seed={seed}"]
        recipe = with_overrides(
            RECIPES["small"], [*variant_overrides(RstgMethod, variant), *changes]
        )
        method = RstgMethod.initialise(recipe, body)
        path = tmp_path / variant / "generator.safetensors"
        path.parent.mkdir()
        card = {"set": "a set", "identities": 3, "crops": 9}
        method.save(
            path,
            data=card,
            steps=7,
            command=f"synth train generator --variant {variant}",
            recipe=dataclasses.asdict(recipe),
        )
        weights.append(path)
    page = tmp_path / "results.md"
    page.write_text("before\n<!-- begin rows -->\n<!-- end rows -->\nafter\n")
    words = ("eval-textures", *weights, wrong, "--images", world.images, "--evidence", joints)
    words += ("--crops", 2, "--against", "reid", "--device", "cpu")
    result = succeed(*words, "--table", page, "--table-name", "rows", "--json")
    content = json.loads(result.output[result.output.index("{") :])
    assert content["sets"] == ["reid", "pixel", "wrong"]
    measures = {item["name"]: item for item in content["measures"]}
    own = measures["ssim@rstg in a scene (own view)"]
    assert own["figures"]["reid"]["items"] == 10 and own["figures"]["reid"]["people"] == 5
    assert measures["ssim@strict (other camera)"]["figures"]["pixel"]["items"] == 10
    assert content["rows"][1]["published"]["mask-ssim@rstg in a scene (own view)"] == 0.374
    assert "Inception-v3's weights" in measures["fid"]["not_computed"]
    text = page.read_text()
    assert text.startswith("before\n<!-- begin rows -->\n5 people of images, 2 photographs of each")
    sentence = RstgMethod.variants["pixel"].definition
    assert f"| pixel | {sentence} | a set, 3 people in 9 crops, 7 steps |" in text
    assert "synth train generator --variant pixel\n" in text
    assert "| 0.374 |" in text and text.endswith("<!-- end rows -->\nafter\n")
    assert "expected one of reid, pixel" in refusal(*words[:-2], "--against", "me")
    assert "expected one of each" in refusal(*words, "--table", page, "--table-name", "other")
    torch.manual_seed(0)
    reid = refusal("eval-textures", _re_id_weights(tmp_path), *words[4:])
    assert "weights of reid, which makes no textures" in reid


def _re_id_weights(folder):
    from textures.checkpoints import save_networks
    from textures.reid.pcb import PCB, ReidConfig

    path = folder / "reid.safetensors"
    network = PCB(ReidConfig(depth=10, channels=4, classes=2, height=32, width=16))
    save_networks(path, "reid", {"reid": network}, network.config, half_precision=True)
    return path


def test_the_same_run_gives_the_same_figures(world, joints, wrong, tmp_path):
    people = tmp_path / "people.txt"
    people.write_text("0001\n0002\n")
    words = ("eval-textures", world.library, "--images", world.images, "--evidence", joints)
    words += ("--networks", world.images, "--body-fit", "not needed", "--smpl", "not needed")
    words += ("--seed", 3, "--device", "cpu")
    words += ("--references", "--people", people, "--json")
    first, second = (succeed(*words).output for _ in range(2))
    assert first[first.index("{") :] == second[second.index("{") :]
    assert json.loads(first[first.index("{") :])["protocol"] == "market1501-train2"


def test_what_cannot_be_measured_is_refused(world, joints, wrong, tmp_path):
    words = ("--images", world.images, "--evidence", joints)
    assert "no texture found" in refusal("eval-textures", tmp_path, *words)
    people = tmp_path / "people.txt"
    people.write_text("9999\n")
    assert "shows one of the 1 people" in refusal(
        "eval-textures", world.library, *words, "--people", people
    )
    table = tmp_path / "attributes.csv"
    table.write_text("identity,up\n0001,1\n")
    message = refusal("eval-textures", world.library, *words, "--attributes", table)
    assert "attributes.csv, line 1: no column down" in message
    assert "given twice" in refusal("eval-textures", wrong, wrong, *words)


def test_strict_makes_an_unusable_texture_an_error(world, joints, wrong, tmp_path):
    folder = tmp_path / "named"
    folder.mkdir()
    for path in wrong.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "somebody.png").write_bytes(path.read_bytes())
    path = next(folder.glob("0003*"))
    path.write_bytes(path.read_bytes()[:200])
    words = ("eval-textures", folder, "--images", world.images, "--evidence", joints)
    result = run(*words, "--strict")
    assert (
        result.exit_code == 1 and "left out, not named by a crop: 1 (somebody.png)" in result.output
    )
    assert "left out, cannot be used: 1" in result.output and path.name in result.output
    assert succeed(*words, "--references").exit_code == 0


def test_help_defines_every_measure():
    text = " ".join(succeed("eval-textures", "--help").output.split())
    assert "ST-LPIPS" in text and "mean average precision" in text.lower()


def test_cameras_are_split_for_fused_textures(world, tmp_path):
    people = tmp_path / "people.txt"
    people.write_text("0001\n0002\n")
    words = ("split-cameras", "--images", world.images, "--people", people, "--crops", 2)
    result = succeed(*words, "--out", tmp_path / "halves")
    assert "first: 2 crops of 2 people" in result.output
    names = {p.name for p in (tmp_path / "halves" / "second").rglob("*.png")}
    assert names == {"0001_c2s1_000001_00.png", "0002_c2s1_000001_00.png"}
    assert "is there already" in refusal(*words, "--out", tmp_path / "halves")
