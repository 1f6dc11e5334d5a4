"""Harvest: one texture a crop, resumable, bad images reported, nothing half-written."""

from __future__ import annotations

import copy
import json

import cv2
import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from tests.textures.harvest.conftest import SMALL_GENERATOR
from textures.body_fit.fitting import BodyFitter
from textures.checkpoints import read_card, save_networks
from textures.evidence.network import LandmarkConfig, LandmarkNetwork
from textures.evidence.sources import SourceOptions, open_sources
from textures.harvest import harvest as harvesting
from textures.harvest.harvester import Harvester
from textures.harvest.identities import IdentityRule, identity_pattern
from textures.library import read_library, read_texture
from textures.market1501 import Crop, parse_name
from textures.methods import METHODS
from textures.reid.pcb import PCB, load_pcb
from textures.rstg.unet import TextureGenerator
from textures.texture_method import load_method


def harvest(images, out, harvester, **options):
    """One texture a crop of one's own photographs, unless something else is asked for."""
    return harvesting.harvest(
        images, out, harvester, **({"grouping": "crop", "licence": "mine"} | options)
    )


def test_every_crop_gets_a_texture_a_line_and_a_row(crops, tmp_path, harvester, body):
    done = harvest(crops, tmp_path / "out", harvester, licence="mine")
    assert (done.new, done.left_out) == (4, ())
    entries = {e.source: e for e in read_library(tmp_path / "out", body)}
    first, second = entries["0002_c1s1_000451_03.jpg"], entries["0002_c2s1_000500_01.jpg"]
    assert (first.identity, first.camera, first.licence, first.stand_in) == (
        "0002",
        "c1",
        "mine",
        False,
    )
    assert first.split == second.split  # one person is in one split
    assert entries["me.png"].identity == "me" and entries["me.png"].camera is None
    assert set(first.scores) == {
        *("fit_agreement", "presence", "silhouette_iou", "surface_seen", "reid_cosine", "quality")
    }
    assert read_texture(tmp_path / "out" / first.file).shape == (48, 48, 3)
    sheet = cv2.imread(str(done.contact_sheet))
    assert sheet.shape[0] > 4 * 250


def test_a_second_run_makes_only_what_is_new(crops, tmp_path, harvester):
    out = tmp_path / "out"
    harvest(crops, out, harvester, sheet_rows=0)
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    bytes_before = (out / "me.png.png").read_bytes()
    (out / "0007_c1s1_000001_01.jpg.png").unlink()  # lost
    cv2.imwrite(str(crops / "me.png"), np.full((128, 64, 3), 77, np.uint8))  # changed
    done = harvest(crops, out, harvester, sheet_rows=0)
    assert done.new == 2 and len(done.entries) == 4
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    assert after["0002_c1s1_000451_03.jpg.png"] == before["0002_c1s1_000451_03.jpg.png"]
    assert (out / "me.png.png").read_bytes() != bytes_before
    assert not list(out.glob(".*"))  # no temporary file is left


def test_what_is_kept_and_why_textures_are_made_again_is_said(
    crops, tmp_path, harvester, fitter, weights, body
):
    out = tmp_path / "out"

    def said(maker):
        lines = []
        harvest(crops, out, maker, sheet_rows=0, report=lines.append)
        return [line for line in lines if line.startswith(("kept", "to make"))]

    def other(size, reid):
        return Harvester(
            body,
            load_method(METHODS["rstg"], body, weights / "generator.safetensors"),
            fitter,
            reid=reid,
            size=size,
        )

    assert said(harvester) == []  # a first run
    assert said(harvester) == ["kept: 4 textures of the same crops, weights and size"]
    cv2.imwrite(str(crops / "me.png"), np.full((128, 64, 3), 77, np.uint8))
    cv2.imwrite(str(crops / "you.png"), np.full((128, 64, 3), 77, np.uint8))
    (out / "0007_c1s1_000001_01.jpg.png").unlink()
    assert said(harvester) == [
        "kept: 2 textures of the same crops, weights and size",
        "to make: 1 textures, the PNG was gone",
        "to make: 1 textures, the crop changed",
        "to make: 1 textures, new",
    ]
    smaller = other(40, weights / "reid.safetensors")
    assert said(smaller)[1:] == ["to make: 5 textures, the size changed"]
    torch.manual_seed(1)
    network, _ = load_pcb(weights / "reid.safetensors")
    judge = PCB(network.config)
    save_networks(
        tmp_path / "other.safetensors",
        "reid",
        {"reid": judge},
        judge.config,
        half_precision=True,
        metrics={},
    )
    judged = other(40, tmp_path / "other.safetensors")
    before = [entry.scores for entry in read_library(out)]
    assert said(judged)[1:] == ["to make: 5 textures, the weights that score changed"]
    assert [entry.scores for entry in read_library(out)] != before


