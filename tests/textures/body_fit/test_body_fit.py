"""The body fit: its geometry, its camera, its refinement on joints; the shipped weights' truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import fit_bodies
from textures.body_fit.network import (
    BodyFitConfig,
    BodyFitNetwork,
    Estimate,
    axis_angle,
    crop_camera,
    fitted_joints,
    pelvis_position,
    rotations_from_6d,
)
from textures.body_fit.refinement import posed_points, refine, region_points
from textures.visibility.buffer import parts, visibility

CONFIG = BodyFitConfig(depth=10, channels=8, features=16, hidden=32)


@pytest.fixture(scope="module")
def skinning(body):
    return Skinning(body)


def test_six_numbers_give_rotations_and_a_rotation_s_columns_give_itself():
    numbers = torch.randn(20, 6)
    rotations = rotations_from_6d(numbers)
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).expand(20, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(20), atol=1e-5)
    again = rotations_from_6d(torch.cat([rotations[..., 0], rotations[..., 1]], -1))
    assert torch.allclose(again, rotations, atol=1e-5)


def test_axis_angle_is_the_inverse_of_rodrigues():
    from mocap.bodies.skinning import rotation_matrices

    torch.manual_seed(0)
    vectors = torch.randn(30, 3)
    vectors = vectors / vectors.norm(dim=1, keepdim=True) * torch.linspace(0.1, 3.0, 30)[:, None]
    assert np.allclose(axis_angle(rotation_matrices(vectors).numpy()), vectors.numpy(), atol=1e-4)


def test_the_pelvis_lands_on_its_pixel_at_its_scale():
    camera = torch.tensor([[20.0, 90.0, np.log(62.0)]])
    position = pelvis_position(camera, CONFIG)[0].numpy()
    view = crop_camera(CONFIG, 128, 64)
    world = view.rotation.T @ position
    pixel, depth = view.project(world[None])
    assert np.allclose(pixel, [[20, 90]], atol=1e-3)
    up, _ = view.project((world + np.array((0, 0.1, 0)))[None])
    assert up[0, 1] == pytest.approx(90 - 6.2, abs=1e-2)  # up in the world is up in the crop
    assert depth[0] == pytest.approx(CONFIG.focal / 62, rel=1e-5)


def test_a_body_of_zero_pose_stands_upright_and_faces_the_crop_s_camera(body, skinning):
    _, joints = skin(
        skinning, pose=np.zeros((1, 72)), betas=np.zeros(10), translation=np.array([[0, 0, -8.0]])
    )
    view = crop_camera(CONFIG, 128, 64)
    pixels, _ = view.project(joints[0])
    assert pixels[15, 1] < pixels[0, 1] < pixels[7, 1]  # head above pelvis above ankle
    assert pixels[16, 0] > pixels[17, 0]  # its left shoulder is on the picture's right: it faces us


def truth(skinning):
    torch.manual_seed(3)
    pose = torch.randn(2, 24, 6) * 0.12
    pose[..., 0] += 1
    pose[..., 4] += 1
    rotations = rotations_from_6d(pose)
    betas = torch.randn(2, 10) * 0.3
    camera = torch.tensor([[30.0, 60.0, 4.1], [36.0, 66.0, 4.0]])
    _, pixels = fitted_joints(skinning, rotations, betas, camera, CONFIG)
    return rotations, betas, camera, pixels


def drawn(pixels, vertices, body):
    """What a perfect dense head would draw of posed bodies: parts (logits) and joints."""
    logits = torch.zeros(len(vertices), 25, 32, 16)
    for i, each in enumerate(vertices):
        buffer = visibility(each, body.faces, crop_camera(CONFIG, 128, 64))
        label = parts(buffer, body.face_parts)[2::4, 2::4].astype(np.int64)
        logits[i].scatter_(0, torch.from_numpy(label)[None], 12.0)
    heat = torch.full((len(vertices), 24, 32, 16), -10.0)
    return logits, heat


def test_refinement_brings_the_body_onto_the_parts_and_joints_drawn(body, skinning):
    rotations, betas, camera, pixels = truth(skinning)
    points = region_points(body)
    rest = skinning.rest_joints[0] + torch.einsum("kb,nb->nk", skinning.joint_directions[0], betas)
    translation = pelvis_position(camera, CONFIG) * torch.tensor([1.0, -1.0, -1.0]) - rest
    pose = axis_angle(rotations.numpy()).reshape(-1, 72)
    vertices, _ = skin(skinning, pose=pose, betas=betas.numpy(), translation=translation.numpy())
    logits, heat = drawn(pixels, vertices, body)
    shifted = camera + torch.tensor([4.0, -5.0, 0.1])
    start = Estimate(rotations, betas, shifted, pixels, torch.ones(2, 24), heat, logits)
    _, before = fitted_joints(skinning, rotations, betas, shifted, CONFIG)
    done = refine(skinning, points, start, CONFIG)
    _, after = fitted_joints(skinning, done.rotations, done.betas, done.camera, CONFIG)
    first = (before - pixels).norm(dim=-1).mean()
    assert (after - pixels).norm(dim=-1).mean() < 0.4 * first
    still = refine(skinning, points, start._replace(camera=camera), CONFIG)
    _, after = fitted_joints(skinning, still.rotations, still.betas, still.camera, CONFIG)
    assert (after - pixels).norm(dim=-1).mean() < 2.5  # who is right stays, to a cell


def test_surface_points_move_with_the_skin(body, skinning):
    rotations, betas, _, _ = truth(skinning)
    points = region_points(body)
    surface, joints = posed_points(skinning, points, rotations, betas)
    pose = axis_angle(rotations.numpy()).reshape(-1, 72)
    vertices, expected = skin(
        skinning, pose=pose, betas=betas.numpy(), translation=np.zeros((2, 3))
    )
    assert np.allclose(joints.numpy(), expected - expected[:, :1], atol=1e-4)
    gap = np.linalg.norm(
        vertices[0][None] - (surface[0].numpy() + expected[0, 0])[:, None], axis=-1
    )
    assert gap.min(1).max() < 1e-4
    assert len(points.spans) == 12 and points.spans[-1][1] == len(points.template)


def test_fits_reproject_where_the_network_says_on_crops_of_any_size(skinning):
    torch.manual_seed(0)
    network = BodyFitNetwork(CONFIG).eval()
    rows, columns = np.mgrid[:128, :64]
    small = np.stack([rows * 2, columns * 4, rows + columns], -1).astype(np.uint8)
    large = small.repeat(3, 0).repeat(2, 1)  # 384 x 128: another size and another aspect
    fit = fit_bodies(network, skinning, [small, large], points=None)
    assert (fit.cameras[1].width, fit.cameras[1].height) == (128, 384)
    _, joints = skin(skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation)
    first, _ = fit.cameras[0].project(joints[0])
    second, _ = fit.cameras[1].project(joints[1])
    assert np.allclose(second, first * [2, 3], atol=3.0)
    assert fit.person.shape == (2, 128, 64) and (fit.agreement >= 0).all()
    alone = fit_bodies(network, skinning, [small], points=None)
    assert np.allclose(alone.pose[0], fit.pose[0], atol=1e-3)  # a crop's fit is its own


def test_the_heat_map_loss_is_least_where_the_joint_is():
    from textures.body_fit.training import placed_loss

    logits = torch.full((1, 1, 8, 4), -20.0)
    logits[0, 0, 5, 2] = 20.0
    at = placed_loss(logits, torch.tensor([[[2.5, 5.5]]]))
    between = placed_loss(logits, torch.tensor([[[2.75, 5.5]]]))
    off = placed_loss(logits, torch.tensor([[[2.5, 4.5]]]))
    assert at.item() < 0.1 < between.item() < off.item()
