"""Ground truth from the mesh: what a known motion must give, without Blender."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.bodies.body import Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from synth.scene.ground_truth import CHANNELS, TOLERANCE, GroundTruth, ground_truth
from tests.textures.ray_casting import cast_rays
from textures.visibility import buffer as plain
from textures.visibility.camera import Camera, intrinsic_matrix, look_at
from textures.visibility.rendering_tensor import texel_map


@pytest.fixture(scope="module")
def moving(body):
    """Five frames of a T-pose that moves 2 cm a frame to its left (+x) and 1 cm up, seen from +z."""
    step = np.arange(5)[:, None] * np.array([[0.02, 0.01, 0.0]])
    vertices, joints = skin(
        Skinning(body), pose=np.zeros((5, 72)), betas=np.zeros(10), translation=step
    )
    camera = look_at(np.array([0.0, 0, 8]), np.zeros(3), focal=600, width=320, height=240)
    return vertices, joints, camera, ground_truth(vertices, joints, body, [camera] * len(vertices))


@pytest.fixture(scope="module")
def walking(body):
    """Six frames of somebody who turns and swings arms and legs, and a camera that goes round."""
    time = np.arange(6)
    pose = np.zeros((6, 72))
    pose[:, 1] = 0.6 + 0.06 * time
    for joint, swing in ((1, 0.8), (2, -0.8), (4, 0.4), (16, -0.7), (17, 0.7)):
        pose[:, 3 * joint] = swing * np.sin(time / 3)
    pose[:, 3 * 16 + 2], pose[:, 3 * 17 + 2] = -1.1, 1.1
    translation = np.stack([0.03 * time, 0 * time, 0.02 * time], axis=1)
    vertices, joints = skin(
        Skinning(body), pose=pose, betas=np.linspace(-1, 1, 10), translation=translation
    )
    cameras = [
        look_at(
            (4 * np.sin(0.03 * n), 0.2, 4 * np.cos(0.03 * n)),
            joints[n, 0],
            focal=400 + 5 * n,
            width=320,
            height=240,
        )
        for n in range(6)
    ]
    return vertices, joints, cameras, ground_truth(vertices, joints, body, cameras)


def test_frames_are_those_between_the_ends(moving):
    vertices, joints, camera, truth = moving
    assert len(truth.parts) == len(vertices) - 2
    assert np.array_equal(truth.joints3d, joints[1:-1])
    pixels, _ = camera.project(joints[2])
    np.testing.assert_allclose(truth.joints2d[1], pixels, atol=1e-4)


def test_flow_has_the_sign_and_size_of_the_motion(moving):
    *_, truth = moving
    mask = truth.mask
    shift = 600 * np.array([0.02, -0.01]) / truth.depth[mask][:, None]  # up is -y in the image
    np.testing.assert_allclose(truth.flow_forward[mask], shift, atol=2e-3)
    np.testing.assert_allclose(truth.flow_backward[mask], -shift, atol=2e-3)
    assert not truth.flow_forward[~mask].any() and not truth.flow_backward[~mask].any()


def test_channels_agree_on_what_is_body(moving):
    *_, truth = moving
    assert np.array_equal(np.isfinite(truth.depth), truth.mask)
    length = np.linalg.norm(truth.normals, axis=-1)
    np.testing.assert_allclose(length, truth.mask, atol=1e-5)
    assert (truth.depth[truth.mask] > 7).all() and (truth.depth[truth.mask] < 9).all()


def test_left_is_on_the_right_of_somebody_who_faces_us(moving):
    *_, truth = moving
    columns = np.arange(320)
    for left, right in ((2, 3), (17, 18), (19, 20)):  # thighs, upper arms, forearms
        of = [(truth.parts[0] == part).sum(axis=0) for part in (left, right)]
        assert np.average(columns, weights=of[0]) > np.average(columns, weights=of[1]) + 10
    rows = np.arange(240)
    head, foot = ((truth.parts[0] == part).sum(axis=1) for part in (16, 8))
    assert np.average(rows, weights=head) < np.average(rows, weights=foot) - 80


def test_a_repeated_frame_has_no_flow(body):
    vertices, joints = skin(
        Skinning(body), pose=np.zeros((3, 72)), betas=np.zeros(10), translation=np.zeros((3, 3))
    )
    vertices[2] += 0.01
    camera = look_at(np.array([5.0, 0, 5]), np.zeros(3), focal=600, width=320, height=240)
    truth = ground_truth(vertices, joints, body, [camera] * len(vertices))
    assert not truth.flow_backward.any()
    assert np.linalg.norm(truth.flow_forward[truth.mask], axis=-1).min() > 0.1


def test_only_the_channels_asked_for_are_made(moving, body):
    vertices, joints, camera, whole = moving
    truth = ground_truth(vertices, joints, body, [camera] * len(vertices), channels=["depth"])
    assert np.array_equal(truth.depth, whole.depth) and np.array_equal(truth.parts, whole.parts)
    made = {
        field.name for field in dataclasses.fields(truth) if getattr(truth, field.name) is not None
    }
    always = {"parts", "joints2d", "joints3d", "joints_camera", "joints_visible", "joints_inside"}
    assert made == always | {"depth"}
    for channel in CHANNELS:
        truth = ground_truth(vertices, joints, body, [camera] * len(vertices), channels=[channel])
        for field in dataclasses.fields(truth):
            if (ours := getattr(truth, field.name)) is not None:
                assert np.array_equal(ours, getattr(whole, field.name)), (channel, field.name)
    with pytest.raises(ValueError, match="no channel albedo; there are depth, segm"):
        ground_truth(vertices, joints, body, [camera] * len(vertices), channels=["albedo"])


# ------------------------------------------------------------------ moving cameras


def still_body(body, frames, cameras):
    vertices = np.repeat(body.template[None], frames, axis=0)
    joints = np.repeat(body.rest_joints[None], frames, axis=0)
    return ground_truth(vertices, joints, body, cameras, channels=("depth", "gtflow", "occlusion"))


def homogeneous_pixels(mask):
    rows, columns = np.nonzero(mask)
    return np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)


def test_a_panning_camera_moves_a_still_body_by_its_homography(body):
    """A camera that only turns and zooms maps pixels to pixels whatever their depth: K' R' R^-1 K^-1."""
    middle = body.template.mean(axis=0)
    place = middle + np.array([0.8, 0.3, 5.0])
    cameras = [
        look_at(
            place,
            middle + np.array([turn, 0.2 * turn, 0]),
            focal=focal,
            width=320,
            height=240,
            roll=turn,
        )
        for turn, focal in ((-0.1, 390.0), (0.0, 400.0), (0.15, 420.0))
    ]
    truth = still_body(body, 3, cameras)
    mask = truth.mask[0]
    here = homogeneous_pixels(mask)
    for flow, other in ((truth.flow_forward, cameras[2]), (truth.flow_backward, cameras[0])):
        homography = (
            other.intrinsics
            @ other.rotation
            @ cameras[1].rotation.T
            @ np.linalg.inv(cameras[1].intrinsics)
        )
        there = here @ homography.T
        expected = there[:, :2] / there[:, 2:] - here[:, :2]
        assert np.abs(expected).max() > 5
        np.testing.assert_allclose(flow[0][mask], expected, atol=1e-3)
        # No parallax: what was seen stays seen, but for what leaves the image.
    assert not flow[0][~mask].any()
    assert not truth.occlusion_forward.any() and not truth.occlusion_backward.any()


def test_a_camera_that_slides_gives_parallax(body):
    """Slid along its own x by s, a camera sees a point at depth z move by -f s / z, and only so."""
    cameras = [
        Camera(
            intrinsics=intrinsic_matrix(400.0, (160, 120)),
            rotation=np.diag([1.0, -1.0, -1.0]),
            translation=np.array([-slide, 0.2, 4.0]),
            width=320,
            height=240,
        )
        for slide in (-0.1, 0.0, 0.05)
    ]
    truth = still_body(body, 3, cameras)
    mask = truth.mask
    for flow, slide in ((truth.flow_forward, 0.05), (truth.flow_backward, -0.1)):
        np.testing.assert_allclose(flow[mask][:, 0], -400 * slide / truth.depth[mask], atol=2e-3)
        np.testing.assert_allclose(flow[mask][:, 1], 0, atol=1e-3)


def test_a_still_body_before_a_moving_camera_flows(body):
    cameras = [
        look_at((0.3 * n, 0, 5), body.template.mean(axis=0), focal=400, width=320, height=240)
        for n in (0, 0, 1)
    ]
    truth = still_body(body, 3, cameras)
    assert not truth.flow_backward.any() and not truth.occlusion_backward.any()
    assert np.linalg.norm(truth.flow_forward[truth.mask], axis=-1).mean() > 0.2


# ------------------------------------------------------------------- visibility


def plates(*boxes, parts):
    """A body of upright rectangles (left, right, bottom, top, z), each of one part."""
    vertices, faces = [], []
    for left, right, bottom, top, z in boxes:
        n = len(vertices)
        vertices += [[left, bottom, z], [right, bottom, z], [right, top, z], [left, top, z]]
        faces += [[n, n + 1, n + 2], [n, n + 2, n + 3]]
    vertices = np.array(vertices, np.float32)
    faces = np.array(faces, np.int32)
    return Body(
        mesh=Mesh(
            name="plates",
            uv_layout="plates",
            vertices=vertices,
            faces=faces,
            uv=np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (len(boxes), 1)),
            uv_faces=faces,
            face_parts=np.repeat(np.array(parts, np.uint8), 2),
        ),
        shape_directions=np.zeros((*vertices.shape, 10), np.float32),
        joint_regressor=np.zeros((24, len(vertices)), np.float32),
        weights=np.zeros((len(vertices), 24), np.float32),
    )


NO_JOINTS = np.zeros((24, 3), np.float32)


def test_what_a_passing_plate_covers_and_uncovers_is_occluded():
    """A plate before a wall; its outlines lie between the pixels: 25 pixels to the metre at depth 4."""
    both = plates((-0.48, 0.48, -0.48, 0.48, 1.0), (-3, 3, -3, 3, 0.0), parts=(1, 10))
    camera = look_at((0, 0, 5), (0, 0, 0), focal=100, width=80, height=80)
    moved = [both.template.copy() for _ in range(3)]
    for n in (0, 2):
        moved[n][:4, 0] += (n - 1) * 0.4  # 10 pixels of the plate's 24
    truth = ground_truth(
        np.stack(moved), np.stack([NO_JOINTS] * 3), both, [camera] * 3, channels=("uv", "occlusion")
    )
    columns = np.arange(80) + 0.5
    rows = columns[:, None]
    band = np.abs(rows - 40) < 12
    wall = truth.parts[0] == 10
    # The wall stands still, so a point of it is hidden where the plate will be, or was.
    ahead = wall & band & (np.abs(columns - 50) < 12)
    behind = wall & band & (np.abs(columns - 30) < 12)
    assert ahead.sum() == 10 * 24 and behind.sum() == 10 * 24
    assert np.array_equal(truth.occlusion_forward[0], ahead)
    assert np.array_equal(truth.occlusion_backward[0], behind)
    # Upright plates: u runs to the right, v up, both over the plate's own width.
    plate = truth.parts[0] == 1
    across = ((columns - 28) / 24 * np.ones((80, 1)))[plate]
    up = ((52 - rows) / 24 * np.ones(80))[plate]
    np.testing.assert_allclose(truth.uv[0][plate], np.stack([across, up], axis=1), atol=1e-5)
    assert set(np.unique(truth.face[0][plate])) == {0, 1}


def test_what_leaves_the_image_is_occluded():
    one = plates((-1, 1, -1, 1, 0.0), parts=(1,))
    camera = look_at((0, 0, 5), (0, 0, 0), focal=100, width=80, height=80)
    shift = np.array([0, 0, 1.5])[:, None, None] * np.array([1.0, 0, 0])
    vertices = (one.template + shift).astype(np.float32)
    truth = ground_truth(vertices, np.stack([NO_JOINTS] * 3), one, [camera] * 3)
    columns = np.arange(80) + 0.5 + 30  # where the points get to
    assert np.array_equal(truth.occlusion_forward[0], truth.mask[0] & (columns >= 80))
    assert not truth.occlusion_backward.any()  # the frame before is repeated
    # A camera that looks past one half of the plate: the tracks of the other half are out of view.
    aside = look_at((1, 0, 5), (1, 0, 0), focal=100, width=40, height=80)
    truth = ground_truth(vertices, np.stack([NO_JOINTS] * 3), one, [aside] * 3, tracks=300)
    x = truth.tracks3d[0, :, 0]
    assert np.array_equal(truth.tracks_visible[0], x > 0) and (x < 0).sum() > 100


def test_joints_are_visible_where_their_own_part_or_a_neighbours_is_met():
    # Head (part 16) behind neck (13) behind the left hand's plate (23), which is narrow.
    stack = plates(
        (-1, 1, -1, 1, 0.0), (-0.8, 0.8, -1, 1, 0.5), (-0.2, 0.2, -1, 1, 1.0), parts=(16, 13, 23)
    )
    camera = look_at((0, 0, 5), (0, 0, 0), focal=100, width=80, height=80)
    joints = np.repeat([[0.0, 0.0, 0.0]], 24, axis=0)
    head, neck, hand, wrist, knee = 15, 12, 22, 20, 4
    joints[head] = (0.6, 0, -0.1)  # behind the neck's plate, which is its parent's
    joints[neck] = (0.9, 0, 0.4)  # its own plate does not reach there, the head's does: a child's
    joints[hand] = (0.0, 0.1, 0.9)
    joints[wrist] = (0.1, 0.2, -3.0)  # whatever its depth: the first surface is its child's
    joints[knee] = (0.5, 0, 0)
    joints[0] = (1.5, 0, 0)  # in the image, on nothing
    joints[3] = (4.0, 0, 0)  # beside the image
    joints[6] = (0.0, 0, 9.0)  # behind the camera, though its line goes through the image
    truth = ground_truth(
        np.stack([stack.template] * 3), np.stack([joints] * 3), stack, [camera] * 3, channels=()
    )
    visible, inside = truth.joints_visible[0], truth.joints_inside[0]
    assert visible[[head, neck, hand, wrist]].all()
    assert not visible[[knee, 0, 3, 6]].any()
    assert inside[[head, neck, hand, wrist, knee, 0]].all() and not inside[[3, 6]].any()
    # The same head behind the hand is hidden.
    joints[head] = (0.0, 0, -0.1)
    truth = ground_truth(
        np.stack([stack.template] * 3), np.stack([joints] * 3), stack, [camera] * 3, channels=()
    )
    assert not truth.joints_visible[0, head] and truth.joints_visible[0, neck]
    np.testing.assert_allclose(truth.joints_camera[0], joints * (1, -1, -1) + (0, 0, 5), atol=1e-6)


def arm_across(body, lean):
    """The left forearm across the trunk; the upper arm hangs down, `lean` radians to the back."""
    pose = np.zeros((3, 72))
    shoulder = Rotation.from_rotvec([lean, 0, 0]) * Rotation.from_rotvec([0, 0, -1.4])
    pose[:, 3 * 16 : 3 * 17] = shoulder.as_rotvec()
    pose[:, 3 * 18 : 3 * 19] = (0, 0, -1.75)
    return skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=np.zeros((3, 3)))


@pytest.mark.parametrize("lean", [0.7, -0.7])
@pytest.mark.parametrize("side", [1, -1])
def test_a_hand_behind_the_back_is_not_visible_from_the_front(body, lean, side):
    vertices, joints = arm_across(body, lean)
    behind_trunk = (lean > 0) == (side > 0)
    elbow, hand = joints[1, 18], joints[1, 22]
    assert (hand[2] < joints[1, 6, 2]) == (lean > 0) and hand[0] < elbow[0]  # the pose is as meant
    camera = look_at((0, 0, 5.0 * side), joints[1, 0], focal=400, width=320, height=240)
    truth = ground_truth(vertices, joints, body, [camera] * 3)
    wrist_and_hand = [20, 22]
    assert truth.joints_inside.all()
    assert truth.joints_visible[0, wrist_and_hand].all() == (not behind_trunk)
    assert truth.joints_visible[0, wrist_and_hand].any() == (not behind_trunk)
    assert truth.joints_visible[0, [4, 5, 7, 8, 21, 23]].all()  # legs and the other arm


def test_a_camera_that_cuts_the_left_arm_off_truncates_its_joints(body):
    vertices, joints = np.repeat(body.template[None], 3, 0), np.repeat(body.rest_joints[None], 3, 0)
    aim = joints[0, 0] - (0.9, 0, 0)  # to the right of the body: its left arm leaves the image
    camera = look_at(aim + np.array([0, 0, 4.0]), aim, focal=480, width=320, height=240)
    truth = ground_truth(vertices, joints, body, [camera] * 3, channels=())
    pixels, _ = camera.project(joints[1])
    expected = (pixels >= 0).all(1) & (pixels < (320, 240)).all(1)
    assert np.array_equal(truth.joints_inside[0], expected)
    assert expected.any() and not expected[[18, 20, 22]].any() and expected[[17, 19, 21]].all()
    assert not (truth.joints_visible & ~truth.joints_inside).any()


# ----------------------------------------------------------------------- tracks


def test_tracks_are_points_of_the_surface(walking, body):
    vertices, _, cameras, truth = walking
    corners = vertices[1:-1][:, body.faces[truth.track_faces]]
    world = np.einsum("nk,tnkd->tnd", truth.track_barycentric, corners)
    np.testing.assert_allclose(truth.tracks3d, world, atol=1e-6)
    for frame, camera in enumerate(cameras[1:-1]):
        pixels, z = camera.project(truth.tracks3d[frame])
        np.testing.assert_allclose(truth.tracks2d[frame], pixels, atol=1e-3)
        visible = truth.tracks_visible[frame]
        assert 0.3 < visible.mean() < 0.6
        # Rays through some of the points: the first surface that they meet.
        some = np.arange(0, len(visible), 25)
        _, nearest, _ = cast_rays(
            vertices[frame + 1].astype(float), body.faces, camera, pixels[some]
        )
        decided = np.abs(z[some] - nearest - TOLERANCE) > 1e-4
        assert decided.sum() > 30
        expected = z[some] <= nearest + TOLERANCE
        assert np.array_equal(visible[some][decided], expected[decided])


def test_tracks_follow_the_flow(walking):
    """From a visible track's pixel on, the flow leads to where the track is in the next frame."""
    *_, truth = walking
    moved = truth.tracks2d[1] - truth.tracks2d[0]
    columns, rows = truth.tracks2d[0].astype(int).T
    seen = truth.tracks_visible[0]
    flow = truth.flow_forward[0, rows[seen], columns[seen]]
    error = np.linalg.norm(flow - moved[seen], axis=1)
    assert np.median(error) < 0.05 and np.quantile(error, 0.9) < 0.5
    assert np.median(np.linalg.norm(moved[seen], axis=1)) > 1