def test_everything_that_a_texture_is_made_with_is_in_its_generators_tag(
    harvester, weights, tmp_path, body
):
    def tag(*, generator="generator", fit="body-fit", detail=True):
        method = load_method(METHODS["rstg"], body, folder_of[generator] / "generator.safetensors")
        options = SourceOptions(weights=folder_of[fit] / "body-fit.safetensors")
        sources = open_sources(["network"], options)
        held = harvester.fitter.weights
        fitter = BodyFitter(body, harvester.skinning, sources, weights=held)
        return Harvester(
            *(body, method, fitter),
            reid=weights / "reid.safetensors",
            size=16,
            detail=detail,
        ).tag

    torch.manual_seed(2)
    fit = LandmarkNetwork(LandmarkConfig(depth=10, channels=8, features=16, hidden=32))
    networks = {"body-fit": fit, "generator": TextureGenerator(SMALL_GENERATOR)}
    for kind, network in networks.items():
        path = tmp_path / f"{kind}.safetensors"
        save_networks(path, kind, {kind: network}, network.config, metrics={})
    folder_of = {"generator": weights, "body-fit": weights, "other": tmp_path}
    tags = [tag(), tag(generator="other"), tag(fit="other"), tag(detail=False)]
    assert tags[0] == harvester.tag and len(set(tags)) == 4


