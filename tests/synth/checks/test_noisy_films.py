"""Checks of films whose pictures differ by a sensor's noise, which H.264 carries from frame to frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synth.checks.clip_checks import CHECKS
from synth.checks.clip_data import ClipData
from synth.checks.picture_figures import compression_figures
from synth.scene.lens.lens import Lens
from tests.synth.filmed_clip import filmed_clip

FLOW = next(check for check in CHECKS if any(f.name == "warp_gain" for f in check.figures))


@pytest.fixture(scope="module")
def honest(body, tmp_path_factory) -> ClipData:
    return filmed_clip(body, tmp_path_factory.mktemp("film"))


def carried_noise(frames: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with noise of their own, and a film that shows each with some of the noise before it."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 6, frames.shape)
    before = np.concatenate([noise[:1], noise[:-1]])
    pictures = np.clip(frames + noise, 0, 255).astype(np.uint8)
    film = np.clip(frames + share * before + (0.5 - share) * noise, 0, 255).astype(np.uint8)
    return film, pictures


def test_noise_that_is_carried_on_is_no_frame_off():
    rng = np.random.default_rng(0)
    still = np.repeat(rng.integers(40, 200, (1, 60, 80, 3)), 12, 0).astype(np.float64)
    film, pictures = carried_noise(still, 0.3)
    assert compression_figures(film, pictures)["film_fits_otherwise"] < 0.1


def test_a_film_that_is_a_frame_off_is_found_under_noise(honest):
    frames = honest.frames.astype(np.float64)
    film, pictures = carried_noise(frames, 0.2)
    late = np.concatenate([film[:1], film[:-1]])
    assert compression_figures(film, pictures)["film_fits_otherwise"] < 0.1
    assert compression_figures(late, pictures)["film_fits_otherwise"] > 0.1


def test_flow_is_not_judged_by_frames_that_differ_by_noise_alone(honest):
    assert "warp_gain" in FLOW.measure(honest)
    noisy = replace(honest, row=replace(honest.row, lens=Lens(shot_noise=0.2)))
    figures = FLOW.measure(noisy)
    assert "warp_gain" not in figures and figures["still_levels"] < noisy.row.lens.noise_levels


def test_the_pictures_before_the_lens_tell_wrong_flow_under_any_noise(honest):
    noisy = replace(
        honest, row=replace(honest.row, lens=Lens(shot_noise=0.2)), sharp=honest.rendered
    )
    figures = FLOW.measure(noisy)
    assert figures["warp_gain"] < 1 and figures["warp_beaten"] == 0
    truth = honest.truth
    turned = replace(truth, flow_forward=-truth.flow_forward, flow_backward=-truth.flow_backward)
    assert FLOW.measure(replace(noisy, truth=turned))["warp_gain"] > 1
    assert "warp_gain" not in FLOW.measure(replace(noisy, truth=turned, sharp=None))
