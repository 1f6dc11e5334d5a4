"""The part of the floor that a shadow may fall on, against rays."""

import numpy as np
import pytest

from synth.scene.cast_shadow import shadow_patch
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.light import WAIST, direction
from synth.scene.lights.sun_sky import SunSky
from textures.visibility.camera import look_at

GROUND = np.array([0.5, 0.2, -1.0])


@pytest.mark.parametrize("seed", range(5))
def test_the_patch_holds_what_every_point_throws(seed):
    rng = np.random.default_rng(seed)
    body = GROUND + rng.uniform((-0.5, 0.0, -0.4), (0.5, 1.8, 0.4), (300, 3))
    sun = SunSky(elevation=rng.uniform(0.4, 1.5), azimuth=rng.uniform(0, 6), strength=1.0)
    thrown = body - (body[:, 1:2] - GROUND[1]) / sun.towards_sun[1] * sun.towards_sun
    patch = shadow_patch(sun, body, GROUND)
    assert patch.level == GROUND[1]
    assert (thrown[:, [0, 2]] > patch.low + 0.5).all() and (
        thrown[:, [0, 2]] < patch.high - 0.5
    ).all()

    lamp = Lamp(azimuth=rng.uniform(0, 6), elevation=0.9, distance=4.0, size=0.5, strength=1.0)
    at = GROUND + WAIST + 4.0 * direction(lamp.azimuth, lamp.elevation)
    share = (at[1] - GROUND[1]) / (at[1] - body[:, 1:2])
    thrown = at + share * (body - at)
    patch = shadow_patch(AreaLamps((lamp,)), body, GROUND)
    assert (thrown[:, [0, 2]] > patch.low + 0.5).all() and (
        thrown[:, [0, 2]] < patch.high - 0.5
    ).all()


def test_a_low_sun_does_not_lay_an_endless_floor():
    body = np.array([[0.0, 0, 0], [0, 1.8, 0.0]])
    patch = shadow_patch(SunSky(elevation=0.001, azimuth=0.0, strength=1.0), body, np.zeros(3))
    assert (patch.high - patch.low <= 16.0).all()


def test_shadows_fade_out_at_the_patchs_end_and_only_there():
    body = np.array([[-0.2, 0, -0.2], [0.2, 1.8, 0.2]])
    patch = shadow_patch(SunSky(elevation=1.5, azimuth=0.0, strength=1.0), body, np.zeros(3))
    camera = look_at((0.0, 3.0, 6.0), (0.0, 0.0, 0.0), focal=200, width=320, height=240)
    fade = patch.fade(camera, (10, 20, 310, 220))
    assert fade.shape == (200, 300)
    pixels, _ = camera.project(np.array([[0.0, 0, 0], [patch.low[0] - 0.05, 0.0, 0.0]]))
    (x, y), (edge_x, edge_y) = pixels.astype(int) - (10, 20)
    assert fade[y, x] == 1.0 and fade[edge_y, edge_x] == 0.0
    assert (fade[:30] == 0).all()  # above the horizon
    assert np.abs(np.diff(fade, axis=1)).max() < 0.1
