"""BVH files: an independent reading, other writers' habits, and what a damaged file is answered with."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.library.motion_library import open_motion_library
from mocap.readers.bvh.capture import bvh_capture, bvh_motion
from mocap.readers.bvh.parser import bvh_kinematics, read_bvh, read_bvh_start
from mocap.readers.bvh.skeleton import place_joints, side_and_part, unit_of_length
from mocap.readers.formats import list_file
from mocap.retargeting.ground import chain_joints, global_rotations, soles_of
from tests.mocap.bvh_files import PERSON, ROOT6, bvh_text, column
from tests.mocap.readers.test_acclaim import rotation4


def write(folder, text: str, name: str = "take.bvh"):
    path = folder / name
    path.write_text(text)
    return path


def second_reading(text: str, frame: int) -> dict[str, np.ndarray]:
    """Joint positions of one frame by a token stack and recursion over 4x4 matrices."""
    hierarchy, motion = text.split("MOTION")
    row = [float(v) for v in motion.strip().splitlines()[2 + frame].split()]
    tokens = hierarchy.split()
    placed, stack, at, name = {}, [np.eye(4)], 0, ""
    k = 0
    while k < len(tokens):
        word = tokens[k]
        if word in ("ROOT", "JOINT"):
            name = tokens[k + 1]
        elif word == "End":
            name = ""
        elif word == "OFFSET":
            step = np.eye(4)
            step[:3, 3] = [float(v) for v in tokens[k + 1 : k + 4]]
            stack[-1] = stack[-2] @ step
            if name:
                placed[name] = stack[-1][:3, 3]
        elif word == "CHANNELS":
            for channel in tokens[k + 2 : k + 2 + int(tokens[k + 1])]:
                value, at = row[at], at + 1
                if channel.endswith("position"):
                    step = np.eye(4)
                    step["XYZ".index(channel[0]), 3] = value
                    stack[-1] = stack[-1] @ step
                else:
                    stack[-1] = stack[-1] @ rotation4(channel[0].lower(), value)
            placed[name] = stack[-1][:3, 3]
        elif word == "{":
            stack.append(stack[-1])
        elif word == "}":
            stack.pop()
        k += 1
    return placed


def assert_same_as_second_reading(path, count: int, tolerance: float) -> None:
    text = path.read_text()
    text = re.sub(r"(ROOT \w+\s*\{\s*OFFSET)[^\n]*", r"\1 0 0 0", text)  # the root is where it says
    motion = read_bvh(path)
    _, positions = bvh_kinematics(motion)
    for frame in range(min(count, len(motion))):
        for name, place in second_reading(text, frame).items():
            found = positions[frame, motion.index[name]]
            np.testing.assert_allclose(found, place, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "YZX", "ZYX", "XZY", "YXZ"])
def test_every_channel_order_agrees_with_a_second_reading(tmp_path, order):
    rng = np.random.default_rng(5)
    own = {name: [f"{axis}rotation" for axis in order] for name, _, _ in PERSON[1:]}
    own["Hips"] = (*(f"{a}rotation" for a in order), "Zposition", "Xposition", "Yposition")
    own["Neck"] = ("Yposition", "Xposition", "Zposition", *own["Head"])
    width = 3 * len(PERSON) + 6
    path = write(tmp_path, bvh_text(frames=rng.uniform(-170, 170, (3, width)), channels=own))
    assert_same_as_second_reading_with_root_after(path)


def assert_same_as_second_reading_with_root_after(path):
    # Rotations listed before positions: the place is where the positions say, not turned by them.
    text = path.read_text()
    motion = read_bvh(path)
    _, positions = bvh_kinematics(motion)
    head = re.search(r"CHANNELS 6 (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)", text).groups()
    swapped = text.replace(" ".join(head), " ".join(head[3:] + head[:3]), 1)
    lines = swapped.splitlines()
    at = lines.index("MOTION") + 3
    for i in range(at, len(lines)):
        row = lines[i].split()
        lines[i] = " ".join(row[3:6] + row[:3] + row[6:])
    for frame in range(len(motion)):
        for name, place in second_reading("\n".join(lines), frame).items():
            np.testing.assert_allclose(positions[frame, motion.index[name]], place, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "daz/02_01.bvh",
        "daz/05_20-daz.bvh",
        "motionbuilder/05_20-mb.bvh",
        "motionbuilder/16_15_imusim.bvh",
    ],
)
def test_real_files_agree_with_a_second_reading(shared_data, name):
    assert_same_as_second_reading(shared_data / "cmu" / "bvh" / name, 5, 1e-6)


def test_positions_of_joints_that_repeat_the_offset_stand_for_it(tmp_path):
    own = {"LeftKnee": ROOT6}
    frames = np.zeros((2, 3 * len(PERSON) + 6))
    names = [n for n, _, _ in PERSON]
    text = bvh_text(frames=frames, channels=own)
    order = re.findall(r"(?:ROOT|JOINT) (\S+)", text)
    at = 6 + 3 * (order.index("LeftKnee") - 1)
    assert set(order) == set(names)
    frames[:, at : at + 3] = (0, -0.42, 0)
    frames[1, at] = 0.05  # the shin moves out of its socket a little
    motion = read_bvh(write(tmp_path, bvh_text(frames=frames, channels=own)))
    _, positions = bvh_kinematics(motion)
    thigh = positions[:, motion.index["LeftKnee"]] - positions[:, motion.index["LeftHip"]]
    np.testing.assert_allclose(thigh, [[0, -0.42, 0], [0.05, -0.42, 0]], atol=1e-9)
    frames[:, at : at + 3] = (0.01, 0, 0)  # small numbers: added to the offset
    motion = read_bvh(write(tmp_path, bvh_text(frames=frames, channels=own)))
    _, positions = bvh_kinematics(motion)
    thigh = positions[:, motion.index["LeftKnee"]] - positions[:, motion.index["LeftHip"]]
    np.testing.assert_allclose(thigh, [[0.01, -0.42, 0]] * 2, atol=1e-9)


def test_joints_may_have_spaces_in_names_and_braces_on_the_same_line(tmp_path):
    text = bvh_text(rename=lambda name: f"my {name}")
    text = re.sub(r"\n\s*\{", " {", text).replace("\n", "\r\n")
    motion = read_bvh(write(tmp_path, text))
    assert motion.names[0] == "my Hips" and len(motion) == 2
    assert read_bvh_start(tmp_path / "take.bvh")[1] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("HIERARCHY", "HIERARCHIE"), ["line 1:", "HIERARCHY"]),
        (lambda t: t.replace("MOTION", "MOTOIN"), ["no line MOTION"]),
        (lambda t: t.replace("JOINT Spine", "JOINT Hips"), ["line 6:", "second joint 'Hips'"]),
        (lambda t: t.replace("OFFSET 0 0 0", "OFFSET 0 zero 0", 1), ["line 4:", "zero"]),
        (lambda t: t.replace("OFFSET 0 0 0", "OFFSET 0 inf 0", 1), ["line 4:", "inf"]),
        (lambda t: t.replace("CHANNELS 6", "CHANNELS 5", 1), ["line 5:", "CHANNELS"]),
        (lambda t: t.replace("Zrotation", "Wrotation", 1), ["line 5:", "Wrotation"]),
        (lambda t: t.replace("Frames: 2", "Frames: two"), ["'Frames: two'"]),
        (lambda t: t.replace("Frames: 2", "Frames: 99999"), ["2 frames", "99999"]),
        (lambda t: t.replace("Frames: 2", "Frames: 999999999"), ["999999999 frames of 21 joints"]),
        (lambda t: t.replace("Frames: 2", "Frames: 0"), ["more than none"]),
        (lambda t: t[: t.rindex("0 0")], ["frame 2:", "values"]),
        (lambda t: t[: t.rindex("\n0")] + "\n" + "nan " * 66, ["frame 2:", "finite"]),
        (lambda t: t.replace("}\nMOTION", "MOTION"), ["MOTION", "'}'"]),
        (lambda t: t.replace("MOTION", "ROOT Other { OFFSET 0 0 0 }\nMOTION"), ["second ROOT"]),
    ],
)
def test_damaged_files_are_refused_with_the_place(tmp_path, change, words):
    text = bvh_text()
    assert change(text) != text
    path = write(tmp_path, change(text))
    with pytest.raises(BadInput) as caught:
        read_bvh(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    for word in words:
        assert word in message


def test_mutated_files_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(11)
    text = bvh_text(frames=rng.uniform(-90, 90, (12, 3 * len(PERSON) + 3)))
    path = tmp_path / "mutant.bvh"
    refused = 0
    for _ in range(300):
        data = bytearray(text.encode())
        for _ in range(rng.integers(1, 4)):
            kind, at = rng.integers(4), int(rng.integers(len(data)))
            if kind == 0:
                data[at] = int(rng.integers(256))
            elif kind == 1:
                del data[at : at + int(rng.integers(1, 200))]
            elif kind == 2:
                data[at:at] = data[at : at + int(rng.integers(1, 50))]
            else:
                data[at:at] = rng.choice([b"1e308 ", b"nan ", b"} ", b"{ ", b"JOINT x\n", b"-"])
        path.write_bytes(bytes(data))
        try:
            bvh_capture(read_bvh(path))
        except BadInput as error:
            assert str(error).startswith(str(path))
            refused += 1
    assert 100 < refused < 300


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LeftUpLeg", ("left", "upleg")),
        ("mixamorig:RightForeArm", ("right", "forearm")),
        ("lThigh", ("left", "thigh")),
        ("rfemur", ("right", "femur")),
        ("Bip01 L UpperArm", ("left", "upperarm")),
        ("upperarm_r", ("right", "upperarm")),
        ("thigh.L", ("left", "thigh")),
        ("R_Knee", ("right", "knee")),
        ("LHipJoint", ("left", "hipjoint")),
        ("mixamorig_LeftUpLeg", ("left", "upleg")),
        ("mixamorigRightForeArm", ("right", "forearm")),
        ("UpperLeg_L", ("left", "upperleg")),
        ("LowerArm_R", ("right", "lowerarm")),
        ("Toes_L", ("left", "toes")),
        ("RightThigh", ("right", "thigh")),
        ("joint_Root", ("", "jointroot")),
        ("Head", ("", "head")),
    ],
)
def test_names_of_many_writers_are_understood(name, expected):
    assert side_and_part(name) == expected


MIXAMO = {
    "Hips": "Hips",
    "Chest": "Spine1",
    "Collar": "Shoulder",
    "Shoulder": "Arm",
    "Elbow": "ForeArm",
    "Wrist": "Hand",
    "Hip": "UpLeg",
    "Knee": "Leg",
    "Ankle": "Foot",
    "Toe": "ToeBase",
}
BIPED = {
    "Hips": "Pelvis",
    "Chest": "Spine1",
    "Collar": "Clavicle",
    "Shoulder": "UpperArm",
    "Elbow": "Forearm",
    "Wrist": "Hand",
    "Hip": "Thigh",
    "Knee": "Calf",
    "Ankle": "Foot",
    "Toe": "Toe0",
}


def mixamo(name: str) -> str:
    side = next((s for s in ("Left", "Right") if name.startswith(s)), "")
    return "mixamorig:" + side + MIXAMO.get(name[len(side) :], name[len(side) :])


def biped(name: str) -> str:
    side = next((s for s in ("Left", "Right") if name.startswith(s)), "")
    return f"Bip01 {side[:1]} {BIPED.get(name[len(side) :], name[len(side) :])}".replace("  ", " ")


def waving(scale: float = 1.0) -> np.ndarray:
    """Left arm up, right knee forward, facing +x; a little movement; hips 0.9 m above the ground."""
    frames = np.zeros((20, 3 * len(PERSON) + 3))
    frames[:, column("Hips", "Yposition")] = 0.93 * scale
    frames[:, column("Hips", "Yrotation")] = 90
    frames[:, column("LeftShoulder", "Zrotation")] = 80
    frames[:, column("RightHip", "Xrotation")] = -60
    frames[:, column("RightKnee", "Xrotation")] = 60
    frames[:, column("Neck", "Yrotation")] = np.linspace(0, 5, 20)
    return frames


def check_waving(motion, body) -> None:
    soles = soles_of(body)
    names = {name: i for i, name in enumerate(JOINT_NAMES)}
    joints = chain_joints(global_rotations(motion.pose), soles.joints)[0]
    joints = joints + motion.translation[0] + soles.joints[0]
    assert joints[names["left_wrist"], 1] > joints[names["head"], 1]
    assert joints[names["head"], 1] > joints[names["right_wrist"], 1] + 0.1
    assert joints[names["right_knee"], 0] > joints[names["pelvis"], 0] + 0.2  # ahead is +x
    assert joints[names["left_hip"], 2] < joints[names["right_hip"], 2] - 0.1  # left of +x is -z
    assert 0.7 < joints[names["pelvis"], 1] < 1.1


def underscored(name: str) -> str:
    return mixamo(name).replace(":", "_")


@pytest.mark.parametrize("rename", [lambda n: n, mixamo, underscored, biped])
@pytest.mark.parametrize("scale", [1.0, 100.0, 0.45 / 0.0254])
def test_other_skeletons_are_placed_by_name_whatever_their_unit(tmp_path, body, rename, scale):
    path = write(tmp_path, bvh_text(frames=waving(scale), rename=rename, scale=scale))
    motion = bvh_motion(path, body)
    assert motion.fps == 60 and len(motion) == 20 and motion.name == "take"
    check_waving(motion, body)


def test_joints_without_telling_names_are_found_along_the_limb(tmp_path, body):
    def rename(name: str) -> str:
        return name.replace("LeftKnee", "bone 17").replace("RightElbow", "xyz")

    motion = bvh_motion(write(tmp_path, bvh_text(frames=waving(), rename=rename)), body)
    check_waving(motion, body)


def test_z_up_files_are_turned(tmp_path, body):
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y up to z up
    frames = waving()
    for joint, _, _ in PERSON:  # the same motion about the turned axes: x, y, z -> x, z, -y
        y, z = (column(joint, f"{axis}rotation") for axis in "YZ")
        frames[:, [y, z]] = np.stack([-frames[:, z], frames[:, y]], 1)
    y, z = (column("Hips", f"{axis}position") for axis in "YZ")
    frames[:, [y, z]] = np.stack([-frames[:, z], frames[:, y]], 1)
    path = write(tmp_path, bvh_text(frames=frames, turn=turn))
    capture, _ = bvh_capture(read_bvh(path))
    assert any("y is up" in note for note in capture.notes)
    check_waving(bvh_motion(path, body), body)


def test_skeletons_that_cannot_be_placed_are_refused_with_the_list(tmp_path):
    def rename(name: str) -> str:
        return f"joint{[row[0] for row in PERSON].index(name)}"

    with pytest.raises(BadInput, match=r"could not place left_hip, left_knee.* joint0, joint1"):
        place_joints(read_bvh(write(tmp_path, bvh_text(rename=rename))))
    armless = [row for row in PERSON if "Right" not in row[0] or "Hip" in row[0]]
    armless = [row for row in armless if row[1] is None or any(r[0] == row[1] for r in armless)]
    with pytest.raises(BadInput, match="right_shoulder, right_elbow"):
        place_joints(read_bvh(write(tmp_path, bvh_text(armless))))


def test_mixed_up_sides_are_refused(tmp_path):
    def rename(name: str) -> str:
        if name.endswith(("Shoulder", "Elbow", "Wrist", "Collar")):
            return name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")
        return name

    with pytest.raises(BadInput, match="left and right of the hips and of the shoulders"):
        bvh_capture(read_bvh(write(tmp_path, bvh_text(rename=rename))))


def test_an_added_rest_frame_is_seen_and_a_t_pose_that_is_captured_stays(tmp_path):
    frames = waving()
    frames[0, 3:] = 0
    capture, _ = bvh_capture(read_bvh(write(tmp_path, bvh_text(frames=frames))))
    assert len(capture) == 19 and any("rest pose" in note for note in capture.notes)
    still = np.zeros_like(frames)
    still[:, column("LeftShoulder", "Zrotation")] = np.linspace(0, 10, 20)
    capture, _ = bvh_capture(read_bvh(write(tmp_path, bvh_text(frames=still))))
    assert len(capture) == 20


def test_frame_rates_come_from_the_index_the_header_or_the_caller(shared_data, tmp_path, body):
    path = write(tmp_path, bvh_text(frame_time=0.0))
    with pytest.raises(BadInput, match="--source-fps"):
        bvh_motion(path, body)
    assert bvh_motion(path, body, fps=25).fps == 25
    # A person's own file that happens to be called like one of CMU's keeps its header's rate.
    own = write(tmp_path, bvh_text(frame_time=1 / 30), "60_01.bvh")
    assert bvh_capture(read_bvh(own))[1] == 30
    # CMU's 60_01 was captured at 60 fps; cgspeed's headers say 120 for all.
    text = (shared_data / "cmu" / "bvh" / "daz" / "09_02.bvh").read_text()
    capture, rate = bvh_capture(read_bvh(write(tmp_path, text, "60_01.bvh")))
    assert rate == 60 and any("header says 120" in note for note in capture.notes)


@pytest.mark.parametrize("name", ["02_01.bvh", "60_01.bvh", "60_01-daz.bvh"])
def test_a_name_of_cmus_does_not_override_a_rate(shared_data, tmp_path, body, name):
    """A file of CMU's that was brought to another rate has the rate that its header says."""
    text = (shared_data / "cmu" / "bvh" / "daz" / "09_02.bvh").read_text()
    text = re.sub(r"Frame Time:\s*\S+", f"Frame Time: {1 / 30:.7f}", text)
    path = write(tmp_path, text, name)
    assert bvh_capture(read_bvh(path))[1] == 30
    (listed,) = list_file(path, None)
    assert listed.fps == 30
    (entry,) = open_motion_library(tmp_path).entries
    assert entry.fps == 30
    assert bvh_capture(read_bvh(path), fps=50)[1] == 50
    assert open_motion_library(tmp_path, fps=50).entries[0].fps == 30  # the header's counts first


