"""Logits of published networks, from their own definitions and from ours with their weights."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from safetensors.torch import save_file

from action_recog.errors import BadInput
from action_recog.networks.resnet3d import inflate_state, network
from action_recog.published_weights.name_layouts import LAYOUTS, layout_of
from action_recog.published_weights.reading import read_published_weights, translated_state
from tests.action_recog.published_weights.published_networks import (
    Parameters,
    mmaction2,
    pyslowfast,
    pytorchvideo,
    torchvision_18,
    video_nonlocal_net,
)


def fixed_clip(frames: int, size: int = 48) -> torch.Tensor:
    return torch.randn(1, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


# Name of our network, frames, the publisher's network.
VIDEO_NETWORKS = {
    "pyslowfast I3D": (
        "i3d-r50@pyslowfast",
        8,
        partial(pyslowfast, trunk="i3d", nonlocal_blocks=False),
    ),
    "pyslowfast C2D": (
        "c2d-r50@pyslowfast",
        8,
        partial(pyslowfast, trunk="c2d", nonlocal_blocks=False),
    ),
    "pyslowfast I3D NLN": (
        "i3d-nl-r50@pyslowfast",
        32,  # whose stem does not halve the time
        partial(pyslowfast, trunk="i3d", nonlocal_blocks=True),
    ),
    "pyslowfast dot product": (
        "c2d-nl_dot-r50@pyslowfast",
        8,
        partial(pyslowfast, trunk="c2d", nonlocal_blocks=True, softmax=False),
    ),
    "pytorchvideo i3d_r50": ("i3d-r50@pytorchvideo", 8, partial(pytorchvideo, trunk="i3d")),
    "pytorchvideo c2d_r50": ("c2d-r50@pytorchvideo", 8, partial(pytorchvideo, trunk="c2d")),
    "mmaction2 I3D": ("i3d-r50@mmaction2", 16, partial(mmaction2, mode=None)),
    "mmaction2 embedded": (
        "i3d-nl-r50@mmaction2",
        16,
        partial(mmaction2, mode="embedded_gaussian"),
    ),
    "mmaction2 dot": ("i3d-nl_dot-r50@mmaction2", 16, partial(mmaction2, mode="dot_product")),
    "mmaction2 gaussian": (
        "i3d-nl_gaussian-r50@mmaction2",
        16,
        partial(mmaction2, mode="gaussian"),
    ),
    "mmaction2 concatenation": (
        "i3d-nl_concatenation-r50@mmaction2",
        16,
        partial(mmaction2, mode="concatenation"),
    ),
    "authors": (
        "i3d-nl-r50@video-nonlocal-net",
        8,
        partial(video_nonlocal_net, long=False, affine=False),
    ),
    "authors, as in the paper": (
        "i3d-nl-r50@video-nonlocal-net-org",
        32,
        partial(video_nonlocal_net, long=True, affine=False),
    ),
    "authors, frozen": (
        "i3d-nl-r50@video-nonlocal-net",
        8,
        partial(video_nonlocal_net, long=False, affine=True),
    ),
}


@pytest.mark.parametrize("kind", VIDEO_NETWORKS)
@torch.no_grad()
def test_a_published_state_gives_the_published_networks_logits(kind):
    name, frames, published = VIDEO_NETWORKS[kind]
    dot_product = "dot" in kind
    parameters, clip = Parameters(projection=0.2 if dot_product else 1.0), fixed_clip(frames)
    expected = published(parameters, clip)
    ours = network(name, classes=400, frames=frames).eval()
    ours.load_state_dict(inflate_state(translated_state(parameters.arrays), ours, classifier=True))
    torch.testing.assert_close(ours(clip), expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    if nonlocal_blocks := [*ours.nonlocal_blocks.values()]:  # which all count
        nonlocal_blocks[-1].out.weight.zero_()
        assert float((ours(clip) - expected).std() / expected.std()) > 1e-3


@torch.no_grad()
def test_another_convention_gives_other_logits():
    """The conventions matter: with the right names and the wrong ones the logits differ."""
    parameters, clip = Parameters(), fixed_clip(16)
    expected = mmaction2(parameters, clip, mode="embedded_gaussian")
    state = translated_state(parameters.arrays)
    ours = network("i3d-nl-r50", classes=400, frames=16).eval()
    ours.load_state_dict(inflate_state(state, ours, classifier=True))
    assert float((ours(clip) - expected).std() / expected.std()) > 0.01


@torch.no_grad()
def test_torchvisions_resnet18_loads_and_gives_its_logits():
    parameters = Parameters()
    image = fixed_clip(1, 64)
    expected = torchvision_18(parameters, image[:, :, 0])
    assert sum(v.numel() for n, v in parameters.arrays.items() if "running" not in n) == (
        11_689_512 + 20  # torchvision's count, and a counter per normalisation
    )
    ours = network("c2d-r18", classes=1000).eval()
    ours.load_state_dict(inflate_state(translated_state(parameters.arrays), ours, classifier=True))
    torch.testing.assert_close(ours(image), expected, rtol=1e-4, atol=1e-4)


def _small_mmaction2() -> dict[str, torch.Tensor]:
    parameters = Parameters()
    mmaction2(parameters, fixed_clip(8, 32), mode="gaussian")
    return parameters.arrays


def test_files_of_every_publisher_are_read(tmp_path):
    arrays = _small_mmaction2()
    expected = translated_state(arrays)
    contents = {
        "plain.pth": arrays,
        "mmaction2.pth": {"meta": {"epoch": 3}, "state_dict": arrays, "optimizer": {"lr": 0.1}},
        "pyslowfast.pyth": {"epoch": 1, "model_state": arrays, "cfg": "NUM_GPUS: 8"},
        "parallel.pt": {"model": {f"module.{name}": value for name, value in arrays.items()}},
    }
    for file, content in contents.items():
        torch.save(content, tmp_path / file)
    save_file({n: v.contiguous() for n, v in arrays.items()}, str(tmp_path / "same.safetensors"))
    for file in (*contents, "same.safetensors"):
        state = read_published_weights(tmp_path / file)
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in expected)


class Runs:
    """What a pickle could run."""

    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weights": Runs()}, "not a state dict of tensors"),
        ({"state_dict": {"conv1.weight": 3}}, "not a state dict of tensors"),
        ([torch.ones(3)], "not a state dict of tensors"),
        ({"features.0.weight": torch.ones(3)}, "of no known layout (features.0.weight"),
        ({}, "of no known layout (nothing"),
    ],
)
def test_other_files_are_refused(tmp_path, capsys, content, words):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(BadInput) as refusal:
        read_published_weights(path)
    assert words in str(refusal.value) and str(path) in str(refusal.value)
    assert "this ran" not in capsys.readouterr().out


def test_a_pickle_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(BadInput, match="synth convert-weights"):
        read_published_weights(tmp_path / "i3d.pkl")
    with pytest.raises(BadInput, match="no such file"):
        read_published_weights(tmp_path / "nothing.pth")


def test_a_parameter_of_another_network_is_named():
    arrays = _small_mmaction2()
    arrays["backbone.layer9.0.conv1.conv.weight"] = torch.ones(3)
    ours = network("i3d-nl_gaussian-r50@mmaction2", classes=400)
    with pytest.raises(ValueError, match=r"no parameter layer9\.0\.conv1\.weight"):
        inflate_state(translated_state(arrays), ours)
    del arrays["backbone.layer9.0.conv1.conv.weight"], arrays["backbone.layer1.0.conv1.bn.bias"]
    with pytest.raises(ValueError, match=r"have no parameter layer1\.0\.bn1\.bias"):
        inflate_state(translated_state(arrays), ours)
    with pytest.raises(ValueError, match=r"no parameter nonlocal_blocks\.layer2_1"):
        inflate_state(translated_state(arrays), network("i3d-r50@mmaction2", classes=400))


def test_every_layout_is_told_by_its_names():
    signs = {
        "pytorchvideo": "blocks.1.res_blocks.0.branch2.conv_a.weight",
        "pyslowfast": "s1.pathway0_stem.conv.weight",
        "mmaction2": "backbone.conv1.conv.weight",
        "video-nonlocal-net": "res2_0_branch2a_w",
        "torchvision": "conv1.weight",
    }
    assert signs.keys() == LAYOUTS.keys()
    for layout, name in signs.items():
        assert layout_of({name: torch.ones(1)}) == layout
