"""`convert-textures`, `import-textures`, `harvest-textures --uv-layout`: options and refusals."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tests.synth.cli.running import refusal, run, succeed
from textures.conversion import registration
from textures.library import TextureEntry, read_library, write_manifest, write_texture


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """The model is the free body itself, in its pose and shape: there is nothing to fit."""
    monkeypatch.setattr(registration, "_STEPS", 0)
    monkeypatch.setattr(registration, "_STIFFNESS", (1,))
    monkeypatch.setattr(registration, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def library(tmp_path, body):
    folder = tmp_path / "library"
    for number in (0, 1):
        texture = np.full((64, 64, 3), (90, 60 + 90 * number, 200), np.uint8)
        write_texture(folder / f"{number}.png", texture)
    entries = [
        TextureEntry(f"{k}.png", body.uv_layout, 64, f"{k}.jpg", "", str(k), None, "train")
        for k in (0, 1)
    ]
    write_manifest(folder, entries)
    return folder


def test_a_library_is_converted_by_its_options(library, model, tmp_path):
    words = ["convert-textures", library, "--body", model.file, "--uv", model.uv]
    result = succeed(*words, "--to", "smpl", "--out", tmp_path / "smpl")
    assert "2 textures of UV layout smpl" in result.output and "mm between" in result.output
    assert "of 255 on average" in result.output
    read_library(tmp_path / "smpl", model.body)
    picture = cv2.imread(str(tmp_path / "smpl" / "1.png"))
    assert np.abs(picture.astype(int) - (200, 150, 90)).max() <= 1
    smaller = [*words, "--to", "smpl", "--out", tmp_path / "smpl", "--size", 32]
    result = succeed(*smaller, "--quiet", "--json")
    content = json.loads(result.stdout)
    assert (content["textures"], content["left_out"]) == (2, []) and "%|" not in result.stderr
    assert 0 <= content["surface_distance"]["mean"] <= content["surface_distance"]["largest"]
    assert cv2.imread(str(tmp_path / "smpl" / "1.png")).shape == (32, 32, 3)
    words[1] = tmp_path / "smpl"
    succeed(*words, "--to", "anny-1", "--out", tmp_path / "back")
    assert {entry.uv_layout for entry in read_library(tmp_path / "back")} == {"anny-1"}
    (library / "0.png").write_bytes(b"torn")
    words[1] = library
    strict = run(*words, "--to", "smpl", "--out", tmp_path / "smpl", "--strict")
    assert strict.exit_code == 1 and "1 left out" in strict.output


def test_a_folder_is_imported_by_its_options(tmp_path):
    folder = tmp_path / "found"
    write_texture(folder / "one.png", np.full((64, 64, 3), 99, np.uint8))
    words = ["import-textures", folder, "--uv-layout", "smpl", "--out", tmp_path / "a"]
    assert "--licence" in refusal(*words)
    words += ["--licence", "CC-BY-4.0"]
    assert "1 textures" in succeed(*words, "--size", 32).output
    (entry,) = read_library(tmp_path / "a")
    assert (entry.licence, entry.size, entry.uv_layout) == ("CC-BY-4.0", 32, "smpl")
    (folder / "torn.png").write_bytes(b"torn")
    assert run(*words).exit_code == 0 and run(*words, "--strict").exit_code == 1
    assert "'--size'" in refusal(*words, "--size", 0)


def test_crops_become_textures_in_smpls_layout(model, tmp_path):
    crops, out = tmp_path / "crops", tmp_path / "out"
    crops.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (8, 4, 3), dtype=np.uint8)
    cv2.imwrite(str(crops / "one.jpg"), cv2.resize(noise, (64, 128)))
    words = ["harvest-textures", "--images", crops, "--out", out, "--licence", "own", "--size", 32]
    words += ["--keep-all", "--finish", "plain"]
    for more, text in [
        (["--uv-layout", "smpl"], "--uv FILE.obj"),
        (["--uv-layout", "anny-1", "--uv", model.uv], "leave --body and --uv out"),
        (["--uv-layout", "smplx", "--body", model.file, "--uv", model.uv], "expected smplx"),
        (["--body", model.file], "--uv FILE.obj"),
    ]:
        assert text in refusal(*words, *more) and not out.exists()
    bodies = ["--body", model.file, "--uv", model.uv]
    succeed(*words, "--uv-layout", "smpl", *bodies)
    (entry,) = read_library(out, model.body)
    assert entry.licence == "own" and read_library(out / "anny-1")[0].uv_layout == "anny-1"
    before = (out / entry.file).read_bytes()
    assert "(0 new)" in succeed(*words, *bodies).output
    assert (out / entry.file).read_bytes() == before
