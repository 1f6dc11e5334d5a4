"""The tutorial's own lines are run, on smaller sizes, up to the films; the others are parsed elsewhere.

Not run are `make`, `synth doctor` and what follows the films: `standins actions`, `eval-ucf101` and
`report`, which take longer than a test should and are run by `make demo`.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from synth import find_clips, read_clip
from tests.docs.pages import DOCS
from tests.docs.test_command_lines import page_commands
from tests.synth.cli.running import succeed
from textures.harvest.contact_sheet import CAPTION
from textures.library import read_library

SMALLER = {  # what is added to a line; of an option that is given twice, the last counts
    "standins motions": ["--count-subjects", "1"],
    "motions": [],
    "standins pedestrians": ["--count-train-identities", "2"],
    "harvest-textures": [],
    "turntable": ["--size", "64", "--count-views", "2"],
    "preview": ["--fps", "4", "--size", "128x96"],
    "export": [],
    "render-videos": ["--count-clips", "2", "--frames", "4", "--workers", "1"],
    "check": ["--workers", "1"],
}
TEXTURE = "tutorial/textures/0001.png"
LEFT_OUT = {"doctor", "standins actions", "eval-ucf101", "report"}


@pytest.mark.slow
def test_the_lines_of_the_tutorial_run_one_after_another(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8").partition("## The same, larger")[0]
    textures = tmp_path / "tutorial" / "textures"
    said, left_out = {}, set()
    for words, partial in page_commands(text):
        name = " ".join(words[:2] if words[0] == "standins" else words[:1])
        if partial:
            continue
        if name in LEFT_OUT:
            left_out.add(name)
            continue
        if TEXTURE in words:  # of another person, in so small a library
            words[words.index(TEXTURE)] = f"tutorial/textures/{read_library(textures)[0].file}"
        said[name] = succeed(*words, *SMALLER[name]).output
    assert list(said) == list(SMALLER) and left_out == LEFT_OUT
    assert "17 motions: bow 1" in said["motions"]
    assert "one texture a person: 2 of" in said["harvest-textures"]
    assert "2 clips made" in said["render-videos"]

    out = tmp_path / "tutorial"
    assert len(read_library(textures, body)) == 2
    turn = cv2.imread(str(out / "turn.png"))
    assert turn.shape == (64 + CAPTION, 128, 3) and np.ptp(turn) > 50
    assert (out / "jack.glb").read_bytes()[:4] == b"glTF"
    assert (out / "walk.mp4").stat().st_size > 1000 and (out / "walk.png").is_file()
    clips = [read_clip(out / "films" / stem) for stem in find_clips(out / "films")]
    assert len(clips) == 2 and all(clip.truth.mask.any((1, 2)).all() for clip in clips)
    assert cv2.imread(str(out / "channels.jpg")).shape[0] > 100
