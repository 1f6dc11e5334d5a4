"""Videos of recorded motions: what keeps the splits apart, places, lens, layout."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recog.datasets.ucf101 import load_split
from mocap.errors import BadInput
from mocap.library.motion_entry import MotionEntry
from mocap.library.motion_library import MotionLibrary, open_motion_library
from synth.scene.environment_pictures import environment_files, read_environment
from synth.standins.environment_places import environment_view
from synth.standins.handheld_video import VideoFormat, distorted
from synth.standins.motions import write_motions
from synth.standins.recorded_classes import recorded_classes
from synth.standins.recorded_videos import (
    RecordedVideosSize,
    Surroundings,
    write_recorded_videos,
)

TINY = RecordedVideosSize(
    groups=3, clips=1, texture_size=64, video=VideoFormat(width=96, height=72, frames=(8, 10))
)


def entry(subject: str, trial: str, category: str, seconds: float, file: str = "") -> MotionEntry:
    return MotionEntry(
        name=file or f"{subject}_{trial}",
        subject=subject,
        trial=trial,
        description=category,
        category=category,
        fps=100.0,
        path=Path(f"{file or subject + '_' + trial}.bvh"),
        skeleton=None,
        frames=round(seconds * 100) + 1,
        format="bvh",
        member="",
        verdict=None,
    )


def library(*entries: MotionEntry) -> MotionLibrary:
    return MotionLibrary(Path("motions"), tuple(entries), ())


def test_where_three_people_perform_a_class_no_person_is_in_two_splits():
    people = [entry(f"{p:02}", f"{t}", "walk", 3 + p) for p in range(5) for t in range(p + 1)]
    (made,), _ = recorded_classes(library(*people), least_seconds=1.0)
    assert made.separation == "people"
    subjects = [{part.entry.subject for part in parts} for parts in made.parts]
    assert not subjects[0] & subjects[1] | subjects[0] & subjects[2] | subjects[1] & subjects[2]
    assert set.union(*subjects) == {f"{p:02}" for p in range(5)}


def test_a_take_that_is_there_in_two_formats_is_in_one_split():
    takes = [entry("02", str(t), "punch", 4.0) for t in range(4)]
    again = [entry("02", str(t), "punch", 4.0, file=f"daz_02_{t}") for t in range(4)]
    (made,), _ = recorded_classes(library(*takes, *again), least_seconds=1.0)
    assert made.separation == "takes"
    for parts in made.parts:
        trials = [part.entry.trial for part in parts]
        assert parts and all(trials.count(trial) == 2 for trial in trials)


def test_parts_of_one_take_are_a_second_apart_and_a_short_take_makes_no_class():
    classes, refused = recorded_classes(
        library(entry("02", "1", "punch", 12.0), entry("02", "2", "kick", 4.0)), least_seconds=1.0
    )
    (made,) = classes
    assert made.separation == "parts of a take"
    spans = [(parts[0].first, parts[0].last) for parts in made.parts]
    assert spans[0][0] == 0 and spans[-1][1] == pytest.approx(12.0, abs=0.02)
    for (_, last), (first, _) in itertools.pairwise(spans):
        assert first - last == pytest.approx(1.0)
    assert len(refused) == 1 and refused[0].startswith("kick")


def sky_and_red_east() -> np.ndarray:
    """An environment whose upper half is blue, with a red spot at yaw +90 degrees on the horizon."""
    picture = np.zeros((64, 128, 3), np.float32)
    picture[:32] = (0, 0, 1)
    picture[32:] = (0, 1, 0)
    picture[30:34, 94:98] = (1, 0, 0)
    return picture


def test_a_view_of_an_environment_has_up_above_and_right_on_the_right():
    wide = environment_view(
        sky_and_red_east(), yaw=np.pi / 2 - 0.3, pitch=0.0, focal=60, width=120, height=80
    )
    assert wide[5, 60, 2] > 200 and wide[5, 60, 1] < 50  # sky above
    assert wide[75, 60, 1] > 200 and wide[75, 60, 2] < 50  # ground below
    rows, columns = np.nonzero((wide[..., 0] > 128) & (wide[..., 1:] < 90).all(2))
    assert columns.mean() == pytest.approx(60 + 60 * np.tan(0.3), abs=1.5)
    assert rows.mean() == pytest.approx(39.5, abs=1.5)
    raised = environment_view(
        sky_and_red_east(), yaw=0.0, pitch=0.3, focal=60, width=120, height=80
    )
    horizon = np.flatnonzero(raised[:, 60, 1] > 128)[0]
    assert horizon == pytest.approx(40 + 60 * np.tan(0.3), abs=2.5)


def test_environments_are_read_as_linear_rgb_and_damaged_ones_are_named(tmp_path):
    picture = sky_and_red_east()
    cv2.imwrite(str(tmp_path / "place.hdr"), picture[..., ::-1])
    assert environment_files(tmp_path) == [tmp_path / "place.hdr"]
    assert np.abs(read_environment(tmp_path / "place.hdr") - picture).max() < 0.01
    cv2.imwrite(str(tmp_path / "square.hdr"), picture[:, :64])
    with pytest.raises(BadInput, match=r"square\.hdr: 64x64 pixels, expected 2:1"):
        read_environment(tmp_path / "square.hdr")
    (tmp_path / "torn.exr").write_bytes(b"v/1\x01nothing")
    with pytest.raises(BadInput, match=r"torn\.exr"):
        read_environment(tmp_path / "torn.exr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no environment"):
        environment_files(tmp_path / "empty")


def test_a_barrel_lens_draws_points_inwards_as_opencv_projects_them():
    image = np.zeros((81, 121, 3), np.uint8)
    image[10:13, 20:23] = 255
    seen = distorted(image, focal=70.0, distortion=-0.2)
    rows, columns = np.nonzero(seen[..., 0] > 64)
    x, y = (21 - 60) / 70, (11 - 40) / 70
    factor = 1 - 0.2 * (x * x + y * y)
    assert columns.mean() == pytest.approx(60 + 70 * x * factor, abs=0.7)
    assert rows.mean() == pytest.approx(40 + 70 * y * factor, abs=0.7)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, body):
    """A generated library stands in for a recorded one: two classes of three people."""
    folder = tmp_path_factory.mktemp("recorded")
    write_motions(folder / "motions", seed=4, subjects=3, variations=1)
    whole = open_motion_library(folder / "motions")
    chosen = whole.select(categories=["walk", "jump"])
    count, _ = write_recorded_videos(
        folder / "videos", chosen, body=body, seed=3, size=TINY, workers=1, progress=False
    )
    return folder / "videos", count, chosen


def test_the_ucf101_reader_takes_it_and_what_is_shared_is_written_down(recorded):
    out, count, _ = recorded
    assert count == 6
    for split in (1, 2, 3):
        train, test, missing = load_split(out, out / "ucfTrainTestlist", split)
        assert not missing and train.stand_in and train.classes == ("jump", "walk")
        assert {v.group[-3:] for v in test.videos} == {f"g{split:02d}"}
    written = json.loads((out / "standins.json").read_text())
    assert written["separation"] == {"jump": "people", "walk": "people"}
    assert written["shared"]["wardrobe"] == "the painter, not the clothes"
    assert "renderer" in written["shared"]


def test_a_finished_set_is_left_alone_and_other_settings_are_refused(recorded, body, tmp_path):
    out, count, chosen = recorded
    again, _ = write_recorded_videos(out, chosen, body=body, seed=3, size=TINY, progress=False)
    assert again == count
    with pytest.raises(BadInput, match="already holds something else"):
        write_recorded_videos(out, chosen, body=body, seed=4, size=TINY, progress=False)
    exchanged = {
        "walk": "jump",
        "jump": "walk",
    }  # the same files under an index that says otherwise
    others = tuple(replace(e, category=exchanged[e.category]) for e in chosen.entries)
    with pytest.raises(BadInput, match="already holds something else"):
        renamed = replace(chosen, entries=others)
        write_recorded_videos(out, renamed, body=body, seed=3, size=TINY, progress=False)
    with pytest.raises(BadInput, match="3, 6, 9"):
        write_recorded_videos(
            tmp_path / "new",
            chosen,
            body=body,
            seed=3,
            size=RecordedVideosSize(groups=4),
            progress=False,
        )
    with pytest.raises(BadInput, match="no environment"):
        write_recorded_videos(
            tmp_path / "new",
            chosen,
            body=body,
            seed=3,
            size=TINY,
            surroundings=Surroundings(environments=tmp_path),
            progress=False,
        )
    assert not (tmp_path / "new").exists()
