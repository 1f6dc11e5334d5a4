"""Plans: a shorter one begins a longer one, splits share nobody, windows are SURREAL's."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.library import MotionEntry
from mocap.motion import Motion
from mocap.skinning import Skinning, skin
from synth.plan import (
    PlanRow,
    Windows,
    clip_motion,
    clip_order,
    frames_at,
    make_plan,
    pose_joints,
    read_plan,
    split_among,
)
from textures.library import TextureEntry

FOLDER = Path("/motions")


def entry(subject: int, trial: int, category: str, frames: int) -> MotionEntry:
    name = f"{subject:02d}_{trial:02d}"
    path = FOLDER / f"{subject:02d}" / f"{name}.amc"
    return MotionEntry(
        name, f"{subject:02d}", f"{trial:02d}", category, category, 120.0, path, path, frames
    )


def texture(identity: int, split: str, view: int = 0) -> TextureEntry:
    return TextureEntry(f"{identity}_{view}.png", "any", 64, "", "", str(identity), None, split)


ENTRIES = [
    entry(subject, trial, category, frames)
    for subject in range(1, 4)
    for trial, category, frames in ((1, "walk", 800), (2, "run", 200), (3, "jump", 420))
]
TEXTURES = [
    texture(i, ("train", "train", "train", "val", "test")[i % 5], v)
    for i in range(10)
    for v in (0, 1)
]


def load(entry: MotionEntry) -> Motion:
    """Somebody who stands, and turns his head as no other motion does."""
    count = frames_at(entry, 30.0)
    pose = np.zeros((count, 72), np.float32)
    pose[:, 45] = np.linspace(0, int(entry.subject) / 10, count)
    translation = np.zeros((count, 3), np.float32)
    return Motion(pose, translation, 30.0, entry.subject, entry.trial, entry.name, str(entry.path))


def plan(body, **changes) -> list[PlanRow]:
    arguments = {
        "entries": ENTRIES,
        "motion_folder": FOLDER,
        "load": load,
        "body": body,
        "textures": TEXTURES,
        "clips": 8,
        "samples": 4,
        "channels": ("depth", "segm"),
        "seed": 7,
    }
    return make_plan(**(arguments | changes))


@given(length=st.integers(1, 3000), overlap=st.sampled_from([0.3, 0.5, 0.7]))
def test_windows_are_surreals(length, overlap):
    windows = Windows(overlap=overlap, shortest=1)
    stride = round(100 * overlap)  # SURREAL's "stride" is what neighbours share
    expected = max(1, math.ceil((length - stride) / (100 - stride)))
    starts = windows.starts(length)
    assert len(starts) == expected
    assert starts == [(100 - stride) * k for k in range(expected)]
    assert starts[-1] < length  # nothing beyond the end, and nothing left over
    assert starts[-1] + 100 >= length


def test_short_rests_make_no_clip():
    assert Windows(shortest=16).starts(15) == []
    assert Windows(shortest=16).starts(16) == [0]
    assert Windows(frames=8, shortest=16).starts(8) == [0]


def test_a_shorter_plan_is_the_beginning_of_a_longer_one(body):
    long, short = plan(body, clips=8), plan(body, clips=4)
    assert short == long[:4]
    assert plan(body, clips=4, entries=ENTRIES[::-1], textures=TEXTURES[::-1]) == short
    assert plan(body, clips=4, seed=8) != short


def test_clips_spread_over_categories_and_go_round_when_windows_run_out(body):
    rows = plan(body, clips=9)
    assert sorted(row.category for row in rows) == ["jump"] * 3 + ["run"] * 3 + ["walk"] * 3
    assert len({row.sequence for row in rows}) == 9
    many = plan(body, clips=30)
    assert len({row.stem for row in many}) == 30
    runs = [row for row in many if row.sequence == "01_02"]
    assert len(runs) == 3 and len({(row.start, row.frames) for row in runs}) == 1
    assert len({row.betas for row in runs}) == 3


def test_without_a_number_every_window_comes_once(body):
    rows = plan(body, clips=None)
    windows = Windows()
    expected = {(e.name, start) for e in ENTRIES for start in windows.starts(frames_at(e, 30.0))}
    assert len(rows) == len(expected)
    assert {(row.sequence, row.start) for row in rows} == expected


def test_splits_share_no_identity_motion_background_or_shape(body):
    rows = plan(body, clips=45, photographs=[f"{i}.jpg" for i in range(20)])
    splits = {row.split for row in rows}
    assert splits == {"train", "val", "test"}
    of_texture = {t.file: t.split for t in TEXTURES}
    assert all(of_texture[row.texture] == row.split for row in rows)
    for key in ("identity", "sequence", "betas"):
        owners = {}
        for row in rows:
            assert owners.setdefault(getattr(row, key), row.split) == row.split
    owners = {}
    for row in rows:
        assert owners.setdefault(row.background["photograph"], row.split) == row.split
    train = [row for row in rows if row.split == "train"]
    assert {row.category for row in train} == {"walk", "run", "jump"}


def test_many_subjects_are_split_by_subject(body):
    entries = [entry(s, t, "walk", 200) for s in range(1, 21) for t in (1,)]
    rows = plan(body, entries=entries, clips=None)
    owners = {}
    for row in rows:
        assert owners.setdefault(row.subject, row.split) == row.split
    counts = {
        split: sum(1 for s in owners.values() if s == split) for split in set(owners.values())
    }
    assert counts == {"train": 16, "val": 2, "test": 2}


def test_only_splits_that_have_textures_are_used(body):
    rows = plan(body, textures=[t for t in TEXTURES if t.split == "train"], clips=9)
    assert {row.split for row in rows} == {"train"}


@given(st.integers(1, 60), st.integers(0, 5))
def test_every_split_gets_a_share(count, seed):
    of = split_among([str(i) for i in range(count)], ["train", "val", "test"], seed)
    assert len(of) == count
    assert len(set(of.values())) == min(3, count)
    if count >= 10:
        shares = [sum(1 for s in of.values() if s == split) for split in ("train", "val", "test")]
        assert shares[0] >= 0.7 * count


def test_rows_survive_the_file_exactly(body, tmp_path):
    rows = plan(body)
    path = tmp_path / "plan.jsonl"
    path.write_text("".join(row.to_json() + "\n" for row in rows))
    assert read_plan(path) == rows
    again = read_plan(path)[3].camera
    assert np.array_equal(again.rotation, rows[3].camera.rotation)
    path.write_text(rows[0].to_json() + "\n{}\n")
    with pytest.raises(BadInput, match=r"plan\.jsonl, line 2: not a clip's row"):
        read_plan(path)


def test_a_damaged_motion_is_reported_and_left_out(body):
    def damaged(e: MotionEntry) -> Motion:
        if e.name == "02_02":
            raise BadInput("02_02.amc, line 9: half a frame")
        return load(e)

    lines = []
    rows = plan(body, load=damaged, clips=9, report=lines.append)
    assert lines == ["02_02.amc, line 9: half a frame"]
    assert len(rows) == 9 and "02_02" not in {row.sequence for row in rows}
    with pytest.raises(BadInput, match="no clip can be made"):
        plan(body, entries=[ENTRIES[4]], load=damaged)


def test_too_few_photographs_are_refused(body):
    with pytest.raises(BadInput, match="2 photographs for 3 splits"):
        plan(body, photographs=["a.jpg", "b.jpg"])


def test_betas_keep_out_monsters_and_light_is_in_range(body):
    rows = plan(body, clips=20)
    betas = np.array([row.betas for row in rows])
    assert np.abs(betas).max() <= 2.0 and betas.std() > 0.8
    light = np.array([row.light for row in rows])
    assert ((light[:, 0] >= 0.5) & (light[:, 0] <= 1.4)).all()
    assert ((light[:, 1] <= 0) & (light[:, 1] >= -0.7)).all()


def test_order_does_not_depend_on_how_much_is_asked():
    windows = Windows()
    order = clip_order(ENTRIES, windows, 3)
    first = [next(order) for _ in range(40)]
    again = clip_order(ENTRIES[::-1], windows, 3)
    assert first == [next(again) for _ in range(40)]


def test_a_clip_has_a_real_frame_more_at_either_end_where_there_is_one(body):
    motion = load(ENTRIES[0])
    betas = np.zeros(10)
    pose, translation, ends = clip_motion(motion, body, betas, start=50, frames=100)
    assert len(pose) == len(translation) == 102 and ends == (True, True)
    assert np.array_equal(pose, motion.pose[49:151])
    pose, _, ends = clip_motion(motion, body, betas, start=0, frames=len(motion))
    assert ends == (False, False)
    assert np.array_equal(pose[0], pose[1]) and np.array_equal(pose[-1], pose[-2])


def test_joints_without_vertices_are_skinnings(body):
    rng = np.random.default_rng(0)
    arguments = {
        "pose": rng.normal(0, 0.4, (3, 72)).astype(np.float32),
        "betas": rng.normal(size=10).astype(np.float32),
        "translation": rng.normal(size=(3, 3)).astype(np.float32),
    }
    joints = pose_joints(body, **arguments)
    np.testing.assert_allclose(joints, skin(Skinning(body), **arguments)[1], atol=1e-5)
    assert joints.shape == (3, len(JOINT_NAMES), 3)


def test_stand_ins_are_marked(body):
    assert not any(row.stand_in for row in plan(body, clips=2))
    assert {row.collection for row in plan(body, clips=2)} == {"cmu"}
    assert all(row.stand_in for row in plan(body, clips=2, stand_in=True))
    assert {row.collection for row in plan(body, clips=2, stand_in=True)} == {"stand-in"}
    painted = [dataclasses.replace(t, stand_in=True) for t in TEXTURES]
    assert all(row.stand_in for row in plan(body, clips=2, textures=painted))
