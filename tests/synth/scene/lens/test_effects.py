"""What each effect of a lens does to light, by its own law."""

from __future__ import annotations

import numpy as np
import pytest

from synth.scene.lens.defocus import defocused, disc
from synth.scene.lens.exposure import exposed
from synth.scene.lens.h264 import h264_frames
from synth.scene.lens.jpeg import jpeg_frames
from synth.scene.lens.sensor_noise import noisy


@pytest.mark.parametrize("radius", [0.1, 0.5, 0.8, 1.5, 4.3])
def test_a_point_out_of_focus_is_a_disc_of_its_light(radius):
    kernel = disc(radius)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(kernel, kernel[::-1]) and np.array_equal(kernel, kernel.T)
    reach = len(kernel) // 2
    across = np.arange(-reach, reach + 1)
    # The variance of an even disc along an axis is r^2 / 4; each pixel's middle stands for its square.
    spread = float((kernel.sum(axis=0) * across**2).sum())
    assert spread == pytest.approx(radius**2 / 4, abs=0.1)
    point = np.zeros((31, 31, 4), np.float32)
    point[15, 15] = 1
    blurred = defocused(point, radius)
    assert blurred.sum() == pytest.approx(4, abs=1e-4) and blurred.dtype == np.float32


def test_without_a_radius_stops_or_noise_nothing_changes():
    light = np.random.default_rng(0).random((8, 9, 3)).astype(np.float32)
    assert defocused(light, 0.0) is light and exposed(light, 0.0) is light
    rng = np.random.default_rng(0)
    assert noisy(light, rng, shot_noise=0.0, read_noise=0.0) is light
    assert rng.random() == np.random.default_rng(0).random()  # nothing was drawn


def test_a_stop_is_twice_the_light():
    light = np.full((2, 2, 3), 0.2, np.float32)
    assert exposed(light, 1.0) == pytest.approx(0.4) and exposed(light, -1.0) == pytest.approx(0.1)


@pytest.mark.parametrize("level", [0.1, 0.4, 0.9])
def test_noise_has_the_variance_of_its_law_and_repeats(level):
    light = np.full((300, 300, 3), level, np.float32)
    numbers = {"shot_noise": 0.02, "read_noise": 0.005}
    first = noisy(light, np.random.default_rng(7), **numbers)
    assert np.array_equal(first, noisy(light, np.random.default_rng(7), **numbers))
    assert not np.array_equal(first, noisy(light, np.random.default_rng(8), **numbers))
    assert first.mean() == pytest.approx(level, abs=1e-3)
    assert first.var() == pytest.approx(0.02**2 * level + 0.005**2, rel=0.03)


def moving_pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    coarse = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((8, 8, 1)))
    return [np.roll(coarse, 3 * k, axis=1).astype(np.uint8) for k in range(count)]


def error(frames, others) -> float:
    assert len(frames) == len(others)
    return float(np.mean([np.abs(a.astype(float) - b).mean() for a, b in zip(frames, others)]))


@pytest.mark.parametrize(
    ("compress", "mild", "strong"),
    [
        (lambda frames, strength: jpeg_frames(frames, strength), 95, 20),
        (lambda frames, strength: h264_frames(frames, strength, 29.97), 12, 42),
    ],
)
def test_compression_gives_each_frame_back_worse_the_stronger_it_is(compress, mild, strong):
    frames = moving_pictures(17)
    assert all(a is b for a, b in zip(compress(frames, 0), frames))
    gentle, rough = list(compress(iter(frames), mild)), list(compress(iter(frames), strong))
    assert 0 < error(gentle, frames) < error(rough, frames)
    # No frame for its neighbour: every one is nearest to the one that went in.
    assert error(gentle, frames) < 0.5 * error(gentle[1:], frames[:-1])
    again = list(compress(iter(frames), strong))
    assert all(np.array_equal(a, b) for a, b in zip(rough, again))
    assert list(compress([], strong)) == []
