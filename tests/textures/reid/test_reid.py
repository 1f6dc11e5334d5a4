"""PCB: its parts, its ranking scores by hand, its training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mocap.errors import BadInput
from textures.reid.evaluation import describe, evaluate, precision_at_hits, trapezoid
from textures.reid.pcb import PCB, ReidConfig
from textures.reid.resnet import ResNet, load_resnet_weights
from textures.reid.training import LabelledImages, ReidRecipe, retrieval_figures, train_reid
from textures.training.loop import Schedule, make_fabric

SMALL = ReidConfig(depth=10, channels=8, classes=5, stripes=4, embedding=16, height=64, width=32)


def test_a_perfect_ranking_scores_one_in_both_definitions():
    assert precision_at_hits(np.array([0, 1, 2])) == 1
    assert trapezoid(np.array([0, 1, 2])) == 1


def test_average_precisions_by_hand():
    # Hits at ranks 2 and 4: precisions 1/2 and 2/4; just before them 0/1 and 1/3.
    hits = np.array([1, 3])
    assert precision_at_hits(hits) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert trapezoid(hits) == pytest.approx(((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2) / 2)


def test_same_camera_and_junk_are_left_out_and_distractors_are_wrong_answers():
    # By distance: own camera (left out), junk (left out), distractor (wrong), right, other person, right.
    result = evaluate(
        np.array([[0.0, 0.1, 0.2, 0.3, 0.4, 0.5]]),
        query_identities=[7],
        query_cameras=[1],
        gallery_identities=[7, -1, 0, 7, 8, 7],
        gallery_cameras=[1, 2, 2, 2, 3, 4],
    )
    assert result.rank(1) == 0 and result.rank(2) == 1
    assert result.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_queries_nobody_can_answer_are_not_scored():
    arguments = {
        "query_cameras": [1, 1],
        "gallery_identities": [1, 2],
        "gallery_cameras": [2, 1],
    }
    result = evaluate(np.array([[0.5, 0.1], [0.5, 0.1]]), query_identities=[1, 2], **arguments)
    assert result.queries == 1 and result.rank(1) == 0 and result.rank(2) == 1
    with pytest.raises(BadInput, match="no query"):
        evaluate(np.zeros((2, 2)), query_identities=[2, 2], **arguments)


def test_resnet_50_has_torchvisions_names_and_size():
    trunk = ResNet(depth=50)
    names = dict(trunk.named_parameters())
    assert names["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert names["layer4.2.conv3.weight"].shape == (2048, 512, 1, 1)
    # torchvision's ResNet-50 has 25,557,032 parameters, 2,049,000 of them in fc.
    assert sum(p.numel() for p in trunk.parameters()) == 25_557_032 - 2_049_000


def test_published_weights_load_without_their_classifier_and_others_are_refused(tmp_path):
    source, target = ResNet(depth=10, channels=8), ResNet(depth=10, channels=8, last_stride=1)
    tensors = dict(source.state_dict())
    save_file(tensors | {"fc.weight": torch.zeros(3, 64)}, tmp_path / "ok.safetensors")
    load_resnet_weights(target, tmp_path / "ok.safetensors")
    assert torch.equal(target.layer3[0].conv1.weight, source.layer3[0].conv1.weight)
    tensors.pop("conv1.weight")
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(BadInput, match=r"less\.safetensors.*conv1"):
        load_resnet_weights(target, tmp_path / "less.safetensors")


def test_the_paper_s_last_stage_keeps_its_resolution():
    stages = (
        PCB(ReidConfig(depth=50, channels=8, classes=3)).eval().stages(torch.zeros(1, 3, 128, 64))
    )
    assert [tuple(s.shape[2:]) for s in stages] == [(96, 32), (48, 16), (24, 8), (24, 8)]


def test_a_stripe_sees_its_own_height_only_in_the_pooling():
    network = PCB(SMALL).eval()
    stage = torch.zeros(1, network.trunk.stage_channels[-1], 4, 2)
    stage[:, :, 1] = 1.0
    network.stages = lambda images: [stage]
    stripes = network.stripes(torch.zeros(1))
    assert stripes[0, 0].tolist() == [0, 1, 0, 0]


def test_descriptors_are_unit_vectors_of_unit_stripes():
    network = PCB(SMALL).eval()
    descriptor = network.descriptor(torch.randn(2, 3, 64, 32))
    parts = descriptor.reshape(2, SMALL.stripes, -1)
    assert torch.allclose(descriptor.norm(dim=1), torch.ones(2), atol=1e-5)
    assert torch.allclose(parts.norm(dim=2), torch.full((2, 4), 0.5), atol=1e-5)


def test_a_person_and_its_mirror_image_have_one_descriptor_and_one_on_its_head_another():
    torch.manual_seed(3)
    network = PCB(SMALL)
    images = np.random.default_rng(0).integers(0, 255, (3, 64, 32, 3), np.uint8)
    images[:, :32] //= 3  # dark above
    upright, mirrored, turned = (
        describe(network, np.ascontiguousarray(i))
        for i in (images, images[:, :, ::-1], images[:, ::-1])
    )
    np.testing.assert_allclose(upright, mirrored, atol=1e-5)
    assert np.abs(upright - turned).max() > 1e-3


def coloured_people(seed: int, first: int) -> LabelledImages:
    """Six people told apart by the colour of their upper half, two cameras of different brightness."""
    rng = np.random.default_rng(seed)
    colours = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 2, 0], [2, 0, 2], [0, 2, 2]]) * 80 + 40
    images, identities, cameras = [], [], []
    for person, colour in enumerate(colours):
        for camera in (1, 2):
            for _ in range(3):
                image = rng.normal(110, 12, (128, 64, 3))
                image[:64] = colour * (0.8 if camera == 1 else 1.0) + rng.normal(0, 12, (64, 64, 3))
                images.append(image.clip(0, 255).astype(np.uint8))
                identities.append(first + person)
                cameras.append(camera)
    return LabelledImages(np.stack(images), np.array(identities), np.array(cameras))


def test_training_learns_to_tell_people_apart_whom_it_never_saw(tmp_path):
    people, others = coloured_people(0, 1), coloured_people(1, 11)
    network, figures = train_reid(
        ReidRecipe(
            name="small",
            network=SMALL,
            batch=16,
            schedule=Schedule(steps=30, lr=3e-3, warm_up=5),
        ),
        people,
        others,
        folder=tmp_path,
        fabric=make_fabric("cpu"),
    )
    assert network.config.classes == 6
    assert figures["rank-1"] >= 0.8
    assert figures == retrieval_figures(network, others)
