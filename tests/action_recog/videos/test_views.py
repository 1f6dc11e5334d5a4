import numpy as np
import pytest
import torch

from action_recog.videos import views
from action_recog.videos.views import (
    ViewOptions,
    clip_indices,
    clip_span,
    reduce_short_side,
    standardise,
    test_indices,
    test_views,
    training_indices,
    training_view,
)

PAPER = ViewOptions()
SMALL = ViewOptions(frames=4, stride=3, size=16, jitter=(18, 24), test_size=20, test_clips=3)


def _ramp(frames: int, height: int, width: int) -> np.ndarray:
    """Red tells the column, green the row, blue the frame."""
    clip = np.zeros((frames, height, width, 3), np.uint8)
    clip[..., 0] = np.arange(width)
    clip[..., 1] = np.arange(height)[:, None]
    clip[..., 2] = np.arange(frames)[:, None, None]
    return clip


def test_the_papers_clip_spans_57_frames_and_30_views():
    assert clip_span(PAPER, 25.0) == 57
    assert PAPER.test_clips * PAPER.test_crops == 30
    assert list(clip_indices(10, 200, PAPER)) == list(range(10, 67, 8))


def test_training_clips_stay_inside_and_reach_both_ends():
    rng = np.random.default_rng(0)
    drawn = np.stack([training_indices(60, PAPER, rng) for _ in range(200)])
    assert set(drawn[:, 0]) == {0, 1, 2, 3} and drawn.max() == 59
    assert (np.diff(drawn, axis=1) == 8).all()


def test_test_clips_are_even_and_reach_both_ends():
    clips = test_indices(201, PAPER)
    assert clips.shape == (10, 8)
    assert clips[0, 0] == 0 and clips[-1, -1] == 200
    assert set(np.diff(clips[:, 0])) == {16}
    one = test_indices(201, ViewOptions(test_clips=1))
    assert one[0, 0] == 72  # as many frames before it as after it


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ("loop", [0, 8, 16, 24, 3, 11, 19, 27]),
        ("clamp", [0, 8, 16, 24, 28, 28, 28, 28]),
        ("resample", [0, 4, 8, 12, 16, 20, 24, 28]),
    ],
)
def test_videos_shorter_than_a_clip(short, expected):
    """UCF101's shortest video has 29 frames, the paper's clip spans 57."""
    options = ViewOptions(short=short)
    assert list(clip_indices(0, 29, options)) == expected
    rng = np.random.default_rng(0)
    for count in (1, 5, 29, 56):
        for clip in (*test_indices(count, options), training_indices(count, options, rng)):
            assert clip.min() >= 0 and clip.max() < count


def test_a_rate_makes_the_stride_a_time():
    options = ViewOptions(frames=4, stride=2, rate=25.0)
    assert list(clip_indices(0, 100, options, frame_rate=25.0)) == [0, 2, 4, 6]
    assert list(clip_indices(0, 100, options, frame_rate=50.0)) == [0, 4, 8, 12]
    assert list(clip_indices(0, 100, options, frame_rate=30.0)) == [0, 2, 4, 7]


def test_crops_are_jittered_within_the_bounds_and_mirrored_half_the_time():
    rng = np.random.default_rng(0)
    frames = _ramp(4, 120, 160)
    mirrored, spans = 0, []
    for _ in range(200):
        view = training_view(frames, SMALL, rng).astype(int)
        assert view.shape == (3, 4, 16, 16)
        assert (np.diff(view[1, 0, :, 0]) > 0).all()  # never upside down
        across = view[0, 0, 0]
        mirrored += across[0] > across[-1]
        spans.append(abs(across[-1] - across[0]) / 15 * 16)
        assert [view[2, t].mean() for t in range(4)] == [0, 1, 2, 3]  # frames keep their order
    assert 70 < mirrored < 130
    # a short side of 18..24 pixels and a crop of 16: two thirds to eight ninths of 120 source
    # pixels
    assert 120 * 16 / 24 - 3 < min(spans) < 84 and 103 < max(spans) < 120 * 16 / 18 + 3


