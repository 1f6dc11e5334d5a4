"""Folders of motions: what is found, remembered, named, described and judged."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from mocap.errors import BadInput
from mocap.files import CMU_INDEX
from mocap.library import checking, folder_index, verdict_cache
from mocap.library.checking import check_motions, find_unfit
from mocap.library.motion_library import load_motion, open_motion_library
from tests.mocap import motion_files as made
from tests.mocap.readers.test_acclaim import SMALL_AMC, SMALL_ASF

INDEX = "motion,subject,trial,subject_title,description,framerate_fps,fps_source\n"
FPS = 60.0
ARM = made.arm_angles(90, FPS)
FLIPPED = made.arm_angles(90, FPS, flip_at=40)


@pytest.fixture(autouse=True)
def memory(tmp_path_factory, monkeypatch) -> Path:
    """A cache folder of the test's own, in which every index is kept."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SURREALPP_CACHE", str(cache))
    monkeypatch.setattr(folder_index, "_WORTH_KEEPING", -1.0)
    return cache


@pytest.fixture
def folder(tmp_path):
    """Two motions of one subject in CMU's layout, one of them in an index of the folder."""
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "77.asf").write_text(SMALL_ASF)
    (tmp_path / "77" / "77_01.amc").write_text(SMALL_AMC)
    (tmp_path / "motion_index.csv").write_text(INDEX + "77_01,77,1,a person,Left_Lunges,60,x\n")
    return tmp_path


@pytest.fixture
def listed(monkeypatch) -> list[str]:
    """Names of the files that are looked into, in order."""
    seen: list[str] = []
    really = folder_index.list_file

    def list_file(path, skeleton):
        seen.append(path.name)
        return really(path, skeleton)

    monkeypatch.setattr(folder_index, "list_file", list_file)
    return seen


@pytest.fixture
def judged(monkeypatch) -> list[str]:
    """Names of the motions that are judged, in order."""
    seen: list[str] = []
    really = checking.assess_motion

    def assess_motion(entry, body, judge=None):
        seen.append(entry.name)
        return really(entry, body, judge)

    monkeypatch.setattr(checking, "assess_motion", assess_motion)
    return seen


def people(folder: Path) -> Path:
    """A good motion and one in which an arm flips."""
    made.write_acclaim(folder / "80", "80_01", ARM)
    made.write_acclaim(folder / "80", "80_02", FLIPPED)
    rows = "80_01,80,1,tests,wave,60,x\n80_02,80,2,tests,clap,60,x\n"
    (folder / "motion_index.csv").write_text(INDEX + rows)
    return folder


def test_rate_and_category_come_from_the_index_in_the_folder(folder):
    (entry,) = open_motion_library(folder).entries
    assert (entry.name, entry.subject, entry.trial) == ("77_01", "77", "01")
    assert (entry.fps, entry.category, entry.frames) == (60.0, "lunge", 2)
    assert entry.description == "Left_Lunges" and entry.sequence_category == "77_01"


def test_the_nearest_index_that_has_the_motion_decides(folder):
    (folder / "77" / "motion_index.csv").write_text(INDEX + "77_01,77,1,,walk,100,x\n")
    (entry,) = open_motion_library(folder).entries
    assert (entry.fps, entry.category) == (100.0, "walk")
    (folder / "77" / "motion_index.csv").write_text(INDEX + "77_09,77,1,,walk,100,x\n")
    (entry,) = open_motion_library(folder).entries
    assert (entry.fps, entry.category) == (60.0, "lunge")


def test_cmu_facts_serve_where_no_index_is_and_both_layouts_are_found(tmp_path):
    (tmp_path / "08.asf").write_text(SMALL_ASF)
    (tmp_path / "08_01.amc").write_text(SMALL_AMC)
    (tmp_path / "deep" / "105").mkdir(parents=True)
    (tmp_path / "deep" / "105" / "105.asf").write_text(SMALL_ASF)
    (tmp_path / "deep" / "105" / "105_01.amc").write_text(SMALL_AMC)
    rows = {row["motion"]: row for row in csv.DictReader(CMU_INDEX.open())}
    for entry in open_motion_library(tmp_path).entries:
        assert entry.fps == float(rows[entry.name]["fps"])
        assert entry.category == rows[entry.name]["category"]


