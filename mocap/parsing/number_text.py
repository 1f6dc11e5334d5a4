"""Numbers in text, compiled: the bulk of Acclaim and BVH files.

Both functions read only what is plainly well formed and give None for everything else, so that the
readers' own, slower passage decides what is meant or says what is wrong. A decimal number of up to 15
digits with a small exponent is an integer times or over an exact power of ten: one rounding, the same
double as Python's ``float``. The few others are left to ``float`` itself.

Most numbers have few digits on either side of a point. Those are read eight bytes at a time, as one
64-bit word: how many of its bytes are digits, and their value, are a few operations on the whole word.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_MOST_MANTISSA = 1 << 53
_POWERS = 10.0 ** np.arange(23)  # exact in double precision
_HARD = 4096  # numbers left to Python
_COMPILED = {"cache": True, "nogil": True, "error_model": "numpy"}
_WITHIN = _COMPILED | {"forceinline": True}
_ZEROS, _HIGH_BITS, _UP_FROM_TEN = (
    np.uint64(0x0101010101010101 * byte) for byte in (0x30, 0x80, 0x76)
)
_PAIRS = np.uint64(0x000000FF000000FF)
_HUNDREDS = np.uint64(100 + (1_000_000 << 32))
_ONES = np.uint64(1 + (10_000 << 32))


def read_numbers(text: bytes, count: int) -> np.ndarray | None:
    """``count`` (at most len(text)) finite numbers between blanks and line ends, float64; or None."""
    if not 0 < count <= len(text):
        return None
    out, hard = np.empty(count), np.empty((_HARD, 3), np.int64)
    left = _numbers(np.frombuffer(text, np.uint8), out, _POWERS, hard)
    return out if left >= 0 and _finished(text, out, hard[:left]) else None


def read_named_rows(
    text: bytes | memoryview, names: list[bytes], columns: list[list[int]], most: float
) -> np.ndarray | None:
    """Frames of an .amc file (T, C) float64, or None.

    ``text`` is a frame number alone in its line, then a line of each name with a number for each of the
    name's ``columns`` (which together are 0 to C - 1), and so on; frames are numbered one by one. Lines
    end as in Unix or Windows. None also where a number is beyond ``most``.
    """
    counts = np.array([len(own) for own in columns])
    width = int(counts.sum())
    least = 2 + sum(len(name) + 1 + 2 * len(own) for name, own in zip(names, columns))
    if not width:
        return None
    out, hard = np.empty((len(text) // least + 1, width)), np.empty((_HARD, 3), np.int64)
    flat = np.array([column for own in columns for column in own])
    joined = np.frombuffer(b"".join(names), np.uint8)
    ends = np.cumsum([len(name) for name in names])
    data = np.frombuffer(text, np.uint8)
    # The first eight bytes of each name as a word, and which of them count.
    heads = np.frombuffer(b"".join(name[:8].ljust(8, b"\0") for name in names), "<u8")
    masks = np.array([(1 << 8 * min(len(name), 8)) - 1 for name in names], np.uint64)
    rows, left = _named_rows(
        data, joined, heads, masks, ends, counts, flat, most, out, _POWERS, hard
    )
    if rows <= 0 or not _finished(text, out.reshape(-1), hard[:left], most):
        return None
    return out[:rows]


def _finished(
    text: bytes | memoryview, out: np.ndarray, hard: np.ndarray, most: float = np.inf
) -> bool:
    """Put the hard numbers, rows (place in ``out``, start, stop), in their places; false for none."""
    for place, start, stop in hard.tolist():
        word = bytes(text[start:stop])
        try:
            out[place] = float(word)
        except ValueError:
            return False
        if b"_" in word or not abs(out[place]) <= most or np.isinf(out[place]):
            return False
    return True


@intrinsic
def _trailing_zeros(context, word):
    """How many bits of a word, not 0, are 0 below its lowest that is 1."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@numba.njit(**_WITHIN)
def _word(text, at):
    """Eight bytes, the first lowest. The compiler makes one load of it."""
    one = np.uint64(1)
    word = np.uint64(text[at])
    for k in range(1, 8):
        at += one
        word |= np.uint64(text[at]) << np.uint64(8 * k)
    return word


@numba.njit(**_WITHIN)
def _digits(word):
    """How many bytes of a word, from its lowest, are digits (8: all), and the number that they make."""
    values = word ^ _ZEROS  # digits become 0 to 9
    others = ((values + _UP_FROM_TEN) | values) & _HIGH_BITS
    if others == np.uint64(0):
        return np.uint64(8), 0.0
    count = _trailing_zeros(others) >> np.uint64(3)
    # Digits at the top, zeros before them; then pairs, and pairs of pairs, are summed in place.
    values = (values << np.uint64(8)) << (np.uint64(56) - np.uint64(8) * count)
    values = values * np.uint64(10) + (values >> np.uint64(8))
    first, second = values & _PAIRS, (values >> np.uint64(16)) & _PAIRS
    return count, np.float64((first * _HUNDREDS + second * _ONES) >> np.uint64(32))


@numba.njit(**_WITHIN)
def _number(text, at, powers):
    """The number that begins at ``at``, whether it is exact, and where it ends: at ``at`` if it is none.

    A word that is no plain number, or none that one rounding makes, is not exact.
    """
    size, one = np.uint64(len(text)), np.uint64(1)
    if at + np.uint64(18) <= size:
        negative = text[at] == 45
        stop = at + np.uint64(negative)
        places, value = _digits(_word(text, stop))
        stop += places
        decimals, part = np.uint64(0), 0.0
        if places < np.uint64(8) and text[stop] == 46:
            decimals, part = _digits(_word(text, stop + one))
            stop += one + decimals
        if (
            places < np.uint64(8)
            and decimals < np.uint64(8)
            and places + decimals > np.uint64(0)
            and text[stop] <= 32
        ):
            value = (value * powers[decimals] + part) / powers[decimals]
            return (-value if negative else value), True, stop
    return _any_number(text, at, powers)


