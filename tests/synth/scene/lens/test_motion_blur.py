"""Motion blur against what it stands for: the mean over the shutter's time, and the flow labels."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from synth.scene.ground_truth import ground_truth
from synth.scene.lens.film_pictures import camera_picture, plates_through_lens
from synth.scene.lens.lens import Lens
from synth.scene.lens.motion_blur import (
    blurred_backdrop,
    camera_between,
    render_through_shutter,
    shutter_instants,
    travel_in_image,
    vertices_between,
)
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.picture import composite
from synth.scene.posed_clip import skin_clip
from synth.scene.raster import RasterRenderer
from tests.synth.film_clip import make_clip
from tests.synth.scene.test_raster import corners, front, square
from textures.visibility.camera import Camera, look_at

FLAT = SphericalHarmonics((1 / 0.886227, *[0.0] * 8))


@pytest.fixture
def renderer(tmp_path):
    mesh = square()
    cv2.imwrite(str(tmp_path / "white.png"), np.full((8, 8, 3), 255, np.uint8))
    with RasterRenderer(mesh, samples=17) as opened:
        opened.set_texture(tmp_path / "white.png")
        opened.set_light(FLAT)
        yield opened


def moved(pixels: float) -> np.ndarray:
    return corners(100 + pixels, 90, 140 + pixels, 150)


@pytest.mark.parametrize(("shutter", "step"), [(0.5, 12.0), (1.0, 7.0), (0.3, -20.0)])
def test_an_edge_that_moves_becomes_a_ramp_as_long_as_it_goes_while_the_shutter_is_open(
    renderer, shutter, step
):
    vertices = [moved(-step), moved(0), moved(step)]
    seen = render_through_shutter(
        renderer, vertices, [front()] * 3, shutter=shutter, samples=17, seed=1
    )
    coverage = seen.blurred[120, :, 3]
    length = abs(shutter * step)
    # An ideal ramp of the square's left edge, centred where the edge is at the frame's instant.
    centres = np.arange(320) + 0.5
    rise = np.clip((centres - (100 - length / 2)) / length, 0, 1)
    fall = np.clip((centres - (140 - length / 2)) / length, 0, 1)
    assert np.abs(coverage - (rise - fall)).max() < 0.2
    assert coverage @ centres / coverage.sum() == pytest.approx(120, abs=0.1)
    assert coverage.sum() == pytest.approx(40, abs=0.3)
    # Up and down nothing moved.
    upright = seen.blurred[:, 120, 3]
    assert np.abs(upright - seen.sharp.rgba[:, 120, 3]).max() < 0.15
    assert np.array_equal(seen.sharp.rgba, _plain(renderer, moved(0)))


def _plain(renderer, vertices):
    renderer.set_camera(front())
    return renderer.render(vertices).rgba


def test_a_closed_shutter_and_what_stands_still_are_sharp(renderer):
    still = [moved(0)] * 3
    for vertices, shutter in ((still, 1.0), ([moved(-9), moved(0), moved(9)], 0.0)):
        seen = render_through_shutter(
            renderer, vertices, [front()] * 3, shutter=shutter, samples=17
        )
        assert seen.blurred is seen.sharp.rgba


def test_points_go_where_the_flow_labels_say(body):
    """At the shutter's end a vertex is half a shutter along the forward flow, and backward before."""
    clip = make_clip(body, frames=2, step=(0.05, 0.02, 0.0), layout="compact")
    vertices, joints = skin_clip(clip.posed_clip, Skinning(body))
    cameras = clip.posed_clip.cameras
    truth = ground_truth(vertices, joints, body, cameras, channels=["gtflow"])
    pixels, _ = cameras[1].project(vertices[1])
    for instant, flow in ((0.25, truth.flow_forward[0]), (-0.25, truth.flow_backward[0])):
        camera = camera_between(cameras[:3], instant)
        reached, _ = camera.project(vertices_between(vertices[:3], instant))
        mask = cv2.erode(truth.mask[0].astype(np.uint8), np.ones((9, 9))) > 0
        column, row = np.floor(pixels).astype(int).T
        inside = mask[row, column]
        labelled = flow[row[inside], column[inside]] * abs(instant)
        difference = np.linalg.norm(reached[inside] - pixels[inside] - labelled, axis=1)
        # Of the vertices seen; those on the far side of the body have another flow.
        assert np.median(difference) < 0.1 and np.median(np.linalg.norm(labelled, axis=1)) > 0.5
    # How far the fastest vertex goes in a frame.
    steps = [camera.project(points)[0] for camera, points in zip(cameras[:3], vertices[:3])]
    most = np.mean([np.linalg.norm(b - a, axis=1) for a, b in pairwise(steps)], axis=0).max()
    assert travel_in_image(vertices[:3], cameras[:3]) == pytest.approx(most, rel=0.1)