def test_a_motion_in_no_index_is_skipped_with_advice_or_takes_the_given_rate(folder):
    shutil.copy(folder / "77" / "77_01.amc", folder / "77" / "77_99.amc")
    library = open_motion_library(folder)
    ((path, reason),) = library.skipped
    assert path.name == "77_99.amc" and "--source-fps" in reason and "motion_index.csv" in reason
    given = open_motion_library(folder, fps=50)
    assert [entry.fps for entry in given.entries] == [60.0, 50.0] and not given.skipped


def test_what_the_caller_says_of_a_rate_counts_more_than_a_name_like_cmus(folder):
    """CMU's index says 120 for 02_01, but knows this motion by its name alone."""
    (folder / "motion_index.csv").unlink()
    (folder / "77" / "77_01.amc").rename(folder / "77" / "02_01.amc")
    assert [e.fps for e in open_motion_library(folder).entries] == [120.0]
    assert [e.fps for e in open_motion_library(folder, fps=48.0).entries] == [48.0]
    (folder / "motion_index.csv").write_text(INDEX + "02_01,2,1,a person,walk,60,x\n")
    assert [e.fps for e in open_motion_library(folder, fps=48.0).entries] == [60.0]


def test_damaged_motions_are_left_out_and_counted(folder):
    (folder / "77" / "77_02.amc").write_text(SMALL_AMC[: SMALL_AMC.rindex("lower")])
    (folder / "78").mkdir()
    (folder / "78" / "78_01.amc").write_text(SMALL_AMC)
    index = folder / "motion_index.csv"
    index.write_text(index.read_text() + "77_02,77,2,,walk,60,x\n78_01,78,1,,walk,60,x\n")
    for _ in range(2):  # the second time from memory
        library = open_motion_library(folder)
        assert [entry.name for entry in library.entries] == ["77_01"]
        reasons = {path.name: reason for path, reason in library.skipped}
        assert "frame 2 ends without lower" in reasons["77_02.amc"]
        assert "78.asf" in reasons["78_01.amc"]
    (folder / "77" / "77_01.amc").unlink()
    with pytest.raises(BadInput, match="none of 2 files can be used; the first"):
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


def test_files_of_every_kind_make_one_library(tmp_path, body):
    made.write_acclaim(tmp_path / "80", "80_01", ARM)
    made.write_bvh(tmp_path / "others" / "wave.bvh", ARM, 50.0)
    made.write_amass(tmp_path / "ACCAD" / "person7" / "clap_poses.npz", ARM, 100.0)
    made.write_surreal(tmp_path / "smpl_data.npz", {"01_01": ARM, "ung_01_02": ARM[:70]})
    made.write_plain(tmp_path / "arrays" / "kick ball.npz", ARM, 25.0)
    np.savez(tmp_path / "ACCAD" / "person7" / "shape.npz", betas=np.zeros(16), gender="male")
    np.savez(tmp_path / "masks.npz", mask=np.zeros((4, 4), bool))
    library = open_motion_library(tmp_path, fps=FPS)
    found = {entry.name: entry for entry in library.entries}
    assert {name: (e.format, e.fps, e.frames) for name, e in found.items()} == {
        "80_01": ("acclaim", 60.0, 90),  # as CMU's 80_01
        "wave": ("bvh", 50.0, 90),
        "clap": ("amass", 100.0, 90),
        "01_01": ("surreal", 120.0, 90),
        "ung_01_02": ("surreal", 120.0, 70),
        "kick_ball": ("smpl", 25.0, 90),
    }
    assert [path.name for path, _ in library.skipped] == ["masks.npz"]
    assert found["clap"].subject == "person7" and found["clap"].category == "clap"
    assert found["kick_ball"].category == "kick" and found["wave"].category == "wave"
    assert found["ung_01_02"].category == "climb" and found["ung_01_02"].subject == "01"
    assert found["01_01"].source_in(tmp_path) == "smpl_data.npz#01_01"
    assert open_motion_library(tmp_path, fps=FPS) == library  # from memory
    for entry in library.entries:
        motion = load_motion(entry, body, fps=None)
        assert len(motion) == entry.frames and motion.fps == entry.fps
        assert motion.name == entry.name and motion.subject == entry.subject
        arms = motion.pose.reshape(-1, 24, 3)[:, made.ARMS[0], 2]
        np.testing.assert_allclose(np.diff(arms), -np.diff(ARM[: len(arms)]), atol=0.01)


