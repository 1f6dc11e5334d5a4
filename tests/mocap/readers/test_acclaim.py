"""Acclaim files: an independent reading, round trips, and what a damaged file is answered with."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from mocap.readers.acclaim.asf_amc import (
    _parse_lines,
    count_frames,
    read_amc,
    read_asf,
    write_amc,
    write_asf,
)
from mocap.retargeting.skeleton import Bone, Skeleton, forward_kinematics

SMALL_ASF = """# a comment
:version 1.10
:name SMALL
:units
  mass 1.0
  length 0.45
  angle deg
:documentation
   free text: begin end root
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 1 2 3
   orientation 0 0 0
:bonedata
  begin
     id 1
     name upper
     direction 0 -2 0
     length 9
     axis 10 20 30 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 inf)
    bodymass 3
  end
  begin
     id 2
     name lower # here too
     direction 0 -1 0
     length 4.5
     axis 0 0 20 ZYX
    dof rz rx
  end
:hierarchy
  begin
    root upper
    upper lower
  end
"""
SMALL_AMC = """#!OML:ASF something
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
upper 1 2 3
lower 4 5
2
root 1 2 3 10 20 30
upper -40 50 60
lower 70 -80
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.asf").write_text(SMALL_ASF)
    return read_asf(tmp_path / "small.asf")