def test_a_header_without_a_rate_has_the_callers(tmp_path):
    """A rate of zero in the header: the caller's counts, before that of a motion of CMU's so called."""
    write(tmp_path, bvh_text(frames=waving(), frame_time=0.0), "02_01.bvh")
    assert open_motion_library(tmp_path, fps=50).entries[0].fps == 50
    write(tmp_path, bvh_text(frames=waving(), frame_time=0.0), "nobodys.bvh")
    ((path, reason),) = open_motion_library(tmp_path).skipped
    assert path.name == "nobodys.bvh" and "--source-fps" in reason


def test_a_byte_order_mark_is_no_word(tmp_path):
    path = write(tmp_path, bvh_text(frames=waving()))
    marked = tmp_path / "marked.bvh"
    marked.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    plain, motion = read_bvh(path), read_bvh(marked)
    assert motion.names == plain.names
    np.testing.assert_array_equal(motion.values, plain.values)
    assert read_bvh_start(marked)[1] == len(plain)


def test_joints_that_share_a_prefix_are_known_without_it(shared_data, tmp_path):
    """ "mixamorig_" before every name changes nothing: the file is still one in CMU's bones."""
    text = (shared_data / "cmu" / "bvh" / "motionbuilder" / "05_20-mb.bvh").read_text()
    path = write(tmp_path, re.sub(r"(ROOT|JOINT) ", r"\1 mixamorig_", text), "05_20-mb.bvh")
    capture, rate = bvh_capture(read_bvh(path))
    native, native_rate = bvh_capture(read_bvh(write(tmp_path, text, "05_20.bvh")))
    assert rate == native_rate
    np.testing.assert_array_equal(capture.quaternions, native.quaternions)


