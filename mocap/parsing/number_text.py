"""Numbers in text, compiled: the bulk of Acclaim and BVH files.

Both functions read only what is plainly well formed and give None for everything else, so that the
readers' own, slower passage decides what is meant or says what is wrong. A decimal number of up to 15
digits with a small exponent is an integer times or over an exact power of ten: one rounding, the same
double as Python's `float`. The few others are left to `float` itself.

Most numbers have few digits on either side of a point. Those are read eight bytes at a time, as one
64-bit word: how many of its bytes are digits, and their value, are a few operations on the whole word.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has no types
from numba.core import types
from numba.extending import intrinsic

_LARGEST_MANTISSA = 1 << 53
_POWERS = 10.0 ** np.arange(23)  # exact in double precision
_HARD = 4096  # numbers left to Python
_COMPILED = {"cache": True, "nogil": True, "error_model": "numpy"}
_INLINED = _COMPILED | {"forceinline": True}
_ZEROS, _HIGH_BITS, _CARRY_FROM_TEN = (
    np.uint64(0x0101010101010101 * byte) for byte in (0x30, 0x80, 0x76)
)
_PAIRS = np.uint64(0x000000FF000000FF)
_HUNDREDS = np.uint64(100 + (1_000_000 << 32))
_ONES = np.uint64(1 + (10_000 << 32))


def read_numbers(text: bytes, count: int) -> np.ndarray | None:
    """The numbers of a text that holds nothing else than numbers, blanks and line ends.

    Args:
        text: ASCII.
        count: How many numbers it is to hold, at most its length.

    Returns:
        (count,) float64, all finite; None where the text is anything else.
    """
    if not 0 < count <= len(text):
        return None
    out, hard = np.empty(count), np.empty((_HARD, 3), np.int64)
    left = _numbers(np.frombuffer(text, np.uint8), out, _POWERS, hard)
    return out if left >= 0 and _finished(text, out, hard[:left]) else None


def read_named_rows(
    text: bytes | memoryview, names: list[bytes], columns: list[list[int]], limit: float
) -> np.ndarray | None:
    """The frames of a regular .amc file.

    Args:
        text: A frame number alone in its line, then a line of each name with a number for each of
            the name's columns, and so on; frames are numbered one by one. Lines end as in Unix or
            Windows.
        names: Of the bones, in the order of their lines.
        columns: For each name the columns of its numbers, which together are 0 to C - 1.
        limit: The largest absolute value that is accepted.

    Returns:
        (T, C) float64, or None where the text is anything else.
    """
    counts = np.array([len(name_columns) for name_columns in columns])
    width = int(counts.sum())
    min_length = 2 + sum(
        len(name) + 1 + 2 * len(name_columns) for name, name_columns in zip(names, columns)
    )
    if not width:
        return None
    out, hard = np.empty((len(text) // min_length + 1, width)), np.empty((_HARD, 3), np.int64)
    flat = np.array([column for name_columns in columns for column in name_columns])
    joined = np.frombuffer(b"".join(names), np.uint8)
    ends = np.cumsum([len(name) for name in names])
    data = np.frombuffer(text, np.uint8)
    # The first eight bytes of each name as a word, and which of them count.
    heads = np.frombuffer(b"".join(name[:8].ljust(8, b"\0") for name in names), "<u8")
    masks = np.array([(1 << 8 * min(len(name), 8)) - 1 for name in names], np.uint64)
    rows, left = _named_rows(
        data, joined, heads, masks, ends, counts, flat, limit, out, _POWERS, hard
    )
    if rows <= 0 or not _finished(text, out.reshape(-1), hard[:left], limit):
        return None
    return out[:rows]


def _finished(
    text: bytes | memoryview, out: np.ndarray, hard: np.ndarray, limit: float = np.inf
) -> bool:
    """Put the hard numbers, rows (index in `out`, start, stop), into `out`; false where one is none."""
    for index, start, stop in hard.tolist():
        word = bytes(text[start:stop])
        try:
            out[index] = float(word)
        except ValueError:
            return False
        if b"_" in word or not abs(out[index]) <= limit or np.isinf(out[index]):
            return False
    return True


@intrinsic
def _trailing_zeros(context, word):
    """How many bits of a word, not 0, are 0 below its lowest that is 1."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@numba.njit(**_INLINED)
