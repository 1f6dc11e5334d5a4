"""Cameras from keypoints: those that rendered birds were seen by, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from textures.categories.birds.model import bird_model
from textures.categories.keypoint_camera import (
    KeypointFit,
    fit_keypoints,
    orthographic_camera,
    twin_rotation,
)
from textures.visibility.buffer import surface_depth
from textures.visibility.camera import look_at

MODEL = bird_model()
SIZE = 128


def degrees_between(a, b):
    return np.degrees(np.arccos(np.clip((np.trace(a @ b.T) - 1) / 2, -1, 1)))


def seen_bird(rng, *, noise=1.0, shape_spread=0.7, azimuth=None):
    """A camera, and the pixels of the keypoints that it sees of a bird, NaN for the others."""
    shape = rng.normal(0, shape_spread, 7).clip(-2, 2)
    vertices = MODEL.vertices(shape)
    azimuth = rng.uniform(0, 2 * np.pi) if azimuth is None else azimuth
    height = np.radians(rng.uniform(-15, 45))
    middle = vertices.mean(0)
    side = np.array(
        [np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)]
    )
    camera = look_at(
        *(middle + side * 3, middle),
        focal=SIZE * 3 / 0.22,
        height=SIZE,
        width=SIZE,
        roll=rng.normal(0, 0.2),
    )
    pixels, depth = camera.project(MODEL.keypoints(shape))
    visible = depth < surface_depth(vertices, MODEL.mesh.faces, camera, pixels) + 0.004
    pixels = pixels + rng.normal(0, noise, pixels.shape)
    return camera, np.where(visible[:, None], pixels, np.nan), visible


def test_the_cameras_of_rendered_birds_are_recovered():
    rng = np.random.default_rng(7)
    errors, residuals = [], []
    while len(errors) < 16:
        camera, pixels, visible = seen_bird(rng)
        if visible.sum() < 7:
            continue
        fit = fit_keypoints(MODEL, pixels, SIZE)
        assert isinstance(fit, KeypointFit)
        errors.append(degrees_between(fit.camera.rotation, camera.rotation))
        residuals.append(fit.residual)
    assert np.median(errors) < 6 and max(errors) < 20  # and none of them was refused
    assert np.median(residuals) < 0.03


def test_exact_keypoints_give_the_exact_camera():
    rotation = look_at(np.array([2, 1, 2.0]), np.zeros(3), focal=1, height=1, width=1).rotation
    camera = orthographic_camera(MODEL, rotation, 500.0, np.array([60.0, 70.0]), SIZE)
    pixels, _ = camera.project(MODEL.keypoints())
    fit = fit_keypoints(MODEL, pixels, SIZE)
    assert degrees_between(fit.camera.rotation, rotation) < 0.5
    assert fit.residual < 0.001 and not fit.ambiguous
    again, _ = fit.camera.project(MODEL.vertices(fit.shape))
    true, _ = camera.project(MODEL.mesh.vertices)
    assert np.abs(again - true).max() < 0.5


def test_twins_show_the_middle_line_in_the_same_pixels_and_are_told_apart_by_what_lies_beside_it():
    rotation = look_at(np.array([2, 0.8, 1.2]), np.zeros(3), focal=1, height=1, width=1).rotation
    twin = twin_rotation(rotation)
    assert np.linalg.det(twin) == pytest.approx(1) and degrees_between(rotation, twin) > 30
    middle = MODEL.keypoints() * (0, 1, 1)
    assert np.abs((middle @ rotation.T)[:, :2] - (middle @ twin.T)[:, :2]).max() < 1e-9
    camera = orthographic_camera(MODEL, rotation, 500.0, np.array([64.0, 64.0]), SIZE)
    pixels, _ = camera.project(MODEL.keypoints())
    off_middle = np.abs(MODEL.keypoints()[:, 0]) > 0.003
    fit = fit_keypoints(MODEL, pixels, SIZE)
    assert degrees_between(fit.camera.rotation, rotation) < 1 and not fit.ambiguous
    # Without what lies beside the middle line, that crown and back are seen says it is from above.
    pixels[off_middle] = np.nan
    bottom = MODEL.keypoint_normals() @ rotation[2] > 0
    pixels[bottom] = np.nan
    fit = fit_keypoints(MODEL, pixels, SIZE)
    assert (fit.camera.rotation @ (0, 1, 0))[2] < 0  # the camera is above the bird
    assert fit.ambiguous or degrees_between(fit.camera.rotation, rotation) < 25


def test_keypoints_of_no_bird_are_left_out_with_a_reason():
    rng = np.random.default_rng(3)
    refused = [fit_keypoints(MODEL, rng.uniform(10, 118, (15, 2)), SIZE) for _ in range(4)]
    assert all(isinstance(reason, str) and "off those of any view" in reason for reason in refused)
    _, pixels, _ = seen_bird(rng, azimuth=1.5)
    near = 64 + (pixels - 64) * 0.02
    assert "tell no camera" in fit_keypoints(MODEL, near, SIZE)
    few = np.full((15, 2), np.nan)
    few[:3] = rng.uniform(10, 100, (3, 2))
    assert fit_keypoints(MODEL, few, SIZE).startswith("3 keypoints")


def test_keypoints_with_left_and_right_exchanged_are_left_out():
    """A mirrored photograph is the bird seen through from its other side: nothing faces the camera."""
    for seed, azimuth in enumerate((0.9, 1.3, -1.6, -0.9)):
        _, pixels, _ = seen_bird(
            np.random.default_rng(seed), noise=0.3, shape_spread=0.3, azimuth=azimuth
        )
        assert isinstance(fit_keypoints(MODEL, pixels, SIZE), KeypointFit)
        mirrored = fit_keypoints(MODEL, np.stack([SIZE - pixels[:, 0], pixels[:, 1]], 1), SIZE)
        assert isinstance(mirrored, str) and "would lie behind the object" in mirrored
