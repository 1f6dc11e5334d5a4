"""Model files of SMPL's family: read in every form they come in, and never trusted."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from mocap.bodies.smpl_files import HIERARCHIES, read_smpl_arrays, read_smpl_file
from mocap.errors import BadInput
from tests.mocap.smpl_like import official_pickle, small_arrays

CANARY = "/tmp/a-body-file-ran-code"


@pytest.fixture(scope="module")
def arrays():
    return small_arrays()


def assert_same(found, arrays):
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_of_arrays_reads_as_it_was_written(arrays, protocol, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(arrays, protocol=protocol))
    assert_same(read_smpl_arrays(tmp_path / "model.pkl"), arrays)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_an_official_pickle_reads_without_chumpy(arrays, protocol, tmp_path):
    data = official_pickle(arrays, protocol=protocol)
    assert b"chumpy.ch" in data and b"chumpy.reordering" in data
    if protocol == 2:
        assert data[:2] == b"\x80\x02" and b"cscipy.sparse.csc\ncsc_matrix" in data
        assert b"c__builtin__\nset" in data and b"_codecs" not in data  # as Python 2 wrote it
    (tmp_path / "model.pkl").write_bytes(data)
    assert_same(read_smpl_arrays(tmp_path / "model.pkl"), arrays)
    assert not [name for name in sys.modules if name.split(".")[0] == "chumpy"]


def test_byte_orders_and_fortran_order_are_kept(arrays, tmp_path):
    odd = arrays | {
        "v_template": arrays["v_template"].astype(">f8"),
        "posedirs": np.asfortranarray(arrays["posedirs"]),
    }
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(odd, protocol=2))
    assert_same(read_smpl_arrays(tmp_path / "model.pkl"), arrays)


@pytest.mark.parametrize("wrap", [csc_matrix, csr_matrix])
def test_an_npz_with_a_sparse_regressor_and_foreign_members_reads(arrays, wrap, tmp_path):
    """SMPL-X's own .npz has dictionaries beside its arrays; they are not even looked at."""
    extra = {"joint2num": np.array({"pelvis": 0}), "J_regressor": wrap(arrays["J_regressor"])}
    np.savez_compressed(tmp_path / "model.npz", **arrays | extra)
    assert_same(read_smpl_arrays(tmp_path / "model.npz"), arrays)


def test_an_npz_under_another_suffix_is_known_by_its_content(arrays, tmp_path):
    np.savez(tmp_path / "model.npz", **arrays)
    os.rename(tmp_path / "model.npz", tmp_path / "model.pkl")
    assert_same(read_smpl_arrays(tmp_path / "model.pkl"), arrays)


class _Sly:
    def __reduce__(self):
        return os.system, (f"touch {CANARY}",)


class _SlyState:
    """Calls through a class that is allowed."""

    def __reduce__(self):
        return np.ndarray, (), {"__class__": _Sly()}


def _global_call(name: bytes, argument: bytes) -> bytes:
    return b"\x80\x02c" + name + b"\n(X" + struct.pack("<i", len(argument)) + argument + b"tR."


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps({"v_template": _Sly()}),
        pickle.dumps({"v_template": _Sly()}, protocol=0),
        pickle.dumps(_SlyState()),
        _global_call(b"os\nsystem", f"touch {CANARY}".encode()),
        _global_call(b"builtins\neval", f"open('{CANARY}','w')".encode()),
        _global_call(b"builtins\n__import__", b"antigravity"),
        _global_call(b"numpy.testing._private.utils\nrunstring", b"1"),
        _global_call(b"chumpy.ch\nos.system", f"touch {CANARY}".encode()),
        _global_call(b"scipy.sparse\nload_npz", b"x"),
        b"ios\nsystem\n(S'touch " + CANARY.encode() + b"'\n.",
        b"(S'touch " + CANARY.encode() + b"'\nios\nsystem\n.",
    ],
)
def test_a_pickle_cannot_run_code(data, arrays, tmp_path):
    (tmp_path / "sly.pkl").write_bytes(data)
    with pytest.raises(BadInput, match=r"sly\.pkl"):
        read_smpl_arrays(tmp_path / "sly.pkl")
    assert not os.path.exists(CANARY) and "antigravity" not in sys.modules


def test_an_object_in_an_npz_cannot_run_code(arrays, tmp_path):
    np.savez(tmp_path / "sly.npz", **arrays | {"f": np.array(_Sly(), dtype=object)})
    with pytest.raises(BadInput, match=r"sly\.npz.*system"):
        read_smpl_arrays(tmp_path / "sly.npz")
    assert not os.path.exists(CANARY)


