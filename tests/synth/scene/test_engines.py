"""The registry of engines: lights and samples that presets are checked against."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from synth.plans.preset import read_preset
from synth.scene.blender_lights import add_light
from synth.scene.engines import ENGINES
from synth.scene.lights.beams import light_beams
from synth.scene.lights.registry import LIGHT_KINDS, draw_light
from synth.scene.lights.sun_sky import SunSky


def test_every_kind_of_light_can_be_shown():
    shown = {kind for engine in ENGINES.values() for kind in engine.light_kinds}
    assert shown == set(LIGHT_KINDS)
    assert ENGINES["cycles"].light_kinds == LIGHT_KINDS == ENGINES["raster"].light_kinds
    for kind in LIGHT_KINDS:
        light = draw_light(kind, np.random.default_rng(0), ["a.hdr"])
        assert type(light) in add_light.registry and type(light) in light_beams.registry


class Candle(SunSky):
    """A light that nothing shows."""

    kind = "candle"


def test_a_kind_without_a_function_is_refused_by_name():
    candle = object.__new__(Candle)
    for show in (light_beams.registry[object], add_light.registry[object]):
        with pytest.raises(BadInput, match="'candle'"):
            show(candle, np.zeros(3), np.zeros(3)) if show.__name__ == "add_light" else show(
                candle, np.zeros(3)
            )


@pytest.mark.parametrize(
    ("engine", "kind", "samples"),
    [("cycles", "sh", 4), ("cycles", "sun-sky", 6), ("cycles", "lamps", 6), ("raster", "lamps", 5)],
)
def test_samples_are_the_engines_where_none_are_asked_for(engine, kind, samples):
    assert ENGINES[engine].default_samples(kind) == samples
    overrides = [f"film.engine={engine}", f"light.kinds={{{kind}=1.0}}"]
    assert read_preset("standard", overrides).film.samples_under(kind) == samples
    fixed = read_preset("standard", [*overrides, "film.samples=7"])
    assert fixed.film.samples_under(kind) == 7