def _word(text, position):
    """Eight bytes, the first lowest. The compiler makes one load of it."""
    one = np.uint64(1)
    word = np.uint64(text[position])
    for k in range(1, 8):
        position += one
        word |= np.uint64(text[position]) << np.uint64(8 * k)
    return word


@numba.njit(**_INLINED)
def _digits(word):
    """How many bytes of a word, from its lowest, are digits (8: all), and the number that they make."""
    values = word ^ _ZEROS  # digits become 0 to 9
    non_digits = ((values + _CARRY_FROM_TEN) | values) & _HIGH_BITS
    if non_digits == np.uint64(0):
        return np.uint64(8), 0.0
    count = _trailing_zeros(non_digits) >> np.uint64(3)
    # Digits at the top, zeros before them; then pairs, and pairs of pairs, are summed in place.
    values = (values << np.uint64(8)) << (np.uint64(56) - np.uint64(8) * count)
    values = values * np.uint64(10) + (values >> np.uint64(8))
    first, second = values & _PAIRS, (values >> np.uint64(16)) & _PAIRS
    return count, np.float64((first * _HUNDREDS + second * _ONES) >> np.uint64(32))


@numba.njit(**_INLINED)
def _number(text, position, powers):
    """A number from `position` on, whether it is exact, and where it ends: there if it is none.

    A word that is no plain number, or none that one rounding makes, is not exact.
    """
    size, one = np.uint64(len(text)), np.uint64(1)
    if position + np.uint64(18) <= size:
        negative = text[position] == 45
        stop = position + np.uint64(negative)
        wholes, value = _digits(_word(text, stop))
        stop += wholes
        decimals, fraction = np.uint64(0), 0.0
        if wholes < np.uint64(8) and text[stop] == 46:
            decimals, fraction = _digits(_word(text, stop + one))
            stop += one + decimals
        if (
            wholes < np.uint64(8)
            and decimals < np.uint64(8)
            and wholes + decimals > np.uint64(0)
            and text[stop] <= 32
        ):
            value = (value * powers[decimals] + fraction) / powers[decimals]
            return (-value if negative else value), True, stop
    return _any_number(text, position, powers)


@numba.njit(**_COMPILED)
def _any_number(text, position, powers):
    """A number from `position` on, whether it is exact, and where it ends: there if it is none.

    A word that is no plain number, or none that one rounding makes, is not exact.
    """
    size, begun = np.uint64(len(text)), position
    one = np.uint64(1)
    negative = False
    if position < size and (text[position] == 45 or text[position] == 43):
        negative = text[position] == 45
        position += one
    mantissa, exponent, digits = np.uint64(0), 0, 0
    while position < size:
        digit = np.uint8(text[position] - 48)
        if digit > 9:
            break
        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        digits += 1
        position += one
    if position < size and text[position] == 46:
        position += one
        whole = digits
        while position < size:
            digit = np.uint8(text[position] - 48)
            if digit > 9:
                break
            mantissa = mantissa * np.uint64(10) + np.uint64(digit)
            digits += 1
            position += one
        exponent = whole - digits
    # 19 digits do not overflow; leading zeros are counted, which only makes a number hard
    exact = 0 < digits <= 19 and mantissa <= _LARGEST_MANTISSA
    if position < size and (text[position] == 101 or text[position] == 69):
        position += one
        negative_power = False
        if position < size and (text[position] == 45 or text[position] == 43):
            negative_power = text[position] == 45
            position += one
        power, count = 0, 0
        while position < size:
            digit = np.uint8(text[position] - 48)
            if digit > 9 or count == 4:
                break
            power = power * 10 + np.int64(digit)
            count += 1
            position += one
        exact = exact and count > 0
        exponent += -power if negative_power else power
    value = np.float64(mantissa)
    if exponent < 0:
        exact = exact and exponent >= -22
        value = value / powers[-exponent] if exact else 0.0
    elif exponent > 0:
        exact = exact and exponent <= 22
        value = value * powers[exponent] if exact else 0.0
    while position < size and text[position] > 32:  # the rest of a word that is no number
        exact = False
        position += one
    exact = exact and position > begun
    return (-value if negative else value), exact, position


