"""Pickles that would run code, given as body files."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mocap.bodies.smpl_files import read_smpl_arrays
from mocap.errors import BadInput
from tests.mocap.readers.test_mutations import Trap


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_body_file_can_run_code(tmp_path, protocol):
    mark = tmp_path / "trapped"
    for number, content in enumerate(
        (Trap(mark), {"v_template": Trap(mark)}, {"f": np.array([Trap(mark)], dtype=object)})
    ):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(BadInput, match=f"{number}.pkl"):
            read_smpl_arrays(path)
    np.savez(tmp_path / "body.npz", v_template=np.array([Trap(mark)], dtype=object))
    with pytest.raises(BadInput, match=r"body\.npz"):
        read_smpl_arrays(tmp_path / "body.npz")
    for call in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ):
        (tmp_path / "raw.pkl").write_bytes(call)
        with pytest.raises(BadInput, match=r"raw\.pkl"):
            read_smpl_arrays(tmp_path / "raw.pkl")
    assert not mark.exists()
