"""`synth eval-reid`: protocols by their folders, every figure against brute force, bad input."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mocap.errors import BadInput
from synth.cli.reid_scores import eval_reid
from textures.checkpoints import save_networks
from textures.evaluation.describers import PcbDescriber, open_describers
from textures.evaluation.reid_comparison import QUERY_KINDS, compare_describers
from textures.evaluation.reid_protocols import reid_protocol
from textures.market1501 import market_name
from textures.reid.pcb import PCB, ReidConfig

SMALL = ReidConfig(depth=10, channels=4, classes=3, stripes=2, embedding=4, height=32, width=16)


def write_crop(folder, identity, camera, number, value=90):
    folder.mkdir(exist_ok=True, parents=True)
    name = f"{identity:04d}" if identity >= 0 else "-1"
    path = folder / f"{name}_c{camera}s1_{number:06d}_01.jpg"
    cv2.imwrite(str(path), np.full((32, 16, 3), value, np.uint8))
    return path


@pytest.fixture
def market(tmp_path):
    """Three people by three cameras, with junk, distractors and gt_bbox."""
    folder = tmp_path / "market"
    for identity in (3, 5, 9):
        for camera in (1, 2, 3):
            write_crop(folder / "query", identity, camera, 1)
            for number in range(2, 2 + (identity + camera) % 3):
                write_crop(folder / "bounding_box_test", identity, camera, number)
            for number in range(7, 8 + camera % 2):
                write_crop(folder / "gt_bbox", identity, camera, number)
    for number in range(4):
        write_crop(folder / "bounding_box_test", 0, 1 + number % 3, 50 + number)
        write_crop(folder / "bounding_box_test", -1, 1 + number % 3, 60 + number)
    for identity in (2, 7, 11):
        for camera in (1, 2):
            for number in range(3):
                write_crop(folder / "bounding_box_train", identity, camera, number)
    return folder


class DrawnDescriber:
    """Vectors that are drawn, with a little of the person in them; some crops have the same vector."""

    descriptor = training = "drawn"

    def __init__(self, name, protocol, seed, signal):
        rng = np.random.default_rng(seed)
        people = {i: rng.normal(size=5) for i in np.unique(protocol.identities)}
        noise = rng.normal(size=(len(protocol.crops), 5))
        vectors = noise + signal * np.stack([people[i] for i in protocol.identities])
        vectors[protocol.gallery[1::5]] = vectors[
            protocol.gallery[0]
        ]  # ties keep the gallery's order
        self.name = name
        self.vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def unit_descriptors(self, images):
        assert len(images) == len(self.vectors)
        return self.vectors


def brute_force(vectors, protocol, kind):
    """Rank-1, 5, 10 and both average precisions of each query, by loops over the definitions."""
    names = [market_name(crop) for crop in protocol.crops]
    results = {}
    for number, query in enumerate(protocol.queries):
        vector = vectors[query]
        if kind != "single query":
            pool = np.mean if kind.endswith("mean") else np.max
            vector = pool([vectors[i] for i in protocol.companions[number]], axis=0)
            vector = vector / np.sqrt(sum(x * x for x in vector))
        ranking = sorted(protocol.gallery, key=lambda i: -float(np.dot(vector, vectors[i])))
        answers = []
        for index in ranking:
            shot = names[index]
            if shot.identity == -1:
                continue
            if shot.identity == names[query].identity:
                if shot.camera != names[query].camera:
                    answers.append(True)
            else:
                answers.append(False)
        if not any(answers):
            continue
        right, precisions, trapezoids, before = 0, [], [], 1.0
        for position, answer in enumerate(answers, start=1):
            right += answer
            if answer:
                precisions.append(right / position)
                trapezoids.append((before + right / position) / 2)
            before = right / position
        results[number] = [
            *(float(any(answers[:k])) for k in (1, 5, 10)),
            sum(precisions) / right,
            sum(trapezoids) / right,
        ]
    return results


@pytest.mark.parametrize("people", [None, "2 7 11"])
@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_that_of_brute_force(market, tmp_path, people, seed):
    listed = None
    if people:
        listed = tmp_path / "people.txt"
        listed.write_text(people)
    protocol = reid_protocol(market, listed)
    describers = [DrawnDescriber(name, protocol, seed, s) for name, s in (("a", 0.5), ("b", 1.5))]
    result = compare_describers(describers, protocol, [None] * len(protocol.crops), seed=0)
    assert len(result.rows) == 2 * len(QUERY_KINDS)
    expected = {
        (d.name, kind): brute_force(d.vectors, protocol, kind)
        for d in describers
        for kind in QUERY_KINDS
    }
    for row in result.rows:
        truth = expected[row.network, row.queries]
        assert result.answerable == len(truth)
        means = np.mean(list(truth.values()), axis=0)
        for value, (measure, figure) in zip(means, row.figures.items(), strict=True):
            assert figure.mean.value == pytest.approx(value, abs=1e-9), measure
            assert figure.people == 3 and figure.items == len(truth)
            assert figure.mean.low <= value + 1e-9 and figure.mean.high >= value - 1e-9
    for item in result.differences:
        a, b = (np.mean(list(expected[name, item.queries].values()), axis=0) for name in "ab")
        column = list(result.rows[0].figures).index(item.measure)
        assert item.difference.difference.value == pytest.approx(a[column] - b[column], abs=1e-9)


def test_market_s_own_protocol_drops_junk_keeps_distractors_and_asks_gt_bbox(market):
    protocol = reid_protocol(market)
    assert protocol.name == "market1501" and protocol.multi_query == "gt_bbox"
    shown = protocol.identities[protocol.gallery]
    assert (shown == 0).sum() == 4 and not (shown == -1).any()
    assert len(protocol.queries) == 9 and not set(protocol.queries) & set(protocol.gallery)
    for query, group in zip(protocol.queries, protocol.companions):
        camera = market_name(protocol.crops[query]).camera
        assert len(group) == 1 + camera % 2
        for index in group:
            crop = protocol.crops[index]
            assert crop.path.parent.name == "gt_bbox"
            assert market_name(crop).camera == camera
            assert market_name(crop).identity == protocol.identities[query]
    for path in (market / "gt_bbox").iterdir():
        path.unlink()
    (market / "gt_bbox").rmdir()
    without = reid_protocol(market)
    assert "without gt_bbox" in without.multi_query
    assert all(query in group for query, group in zip(without.queries, without.companions))


def test_people_of_the_training_folder_have_one_query_a_camera_in_either_layout(market, tmp_path):
    listed = tmp_path / "people.txt"
    listed.write_text("0002\n11\n")
    inside = reid_protocol(market, listed)
    assert inside.name == "market1501-train2"
    flat = reid_protocol(market / "bounding_box_train", listed)
    for protocol in (inside, flat):
        assert len(protocol.queries) == 4 and len(protocol.gallery) == 8
        assert all("_000000_" in protocol.crops[index].path.name for index in protocol.queries)
        assert [len(group) for group in protocol.companions] == [3] * 4
    write_crop(market / "bounding_box_train", 0, 1, 9)
    assert 0 in reid_protocol(market / "bounding_box_train", listed).identities
    listed.write_text("0002 0004")
    with pytest.raises(BadInput, match="0004: no crop of these people"):
        reid_protocol(market, listed)


def test_crops_that_cannot_be_read_leave_the_protocol(market):
    protocol = reid_protocol(market)
    gone = [int(protocol.queries[2]), int(protocol.gallery[3]), int(protocol.companions[0][0])]
    left = protocol.excluding(gone)
    assert len(left.crops) == len(protocol.crops) - 3
    assert len(left.queries) == 8 and len(left.gallery) == len(protocol.gallery) - 1
    kept = [protocol.crops[i].path for i in protocol.queries if i != gone[0]]
    assert [left.crops[i].path for i in left.queries] == kept
    for query, group in zip(left.queries, left.companions):
        assert (left.identities[group] == left.identities[query]).all()
        assert (left.cameras[group] == left.cameras[query]).all()
    with pytest.raises(BadInput, match="no readable query"):
        protocol.excluding(list(protocol.queries))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "teacher" / "reid.safetensors"
    path.parent.mkdir()
    torch.manual_seed(0)
    network = PCB(SMALL)
    data = {"set": "people of a test", "identities": 3, "crops": 30}
    save_networks(path, "reid", {"reid": network}, SMALL, data=data, steps=7)
    return path


def test_descriptors_with_and_without_the_mirror_image_are_named_and_differ(weights):
    plain, mirrored = open_describers([str(weights)], mirrored=[False, True])
    assert isinstance(plain, PcbDescriber)
    assert plain.name == "teacher (no mirror image)"
    assert mirrored.name == "teacher (with mirror image)"
    assert mirrored.training == "people of a test, 3 people in 30 crops, 7 steps"
    rng = np.random.default_rng(0)
    sizes = [(128, 64), (40, 30), (128, 64), (20, 11)]
    images = [rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    turned = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    np.testing.assert_allclose(
        mirrored.unit_descriptors(images), mirrored.unit_descriptors(turned), atol=1e-5
    )
    first, second = plain.unit_descriptors(images), plain.unit_descriptors(turned)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(first[1], plain.unit_descriptors(images[1:2])[0], atol=1e-5)


def run(*arguments):
    return CliRunner().invoke(eval_reid, [str(a) for a in arguments])


def test_the_command_prints_one_table_and_counts_what_it_cannot_read(market, weights):
    rng = np.random.default_rng(0)
    for path in sorted((market / "query").iterdir()):  # pictures that differ
        cv2.imwrite(str(path), rng.integers(0, 255, (32, 16, 3), np.uint8))
    both = [weights, "--images", market, "--descriptor", "plain", "--descriptor", "mirrored"]
    result = run(*both)
    assert result.exit_code == 0, result.exception
    assert "market1501: 9 queries of 3 people" in result.output
    assert len(re.findall(r"teacher \(no mirror image\) +multi-query, max ", result.output)) == 1
    assert "mAP (trapezoid)" in result.output and "better by" in result.output
    content = json.loads(run(*both, "--json").stdout)
    assert len(content["rows"]) == 6 and content["answerable"] == 9
    drawn = [json.loads(run(*both, "--json", "--seed", 4).stdout)["rows"] for _ in range(2)]
    assert drawn[0] == drawn[1]
    broken = next((market / "bounding_box_test").glob("0003*"))
    broken.write_bytes(b"no picture")
    result = run(weights, "--images", market)
    assert result.exit_code == 0 and "left out: 1 crops that cannot be read" in result.output
    assert broken.name in result.output
    assert run(weights, "--images", market, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.safetensors"], "weights need both"),
        (["shipped", "shipped"], "given twice"),
        (["shipped", "--people", "nowhere.txt"], "cannot be opened"),
        (["shipped", "--bodies", "nobody's"], "method nobody's: expected one of"),
        (["shipped", "--bodies", "rstg", "--networks", "."], "no weights of `synth train pn-gan`"),
    ],
)
def test_bad_requests_fail_at_once(arguments, message, market):
    result = run(*arguments, "--images", market)
    assert isinstance(result.exception, BadInput) and message in str(result.exception)


def test_weights_that_describe_no_crops_and_crops_that_nobody_answers_are_refused(
    tmp_path, weights
):
    from textures.checkpoints import shipped_weights

    write_crop(tmp_path / "flat", 4, 1, 1)
    write_crop(tmp_path / "flat", 4, 1, 2)
    result = run(weights, "--images", tmp_path / "flat")
    assert "nothing can be scored" in str(result.exception)
    result = run(shipped_weights("attire"), "--images", tmp_path / "flat")
    assert "weights of kind attire, which describe no crops" in str(result.exception)
