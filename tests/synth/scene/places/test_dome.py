"""Environments behind the person: what a ray meets, how bright it is, and how it moves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mocap.errors import BadInput
from synth.scene.backdrop import ClipBackground
from synth.scene.environment_pictures import radiance_towards
from synth.scene.lights.environment import Environment
from synth.scene.places.background_geometry import background_flow
from synth.scene.places.scene_place import Dome, ScenePlace
from textures.visibility.camera import Camera, look_at

os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
import cv2


def write_environment(path: Path, radiance: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), np.ascontiguousarray(radiance[..., ::-1], np.float32))
    return path


def eye(position, target, *, focal=150.0, width=160, height=120) -> Camera:
    return look_at(
        np.array(position, float), np.array(target, float), focal=focal, height=height, width=width
    )


def behind(folder: Path, name: str, cameras, dome: Dome) -> ClipBackground:
    return ClipBackground(
        background={"environment": name},
        scene_place=ScenePlace(dome=dome),
        cameras=cameras,
        ground=(0.0, 0.0, 0.0),
        reach=1.0,
        light=Environment(name, dome.turn, dome.strength),
        environments=folder,
    )


@pytest.mark.parametrize("turn", [0.0, 1.0])
@pytest.mark.parametrize("azimuth", [0.3, -2.0])
def test_a_bright_spot_is_where_its_direction_is(tmp_path, turn, azimuth):
    """Seen from inside, and from the side that the lights' azimuths mean."""
    radiance = np.full((128, 256, 3), 0.2, np.float32)
    column = round((0.5 - (azimuth - turn) / (2 * np.pi)) % 1.0 * 256)
    radiance[60:68, np.arange(column - 3, column + 3) % 256] = 50.0
    write_environment(tmp_path / "e.exr", radiance)
    dome = Dome(turn=turn, strength=1.0, camera_height=1.6)
    towards = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    camera = eye([0.0, 1.6, 0.0], np.array([0.0, 1.6, 0.0]) + towards)
    (picture,) = behind(tmp_path, "e.exr", [camera], dome).pictures()
    row, column = np.argwhere(picture[..., 0] == picture[..., 0].max()).mean(axis=0)
    assert abs(row - 59.5) < 3 and abs(column - 79.5) < 3


def test_what_is_to_the_right_in_the_picture_is_to_the_right_of_its_middle():
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[:, 64:96] = 1.0  # the quarter to the right of the middle column
    right_of_forward = np.array([[[-0.5, 0.0, 1.0]]])  # who looks along +z has -x to the right
    assert radiance_towards(radiance, right_of_forward)[0, 0, 0] == pytest.approx(1.0)
    assert radiance_towards(radiance, right_of_forward * [-1, 1, 1])[0, 0, 0] == pytest.approx(0.0)


def test_an_even_environment_is_as_bright_as_the_white_surface_that_it_lights(tmp_path):
    write_environment(tmp_path / "e.exr", np.full((32, 64, 3), 7.0, np.float32))
    dome = Dome(turn=0.0, strength=0.5)
    (picture,) = behind(tmp_path, "e.exr", [eye([0, 1, 6], [0, 1, 0])], dome).pictures()
    assert set(np.unique(picture)) == {188}  # 0.5 in linear light


def test_the_floor_is_level_and_the_horizon_the_cameras(tmp_path):
    camera = eye([0.0, 1.3, 7.0], [0.0, 1.0, 0.0])
    geometry = behind(tmp_path, "e.exr", [camera], Dome(turn=0.0, strength=1.0)).geometry()
    points = geometry.points(camera)
    assert (points[..., 3] == 1).all() and (points[..., 1] > -1e-9).all()
    floor = np.abs(points[..., 1]) < 1e-9
    feet, _ = camera.project(np.array([[0.0, 0.0, 0.0]]))
    column, row = feet[0].astype(int)
    assert floor[row, column] and np.abs(points[row, column, :3]).max() < 0.1
    assert not floor[0].any() and floor[-1].all()


@pytest.mark.parametrize("step", [(0.3, 0.0, 0.0), (0.0, 0.1, -0.5)])
def test_flow_leads_each_picture_onto_the_next(tmp_path, step):
    """By a homography on the floor, and by the drawn pictures everywhere."""
    rng = np.random.default_rng(3)
    noise = cv2.resize(
        rng.uniform(0.1, 1.0, (24, 48, 3)).astype(np.float32),
        (256, 128),
        interpolation=cv2.INTER_CUBIC,
    )
    write_environment(tmp_path / "e.exr", noise.clip(0.05, None))
    first = eye([0.5, 1.5, 6.0], [0, 0.8, 0])
    second = eye(np.array([0.5, 1.5, 6.0]) + step, [0.2, 0.9, 0])
    background = behind(tmp_path, "e.exr", [first, second], Dome(turn=0.4, strength=0.6))
    points = background.geometry().points(first)
    flow = background_flow(points, second)
    one, two = background.pictures()
    x, y = np.meshgrid(np.arange(160, dtype=np.float32), np.arange(120, dtype=np.float32))
    warped = cv2.remap(
        two, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderValue=(0, 0, 0)
    )
    inside = (x + flow[..., 0] > 1) & (x + flow[..., 0] < 158) & (y + flow[..., 1] > 1)
    inside &= y + flow[..., 1] < 118
    with_flow = np.abs(warped[inside].astype(int) - one[inside]).mean()
    without = np.abs(two[inside].astype(int) - one[inside]).mean()
    assert inside.mean() > 0.5 and with_flow < 2 and with_flow < 0.25 * without
    floor = np.abs(points[..., 1]) < 1e-9
    seen = np.column_stack([points[floor][:, [0, 2]], np.ones(floor.sum())])
    homography = second.intrinsics @ np.column_stack(
        [second.rotation[:, 0], second.rotation[:, 2], second.translation]
    )
    image = seen @ homography.T
    pixels = np.argwhere(floor)[:, ::-1] + 0.5
    np.testing.assert_allclose(flow[floor], image[:, :2] / image[:, 2:] - pixels, atol=1e-3)


def test_an_environment_without_a_folder_is_refused():
    background = ClipBackground(
        background={"environment": "e.exr"},
        scene_place=ScenePlace(dome=Dome(turn=0.0, strength=1.0)),
        cameras=[eye([0, 1, 6], [0, 1, 0])],
        ground=(0.0, 0.0, 0.0),
        reach=1.0,
        light=Environment("e.exr"),
    )
    with pytest.raises(BadInput, match=r"e\.exr: an environment of the plan.*--environments"):
        next(background.pictures())
