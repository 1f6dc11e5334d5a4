"""`synth body`: what a body holds, in words and in a turntable."""

from __future__ import annotations

import re
import sys

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mocap.bodies.smpl_body import load_smpl_body
from mocap.bodies.smplx_comparison import compare_with_smplx
from mocap.errors import BadInput
from synth.cli import cli
from synth.pictures.channel_mosaic import parts_picture
from synth.pictures.turntable import framing_camera, turned, turntable, write_turntable
from tests.mocap.smpl_like import official_pickle, smpl_arrays, write_obj
from textures.harvest.contact_sheet import CAPTION


def run(*arguments):
    return CliRunner().invoke(cli, ["body", *map(str, arguments)])


def seen_parts(picture):
    """Which of SURREAL's parts a lit picture shows, by hue."""
    hues = cv2.cvtColor(parts_picture(np.arange(25, dtype=np.uint8)[None]), cv2.COLOR_RGB2HSV)[0]
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    coloured = pixels[pixels[..., 1] > 120]
    return {
        part
        for part in range(1, 25)
        if (np.abs(coloured[:, 0].astype(int) - hues[part, 0]) < 2).any()
    }


def centroid(picture, part):
    hue = int(cv2.cvtColor(parts_picture(np.array([[part]], np.uint8)), cv2.COLOR_RGB2HSV)[0, 0, 0])
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(int)
    rows, columns = np.nonzero((np.abs(pixels[..., 0] - hue) < 2) & (pixels[..., 1] > 120))
    return columns.mean() / picture.shape[1], rows.mean() / picture.shape[0]


def test_the_free_body_is_described():
    result = run()
    assert result.exit_code == 0, result.output
    assert "free: 13,492 vertices" in result.output and "anny-1" in result.output
    assert "24 rightHandIndex1 (2745)" in result.output


def test_an_official_smplx_like_file_is_described_with_what_is_left_out(body, tmp_path):
    arrays = smpl_arrays(body, "SMPL-X")
    (tmp_path / "SMPLX_TEST.pkl").write_bytes(official_pickle(arrays))
    obj = write_obj(tmp_path / "uv.obj", arrays["f"])
    result = run(tmp_path / "SMPLX_TEST.pkl", "--uv", obj, "--out", tmp_path / "t.png")
    assert result.exit_code == 0, result.output
    for words in ("smplx:SMPLX_TEST", "UV layout smplx", "30 finger joints", "jaw and eyes"):
        assert words in result.output
    assert cv2.imread(str(tmp_path / "t.png")).shape == (960 + 2 * CAPTION, 1440, 3)


def test_a_comparison_without_the_reference_implementation_says_how_to_get_it(
    body, tmp_path, monkeypatch
):
    np.savez(tmp_path / "model.npz", **smpl_arrays(body, "SMPL"))
    monkeypatch.setitem(sys.modules, "smplx.lbs", None)
    lacking = run(tmp_path / "model.npz", "--compare")
    assert isinstance(lacking.exception, BadInput) and "pip install smplx" in str(lacking.exception)


@pytest.mark.needs("smplx")
@pytest.mark.parametrize("kind", ["SMPL", "SMPL-X"])
def test_a_file_is_compared_with_the_reference_implementation(kind, body, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **smpl_arrays(body, kind))
    result = run(path, "--compare")
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("against smplx"))
    mean, largest, joint = (float(number) for number in re.findall(r"(\S+) mm", line))
    assert mean <= largest < 0.01 and joint < 0.01
    assert ("jaw and eyes at rest" in line) == (kind == "SMPL-X")


@pytest.mark.needs("smplx")
def test_the_comparison_sees_a_body_that_is_not_the_files(body, tmp_path):
    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays)
    arrays["weights"] = np.roll(arrays["weights"], 1, axis=1)
    np.savez(tmp_path / "other.npz", **arrays)
    other = load_smpl_body(tmp_path / "other.npz")
    assert compare_with_smplx(tmp_path / "model.npz", other).largest > 0.1


def test_bad_wishes_are_refused(tmp_path):
    for arguments, reason in (
        ((tmp_path / "none.npz",), "no such body model"),
        (("--out", tmp_path / "t.gif"), "turntable is a .mp4 or a .png"),
        (("--compare",), "--compare needs FILE"),
        (("--uv", tmp_path / "uv.obj"), "free body has its own UVs"),
        ((tmp_path / "none.npz", "--gender", "male"), "one gender"),
    ):
        result = run(*arguments)
        assert isinstance(result.exception, BadInput) and reason in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_the_turntable_faces_us_then_turns_to_its_left(body):
    front, side, back = turntable(body, (0, 90, 180), size=160)
    left_hand, right_hand = centroid(front, 23), centroid(front, 24)
    assert left_hand[0] > 0.8 and right_hand[0] < 0.2  # its left is our right
    assert abs(left_hand[1] - right_hand[1]) < 0.02
    assert centroid(back, 23)[0] < 0.2
    # From the front, turned to its left, it looks to our right: its feet point there.
    assert centroid(side, 11)[0] > centroid(side, 8)[0] + 0.03
    assert seen_parts(front) | seen_parts(back) | seen_parts(side) == set(range(1, 25))


def test_nothing_leaves_the_picture(body):
    vertices = body.template.astype(float)
    camera = framing_camera(vertices, 100)
    for degrees in range(0, 360, 15):
        pixels, _ = camera.project(turned(vertices, degrees))
        assert pixels.min() > 0 and pixels.max() < 100


def test_the_film_goes_once_round_and_appears_whole(body, tmp_path, monkeypatch):
    monkeypatch.setattr("synth.pictures.turntable._FRAMES", 4)
    write_turntable(body, tmp_path / "t.mp4", size=96)
    with av.open(str(tmp_path / "t.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert np.stack(frames).shape == (4, 96, 96, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["t.mp4"]

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("synth.pictures.turntable.write_video", fail)
    with pytest.raises(OSError, match="disk full"):
        write_turntable(body, tmp_path / "u.mp4", size=96)
    assert [path.name for path in tmp_path.iterdir()] == ["t.mp4"]
