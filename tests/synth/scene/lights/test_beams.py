"""Beams stand for their light: what white surfaces show, by the light's own law."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from mocap.errors import BadInput
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.beams import Beams, environment_light, light_beams
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import WAIST, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky

GROUND = np.array([0.4, 0.1, -2.0])


def shown(beams: Beams, normal, point=GROUND) -> np.ndarray:
    """What white shows at `point`, that nothing shadows."""
    total = np.zeros(3)
    for source, colour, axis in zip(beams.sources, beams.colours, beams.axes):
        if source[3] == 0:
            total += colour * max(0.0, source[:3] @ normal)
            continue
        ray = source[:3] - point
        distance = np.linalg.norm(ray)
        leaving = max(0.0, -(ray / distance) @ axis)
        total += colour * max(0.0, (ray / distance) @ normal) * leaving / distance**2
    return total


NORMALS = [direction(a, e) for a in (0.0, 2.0, 4.5) for e in (-1.2, 0.0, 0.7)] + [
    np.array([0.0, 1.0, 0.0])
]


def test_sun_and_sky_add_up_to_their_own_law():
    light = SunSky(0.9, 1.0, 0.8, (1.0, 0.9, 0.7), sky=0.5, sky_colour=(0.8, 1.0, 1.3), angle=0.09)
    beams = light_beams(light, GROUND)
    zenith, nadir = light.sky_brightness
    for normal in NORMALS:
        sun = max(0.0, float(normal @ light.towards_sun)) * light.strength * np.array(light.colour)
        sky = (zenith + nadir) / 2 + normal[1] * (zenith - nadir) / 2
        np.testing.assert_allclose(shown(beams, normal), sun + sky, atol=0.02)
    assert np.allclose(np.linalg.norm(beams.sources[:, :3], axis=1), 1)
    suns = beams.sources[beams.texels < 0.018, :3]
    assert np.arccos(np.clip(suns @ light.towards_sun, -1, 1)).max() <= light.angle / 2


def test_a_lamp_shows_its_strength_at_the_persons_middle_and_less_farther_off():
    lamp = Lamp(azimuth=0.7, elevation=0.4, distance=3.0, size=0.6, strength=0.9)
    beams = light_beams(AreaLamps((lamp,), ambient=0.0), GROUND)
    middle, facing = GROUND + WAIST, direction(0.7, 0.4)
    assert shown(beams, facing, middle) == pytest.approx(0.9, rel=0.03)
    assert shown(beams, facing, middle - 3.0 * facing) == pytest.approx(0.9 / 4, rel=0.02)
    assert not shown(beams, -facing, middle).any()
    room = light_beams(AreaLamps((lamp,), ambient=0.3), GROUND)
    assert shown(room, -facing, middle) == pytest.approx(0.3, abs=0.01)


def sky_file(folder, picture, name="sky.hdr") -> str:
    cv2.imwrite(str(folder / name), picture.astype(np.float32))
    return str(folder / name)


def test_an_even_environment_shows_its_strength_whichever_way_and_however_bright_its_file(tmp_path):
    for brightness in (0.01, 40.0):
        file = sky_file(tmp_path, np.full((64, 128, 3), brightness), f"{brightness}.hdr")
        beams = light_beams(Environment(file, 0.4, 0.8), GROUND)
        for normal in NORMALS:
            assert shown(beams, normal) == pytest.approx(0.8, rel=0.06)
        assert len(environment_light(file).peaks.angles) == 0


def test_a_sun_in_a_picture_shines_from_where_it_stands_in_its_colour(tmp_path):
    picture = np.full((64, 128, 3), 1.0, np.float32)
    picture[16, 96] = (200.0, 1000.0, 4000.0)  # BGR: a red sun, 45 degrees up, right of the middle
    file = sky_file(tmp_path, picture)
    parts = environment_light(file)
    peaks = parts.peaks
    assert 1 <= len(peaks.angles) <= 4
    brightest = peaks.directions[np.argmax(peaks.colours[:, 0])]
    elevation = math.pi * (0.5 - 16.5 / 64)
    # Who looks at the middle, +z, from inside has +x to the left.
    expected = direction(-math.pi / 2, elevation)
    assert brightest @ expected > 0.998
    assert parts.remainder[16, 96] @ (0.2126, 0.7152, 0.0722) == pytest.approx(3, rel=0.01)
    assert parts.remainder[40, 20].min() > 0
    beams = light_beams(Environment(file, math.pi / 2, 1.0), GROUND)
    turned = beams.sources[np.argmax(beams.colours[:, 0]), :3]
    assert turned @ direction(0.0, elevation) > 0.998
    red, green, blue = beams.colours[np.argmax(beams.colours[:, 0])]
    assert red > 3 * green > 6 * blue
    # All the picture's light is in the peaks and the remainder.
    solid = np.cos(math.pi * (0.5 - (np.arange(64) + 0.5) / 64))[:, None] * (math.pi / 64) ** 2
    remainder = (parts.remainder * solid[..., None]).sum(axis=(0, 1)) / math.pi
    spread = parts.spread.colours.sum(axis=0)
    np.testing.assert_allclose(remainder, spread, rtol=1e-4)
    whole = peaks.colours.sum(axis=0) + spread
    assert whole @ (0.2126, 0.7152, 0.0722) == pytest.approx(4, rel=1e-3)


def test_harmonics_have_an_even_skys_shadow():
    beams = light_beams(SphericalHarmonics((1.0, *[0.0] * 8), contact=0.5), GROUND)
    assert shown(beams, np.array([0.0, 1, 0])) == pytest.approx(1, abs=0.03)
    with pytest.raises(BadInput, match="contact"):
        SphericalHarmonics((1.0, *[0.0] * 8), contact=1.5)
