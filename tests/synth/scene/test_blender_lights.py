"""Real light in Blender: how bright, from where, and where the shadow falls."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from mocap.bodies.mesh import Mesh
from mocap.errors import BadInput
from synth.scene.blender import BlenderRenderer
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky
from textures.visibility.camera import look_at

pytestmark = pytest.mark.needs("bpy")

FLAT = SphericalHarmonics((1 / 0.886227, *[0.0] * 8))
BLOCKS = ("objects", "meshes", "lights", "worlds", "images", "materials", "cameras")


def wall_and_lid() -> Mesh:
    """A wall of 1 m by 1 m on the ground, facing +z, and a lid on its top edge, facing up."""
    vertices = [
        [-0.5, 0, 0],
        [0.5, 0, 0],
        [0.5, 1, 0],
        [-0.5, 1, 0],
        [0.5, 1, -0.5],
        [-0.5, 1, -0.5],
    ]
    faces = np.array([[0, 1, 2], [0, 2, 3], [3, 2, 4], [3, 4, 5]], np.int32)
    return Mesh(
        name="wall and lid",
        uv_layout="none",
        vertices=np.array(vertices, np.float32),
        faces=faces,
        uv=np.zeros((3, 2), np.float32),
        uv_faces=np.zeros((4, 3), np.int32),
        face_parts=np.ones(4, np.uint8),
    )


@pytest.fixture(scope="module")
def textures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("textures")
    for name, value in (("white", 255), ("grey", 128)):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 8, 3), value, np.uint8))
    return folder


def environment_file(folder, *, column: float) -> str:
    """A dim sky with a bright upright band a quarter turn wide, `column` in [0, 1] its middle."""
    sky = np.full((64, 128, 3), 5.0, np.float32)
    middle = int(column * 128)
    sky[:, np.arange(middle - 16, middle + 16) % 128] = 80.0
    path = folder / f"band{column}.hdr"
    cv2.imwrite(str(path), sky)
    return str(path)


def camera():
    return look_at(np.array([0.0, 2.5, 6.0]), (0, 0.5, 0), focal=300, width=160, height=120)


def open_scene(textures, *, samples: int = 32, floor: bool = True) -> BlenderRenderer:
    renderer = BlenderRenderer(
        wall_and_lid(),
        height=120,
        width=160,
        samples=samples,
        floor=floor,
    )
    # Two faces that share an edge of 90 degrees must not share their normals.
    renderer._mesh.polygons.foreach_set("use_smooth", np.zeros(4, bool))
    renderer.set_texture(textures / "white.png")
    renderer.set_camera(camera())
    return renderer


def at(point) -> tuple[int, int]:
    """Row and column of a point of the world."""
    (x, y), _ = camera().project(np.array([point]))[0][0], None
    return int(y), int(x)


@pytest.mark.slow
def test_a_strength_is_what_a_white_surface_shows(textures):
    vertices = wall_and_lid().vertices
    wall, lid = at((0, 0.5, 0)), at((0, 1, -0.25))
    with open_scene(textures, samples=256, floor=False) as renderer:

        def shown(light):
            renderer.set_light(light)
            rgba = renderer.render(vertices).rgba
            return rgba[wall][:3], rgba[lid][:3]

        # The sun square on to the wall, no sky.
        front, top = shown(SunSky(1e-6, 0.0, 0.8, colour=(1.0, 0.5, 0.25), sky=0.0))
        np.testing.assert_allclose(front, (0.8, 0.4, 0.2), rtol=0.08)  # cloth is a little rough
        assert (top < 0.01).all()
        sky = shown(SunSky(0.5, np.pi, 0.0, sky=0.5))
        assert sky[1] == pytest.approx(0.5, rel=0.1) and sky[0] == pytest.approx(0.35, rel=0.1)
        lamp = Lamp(azimuth=0.0, elevation=0.0, distance=4.0, size=0.1, strength=0.6)
        front, top = shown(AreaLamps((lamp,), ambient=0.0))
        assert front == pytest.approx(0.6, rel=0.05) and (top < 0.05).all()


@pytest.mark.slow
def test_the_shadow_lies_behind_what_casts_it_and_touches_it(textures):
    """Sun at 45 degrees before the wall: 1 m of shadow behind it, hidden; from the left: to +x."""
    vertices = wall_and_lid().vertices
    with open_scene(textures, samples=64) as renderer:
        renderer.set_light(SunSky(np.pi / 4, np.pi + 0.6, 1.0, sky=0.2))  # from behind, towards us
        picture = renderer.render(vertices)
        alpha, body = picture.rgba[..., 3], picture.body
        towards = np.array([-np.sin(np.pi + 0.6), 0.0, -np.cos(np.pi + 0.6)])
        assert alpha[at(0.5 * towards)] > 0.5 and body[at(0.5 * towards)] == 0
        assert alpha[at(0.03 * towards + (0, 0, 0.02))] > 0.5  # at the foot of the wall
        assert alpha[at(1.6 * towards)] < 0.1
        assert alpha[at(0.5 * towards * (-1, 0, 1) * 1.7)] < 0.2  # not its mirror image
        assert not picture.rgba[..., :3][body == 0].any()  # a shadow has no colour
        renderer.set_light(FLAT)
        plain = renderer.render(vertices)
    # The body's coverage is that of a picture without a floor, but for its other samples.
    assert np.abs(plain.body - body).mean() < 2e-3 and np.abs(plain.body - body).max() < 0.3
    assert (alpha >= body - 1e-5).all()


@pytest.mark.slow
def test_an_environment_lights_from_where_it_is_turned_to(textures):
    vertices = wall_and_lid().vertices
    wall = at((0, 0.5, 0))
    with open_scene(textures, floor=False, samples=64) as renderer:

        def brightness(column, turn, strength=1.0):
            file = environment_file(textures, column=column)
            renderer.set_light(Environment(file, turn, strength))
            return float(renderer.render(vertices).rgba[wall][0])

        front, back = brightness(0.5, 0.0), brightness(0.5, np.pi)
        assert front > 1.5 > 1.0 > 0.7 > back > 0.1  # scaled to a mean of 1
        assert brightness(0.5, 0.0, 0.5) == pytest.approx(front / 2, rel=0.02)
        # The picture is seen from inside: who looks at its middle has its right half to the right,
        # so with the middle at azimuth pi/2 (+x) the band at three quarters is at +z.
        assert brightness(0.75, np.pi / 2) == pytest.approx(front, rel=0.1)
        assert brightness(0.25, np.pi / 2) == pytest.approx(back, rel=0.1)


@pytest.mark.slow
def test_a_scene_that_was_lit_otherwise_before_gives_the_same_bytes_and_keeps_nothing(textures):
    vertices = wall_and_lid().vertices
    lights = [
        FLAT,
        SunSky(0.8, 1.0, 0.9),
        AreaLamps((Lamp(0.5, 0.6, 3.0, 1.0, 0.8), Lamp(2.5, 0.6, 3.0, 1.0, 0.4))),
        Environment(environment_file(textures, column=0.5), 0.3, 0.8),
    ]
    fresh = []
    for light in lights:
        with open_scene(textures, samples=4) as renderer:
            renderer.set_light(light)
            fresh.append(renderer.render(vertices, seed=7))
    with open_scene(textures, samples=4) as renderer:
        data = sys.modules["bpy"].data
        counts = []
        pairs = list(zip(lights, fresh, strict=True))
        for _ in range(3):
            for light, expected in (*pairs, *pairs[::-1]):
                renderer.set_texture(textures / "grey.png")
                renderer.set_light(light)
                renderer.render(vertices[:, [0, 1, 2]] + np.float32(0.1))
                renderer.set_texture(textures / "white.png")
                again = renderer.render(vertices, seed=7)
                assert np.array_equal(again.rgba, expected.rgba)
                assert np.array_equal(again.body, expected.body)
            counts.append([len(getattr(data, name)) for name in BLOCKS])
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.slow
def test_environments_that_cannot_light_are_refused_in_one_line(textures, tmp_path):
    (tmp_path / "broken.hdr").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "square.hdr"), np.ones((64, 64, 3), np.float32))
    cv2.imwrite(str(tmp_path / "black.hdr"), np.zeros((32, 64, 3), np.float32))
    with open_scene(textures) as renderer:
        for name, message in (
            ("missing.hdr", "no such environment picture"),
            ("broken.hdr", "not a picture in .hdr or .exr that can be read"),
            ("square.hdr", "64x64 pixels, expected 2:1"),
            ("black.hdr", "mean brightness is 0"),
        ):
            with pytest.raises(BadInput, match=f"{name}.*{message}"):
                renderer.set_light(Environment(str(tmp_path / name)))
