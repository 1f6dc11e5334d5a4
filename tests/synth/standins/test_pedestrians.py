"""Rendered pedestrians: what is said about a crop is true of it; the layout is Market-1501's."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.standins.pedestrians import MarketSize, sample_pedestrians, write_pedestrians
from synth.standins.poses import sample_poses, turn_pelvis
from textures.library import read_library
from textures.market1501 import is_market1501, read_split
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import sample_texture

TINY = MarketSize(
    train_identities=2,
    test_identities=2,
    images_per_camera=1,
    distractors=2,
    junk=2,
    texture_size=32,
)


@pytest.fixture(scope="module")
def skinning(body):
    return Skinning(body)


@pytest.fixture(scope="module")
def people(body, skinning):
    textures = np.zeros((2, 16, 16, 3), np.uint8)
    textures[0], textures[1] = (220, 30, 30), (30, 30, 220)
    return sample_pedestrians(
        body,
        skinning,
        rng=np.random.default_rng(0),
        count=16,
        textures=textures,
        occluded=0.0,
    )


def test_mask_and_uv_are_those_of_the_body_and_camera_given(body, skinning, people):
    for n in range(4):
        vertices, joints = skin(
            skinning,
            pose=people.pose[n : n + 1],
            betas=people.betas[n],
            translation=people.translation[n : n + 1],
        )
        np.testing.assert_allclose(joints[0], people.joints[n], atol=1e-5)
        assert vertices[..., 1].min() == pytest.approx(0, abs=1e-5)
        buffer = visibility(vertices[0], body.faces, people.camera(n))
        agree = buffer.covered == people.mask[n]
        assert agree.mean() > 0.999
        both = buffer.covered & people.mask[n]
        near = np.abs(texel_map(buffer, body.mesh) - people.uv[n]).max(axis=-1)[both]
        assert np.quantile(near, 0.98) < 1e-3


def test_the_picture_shows_the_texture(people):
    for n in range(len(people)):
        mask = cv2.erode(people.mask[n].astype(np.uint8), np.ones((5, 5))) > 0
        colour = np.median(people.image[n][mask].astype(int), axis=0)
        if people.texture[n] == 0:
            assert colour[0] > colour[2] + 30
        else:
            assert colour[2] > colour[0] + 30


def test_dressed_people_cover_more_and_carry_what_is_no_part_of_them(body, skinning):
    from synth.garments.wardrobe_forms import prepare_forms
    from textures.wardrobe.outfit import sample_outfit

    outfit = replace(sample_outfit(np.random.default_rng(3)), bag="backpack")
    textures = [np.full((64, 64, 3), (20, 220, 20), np.uint8)]
    people = sample_pedestrians(
        body,
        skinning,
        rng=np.random.default_rng(4),
        count=8,
        textures=textures,
        forms=prepare_forms(body),
        outfits=[replace(outfit, bag_colour=(0.9, 0.05, 0.05))],
        occluded=0.0,
    )
    assert not (people.mask & people.carried).any()
    assert people.carried.any(axis=(1, 2)).sum() >= 4
    assert not people.parts[people.carried].any() and not people.uv[people.carried].any()
    assert ((people.parts > 0) == people.mask).all()
    red = people.image[people.carried].astype(int)
    assert np.median(red[:, 0] - red[:, 1]) > 20  # the bag's colour, not the cloth's
    for n in range(8):
        vertices, _ = skin(
            skinning,
            pose=people.pose[n : n + 1],
            betas=people.betas[n],
            translation=people.translation[n : n + 1],
        )
        bare = visibility(vertices[0], body.faces, people.camera(n)).covered
        assert not (bare & ~people.mask[n] & ~people.carried[n])[2:-2, 2:-2].any()
        assert vertices[..., 1].min() > 0.002  # soles between the foot and the ground


def test_outfits_need_the_bodys_forms(body, skinning):
    from textures.wardrobe.outfit import sample_outfit

    with pytest.raises(ValueError, match="without the body's forms"):
        sample_pedestrians(
            body,
            skinning,
            rng=np.random.default_rng(0),
            count=1,
            textures=np.zeros((1, 8, 8, 3), np.uint8),
            outfits=[sample_outfit(np.random.default_rng(0))],
        )


def test_joints_lie_in_the_mask(people):
    pixels = people.joint_pixels()
    inside = ((pixels >= 0) & (pixels < (64, 128))).all(axis=-1)
    rows, columns = pixels[..., 1].astype(int), pixels[..., 0].astype(int)
    grown = np.stack([cv2.dilate(m.astype(np.uint8), np.ones((3, 3))) for m in people.mask])
    hits = [grown[n, rows[n][inside[n]], columns[n][inside[n]]].mean() for n in range(len(people))]
    assert np.mean(hits) > 0.98
    assert inside.mean() > 0.85
    # Parts and mask agree; most people fill most of the height.
    assert ((people.parts > 0) == people.mask).all()
    height = np.array([np.ptp(np.nonzero(m.any(axis=1))[0]) + 1 for m in people.mask])
    assert 95 < np.median(height) <= 128


def test_uv_reads_back_the_texture(body, skinning):
    """A texture that encodes its own UV is seen as the UV map says."""
    size = 64
    v, u = np.meshgrid(np.linspace(1, 0, size), np.linspace(0, 1, size), indexing="ij")
    texture = np.stack([u, v, np.zeros_like(u)], axis=-1)
    rng = np.random.default_rng(1)
    people = sample_pedestrians(
        body, skinning, rng=rng, count=2, textures=[(texture * 255).astype(np.uint8)], occluded=0
    )
    expected = sample_texture(texture, people.uv[0])[people.mask[0]]
    shown = people.image[0][people.mask[0]] / 255
    for channel in (0, 1):
        assert np.corrcoef(expected[:, channel], shown[:, channel])[0, 1] > 0.6


def test_poses_are_of_people_on_foot(body, skinning):
    rng = np.random.default_rng(2)
    pose = sample_poses(rng, 200)
    _, joints = skin(skinning, pose=pose, betas=np.zeros(10), translation=np.zeros((200, 3)))
    left, right = joints[:, 20], joints[:, 21]
    # Arms are never spread: wrists stay within half a metre of the trunk's side.
    assert np.quantile(np.abs(joints[:, [20, 21], 0]), 0.98) < 0.55
    assert (left[:, 0] > right[:, 0]).mean() > 0.95
    head = joints[:, 15] - joints[:, 0]
    assert (head[:, 1] > 0.5).all()
    assert (joints[:, [7, 8], 1].min(axis=1) < joints[:, 0, 1] - 0.6).all()
    # Forward is +z: knees bend so that shins go back, elbows so that hands come forward.
    knees = joints[:, [4, 5], 2] - (joints[:, [1, 2], 2] + joints[:, [7, 8], 2]) / 2
    assert (knees > -0.01).mean() > 0.98
    elbows = joints[:, [18, 19], 2] - (joints[:, [16, 17], 2] + joints[:, [20, 21], 2]) / 2
    assert (elbows < 0.02).mean() > 0.95
    turn = turn_pelvis(pose, np.full(200, np.pi / 2))
    _, rotated = skin(skinning, pose=turn, betas=np.zeros(10), translation=np.zeros((200, 3)))
    relative, after = joints - joints[:, :1], rotated - rotated[:, :1]
    np.testing.assert_allclose(after[..., 0], relative[..., 2], atol=1e-4)  # +z went to +x
    np.testing.assert_allclose(after[..., 1], relative[..., 1], atol=1e-4)


def test_the_generator_alone_decides(body, skinning):
    textures = np.zeros((1, 8, 8, 3), np.uint8)
    first, second = (
        sample_pedestrians(body, skinning, rng=np.random.default_rng(9), count=3, textures=textures)
        for _ in range(2)
    )
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name), err_msg=name)


def test_the_layout_is_market1501s(body, tmp_path):
    out = tmp_path / "market"
    crops = write_pedestrians(out, body=body, seed=4, size=TINY, progress=False)
    assert is_market1501(out)
    splits = {split: read_split(out, split) for split in ("train", "query", "gallery")}
    found = {split: len(crops) for split, crops in splits.items()}
    assert found == crops | {"gallery": crops["gallery"] - TINY.junk}  # readers drop junk
    assert len(list((out / "bounding_box_test").glob("-1_c*.jpg"))) == TINY.junk
    identities = {s: {c.name.identity for c in found} for s, found in splits.items()}
    assert len(identities["train"]) == 2
    assert len(identities["query"]) == 2
    assert not identities["train"] & identities["query"]
    assert identities["gallery"] == identities["query"] | {0}
    for identity in identities["query"]:
        cameras = {c.name.camera for c in splits["query"] if c.name.identity == identity}
        others = {c.name.camera for c in splits["gallery"] if c.name.identity == identity}
        assert len(cameras) >= 2  # so that a query finds the person under another camera
        assert cameras == others
    image = cv2.imread(str(splits["train"][0].path))
    assert image.shape == (128, 64, 3)
    # True textures, one an identity, in a library others can read.
    library = read_library(out / "true_textures", body)
    assert {int(e.identity) for e in library} == identities["train"] | identities["query"]
    assert all(entry.stand_in for entry in library)
    with np.load(out / "truth" / "query.npz") as truth:
        assert set(truth["name"]) == {c.path.name for c in splits["query"]}
        assert truth["pose"].shape == (len(splits["query"]), 72)
        assert truth["mask"].any(axis=(1, 2)).all()


def test_the_same_seed_gives_the_same_bytes_and_another_is_refused(body, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for out in (first, second):
        write_pedestrians(out, body=body, seed=4, size=TINY, progress=False)
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all((first / f).read_bytes() == (second / f).read_bytes() for f in files)
    before = {f: (first / f).stat().st_mtime_ns for f in files}
    write_pedestrians(first, body=body, seed=4, size=TINY, progress=False)  # there already
    assert before == {f: (first / f).stat().st_mtime_ns for f in files}
    with pytest.raises(BadInput, match="already holds something else"):
        write_pedestrians(first, body=body, seed=5, size=TINY, progress=False)
    with pytest.raises(BadInput, match="at least 2, 2 and 1"):
        write_pedestrians(
            tmp_path / "c", body=body, seed=1, size=MarketSize(train_identities=1), progress=False
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
