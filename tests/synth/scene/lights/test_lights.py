"""The kinds of light as data, and the distributions they are drawn from."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import direction
from synth.scene.lights.registry import LIGHT_KINDS, draw_light, light_from_fields
from synth.scene.lights.spherical_harmonics import SphericalHarmonics, sample_coefficients
from synth.scene.lights.sun_sky import SunSky
from textures.visibility.shading import sh_irradiance


def test_ranges_are_surreals():
    rng = np.random.default_rng(0)
    lights = np.stack([sample_coefficients(rng) for _ in range(4000)])
    assert lights.shape == (4000, 9)
    for column, (low, high) in enumerate([(0.5, 1.4), (-0.7, 0)] + [(-0.7, 0.7)] * 7):
        values = lights[:, column]
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.03


def test_light_comes_from_above_on_average():
    rng = np.random.default_rng(1)
    up, down = sh_irradiance(
        np.array([[0, 1, 0], [0, -1, 0]]),
        np.mean([sample_coefficients(rng) for _ in range(500)], axis=0),
    )
    assert up > 1.5 * down


def test_sides_that_a_light_reaches_count_as_lit():
    sides = np.array([0.0, np.pi / 2, np.pi, 3 * np.pi / 2])
    even = SphericalHarmonics((1.0, *[0.0] * 8))
    np.testing.assert_array_equal(even.lit_shares(sides), 1.0)
    np.testing.assert_array_equal(SphericalHarmonics((0.0,) * 9).lit_shares(sides), 0.0)
    # c[3] is that of x, c[2] of -z: who stands where such a light comes from sees what it reaches.
    for coefficient, sign, side in ((3, 1, 1), (3, -1, 3), (2, -1, 0), (2, 1, 2)):
        values = np.zeros(9)
        values[coefficient] = sign * 0.7
        lit = SphericalHarmonics(tuple(values)).lit_shares(sides)
        assert lit[side] > 0.9 and lit[(side + 2) % 4] == 0.0
        assert (
            lit[(side + 1) % 4] == pytest.approx(lit[(side + 3) % 4]) == pytest.approx(0.5, abs=0.1)
        )


def test_kinds_without_a_dark_side_count_as_lit():
    for kind in ("sun-sky", "lamps", "environment"):
        light = draw_light(kind, np.random.default_rng(3), ("x.hdr",))
        np.testing.assert_array_equal(light.lit_shares([0.0, 1.0]), 1.0)


def test_same_generator_same_light():
    first, second = (sample_coefficients(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


finite = st.floats(-10, 10)
shares = st.floats(0, 3)
colours = st.tuples(shares, shares, shares)
lamps = st.builds(
    Lamp,
    azimuth=finite,
    elevation=st.floats(-1.5, 1.5),
    distance=st.floats(0.1, 10),
    size=st.floats(0.1, 3),
    strength=shares,
    colour=colours,
)
lights = st.one_of(
    st.builds(SphericalHarmonics, st.tuples(*[finite] * 9)),
    st.builds(
        SunSky,
        elevation=st.floats(0, np.pi / 2),
        azimuth=finite,
        strength=shares,
        colour=colours,
        sky=shares,
        sky_colour=colours,
        angle=st.floats(0, 1),
    ),
    st.builds(AreaLamps, st.lists(lamps, min_size=1, max_size=3).map(tuple), shares),
    st.builds(Environment, st.sampled_from(["a.hdr", "b/c.EXR"]), finite, shares),
)


@given(lights)
def test_fields_survive_json(light):
    assert light_from_fields(json.loads(json.dumps(light.to_fields()))) == light


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "candle"}, "light of kind 'candle': expected one of sh, sun-sky, lamps, env"),
        ({}, "light of kind None: expected one of"),
        (
            {"kind": "sh", "coefficients": [1, 2]},
            r"'sh': coefficients \[1, 2\], expected 9 numbers",
        ),
        ({"kind": "sh", "coefficients": [float("nan")] * 9}, "expected a finite number"),
        ({"kind": "sh"}, "'sh'.*coefficients"),
        ({"kind": "sun-sky", "elevation": -0.1, "azimuth": 0, "strength": 1}, "elevation -0.1"),
        ({"kind": "sun-sky", "moon": 1}, "'sun-sky': unknown field 'moon', expected angle, azim"),
        ({"kind": "lamps", "lamps": []}, "0 lamps, expected 1 to 3"),
        ({"kind": "lamps", "lamps": [{"azimuth": 0}]}, "'lamps', lamp 1: .*elevation"),
        ({"kind": "lamps", "lamps": [3]}, "'lamps', lamp 1: found 3"),
        ({"kind": "environment", "file": "a.png"}, "file 'a.png', expected .hdr or .exr"),
    ],
)
def test_fields_that_are_no_light_are_refused_in_one_line(fields, message):
    with pytest.raises(BadInput, match=message) as caught:
        light_from_fields(fields)
    assert "\n" not in str(caught.value)


def test_draws_are_the_generators_and_of_their_kind():
    for kind in LIGHT_KINDS:
        first, second = (
            draw_light(kind, np.random.default_rng(3), ("x.hdr", "y.exr")) for _ in range(2)
        )
        assert first == second == light_from_fields(first.to_fields())
        assert first.kind == kind
    harmonics = draw_light("sh", np.random.default_rng(4))
    np.testing.assert_array_equal(
        harmonics.coefficients, sample_coefficients(np.random.default_rng(4))
    )
    with pytest.raises(BadInput, match="'environment': no files to choose from"):
        draw_light("environment", np.random.default_rng(0))
    with pytest.raises(BadInput, match="'candle': expected one of"):
        draw_light("candle", np.random.default_rng(0))


def test_no_draw_leaves_a_wall_in_the_dark_or_burns_it_out():
    """A white wall on the unlit side shows more than 0.25; one that faces the light, under 1.9."""
    rng = np.random.default_rng(5)
    for _ in range(500):
        sun = draw_light("sun-sky", rng)
        up, down = sun.sky_brightness
        assert ((up + down) / 2).min() > 0.25
        assert (up + sun.strength * np.array(sun.colour)) @ (0.2126, 0.7152, 0.0722) < 1.9
        room = draw_light("lamps", rng)
        assert room.ambient >= 0.25
        assert room.ambient + max(lamp.strength for lamp in room.lamps) < 1.9


def test_directions_are_a_cameras():
    np.testing.assert_allclose(direction(0.0, 0.0), (0, 0, 1), atol=1e-15)
    np.testing.assert_allclose(direction(np.pi / 2, 0.0), (1, 0, 0), atol=1e-15)
    np.testing.assert_allclose(direction(1.0, np.pi / 2), (0, 1, 0), atol=1e-15)