@pytest.mark.parametrize("way", [(3.0, 0.0), (0.0, 40.0)])
def test_a_joint_that_carries_the_figure_is_where_its_channels_say(tmp_path, way):
    """A root on the floor and hips below it with positions of their own, however far they walk."""
    figure = [("Floor", None, (0, 0, 0)), ("Hips", "Floor", (0, 0.93, 0)), *PERSON[1:]]
    frames = np.zeros((30, 3 * len(figure) + 6))
    names = re.findall(r"(?:ROOT|JOINT) (\S+)", bvh_text(figure))
    assert names[:2] == ["Floor", "Hips"]
    frames[:, 6], frames[:, 8] = (np.linspace(0, end, 30) for end in way)
    frames[:, 7] = 0.93
    motion = read_bvh(write(tmp_path, bvh_text(figure, frames=frames, channels={"Hips": ROOT6})))
    _, positions = bvh_kinematics(motion)
    np.testing.assert_allclose(positions[:, motion.index["Hips"]], frames[:, 6:9], atol=1e-9)


def test_units_make_a_person_of_every_leg():
    for leg in (0.83, 83.0, 830.0, 32.7, 14.7):
        assert 0.8 < leg * unit_of_length(leg)[0] < 0.86
    size, said = unit_of_length(5.0)
    assert math.isclose(5 * size, 0.83) and "no usual unit" in said


@pytest.mark.parametrize("name", ["daz/02_01.bvh", "motionbuilder/05_20-mb.bvh"])
def test_the_start_of_a_file_tells_what_the_whole_does(shared_data, name):
    path = shared_data / "cmu" / "bvh" / name
    motion = read_bvh(path)
    start, rows = read_bvh_start(path)
    assert rows == len(motion) and len(start) == 2
    np.testing.assert_array_equal(start.values, motion.values[:2])
    (listed,) = list_file(path, None)
    capture, rate = bvh_capture(motion)
    assert (listed.frames, listed.fps) == (len(capture), rate)


def test_a_file_that_is_cut_short_has_no_start(shared_data, tmp_path):
    text = (shared_data / "cmu" / "bvh" / "daz" / "02_01.bvh").read_text()
    for cut in (text[:-200], text.rstrip().rpartition("\n")[0] + "\n"):
        (tmp_path / "cut.bvh").write_text(cut)
        with pytest.raises(BadInput, match=r"cut\.bvh"):
            read_bvh_start(tmp_path / "cut.bvh")
