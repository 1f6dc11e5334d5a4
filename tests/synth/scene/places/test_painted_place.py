"""Painted places: in metres, before the camera, the same for the same seed, where they say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.scene.lights.registry import draw_light
from synth.scene.lights.sun_sky import SunSky
from synth.scene.places.background_geometry import background_flow
from synth.scene.places.painted_place import paint_place
from synth.scene.places.painted_tracing import HALF_SIZE, KIND, TracedPlace
from textures.visibility.camera import Camera, look_at


def eye(x=0.0, turn=0.0) -> Camera:
    position = np.array([x, 1.5, 7.0])
    return look_at(position, [turn, 0.9, 0.0], focal=300, height=120, width=160)


def place(seed: int, *cameras: Camera, kind="sh") -> TracedPlace:
    light = draw_light(kind, np.random.default_rng(seed))
    return paint_place(seed, ground=(0, 0, 0), reach=1.5, cameras=cameras, light=light)


def test_a_seed_is_a_place_and_seeds_differ():
    pictures = [place(seed, eye()).picture(eye()) for seed in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0] - pictures[2]).mean() > 0.02


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["sh", "sun-sky", "lamps"])
def test_the_floor_is_under_the_feet_and_nothing_stands_in_the_persons_way(seed, kind):
    camera = eye()
    points = place(seed, camera, kind=kind).points(camera)
    way = np.array([[x, 0.0, z] for x in np.linspace(-1.4, 1.4, 5) for z in (-0.5, 0.0, 0.5)])
    pixels, depth = camera.project(way)
    for (column, row), away in zip(pixels.astype(int), depth):
        if 0 <= row < 120 and 0 <= column < 160:
            point = points[row, column]
            assert point[3] == 1 and abs(point[1]) < 1e-9
            assert camera.to_camera(point[:3])[2] == pytest.approx(away, rel=0.06)
    tall = np.array([[x, y, 0.0] for x in (-1.0, 0.0, 1.0) for y in (0.5, 1.0, 1.6)])
    pixels, depth = camera.project(tall)
    for (column, row), away in zip(pixels.astype(int), depth):
        point = points[row, column]
        assert point[3] == 0 or camera.to_camera(point[:3])[2] > away  # behind the person


@pytest.mark.parametrize("seed", [0, 1, 4, 7])
def test_flow_leads_each_picture_onto_the_next(seed):
    first, second = eye(), eye(x=0.25, turn=0.1)
    scene = place(seed, first, second)
    one, two = scene.picture(first), scene.picture(second)
    flow = background_flow(scene.points(first), second)
    x, y = np.meshgrid(np.arange(160, dtype=np.float32), np.arange(120, dtype=np.float32))
    warped = cv2.remap(two, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    middle = np.s_[15:-15, 20:-20]
    with_flow = np.median(np.abs(warped - one)[middle])
    assert with_flow < 0.5 * np.mean(np.abs(two - one)[middle])


def test_the_sun_throws_shadows_onto_the_floor():
    camera = look_at(np.array([0, 3.0, 8.0]), [0, 0.5, -4.0], focal=150, height=120, width=160)
    light = SunSky(elevation=0.7, azimuth=1.2, strength=1.0)
    seeds = range(12)
    darker = 0
    for seed in seeds:
        scene = paint_place(seed, ground=(0, 0, 0), reach=1.0, cameras=[camera], light=light)
        without = replace(scene, solids=scene.solids[:0])
        floor = np.abs(scene.points(camera)[..., 1]) < 1e-9
        lit, unlit = without.picture(camera)[floor], scene.picture(camera)[floor]
        darker += (unlit.mean(axis=-1) < 0.75 * lit.mean(axis=-1)).mean() > 0.01
    assert darker > len(seeds) / 2


def test_solids_have_sizes():
    solids = place(3, eye()).solids
    assert (solids[:, HALF_SIZE : HALF_SIZE + 3] > 0).all() and set(solids[:, KIND]) <= {0.0, 1.0}