def rotation4(axis: str, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = {
        "x": [[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]],
        "y": [[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]],
        "z": [[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    }
    return np.array(rows[axis], dtype=float)


def second_reading(asf: str, amc: str) -> list[dict[str, np.ndarray]]:
    """Bone ends in metres per frame, by regular expressions and recursion over 4x4 matrices."""
    unit = 0.0254 / float(re.search(r"length\s+(\S+)", asf).group(1))
    bones = {}
    for block in re.findall(r"begin\s+id.*?end", asf, flags=re.S):
        block = re.sub(r"#.*", "", block)
        direction = np.array(re.search(r"direction (\S+) (\S+) (\S+)", block).groups(), dtype=float)
        dof = re.search(r"dof ([rxyz ]+)", block)
        bones[re.search(r"name (\S+)", block).group(1)] = {
            "offset": unit
            * float(re.search(r"length\s+(\S+)", block).group(1))
            * direction
            / np.linalg.norm(direction),
            "axis": [float(v) for v in re.search(r"axis (\S+) (\S+) (\S+)", block).groups()],
            "order": re.search(r"axis .*([XYZ]{3})", block).group(1).lower(),
            "dof": dof.group(1).split() if dof else [],
        }
    parent = {}
    tree = asf.split(":hierarchy")[1]
    for line in tree.splitlines():
        words = line.split()
        for child in words[1:]:
            parent[child] = words[0]
    position = unit * np.array(re.search(r"position (\S+) (\S+) (\S+)", asf).groups(), dtype=float)
    frames = []
    for chunk in re.split(r"^\d+\s*$", amc, flags=re.M)[1:]:
        rows = [row.split() for row in chunk.splitlines() if row]
        values = {row[0]: [float(v) for v in row[1:]] for row in rows}
        root = np.eye(4)
        root[:3, 3] = position + unit * np.array(values["root"][:3])
        for axis, degrees in zip("xyz", values["root"][3:], strict=True):
            shift, turn = root.copy(), root.copy()
            shift[:3, :3], turn[:3, 3] = np.eye(3), 0
            root = shift @ rotation4(axis, degrees) @ turn
        placed = {"root": root}

        def place(name: str, placed=placed, values=values) -> np.ndarray:
            if name not in placed:
                bone = bones[name]
                angles = dict(zip(bone["dof"], values.get(name, []), strict=True))
                frame, motion = np.eye(4), np.eye(4)
                for letter in bone["order"]:
                    frame = rotation4(letter, bone["axis"]["xyz".index(letter)]) @ frame
                    motion = rotation4(letter, angles.get("r" + letter, 0.0)) @ motion
                step = np.eye(4)
                step[:3, 3] = bone["offset"]
                turned = place(parent[name]) @ frame @ motion @ np.linalg.inv(frame)
                placed[name] = turned @ step
            return placed[name]

        frames.append({name: place(name)[:3, 3] for name in [*bones, "root"]})
    return frames


def assert_same_as_second_reading(skeleton, frames, asf_text, amc_text):
    expected = second_reading(asf_text, amc_text)
    _, ends = forward_kinematics(skeleton, frames)
    assert len(expected) == len(ends)
    for t, bones in enumerate(expected):
        for name, place in bones.items():
            np.testing.assert_allclose(ends[t, skeleton.index[name]], place, atol=1e-6)


def test_small_skeleton_agrees_with_a_second_reading(small, tmp_path):
    (tmp_path / "small.amc").write_text(SMALL_AMC)
    frames = read_amc(tmp_path / "small.amc", small)
    assert_same_as_second_reading(small, frames, SMALL_ASF, SMALL_AMC)


def test_rest_pose_is_the_sum_of_the_bones(small):
    rotations, ends = forward_kinematics(small, np.zeros((1, len(small.channels))))
    np.testing.assert_allclose(rotations, np.broadcast_to(np.eye(3), rotations.shape), atol=1e-12)
    unit = 0.0254 / 0.45
    np.testing.assert_allclose(ends[0, small.index["lower"]], unit * np.array([1, 2 - 13.5, 3]))


@pytest.mark.parametrize("name", ["02_01", "49_18"])
def test_cmu_motion_agrees_with_a_second_reading(shared_data, name):
    folder = shared_data / "cmu" / "asfamc" / name[:2]
    asf, amc = folder / f"{name[:2]}.asf", folder / f"{name}.amc"
    skeleton = read_asf(asf)
    frames = read_amc(amc, skeleton)
    head = amc.read_text().splitlines()[: 3 + 30 * 5]
    assert_same_as_second_reading(skeleton, frames[:5], asf.read_text(), "\n".join(head[3:]))


def test_cmu_walker_has_the_size_of_a_man(shared_data):
    skeleton = read_asf(shared_data / "cmu" / "asfamc" / "02" / "02.asf")
    _, ends = forward_kinematics(skeleton, np.zeros((1, len(skeleton.channels))))
    height = np.ptp(ends[0, :, 1])
    assert 1.5 < height < 1.8
    assert ends[0, skeleton.index["lhand"], 0] > 0.6 > -0.6 > ends[0, skeleton.index["rhand"], 0]
    assert ends[0, skeleton.index["ltoes"], 2] > 0.1


angle = st.floats(-math.pi, math.pi, allow_nan=False)


@st.composite
def skeletons(draw) -> Skeleton:
    bones = [Bone("root", (0.0, 0.0, 0.0), 0.0, dofs=("tx", "ty", "tz", "rx", "ry", "rz"))]
    parents = [-1]
    for i in range(draw(st.integers(1, 5))):
        vector = np.array([draw(st.floats(-1, 1)) for _ in range(3)]) + np.array([0, 0, 1.5])
        dofs = tuple(draw(st.permutations(["rx", "ry", "rz"]))[: draw(st.integers(0, 3))])
        bones.append(
            Bone(
                f"bone{i}",
                tuple(float(v) for v in vector / np.linalg.norm(vector)),
                draw(st.floats(0.01, 2)),
                tuple(draw(angle) for _ in range(3)),
                "".join(draw(st.permutations("XYZ"))),
                dofs,
                tuple((-1.0, 1.0) for _ in dofs),
            )
        )
        parents.append(draw(st.integers(0, i)))
    order = sorted(range(len(bones)), key=lambda i: (_depth(parents, i), i))
    place = {old: new for new, old in enumerate(order)}
    return Skeleton(
        tuple(bones[i] for i in order),
        tuple(place.get(parents[i], -1) for i in order),
        "drawn",
        draw(st.sampled_from([0.45, 1.0])),
        (0.0, 0.5, 0.0),
        draw(st.booleans()),
    )


def _depth(parents: list[int], i: int) -> int:
    return 0 if parents[i] < 0 else 1 + _depth(parents, parents[i])


@settings(max_examples=40, deadline=None)
@given(skeletons(), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_written_files_read_back_the_same(tmp_path_factory, skeleton, count, seed):
    folder = tmp_path_factory.mktemp("round")
    frames = np.random.default_rng(seed).uniform(-3, 3, (count, len(skeleton.channels)))
    write_asf(skeleton, folder / "a.asf")
    write_amc(skeleton, frames, folder / "a.amc")
    again = read_asf(folder / "a.asf")
    assert set(again.names) == set(skeleton.names)
    read = read_amc(folder / "a.amc", again)
    _, expected = forward_kinematics(skeleton, frames)
    _, found = forward_kinematics(again, read)
    for name in skeleton.names:
        np.testing.assert_allclose(
            found[:, again.index[name]], expected[:, skeleton.index[name]], atol=1e-6
        )


def test_bones_in_another_order_are_read_line_by_line_to_the_same_frames(small, tmp_path):
    shuffled = SMALL_AMC.replace("upper 1 2 3\nlower 4 5\n", "lower 4 5\nupper 1 2 3 # late\n")
    (tmp_path / "a.amc").write_text(SMALL_AMC)
    (tmp_path / "b.amc").write_text(shuffled.replace("\n", "\r\n"))
    regular = read_amc(tmp_path / "a.amc", small)
    np.testing.assert_array_equal(regular, read_amc(tmp_path / "b.amc", small))
    by_line = _parse_lines(tmp_path / "a.amc", SMALL_AMC, small)
    turn = [0.0254 / 0.45 if dof[0] == "t" else math.pi / 180 for _, dof in small.channels]
    np.testing.assert_allclose(regular, by_line * turn)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda text: text.replace("lower 70 -80\n", ""), 10, ["frame 2", "lower", "cut short"]),
        (lambda text: text.replace("lower 70 -80", "lower 70"), 11, ["lower 70", "2 numbers"]),
        (lambda text: text.replace("upper 1 2 3", "upper 1 two 3"), 6, ["upper 1 two 3"]),
        (lambda text: text.replace("upper 1 2 3", "tail 1 2 3"), 6, ["bone 'tail'", "SMALL"]),
        (lambda text: text.replace("lower 4 5\n", ""), 7, ["frame 1", "lower"]),
        (lambda text: text[: text.rindex("wer 70")], 11, ["frame 2", "lower", "cut short"]),
        (lambda text: text[: text.rindex(" 30\nupper")], 9, ["frame 2", "upper, lower"]),
    ],
)
def test_damaged_motion_names_file_line_and_bone(small, tmp_path, change, line, words):
    path = tmp_path / "damaged.amc"
    path.write_text(change(SMALL_AMC))
    with pytest.raises(BadInput) as caught:
        read_amc(path, small)
    message = str(caught.value)
    assert f"{path}, line {line}:" in message and "\n" not in message
    for word in words:
        assert word in message


def test_a_last_frame_that_lacks_words_is_not_counted(small, tmp_path):
    """Cut behind any word of the last frame: whoever lists the file is told, as its reader is."""
    path = tmp_path / "torn.amc"
    path.write_text(SMALL_AMC)
    assert count_frames(path, small) == 2
    beginning = SMALL_AMC[: SMALL_AMC.index("\n2\n") + 3]
    words = list(re.finditer(r"\S+", SMALL_AMC[len(beginning) :]))
    for word in words[:-1]:
        path.write_text(beginning + SMALL_AMC[len(beginning) :][: word.end()])
        for read in (read_amc, count_frames):
            with pytest.raises(BadInput, match=rf"{path}, line \d+: frame 2"):
                read(path, small)


def test_values_that_are_not_finite_and_empty_motions_are_refused(small, tmp_path):
    (tmp_path / "nan.amc").write_text(SMALL_AMC.replace("upper 1 2 3", "upper nan 2 3"))
    with pytest.raises(BadInput, match=r"nan\.amc, line 6: frame 1: found 'upper nan 2 3'"):
        read_amc(tmp_path / "nan.amc", small)
    (tmp_path / "empty.amc").write_text(":FULLY-SPECIFIED\n:DEGREES\n")
    with pytest.raises(BadInput, match="no frames"):
        read_amc(tmp_path / "empty.amc", small)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("direction 0 -2 0", "direction 0 0 0", "direction of length 0"),
        ("length 4.5", "length four", "'four'"),
        ("root upper", "root upper tail", "'tail'"),
        ("    upper lower\n", "", "lower hang on nothing"),
        (":hierarchy", ":hierarchies", "no :hierarchy section"),
        ("dof rz rx", "dof rz rw", "each once of rx ry rz"),
        ("dof rz rx", "dof rz rz", "each once of rx ry rz"),
        ("name lower # here too", "name # here too", "without a name"),
        ("length 0.45", "length 0", "a length unit of 0"),
        ("axis 0 0 20 ZYX", "axis 0 0 20 ZYY", "'ZYY'"),
        ("order TX TY TZ RX RY RZ", "order TX TY TZ RX RY RX", "channels from"),
    ],
)
def test_damaged_skeleton_is_refused_with_the_line(tmp_path, old, new, words):
    path = tmp_path / "damaged.asf"
    path.write_text(SMALL_ASF.replace(old, new))
    with pytest.raises(BadInput, match=words) as caught:
        read_asf(path)
    assert str(caught.value).startswith(str(path))
    if "line" in str(caught.value):
        line = SMALL_ASF[: SMALL_ASF.index(old)].count("\n") + 1
        assert f"{path}, line {line}: " in str(caught.value)


