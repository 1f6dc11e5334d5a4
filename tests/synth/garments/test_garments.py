"""Garments are whole, lie outside the body that wears them in every pose, and show its texture."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mocap.bodies.skinning import Skinning, skin
from synth.garments.attire import Attire, Hair, Lower, Luggage, Upper
from synth.garments.dressing import make_garments
from synth.garments.garment import dressed_body, joint_frames, posed_garment
from synth.garments.wardrobe_forms import prepare_forms
from synth.standins.arm_reach import arm_rotations
from synth.standins.poses import sample_poses
from synth.standins.street_poses import sample_street_pose
from synth.standins.tailoring import LUGGAGE_SIZES, attire_of_outfit
from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at
from textures.visibility.uv_layout import sample_texture
from textures.wardrobe.outfit import sample_outfit

SHIRT = Upper(lower=-0.3, sleeve=0.42, ease=0.012, cuff=0.03, flare=0.02, folds=(0.015, 7, 0.0))
SHORTS = Lower(skirt=False, upper=-0.14, lower=-0.6, ease=0.012, hem=0.04)
SKIRT = Lower(skirt=True, upper=-0.13, lower=-0.8, ease=0.015, hem=0.06, folds=(0.02, 8, 0.0))
WIDE = Lower(skirt=False, upper=-0.14, lower=-1.04, ease=0.012, hem=0.03, folds=(0.01, 5, 0.0))
BACKPACK = Luggage(kind="backpack", colour=(0.8, 0.1, 0.1), side=1, size=(0.3, 0.45, 0.16))
ATTIRES = {
    "summer": Attire(top=SHIRT, bottom=SHORTS, hair=Hair(style="short", thickness=0.02)),
    "coat": Attire(
        top=replace(SHIRT, lower=-0.75, sleeve=1.0, flare=0.05, hood=0.05),
        bottom=WIDE,
        hair=Hair(style="ponytail", thickness=0.01, length=0.15),
        headwear="cap",
    ),
    "skirt": Attire(
        top=replace(SHIRT, lower=-0.16),
        bottom=SKIRT,
        hair=Hair(style="long", thickness=0.02, length=0.22),
        headwear="hat",
    ),
    "bun": Attire(top=SHIRT, bottom=SHORTS, hair=Hair(style="bun", thickness=0.01)),
}


@pytest.fixture(scope="module")
def forms(body):
    return prepare_forms(body)


@pytest.fixture(scope="module")
def skinning(body):
    return Skinning(body)


def all_luggage():
    return tuple(
        Luggage(kind=kind, colour=(0.2, 0.3, 0.9), side=side, size=low)
        for kind, (low, _) in LUGGAGE_SIZES.items()
        for side in (1, -1)
    ) + tuple(
        Luggage(kind=kind, colour=(0.2, 0.2, 0.2), side=1, size=(0.6, 1.0, 1.7))
        for kind in ("ridden bicycle", "pushed bicycle")
    )


@pytest.fixture(scope="module")
def worn(body, forms):
    """Everything there is, by attire, and all luggage."""
    template = body.template.astype(np.float64)
    attires = ATTIRES | {"luggage": replace(ATTIRES["bun"], luggage=all_luggage())}
    return {name: make_garments(forms, template, attire) for name, attire in attires.items()}


def test_meshes_are_well_formed_and_weights_sum_to_one(worn):
    for name, garments in worn.items():
        for garment in garments:
            label = f"{name}: {garment.kind}"
            count = len(garment.vertices)
            assert np.isfinite(garment.vertices).all(), label
            np.testing.assert_allclose(garment.weights.sum(1), 1, atol=1e-5, err_msg=label)
            assert garment.weights.min() >= 0, label
            assert garment.weights.shape == (count, 24), label
            assert garment.faces.min() >= 0 and garment.faces.max() < count, label
            pairs = Counter(
                (int(a), int(b))
                for face in garment.faces
                for a, b in zip(face, np.roll(face, -1), strict=True)
            )
            # No side of a face is run through twice in one direction: orientations agree.
            assert max(pairs.values()) == 1, label
            if garment.carried and garment.kind != "strap":
                assert all(pair[::-1] in pairs for pair in pairs), f"{label} is not closed"
                volume = np.einsum(
                    "fd,fd->f",
                    garment.vertices[garment.faces[:, 0]],
                    np.cross(*(garment.vertices[garment.faces[:, k]] for k in (1, 2))),
                ).sum()
                assert volume > 0, f"{label} is inside out"
            if garment.carried:
                assert garment.colour is not None and not garment.face_parts.any()
            else:
                assert garment.uv.min() >= 0 and garment.uv.max() <= 1, label
                assert garment.uv_faces.max() < len(garment.uv), label
                assert garment.face_parts.min() >= 1 and garment.face_parts.max() <= 24, label


def signed_distances(body, vertices, points):
    """Metres of points outside a posed body, by the side of the nearest of many surface points."""
    corners = vertices[body.faces]
    shares = np.array([(i, j, 6 - i - j) for i in range(7) for j in range(7 - i)]) / 6
    large = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1) > 0.008
    positions = np.concatenate(
        [corners.mean(1), np.einsum("sk,fkd->fsd", shares, corners[large]).reshape(-1, 3)]
    )
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    normals = np.concatenate([normals, np.repeat(normals[large], len(shares), axis=0)])
    distance, nearest = cKDTree(positions).query(points)
    outside = ((points - positions[nearest]) * normals[nearest]).sum(1) > 0
    return np.where(outside, distance, -distance)


def test_clothes_lie_outside_the_body_in_the_t_pose(body, worn):
    template = body.template.astype(np.float64)
    for name, garments in worn.items():
        for garment in garments:
            if not garment.carried:
                signed = signed_distances(body, template, garment.vertices)
                # A tail grows out of the head, a brim out of the hat, a leg out of its shoe.
                rooted = garment.kind in ("hair", "cap", "hat", "shoe")
                least = 0.6 if rooted else 0.985
                assert (signed > -0.004).mean() > least, f"{name}: {garment.kind}"
                # Long hair at the sides ends in the shoulders, out of sight, where it would lie.
                deepest = -0.07 if garment.kind == "hair" else -0.03
                assert signed.min() > deepest, f"{name}: {garment.kind} {signed.min()}"


def test_clothes_lie_outside_the_body_in_many_poses(body, skinning, worn):
    poses = sample_poses(np.random.default_rng(8), 20)
    zeros = np.zeros((20, 3))
    vertices, _ = skin(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    frames = joint_frames(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    deep = Counter()
    total = Counter()
    pieces = [(name, garment) for name in ATTIRES for garment in worn[name]]
    for n in range(20):
        points = [posed_garment(g, frames[n], vertices[n], np.eye(3)) for _, g in pieces]
        together = np.concatenate(points)
        signed = signed_distances(body, vertices[n].astype(np.float64), together)
        ends = np.cumsum([len(p) for p in points])[:-1]
        for (name, garment), distances in zip(pieces, np.split(signed, ends)):
            deep[name, garment.kind] += int((distances < -0.01).sum())
            total[name, garment.kind] += len(distances)
    shares = {key: deep[key] / total[key] for key in total}
    assert max(shares.values()) < 0.06, shares
    assert sum(deep.values()) / sum(total.values()) < 0.02, shares


def test_nothing_of_the_legs_is_outside_a_skirt(body, skinning, worn):
    """In every direction the cloth reaches farther than each point of the limbs beside it."""
    skirt = next(garment for garment in worn["skirt"] if garment.kind == "skirt")
    rng = np.random.default_rng(1)
    poses = np.stack([sample_street_pose(rng).ravel() for _ in range(12)])
    zeros = np.zeros((12, 3))
    vertices, _ = skin(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    frames = joint_frames(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    for n in range(12):
        rings, _ = skirt.drape.rings(vertices[n], frames[n, 0, :, :3])
        directions = skirt.drape.directions @ frames[n, 0, :, :3].T
        points = skirt.drape.slices.values(vertices[n])
        legs = np.einsum("rad,rmd->ram", directions, points)
        legs[~np.broadcast_to(skirt.drape.slices.valid[:, None], legs.shape)] = -np.inf
        cloth = (rings * directions).sum(-1)
        assert (cloth > legs.max(-1) + 0.01).all()


def test_skinned_garments_move_as_the_body_does(body, skinning):
    """The frames skin the body's template to where the body's own skinning takes it."""
    rng = np.random.default_rng(3)
    poses = sample_poses(rng, 3)
    betas, translation = rng.normal(size=10), rng.normal(size=(3, 3))
    vertices, _ = skin(skinning, pose=poses, betas=betas, translation=translation)
    shaped, _ = skin(skinning, pose=np.zeros((1, 72)), betas=betas, translation=np.zeros((1, 3)))
    frames = joint_frames(skinning, pose=poses, betas=betas, translation=translation)
    for n in range(3):
        blended = np.einsum("vj,jab->vab", body.weights, frames[n])
        placed = np.einsum("vab,vb->va", blended[..., :3], shaped[0]) + blended[..., 3]
        np.testing.assert_allclose(placed, vertices[n], atol=2e-5)


def test_what_hangs_from_a_hand_hangs_straight_down(worn, skinning):
    bag = next(g for g in worn["luggage"] if g.kind == "carrier")
    pose = np.zeros((1, 72), np.float32)
    pose[0, 16 * 3 + 2] = -1.2  # the left arm comes down
    frames = joint_frames(skinning, pose=pose, betas=np.zeros(10), translation=np.zeros((1, 3)))
    points = posed_garment(bag, frames[0], np.zeros((1, 3)), np.eye(3))
    lowest = points[points[:, 1].argmin()]
    assert abs(points[1:, 0].mean() - points[0, 0]) < 0.02
    assert lowest[1] < points[0, 1] - 0.2
    rest = bag.vertices - bag.vertices[0]
    np.testing.assert_allclose(points - points[0], rest, atol=1e-5)


def test_a_rider_sits_on_the_saddle_with_hands_and_feet_where_the_bicycle_is(skinning, worn):
    bicycle = next(g for g in worn["luggage"] if g.kind == "ridden bicycle")
    rng = np.random.default_rng(2)
    thing = Luggage(kind="ridden bicycle", colour=(0, 0, 0), side=1, size=(0.6, 1.0, 1.7))
    poses = np.stack([sample_street_pose(rng, (thing,)).ravel() for _ in range(10)])
    poses[:, :3] = 0
    zeros = np.zeros((10, 3))
    _, joints = skin(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    frames = joint_frames(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    points = posed_garment(bicycle, frames[0], np.zeros((1, 3)), np.eye(3))
    ground, front = points[1:, 1].min(), points[1:, 2].max()
    assert (joints[:, [10, 11], 1] > ground - 0.05).all()  # no foot under the ground
    assert (joints[:, [10, 11], 1].min(1) < ground + 0.4).all()
    assert (joints[:, [20, 21], 2].max(1) > 0.25).all()  # a hand is ahead, at the bar
    assert (joints[:, [20, 21], 2].max(1) < front).all()


def test_the_same_attire_gives_the_same_bytes(body, forms):
    template = body.template.astype(np.float64)
    outfits = [sample_outfit(np.random.default_rng(seed)) for seed in range(6)]
    for outfit in outfits:
        first, second = (make_garments(forms, template, attire_of_outfit(outfit)) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            assert a.kind == b.kind
            assert a.vertices.tobytes() == b.vertices.tobytes()
            assert a.weights.tobytes() == b.weights.tobytes()
            assert a.faces.tobytes() == b.faces.tobytes()


def test_cloth_shows_the_texture_at_its_own_height(body, worn):
    """On a texture that is red where a skirt is and blue elsewhere, the skirt is red."""
    size = 256
    from textures.wardrobe.body_texels import prepare_body_texels

    texels = prepare_body_texels(body, size)
    colours = np.zeros((size, size, 3), np.float32)
    colours[texels.buffer.covered] = np.where(
        (texels.position[:, 1:2] < -0.1) & (texels.position[:, 1:2] > -0.83),
        [1, 0, 0],
        [0, 0, 1],
    )
    skirt = next(garment for garment in worn["skirt"] if garment.kind == "skirt")
    shown = sample_texture(colours, skirt.uv[skirt.uv_faces].reshape(-1, 2))
    assert (shown[:, 0] > 0.5).mean() > 0.97
    for garment in worn["skirt"]:
        if garment.kind == "hair":
            shown = sample_texture(colours, garment.uv[garment.uv_faces].reshape(-1, 2))
            assert (shown[:, 2] > 0.5).mean() > 0.97


def test_no_face_is_torn_across_a_seam_of_the_layout(body, worn):
    """A face is not much larger in the texture than faces of the body of its size are."""
    corners, uvs = body.template[body.faces], body.uv[body.mesh.uv_faces]

    def longest(points):
        return np.linalg.norm(points - np.roll(points, 1, axis=1), axis=-1).max(1)

    density = np.quantile(longest(uvs) / np.maximum(longest(corners), 1e-4), 0.98)
    for garments in worn.values():
        for garment in garments:
            if garment.uv is not None:
                ratio = longest(garment.uv[garment.uv_faces]) / np.maximum(
                    longest(garment.vertices[garment.faces]), 1e-3
                )
                assert (ratio < 5 * density).mean() > 0.99, garment.kind


def test_the_dressed_silhouette_holds_the_bare_one(body, skinning, worn):
    poses = sample_poses(np.random.default_rng(2), 4)
    zeros = np.zeros((4, 3))
    vertices, _ = skin(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    frames = joint_frames(skinning, pose=poses, betas=np.zeros(10), translation=zeros)
    camera = look_at((0, 0, 6), (0, -0.3, 0), focal=500, width=160, height=200)
    for name, garments in worn.items():
        dressed = dressed_body(body, garments, 256)
        for n in range(4):
            bare = visibility(vertices[n], body.faces, camera).covered
            placed = dressed.posed(vertices[n], frames[n])
            buffer = visibility(placed, dressed.mesh.faces, camera)
            assert not (bare & ~buffer.covered).any(), name
            assert buffer.covered.sum() > 1.03 * bare.sum(), name
            seen = dressed.carried[buffer.face] & buffer.covered
            assert seen.any() == (name == "luggage")


def test_an_arm_reaches_what_it_reaches_for():
    rng = np.random.default_rng(5)
    for side in (1, -1):
        for _ in range(20):
            target = rng.normal(size=3)
            target *= rng.uniform(0.15, 0.45) / np.linalg.norm(target)
            pole = rng.normal(size=3)
            shoulder, elbow = arm_rotations(side, target, pole, 0.26, 0.235)
            bone = np.array([side * 0.26, 0, 0])
            fore = np.array([side * 0.235, 0, 0])
            wrist = shoulder.apply(bone + elbow.apply(fore))
            np.testing.assert_allclose(wrist, target, atol=1e-6)
            direction = target / np.linalg.norm(target)
            aside = shoulder.apply(bone)
            aside -= direction * (aside @ direction)
            assert aside @ (pole - direction * (pole @ direction)) >= 0


def test_unknown_luggage_is_refused(body, forms):
    thing = Luggage(kind="piano", colour=(0, 0, 0), side=1, size=(1, 1, 1))
    attire = replace(ATTIRES["bun"], luggage=(thing,))
    with pytest.raises(ValueError, match="piano"):
        make_garments(forms, body.template.astype(np.float64), attire)