def _nested(levels: int) -> bytes:
    """((x, x), (x, x)) ...: few bytes, 2 ** levels items, and a hash that takes as long."""
    return b"K\x01" + b"2\x86" * levels


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a note number of two billion
        b"\x80\x02}" + _nested(200) + b"K\x01s.",  # a key whose hash takes for ever
        b"\x80\x04\x8f(" + _nested(200) + b"\x90.",  # the same in a set
        b"\x80\x02}U\nv_template" + _nested(200) + b"s.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0fx.",  # bytes longer than any file
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x0f.",  # a frame longer than any file
    ],
)
def test_a_small_file_can_take_neither_the_memory_nor_the_day(data, tmp_path):
    (tmp_path / "bomb.pkl").write_bytes(data)
    with pytest.raises(BadInput, match=r"bomb\.pkl"):
        read_smpl_arrays(tmp_path / "bomb.pkl")


def test_an_npz_that_lies_about_its_size_is_refused(arrays, tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**13, 3)}
    )
    np.savez(tmp_path / "huge.npz", **{k: v for k, v in arrays.items() if k != "v_template"})
    with zipfile.ZipFile(tmp_path / "huge.npz", "a") as archive:
        archive.writestr("v_template.npy", header.getvalue() + bytes(24))
    with pytest.raises(BadInput, match=r"huge\.npz"):
        read_smpl_arrays(tmp_path / "huge.npz")


def test_an_unknown_chumpy_expression_is_named(arrays, tmp_path):
    data = official_pickle(arrays).replace(b"cchumpy.reordering\ntranspose", b"cchumpy.linalg\ninv")
    (tmp_path / "model.pkl").write_bytes(data)
    with pytest.raises(BadInput, match=r"chumpy\.linalg\.inv is not evaluated"):
        read_smpl_arrays(tmp_path / "model.pkl")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04", pickle.dumps({"f": 1})])
def test_a_file_that_is_no_body_is_refused_by_name(content, tmp_path):
    (tmp_path / "broken.pkl").write_bytes(content)
    with pytest.raises(BadInput, match=r"broken\.pkl"):
        read_smpl_arrays(tmp_path / "broken.pkl")
    with pytest.raises(BadInput, match=r"absent\.npz: no such body model"):
        read_smpl_arrays(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"posedirs": np.zeros((12, 3, 206))}, "posedirs"),
        ({"shapedirs": np.zeros((12, 3, 4))}, "4 shape directions"),
        ({"v_template": np.full((12, 3), np.nan)}, "not finite"),
        ({"f": np.full((9, 3), 12)}, "points to 12"),
        ({"weights": np.ones((12, 24))}, "sum to 1"),
        ({"kintree_table": np.zeros((2, 16), int)}, "16 joints"),
        ({"kintree_table": np.zeros((2, 24), int)}, "another order"),
        ({"J_regressor": np.zeros((24, 11))}, "J_regressor"),
        ({"v_template": np.array([["a"] * 3] * 12)}, "v_template"),
    ],
)
def test_what_is_wrong_with_a_model_is_said(arrays, change, reason, tmp_path):
    np.savez(tmp_path / "model.npz", **arrays | change)
    with pytest.raises(BadInput, match=rf"model\.npz.*{reason}"):
        read_smpl_file(tmp_path / "model.npz")


@pytest.mark.needs("smplx")
def test_hierarchies_are_those_of_smplx():
    """`smplx` names its joints: a finger's parent is the same finger's joint before, or the wrist."""
    from smplx.joint_names import JOINT_NAMES as names
    from smplx.joint_names import SMPLH_JOINT_NAMES as hand_names

    for kind, listed in (("SMPL-X", names[:55]), ("SMPL-H", hand_names[:52])):
        for joint, parent in enumerate(HIERARCHIES[kind]):
            name = listed[joint]
            if name[-1] in "23" and joint > 21:
                assert listed[parent] == name[:-1] + str(int(name[-1]) - 1)
            elif joint > 21 and name[-1] == "1":
                assert listed[parent] == name.split("_")[0] + "_wrist"
            elif joint > 21:
                assert listed[parent] == "head"


@pytest.mark.parametrize("form", ["plain.pkl", "official.pkl", "model.npz"])
def test_damaged_files_are_read_or_refused(arrays, form, tmp_path):
    """Seeded damage: bytes changed, cut out, repeated. Nothing but BadInput may come out."""
    path = tmp_path / form
    if form == "model.npz":
        np.savez(path, **arrays)
    else:
        path.write_bytes(pickle.dumps(arrays, 2) if form[0] == "p" else official_pickle(arrays))
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            if rng.random() < 0.7:  # most of a file is numbers; its grammar is near the ends
                at = int(rng.choice([at % 400, len(data) - 1 - at % 400]))
            kind = rng.integers(4)
            if kind == 0:
                data[at] = rng.integers(256)
            elif kind == 1:
                del data[at : at + int(rng.integers(1, 60))]
            elif kind == 2:
                data[at:at] = data[at : at + int(rng.integers(1, 60))]
            else:
                del data[at:]
            if not data:
                break
        path.write_bytes(bytes(data))
        try:
            read_smpl_file(path)
        except BadInput as error:
            assert form in str(error)
            refused += 1
    assert refused > 50
