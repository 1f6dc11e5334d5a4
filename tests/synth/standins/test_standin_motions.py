"""Generated motions: reproducible, plausible, and read by the commands that read CMU's."""

from __future__ import annotations

import csv
import hashlib

import numpy as np
import pytest
from click.testing import CliRunner

from mocap.bodies.body import JOINT_NAMES
from mocap.library.categories import categorise
from mocap.library.motion_library import INDEX_COLUMNS, load_motion, open_motion_library
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.retargeting.ground import chain_joints, foot_heights, global_rotations, soles_of
from mocap.retargeting.skeleton import forward_kinematics
from synth.cli import cli
from synth.standins.actions import ACTIONS
from synth.standins.mannequin import (
    FPS,
    Proportions,
    arm_rotation,
    leg_length,
    mannequin_skeleton,
    sole_height,
)
from synth.standins.motions import generate, write_motions

J = {name: i for i, name in enumerate(JOINT_NAMES)}
SKELETON = mannequin_skeleton(Proportions(), "201")
BY_NAME = {action.category: action for action in ACTIONS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("motions")
    assert write_motions(out, seed=5, subjects=1) == len(ACTIONS)
    return out


def digests(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_folder_is_in_cmus_layout_and_its_words_give_the_categories(folder):
    library = open_motion_library(folder)
    assert not library.skipped and len(library) == len(ACTIONS) >= 12
    assert set(library.categories()) == set(BY_NAME)
    assert {entry.fps for entry in library.entries} == {120.0}
    assert all(3 <= entry.seconds <= 6 for entry in library.entries)
    with (folder / "motion_index.csv").open() as file:
        assert tuple(csv.DictReader(file).fieldnames) == INDEX_COLUMNS
    assert "Generated" in (folder / "README.txt").read_text()
    names = {"lfemur", "rtibia", "lhumerus", "rwrist", "lclavicle", "upperneck", "ltoes", "rthumb"}
    assert names <= set(read_asf(folder / "201" / "201.asf").names)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.category)
def test_every_description_maps_to_its_category(action):
    for description in action.descriptions:
        assert categorise(description, "generated mannequin") == action.category


def test_the_same_seed_gives_the_same_bytes_and_a_larger_folder_contains_it(tmp_path, monkeypatch):
    monkeypatch.setattr("synth.standins.motions.ACTIONS", ACTIONS[:3])
    for name, seed, subjects, variations in (("a", 5, 1, 1), ("b", 5, 1, 1), ("c", 5, 2, 2)):
        count = write_motions(tmp_path / name, seed=seed, subjects=subjects, variations=variations)
        assert count == 3 * subjects * variations
    first, again, larger = (digests(tmp_path / name) for name in "abc")
    assert first == again
    motions = {name: digest for name, digest in first.items() if name.startswith("201")}
    assert len(motions) == 4 and motions.items() <= larger.items()
    assert len({larger[name] for name in larger if name.endswith(".amc")}) == 12
    write_motions(tmp_path / "d", seed=6, subjects=1)
    other = digests(tmp_path / "d")
    assert not any(other[name] == digest for name, digest in motions.items())


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.category)
def test_mannequins_move_as_people_can(action):
    for subject in range(3):
        _, frames = generate(SKELETON, action, seed=2, subject=subject, variation=0)
        assert np.isfinite(frames).all()
        rotations, ends = forward_kinematics(SKELETON, frames)
        step = np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:]
        trace = np.trace(step, axis1=2, axis2=3)
        angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
        assert angle.max() < 14, "no bone turns faster than 1700 degrees a second"
        assert np.linalg.norm(np.diff(ends, 2, axis=0), axis=-1).max() * FPS**2 < 400
        for hinge in ("ltibia", "rtibia", "lradius", "rradius"):
            bend = np.degrees(frames[:, SKELETON.columns[hinge, "rx"]])
            assert bend.min() >= 0 and bend.max() < 155, "knees and elbows bend one way"
        feet = ends[:, [SKELETON.index[name] for name in ("lfoot", "rfoot", "ltibia", "rtibia")], 1]
        assert feet.min() > 0.0
        on_ground = (feet[:, :2] < sole_height(SKELETON) + 0.01).any(axis=1)
        least = {"run": 0.5, "jump": 0.5, "jumping_jack": 0.2}
        assert on_ground.mean() > least.get(action.category, 0.8)


@pytest.mark.parametrize("name", ["walk", "march", "sneak", "squat", "wave", "punch", "bow"])
def test_standing_feet_stay_where_they_are(name):
    _, frames = generate(SKELETON, BY_NAME[name], seed=2, subject=0, variation=0)
    _, ends = forward_kinematics(SKELETON, frames)
    for side in "lr":
        ball = ends[:, SKELETON.index[f"{side}foot"]]
        speed = np.linalg.norm(np.gradient(ball, 1 / FPS, axis=0), axis=1)
        down = ball[:, 1] < sole_height(SKELETON) + 0.004
        assert down.mean() > 0.3
        assert np.percentile(speed[down], 75) < 0.06


