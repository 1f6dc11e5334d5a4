"""Every notebook of examples/ holds no output, and its cells run in order and show what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.examples.notebook_runner import code_cells

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def run(name: str, out: Path) -> tuple[str, list[np.ndarray]]:
    """What a notebook prints, and the pictures that it shows, in order."""
    runner = Path(__file__).with_name("notebook_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(ROOT / "examples" / name), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(out)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    paths = sorted(out.glob("*.png"), key=lambda path: int(path.stem))
    return done.stdout, [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def test_there_are_two_notebooks():
    names = [path.name for path in NOTEBOOKS]
    assert names == ["films_and_labels.ipynb", "textures_of_photographs.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_holds_sources_alone(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and code_cells(path)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_the_notebook_of_textures_makes_textures_and_wears_one(body, tmp_path):
    said, pictures = run("textures_of_photographs.ipynb", tmp_path)
    assert said.count("licence generated-stand-in") == 2 and "on a stand-in" in said
    crops, sheet, textures, motion = pictures
    assert crops.shape[0] == 256 and crops.std() > 10
    assert min(sheet.shape[:2]) > 200
    assert textures.shape == (256, 512, 3) and textures[:, :256].std() > 10
    arms = np.abs(motion[:, :240].astype(int) - motion[:, -240:])
    assert motion.shape == (240, 960, 3) and (arms.max(2) > 30).sum() > 200


def test_the_notebook_of_films_films_and_labels(body, tmp_path):
    said, pictures = run("films_and_labels.ipynb", tmp_path)
    assert "17 motions" in said and "rendered=2" in said and "2 films of" in said
    frames, channels = pictures
    assert frames.shape == (240, 4 * 320, 3) and frames.std() > 10
    body_pixels = [(channels[:, 320 * k : 320 * (k + 1)] > 0).any(2) for k in range(3)]
    assert 300 < body_pixels[0].sum() < 240 * 320 / 2
    assert all(np.array_equal(pixels, body_pixels[0]) for pixels in body_pixels[1:])