def test_motions_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    made.write_plain(tmp_path / "a" / "walk.npz", ARM, 30.0)
    made.write_plain(tmp_path / "b" / "walk.npz", ARM, 30.0)
    made.write_bvh(tmp_path / "b" / "walk.bvh", ARM, 30.0)
    names = {e.source_in(tmp_path): e.name for e in open_motion_library(tmp_path).entries}
    assert names == {"b/walk.bvh": "walk", "a/walk.npz": "a_walk", "b/walk.npz": "b_walk"}


def test_names_from_inside_files_cannot_leave_the_folder(tmp_path):
    made.write_surreal(tmp_path / "smpl_data.npz", {"../../01 01": ARM})
    (entry,) = open_motion_library(tmp_path).entries
    assert "/" not in entry.name and ".." not in entry.name and " " not in entry.name


def test_only_what_changed_is_looked_into_again(tmp_path, listed):
    for k in range(4):
        made.write_plain(tmp_path / f"m{k}.npz", ARM, 30.0)
    first = open_motion_library(tmp_path)
    assert listed == ["m0.npz", "m1.npz", "m2.npz", "m3.npz"]
    assert open_motion_library(tmp_path) == first and len(listed) == 4
    made.write_plain(tmp_path / "m1.npz", ARM[:40], 30.0)
    (tmp_path / "m3.npz").unlink()
    again = open_motion_library(tmp_path)
    assert listed[4:] == ["m1.npz"]
    assert [entry.frames for entry in again.entries] == [90, 40, 90]


def test_a_changed_skeleton_makes_its_motions_be_looked_into_again(folder, listed):
    open_motion_library(folder)
    skeleton = folder / "77" / "77.asf"
    skeleton.write_text(SMALL_ASF + "# checked\n")
    open_motion_library(folder)
    assert listed == ["77_01.amc", "77_01.amc"]


def test_an_interrupted_index_goes_on_where_it_stopped(tmp_path, listed, monkeypatch):
    for k in range(5):
        made.write_plain(tmp_path / f"m{k}.npz", ARM, 30.0)
    monkeypatch.setattr(folder_index, "_SAVE_EVERY", -1.0)
    recording = folder_index.list_file

    def interrupted(path, skeleton):
        if path.name == "m3.npz":
            raise KeyboardInterrupt
        return recording(path, skeleton)

    monkeypatch.setattr(folder_index, "list_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_motion_library(tmp_path)
    monkeypatch.setattr(folder_index, "list_file", recording)
    assert len(open_motion_library(tmp_path)) == 5
    assert listed == [f"m{k}.npz" for k in range(5)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"frames"', '"pictures"'),
        lambda text: text.replace(f'"format": {folder_index.FORMAT}', '"format": -1'),
    ],
)
def test_a_damaged_memory_is_no_memory(tmp_path, listed, memory, spoil):
    made.write_plain(tmp_path / "m.npz", ARM, 30.0)
    first = open_motion_library(tmp_path)
    (path,) = (memory / "motions").glob("*.json")
    path.write_text(spoil(path.read_text()))
    assert open_motion_library(tmp_path) == first and listed == ["m.npz", "m.npz"]


def test_verdicts_are_reached_kept_and_found_again(tmp_path, body, judged):
    library = open_motion_library(people(tmp_path))
    assert [entry.verdict for entry in library.entries] == [None, None]
    checked = check_motions(library, body, workers=1)
    assert [entry.verdict.good for entry in checked.entries] == [True, False]
    reason = checked.entries[1].verdict.reasons[0]
    assert (reason.defect, reason.joint) == ("flip", "left_shoulder") and reason.frame in (40, 50)
    assert open_motion_library(tmp_path) == checked
    assert check_motions(library, body, workers=1) == checked
    assert judged == ["80_01", "80_02"]
    assert "1 good, 1 bad, 0 not looked at" in checked.table() and str(reason) in checked.table()
    rows = json.loads(checked.to_json())["motions"]
    assert [row["verdict"]["good"] for row in rows] == [True, False]


def test_touched_files_keep_their_verdict_and_changed_ones_lose_it(tmp_path, body, judged):
    check_motions(open_motion_library(people(tmp_path)), body, workers=1)
    os.utime(tmp_path / "80" / "80_01.amc", ns=(1, 1))
    assert open_motion_library(tmp_path).entries[0].verdict is None  # opening reads no contents
    again = check_motions(open_motion_library(tmp_path), body, workers=1)
    assert again.entries[0].verdict.good and judged == ["80_01", "80_02"]
    assert open_motion_library(tmp_path).entries[0].verdict.good
    shutil.copy(tmp_path / "80" / "80_02.amc", tmp_path / "80" / "80_01.amc")
    changed = check_motions(open_motion_library(tmp_path), body, workers=1)
    assert not changed.entries[0].verdict.good and judged[2:] == ["80_01"]