@numba.njit(**_COMPILED)
def _numbers(text, out, powers, hard):
    """Fills `out`; how many are hard, or -1 where there are not just so many words."""
    position, size, left = np.uint64(0), np.uint64(len(text)), 0
    for i in range(len(out)):
        while position < size and (
            text[position] == 32
            or text[position] == 9
            or text[position] == 13
            or text[position] == 10
        ):
            position += np.uint64(1)
        begun = position
        out[i], exact, position = _number(text, position, powers)
        if position == begun:
            return -1
        if not exact:
            if left == len(hard):
                return -1
            hard[left, 0], hard[left, 1], hard[left, 2] = i, np.int64(begun), np.int64(position)
            left += 1
    while position < size and (
        text[position] == 32 or text[position] == 9 or text[position] == 13 or text[position] == 10
    ):
        position += np.uint64(1)
    return left if position == size else -1


@numba.njit(**_COMPILED)
def _blanks(text, position):
    while position < np.uint64(len(text)) and (text[position] == 32 or text[position] == 9):
        position += np.uint64(1)
    return position


@numba.njit(**_COMPILED)
def _line_end(text, position):
    """The beginning of the next line and whether this one is at its end."""
    position, size = _blanks(text, position), np.uint64(len(text))
    if position < size and text[position] == 13:
        position += np.uint64(1)
    if position >= size:
        return size, True
    return position + np.uint64(1), text[position] == 10


@numba.njit(**_COMPILED)
def _named_rows(text, joined, heads, masks, ends, counts, columns, limit, out, powers, hard):
    """Rows read into `out` and how many numbers are hard; 0 rows for anything but such rows."""
    position, size, one = np.uint64(0), np.uint64(len(text)), np.uint64(1)
    row, left, expected, width = 0, 0, -1, out.shape[1]
    while position < size:
        if row == len(out):
            return 0, 0
        label, digits = 0, 0
        position = _blanks(text, position)
        while position < size and digits < 12:
            digit = np.uint8(text[position] - 48)
            if digit > 9:
                break
            label = label * 10 + np.int64(digit)
            digits += 1
            position += one
        if digits == 0 or (row > 0 and label != expected):
            return 0, 0
        expected = label + 1
        position, whole = _line_end(text, position)
        if not whole:
            return 0, 0
        column, start = 0, 0
        for bone in range(len(ends)):
            position = _blanks(text, position)
            length = np.uint64(ends[bone] - start)
            if position + length > size:
                return 0, 0
            if length <= np.uint64(8) and position + np.uint64(8) <= size:
                if (_word(text, position) ^ heads[bone]) & masks[bone] != np.uint64(0):
                    return 0, 0
                position += length
            else:
                for k in range(start, ends[bone]):
                    if text[position] != joined[k]:
                        return 0, 0
                    position += one
            start = ends[bone]
            for _ in range(counts[bone]):
                begun = _blanks(text, position)
                if begun == position:
                    return 0, 0
                value, exact, position = _number(text, begun, powers)
                if position == begun or not abs(value) <= limit:
                    return 0, 0
                target = columns[column]
                out[row, target] = value
                column += 1
                if not exact:
                    if left == len(hard):
                        return 0, 0
                    hard[left, 0] = row * width + target
                    hard[left, 1], hard[left, 2] = np.int64(begun), np.int64(position)
                    left += 1
            position, whole = _line_end(text, position)
            if not whole:
                return 0, 0
        row += 1
    return row, left
