"""COCO's labels of films: runs that another decoder reads, boxes, keypoints where the joints are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.bodies.body import JOINT_NAMES
from mocap.errors import BadInput
from synth.clips.clip import publish, read_clip
from synth.clips.video_files import read_video
from synth.exports.coco import COCO_KEYPOINTS, annotation_of, coco_order, export_coco, keypoint_rows
from synth.exports.run_lengths import run_length_text, run_lengths
from tests.synth.crowd_clip import make_crowd
from tests.synth.film_clip import make_clip


def decoded_runs(text: str) -> list[int]:
    """COCO's compressed text as run lengths, after the description in its maskApi.c."""
    runs: list[int] = []
    position = 0
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            character = ord(text[position]) - 48
            value |= (character & 0x1F) << (5 * shift)
            more = bool(character & 0x20)
            position += 1
            shift += 1
            if not more and character & 0x10:
                value |= -1 << (5 * shift)
        if len(runs) > 2:
            value += runs[-2]
        runs.append(value)
    return runs


def decoded_mask(segmentation: dict) -> np.ndarray:
    counts = segmentation["counts"]
    counts = decoded_runs(counts) if isinstance(counts, str) else counts
    height, width = segmentation["size"]
    assert sum(counts) == height * width
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return columns.reshape(width, height).T


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_any_mask_comes_back_from_its_runs(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    runs = run_lengths(mask)
    for counts in (runs, run_length_text(runs)):
        decoded = decoded_mask({"size": [height, width], "counts": counts})
        np.testing.assert_array_equal(decoded, mask)
    assert all(run > 0 for run in runs[1:])


def test_the_text_is_the_one_that_coco_writes():
    # By hand, of maskApi.c's rleToString: 48 + 6; 48 + 1; 40 = 8 | 32, then 1; from the fourth run on
    # less the one two before (13 - 40 = -27).
    assert run_length_text([6, 1, 40, 4, 13]) == "61X13UO"
    assert decoded_runs("61X13UO") == [6, 1, 40, 4, 13]


def test_the_first_pixel_may_be_of_the_body():
    mask = np.zeros((2, 3), bool)
    mask[0, 0] = True
    assert run_lengths(mask) == [0, 1, 5]


@pytest.fixture(scope="module", params=["compact", "surreal"])
def films(request, body, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    made = make_clip(body, frames=4, channels=("segm", "depth"), layout=request.param)
    for stem in ("train/a", "val/b"):
        row = replace(made.row, stem=stem, split=stem.split("/")[0])
        replace(made, row=row).write(folder / "partial")
        publish(folder / "partial", folder, row)
    (folder / "partial").rmdir()
    return folder


def test_labels_of_every_frame_are_those_of_the_clip(films, tmp_path):
    summary = export_coco(films, tmp_path / "labels.json", images=tmp_path / "images")
    document = json.loads((tmp_path / "labels.json").read_text())
    assert summary.images == len(document["images"]) == 8 and summary.left_out == []
    assert [image["id"] for image in document["images"]] == list(range(1, 9))
    (category,) = document["categories"]
    assert tuple(category["keypoints"]) == COCO_KEYPOINTS
    assert tuple(category["smpl_keypoints"]) == JOINT_NAMES
    people = {annotation["image_id"]: annotation for annotation in document["annotations"]}
    for image in document["images"]:
        clip = read_clip(films / Path(image["file_name"]).parent)
        frame = image["frame"]
        annotation = people[image["id"]]
        mask = clip.truth.parts[frame] > 0
        np.testing.assert_array_equal(decoded_mask(annotation["segmentation"]), mask)
        x, y, width, height = annotation["bbox"]
        boxed = np.zeros_like(mask)
        boxed[y : y + height, x : x + width] = True
        assert not (mask & ~boxed).any() and annotation["area"] == mask.sum()
        assert mask[y].any() and mask[:, x].any() and mask[:, x + width - 1].any()
        smpl = np.array(annotation["smpl_keypoints"]).reshape(24, 3)
        labelled = smpl[:, 2] > 0
        np.testing.assert_array_equal(labelled, clip.truth.joints_inside[frame])
        np.testing.assert_array_equal(
            smpl[labelled, 2] == 2, clip.truth.joints_visible[frame][labelled]
        )
        expected = clip.truth.joints2d[frame][labelled] - 0.5
        np.testing.assert_allclose(smpl[labelled, :2], expected, atol=0.006)
        coco = np.array(annotation["keypoints"]).reshape(17, 3)
        assert not coco[:5].any()
        for name in COCO_KEYPOINTS[5:]:
            row = smpl[JOINT_NAMES.index(name)]
            np.testing.assert_array_equal(coco[COCO_KEYPOINTS.index(name)], row)
        assert annotation["num_keypoints"] == (coco[:, 2] > 0).sum()
        picture = cv2.imread(str(tmp_path / "images" / image["file_name"]))
        assert picture.shape[:2] == (image["height"], image["width"])
        # A visible joint lies on the body in the picture that was written, mirrored film or not.
        difference = np.abs(picture[..., ::-1].astype(int) - clip.frames[frame]).mean()
        assert difference < 4
        mirrored = read_video(films / image["video"])[frame][:, ::-1]
        assert image.get("video_mirrored", False) == np.array_equal(mirrored, clip.frames[frame])


def test_a_part_of_the_films_is_chosen(films, tmp_path):
    out = tmp_path / "labels.json"
    export_coco(films, out, step=3, split="val", compressed=False)
    document = json.loads(out.read_text())
    assert [image["file_name"] for image in document["images"]] == [
        "val/b/000000.jpg",
        "val/b/000003.jpg",
    ]
    assert isinstance(document["annotations"][0]["segmentation"]["counts"], list)
    assert export_coco(films, out, clips=1).images == 4
    with pytest.raises(BadInput, match="split test"):
        export_coco(films, out, split="test")


def test_joints_beyond_the_picture_are_not_labelled():
    joints = np.full((24, 2), 10.25)
    joints[3] = np.nan
    inside = np.ones(24, bool)
    inside[5] = False
    visible = np.zeros(24, bool)
    visible[0] = True
    rows = keypoint_rows(joints, visible, inside)
    assert rows[0].tolist() == [9.75, 9.75, 2] and rows[1].tolist() == [9.75, 9.75, 1]
    assert not rows[[3, 5]].any()
    assert coco_order(rows)[COCO_KEYPOINTS.index("right_knee")].tolist() == [0, 0, 0]


def test_a_frame_without_the_body_has_nobody(films):
    clip = read_clip(films / "train" / "a")
    empty = replace(clip, truth=replace(clip.truth, parts=np.zeros_like(clip.truth.parts)))
    assert annotation_of(empty, 0) is None and annotation_of(clip, 0) is not None


def test_clips_without_masks_are_named_and_left_out(body, tmp_path):
    made = make_clip(body, frames=2, channels=("segm",), layout="compact")
    for stem in ("train/a", "train/b"):
        row = replace(made.row, stem=stem)
        replace(made, row=row).write(tmp_path / "partial")
        publish(tmp_path / "partial", tmp_path / "films", row)
    masks = [p for p in (tmp_path / "films" / "train").iterdir() if "segm" in p.name]
    masks[0].unlink()
    lines: list[str] = []
    summary = export_coco(tmp_path / "films", tmp_path / "a.json", report=lines.append)
    assert summary.images == 2 and len(summary.left_out) == 1 and "segm" in lines[0]
    masks[1].unlink()
    (tmp_path / "a.json").unlink()
    with pytest.raises(BadInput, match="none of its 2 clips"):
        export_coco(tmp_path / "films", tmp_path / "a.json", report=lines.append)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["films", "partial"]


@pytest.fixture(scope="module")
def crowd_films(body, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    made, _ = make_crowd(body, channels=("segm", "instances"))
    made.write(folder / "partial")
    publish(folder / "partial", folder, made.row)
    return folder


def test_everybody_has_an_annotation_and_a_mask(crowd_films, tmp_path):
    summary = export_coco(crowd_films, tmp_path / "labels.json")
    document = json.loads((tmp_path / "labels.json").read_text())
    (stem,) = {str(Path(image["file_name"]).parent) for image in document["images"]}
    clip = read_clip(crowd_films / stem)
    instances = clip.truth.instances
    expected = {(t, p) for t in range(4) for p in (1, 2, 3) if (instances[t] == p).any()}
    assert summary.annotations == len(document["annotations"]) == len(expected)
    assert [a["id"] for a in document["annotations"]] == list(range(1, len(expected) + 1))
    for annotation in document["annotations"]:
        frame = annotation["image_id"] - 1
        person = ["0001", "0002", "0003"].index(annotation["identity"])
        expected.remove((frame, person + 1))
        mask = instances[frame] == person + 1
        np.testing.assert_array_equal(decoded_mask(annotation["segmentation"]), mask)
        assert annotation["area"] == mask.sum()
        smpl = np.array(annotation["smpl_keypoints"]).reshape(24, 3)
        theirs = slice(24 * person, 24 * person + 24)
        np.testing.assert_array_equal(smpl[:, 2] == 2, clip.truth.joints_visible[frame, theirs])
        placed = clip.truth.joints2d[frame, theirs] - 0.5
        np.testing.assert_allclose(smpl[:, :2], placed, atol=0.006)
        # As pycocotools' loader asks: visible keypoints lie in or about the person's own box.
        x, y, width, height = annotation["bbox"]
        seen = smpl[smpl[:, 2] == 2, :2]
        assert ((seen >= (x - 2, y - 2)) & (seen <= (x + width + 1, y + height + 1))).all()
    assert not expected
    two = [a for a in document["annotations"] if a["image_id"] == 1][:2]
    assert not (decoded_mask(two[0]["segmentation"]) & decoded_mask(two[1]["segmentation"])).any()


def test_a_clip_of_several_needs_instances(body, tmp_path):
    made, _ = make_crowd(body, channels=("segm",))
    made.write(tmp_path / "partial")
    publish(tmp_path / "partial", tmp_path / "films", made.row)
    lines: list[str] = []
    with pytest.raises(BadInput, match="none of its 1 clips"):
        export_coco(tmp_path / "films", tmp_path / "a.json", report=lines.append)
    assert "no instances, of which masks are made" in lines[0]
    assert "--channels instances" in lines[0]
