"""The body fit: known bodies are recovered from their own landmarks, whichever way they turn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from synth.standins.street_poses import sample_street_pose as sample_pose
from textures.body_fit.camera_frame import crop_camera, pelvis_position
from textures.body_fit.fit_scores import (
    LIMBS,
    fit_errors,
    landmark_pixels,
    mean_over_people,
    rank_correlation,
)
from textures.body_fit.fitting import BodyFit, BodyFitter, FitWeights, fit_evidence
from textures.body_fit.pose_prior import PosePriorConfig, learn_pose_prior, load_pose_prior
from textures.body_fit.silhouette import silhouettes
from textures.evidence.evidence import Evidence, no_evidence, yaw_of_line
from textures.evidence.landmarks import (
    BONE_ENDS,
    BONE_STARTS,
    INDEX,
    landmark_points,
    posed_landmarks,
)
from textures.visibility.buffer import visibility

COUNT = 8


@pytest.fixture(scope="module")
def skinning(body):
    return Skinning(body)


@pytest.fixture(scope="module")
def fitter(body, skinning):
    return BodyFitter(body, skinning, [])


@pytest.fixture(scope="module")
def truth(skinning):
    """Walkers of any heading, 8 metres away, seen from a little above."""
    rng = np.random.default_rng(11)
    pose = np.stack([sample_pose(rng) for _ in range(COUNT)])
    pose[:, 0] = 0
    pose[:, 0, 1] = np.linspace(-np.pi, np.pi, COUNT, endpoint=False) + 0.2
    betas = rng.normal(0, 0.5, (COUNT, 10)).astype(np.float32)
    camera = torch.tensor([[32.0, 60.0, np.log(62.0), 0.0]]).expand(COUNT, 4)
    rest = skinning.rest_joints[0] + torch.einsum(
        "kb,nb->nk", skinning.joint_directions[0], torch.from_numpy(betas)
    )
    translation = pelvis_position(camera) * torch.tensor([1.0, -1.0, -1.0]) - rest
    return pose.reshape(COUNT, 72).astype(np.float32), betas, translation.numpy()


def body_fit(truth, sizes):
    pose, betas, translation = truth
    return BodyFit(
        pose=pose,
        betas=betas,
        translation=translation,
        cameras=tuple(crop_camera(*size) for size in sizes),
        person=(np.ones((2, 2), np.float32),) * len(sizes),
        agreement=np.ones(len(sizes), np.float32),
        presence=np.ones(len(sizes), np.float32),
    )


def evidence_of(fit, body, skinning):
    points = landmark_points(body)
    from mocap.bodies.skinning import rotation_matrices

    rotations = rotation_matrices(torch.from_numpy(fit.pose).view(-1, 24, 3))
    landmarks = posed_landmarks(skinning, points, rotations, torch.from_numpy(fit.betas)).numpy()
    lines = landmarks[:, BONE_ENDS] - landmarks[:, BONE_STARTS]
    lines /= np.linalg.norm(lines, axis=-1, keepdims=True)
    hips = landmarks[:, INDEX["left_hip"]] - landmarks[:, INDEX["right_hip"]]
    nothing = no_evidence("truth", len(fit.pose))
    return dataclasses.replace(
        nothing,
        landmarks=landmark_pixels(fit, skinning, points),
        confidence=np.ones_like(nothing.confidence),
        directions=lines.astype(np.float32),
        direction_confidence=np.ones_like(nothing.direction_confidence),
        heading=yaw_of_line(hips).astype(np.float32),
        heading_confidence=np.ones_like(nothing.heading_confidence),
    )


def errors(fit, evidence, fitter, sizes):
    heights = np.array([size[0] for size in sizes], np.float32)
    pixels = landmark_pixels(fit, fitter.skinning, fitter.landmarks)
    return fit_errors(pixels, evidence.landmarks, evidence.confidence, heights)


@pytest.mark.parametrize("size", [(128, 64), (256, 128), (200, 200), (90, 30)])
def test_a_body_is_recovered_from_its_own_landmarks(body, skinning, fitter, truth, size):
    sizes = [size] * COUNT
    evidence = evidence_of(body_fit(truth, sizes), body, skinning)
    fit = fit_evidence(fitter, [evidence], sizes)
    figures = errors(fit, evidence, fitter, sizes)
    assert np.nanmedian(figures.pixels) < 1.0 and np.nanmean(figures.right) == 1
    assert np.nanmean(figures.facing) == 1
    assert fit.agreement.min() > 0.8
    kwargs = {"pose": truth[0], "betas": truth[1], "translation": np.zeros((COUNT, 3))}
    _, joints = skin(skinning, **kwargs)
    kwargs = {"pose": fit.pose, "betas": fit.betas, "translation": np.zeros((COUNT, 3))}
    _, fitted = skin(skinning, **kwargs)
    apart = np.linalg.norm((fitted - fitted[:, :1]) - (joints - joints[:, :1]), axis=-1)
    assert apart.mean() < 0.06


def test_a_wrong_heading_is_turned_round_by_the_landmarks(body, skinning, fitter, truth):
    sizes = [(128, 64)] * COUNT
    evidence = evidence_of(body_fit(truth, sizes), body, skinning)
    wrong = dataclasses.replace(
        evidence,
        heading=evidence.heading + np.float32(np.pi),
        heading_confidence=np.full(COUNT, 0.3, np.float32),
        direction_confidence=np.zeros_like(evidence.direction_confidence),
    )
    figures = errors(fit_evidence(fitter, [wrong], sizes), evidence, fitter, sizes)
    assert np.nanmean(figures.facing) == 1 and np.nanmean(figures.right) > 0.95


def test_a_source_that_says_nothing_changes_nothing(body, skinning, fitter, truth):
    sizes = [(128, 64)] * COUNT
    evidence = evidence_of(body_fit(truth, sizes), body, skinning)
    alone = fit_evidence(fitter, [evidence], sizes)
    together = fit_evidence(fitter, [evidence, no_evidence("silent", COUNT)], sizes)
    assert np.allclose(alone.pose, together.pose, atol=1e-3)


def test_a_body_does_not_depend_on_its_batch(body, skinning, fitter, truth):
    sizes = [(128, 64)] * COUNT
    evidence = evidence_of(body_fit(truth, sizes), body, skinning)
    alone = fit_evidence(fitter, [evidence], sizes, batch=3)
    together = fit_evidence(fitter, [evidence], sizes, batch=COUNT)
    assert np.allclose(alone.translation, together.translation, atol=2e-2)


def test_the_mask_draws_the_outline(body, skinning, truth):
    """With the trunk's landmarks alone, arms and legs go where the person's mask is."""
    sizes = [(128, 64)] * COUNT
    exact = body_fit(truth, sizes)
    evidence = evidence_of(exact, body, skinning)
    kwargs = {"pose": exact.pose, "betas": exact.betas, "translation": exact.translation}
    vertices, _ = skin(skinning, **kwargs)
    masks = [
        visibility(v, body.faces, c).covered.astype(np.float32)
        for v, c in zip(vertices, exact.cameras)
    ]
    trunk = [INDEX[f"{s}_{n}"] for s in ("left", "right") for n in ("shoulder", "hip")]
    keep = np.isin(np.arange(evidence.confidence.shape[1]), trunk)
    poor: Evidence = dataclasses.replace(
        evidence,
        confidence=evidence.confidence * keep,
        direction_confidence=np.zeros_like(evidence.direction_confidence),
        person=tuple(masks),
    )
    overlap = []
    for steps in (0, 40):
        fitter = BodyFitter(body, skinning, [], weights=FitWeights(mask_steps=steps))
        fit = fit_evidence(fitter, [poor], sizes)
        kwargs = {"pose": fit.pose, "betas": fit.betas, "translation": fit.translation}
        vertices, _ = skin(skinning, **kwargs)
        seen = [visibility(v, body.faces, c).covered for v, c in zip(vertices, fit.cameras)]
        pairs = [(s & (m > 0.5), s | (m > 0.5)) for s, m in zip(seen, masks)]
        overlap.append(np.mean([a.sum() / b.sum() for a, b in pairs]))
    assert overlap[1] > overlap[0] + 0.05 and overlap[1] > 0.75


def test_no_mask_and_an_empty_one_say_nothing():
    outline = silhouettes([None, np.zeros((128, 64), np.float32)], [(128, 64)] * 2)
    inside, cover = outline.terms(torch.rand(2, 50, 2) * 64)
    assert inside.tolist() == [0, 0] and cover.tolist() == [0, 0]


def test_prior_coordinates_are_normal_and_come_back():
    rng = np.random.default_rng(0)
    poses = np.stack([sample_pose(rng) for _ in range(600)]).reshape(600, 72)
    prior = learn_pose_prior(poses, PosePriorConfig(floor=0.02))
    angles = torch.from_numpy(poses.reshape(600, 24, 3)[:, 1:].astype(np.float32))
    coordinates = prior.coordinates(angles)
    assert coordinates.mean(0).abs().max() < 1e-3
    assert coordinates.var(0).max() < 1.05
    assert torch.allclose(prior.pose(coordinates), angles, atol=1e-4)
    assert torch.isfinite(load_pose_prior().factor).all()


def test_pck_facing_and_their_interval():
    truth = np.zeros((4, len(INDEX), 2), np.float32)
    for side, x in (("left", 40), ("right", 20)):
        truth[:, INDEX[f"{side}_acromion"]] = (x, 20)
        truth[:, INDEX[f"{side}_iliac_crest"]] = (x, 60)
    pixels = truth.copy()
    pixels[0, INDEX["left_knee"], 0] += 7.9  # a fifth of the torso's 40 pixels is 8
    pixels[1, INDEX["left_knee"], 0] += 8.1
    pixels[2, [INDEX["left_acromion"], INDEX["right_acromion"]]] += [(-20, 0), (20, 0)]
    known = np.ones(truth.shape[:2])
    known[3, INDEX["right_wrist"]] = 0
    figures = fit_errors(pixels, truth, known, np.full(4, 128.0))
    knee, wrist = LIMBS.index("left_knee"), LIMBS.index("right_wrist")
    assert figures.right[:, knee].tolist() == [1, 0, 1, 1] and np.isnan(figures.right[3, wrist])
    assert figures.facing.tolist() == [1, 1, 0, 1]
    people = np.array(["a", "a", "b", "c"])
    interval = mean_over_people(figures.facing, people, np.random.default_rng(0))
    assert interval.value == 0.75 and interval.low == 0 and interval.high == 1
    assert rank_correlation(np.array([1.0, 0.5, 0.2, 0.9]), figures) > 0.5


def test_a_body_that_is_not_finite_is_no_crop_without_labels():
    truth = np.ones((2, len(INDEX), 2), np.float32)
    pixels = truth.copy()
    pixels[1, INDEX["left_knee"]] = np.nan
    with pytest.raises(BadInput, match="crop 1 of the batch"):
        fit_errors(pixels, truth, np.ones(truth.shape[:2]), np.full(2, 128.0))


def test_what_holds_the_fit_is_in_its_tag(body, skinning):
    """A library of textures must not be kept when prior or weights change."""
    other = learn_pose_prior(np.random.default_rng(0).normal(0, 0.3, (100, 72)))
    fitters = [
        BodyFitter(body, skinning, []),
        BodyFitter(body, skinning, [], prior=other),
        BodyFitter(body, skinning, [], weights=FitWeights(prior=0.5)),
    ]
    assert len({fitter.tag for fitter in fitters}) == 3
    assert BodyFitter(body, skinning, []).tag == fitters[0].tag
