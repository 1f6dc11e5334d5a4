"""The bytes of a film follow from its frames alone, not from the processor or stale memory."""

from __future__ import annotations

import numpy as np
import pytest

from synth.clips import video_files
from synth.clips.video_files import write_video
from synth.scene.backgrounds import paint_background


def panned_frames(width: int, height: int) -> list[np.ndarray]:
    """What a camera sees that pans over a painted background."""
    wide = paint_background(np.random.default_rng(3), height=height + 40, width=2 * width)
    return [
        np.ascontiguousarray(wide[2 * k : height + 2 * k, 3 * k : 3 * k + width]) for k in range(6)
    ]


@pytest.mark.parametrize(("width", "height"), [(160, 120), (320, 240)])
def test_film_of_a_panning_camera_has_the_bytes_of_plain_code(tmp_path, monkeypatch, width, height):
    """Encoded without any vector code of a processor, the film has the same bytes."""
    frames = panned_frames(width, height)
    write_video(tmp_path / "here.mp4", frames, 30)
    ours = video_files._ENCODING.get("x264-params")
    plain = ":".join(str(part) for part in (ours, "asm=0") if part)
    monkeypatch.setitem(video_files._ENCODING, "x264-params", plain)
    write_video(tmp_path / "plain.mp4", frames, 30)
    assert (tmp_path / "here.mp4").read_bytes() == (tmp_path / "plain.mp4").read_bytes()


def test_film_repeats_its_bytes_whatever_memory_held(tmp_path):
    frames, rng = panned_frames(160, 120), np.random.default_rng(0)
    films = set()
    for _ in range(12):
        stale = [np.full(n, n % 251, np.uint8) for n in rng.integers(1000, 400000, 200)]
        del stale
        write_video(tmp_path / "film.mp4", frames, 30)
        films.add((tmp_path / "film.mp4").read_bytes())
    assert len(films) == 1