def test_verdicts_under_other_limits_do_not_count(tmp_path, body, monkeypatch):
    check_motions(open_motion_library(people(tmp_path)), body, workers=1)
    monkeypatch.setattr(verdict_cache, "VERDICT_VERSION", verdict_cache.VERDICT_VERSION + 1)
    assert [entry.verdict for entry in open_motion_library(tmp_path).entries] == [None, None]


def test_an_interrupted_check_goes_on_where_it_stopped(tmp_path, body, judged, monkeypatch):
    people(tmp_path)
    recording = checking.assess_motion

    def interrupted(entry, body, judge=None):
        if entry.name == "80_02":
            raise KeyboardInterrupt
        return recording(entry, body, judge)

    monkeypatch.setattr(checking, "assess_motion", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_motions(open_motion_library(tmp_path), body, workers=1)
    monkeypatch.setattr(checking, "assess_motion", recording)
    assert len(check_motions(open_motion_library(tmp_path), body, workers=1)) == 2
    assert judged == ["80_01", "80_02"]


def test_a_motion_damaged_within_is_left_out_when_it_is_judged(tmp_path, body, judged):
    path = people(tmp_path) / "80" / "80_01.amc"
    text = path.read_text().split("\n")
    at = next(i for i, line in enumerate(text) if i > 500 and line.startswith("head"))
    text[at] = "head 1 2 oops"
    path.write_text("\n".join(text))
    library = open_motion_library(tmp_path)
    assert len(library) == 2  # the listing reads no numbers
    checked = check_motions(library, body, workers=1)
    assert [entry.name for entry in checked.entries] == ["80_02"]
    ((bad, reason),) = checked.skipped
    assert bad == path and f"line {at + 1}" in reason
    assert open_motion_library(tmp_path) == checked and len(judged) == 2


@pytest.mark.slow
def test_several_processes_reach_the_same_verdicts(tmp_path, body, memory):
    people(tmp_path)
    made.write_plain(tmp_path / "wave.npz", ARM, 30.0)
    one = check_motions(open_motion_library(tmp_path), body, workers=1)
    shutil.rmtree(memory / "motions")
    assert check_motions(open_motion_library(tmp_path), body, workers=2) == one


def test_films_are_given_good_motions_only(tmp_path, body, judged):
    library = open_motion_library(people(tmp_path))
    good, bad = library.entries
    assert find_unfit(library, [good], body, workers=1) == {}
    assert judged == ["80_01"]
    reasons = find_unfit(library, [good, bad], body, workers=1)
    assert list(reasons) == [bad.name]
    assert re.search(r"80_02\.amc: not fit for films: flip: left_shoulder", reasons[bad.name])
    assert find_unfit(library, [bad], body, workers=1) == reasons
    assert judged == ["80_01", "80_02"]


def test_motions_are_chosen_by_category_subject_length_and_verdict(tmp_path, body):
    made.write_plain(tmp_path / "wave.npz", ARM, 30.0)
    library = check_motions(open_motion_library(people(tmp_path)), body, workers=1)

    def names(**wanted):
        return [entry.name for entry in library.select(**wanted).entries]

    assert names() == ["80_01", "80_02", "wave"]
    assert names(categories=["wave"]) == ["80_01", "wave"]
    assert names(categories=["wave"], subjects=["80"]) == ["80_01"]
    assert names(least_seconds=2.9) == ["wave"]
    assert names(verdict="bad") == ["80_02"] and names(verdict="good") == ["80_01", "wave"]
    with pytest.raises(BadInput, match=r"category waev: .*clap, wave"):
        names(categories=["waev"])
    with pytest.raises(BadInput, match="subject 81"):
        names(subjects=["81"])


def test_real_motions_load_at_thirty_frames_a_second(shared_data, body):
    library = open_motion_library(shared_data / "cmu" / "asfamc")
    assert len(library) == 22 and not library.skipped
    entry = next(entry for entry in library.entries if entry.name == "02_03")
    assert (entry.category, entry.fps, entry.frames) == ("run", 120.0, 173)
    motion = load_motion(entry, body)
    assert len(motion) == 44 and motion.fps == 30.0
    again = load_motion(entry, body, fps=None)
    np.testing.assert_array_equal(motion.pose, again.pose[::4])
