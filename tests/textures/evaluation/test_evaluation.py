"""Evaluation: the true texture beats wrong ones, light is taken out, and what is missing is said."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mocap.errors import BadInput
from tests.textures.evaluation.conftest import CAMERAS, PEOPLE
from textures.evaluation.attributes import ClothingLabels
from textures.evaluation.comparison import figure, paired_difference
from textures.evaluation.evaluation import PHOTOGRAPHS, TextureEvaluator
from textures.evaluation.measures import (
    OTHER_CAMERA,
    SAME_VIEW,
    VIEW_MEASURES,
    all_measures,
)
from textures.evaluation.networks import NETWORKS, open_networks
from textures.evaluation.photograph_choice import chosen_photographs, other_camera_texture
from textures.evaluation.summary import summarise, summary_lines
from textures.evaluation.texture_sets import EvaluatedTexture, read_texture_set, reference_sets
from textures.evaluation.views import View
from textures.harvest.crop_folder import read_crop_folder
from textures.library import read_library, write_manifest, write_texture

WITHOUT_NETWORK = [
    name for name, m in VIEW_MEASURES.items() if m.network is None and name != "coverage"
]


class MeanColour:
    """Stands for a network that describes a picture: by its mean colour outside the grey."""

    def unit_descriptors(self, images):
        rows = []
        for image in images:
            body = image[(image != 128).any(-1)].astype(np.float64)
            mean = body.mean(0) - 128 if len(body) else np.ones(3)
            rows.append(mean / max(np.linalg.norm(mean), 1e-9))
        return np.stack(rows).astype(np.float32)


@pytest.fixture(scope="module")
def crops(world):
    return read_crop_folder(world.images).crops


@pytest.fixture(scope="module")
def result(world, body, crops):
    true = read_texture_set(world.library, body, crops)
    people = {crop.person.identity for crop in crops}
    sets = [true, *reference_sets(true, people)]
    evaluator = TextureEvaluator(body, world.fitter, {"omz-0277": MeanColour()})
    return sets, evaluator.evaluate(sets, crops, shown=2)


@pytest.mark.parametrize("kind", [OTHER_CAMERA, SAME_VIEW])
@pytest.mark.parametrize("name", WITHOUT_NETWORK)
def test_the_true_texture_beats_wrong_ones(result, kind, name):
    sets, evaluation = result
    values = evaluation.values[f"{name} ({kind})"]
    true = values["true"]
    views = PEOPLE * (CAMERAS - 1) if kind == OTHER_CAMERA else PEOPLE
    assert len(true) == views
    for wrong in sets[1:]:
        assert values[wrong.name].keys() == true.keys()
        assert np.mean([true[key] - values[wrong.name][key] for key in true]) > 0, wrong.name


def test_a_photograph_of_the_texture_itself_has_a_perfect_score(body, world, crops):
    """A photograph that is the rendering itself, in another light, is matched to rounding."""
    from textures.body_fit.fitting import pose_fit
    from textures.evaluation.texture_sets import read_painting
    from textures.evaluation.views import fitted_view, render_view

    crop = crops[0]
    fit = pose_fit(world.fitter.fit([crop.path.name], [None]), world.fitter.skinning)
    grey = np.full((128, 64, 3), 90, np.uint8)
    view = (body, fit.vertices[0], fit.cameras[0])
    painting = read_painting(world.library / crop.source)
    rendered = render_view(fitted_view(*view, grey, fit.person[0]), painting)
    for gains in ((1.0, 1.0, 1.0), (0.8, 0.7, 0.9)):
        photograph = np.round(rendered.body * gains).astype(np.uint8)
        again = render_view(fitted_view(*view, photograph, fit.person[0]), painting)
        difference = again.rendered.astype(int) - again.target.astype(int)
        assert np.abs(difference).max() <= 2
        for name in WITHOUT_NETWORK:
            value = VIEW_MEASURES[name].score(again, None)
            if name.endswith("in a scene"):  # as papers have it: light and background count
                assert (value > 0.99) == (name.startswith("mask") and gains == (1.0, 1.0, 1.0))
                continue
            assert value > (40 if name.startswith("psnr") else 0.99), name
        assert VIEW_MEASURES["coverage"].score(again, None) == 1


def test_retrieval_leaves_out_the_cameras_that_the_texture_has_seen(result):
    _, evaluation = result
    hits = evaluation.values["rank-1@omz-0277"]["true"]
    assert len(hits) == PEOPLE * (CAMERAS - 1)
    assert set(hits.values()) <= {0.0, 1.0}
    assert len(evaluation.values["map@omz-0277"][PHOTOGRAPHS]) == PEOPLE * (CAMERAS - 1)


def test_unpainted_texels_are_not_covered(world, body, crops, tmp_path):
    folder = tmp_path / "holes"
    folder.mkdir()
    for entry, texture in zip(read_library(world.library), world.textures):
        holed = texture.copy()
        holed[:, :64] = 0
        write_texture(folder / entry.file, holed)
    sets = [read_texture_set(world.library, body, crops), read_texture_set(folder, body, crops)]
    evaluation = TextureEvaluator(body, world.fitter, {}).evaluate(sets, crops)
    coverage = evaluation.values[f"coverage ({OTHER_CAMERA})"]
    assert set(coverage["true"].values()) == {1.0}
    assert 0.05 < np.mean(list(coverage["holes"].values())) < 0.95


def test_colours_read_back_are_those_of_the_labels(world, body, crops):
    from textures.evaluation.attributes import standing_body, texture_clothing
    from textures.evaluation.texture_sets import Painting

    painting = Painting(np.full((64, 64, 3), (200, 30, 30), np.uint8), np.ones((64, 64), bool))
    assert texture_clothing(painting, standing_body(body)).upper == "red"
    labels = ClothingLabels(
        short_sleeves=False, short_trousers=False, upper=frozenset({"red"}), lower=frozenset()
    )
    true = read_texture_set(world.library, body, crops)
    red = dataclasses.replace(true, name="red", read=lambda texture: painting)
    evaluator = TextureEvaluator(body, world.fitter, {}, {"0001": labels})
    values = evaluator.evaluate([red], crops).values
    assert values["upper-colour"]["red"] == {("0001", ""): 1.0}
    assert values["sleeves"]["red"] == {("0001", ""): 1.0}
    assert np.isnan(values["lower-colour"]["red"]["0001", ""])


def test_balanced_answers_count_alike():
    labels = {(name, ""): name == "a" for name in "abcdefgh"}
    constant = {key: float(not label) for key, label in labels.items()}
    right = dict.fromkeys(labels, 1.0)
    rng = np.random.default_rng(0)
    shares = [figure(values, rng, labels).mean for values in (constant, right)]
    assert shares[0].value == 0.5 and shares[1].value == 1.0
    assert all(0 <= share.low <= share.value <= share.high <= 1 for share in shares)
    assert figure(constant, rng).mean.value == 7 / 8
    pair = {"right": right, "constant": constant}
    apart = paired_difference("right", "constant", pair, rng, higher_is_better=True, classes=labels)
    assert apart.difference.value == 0.5 and apart.items == 8


def test_a_difference_is_signed_by_the_measure_and_taken_on_common_items():
    a = {("p", "1"): 1.0, ("p", "2"): 2.0, ("q", "1"): 3.0, ("q", "3"): 50.0}
    b = {("p", "1"): 2.0, ("p", "2"): 3.0, ("q", "1"): 4.0, ("r", "1"): float("nan")}
    sets, rng = {"a": a, "b": b}, np.random.default_rng(0)
    lower = paired_difference("a", "b", sets, rng, higher_is_better=False)
    higher = paired_difference("a", "b", sets, rng, higher_is_better=True)
    assert (lower.order, higher.order) == ("better", "worse")
    assert lower.difference.value == 1 and (lower.items, lower.people) == (3, 2)
    assert paired_difference("a", "b", {"a": a, "b": {}}, rng, higher_is_better=True) is None


def test_orders_and_missing_networks_are_said(result):
    sets, evaluation = result
    names = [item.name for item in sets]
    summaries = summarise(evaluation, names, ["omz-0277"], labelled=False, seed=0)
    by_name = {summary.name: summary for summary in summaries}
    assert by_name.keys() == all_measures().keys()
    lines = summary_lines(summaries)
    for network in ("st-lpips", "efficientnet-lite0"):
        name = f"{network} ({OTHER_CAMERA})"
        assert f"{name}: not computed; to get it: {NETWORKS[network].advice}" in lines
    assert "--attributes" in by_name["sleeves"].not_computed
    psnr = by_name[f"psnr@strict ({OTHER_CAMERA})"]
    assert all(item.order == "better" for item in psnr.differences if item.first == "true")
    assert json.loads(json.dumps(psnr.as_dict()))["figures"]["true"]["people"] == PEOPLE


def test_a_body_stands_before_the_same_background_whatever_its_texture(body, world, crops):
    from textures.body_fit.fitting import pose_fit
    from textures.evaluation.texture_sets import Painting
    from textures.evaluation.views import fitted_view, render_view

    fit = pose_fit(world.fitter.fit([crops[0].path.name], [None]), world.fitter.skinning)
    photograph = np.full((128, 64, 3), 90, np.uint8)
    sizes = (fit.vertices[0], fit.cameras[0], photograph, fit.person[0])
    fitted = [fitted_view(body, *sizes, name=name) for name in ("a", "a", "b")]
    red, blue = (
        Painting(np.full((32, 32, 3), colour, np.uint8), np.ones((32, 32), bool))
        for colour in ((255, 0, 0), (0, 0, 255))
    )
    first, again, other = (render_view(f, p) for f, p in zip(fitted, (red, blue, red)))
    outside = ~first.silhouette
    assert (first.scene[first.silhouette] == (255, 0, 0)).all()
    assert (again.scene[first.silhouette] == (0, 0, 255)).all()
    assert np.array_equal(first.scene[outside], again.scene[outside])
    assert not np.array_equal(first.scene[outside], other.scene[outside])
    assert first.photograph is photograph


def test_bodies_are_fitted_once_however_often_they_are_looked_at(world, crops):
    from textures.evaluation.crop_fits import CropFits
    from textures.harvest.crop_image import read_crop

    asked = []

    class Counted:
        skinning = world.fitter.skinning

        def fit(self, names, images):
            asked.extend(names)
            return world.fitter.fit(names, images)

    fits = CropFits(Counted())
    images = [read_crop(crop.path) for crop in crops[:4]]
    first = fits.posed(images[:3])
    again = fits.posed([images[3], images[1]])
    assert asked == [image.name for image in images]
    assert np.array_equal(again.vertices[1], first.vertices[1]) and len(again.cameras) == 2
    assert again.cameras[1] is first.cameras[1]


def test_a_few_views_of_each_person_are_of_their_first_cameras(crops):
    people = {"0001", "0002"}
    views = chosen_photographs(crops, people, 2)
    assert [(v.person.identity, v.person.camera) for v in views] == [
        (person, camera) for person in ("0001", "0002") for camera in ("c1", "c2")
    ]
    assert chosen_photographs(crops, people, 9) == chosen_photographs(crops, people)


def test_another_cameras_photograph_was_not_seen_by_the_texture(crops):
    views = chosen_photographs(crops, {"0001"})
    assert [crop.person.camera for crop in views] == ["c1", "c2", "c3"]

    def texture(name, *cameras):
        return EvaluatedTexture(
            path=crops[0].path / name, identity="0001", cameras=frozenset(cameras)
        )

    fused, single, unknown = texture("f", "c1", "c3"), texture("s", "c2"), texture("u")
    assert [other_camera_texture([fused, unknown], crop) for crop in views] == [None, fused, None]
    chosen = [other_camera_texture([fused, single], crop) for crop in views]
    assert chosen == [single, fused, single]


def test_a_fused_textures_line_names_its_cameras(world, body, crops, tmp_path):
    folder = tmp_path / "fused"
    folder.mkdir()
    entry = read_library(world.library)[0]
    write_texture(folder / entry.file, world.textures[0])
    write_manifest(folder, [dataclasses.replace(entry, camera="c1+c2")])
    (texture,) = read_texture_set(folder, body, crops).textures
    assert texture.cameras == {"c1", "c2"} and texture.source == entry.source


def test_sets_that_cannot_be_measured_are_refused(world, body, crops, tmp_path):
    with pytest.raises(BadInput, match="no texture found"):
        read_texture_set(tmp_path, body, crops)
    entry = read_library(world.library)[0]
    write_texture(tmp_path / entry.file, world.textures[0])
    write_texture(tmp_path / "somebody.png", world.textures[0])
    item = read_texture_set(tmp_path, body, crops)
    assert [left.source for left in item.left_out] == ["somebody.png"]
    assert item.textures[0].cameras == {"c1"} and item.textures[0].identity == "0001"
    write_manifest(tmp_path, [dataclasses.replace(entry, uv_layout="another")])
    with pytest.raises(BadInput, match="UV layout"):
        read_texture_set(tmp_path, body, crops)
    strangers = [crop for crop in crops if crop.person.identity == "0005"]
    one = read_texture_set(world.library, body, crops)
    one = dataclasses.replace(one, textures=one.textures[:1])
    with pytest.raises(BadInput, match="no texture of the 1 people"):
        TextureEvaluator(body, world.fitter, {}).evaluate([one], strangers)


def test_photographs_that_the_fit_misses_are_left_out_and_counted(world, body, crops):
    """Masks decide only where there are any: a fit without masks leaves nothing out."""

    class MaskedFitter:
        def __init__(self, mask):
            self.mask, self.name, self.skinning = mask, "masked", world.fitter.skinning

        def fit(self, names, images, *, batch=64):
            fit = world.fitter.fit(names, images)
            return dataclasses.replace(fit, person=(self.mask,) * len(names))

    sets = [read_texture_set(world.library, body, crops)]
    far = np.zeros((128, 64), np.float32)
    far[:12, :12] = 1
    said: list[str] = []
    missed = TextureEvaluator(body, MaskedFitter(far), {}).evaluate(sets, crops, report=said.append)
    assert (
        len(missed.left_out) == PEOPLE * CAMERAS
        and f"ssim@rstg ({OTHER_CAMERA})" not in missed.values
    )
    assert said == [f"left out, body and person mask too far apart: {PEOPLE * CAMERAS} photographs"]
    unmasked = TextureEvaluator(body, MaskedFitter(np.ones((128, 64), np.float32)), {})
    assert not unmasked.evaluate(sets, crops).left_out


def test_no_network_is_needed():
    assert "omz-0277" not in open_networks(None)


@pytest.mark.parametrize("name", [n for n, m in VIEW_MEASURES.items() if m.network is not None])
def test_a_dead_network_is_no_view_without_a_value(name):
    """NaN stands for what is not defined and is passed over: a network's own must not be."""

    class Dead:
        def distance(self, first, second):
            return float("nan")

    picture, mask = np.full((16, 8, 3), 128, np.uint8), np.ones((16, 8), bool)
    pictures = dict.fromkeys(("rendered", "target", "body", "scene", "photograph"), picture)
    view = View(**pictures, **dict.fromkeys(("shared", "painted", "silhouette"), mask))
    with pytest.raises(BadInput, match="Dead: a distance of nan"):
        VIEW_MEASURES[name].score(view, Dead())
