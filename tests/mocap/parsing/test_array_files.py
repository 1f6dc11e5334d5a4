"""NumPy's archives: limits before anything is unpacked, and directories that are read once."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from mocap.bodies.smpl_files import read_smpl_arrays
from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.readers.formats import list_file
from mocap.readers.smpl.surreal import list_surreal, read_surreal


def _zeros(path, name: str, shape: tuple[int, ...], *, dtype: str = "<f8") -> None:
    """An archive with an array of zeros, of which nothing but zeros is ever in memory."""
    head = io.BytesIO()
    said = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, said)
    left = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        member.write(head.getvalue())
        while left:
            block = min(left, 1 << 20)
            member.write(bytes(block))
            left -= block


@pytest.mark.parametrize("name", ["v_template", "posedirs", "f"])
def test_a_gigabyte_in_a_body_file_of_a_megabyte_is_refused_before_it_is_unpacked(tmp_path, name):
    path = tmp_path / "body.npz"
    shapes = {k: (4, 3) for k in ("shapedirs", "J_regressor", "weights", "kintree_table")}
    for other in {*shapes, "v_template", "posedirs", "f"} - {name}:
        _zeros(path, other, (4, 3))
    _zeros(path, name, (1_000_000_000 // 24, 3))
    assert path.stat().st_size < 2 << 20
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match=rf"'{name}': found 999,999,984 bytes.*at most 2"):
            read_smpl_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["gender", "betas", "mocap_framerate", "trans", "poses"])
def test_a_quarter_of_a_gigabyte_in_a_motion_of_little_more_than_nothing(tmp_path, name):
    """Refused, or left out where it is information only; never unpacked."""
    path = tmp_path / "a_poses.npz"
    upright = np.tile([np.pi / 2, 0, 0] + [0.0] * 153, (20, 1))
    sound = {
        "poses": upright,
        "trans": np.zeros((20, 3)),
        "mocap_framerate": np.array(120.0),
        "gender": np.array("male"),
        "betas": np.zeros(10),
    }
    np.savez(path, **{key: value for key, value in sound.items() if key != name})
    shape, dtype = ((1 << 26,), "<U1") if name == "gender" else ((1 << 25,), "<f8")
    _zeros(path, name, shape, dtype=dtype)
    from mocap.readers.smpl.amass import read_amass

    tracemalloc.start()
    try:
        try:
            recording = read_amass(path)
        except BadInput as error:
            assert f"array '{name}'" in str(error) and name not in ("gender", "betas")
        else:
            assert name in ("gender", "betas") and getattr(recording, name) is None
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_array_above_the_limit_is_refused_with_the_limit(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(1000))
    with ArrayFile(tmp_path / "a.npz") as arrays:
        assert len(arrays.read("x", limit=8000)) == 1000
        with pytest.raises(BadInput, match=r"array 'x': found 8,000 bytes.*at most 7,999"):
            arrays.read("x", limit=7999)


@pytest.mark.parametrize("order", ["<", ">"])
def test_text_of_numbers_that_are_no_characters_is_refused(tmp_path, order):
    text = np.array(["male", "ü😀"], dtype=f"{order}U4")
    np.savez(tmp_path / "a.npz", x=text, y=np.array([0x110000], f"{order}u4").view(f"{order}U1"))
    with ArrayFile(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays.read("x"), text)
        with pytest.raises(BadInput, match="'y': found the character 0x110000, expected text"):
            arrays.read("y")


@pytest.mark.parametrize("shape", [(7, 30), (7, 10, 3), (7, 5, 2, 3), (1, 30), (0, 30)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i4"])
def test_rows_are_those_of_numpy_in_either_order(tmp_path, shape, order, dtype):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype, order=order)
    np.savez_compressed(tmp_path / "a.npz", x=values)
    np.save(tmp_path / "a.npy", values)
    for path, name in ((tmp_path / "a.npz", "x"), (tmp_path / "a.npy", "")):
        with ArrayFile(path) as arrays:
            rows = arrays.read_rows(name, 21)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, values.reshape(shape[0], 30)[:, :21])


def _write_sequences(path, count: int, *, last: float = 0.1) -> None:
    arrays = {}
    for number in range(count):
        arrays[f"pose_{number:03d}_01"] = np.full((12, 72), last if number == count - 1 else 0.1)
        arrays[f"trans_{number:03d}_01"] = np.zeros((12, 3))
    np.savez(path, **arrays)


def test_the_directory_of_a_large_archive_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "smpl_data.npz"
    _write_sequences(path, 100)
    opened = []
    original = zipfile.ZipFile.__init__

    def counted(self, file, *arguments, **options):
        opened.append(str(file))
        original(self, file, *arguments, **options)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    assert len(list_surreal(path)) == len(list_file(path)) == 100
    for number in range(100):
        assert len(read_surreal(path, f"{number:03d}_01").pose) == 12
    assert opened.count(str(path)) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_an_archive_that_changed_is_looked_into_anew(tmp_path, replaced):
    path = tmp_path / "smpl_data.npz"
    _write_sequences(path, 60)
    assert read_surreal(path, "059_01").pose[0, 0] == np.float32(0.1)
    stamp = path.stat().st_mtime_ns
    target = tmp_path / "new.npz" if replaced else path
    _write_sequences(target, 60, last=0.2)
    os.utime(target, ns=(stamp + 1_000_000_000, stamp + 1_000_000_000))
    if replaced:
        os.replace(target, path)
    assert read_surreal(path, "059_01").pose[0, 0] == np.float32(0.2)
    _write_sequences(path, 90)
    assert len(list_surreal(path)) == 90
