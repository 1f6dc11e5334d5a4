"""Numbers in text, compiled: the bulk of Acclaim and BVH files.

Both functions read only what is plainly well formed and give None for everything else, so that the
readers' own, slower passage decides what is meant or says what is wrong. A decimal number of up to 15
digits with a small exponent is an integer times or over an exact power of ten: one rounding, the same
double as Python's ``float``. The few others are left to ``float`` itself.
"""

from __future__ import annotations

import numba
import numpy as np

_MOST_MANTISSA = 1 << 53
_POWERS = 10.0 ** np.arange(23)  # exact in double precision
_HARD = 4096  # numbers left to Python


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
    rows, left = _named_rows(data, joined, ends, counts, flat, most, out, _POWERS, hard)
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _number(text, at, powers):
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _blanks(text, at):
    while at < np.uint64(len(text)) and (text[at] == 32 or text[at] == 9):
        at += np.uint64(1)
    return at


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _line_end(text, at):
    """The beginning of the next line and whether this one is at its end."""
    at, size = _blanks(text, at), np.uint64(len(text))
    if at < size and text[at] == 13:
        at += np.uint64(1)
    if at >= size:
        return size, True
    return at + np.uint64(1), text[at] == 10


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _named_rows(text, joined, ends, counts, columns, most, out, powers, hard):
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
            if at + np.uint64(ends[bone] - start) > size:
                return 0, 0
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
