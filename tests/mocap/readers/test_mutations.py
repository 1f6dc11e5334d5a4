"""Damaged motion files of every kind: each is read, or refused with file and reason; nothing else.

Thousands of small files are made from sound ones by a seeded mutator: bytes flipped, files cut, lines
deleted, doubled and swapped, numbers replaced, headers that lie, archives tampered with. A reading may
neither raise anything but BadInput, nor hang, nor take memory that a small file cannot need.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import resource
import signal
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.readers.acclaim import asf_amc as acclaim
from mocap.readers.acclaim.asf_amc import count_frames, read_amc, read_asf, write_amc, write_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture
from mocap.readers.bvh.parser import read_bvh, read_bvh_start
from mocap.readers.formats import list_file, read_recording
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import forward_kinematics
from synth.standins.actions import ACTIONS
from synth.standins.mannequin import Proportions, mannequin_skeleton
from synth.standins.motions import generate

FRAMES = 6
FAST, FULL = 200, 2000  # files of each of the five kinds
SECONDS = 20  # for one file; a sound one takes milliseconds, and machines are busy
MEMORY = 1 << 30
ON_THE_BODY = 20  # one in so many files is also put on the body

NUMBERS = (
    *("nan", "inf", "-inf", "1e300", "-1e300", "1e400", "1e-320", "1e15", "9" * 40, "0", "-0.0"),
    *(
        "",
        "1_000",
        "0x10",
        "--3",
        "1e",
        "1.2.3",
        "+-1",
        "٣",
        "NaN(7)",
        "1,5",
        "1e9999999999",
        "1d5",
    ),
)
COUNTS = ("0", "-1", "1", "5", "7", "1000000000000", "1e3", "", "six", "1" * 50, "6.0")
SHAPES = (
    *((10**12, 156), (0, 156), (6, 0), (-6, 156), (6,), (), (6, 10**15), (2**63, 2**63)),
    *((6, 155), (7, 156), (6, 52, 3), (6.0, 156), ("6", 156), (True, 156), (6, 156, 1, 1, 1)),
)
TYPES = ("|O", "<f4", "<f2", ">f8", "<i8", "|S8", "<U2", "<c16", "<M8[s]", "|V8", "<U99999999", "x")
BVH_NAMES = ("Hips", "LeftUpLeg", "LeftLeg", "LeftFoot", "RightUpLeg", "RightLeg", "RightFoot")


def bvh_text(rng: np.random.Generator) -> str:
    """A figure with common names, in centimetres, standing with some noise in its joints."""
    out = ["HIERARCHY"]
    tree = ("Hips", (0, 0, 0), [_spine(), _leg("Left", 1), _leg("Right", -1)])
    joints = _write(out, tree, 0)
    out += ["MOTION", f"Frames: {FRAMES}", "Frame Time: 0.0083333"]
    for frame in range(FRAMES):
        turns = rng.normal(0, 8, size=(joints, 3))
        place = (frame * 1.5, 95.0, 0.3 * frame)
        out.append(" ".join(f"{value:.4f}" for value in (*place, *turns.reshape(-1))))
    return "\n".join(out) + "\n"


def _leg(side: str, x: int) -> tuple:
    toes = (f"{side}ToeBase", (0, -6, 14), [(None, (0, 0, 6), [])])
    shin = (f"{side}Leg", (0, -42, 0), [(f"{side}Foot", (0, -42, 0), [toes])])
    return (f"{side}UpLeg", (9 * x, -4, 0), [shin])


def _arm(side: str, x: int) -> tuple:
    hand = (f"{side}Hand", (25 * x, 0, 0), [(None, (8 * x, 0, 0), [])])
    upper = (f"{side}Arm", (12 * x, 0, 0), [(f"{side}ForeArm", (28 * x, 0, 0), [hand])])
    return (f"{side}Shoulder", (4 * x, 12, 0), [upper])


def _spine() -> tuple:
    neck = ("Neck", (0, 16, 0), [("Head", (0, 10, 2), [(None, (0, 16, 0), [])])])
    chest = ("Spine1", (0, 18, 0), [neck, _arm("Left", 1), _arm("Right", -1)])
    return ("Spine", (0, 12, 0), [chest])


def _write(out: list[str], joint: tuple, depth: int) -> int:
    name, offset, children = joint
    pad = "  " * depth
    out.append(
        f"{pad}{'End Site' if name is None else ('JOINT' if depth else 'ROOT') + ' ' + name}"
    )
    out.append(f"{pad}{{")
    out.append(f"{pad}  OFFSET {offset[0]} {offset[1]} {offset[2]}")
    if name is None:
        total = 0
    else:
        turns = "Zrotation Xrotation Yrotation"
        places = "" if depth else "Xposition Yposition Zposition "
        out.append(f"{pad}  CHANNELS {3 if depth else 6} {places}{turns}")
        total = 1
    total += sum(_write(out, child, depth + 1) for child in children)
    out.append(f"{pad}}}")
    return total


def pose_files(rng: np.random.Generator) -> dict[str, bytes]:
    """Small sound .npz and .npy files of all kinds by name."""
    pose, place = rng.normal(0, 0.1, (FRAMES, 156)), rng.normal(size=(FRAMES, 3))
    amass = {"poses": pose, "trans": place, "betas": np.zeros(16), "gender": np.array("male")}
    amass["mocap_framerate"] = np.array(120.0)
    surreal = {}
    for name in ("01_01", "02_03"):
        surreal[f"pose_{name}"], surreal[f"trans_{name}"] = pose[:, :72], place
    files = {}
    for name, arrays, save in (
        ("amass_poses.npz", amass, np.savez),
        ("packed_stageii.npz", amass, np.savez_compressed),
        ("smpl_data.npz", surreal, np.savez),
        ("plain.npz", {"poses": pose[:, :72], "trans": place, "fps": np.array(30)}, np.savez),
    ):
        stream = io.BytesIO()
        save(stream, **arrays)
        files[name] = stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, pose[:, :72].astype(np.float32))
    files["plain.npy"] = stream.getvalue()
    return files


# ---- the mutator -------------------------------------------------------------------------------


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    kind = rng.integers(6)
    at = int(rng.integers(len(out)))
    if kind == 0:
        for _ in range(int(rng.integers(1, 6))):
            out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del out[at:]
    elif kind == 2:
        del out[at : at + int(rng.integers(1, 200))]
    elif kind == 3:
        out[at:at] = rng.bytes(int(rng.integers(1, 40)))
    elif kind == 4:
        out[at:at] = out[at : at + int(rng.integers(1, 400))]
    else:
        out[at : at + 4] = bytes(rng.choice([0, 10, 13, 32, 127, 255], size=4).astype(np.uint8))
    return bytes(out)


def mutated_text(data: bytes, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.25:
        return mutated_bytes(data, rng)
    lines = data.decode("latin-1").split("\n")
    for _ in range(int(rng.integers(1, 4))):
        # Heads are where the rules are: half of the changes are made there.
        last = len(lines) if rng.random() < 0.5 else min(len(lines), 120)
        at = int(rng.integers(last))
        kind = rng.integers(9)
        if kind == 0 and len(lines) > 1:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            other = int(rng.integers(len(lines)))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind in (3, 4):
            lines[at] = _replaced(lines[at], r"[-+]?\d[\d.e+-]*", str(rng.choice(NUMBERS)), rng)
        elif kind == 5:
            found = [
                i for i, line in enumerate(lines) if re.search(r"Frames:|CHANNELS|dof|order", line)
            ]
            at = int(rng.choice(found)) if found else at
            lines[at] = _replaced(lines[at], r"\d+", str(rng.choice(COUNTS)), rng)
        elif kind == 6:
            lines[at] = _replaced(
                lines[at], r"\S+", str(rng.choice([*BVH_NAMES, "root", "{", "}", ":"])), rng
            )
        elif kind == 7:
            words = lines[at].split(" ")
            del words[int(rng.integers(len(words)))]
            lines[at] = " ".join(words)
        else:
            lines[at] = (
                lines[at] + " " + str(rng.choice(["7", "end", "rx", "nan", "#", "\x00", "\r"]))
            )
        if not lines:
            lines = [""]
    return "\n".join(lines).encode("utf-8")


def _replaced(line: str, pattern: str, new: str, rng: np.random.Generator) -> str:
    found = list(re.finditer(pattern, line))
    if not found:
        return line + " " + new
    chosen = found[int(rng.integers(len(found)))]
    return line[: chosen.start()] + new + line[chosen.end() :]


def mutated_arrays(data: bytes, rng: np.random.Generator) -> bytes:
    kind = rng.integers(8)
    if kind < 2:
        return mutated_bytes(data, rng)
    if not data.startswith(b"PK"):
        return _mutated_member(data, rng)
    if kind == 2:
        return _tampered_directory(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = int(rng.integers(len(members)))
    name, content = members[at]
    if kind == 3:
        del members[at]
    elif kind == 4:
        members[at] = (
            str(rng.choice(["x.npy", "poses", "fps.npy", "pose_.npy", "..", "ü.npy"])),
            content,
        )
    elif kind == 5:
        members.insert(0, (members[int(rng.integers(len(members)))][0], content))
    else:
        members[at] = (name, _mutated_member(content, rng))
    out = io.BytesIO()
    packing = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(out, "w", packing[int(rng.choice(4, p=(0.4, 0.4, 0.1, 0.1)))]) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def _tampered_directory(data: bytes, rng: np.random.Generator) -> bytes:
    """Flags, methods, sizes and offsets of one entry, in the central directory or at its place."""
    out = bytearray(data)
    central = rng.random() < 0.6
    places = [m.start() for m in re.finditer(b"PK\x01\x02" if central else b"PK\x03\x04", data)]
    at = int(rng.choice(places)) + (2 if central else 0)
    fields = {6: 2, 8: 2, 14: 4, 18: 4, 22: 4, 26: 2, 28: 2} | ({40: 4} if central else {})
    offset = int(rng.choice(list(fields)))
    width = fields[offset]
    value = int(rng.choice([0, 1, 8, 12, 14, 99, 2**15, 2**16 - 1, 2**31, 2**32 - 1]))
    out[at + offset : at + offset + width] = struct.pack("<Q", value)[:width]
    return bytes(out)


def _mutated_member(content: bytes, rng: np.random.Generator) -> bytes:
    """An array whose header lies, or whose values are not those of a body."""
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    kind = rng.integers(6)
    if kind == 0:
        return mutated_bytes(content, rng)
    if kind == 1 and array.size and array.dtype.kind == "f":
        wrong = np.array(array)
        wrong.reshape(-1)[rng.integers(wrong.size)] = rng.choice([np.nan, np.inf, 1e30, -1e9, 1e4])
        return _saved(wrong)
    if kind == 2:
        return _saved(np.array([array, None], dtype=object), pickled=True)
    if kind == 3:
        return _saved(array[: int(rng.integers(len(array) + 1))] if array.ndim else array)
    said = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    if kind == 4:
        said["shape"] = SHAPES[int(rng.integers(len(SHAPES)))]
    else:
        said["descr"] = str(rng.choice(TYPES))
        said["fortran_order"] = [True, False, 1, "no", None][int(rng.integers(5))]
    text = (repr(said) + "\n").encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def _saved(array: np.ndarray, *, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


# ---- reading ----------------------------------------------------------------------------------


class Hang(Exception):
    pass


@contextmanager
def bounded(seconds: int = SECONDS, memory: int = MEMORY):
    """Time and address space limits for what is read within; exceeding them is no BadInput."""

    def ring(*_: object) -> None:
        raise Hang(f"more than {seconds} seconds")

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, limits[1]))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def good(*arrays: np.ndarray) -> None:
    assert all(len(array) and np.isfinite(array).all() for array in arrays)


class Readers:
    """For each kind: the sound files, the mutator, and a reading that checks what it gets."""

    def __init__(self, folder: Path, body: Body) -> None:
        self.folder, self.body = folder, body
        rng = np.random.default_rng(5)
        self.skeleton = mannequin_skeleton(Proportions(), "walker")
        action = next(action for action in ACTIONS if action.category == "walk")
        _, frames = generate(self.skeleton, action, seed=3, subject=0, variation=0)
        self.frames = frames[:: len(frames) // FRAMES][:FRAMES]
        write_asf(self.skeleton, folder / "sound.asf")
        write_amc(self.skeleton, self.frames, folder / "sound.amc")
        self.sound = {
            "asf": {"a.asf": (folder / "sound.asf").read_bytes()},
            "amc": {"a.amc": (folder / "sound.amc").read_bytes()},
            "bvh": {"a.bvh": bvh_text(rng).encode()},
            "npz": {k: v for k, v in pose_files(rng).items() if k != "smpl_data.npz"},
            "surreal": {k: v for k, v in pose_files(rng).items() if k == "smpl_data.npz"},
        }

    def read(self, kind: str, path: Path, *, on_body: bool) -> None:
        getattr(self, f"_{kind}")(path, on_body)

    def _asf(self, path: Path, on_body: bool) -> None:
        skeleton = read_asf(path)
        good(*forward_kinematics(skeleton, np.zeros((1, len(skeleton.channels)))))
        if on_body:
            frames = np.full((FRAMES, len(skeleton.channels)), 0.1)
            good(*retarget(acclaim_capture(skeleton, frames), self.body, fps=120.0))

    def _amc(self, path: Path, on_body: bool) -> None:
        bulk = acclaim._parse_bulk(path.read_bytes(), self.skeleton)
        if bulk is not None:  # compiled reading takes no liberties
            text = path.read_text(encoding="latin-1")
            np.testing.assert_array_equal(bulk, acclaim._parse_lines(path, text, self.skeleton))
        frames = read_amc(path, self.skeleton)
        assert count_frames(path, self.skeleton) >= 1
        good(*forward_kinematics(self.skeleton, frames))
        if on_body:
            good(*retarget(acclaim_capture(self.skeleton, frames), self.body, fps=120.0))

    def _bvh(self, path: Path, on_body: bool) -> None:
        motion = read_bvh(path)
        start, rows = read_bvh_start(path)
        assert rows == len(motion)
        np.testing.assert_array_equal(start.values, motion.values[:2])
        capture, rate = bvh_capture(motion)
        good(capture.rotation_matrices, *capture.joints.values())
        if on_body:
            good(*retarget(capture, self.body, fps=rate))

    def _npz(self, path: Path, on_body: bool) -> None:
        for stored in list_file(path):
            recording = read_recording(path, name=stored.name, fps=stored.fps or 30.0)
            assert len(recording.pose) == stored.frames
            good(recording.pose, recording.translation)
            if on_body:
                motion = recording.to_motion(self.body)
                good(motion.pose, motion.translation)

    _surreal = _npz


MUTATORS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "asf": mutated_text,
    "amc": mutated_text,
    "bvh": mutated_text,
    "npz": mutated_arrays,
    "surreal": mutated_arrays,
}


@pytest.fixture(scope="module")
def readers(tmp_path_factory, body) -> Readers:
    return Readers(tmp_path_factory.mktemp("sound"), body)


def check(readers: Readers, kind: str, count: int, folder: Path, seed: int) -> Counter:
    """Reads `count` mutated files of a kind; counts what became of them."""
    outcome: Counter = Counter()
    rng = np.random.default_rng([seed, *kind.encode()])
    sound = list(readers.sound[kind].items())
    for number in range(count):
        name, data = sound[number % len(sound)]
        changed = MUTATORS[kind](data, rng)
        path = folder / name
        path.write_bytes(changed)
        try:
            with bounded():
                readers.read(kind, path, on_body=number % ON_THE_BODY == 0)
            outcome["read"] += 1
        except BadInput as error:
            message = str(error)
            outcome["refused"] += 1
            assert name in message or "skeleton" in message, message
            assert len(message) < 1500 and "\n" not in message, message[:3000]
            if re.search(r", line \d+", message):
                outcome["with line"] += 1
        except Exception as error:
            keep = Path(os.environ.get("MUTATIONS_KEEP", folder)) / f"{kind}_{number}_{name}"
            keep.write_bytes(changed)
            raise AssertionError(f"{kind} input {number}, kept as {keep}: {error!r}") from error
    return outcome


@pytest.mark.parametrize("kind", MUTATORS)
def test_sound_files_are_read(readers, kind, tmp_path):
    for name, data in readers.sound[kind].items():
        (tmp_path / name).write_bytes(data)
        with bounded():
            readers.read(kind, tmp_path / name, on_body=True)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", MUTATORS)
def test_damaged_files_are_read_or_refused(readers, kind, tmp_path):
    outcome = check(readers, kind, FAST, tmp_path, seed=1)
    assert outcome["read"] > FAST // 50 and outcome["refused"] > FAST // 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", MUTATORS)
def test_ten_thousand_damaged_files_are_read_or_refused(readers, kind, tmp_path):
    outcome = check(readers, kind, FULL, tmp_path, seed=2)
    print(kind, dict(outcome))
    assert outcome.total() - outcome["with line"] == FULL
    if kind in ("asf", "amc", "bvh"):
        assert outcome["with line"] > 0.8 * outcome["refused"]


# ---- lies and traps that a mutator would need luck for -----------------------------------------


def test_a_bvh_header_of_a_million_million_frames_allocates_nothing(readers, tmp_path):
    text = readers.sound["bvh"]["a.bvh"].decode().replace(f"Frames: {FRAMES}", "Frames: 999999999")
    (tmp_path / "a.bvh").write_text(text)
    with bounded(memory=1 << 28), pytest.raises(BadInput, match=r"a\.bvh.*999999999"):
        read_bvh(tmp_path / "a.bvh")
    (tmp_path / "a.bvh").write_text(text.replace("999999999", str(10**12)))
    with bounded(memory=1 << 28), pytest.raises(BadInput, match=r"a\.bvh, line \d+.*Frames"):
        read_bvh(tmp_path / "a.bvh")


def test_an_archive_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    """Four gigabytes of zeros packed into four megabytes: too many frames, seen from the header."""
    head = io.BytesIO()
    rows = (1 << 32) // (156 * 8)
    said = {"descr": "<f8", "fortran_order": False, "shape": (rows, 156)}
    np.lib.format.write_array_header_1_0(head, said)
    with zipfile.ZipFile(tmp_path / "a_poses.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("poses.npy", "w", force_zip64=True) as member:
            member.write(head.getvalue())
            block = bytes(1 << 20)
            for _ in range(16):  # the header lies about the rest
                member.write(block)
        archive.writestr("trans.npy", _saved(np.zeros((rows % 1000, 3))))
        archive.writestr("mocap_framerate.npy", _saved(np.array(120)))
    for reader in (list_file, read_recording):
        with bounded(memory=1 << 28), pytest.raises(BadInput, match="array 'poses'"):
            reader(tmp_path / "a_poses.npz")


class Trap:
    """Unpickled, this runs code: it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize(
    "member", ["poses", "trans", "mocap_framerate", "gender", "betas", "extra"]
)
def test_no_array_of_objects_in_a_motion_file_can_run_code(tmp_path, member):
    mark = tmp_path / "trapped"
    trap = np.array([Trap(mark)], dtype=object)
    pickle.loads(pickle.dumps(trap))
    assert mark.exists(), "the trap itself must work"
    mark.unlink()
    arrays = {
        "poses": np.zeros((5, 156)),
        "trans": np.zeros((5, 3)),
        "mocap_framerate": np.array(120.0),
        "gender": np.array("male"),
        "betas": np.zeros(10),
    }
    np.savez(tmp_path / "a_poses.npz", **(arrays | {member: trap}))
    try:
        list_file(tmp_path / "a_poses.npz")
        read_recording(tmp_path / "a_poses.npz")
    except BadInput as error:
        assert "nothing was unpickled" in str(error)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    with pytest.raises(BadInput, match="nothing was unpickled"):
        read_recording(tmp_path / "a.npy", fps=30.0)
    for name in ("a.npz", "b.npy"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(mark)))
        with pytest.raises(BadInput):
            read_recording(tmp_path / name, fps=30.0)
    assert not mark.exists()
