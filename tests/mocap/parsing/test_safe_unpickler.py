"""Pickles that announce, repeat or nest more than they hold."""

from __future__ import annotations

import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from mocap.parsing.safe_unpickler import dense_array, unpickle_safely

GIGABYTES = 8 << 30
LONG_TEXT = b"\x80\x02X" + struct.pack("<I", 1 << 18) + b"a" * (1 << 18) + b"q\x00"
ENCODE = b"c_codecs\nencode\nq\x01"


def _announcing(opcode: bytes, form: str, count: int) -> bytes:
    return b"\x80\x05" + opcode + struct.pack(form, count) + b"abc."


ANNOUNCING = {
    "BYTEARRAY8": _announcing(pickle.BYTEARRAY8, "<Q", GIGABYTES),
    "BINBYTES8": _announcing(pickle.BINBYTES8, "<Q", GIGABYTES),
    "BINUNICODE8": _announcing(pickle.BINUNICODE8, "<Q", GIGABYTES),
    "FRAME": _announcing(pickle.FRAME, "<Q", GIGABYTES),
    "BINBYTES": _announcing(pickle.BINBYTES, "<I", 2**32 - 1),
    "BINUNICODE": _announcing(pickle.BINUNICODE, "<I", 2**32 - 1),
    "BINSTRING": _announcing(pickle.BINSTRING, "<i", 2**31 - 1),
    "LONG4": _announcing(pickle.LONG4, "<i", 2**31 - 1),
    "LONG1": _announcing(pickle.LONG1, "<B", 255),
    "SHORT_BINBYTES": _announcing(pickle.SHORT_BINBYTES, "<B", 255),
    "BYTEARRAY8 in a frame": b"\x80\x05\x95"
    + struct.pack("<Q", 13)
    + pickle.BYTEARRAY8
    + struct.pack("<Q", GIGABYTES)
    + b"abc.",
    "LONG_BINPUT": b"\x80\x02}r\xff\xff\xff\xff.garbage",
}
REPEATING = {
    "texts encoded": LONG_TEXT + ENCODE + b"h\x01h\x00\x85R" * 20_000 + b".",
    "classes": b"\x80\x02"
    + b"".join(b"cchumpy.x%d\nCh\n" % number for number in range(50_000))
    + b".",
    "equal hashes": b"\x80\x02}("
    + b"".join(
        b"\x8a\x0c" + (number * (2**61 - 1)).to_bytes(12, "little") + b"N"
        for number in range(100_000)
    )
    + b"u.",
}


def _measured(data: bytes) -> int:
    """Bytes allocated at the peak while a pickle is refused, or read."""
    tracemalloc.start()
    try:
        unpickle_safely(data)
    except (ValueError, IndexError, TypeError, KeyError, EOFError):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", ANNOUNCING)
def test_what_is_announced_and_not_there_is_never_allocated(name):
    assert _measured(ANNOUNCING[name]) < 1 << 18
    if name != "LONG_BINPUT":  # which announces nothing: a note's number
        with pytest.raises(ValueError, match=r"announced where|exhausted before end of frame"):
            unpickle_safely(ANNOUNCING[name])


def test_the_pickle_of_the_report_is_refused(shared_data):
    data = (shared_data / "faults" / "pickles" / "bytearray8.pkl").read_bytes()
    assert len(data) < 100 and _measured(data) < 1 << 18
    with pytest.raises(ValueError, match="announced where 4 remain"):
        unpickle_safely(data)


@pytest.mark.parametrize("name", REPEATING)
def test_a_small_pickle_that_repeats_itself_is_refused(name):
    data = REPEATING[name]
    with pytest.raises(ValueError, match=r"4 times the file|names of classes|keys are not plain"):
        unpickle_safely(data)
    assert _measured(data) < 16 * len(data)


def test_nesting_as_deep_as_the_file_is_long_ends():
    for lead, opcode in ((b"\x80\x04N", b"\x85"), (b"\x80\x04", b"("), (b"\x80\x04]", b"]a")):
        data = lead + opcode * 300_000 + b"."
        try:
            value = unpickle_safely(data)
        except (IndexError, ValueError, AttributeError):
            continue
        with pytest.raises(ValueError, match="not an array"):
            dense_array(value, "v_template")


def test_a_sparse_matrix_is_made_dense_within_a_limit():
    from scipy.sparse import csc_matrix

    small = unpickle_safely(pickle.dumps(csc_matrix(np.eye(5)), 2))
    np.testing.assert_array_equal(dense_array(small, "J_regressor"), np.eye(5))
    wide = unpickle_safely(pickle.dumps(csc_matrix(([1.0], ([0], [0])), shape=(3000, 3000)), 2))
    with pytest.raises(ValueError, match="more than 4,000,000 entries"):
        dense_array(wide, "J_regressor")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_sound_pickles_of_every_protocol_are_read(protocol):
    sound = {"poses": np.arange(12.0).reshape(4, 3), "raw": bytearray(b"abc"), "fps": 60, "t": "ü"}
    read = unpickle_safely(pickle.dumps(sound, protocol))
    np.testing.assert_array_equal(dense_array(read["poses"], "poses"), sound["poses"])
    assert read["fps"] == 60 and read["t"] == "ü"
    if protocol == 5:
        assert read["raw"] == bytearray(b"abc")