def test_radians_and_any_unit_of_length_give_the_same_motion(tmp_path, small):
    turn = math.pi / 180

    def numbers(text: str, factor: float) -> str:
        return " ".join(f"{float(word) * factor:.12g}" for word in text.split())

    asf = SMALL_ASF.replace("length 0.45", "length 0.9").replace("angle deg", "angle rad")
    for line in ("position 1 2 3", "length 9\n", "length 4.5\n"):
        key, rest = line.split(" ", 1)
        asf = asf.replace(line, f"{key} {numbers(rest, 2)}" + "\n" * line.endswith("\n"))
    for angles in ("10 20 30", "0 0 20"):
        asf = asf.replace(f"axis {angles}", f"axis {numbers(angles, turn)}")
    rows = []
    for line in SMALL_AMC.replace(":DEGREES\n", ":RADIANS\n").splitlines():
        words = line.split()
        if words[0] == "root":
            line = f"root {numbers(' '.join(words[1:4]), 2)} {numbers(' '.join(words[4:]), turn)}"
        elif words[0] in ("upper", "lower"):
            line = f"{words[0]} {numbers(' '.join(words[1:]), turn)}"
        rows.append(line)
    (tmp_path / "other.asf").write_text(asf)
    (tmp_path / "other.amc").write_text("\n".join(rows))
    (tmp_path / "small.amc").write_text(SMALL_AMC)
    other = read_asf(tmp_path / "other.asf")
    _, expected = forward_kinematics(small, read_amc(tmp_path / "small.amc", small))
    _, found = forward_kinematics(other, read_amc(tmp_path / "other.amc", other))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # An .amc file without the word follows its skeleton.
    (tmp_path / "bare.amc").write_text("\n".join(rows[3:]))
    np.testing.assert_array_equal(
        read_amc(tmp_path / "bare.amc", other), read_amc(tmp_path / "other.amc", other)
    )


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_every_axis_order_agrees_with_a_second_reading(tmp_path, order):
    asf = SMALL_ASF.replace("axis 10 20 30 XYZ", f"axis 10 20 30 {order}")
    asf = asf.replace("axis 0 0 20 ZYX", f"axis 70 -50 20 {order.lower()}")
    (tmp_path / "a.asf").write_text(asf)
    (tmp_path / "a.amc").write_text(SMALL_AMC)
    skeleton = read_asf(tmp_path / "a.asf")
    frames = read_amc(tmp_path / "a.amc", skeleton)
    assert_same_as_second_reading(skeleton, frames, asf.replace(order.lower(), order), SMALL_AMC)


