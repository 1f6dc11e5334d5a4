"""Every file of examples/ is run as a user runs it, on small inputs in the real layouts."""

from __future__ import annotations

import ast
import doctest
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.standins.pedestrians import MarketSize, write_pedestrians
from tests.synth.small_film_set import write_inputs
from textures.library import read_library

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGES = ("mocap", "textures", "synth", "action_recog")


@pytest.fixture(scope="module")
def inputs(body, tmp_path_factory) -> Path:
    """A folder with ``motions`` and ``textures``."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, body)
    return folder


def run(name: str, *words: object) -> str:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    environment = {"PYTHONPATH": str(EXAMPLES.parent), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_hello_labels_shows_the_body_beside_its_parts(inputs, tmp_path):
    out = tmp_path / "labels.png"
    run("hello_labels.py", inputs / "motions", inputs / "textures" / "0.png", out)
    picture = cv2.imread(str(out))
    assert picture.shape == (240, 640, 3)
    body, labels = picture[:, :320], picture[:, 320:]
    red = body[..., 2].astype(int) - body[..., 0] > 40  # the texture is red
    background = labels[0, 0]
    labelled = (labels != background).any(axis=2)
    assert red.sum() > 500 and labelled[red].mean() > 0.93 and red[labelled].mean() > 0.8


def test_hello_labels_has_no_more_than_fifteen_statements():
    statements = ast.parse((EXAMPLES / "hello_labels.py").read_text()).body
    kinds = (ast.Import, ast.ImportFrom)
    calls = [s for s in statements if not isinstance(s, kinds)][1:]  # without the docstring
    assert len(calls) <= 15


def test_hello_film_makes_three_films_and_the_experiment_reads_them(inputs, tmp_path):
    films = tmp_path / "films"
    said = run("hello_film.py", inputs / "motions", inputs / "textures", films)
    assert "rendered=3" in said and len(list(films.rglob("*.mp4"))) == 3
    said = run("hello_experiment.py", films)
    assert "3 films of 2 categories" in said


def test_hello_texture_makes_a_texture_of_a_persons_photographs(body, tmp_path):
    size = MarketSize(
        train_identities=2, test_identities=2, images_per_camera=1, distractors=0, junk=0
    )
    write_pedestrians(tmp_path / "market", body=body, seed=3, size=size, progress=False)
    photographs, people = tmp_path / "photographs", set()
    for path in (tmp_path / "market" / "bounding_box_train").glob("*.jpg"):
        person = photographs / f"person{path.name[:4]}"
        person.mkdir(parents=True, exist_ok=True)
        path.rename(person / f"IMG_{path.name[5:]}")
        people.add(person.name)
    out = tmp_path / "textures"
    said = run("hello_texture.py", photographs, out)
    assert len(people) == 2 and all(name in said for name in people), said
    textures = [cv2.imread(str(out / entry.file)) for entry in read_library(out)]
    assert len(textures) == 2
    for texture in textures:
        assert texture.shape == (256, 256, 3) and np.std(texture) > 10


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_offers_is_there_and_its_example_holds(package):
    module = import_module(package)
    folder = Path(module.__file__).parent
    for name in module._MODULES:
        assert not (folder / name).exists() and not (folder / f"{name}.py").exists()
        assert getattr(module, name) is not None and name in dir(module)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(module, "nothing")  # noqa: B009
    results = doctest.testmod(module)
    assert results.attempted >= 2 and results.failed == 0


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_is_light(package):
    code = f"import sys, {package}; assert not {{'torch', 'bpy', 'numpy'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=EXAMPLES.parent)
