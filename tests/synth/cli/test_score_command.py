"""`synth score`: named scores of two pictures, and what each name means."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from synth.cli.textures import score as score_command
from textures.metrics import PROTOCOLS, score


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (48, 24, 3), dtype=np.uint8)
    predicted = np.clip(target + rng.normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((48, 24), np.uint8)
    mask[8:40, 6:18] = 255
    for name, image in (("predicted", predicted), ("target", target), ("mask", mask)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    return tmp_path


def run_score(folder, *arguments):
    files = [str(folder / "predicted.png"), str(folder / "target.png")]
    return CliRunner().invoke(score_command, [*files, *map(str, arguments)])


def test_scores_are_those_of_the_protocols(pictures):
    result = run_score(pictures, "--mask", pictures / "mask.png", "--json")
    scores = json.loads(result.output)
    assert set(scores) == set(PROTOCOLS)
    read = [
        cv2.cvtColor(cv2.imread(str(pictures / f"{name}.png")), cv2.COLOR_BGR2RGB)
        for name in ("predicted", "target")
    ]
    mask = cv2.imread(str(pictures / "mask.png"), cv2.IMREAD_GRAYSCALE) > 0
    for name, value in scores.items():
        assert value == pytest.approx(score(name, *read, mask))


def test_without_a_mask_those_that_need_none_are_given(pictures):
    lines = run_score(pictures).output.splitlines()
    assert [line.split()[0] for line in lines] == ["ssim@pg2", "ssim@rstg", "ssim@hpbtt"]
    one = run_score(pictures, "--protocol", "ssim@pg2").output
    assert one.startswith("ssim@pg2") and len(one.splitlines()) == 1


def test_help_says_what_each_protocol_is():
    text = " ".join(CliRunner().invoke(score_command, ["--help"]).output.split())
    for name, protocol in PROTOCOLS.items():
        assert f"{name} {protocol.definition}" in text


def test_an_unknown_protocol_is_refused_by_name(pictures):
    result = run_score(pictures, "--protocol", "ssim@mine")
    assert "ssim@mine: unknown score" in str(result.exception)