def test_names_of_several_words_and_bones_that_do_not_move(tmp_path, small):
    asf = SMALL_ASF.replace("name lower", "name lower leg left").replace("SMALL", "My own skeleton")
    asf = asf.replace("name upper", "name upper leg").replace("root upper", "root upper leg")
    asf = asf.replace("    upper lower", "    upper leg lower leg left")
    amc = SMALL_AMC.replace("upper", "upper leg").replace("lower", "lower leg left")
    (tmp_path / "a.asf").write_text(asf)
    (tmp_path / "a.amc").write_text(amc)
    (tmp_path / "small.amc").write_text(SMALL_AMC)
    skeleton = read_asf(tmp_path / "a.asf")
    assert skeleton.name == "My own skeleton"
    assert skeleton.names == ("root", "upper leg", "lower leg left")
    np.testing.assert_array_equal(
        read_amc(tmp_path / "a.amc", skeleton), read_amc(tmp_path / "small.amc", small)
    )
    (tmp_path / "b.asf").write_text(SMALL_ASF.replace("    dof rz rx\n", ""))
    stiff = read_asf(tmp_path / "b.asf")
    (tmp_path / "b.amc").write_text(re.sub("lower.*\n", "", SMALL_AMC))
    frames = read_amc(tmp_path / "b.amc", stiff)
    assert frames.shape == (2, 9)
    np.testing.assert_array_equal(frames, read_amc(tmp_path / "small.amc", small)[:, :9])


