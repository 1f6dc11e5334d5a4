"""Painted places: in metres, before the camera, the same for the same seed, where they say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.scene.lights.registry import draw_light
from synth.scene.lights.sun_sky import SunSky
from synth.scene.places.background_geometry import background_flow
from synth.scene.places.painted_light import with_lamps
from synth.scene.places.painted_materials import PAINTERS, paint_pyramids
from synth.scene.places.painted_place import paint_place
from synth.scene.places.painted_shading import LEVELS, TEXELS
from synth.scene.places.painted_solids import (
    COLUMNS,
    COSINE,
    CYLINDER,
    ELLIPSOID,
    GLOW,
    HALF_SIZE,
    HOLES,
    KIND,
    SCALE,
    TINT,
    hit_distance,
)
from synth.scene.places.painted_textures import NoiseBank, laid_rows
from synth.scene.places.painted_tracing import TracedPlace
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
    assert (solids[:, HALF_SIZE : HALF_SIZE + 3] > 0).all() and set(solids[:, KIND]) <= {
        0.0,
        1.0,
        2.0,
    }


def solid(kind: int, halves=(1.0, 1.0, 1.0), holes=0.0) -> np.ndarray:
    row = np.zeros(COLUMNS)
    row[KIND], row[COSINE], row[HOLES], row[SCALE] = kind, 1.0, holes, 1.0
    row[TINT : TINT + 3] = 0.5
    row[HALF_SIZE : HALF_SIZE + 3] = halves
    return row


def distance(row: np.ndarray, origin, way, limit=np.inf) -> float:
    return hit_distance(row, *map(float, origin), *map(float, way), limit)


def test_rays_meet_a_cylinder_where_arithmetic_says():
    row = solid(CYLINDER, (2.0, 3.0, 0.5))
    assert distance(row, (-10, 0, 0), (1, 0, 0)) == pytest.approx(8)
    assert distance(row, (0, 1, 10), (0, 0, -2)) == pytest.approx(4.75)
    assert distance(row, (1, 10, 0), (0, -1, 0)) == pytest.approx(7)
    assert np.isinf(distance(row, (1.9, 10, 0.4), (0, -1, 0)))  # in its box's corner
    assert np.isinf(distance(row, (-10, 3.1, 0), (1, 0, 0)))
    assert np.isinf(distance(row, (-10, 0, 0), (1, 0, 0), limit=7.9))


def test_leaves_have_holes_through_which_the_far_side_or_what_is_behind_shows():
    rng = np.random.default_rng(0)
    hits = {"near": 0, "far": 0, "through": 0}
    row, whole = solid(ELLIPSOID, holes=0.5), solid(ELLIPSOID)
    for x, y in rng.uniform(-0.6, 0.6, (400, 2)):
        height = np.sqrt(1 - x * x - y * y)
        t = distance(row, (x, y, -5), (0, 0, 1))
        assert distance(whole, (x, y, -5), (0, 0, 1)) == pytest.approx(5 - height)
        kind = "through" if np.isinf(t) else ("near" if t < 5 else "far")
        hits[kind] += 1
        if kind != "through":
            assert t == pytest.approx(5 - height if kind == "near" else 5 + height)
    assert min(hits.values()) > 20 and hits["near"] == max(hits.values())


def test_lamps_give_the_person_the_light_that_they_take():
    cube = np.repeat(np.linspace(0.4, 0.9, 6)[:, None], 3, axis=1)
    places = np.array([[2.0, 2.4, 1.0], [-3.0, 1.5, 4.0], [-9.0, 2.0, 9.0]])
    for seed in range(5):
        kept, lamps = with_lamps(cube, places, np.random.default_rng(seed))
        added = np.zeros(3)
        for lamp in lamps:
            square = (lamp[:3] ** 2).sum()
            facing = 0.35 + 0.65 * lamp[1] / np.sqrt(square)
            added += lamp[3:6] * facing * lamp[6] ** 2 / (lamp[6] ** 2 + square)
        assert (kept[2] + added).mean() == pytest.approx(cube[2].mean(), rel=1e-6)
        beside = places[:, None] + [0, -0.5, 0]
        apart = ((lamps[:, :3] - beside) ** 2).sum(axis=-1)
        bright = (lamps[:, 3:6].mean(axis=1) * lamps[:, 6] ** 2 / (lamps[:, 6] ** 2 + apart)).sum(1)
        assert (kept[2].mean() + bright).max() < 1.45 * cube[2].mean()
    same, none = with_lamps(cube, np.zeros((0, 3)), np.random.default_rng(0))
    assert np.array_equal(same, cube) and len(none) == 0


def test_what_stands_beside_takes_light():
    """The same wall with and without a cupboard before it: darker beside it and nowhere brighter."""
    camera = eye()
    scene = place(1, camera)
    wall, cupboard = solid(0, (6, 3, 0.1)), solid(0, (0.5, 1, 0.3))
    wall[1:4], cupboard[1:4] = (0, 3, -4), (0, 1, -3.6)
    parts = {"lamps": np.zeros((0, 7)), "sun": np.zeros(7), "bands": np.zeros((0, 4))}
    alone = replace(scene, solids=np.array([wall]), **parts)
    beside = replace(scene, solids=np.array([wall, cupboard]), **parts)
    behind = beside.points(camera)[..., 2] < -3.85
    behind = cv2.erode(behind.astype(np.uint8), np.ones((3, 3))) > 0  # no pixel of both
    share = beside.picture(camera)[behind] / alone.picture(camera)[behind]
    assert share.max() < 1.001 and share.min() < 0.9 and (share > 0.999).mean() > 0.3


def test_what_is_brighter_than_white_spreads_and_what_is_not_does_not():
    camera = eye()
    scene = place(1, camera)
    wall, window = solid(0, (20, 9, 0.1)), solid(0, (0.4, 0.4, 0.1))
    wall[1:4], window[1:4] = (0, 4, -4), (0, 2, -3.8)
    parts = {"lamps": np.zeros((0, 7)), "sun": np.zeros(7), "light": np.full((6, 3), 0.3)}
    parts["solids"] = np.array([wall, window])
    dark = replace(scene, **parts).picture(camera)
    parts["solids"] = parts["solids"].copy()
    parts["solids"][1, GLOW] = 200.0
    lit = replace(scene, **parts).picture(camera)
    behind = scene.points(camera).shape[0] // 2
    assert (lit >= dark - 1e-6).all() and lit[behind - 30].mean() > dark[behind - 30].mean()
    assert lit.max() > 1 and dark.max() < 1


def test_every_material_is_a_picture_in_all_its_sizes():
    pyramids = paint_pyramids(np.random.default_rng(0), list(PAINTERS))
    length = sum((TEXELS >> level) ** 2 for level in range(LEVELS))
    assert pyramids.shape == (len(PAINTERS), length, 3)
    assert np.isfinite(pyramids).all() and pyramids.min() >= 0 and pyramids.max() <= 1.0
    whole, last = pyramids[:, : TEXELS**2], pyramids[:, -((TEXELS >> (LEVELS - 1)) ** 2) :]
    assert np.allclose(whole.mean(axis=1), last.mean(axis=1), atol=1e-3)  # areas are averaged
    again = paint_pyramids(np.random.default_rng(0), list(PAINTERS))
    assert np.array_equal(pyramids, again)


def test_noise_falls_with_its_frequency_and_has_no_seam():
    bank = NoiseBank(np.random.default_rng(3))
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(TEXELS) * TEXELS] * 2))
    rings = np.arange(3, 60)
    for field, slope in ((bank.rough, 0.4), (bank.natural, 1.0), (bank.cloudy, 1.6)):
        noise = field(np.random.default_rng(1))
        amplitude = np.abs(np.fft.fft2(noise))
        means = [amplitude[np.abs(radius - ring) < 0.5].mean() for ring in rings]
        fit = np.polyfit(np.log(rings), np.log(means), 1)[0]
        assert fit == pytest.approx(-slope, abs=0.15)
        step = np.abs(np.diff(noise, axis=0)).mean()
        assert np.abs(noise[0] - noise[-1]).mean() < 2 * step


def test_bricks_lie_in_rows_with_joints_of_their_width():
    pieces, joints = laid_rows(
        np.random.default_rng(0), 2.5, long=0.25, tall=0.1, joint=0.02, offset=0.5
    )
    assert len(np.unique(pieces)) > 200  # 25 rows of 10, each with its number
    assert joints.mean() == pytest.approx(1 - (0.23 * 0.08) / (0.25 * 0.1), abs=0.03)
    assert np.array_equal(np.unique(joints[:1] > 0.5), [True])  # a row begins with its joint
