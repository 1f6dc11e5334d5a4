"""The registry of engines: lights and samples that presets are checked against."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from synth.plans.preset import read_preset
from synth.scene.blender_lights import add_light
from synth.scene.engines import ENGINES
from synth.scene.lights.registry import LIGHT_KINDS, draw_light
from synth.scene.raster import irradiance_coefficients


def test_every_kind_of_light_can_be_shown():
    shown = {kind for engine in ENGINES.values() for kind in engine.light_kinds}
    assert shown == set(LIGHT_KINDS)
    assert ENGINES["cycles"].light_kinds == LIGHT_KINDS and ENGINES["raster"].light_kinds == ("sh",)


def test_a_kind_without_a_function_is_refused_by_name():
    for kind in LIGHT_KINDS:
        light = draw_light(kind, np.random.default_rng(0), ["a.hdr"])
        assert type(light) in add_light.registry
        if kind not in ENGINES["raster"].light_kinds:
            with pytest.raises(BadInput, match=f"{kind}.*raster knows 'sh' only"):
                irradiance_coefficients(light)


@pytest.mark.parametrize(
    ("engine", "kind", "samples"),
    [("cycles", "sh", 4), ("cycles", "sun-sky", 16), ("cycles", "lamps", 16), ("raster", "sh", 5)],
)
def test_samples_are_the_engines_where_none_are_asked_for(engine, kind, samples):
    assert ENGINES[engine].default_samples(kind) == samples
    overrides = [f"film.engine={engine}", f"light.kinds={{{kind}=1.0}}"]
    assert read_preset("standard", overrides).film.samples_under(kind) == samples
    fixed = read_preset("standard", [*overrides, "film.samples=7"])
    assert fixed.film.samples_under(kind) == 7
