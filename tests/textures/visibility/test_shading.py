"""Shading against spherical-harmonics identities and a numerical integral."""

import numpy as np
import pytest

from textures.visibility.buffer import normals, visibility
from textures.visibility.camera import look_at
from textures.visibility.shading import (
    composite_srgb,
    linear_to_srgb,
    radiance,
    render_textured,
    sh_irradiance,
    srgb_byte,
    srgb_to_linear,
    to_bytes,
)


def directions(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 3))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def harmonics(n: np.ndarray) -> np.ndarray:
    """Real spherical harmonics in Ramamoorthi & Hanrahan's order, of directions (N,3)."""
    x, y, z = n.T
    one = np.full_like(x, 0.282095)
    linear = 0.488603 * np.stack([y, z, x])
    quadratic = np.stack(
        [
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z**2 - 1),
            1.092548 * x * z,
            0.546274 * (x**2 - y**2),
        ]
    )
    return np.vstack([one, linear, quadratic]).T


def test_irradiance_is_the_cosine_integral_of_the_radiance():
    rng = np.random.default_rng(3)
    coefficients = np.concatenate([[4.0], rng.uniform(-0.4, 0.4, size=8)])  # positive everywhere
    light = directions(400_000, seed=1)
    world = light * (1, -1, -1)  # the half-turn between the harmonics' axes and the world's
    values = harmonics(light) @ coefficients
    for normal in directions(6, seed=2):
        integral = 4 * np.pi * np.mean(values * np.maximum(world @ normal, 0))
        assert sh_irradiance(normal, coefficients) == pytest.approx(integral, rel=0.01)


def test_negative_second_coefficient_lights_from_above():
    coefficients = np.array([0.8, -0.5, 0, 0, 0, 0, 0, 0, 0])
    up, down = sh_irradiance(np.array([[0, 1, 0], [0, -1, 0]]), coefficients)
    assert up > 0.8 * 0.886227 > down
    coefficients[0] = 0.1
    assert sh_irradiance(np.array([0, -1, 0]), coefficients) == 0  # light is never negative


def test_srgb_round_trip_and_known_values():
    values = np.linspace(0, 1, 256)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-12)
    assert srgb_to_linear(np.array(0.5)) == pytest.approx(0.2140411)
    assert (to_bytes(linear_to_srgb(srgb_to_linear(values))) == np.arange(256)).all()
    linear = np.linspace(-0.5, 1.5, 20_001)
    assert (np.array([srgb_byte(x) for x in linear]) == to_bytes(linear_to_srgb(linear))).all()


def test_body_under_ambient_light_shows_its_texture(body):
    camera = look_at((0, -0.3, 5), (0, -0.3, 0), focal=300, width=64, height=128)
    buffer = visibility(body.template, body.faces, camera)
    texture = np.broadcast_to(np.array([200, 100, 50], np.uint8), (32, 32, 3))
    ambient = np.zeros(9)
    ambient[0] = 1 / 0.886227
    background = np.random.default_rng(0).integers(0, 255, (128, 64, 3), dtype=np.uint8)
    image, mask = render_textured(
        buffer,
        body.mesh,
        body.template,
        texture,
        position=camera.position,
        coefficients=ambient,
        background=background,
    )
    assert (image[mask] == (200, 100, 50)).all()
    assert (image[~mask] == background[~mask]).all()
    assert (mask == buffer.covered).all()


def test_light_falls_on_the_normals_that_visibility_reports(body):
    camera = look_at((2, 0.3, 4), (0, -0.3, 0), focal=300, width=64, height=128)
    buffer = visibility(body.template, body.faces, camera)
    coefficients = np.random.default_rng(4).uniform(-0.3, 0.3, 9)
    coefficients[0] = 1.2
    white = np.full((8, 8, 3), 255, np.uint8)
    sun = np.array([0.2, 0.3, 0.1])
    colour = radiance(
        buffer,
        body.mesh,
        body.template,
        white,
        position=camera.position,
        coefficients=coefficients,
        sun=sun,
    )
    covered = buffer.covered
    world = normals(buffer, body.faces, body.template, camera)[covered] @ camera.rotation
    expected = sh_irradiance(world, coefficients) + np.maximum(world @ sun, 0)
    np.testing.assert_allclose(colour[covered], expected[:, None] * np.ones(3), atol=1e-4)


def test_composite_is_alpha_over():
    colour = srgb_to_linear(np.full((1, 3, 3), 200 / 255)) * np.array([1, 0.5, 0])[None, :, None]
    image = composite_srgb(colour, np.array([[1, 0.5, 0]]), np.full((1, 3, 3), 100, np.uint8))
    np.testing.assert_array_equal(image[0, :, 0], [200, 150, 100])
