"""Nobody is filmed in the dark where a preset asks for light, and nothing else of a plan is another."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.plans.coverage import coverage, lit_share
from synth.scene.camera import place_cameras
from synth.scene.lights.light import UNLIT
from synth.scene.lights.registry import light_from_fields
from synth.scene.raster import RasterRenderer
from tests.synth.plan_inputs import plan

SMALL = ("film.engine=raster", "film.width=160", "film.height=120", "camera.focal=300")
CLIPS = 300


@pytest.fixture(scope="module")
def unlit_shares(body, tmp_path_factory):
    """Gives for each row what is unlit of a white body as the raster engine shows it.

    Somebody strides with one arm raised, facing another way in every clip.
    """
    white = tmp_path_factory.mktemp("white") / "white.png"
    cv2.imwrite(str(white), np.full((8, 8, 3), 255, np.uint8))
    renderer = RasterRenderer(body.mesh, height=120, width=160)
    renderer.set_texture(white)
    pose = np.zeros((8, 72), np.float32)
    pose[:, 1] = np.arange(8) * 2 * np.pi / 8
    for joint, axis, angle in ((1, 0, -0.6), (2, 0, 0.5), (5, 0, 0.4), (16, 2, -1.2), (17, 2, 0.9)):
        pose[:, 3 * joint + axis] = angle
    translation = np.tile(np.float32([0, 1.1, 0]), (8, 1))
    betas = np.zeros(10, np.float32)
    vertices, joints = skin(Skinning(body), pose=pose, betas=betas, translation=translation)

    def measure(rows) -> np.ndarray:
        shares = []
        for number, row in enumerate(rows):
            heading = number % 8
            still = np.repeat(joints[heading : heading + 1], 3, axis=0)
            placed = place_cameras(still, row.view, width=160, height=120, fps=row.fps)
            renderer.set_camera(placed.cameras[1])
            renderer.set_light(light_from_fields(row.light))
            rgba = renderer.render(vertices[heading]).rgba
            shown = rgba[rgba[..., 3] > 0.95]
            shares.append((shown[:, 0] <= UNLIT).mean())
        return np.array(shares)

    return measure


def test_no_body_of_these_presets_is_mostly_unlit_and_some_of_surreals_are(unlit_shares):
    surreals = plan(preset="surreal", overrides=SMALL, clips=CLIPS)
    shares = unlit_shares(surreals)
    assert 0.005 < (shares > 0.5).mean() < 0.06
    for preset in ("standard", "surreal++"):
        assert (unlit_shares(plan(preset=preset, overrides=SMALL, clips=CLIPS)) <= 0.5).all()


def test_what_is_lit_is_estimated_well_before_a_body_is_posed(unlit_shares):
    rows = plan(preset="surreal", overrides=SMALL, clips=CLIPS, seed=8)
    estimated, shares = np.array([1 - lit_share(row) for row in rows]), unlit_shares(rows)
    assert spearmanr(estimated, shares)[0] > 0.85
    assert np.sqrt(np.mean((estimated - shares) ** 2)) < 0.06


def test_a_light_that_is_good_stays_and_one_that_is_not_changes_nothing_but_itself():
    off = plan(preset="surreal", clips=CLIPS)
    on = plan(preset="surreal", clips=CLIPS, overrides=["light.least=0.65"])
    redrawn = 0
    for before, after in zip(off, on, strict=True):
        assert lit_share(after) >= 0.65
        assert replace(after, light=before.light) == before
        assert (before.to_json() == after.to_json()) == (lit_share(before) >= 0.65)
        redrawn += before != after
    assert 0 < redrawn < 0.15 * CLIPS
    assert on == plan(preset="surreal", clips=CLIPS, overrides=["light.least=0.65"])


def test_an_orbit_is_lit_along_its_way():
    orbits = ("light.least=0.65", "camera.moves={orbit = 1}", "camera.orbit=180")
    orbits += ("film.layout=compact",)  # SURREAL's has one camera, which stands still
    for row in plan(preset="surreal", clips=60, overrides=orbits):
        yaws = row.view.sides[0] + row.view.amount * np.array([-0.5, 0.0, 0.5])
        assert (light_from_fields(row.light).lit_shares(yaws) >= 0.65).all()


def test_a_shared_light_is_good_on_every_side():
    yaws = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    for row in plan(preset="standard", clips=60):
        assert light_from_fields(row.light).lit_shares(yaws).min() > 0.6


def test_more_light_than_is_ever_drawn_is_refused(monkeypatch):
    monkeypatch.setattr("synth.plans.scene_sampler._MAX_DRAWS", 2)
    with pytest.raises(
        BadInput, match=r"light.least is 0.95: none of 2 lights of kind 'sh' lights"
    ):
        plan(preset="surreal", clips=CLIPS, overrides=["light.least=0.95"])


def test_the_coverage_says_how_many_are_in_the_dark():
    rows = plan(preset="surreal", clips=CLIPS)
    dark = sum(lit_share(row) < 0.5 for row in rows)
    assert dark > 0
    line = (
        f"light: {dark} of {CLIPS} clips ({100 * dark / CLIPS:.1f} %) with the body more than half"
    )
    assert line in coverage(rows)
    assert f"light: 0 of {CLIPS} clips" in coverage(plan(clips=CLIPS))
