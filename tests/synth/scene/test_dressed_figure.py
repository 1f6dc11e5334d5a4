"""Dressed people in films: on the floor, in their files, and labelled as what they wear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.checks.clip_checks import run_checks
from synth.clips.clip import publish, read_clip
from synth.clips.clip_info import info_fields, posed_clip_of, read_info
from synth.garments.clothing import ClothesDraw
from synth.plans.plan_row import PlanRow
from synth.scene.dressed_figure import CARRIED_PART
from synth.scene.ground_truth import ground_truth
from synth.scene.scene_mesh import scene_geometry
from tests.synth.crowd_clip import crowd_row, filmed_crowd, make_crowd

ALL = ClothesDraw(pieces=("coat", "trousers", "shoes", "hair", "hat", "bag"), seed=6, swing=True)
BARE = {"people": 1, "occluders": ()}


@pytest.fixture(scope="module")
def dressed(body):
    return make_crowd(body, **BARE, clothes=ALL)


def test_somebody_dressed_is_larger_and_stands_on_their_soles(body, dressed):
    made, scene = dressed
    bare, bare_scene = make_crowd(body, **BARE)
    assert scene.mesh.instances == 1 and bare_scene.mesh is body.mesh
    lift = made.posed_clip.translation - bare.posed_clip.translation
    np.testing.assert_allclose(lift[:, 1], ALL.sole, atol=1e-6)
    assert not lift[:, [0, 2]].any()
    lowest = scene.vertices[1:-1, :, 1].min()
    assert -0.01 < lowest < 0.02
    assert (made.truth.parts == CARRIED_PART).any()
    cloth = made.truth.face >= len(body.faces)
    worn = cloth & (made.truth.parts != CARRIED_PART)
    assert worn.sum() > 0.4 * (made.truth.face >= 0).sum()
    assert made.truth.parts[worn].max() <= 24
    assert (made.truth.uv[worn] > 0).any() and not made.truth.uv[cloth & ~worn].any()


def test_the_labels_do_not_depend_on_the_texture(body, dressed):
    made, scene = dressed
    other = scene_geometry(made.posed_clip, [(body, Skinning(body))], texture_sizes=[512])
    np.testing.assert_array_equal(other.vertices, scene.vertices)
    np.testing.assert_array_equal(other.mesh.uv, scene.mesh.uv)
    assert not np.array_equal(other.shaded_mesh.uv, scene.shaded_mesh.uv)


def test_clothes_come_back_from_the_information_of_a_clip(body, tmp_path):
    row = crowd_row(body, people=2, occluders=(), clothes=ALL)
    others = tuple(replace(f, clothes=None) for f in row.figures)
    made, scene = make_crowd(body, people=2, occluders=(), clothes=ALL, tracks=20)
    assert made.row.figures == others
    made.write(tmp_path / "partial")
    publish(tmp_path / "partial", tmp_path / "films", made.row)
    stem = tmp_path / "films" / made.row.stem
    back = posed_clip_of(read_info(stem))
    assert back.clothes == ALL and back.companions[0].clothes is None
    again = scene_geometry(back, [(body, Skinning(body))] * 2)
    np.testing.assert_array_equal(again.vertices, scene.vertices)
    truth = ground_truth(again.vertices, again.joints, again.mesh, back.cameras, channels=["uv"])
    np.testing.assert_array_equal(truth.face, read_clip(stem).truth.face)
    surreal = replace(made.row, layout="surreal")
    with pytest.raises(ValueError, match="clothes, expected one person"):
        info_fields(surreal, made.truth, made.posed_clip, versions={})


def test_the_film_of_somebody_dressed_passes_every_check(body, tmp_path):
    data = filmed_crowd(body, tmp_path, **BARE, clothes=ALL)
    results = run_checks(data)
    assert not [finding for result in results.values() for finding in result.findings]


SKIRT = ClothesDraw(pieces=("skirt", "hair"), seed=3, swing=True)


def test_clothes_swing_or_hang_still_by_the_row(body):
    """Without a swing each frame is that of a body that stands still; with it, hems lag behind."""
    still = replace(SKIRT, swing=False)
    _, scene = make_crowd(body, **BARE, clothes=SKIRT, frames=12)
    _, rigid = make_crowd(body, **BARE, clothes=still, frames=12)
    bare = len(body.template)
    np.testing.assert_array_equal(scene.vertices[:, :bare], rigid.vertices[:, :bare])
    np.testing.assert_array_equal(scene.mesh.faces, rigid.mesh.faces)
    apart = np.linalg.norm(scene.vertices - rigid.vertices, axis=-1)[:, bare:]
    assert 0.02 < apart.max() < 0.5
    (dressed,) = rigid.dressed
    skirt = next(n for n, g in enumerate(dressed.garments) if g.kind == "skirt")
    start = sum(len(g.vertices) for g in dressed.garments[:skirt])
    free = dressed.garments[skirt].swing.depth.reshape(-1) > 0
    of_skirt = apart[:, start : start + len(free)]
    assert of_skirt[:, ~free].max() < 0.02 < of_skirt[:, free].max()
    again = make_crowd(body, **BARE, clothes=SKIRT, frames=12)[1]
    assert again.vertices.tobytes() == scene.vertices.tobytes()


def test_where_a_motion_ends_cloth_repeats_its_last_frame_with_the_body(body):
    motion = 60  # frames of the motion of `make_crowd`
    made, scene = make_crowd(body, **BARE, clothes=SKIRT, frames=10, start=motion - 10)
    assert made.posed_clip.ends == (True, False)
    np.testing.assert_array_equal(scene.vertices[-1], scene.vertices[-2])
    assert np.abs(scene.vertices[-2] - scene.vertices[-3]).max() > 0.001


def test_a_row_with_clothes_of_before_there_was_a_swing_is_refused(body):
    row = crowd_row(body, **BARE, clothes=SKIRT)
    line = row.to_json()
    assert PlanRow.from_json(line).clothes == SKIRT
    with pytest.raises(BadInput, match="swing"):
        PlanRow.from_json(line.replace(', "swing": true', ""))