def test_instants_are_even_and_hold_the_frames_own():
    for shutter, travel in ((0.5, 0.0), (0.5, 3.0), (1.0, 11.0), (0.2, 500.0)):
        instants = shutter_instants(shutter, travel)
        assert len(instants) % 2 == 1 and 0.0 in instants
        assert np.allclose(instants, -instants[::-1])
        assert np.ptp(instants) == pytest.approx(shutter * (1 - 1 / len(instants)))
    assert len(shutter_instants(0.5, 500.0)) <= 9


def turned(camera: Camera, angle: float) -> Camera:
    """The camera turned to the right about its own vertical."""
    turn = cv2.Rodrigues(np.array([0.0, -angle, 0.0]))[0]
    rotation = turn @ camera.rotation
    return Camera(
        intrinsics=camera.intrinsics,
        rotation=rotation,
        translation=-rotation @ camera.position,
        height=camera.height,
        width=camera.width,
    )


def test_a_pan_blurs_the_backdrop_along_its_way_alone():
    middle = look_at(np.array([0, 1, 8.0]), np.array([0, 1, 0.0]), focal=600, width=320, height=240)
    angle = 10 / 600  # ten pixels in the picture's middle
    cameras = [turned(middle, -angle), middle, turned(middle, angle)]
    light = np.zeros((240, 320, 3), np.float32)
    light[:, 158:162] = 1  # an upright line, and one that lies
    light[118:122] = 1
    blurred = blurred_backdrop(light, cameras, shutter=0.6)
    across, upright = blurred[60, :, 0], blurred[:, 60, 0]
    assert across.sum() == pytest.approx(4, abs=0.1)  # as much light, over 6 pixels more
    assert np.count_nonzero(across > 0.05) in range(8, 13) and across.max() < 0.75
    assert across @ (np.arange(320) + 0.5) / across.sum() == pytest.approx(160, abs=0.05)
    assert np.count_nonzero(upright > 0.05) <= 6 and upright.max() > 0.9
    assert blurred_backdrop(light, [middle] * 3, shutter=1.0) is light
    assert blurred_backdrop(light, cameras, shutter=0.0) is light


def test_a_lens_that_does_nothing_is_the_plain_picture_and_the_order_is_that_of_light(renderer):
    renderer.set_camera(front())
    rgba = renderer.render(moved(0)).rgba
    plate = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    cameras = [front()] * 3
    rng = np.random.default_rng(0)
    plain = composite(rgba, plate)
    assert np.array_equal(camera_picture(rgba, plate, cameras, Lens(jpeg=30), rng=rng), plain)
    assert plates_through_lens([plate], cameras, Lens(h264=30))[0] is plate
    # Noise of nothing but the least read noise goes through the linear path.
    quiet = camera_picture(rgba, plate, cameras, Lens(read_noise=1e-9), rng=rng)
    assert np.abs(quiet.astype(int) - plain).max() <= 1
    # White is clipped after the exposure, not before it: what was clipped does not come back darker.
    bright = rgba * np.float32([3, 3, 3, 1])
    darker = camera_picture(bright, plate, cameras, Lens(exposure=-1.0), rng=rng)
    assert darker[120, 120].tolist() == [255, 255, 255]
    # Only the backdrop is out of focus: the person's edge stays.
    soft = camera_picture(rgba, plate, cameras, Lens(backdrop_defocus=3.0), rng=rng)
    assert np.abs(soft[120, 105:135].astype(int) - plain[120, 105:135]).max() <= 1
    assert soft[:60].std() < 0.5 * plain[:60].std()
    seen = plates_through_lens([plate], cameras, Lens(backdrop_defocus=3.0))[0]
    assert np.array_equal(seen[:80], soft[:80])
