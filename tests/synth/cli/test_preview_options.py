"""`synth preview`: a stick figure, and the frame rates of motion and film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from synth.clips.video_files import frame_rate, read_video
from tests.mocap.cmu_like import cmu_like
from tests.synth.cli.running import refusal, succeed


@pytest.fixture
def motion(tmp_path) -> Path:
    """60 frames of a motion that no index knows."""
    skeleton = cmu_like()
    write_asf(skeleton, tmp_path / "900" / "900.asf")
    path = tmp_path / "900" / "900_01.amc"
    write_amc(skeleton, np.zeros((60, len(skeleton.channels))), path)
    return path


def test_rates_of_motion_and_film(motion, tmp_path):
    out = tmp_path / "film.mp4"
    words = ["preview", motion, "--out", out, "--size", "160x120"]
    assert "--source-fps" in refusal(*words) and not out.exists()
    succeed(*words, "--source-fps", 60, "--fps", 15)
    assert len(read_video(out)) == 15 and frame_rate(out) == 15
    succeed(*words, "--source-fps", 120, "--fps", 30)
    assert len(read_video(out)) == 15 and frame_rate(out) == 30
    for option in ("--fps", "--source-fps"):
        assert f"'{option}'" in refusal(*words, option, "0")
        assert f"'{option}'" in refusal(*words, option, "nan")


def test_a_stick_figure_covers_less_than_the_body(motion, tmp_path):
    words = ["preview", motion, "--source-fps", 120, "--size", "160x120", "--view", "front"]
    frames = []
    for name, more in (("body", []), ("stick", ["--stick"])):
        succeed(*words, *more, "--out", tmp_path / f"{name}.mp4")
        frames.append(read_video(tmp_path / f"{name}.mp4")[0].astype(int))
    differing = np.abs(frames[0] - frames[1]).max(axis=-1) > 30
    assert 0.005 < differing.mean() < 0.3