def test_people_whom_market1501_tests_on_are_tested_on(tmp_path, harvester):
    """Those of the queries and those that are in the gallery alone."""
    market = tmp_path / "market"
    names = {
        "bounding_box_train": [f"{n:04d}_c1s1_000001_01.jpg" for n in range(20, 26)],
        "query": ["0001_c1s1_000001_00.jpg"],
        "bounding_box_test": ["0001_c2s1_000001_00.jpg", "0042_c1s1_000001_00.jpg"],
    }
    rng = np.random.default_rng(1)
    for folder, files in names.items():
        (market / folder).mkdir(parents=True)
        for file in files:
            image = rng.integers(0, 255, (128, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(market / folder / file), image)
    done = harvest(market, tmp_path / "out", harvester, sheet_rows=0)
    splits = {entry.identity: entry.split for entry in done.entries}
    assert (splits["0001"], splits["0042"]) == ("test", "test")
    assert "train" in splits.values()


def test_unreadable_images_are_reported_and_left_out(crops, tmp_path, harvester):
    (crops / "broken.jpg").write_bytes(b"no image")
    lines = []
    done = harvest(crops, tmp_path / "out", harvester, sheet_rows=0, report=lines.append)
    assert len(done.entries) == 4 and [item.source for item in done.left_out] == ["broken.jpg"]
    assert len([line for line in lines if "broken.jpg" in line]) == 1
    assert "broken.jpg" in (tmp_path / "out" / "left_out.csv").read_text()


def test_nothing_is_written_when_nothing_can_be_used(tmp_path, harvester):
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(BadInput, match="none of its 1 images"):
        harvest(tmp_path / "crops", tmp_path / "out", harvester, report=lambda line: None)
    assert not (tmp_path / "out").exists()


def test_stand_ins_are_known_by_their_folder(crops, tmp_path, harvester):
    (crops.parent / "STAND_IN").write_text("generated")
    done = harvest(crops, tmp_path / "out", harvester, sheet_rows=0)
    assert all(entry.stand_in for entry in done.entries)


def test_folders_are_people_and_no_person_is_in_two_splits(crops, tmp_path, harvester):
    folder, out, lines = tmp_path / "people", tmp_path / "out", []
    image = (crops / "me.png").read_bytes()
    for person in ("ann", "bob", "cy"):
        (folder / person).mkdir(parents=True)
        for number in range(3):
            (folder / person / f"{number}.png").write_bytes(image)
    done = harvest(folder, out, harvester, sheet_rows=0, report=lines.append)
    splits = {(e.identity, e.split) for e in done.entries}
    assert len(splits) == 3 and {identity for identity, _ in splits} == {"ann", "bob", "cy"}
    assert {split for _, split in splits} == {"train", "val", "test"}
    assert "9 crops of 3 people" in lines[0] and "ann 3, bob 3, cy 3" in lines[2]


def test_a_kept_texture_follows_a_new_answer_to_who_is_who(crops, tmp_path, harvester):
    out = tmp_path / "out"
    first = harvest(crops, out, harvester, sheet_rows=0)
    rule = IdentityRule(pattern=identity_pattern(r"(c\d|me)"))
    second = harvest(crops, out, harvester, sheet_rows=0, identities=rule)
    assert second.new == 0 and [e.scores for e in second.entries] == [
        e.scores for e in first.entries
    ]
    assert [e.identity for e in read_library(out)] == ["c1", "c2", "c1", "me"]
    splits = {(e.identity, e.split) for e in read_library(out)}
    assert len(splits) == 3


def test_what_is_gone_from_the_source_is_said_and_a_new_file_renames_nothing(
    crops, tmp_path, harvester
):
    out, lines = tmp_path / "out", []
    (crops / "contact_sheet.jpg").write_bytes((crops / "me.png").read_bytes())
    before = {e.source: e.file for e in harvest(crops, out, harvester).entries}
    (crops / "a").mkdir()
    (crops / "a" / "me.png").write_bytes((crops / "me.png").read_bytes())
    (crops / "a_me.png").write_bytes((crops / "me.png").read_bytes())
    (crops / "0007_c1s1_000001_01.jpg").unlink()
    done = harvest(crops, out, harvester, sheet_rows=0, report=lines.append)
    after = {e.source: e.file for e in done.entries}
    assert done.new == 2 and len(set(after.values())) == len(after) == 7
    assert before.items() <= after.items() and "contact_sheet.png" not in after.values()
    (line,) = [line for line in lines if "no longer" in line]
    assert "1 textures (0007_c1s1_000001_01.jpg.png)" in line


def test_a_crop_that_broke_keeps_its_line_and_it_is_said(crops, tmp_path, harvester):
    out, lines = tmp_path / "out", []
    harvest(crops, out, harvester, sheet_rows=0)
    (crops / "me.png").write_bytes(b"no image")
    done = harvest(crops, out, harvester, sheet_rows=0, report=lines.append)
    assert len(read_library(out)) == 4 and [item.source for item in done.left_out] == ["me.png"]
    assert any("earlier run stays" in line for line in lines)


def test_weights_and_their_card_belong_together(weights, tmp_path, body):
    network, card = load_pcb(weights / "reid.safetensors")
    assert not network.training and card["kind"] == "reid" and card["config"]["channels"] == 8
    with pytest.raises(BadInput, match=r"reid\.json: weights of kind reid, expected generator"):
        load_method(METHODS["rstg"], body, weights / "reid.safetensors")
    with pytest.raises(BadInput, match=r"absent\.safetensors"):
        read_card(tmp_path / "absent.safetensors", "reid")
    damaged = tmp_path / "reid.safetensors"
    damaged.write_bytes(b"damaged")
    damaged.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match=r"reid\.safetensors: sha256 .* is the card of"):
        load_pcb(damaged)


