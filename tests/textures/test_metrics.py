"""Every protocol against a slow, literal computation of its definition."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.metrics import PROTOCOLS, gaussian_window, score


def pair(seed=0, height=24, width=16):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    b = np.clip(a.astype(int) + rng.normal(0, 30, a.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    mask[7:17, 5:11] = True
    return a, b, mask


def literal_ssim(a, b, *, weights, span, valid=False, unbiased=False):
    """SSIM map by loops over windows, straight from the definition; zeros outside the image."""
    n = len(weights)
    window = np.outer(weights, weights)
    r = n // 2
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    height, width, channels = a.shape
    out = np.empty(a.shape)
    for c in range(channels):
        pa, pb = np.pad(a[..., c], r), np.pad(b[..., c], r)
        for i in range(height):
            for j in range(width):
                x, y = pa[i : i + n, j : j + n], pb[i : i + n, j : j + n]
                mx, my = (window * x).sum(), (window * y).sum()
                vx = (window * x * x).sum() - mx * mx
                vy = (window * y * y).sum() - my * my
                vxy = (window * x * y).sum() - mx * my
                if unbiased:
                    vx, vy, vxy = (v * n * n / (n * n - 1) for v in (vx, vy, vxy))
                out[i, j, c] = (2 * mx * my + c1) * (2 * vxy + c2)
                out[i, j, c] /= (mx * mx + my * my + c1) * (vx + vy + c2)
    return out[r:-r, r:-r] if valid else out


def test_the_window_is_the_usual_gaussian():
    weights = gaussian_window()
    assert len(weights) == 11 and weights.sum() == pytest.approx(1)
    assert weights[4] / weights[5] == pytest.approx(np.exp(-1 / (2 * 1.5**2)))


@pytest.mark.parametrize("masked", [False, True])
def test_pg2(masked):
    a, b, mask = pair()
    name = "mask-ssim@pg2" if masked else "ssim@pg2"
    x, y = (a * mask[..., None], b * mask[..., None]) if masked else (a, b)
    weights = np.full(7, 1 / 7)
    expected = literal_ssim(
        x.astype(float), y.astype(float), weights=weights, span=255, valid=True, unbiased=True
    ).mean()
    assert score(name, a, b, mask) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["ssim@rstg", "mask-ssim@rstg", "ssim@hpbtt", "mask-ssim@hpbtt"])
def test_rstg_and_hpbtt(name):
    a, b, mask = pair(1)
    weight = mask[..., None] if name.startswith("mask") else 1
    expected = literal_ssim(
        a * weight / 255, b * weight / 255, weights=gaussian_window(), span=1
    ).mean()
    assert score(name, a, b, mask) == pytest.approx(expected, abs=1e-9)


def test_texformer_has_range_one_constants_on_images_of_range_two():
    a, b, mask = pair(2)
    x, y = ((image / 127.5 - 1) * mask[..., None] for image in (a, b))
    expected = literal_ssim(x, y, weights=gaussian_window(), span=1).mean()
    assert score("ssim@texformer", a, b, mask) == pytest.approx(expected, abs=1e-9)


def test_strict_looks_inside_the_mask_only():
    a, b, mask = pair(3)
    expected = literal_ssim(a / 255, b / 255, weights=gaussian_window(), span=1)[mask].mean()
    assert score("ssim@strict", a, b, mask) == pytest.approx(expected, abs=1e-9)
    changed = b.copy()
    changed[0, 0] = 255 - changed[0, 0]  # further from the mask than half a window
    assert score("ssim@strict", a, changed, mask) == score("ssim@strict", a, b, mask)
    error = ((a[mask].astype(float) - b[mask]) ** 2).mean()
    assert score("psnr@strict", a, b, mask) == pytest.approx(10 * np.log10(255**2 / error))


def test_strict_has_no_window_that_reaches_past_the_image():
    a, b, _ = pair(4, width=20)
    a[:6], b[:6] = 10, 240  # at the border the two differ most
    expected = literal_ssim(a / 255, b / 255, weights=gaussian_window(), span=1, valid=True).mean()
    whole = np.ones((24, 20), bool)
    assert score("ssim@strict", a, b, whole) == pytest.approx(expected, abs=1e-9)
    with pytest.raises(BadInput, match="empty away from the image's border"):
        border = whole.copy()
        border[5:-5, 5:-5] = False
        score("ssim@strict", a, b, border)


@pytest.mark.parametrize("name", [n for n in PROTOCOLS if n.split("@")[0].endswith("ssim")])
def test_identical_images_score_one_and_noise_less(name):
    a, b, mask = pair(4)
    assert score(name, a, a, mask) == pytest.approx(1)
    assert score(name, b, a, mask) < 0.999


def test_the_definitions_differ_on_one_pair():
    """The reason for names: one pair of images, many scores."""
    a, b, mask = pair(5, 128, 64)
    values = {round(score(name, a, b, mask), 5) for name in PROTOCOLS if "ssim" in name}
    assert len(values) == 6  # hpbtt differs from rstg in its data only


def test_unknown_names_sizes_and_missing_masks_are_refused():
    a, b, mask = pair()
    with pytest.raises(BadInput, match="unknown score"):
        score("ssim", a, b)
    with pytest.raises(BadInput, match="one size"):
        score("ssim@pg2", a, b[:-1])
    with pytest.raises(BadInput, match="needs a mask"):
        score("ssim@strict", a, b)
    with pytest.raises(BadInput, match="mask"):
        score("mask-ssim@pg2", a, b, mask[:-1])
    with pytest.raises(TypeError):
        PROTOCOLS["mine"] = None


def test_every_protocol_says_in_one_sentence_what_it_is():
    a, b, _ = pair(6)
    for name, protocol in PROTOCOLS.items():
        assert protocol.definition.endswith(".") and len(protocol.definition) > 30
        if protocol.needs_mask:
            with pytest.raises(BadInput, match="mask"):
                score(name, a, b)
        else:
            score(name, a, b)
