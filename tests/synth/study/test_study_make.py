"""`synth study make`: pairs that differ in the texture alone, blind, whole and always the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.study.design import Study, read_study
from synth.study.pair_pictures import HEIGHT, WIDTH, sample_pair_scene, scene_picture, scrambled
from synth.study.sheets import blind_sheet
from tests.synth.cli.conftest import model  # noqa: F401
from tests.synth.cli.running import refusal, succeed
from tests.textures.evaluation.conftest import world  # noqa: F401
from tests.textures.evaluation.test_command import joints  # noqa: F401
from textures.library import TextureEntry, write_manifest, write_texture

SMALL = ("--count-pairs", 3, "--count-practice", 1, "--count-repeats", 1, "--count-catch", 2)
RED, BLUE = (200, 20, 20), (20, 20, 200)


def library(folder: Path, layout: str, colour, names, *, stand_in: bool = False) -> Path:
    """Textures of one colour, one a person."""
    folder.mkdir(parents=True)
    entries = []
    for name in names:
        write_texture(folder / f"{name}.png", np.full((32, 32, 3), colour, np.uint8))
        entries.append(
            TextureEntry(
                f"{name}.png", layout, 32, f"{name}.jpg", "", name, None, "test", stand_in=stand_in
            )
        )
    write_manifest(folder, entries)
    return folder


@pytest.fixture(scope="module")
def libraries(body, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("libraries")
    names = ["0001", "0002", "0003", "0004"]
    first = library(folder / "redlib", body.uv_layout, RED, names)
    return first, library(folder / "bluelib", body.uv_layout, BLUE, names, stand_in=True)


@pytest.fixture(scope="module")
def words(libraries) -> tuple[object, ...]:
    first, second = libraries
    return ("study", "make", "--textures", first, "--against", second, *SMALL)


@pytest.fixture(scope="module")
def made(words, tmp_path_factory) -> Path:
    """The study that several tests look at, with its static page."""
    out = tmp_path_factory.mktemp("made") / "study"
    more = ("--seed", 3, "--static", "--count-sheets", 2, "--seconds", 0.5, "--question", "Nicer?")
    result = succeed(*words, *more, "--catch-failures", 0, "--out", out)
    assert "one who only guesses passes the catch pairs with 25.0%" in result.output
    return out


def pictures(folder: Path, study: Study, kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """RGB pictures, first and second, of the pairs of a kind."""
    pairs = [study.pairs[number] for number in study.numbers(kind)]
    return [
        tuple(cv2.imread(str(folder / "pictures" / n))[..., ::-1] for n in (p.first, p.second))
        for p in pairs
    ]


def test_pairs_differ_in_the_texture_alone(made):
    """Red in the first picture is, pixel by pixel, what blue is in the second."""
    study = read_study(made)
    for first, second in pictures(made, study, "counted"):
        assert first.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(first[..., 0], second[..., 2])
        np.testing.assert_array_equal(first[..., 1], second[..., 1])
        body_pixels = (first[..., 0].astype(int) - first[..., 2]) > 20
        assert 0.05 < body_pixels.mean() < 0.5
        rows = np.flatnonzero(body_pixels.any(1))
        assert rows[0] > 0 and rows[-1] < HEIGHT - 1  # the whole body is in it
    shown = [first for first, _ in pictures(made, study, "counted")]
    assert not np.array_equal(shown[0], shown[1])  # each pair has its own pose, side and light


def test_the_study_says_what_it_was_asked_for(made):
    study = read_study(made)
    assert [pair.kind for pair in study.pairs] == ["practice", *["counted"] * 3, *["catch"] * 2]
    assert study.sets == ("redlib", "bluelib") and study.question == "Nicer?" and study.stand_in
    assert (study.rules.seconds, study.rules.repeats, study.rules.most_catch_failures) == (
        0.5,
        1,
        0,
    )
    people = [pair.person for pair in study.pairs[:4]]
    assert sorted(people) == ["0001", "0002", "0003", "0004"]  # everybody before anybody twice
    assert all(pair.sources == (f"{pair.person}.png",) * 2 for pair in study.pairs[:4])
    assert all(pair.sources[1].endswith("scrambled") for pair in study.pairs[4:])


def test_catch_pairs_take_both_sets_by_turns(made):
    """Neither library can be known as the one whose pictures are always the better."""
    study = read_study(made)
    reds = []
    for first, second in pictures(made, study, "catch"):
        middle = first[HEIGHT // 3 : HEIGHT // 2, WIDTH // 2].astype(int)
        reds.append(bool((middle[:, 0] - middle[:, 2]).mean() > 0))
        assert (first != second).any(-1).mean() > 0.03  # tiles are negatives
    assert sorted(reds) == [False, True]


@pytest.mark.parametrize("size", [1, 8, 16, 100, 256])
def test_a_scrambled_texture_is_far_from_itself(size):
    rng = np.random.default_rng(0)
    for texture in (rng.integers(0, 90, (size, size, 3)), np.full((size, size, 3), 127)):
        texture = texture.astype(np.uint8)
        result = scrambled(texture, np.random.default_rng(1))
        assert result.shape == texture.shape and result.dtype == np.uint8
        np.testing.assert_array_equal(result, scrambled(texture, np.random.default_rng(1)))
        if size > 1:
            assert (np.abs(result.astype(int) - texture) > 35).mean() > 0.45


def test_scenes_show_people_from_all_sides(body):
    from mocap.bodies.skinning import Skinning

    rng, skinning = np.random.default_rng(0), Skinning(body)
    scenes = [sample_pair_scene(body, skinning, rng, size=(64, 32)) for _ in range(16)]
    ahead = [scene.camera.rotation[2] for scene in scenes]
    assert min(a[2] for a in ahead) < -0.5 and max(a[2] for a in ahead) > 0.5
    white = np.full((8, 8, 3), 255, np.uint8)
    for scene in scenes:
        image = scene_picture(scene, white)
        assert scene.buffer.covered.any() and image[scene.buffer.covered[::2, ::2]].mean() > 60


def test_the_static_page_is_whole_and_blind(made):
    study, static = read_study(made), made / "static"
    files = {p.relative_to(static).as_posix() for p in static.rglob("*") if p.is_file()}
    names = {f"pictures/{n}" for pair in study.pairs for n in (pair.first, pair.second)}
    assert files == {"index.html", "page.css", "page.js", "study.js", *names}
    content = json.loads((static / "study.js").read_text().removeprefix("const STUDY = ")[:-2])
    assert content["sheets"] == [blind_sheet(study, k) for k in range(2)]
    assert content["study"] == study.identifier and content["seconds"] == 0.5
    for name in ("index.html", "page.css", "page.js", "study.js"):
        text = (static / name).read_text()
        assert not re.search(r"https?:|//[a-z]+\.[a-z]|redlib|bluelib", text), name


def test_a_question_with_markup_stays_text(words, tmp_path):
    out = tmp_path / "study"
    question = "</script><b>Which?"
    succeed(*words, "--question", question, "--static", "--out", out)
    text = (out / "static" / "study.js").read_text()
    assert "<" not in text and json.loads(text[14:-2])["question"] == question


def everything(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_a_standing_study_is_kept(words, tmp_path):
    for name in ("a", "b"):
        succeed(*words, "--seed", 3, "--out", tmp_path / name)
    first = everything(tmp_path / "a")
    assert first == everything(tmp_path / "b") and len(first) == 13
    (tmp_path / "a" / "answers.sqlite").write_bytes(b"answers")
    assert "stands there already" in succeed(*words, "--seed", 3, "--out", tmp_path / "a").output
    assert everything(tmp_path / "a") == first | {"answers.sqlite": b"answers"}
    assert "holds a study of other" in refusal(*words, "--seed", 4, "--out", tmp_path / "a")
    succeed(*words, "--seed", 4, "--out", tmp_path / "c")
    assert not set(everything(tmp_path / "c")) & set(first) - {"study.json"}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    assert "something else" in refusal(*words, "--out", tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_bad_requests_are_refused_at_once(libraries, words, tmp_path, body):
    first, _ = libraries
    out = ("--out", tmp_path / "study")
    make = ("study", "make", "--textures", first, *out)
    assert "either --against or --images" in refusal(*make)
    assert "either --against or --images" in refusal(*words, *out, "--images", first)
    assert "give two libraries" in refusal(*make, "--against", first)
    for name, value in (("--networks", first), ("--evidence", "network"), ("--body-fit", "a.pt")):
        assert "give --images" in refusal(*words, *out, name, value)
    assert "give --images" in refusal(*words, *out, "--smpl", "smpl.npz")
    assert "leave them out" in refusal(*make, "--images", first, "--pairing", "any")
    assert "--count-repeats 2" in refusal(*words, *out, "--count-repeats", 2)
    assert "--catch-failures 2" in refusal(*words, *out, "--catch-failures", 2)
    for option, value in (("--count-pairs", 0), ("--seconds", "nan"), ("--count-sheets", 0)):
        assert f"'{option}'" in refusal(*words, *out, option, value)
    strangers = library(tmp_path / "strangers", body.uv_layout, BLUE, ["0008", "0009"])
    message = refusal(*make, "--against", strangers, *SMALL)
    assert "no person is in both (4 and 2 people)" in message and "--pairing any" in message
    succeed(*make, "--against", strangers, *SMALL, "--pairing", "any")
    pairs = read_study(tmp_path / "study").pairs
    assert {pair.sources[1] for pair in pairs[:2]} == {"0008.png", "0009.png"}
    foreign = library(tmp_path / "foreign", "smpl", BLUE, ["0001"])
    assert "smpl" in refusal(*make, "--against", foreign)


def test_libraries_of_another_body_need_that_body(model, tmp_path):  # noqa: F811
    layout = model.body.uv_layout
    first = library(tmp_path / "first", layout, RED, ["0001"])
    second = library(tmp_path / "second", layout, BLUE, ["0001"])
    words = ("study", "make", "--textures", first, "--against", second, "--out", tmp_path / "study")
    words += ("--count-pairs", 3, "--count-practice", 0, "--count-repeats", 0, "--count-catch", 0)
    assert layout in refusal(*words)
    result = succeed(*words, "--body", model.file, "--uv", model.uv)
    assert "3 counted pairs of 1 people" in result.output
    study = read_study(tmp_path / "study")
    for red, blue in pictures(tmp_path / "study", study, "counted"):
        np.testing.assert_array_equal(red[..., 0], blue[..., 2])


def test_textures_beside_photographs_of_their_people(world, joints, tmp_path):  # noqa: F811
    out = tmp_path / "study"
    words = ("study", "make", "--textures", world.library, "--images", world.images)
    words += ("--evidence", joints, "--device", "cpu", *SMALL, "--out", out)
    result = succeed(*words)
    study = read_study(out)
    assert study.sets == ("true", "photographs") and study.stand_in
    assert (
        "6 of 6 photographs are of a camera that the texture beside them has not seen"
        in result.output
    )
    off = {}
    for kind in ("counted", "catch"):
        apart = []
        for first, second in pictures(out, study, kind):
            assert first.shape == second.shape and first.shape[0] == HEIGHT
            grey = [(picture == 128).all(-1) for picture in (first, second)]
            assert (grey[0] == grey[1]).mean() > 0.98  # one outline
            person = ~grey[0] & ~grey[1]
            assert 0.1 < person.mean() < 0.9
            apart.append(np.abs(first.astype(int) - second)[person].mean())
        off[kind] = np.mean(apart)
    assert off["counted"] < 25 < 40 < off["catch"]  # the true textures are like their photographs
    sources = [study.pairs[number].sources for number in study.numbers("counted")]
    assert all(texture[:4] == photograph[:4] for texture, photograph in sources)
    assert "stands there already" in succeed(*words).output
    too_many = (*words[:-1], tmp_path / "more", "--count-pairs", 30, "--count-repeats", 0)
    assert "usable photographs" in refusal(*too_many)