def test_walkers_go_where_they_face_and_runners_are_faster_and_leave_the_ground():
    speeds = {}
    for name in ("walk", "run"):
        _, frames = generate(SKELETON, BY_NAME[name], seed=4, subject=0, variation=0)
        rotations, ends = forward_kinematics(SKELETON, frames)
        velocity = np.gradient(ends[:, 0], 1 / FPS, axis=0) * [1, 0, 1]
        speed = np.linalg.norm(velocity, axis=1)
        facing = rotations[:, 0, :, 2]
        assert ((velocity * facing).sum(1) / speed).mean() > 0.95
        balls = ends[:, [SKELETON.index["lfoot"], SKELETON.index["rfoot"]], 1]
        speeds[name] = speed.mean(), (balls.min(axis=1) > sole_height(SKELETON) + 0.01).mean()
    assert 0.9 < speeds["walk"][0] < 1.8 < 2.2 < speeds["run"][0] < 4
    assert speeds["walk"][1] < 0.02 < 0.1 < speeds["run"][1]


@pytest.mark.parametrize("side", ["left", "right"])
def test_arms_point_and_bend_where_they_are_told(side):
    rng = np.random.default_rng(0)
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    s = side[0]
    for _ in range(20):
        along, towards = rng.normal(size=(2, 3))
        turn = arm_rotation(along, towards, side)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(turn) == pytest.approx(1)
        humerus = SKELETON.bones[SKELETON.index[f"{s}humerus"]]
        pointed = turn @ np.array(humerus.direction)
        np.testing.assert_allclose(pointed, along * mirror / np.linalg.norm(along), atol=1e-9)
        frames = np.zeros((1, len(SKELETON.channels)))
        frames[:, SKELETON.columns[f"{s}radius", "rx"]] = 0.6
        rotations, _ = forward_kinematics(SKELETON, frames)
        forearm = rotations[0, SKELETON.index[f"{s}radius"]] @ np.array(humerus.direction)
        assert (turn @ forearm) @ (towards * mirror) > pointed @ (towards * mirror) * np.cos(0.6)


def test_kicks_are_high_squats_deep_and_jumps_off_the_ground():
    def ends_of(name: str, subject: int) -> np.ndarray:
        frames = generate(SKELETON, BY_NAME[name], seed=2, subject=subject, variation=0)[1]
        return forward_kinematics(SKELETON, frames)[1]

    ankles = [SKELETON.index["ltibia"], SKELETON.index["rtibia"]]
    for subject in range(3):
        kick = ends_of("kick", subject)[:, ankles, 1]
        assert kick.max() > 0.35 and (np.sort(kick, axis=1)[:, 0] < 0.15).mean() > 0.95
        squat = ends_of("squat", subject)[:, 0, 1]
        assert squat.max() - squat.min() > 0.25 * leg_length(SKELETON)
        jump = ends_of("jump", subject)[:, ankles, 1].min(axis=1)
        assert jump.max() > 0.25


@pytest.mark.parametrize("name", ["walk", "jumping_jack", "kick", "pick_up"])
def test_on_the_free_body_they_stand_on_the_floor_upright(folder, body, name):
    library = open_motion_library(folder)
    (entry,) = library.categories()[name]
    motion = load_motion(entry, body)
    assert motion.fps == 30.0
    soles = soles_of(body)
    rotations = global_rotations(motion.pose)
    pelvis = motion.translation + soles.joints[0]
    lowest = foot_heights(rotations, soles).min(axis=1) + pelvis[:, 1]
    assert lowest.min() > -0.012
    assert np.median(np.abs(lowest)) < (0.08 if name == "jumping_jack" else 0.03)
    joints = chain_joints(rotations, soles.joints) + pelvis[:, None]
    assert (joints[:, J["head"], 1] > joints[:, J["pelvis"], 1] - 0.1).all()
    assert joints[0, J["left_hip"], 0] > joints[0, J["right_hip"], 0]


def test_the_command_lists_the_folder(folder):
    result = CliRunner().invoke(cli, ["motions", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"{len(ACTIONS)} motions:" in result.output and "201_01" in result.output
    listed = CliRunner().invoke(cli, ["motions", str(folder), "--json"])
    assert '"jumping_jack": 1' in listed.output


def test_written_frames_are_the_generated_ones(folder):
    skeleton = read_asf(folder / "201" / "201.asf")
    number = [action.category for action in ACTIONS].index("clap")
    _, expected = generate(skeleton, ACTIONS[number], seed=5, subject=0, variation=0)
    read = read_amc(folder / "201" / f"201_{number + 1:02d}.amc", skeleton)
    np.testing.assert_allclose(read, expected, atol=1e-6)