def test_channels_that_stretch_a_bone_are_read_and_left_out(tmp_path, small):
    (tmp_path / "a.asf").write_text(SMALL_ASF.replace("dof rz rx", "dof l rz rx tx"))
    (tmp_path / "a.amc").write_text(re.sub(r"lower (\S+ \S+)", r"lower 3 \1 4", SMALL_AMC))
    (tmp_path / "small.amc").write_text(SMALL_AMC)
    skeleton = read_asf(tmp_path / "a.asf")
    frames = read_amc(tmp_path / "a.amc", skeleton)
    np.testing.assert_allclose(frames[:, skeleton.columns["lower", "l"]], 3 * 0.0254 / 0.45)
    _, found = forward_kinematics(skeleton, frames)
    _, expected = forward_kinematics(small, read_amc(tmp_path / "small.amc", small))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("count", [2, 900])
def test_a_byte_order_mark_is_no_word(tmp_path, small, count):
    lines = SMALL_AMC.rstrip("\n").splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().isdigit())
    frame = lines[first + 1 : next(i for i in range(first + 1, len(lines)) if lines[i].isdigit())]
    rows = [line for number in range(count) for line in (str(number + 1), *frame)]
    text = "\n".join(lines[:first] + rows) + "\n"
    for name, start in (("plain", b""), ("marked", b"\xef\xbb\xbf")):
        (tmp_path / f"{name}.asf").write_bytes(start + SMALL_ASF.encode())
        (tmp_path / f"{name}.amc").write_bytes(start + text.encode())
    assert read_asf(tmp_path / "marked.asf").bones == small.bones
    frames = read_amc(tmp_path / "marked.amc", small)
    assert len(frames) == count == count_frames(tmp_path / "marked.amc", small)
    np.testing.assert_array_equal(frames, read_amc(tmp_path / "plain.amc", small))