@numba.njit(**_COMPILED)
def _any_number(text, at, powers):
    """The number that begins at ``at``, whether it is exact, and where it ends: at ``at`` if it is none.

    A word that is no plain number, or none that one rounding makes, is not exact.
    """
    size, begun = np.uint64(len(text)), at
    one = np.uint64(1)
    negative = False
    if at < size and (text[at] == 45 or text[at] == 43):
        negative = text[at] == 45
        at += one
    mantissa, exponent, digits = np.uint64(0), 0, 0
    while at < size:
        digit = np.uint8(text[at] - 48)
        if digit > 9:
            break
        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        digits += 1
        at += one
    if at < size and text[at] == 46:
        at += one
        whole = digits
        while at < size:
            digit = np.uint8(text[at] - 48)
            if digit > 9:
                break
            mantissa = mantissa * np.uint64(10) + np.uint64(digit)
            digits += 1
            at += one
        exponent = whole - digits
    # 19 digits do not overflow; leading zeros are counted, which only makes a number hard
    exact = 0 < digits <= 19 and mantissa <= _MOST_MANTISSA
    if at < size and (text[at] == 101 or text[at] == 69):
        at += one
        less = False
        if at < size and (text[at] == 45 or text[at] == 43):
            less = text[at] == 45
            at += one
        power, count = 0, 0
        while at < size:
            digit = np.uint8(text[at] - 48)
            if digit > 9 or count == 4:
                break
            power = power * 10 + np.int64(digit)
            count += 1
            at += one
        exact = exact and count > 0
        exponent += -power if less else power
    value = np.float64(mantissa)
    if exponent < 0:
        exact = exact and exponent >= -22
        value = value / powers[-exponent] if exact else 0.0
    elif exponent > 0:
        exact = exact and exponent <= 22
        value = value * powers[exponent] if exact else 0.0
    while at < size and text[at] > 32:  # the rest of a word that is no number
        exact = False
        at += one
    exact = exact and at > begun
    return (-value if negative else value), exact, at


@numba.njit(**_COMPILED)
def _numbers(text, out, powers, hard):
    """Fills ``out``; how many are hard, or -1 where there are not just so many words."""
    at, size, left = np.uint64(0), np.uint64(len(text)), 0
    for i in range(len(out)):
        while at < size and (text[at] == 32 or text[at] == 9 or text[at] == 13 or text[at] == 10):
            at += np.uint64(1)
        begun = at
        out[i], exact, at = _number(text, at, powers)
        if at == begun:
            return -1
        if not exact:
            if left == len(hard):
                return -1
            hard[left, 0], hard[left, 1], hard[left, 2] = i, np.int64(begun), np.int64(at)
            left += 1
    while at < size and (text[at] == 32 or text[at] == 9 or text[at] == 13 or text[at] == 10):
        at += np.uint64(1)
    return left if at == size else -1


@numba.njit(**_COMPILED)
def _blanks(text, at):
    while at < np.uint64(len(text)) and (text[at] == 32 or text[at] == 9):
        at += np.uint64(1)
    return at


@numba.njit(**_COMPILED)
def _line_end(text, at):
    """The beginning of the next line and whether this one is at its end."""
    at, size = _blanks(text, at), np.uint64(len(text))
    if at < size and text[at] == 13:
        at += np.uint64(1)
    if at >= size:
        return size, True
    return at + np.uint64(1), text[at] == 10


@numba.njit(**_COMPILED)
def _named_rows(text, joined, heads, masks, ends, counts, columns, most, out, powers, hard):
    """Rows read into ``out`` and how many numbers are hard; 0 rows for anything but such rows."""
    at, size, one = np.uint64(0), np.uint64(len(text)), np.uint64(1)
    row, left, expected, width = 0, 0, -1, out.shape[1]
    while at < size:
        if row == len(out):
            return 0, 0
        label, digits = 0, 0
        at = _blanks(text, at)
        while at < size and digits < 12:
            digit = np.uint8(text[at] - 48)
            if digit > 9:
                break
            label = label * 10 + np.int64(digit)
            digits += 1
            at += one
        if digits == 0 or (row > 0 and label != expected):
            return 0, 0
        expected = label + 1
        at, whole = _line_end(text, at)
        if not whole:
            return 0, 0
        column, start = 0, 0
        for bone in range(len(ends)):
            at = _blanks(text, at)
            length = np.uint64(ends[bone] - start)
            if at + length > size:
                return 0, 0
            if length <= np.uint64(8) and at + np.uint64(8) <= size:
                if (_word(text, at) ^ heads[bone]) & masks[bone] != np.uint64(0):
                    return 0, 0
                at += length
            else:
                for k in range(start, ends[bone]):
                    if text[at] != joined[k]:
                        return 0, 0
                    at += one
            start = ends[bone]
            for _ in range(counts[bone]):
                begun = _blanks(text, at)
                if begun == at:
                    return 0, 0
                value, exact, at = _number(text, begun, powers)
                if at == begun or not abs(value) <= most:
                    return 0, 0
                place = columns[column]
                out[row, place] = value
                column += 1
                if not exact:
                    if left == len(hard):
                        return 0, 0
                    hard[left, 0] = row * width + place
                    hard[left, 1], hard[left, 2] = np.int64(begun), np.int64(at)
                    left += 1
            at, whole = _line_end(text, at)
            if not whole:
                return 0, 0
        row += 1
    return row, left