def test_photographs_become_a_bank_seen_through_their_fitted_bodies(crops, harvester, tmp_path):
    """The path of real data: crops, fitted bodies, visibility, and the paper's two losses through
    them.
    """
    from textures.body_fit.bank_fits import network_fits
    from textures.body_fit.photograph_bank import fitted_photographs, kept_photographs
    from textures.body_fit.source_pixels import bank_sources
    from textures.rstg.recipes import PAPER
    from textures.rstg.training import GeneratorLosses, draw_crops
    from textures.visibility.texel_geometry import texel_geometry

    people = [Crop(path, parse_name(path.name)) for path in sorted(crops.glob("*.jpg"))]
    references = np.full((2, 16, 16, 3), 180, np.uint8)
    scenes = np.full((1, 128, 64, 3), 90, np.uint8)
    body, fitter, skinning = harvester.body, harvester.fitter, harvester.skinning
    made = fitted_photographs(people, fitter, body, references, scenes)
    bank = made.bank
    assert bank.identities.tolist() == [2, 2, 7] and bank.photographs
    geometry = texel_geometry(body.mesh, 32)
    fits = network_fits(bank, fitter)
    for name in ("pose", "betas", "translation", "agreement"):
        np.testing.assert_allclose(getattr(made.fit, name), getattr(fits, name), atol=1e-4)
    for ours, theirs in zip(made.fit.cameras, fits.cameras, strict=True):
        np.testing.assert_allclose(ours.intrinsics, theirs.intrinsics)
    np.testing.assert_allclose(made.fit.person, np.stack(fits.person), atol=0.5 / 255 + 1e-6)
    path = tmp_path / "fitted.safetensors"
    kept, read = kept_photographs(path, "these", lambda: made)
    assert kept is made and not read
    again, read = kept_photographs(path, "these", pytest.fail)
    assert read and not len(again.bank.textures) and not len(again.bank.scenes)
    for name in ("images", "masks", "uv", "identities", "pose"):
        assert np.array_equal(getattr(again.bank, name), getattr(bank, name))
    for name in ("pose", "betas", "translation", "agreement", "presence", "person"):
        assert np.array_equal(np.stack(getattr(again.fit, name)), np.stack(getattr(made.fit, name)))
    path.write_bytes(path.read_bytes()[:500])  # damaged, and of others: made anew
    assert not kept_photographs(path, "these", lambda: made)[1]
    assert not kept_photographs(path, "others", lambda: made)[1]
    sources = bank_sources(fits, skinning, body.mesh, geometry)
    losses = GeneratorLosses(PAPER.losses, harvester.reid, geometry)
    rng, chosen = np.random.default_rng(0), np.array([0, 1])
    network = TextureGenerator(SMALL_GENERATOR)
    batch = draw_crops(bank, chosen, rng, PAPER.augmentation, torch.device("cpu"))
    terms = losses(network, batch, bank, sources, chosen, rng, per_identity=2)
    assert set(terms) == {"reid", "face_hand"}
    sum(terms.values()).backward()
    assert network.enter[0].weight.grad.abs().sum() > 0


def test_the_command_reports_bad_images_and_strict_makes_them_an_error(crops, tmp_path, weights):
    from click.testing import CliRunner

    from synth.cli.textures import harvest_textures

    (crops / "broken.jpg").write_bytes(b"no image")
    given = [
        "--images",
        str(crops),
        "--out",
        str(tmp_path / "out"),
        "--size",
        "32",
        "--sheet-rows",
        "2",
        "--licence",
        "mine",
    ]
    for option, kind in (("body-fit", "body-fit"), ("weights", "generator"), ("reid", "reid")):
        given += [f"--{option}", str(weights / f"{kind}.safetensors")]
    given += [
        "--evidence",
        "network",
        "--networks",
        str(tmp_path),
        "--smpl",
        "not needed",
        "--keep-all",
        "--per",
        "crop",
    ]
    result = CliRunner().invoke(harvest_textures, given)
    assert result.exit_code == 0, result.output
    assert "bodies are fitted by network-body-fit" in result.output
    assert "4 textures" in result.output and "1 files left out" in result.output
    strict = CliRunner().invoke(harvest_textures, [*given, "--strict"])
    assert strict.exit_code == 1 and "broken.jpg" in strict.output


def test_a_crop_that_is_refused_now_is_no_longer_listed(crops, tmp_path, harvester, monkeypatch):
    """Its bytes show nobody, whatever an earlier run that kept all made of them."""
    out, lines = tmp_path / "out", []
    before = harvest(crops, out, harvester, sheet_rows=0, report=lines.append)
    assert len(before.entries) == 4
    strict = copy.copy(harvester)
    strict.tag = harvester.tag.removesuffix("+keep-all")
    assert strict.tag != harvester.tag  # else the textures would be kept unlooked at
    monkeypatch.setattr(
        strict, "refusals", lambda crops, fit: [None] + ["nobody"] * (len(crops) - 1)
    )
    after = harvest(crops, out, strict, sheet_rows=0, report=lines.append)
    assert [entry.file for entry in after.entries] == [before.entries[0].file]
    assert len(read_library(out)) == 1
    assert any("no longer listed" in line for line in lines)
