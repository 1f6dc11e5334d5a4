"""Dressed textures ask the method only where they need it, and it changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from textures.attire.decision import LEAST_CELLS
from textures.attire.painter import AttirePainter
from textures.harvest.crop_image import read_crop
from textures.harvest.harvester import Harvester
from textures.methods import METHODS
from textures.texture_method import load_method

SIZE = 48


@pytest.fixture
def dresser(weights, body, fitter):
    return Harvester(
        body,
        load_method(METHODS["rstg"], body, weights / "generator.safetensors"),
        fitter,
        reid=weights / "reid.safetensors",
        size=SIZE,
        attire=AttirePainter(body, size=SIZE),
    )


def test_the_generator_runs_for_unseen_garments_alone_and_changes_nothing_else(
    dresser, crops, monkeypatch
):
    images = [read_crop(path) for path in sorted(crops.iterdir())]
    judged = dresser.judged(images, dresser.fit(images))
    groups, cameras = [[0, 1], [2], [3]], ["c1", "c2", "c1", ""]
    textures, dressed = dresser.method.textures, dresser.attire.dressed
    shown, unseen = [], []

    def spied(pictures, fits):
        shown.append(len(pictures))
        return textures(pictures, fits)

    def recorded(fused, generated, **of_crops):
        result = dressed(fused, generated, **of_crops)
        decision = result.decision
        worn = ("top",) if decision.hem >= decision.waist else ("top", "bottom")  # or a dress
        if min(decision.heard[name] for name in worn) < LEAST_CELLS:
            unseen.append(len(of_crops["chosen"]))
        return result

    def eager(fused, generated, **of_crops):
        texture = generated()
        return dressed(fused, lambda: texture, **of_crops)

    monkeypatch.setattr(dresser.method, "textures", spied)
    monkeypatch.setattr(dresser.attire, "dressed", recorded)
    lazy = dresser.make(judged, groups, cameras)
    assert shown == unseen
    monkeypatch.setattr(dresser.attire, "dressed", eager)
    for one, other in zip(lazy, dresser.make(judged, groups, cameras)):
        np.testing.assert_array_equal(one.texture, other.texture)
        assert one.scores == other.scores