def test_a_seed_names_the_same_points_whatever_the_pose(walking, moving, body):
    vertices, joints, camera, _ = moving
    truth = walking[-1]
    same = ground_truth(vertices, joints, body, [camera] * len(vertices), channels=["tracks"])
    assert np.array_equal(same.track_faces, truth.track_faces)
    assert np.array_equal(same.track_barycentric, truth.track_barycentric)
    other = ground_truth(
        vertices, joints, body, [camera] * len(vertices), channels=["tracks"], tracks=7, seed=1
    )
    assert other.tracks3d.shape == (3, 7, 3) and other.track_faces.shape == (7,)
    assert not np.array_equal(other.track_faces, truth.track_faces[:7])


# ------------------------------------------------------------------- as a whole


def same_bytes(one, other, frames=slice(None)):
    for field in dataclasses.fields(GroundTruth):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if not field.name.startswith("track_"):
            ours = ours[frames]
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs), field.name


def test_a_frame_depends_on_its_two_neighbours_only(walking, body):
    vertices, joints, cameras, whole = walking
    for frame in range(len(whole.parts)):
        around = slice(frame, frame + 3)
        alone = ground_truth(vertices[around], joints[around], body, cameras[around])
        same_bytes(whole, alone, slice(frame, frame + 1))


def test_threads_change_no_byte(walking, body):
    vertices, joints, cameras, whole = walking
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(ground_truth, vertices, joints, body, cameras) for _ in range(8)]
        for each in work:
            same_bytes(whole, each.result())


