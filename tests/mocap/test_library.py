"""Folders of motions, frame rates and categories."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from mocap.categories import categorise, reduced_index
from mocap.errors import BadInput
from mocap.library import _CMU_INDEX, load_motion, open_motion_library
from tests.mocap.test_acclaim import SMALL_AMC, SMALL_ASF

INDEX = "motion,subject,trial,subject_title,description,framerate_fps,fps_source\n"


@pytest.fixture
def folder(tmp_path):
    """Two motions of one subject in CMU's layout, one of them in an index of the folder."""
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "77.asf").write_text(SMALL_ASF)
    (tmp_path / "77" / "77_01.amc").write_text(SMALL_AMC)
    (tmp_path / "motion_index.csv").write_text(INDEX + "77_01,77,1,a person,Left_Lunges,60,x\n")
    return tmp_path


def test_rate_and_category_come_from_the_index_in_the_folder(folder):
    (entry,) = open_motion_library(folder).entries
    assert (entry.name, entry.subject, entry.trial) == ("77_01", "77", "01")
    assert (entry.fps, entry.category, entry.frames) == (60.0, "lunge", 2)
    assert entry.description == "Left_Lunges"


def test_cmu_facts_serve_where_no_index_is_and_both_layouts_are_found(tmp_path):
    (tmp_path / "08.asf").write_text(SMALL_ASF)
    (tmp_path / "08_01.amc").write_text(SMALL_AMC)
    (tmp_path / "deep" / "105").mkdir(parents=True)
    (tmp_path / "deep" / "105" / "105.asf").write_text(SMALL_ASF)
    (tmp_path / "deep" / "105" / "105_01.amc").write_text(SMALL_AMC)
    rows = {row["motion"]: row for row in csv.DictReader(_CMU_INDEX.open())}
    for entry in open_motion_library(tmp_path).entries:
        assert entry.fps == float(rows[entry.name]["fps"])
        assert entry.category == rows[entry.name]["category"]


def test_a_motion_in_no_index_is_skipped_with_advice_or_takes_the_given_rate(folder):
    shutil.copy(folder / "77" / "77_01.amc", folder / "77" / "77_99.amc")
    library = open_motion_library(folder)
    ((path, reason),) = library.skipped
    assert path.name == "77_99.amc" and "--fps" in reason and "motion_index.csv" in reason
    given = open_motion_library(folder, fps=50)
    assert [entry.fps for entry in given.entries] == [60.0, 50.0] and not given.skipped


def test_damaged_motions_are_left_out_and_counted(folder):
    (folder / "77" / "77_02.amc").write_text(SMALL_AMC[: SMALL_AMC.rindex("lower")])
    (folder / "78").mkdir()
    (folder / "78" / "78_01.amc").write_text(SMALL_AMC)
    index = folder / "motion_index.csv"
    index.write_text(index.read_text() + "77_02,77,2,,walk,60,x\n78_01,78,1,,walk,60,x\n")
    library = open_motion_library(folder)
    assert [entry.name for entry in library.entries] == ["77_01"]
    reasons = {path.name: reason for path, reason in library.skipped}
    assert "frame 2 ends without lower" in reasons["77_02.amc"]
    assert "78.asf" in reasons["78_01.amc"]
    (folder / "77" / "77_01.amc").unlink()
    with pytest.raises(BadInput, match="none of 2 motions can be used"):
        open_motion_library(folder)


def test_folders_without_motions_and_damaged_indices_are_refused(folder, tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        open_motion_library(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"no motions found; looked .*\*\.amc"):
        open_motion_library(tmp_path / "empty")
    (folder / "motion_index.csv").write_text(INDEX + "77_01,77,1,,walk,fast,x\n")
    with pytest.raises(BadInput, match=r"motion_index.csv, line 2: frame rate 'fast'"):
        open_motion_library(folder)
    (folder / "motion_index.csv").write_text("motion,fps\n77_01,60\n")
    with pytest.raises(BadInput, match="no column description, framerate_fps"):
        open_motion_library(folder)


@pytest.mark.parametrize(
    ("description", "category"),
    [
        ("walk, 90-degree left turn", "walk"),
        ("run/jog", "run"),
        ("Left_Spin_reach001", "reach"),
        ("WalkDigital8", "walk"),
        ("dance - small jetes, pirouette", "dance"),
        ("soccer - kick ball", "kick"),
        ("shooting bow and arrow", "other"),
        ("synchronized jumping jacks (2 subjects - subject A)", "jumping_jack"),
        ("hop turn 90 degrees left in air", "jump"),
        ("walk, squats, run, stretch, jumps, punches, and drinking", "mixed"),
        ("Mope", "other"),
    ],
)
def test_descriptions_reduce_to_the_expected_category(description, category):
    assert categorise(description) == category


def test_shipped_facts_are_the_reduced_index_of_the_database(shared_data):
    with (shared_data / "cmu" / "motion_index.csv").open(newline="", encoding="utf-8") as file:
        expected = reduced_index(csv.DictReader(file))
    shipped = [
        (row["motion"], int(row["fps"]), row["category"])
        for row in csv.DictReader(_CMU_INDEX.open(encoding="ascii"))
    ]
    assert shipped == expected
    assert len(shipped) == 2435 and sum(fps == 60 for _, fps, _ in shipped) == 326


def test_real_motions_load_at_thirty_frames_a_second(shared_data, body):
    library = open_motion_library(shared_data / "cmu" / "asfamc")
    assert len(library) == 22 and not library.skipped
    entry = next(entry for entry in library.entries if entry.name == "02_03")
    assert (entry.category, entry.fps, entry.frames) == ("run", 120.0, 173)
    motion = load_motion(entry, body)
    assert len(motion) == 44 and motion.fps == 30.0
    again = load_motion(entry, body, fps=None)
    np.testing.assert_array_equal(motion.pose, again.pose[::4])
