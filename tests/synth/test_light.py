"""SURREAL's light distribution."""

import numpy as np

from synth.light import sample_light
from textures.shading import sh_irradiance


def test_ranges_are_surreals():
    rng = np.random.default_rng(0)
    lights = np.stack([sample_light(rng) for _ in range(4000)])
    assert lights.shape == (4000, 9)
    for column, (low, high) in enumerate([(0.5, 1.4), (-0.7, 0)] + [(-0.7, 0.7)] * 7):
        values = lights[:, column]
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.03


def test_light_comes_from_above_on_average():
    rng = np.random.default_rng(1)
    up, down = sh_irradiance(
        np.array([[0, 1, 0], [0, -1, 0]]), np.mean([sample_light(rng) for _ in range(500)], axis=0)
    )
    assert up > 1.5 * down


def test_same_generator_same_light():
    first, second = (sample_light(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