def test_maps_agree_with_each_other(walking, body):
    *_, truth = walking
    mask = truth.mask
    assert np.array_equal(truth.face >= 0, mask)
    assert np.array_equal(body.face_parts[truth.face[mask]], truth.parts[mask])
    assert truth.uv.min() >= 0 and truth.uv.max() <= 1 and not truth.uv[~mask].any()
    corners = body.uv[body.uv_faces[truth.face[mask]]]
    assert (truth.uv[mask] >= corners.min(axis=1)).all()
    assert (truth.uv[mask] <= corners.max(axis=1)).all()
    for occlusion in (truth.occlusion_forward, truth.occlusion_backward):
        assert not occlusion[~mask].any() and 0 < occlusion.sum() < 0.3 * mask.sum()


def test_channels_are_those_of_plain_visibility(walking, body):
    """The quick way and the plain one, over moving cameras."""
    vertices, _, cameras, truth = walking
    for frame in range(len(truth.parts)):
        now, camera = vertices[frame + 1], cameras[frame + 1]
        buffer = plain.visibility(now, body.faces, camera)
        assert np.array_equal(truth.face[frame], buffer.face)
        assert np.array_equal(truth.parts[frame], plain.parts(buffer, body.face_parts))
        expected = plain.depth(buffer, body.faces, now, camera)
        np.testing.assert_allclose(truth.depth[frame], expected, rtol=2e-7)
        expected = plain.normals(buffer, body.faces, now, camera)
        np.testing.assert_allclose(truth.normals[frame], expected, atol=1e-6)
        np.testing.assert_allclose(truth.uv[frame], texel_map(buffer, body.mesh), atol=2e-7)
        for way, other in (("forward", frame + 2), ("backward", frame)):
            there = (buffer, body.faces, vertices[other], cameras[other])
            flow = getattr(truth, f"flow_{way}")[frame]
            np.testing.assert_allclose(flow, plain.flow(*there), atol=1e-5)
            hidden = plain.flow_occlusion(*there, tolerance=TOLERANCE)
            assert np.array_equal(getattr(truth, f"occlusion_{way}")[frame], hidden)


def test_what_does_not_fit_together_is_refused(moving, body):
    vertices, joints, camera, _ = moving
    with pytest.raises(ValueError, match="5 frames of vertices, 5 of joints and 4 cameras"):
        ground_truth(vertices, joints, body, [camera] * 4)
    with pytest.raises(ValueError, match="at least 3"):
        ground_truth(vertices[:2], joints[:2], body, [camera] * 2)
    with pytest.raises(ValueError, match="differ in size"):
        ground_truth(vertices, joints, body, [camera] * 4 + [camera.scaled(2)])
