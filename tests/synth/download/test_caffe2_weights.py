"""Pickles as Caffe2 writes them, converted and read; the network's logits against its definition."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from action_recog.networks.resnet3d import inflate_state, network
from action_recog.published_weights.reading import read_published_weights
from mocap.errors import BadInput
from synth.download.caffe2_weights import caffe2_blobs, convert_caffe2_weights
from tests.action_recog.published_weights.published_networks import Parameters, video_nonlocal_net
from tests.synth.cli.running import refusal, succeed


@torch.no_grad()
def test_a_pickle_of_the_authors_gives_the_authors_logits(tmp_path):
    parameters = Parameters()
    clip = torch.randn(1, 3, 8, 48, 48, generator=torch.Generator().manual_seed(1))
    expected = video_nonlocal_net(parameters, clip, long=False, affine=False)
    blobs = {name: value.numpy() for name, value in parameters.arrays.items()}
    blobs["pred_w"] = blobs["pred_w"].reshape(400, 2048, 1, 1, 1)  # fully convolutional testing
    blobs |= {
        "model_iter": 400_000,
        "lr": np.array([0.0001], np.float32),
        "conv1_w_momentum": np.zeros((64, 3, 5, 7, 7), np.float32),
    }
    (tmp_path / "i3d.pkl").write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    out = tmp_path / "i3d.safetensors"
    said = succeed("convert-weights", tmp_path / "i3d.pkl", out).output
    told = succeed("convert-weights", tmp_path / "i3d.pkl", tmp_path / "b.safetensors", "--json")
    content = json.loads(told.stdout)
    assert f"{content['arrays']} arrays" in said and content["file"].endswith("b.safetensors")
    assert f"{len(parameters.arrays)} arrays" in said
    ours = network("i3d-nl-r50@video-nonlocal-net", classes=400).eval()
    ours.load_state_dict(inflate_state(read_published_weights(out), ours, classifier=True))
    torch.testing.assert_close(ours(clip), expected, rtol=1e-4, atol=1e-4)


class Runs:
    """What a pickle could run."""

    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"blobs": {"conv1_w": Runs()}}, "cannot be read as a pickle"),
        ({"blobs": {"conv1_w": "words"}}, "'conv1_w' is no array"),
        ({"blobs": {"conv1_w": np.array([1.0, np.nan], np.float32)}}, "'conv1_w' holds float32"),
        ({"blobs": {"lr": np.ones(1, np.float32)}}, "holds no array"),
        ([np.ones(3)], "holds a list"),
    ],
)
def test_other_pickles_are_refused_and_nothing_is_written(tmp_path, capsys, content, words):
    (tmp_path / "weights.pkl").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(BadInput) as refused:
        convert_caffe2_weights(tmp_path / "weights.pkl", tmp_path / "weights.safetensors")
    assert words in str(refused.value) and "weights.pkl" in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pkl"]
    assert "this ran" not in capsys.readouterr().out


def test_torn_missing_and_misnamed_files_are_refused(tmp_path):
    whole = pickle.dumps({"blobs": {"conv1_w": np.ones((4, 4), np.float32)}}, protocol=2)
    for length in range(0, len(whole), 7):
        (tmp_path / "torn.pkl").write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"torn\.pkl"):
            caffe2_blobs(tmp_path / "torn.pkl")
    assert "no such file" in refusal(
        "convert-weights", tmp_path / "none.pkl", tmp_path / "a.safetensors"
    )
    (tmp_path / "whole.pkl").write_bytes(whole)
    assert "ends in .safetensors" in refusal(
        "convert-weights", tmp_path / "whole.pkl", tmp_path / "a.pth"
    )
