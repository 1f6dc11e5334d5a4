"""The losses against their literal definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.reid.pcb import PCB, ReidConfig
from textures.reid.similarity import reid_similarity
from textures.rstg.losses import FaceHandLoss, ReidLoss, deep_feature_distance, masked_l1
from textures.visibility.rendering_tensor import composite, render
from textures.visibility.uv_layout import sample_texture

SMALL = ReidConfig(depth=10, channels=8, classes=5, stripes=4, embedding=16, height=64, width=32)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return PCB(SMALL)


def pair():
    torch.manual_seed(1)
    return torch.rand(3, 3, 64, 32) * 2 - 1, torch.rand(3, 3, 64, 32) * 2 - 1


def test_the_cosine_form_is_the_release_s_mean_square_of_unit_vectors(network):
    rendered, photographs = pair()
    literal = 0.0
    for a, b in zip(network.eval().stages(rendered), network.stages(photographs)):
        a, b = functional.normalize(a.flatten(1), dim=1), functional.normalize(b.flatten(1), dim=1)
        literal += 5000 * functional.mse_loss(a, b)
    assert ReidLoss(network)(rendered, photographs).item() == pytest.approx(
        literal.item(), rel=1e-4
    )


def test_the_release_s_weights_at_the_paper_s_size():
    """10^4 / D per stage: 0.0127, 0.0254, 0.0509, 0.0254 for ResNet-50 at 384x128."""
    sizes = [256 * 96 * 32, 512 * 48 * 16, 1024 * 24 * 8, 2048 * 24 * 8]
    assert [round(1e4 / d, 4) for d in sizes] == [0.0127, 0.0254, 0.0509, 0.0254]


def test_equal_weighting_is_the_sum_of_one_minus_cosine(network):
    rendered, photographs = pair()
    loss = ReidLoss(network, weighting="equal", scale=1.0)(rendered, photographs)
    assert loss.item() == pytest.approx(
        4 * (1 - reid_similarity(network, rendered, photographs).mean().item()), rel=1e-4
    )


@pytest.mark.parametrize("chosen", [(0,), (0, 1), (0, 1, 2), (3,)])
def test_stages_that_are_left_out_do_not_count(network, chosen):
    rendered, photographs = pair()
    weights = [float(k in chosen) for k in range(4)]
    loss = ReidLoss(network, weighting="equal", scale=1.0, stage_weights=weights)
    literal = 0.0
    with torch.no_grad():
        outputs = zip(network.eval().stages(rendered), network.stages(photographs))
        for k, (a, b) in enumerate(outputs):
            if k in chosen:
                literal += (1 - functional.cosine_similarity(a.flatten(1), b.flatten(1))).mean()
    assert loss(rendered, photographs).item() == pytest.approx(float(literal), rel=1e-4)


@pytest.mark.parametrize("stripes", [1, 4])
def test_the_deep_feature_is_what_the_classifiers_are_given(stripes):
    """Of PCB the embedded stripes, of No-PCB the pooled picture: written out here from the trunk."""
    embedding = 16 if stripes > 1 else 0
    config = ReidConfig(**{**vars(SMALL), "stripes": stripes, "embedding": embedding})
    torch.manual_seed(2)
    network = PCB(config).eval().requires_grad_(False)
    rendered, photographs = pair()
    features = []
    for images in (rendered, photographs):
        last = network.stages(images)[-1]
        pooled = torch.stack([part.mean((2, 3)) for part in last.chunk(stripes, 2)], 2)
        features.append(network.embed(pooled[..., None])[..., 0] if embedding else pooled)
        logits = [c(features[-1][:, :, k]) for k, c in enumerate(network.classifiers)]
        for ours, theirs in zip(logits, network(images), strict=True):
            torch.testing.assert_close(ours, theirs)
    expected = (features[0] - features[1]).abs().mean().item()
    rendered.requires_grad_(True)
    distance = deep_feature_distance(network, rendered, photographs)
    assert distance.item() == pytest.approx(expected, rel=1e-5)
    distance.backward()
    assert rendered.grad.abs().sum() > 0


def test_the_gradient_reaches_the_image_and_never_the_frozen_network(network):
    rendered, photographs = pair()
    loss = ReidLoss(network)
    loss.train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    rendered.requires_grad_(True)
    loss(rendered, photographs).backward()
    assert rendered.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters()) and not network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_identical_images_cost_nothing_and_descent_brings_images_closer(network):
    image, target = pair()
    assert ReidLoss(network)(image, image).item() == pytest.approx(0, abs=1e-4)
    loss = ReidLoss(network, weighting="equal", scale=1.0)
    moving = nn.Parameter(image.clone())
    optimiser = torch.optim.Adam([moving], lr=0.03)
    first = loss(moving, target).item()
    for _ in range(15):
        optimiser.zero_grad()
        loss(moving, target).backward()
        optimiser.step()
    assert loss(moving, target).item() < 0.7 * first


def test_the_face_and_hand_loss_sees_the_mask_only_and_means_over_all_texels():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0, :2] = True
    made, reference = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    made[:, :, 2:] = 1.0  # outside: free
    made[:, :, 0, 0] = -0.5
    assert FaceHandLoss(mask)(made, reference).item() == pytest.approx(0.5 / 16)
    assert FaceHandLoss(mask, norm="mse")(made, reference).item() == pytest.approx(0.25 / 16)
    with pytest.raises(BadInput, match="norm"):
        FaceHandLoss(mask, norm="huber")


def test_the_lookup_is_the_layout_s_bilinear_sampling_and_differentiable():
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    uv = rng.uniform(0.05, 0.95, (1, 6, 5, 2)).astype(np.float32)
    tensor = torch.from_numpy(texture).permute(2, 0, 1)[None].float().requires_grad_(True)
    seen = render(tensor, torch.from_numpy(uv))
    np.testing.assert_allclose(
        seen.detach()[0].permute(1, 2, 0).numpy(), sample_texture(texture, uv[0]), atol=0.01
    )
    seen.sum().backward()
    assert tensor.grad.sum().item() == pytest.approx(6 * 5 * 3, rel=1e-4)


def test_compositing_and_the_masked_difference():
    body, scene = torch.ones(1, 3, 2, 2), -torch.ones(1, 3, 2, 2)
    mask = torch.tensor([[[[1.0, 0.0], [0.5, 0.0]]]])
    assert composite(body, mask, scene)[0, 0].tolist() == [[1.0, -1.0], [0.0, -1.0]]
    assert masked_l1(body, scene, (mask > 0.9).float()).item() == 2.0
    assert masked_l1(body, scene, torch.zeros_like(mask)).item() == 0.0