def test_no_mirror_where_it_was_not_asked_for():
    options = ViewOptions(frames=4, size=16, jitter=(18, 24), flip=False)
    rng = np.random.default_rng(0)
    views = [training_view(_ramp(4, 60, 80), options, rng).astype(int) for _ in range(30)]
    assert all(v[0, 0, 0, 0] < v[0, 0, 0, -1] for v in views)


def test_three_crops_lie_left_middle_right():
    views = test_views(_ramp(2, 60, 100), SMALL).astype(float)
    assert views.shape == (3, 3, 2, 20, 20)
    middles = views[:, 0].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(middles, [29.5, 49.5, 69.5], atol=0.5)
    tall = test_views(_ramp(2, 100, 60), SMALL).astype(float)
    np.testing.assert_allclose(tall[:, 1].mean(axis=(1, 2, 3)), [29.5, 49.5, 69.5], atol=0.5)
    one = ViewOptions(frames=2, size=16, jitter=(18, 24), test_size=20, test_crops=1)
    centre = test_views(_ramp(2, 60, 100), one).astype(float)
    assert abs(centre[0, 0].mean() - 49.5) < 0.5


def test_channels_are_red_green_blue_and_standardised():
    red = np.zeros((2, 40, 40, 3), np.uint8)
    red[..., 0] = 255
    view = training_view(red, SMALL, np.random.default_rng(0))
    assert view[0].min() == 255 and view[1:].max() == 0
    found = standardise(torch.from_numpy(view))
    assert found[0].mean() == pytest.approx((255 - 114.75) / 57.375)
    assert found[1].mean() == pytest.approx(-2.0)


def test_reduction_keeps_the_shape_and_leaves_small_frames_alone():
    assert reduce_short_side(_ramp(2, 120, 160), 30).shape == (2, 30, 40, 3)
    small = _ramp(2, 24, 40)
    assert reduce_short_side(small, 30) is small


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="jitter"):
        ViewOptions(size=300)
    with pytest.raises(ValueError, match="test_crops"):
        ViewOptions(test_crops=2)


@pytest.mark.parametrize("seed", range(5))
def test_recolouring_is_the_gains_of_every_pixel(seed):
    frames = np.random.default_rng(seed).integers(0, 256, (3, 10, 12, 3), np.uint8)[:, :, ::-1]
    planes = np.ascontiguousarray(frames.transpose(3, 0, 1, 2))
    views._recolour(planes, 0.4, np.random.default_rng([seed, 1]))
    found = planes.transpose(1, 2, 3, 0)
    gains = np.random.default_rng([seed, 1]).uniform(0.6, 1.4, 5)
    mean = float(frames.mean())
    pixels = (frames.astype(np.float32) - mean) * gains[0] + mean * gains[1]
    pixels *= (1 + 0.5 * (gains[2:] - 1)).astype(np.float32)
    assert np.array_equal(found, np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(6))
def test_a_training_view_is_the_crop_mirrored_and_recoloured_pixel_by_pixel(seed):
    """In the plain order of operations and in NumPy: the bytes of trainings hang on it."""
    rng = np.random.default_rng([seed, 7])
    frames = rng.integers(0, 256, (9, 40 + seed, 52 - seed, 3), np.uint8)[::3]
    options = ViewOptions(frames=3, size=24, jitter=(24, 36), colour=0.3 * (seed % 2), test_size=24)
    view = training_view(frames, options, np.random.default_rng(seed))
    again = np.random.default_rng(seed)
    height, width = frames.shape[1:3]
    side = min(round(24 * min(height, width) / again.uniform(24, 36)), height, width)
    top, left = (int(again.integers(room - side + 1)) for room in (height, width))
    crop = frames[:, top : top + side, left : left + side]
    mirrored = again.random() < 0.5
    expected = views.resize(crop, 24, 24)[:, :, :: -1 if mirrored else 1].astype(np.float32)
    if options.colour:
        gains = again.uniform(1 - options.colour, 1 + options.colour, 5)
        mean = float(expected.astype(np.uint8).mean())
        expected = (expected - mean) * gains[0] + mean * gains[1]
        expected *= (1 + 0.5 * (gains[2:] - 1)).astype(np.float32)
    expected = np.clip(np.rint(expected), 0, 255).astype(np.uint8)
    assert np.array_equal(view, expected.transpose(3, 0, 1, 2)) and view.flags.c_contiguous
