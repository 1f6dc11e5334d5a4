"""Damaged pickles and SMPL files, of motions and of bodies: each is read, or refused in one line.

As in `test_mutations`, from which the mutators of bytes and of archives come; to them is added one that
knows a pickle's opcodes: lengths that lie, opcodes put in, left out, doubled and swapped.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mocap.bodies.smpl_files import read_smpl_file
from mocap.errors import BadInput
from mocap.readers.formats import list_file, read_recording
from tests.mocap.readers.test_mutations import (
    FRAMES,
    bounded,
    good,
    mutated_arrays,
    mutated_bytes,
)
from tests.mocap.smpl_like import official_pickle, small_arrays

FAST, FULL = 150, 2500  # files of each kind
MEMORY = 1 << 28
OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
# Opcodes that announce how long their argument is, with the bytes of that number.
ANNOUNCING = [
    (opcode.code.encode("latin-1"), {-2: 1, -3: 4, -4: 4, -5: 8}[opcode.arg.n])
    for opcode in pickletools.opcodes
    if opcode.arg is not None and opcode.arg.n in (-2, -3, -4, -5)
] + [(pickle.FRAME, 8), (pickle.LONG_BINPUT, 4)]
LENGTHS = (0, 1, 255, 2**31, 2**32 - 1, 8 << 30, 2**63 - 1, 2**64 - 1)


def _saved(arrays: dict, *, packed: bool = False) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, **arrays)
    return stream.getvalue()


def _motions() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Sound .npz files in the spellings that `test_mutations` has not, and sound .pkl files."""
    rng = np.random.default_rng(7)
    pose, path = rng.normal(0, 0.1, (FRAMES, 165)), rng.normal(0, 0.1, (FRAMES, 3))
    stage = {
        "root_orient": pose[:, :3],
        "pose_body": pose[:, 3:66],
        "pose_hand": pose[:, 75:],
        "trans": path,
        "gender": np.array("neutral"),
        "mocap_frame_rate": np.array(120.0),
    }
    smplx = {"global_orient": pose[:, None, :3], "body_pose": pose[:, 3:72].reshape(-1, 23, 3)}
    aist = {"smpl_poses": pose[:, :72], "smpl_trans": 90 * path, "smpl_scaling": np.array([90.0])}
    turns = np.tile(np.eye(3), (FRAMES, 24, 1, 1))
    npz = {
        "a_stageii.npz": _saved(stage, packed=True),
        "b_stageii.npz": _saved(stage),
        "smplx.npz": _saved(smplx | {"transl": path, "fps": np.array(30)}),
        "matrices.npz": _saved({"poses": turns, "fps": np.array(30)}),
        "columns.npz": _saved({"poses": np.asfortranarray(pose), "trans": path, "fps": 30.0}),
    }
    pkl = {f"aist{protocol}.pkl": pickle.dumps(aist, protocol) for protocol in (2, 4, 5)}
    pkl["plain.pkl"] = pickle.dumps(smplx | {"fps": 30, "name": "ü", "more": [1, (2, None)]}, 4)
    return npz, pkl


def mutated_opcodes(data: bytes, rng: np.random.Generator) -> bytes:
    """A pickle with some of its opcodes changed; arguments are mostly left whole."""
    try:
        starts = [place for _, _, place in pickletools.genops(data)]
    except Exception:  # pickletools does not know Python 2's strings in every case
        return mutated_bytes(data, rng)
    pieces = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(len(pieces))), rng.integers(7)
        if kind == 0 and len(pieces) > 1:
            del pieces[at]
        elif kind == 1:
            pieces.insert(at, pieces[int(rng.integers(len(pieces)))])
        elif kind == 2:
            other = int(rng.integers(len(pieces)))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 3:
            pieces.insert(at, OPCODES[int(rng.integers(len(OPCODES)))])
        elif kind == 4:  # a length that lies
            opcode, width = ANNOUNCING[int(rng.integers(len(ANNOUNCING)))]
            length = LENGTHS[int(rng.integers(len(LENGTHS)))]
            pieces.insert(at, opcode + struct.pack("<Q", length)[:width] + b"abc")
        elif kind == 5:
            pieces.insert(at, b"(" * int(rng.integers(1, 2000)))
        elif pieces[at]:
            pieces[at] = mutated_bytes(pieces[at], rng)
    return b"".join(pieces)


class Kinds:
    """For each kind its sound files, its mutator and a reading that checks what it gets."""

    def __init__(self) -> None:
        npz, pkl = _motions()
        model = small_arrays()
        self.sound = {
            "motions in archives": npz,
            "motions in pickles": pkl,
            "bodies in archives": {
                "body.npz": _saved(model),
                "packed.npz": _saved(model, packed=True),
            },
            "bodies in pickles": {
                "plain.pkl": pickle.dumps(model, 2),
                "plain5.pkl": pickle.dumps(model, 5),
                "official.pkl": official_pickle(model),
            },
        }

    def mutated(self, kind: str, data: bytes, rng: np.random.Generator) -> bytes:
        if "archives" in kind:
            return mutated_arrays(data, rng)
        return mutated_opcodes(data, rng) if rng.random() < 0.7 else mutated_bytes(data, rng)

    def read(self, kind: str, path: Path) -> None:
        if "bodies" in kind:
            model = read_smpl_file(path)
            good(model.template, model.shape_directions, model.weights)
            return
        for stored in list_file(path):
            recording = read_recording(path, fps=stored.fps or 30.0)
            assert len(recording.pose) == stored.frames
            good(recording.pose, recording.translation)


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    return Kinds()


NAMES = [
    f"{what} in {where}" for what in ("motions", "bodies") for where in ("archives", "pickles")
]


def check(kinds: Kinds, kind: str, count: int, folder: Path, seed: int) -> Counter:
    """Reads `count` mutated files of a kind; counts what became of them."""
    outcome: Counter = Counter()
    rng = np.random.default_rng([seed, *kind.encode()])
    sound = list(kinds.sound[kind].items())
    for number in range(count):
        name, data = sound[number % len(sound)]
        changed = kinds.mutated(kind, data, rng)
        path = folder / name
        path.write_bytes(changed)
        try:
            with bounded(memory=MEMORY):
                kinds.read(kind, path)
            outcome["read"] += 1
        except BadInput as error:
            message = str(error)
            outcome["refused"] += 1
            assert name in message, message
            assert len(message) < 1500 and "\n" not in message, message[:3000]
        except Exception as error:
            keep = Path(os.environ.get("MUTATIONS_KEEP", folder)) / f"{number}_{name}"
            keep.write_bytes(changed)
            raise AssertionError(f"{kind}, input {number}, kept as {keep}: {error!r}") from error
    return outcome


@pytest.mark.parametrize("kind", NAMES)
def test_sound_files_are_read(kinds, kind, tmp_path):
    for name, data in kinds.sound[kind].items():
        (tmp_path / name).write_bytes(data)
        with bounded(memory=MEMORY):
            kinds.read(kind, tmp_path / name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", NAMES)
def test_damaged_files_are_read_or_refused(kinds, kind, tmp_path):
    outcome = check(kinds, kind, FAST, tmp_path, seed=1)
    assert outcome["read"] > FAST // 50 and outcome["refused"] > FAST // 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", NAMES)
def test_ten_thousand_damaged_files_are_read_or_refused(kinds, kind, tmp_path):
    outcome = check(kinds, kind, FULL, tmp_path, seed=2)
    print(kind, dict(outcome))
    assert outcome.total() == FULL
