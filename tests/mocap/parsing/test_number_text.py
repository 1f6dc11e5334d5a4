"""Compiled reading of numbers: the same doubles as Python's, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.parsing.number_text import read_named_rows, read_numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
forms = st.sampled_from(["{!r}", "{:g}", "{:.3f}", "{:.17g}", "{:+.6e}", "{:.0f}", "{:.9G}"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(finite, forms), min_size=1, max_size=20), st.sampled_from(" \t\n"))
def test_written_numbers_come_back_as_pythons_float(numbers, between):
    words = [form.format(value) for value, form in numbers]
    text = between.join(words).encode()
    np.testing.assert_array_equal(read_numbers(text, len(words)), [float(word) for word in words])


WORDS = (".", "-", "+", "e5", "1e", "1e+", "--1", "1.2.3", "nan", "inf", "0x1", "1_0", "1,5", "1d3")


@pytest.mark.parametrize("word", [*WORDS, "1e999", "9" * 400, "\x00", "1\x0b2"])
@pytest.mark.parametrize("more", [0, 30])  # near the end of a text words are read byte by byte
def test_words_that_are_no_finite_numbers_are_left_to_the_reader(word, more):
    assert read_numbers(f"1 {word} 3{' 4' * more}".encode(), 3 + more) is None


short = st.from_regex(r"[-+]?[0-9]{0,9}(\.[0-9]{0,9})?", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(short.filter(lambda word: any(c.isdigit() for c in word)), min_size=1))
def test_numbers_of_few_digits_are_pythons_float_wherever_they_stand(words):
    padded = [*words, *["0.5"] * 8]
    for text in (words, padded):
        expected = [float(word) for word in text]
        seen = read_numbers(" ".join(text).encode(), len(text))
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(np.signbit(seen), np.signbit(expected))


def test_too_few_and_too_many_words_are_left_to_the_reader():
    assert read_numbers(b"1 2 3", 2) is None
    assert read_numbers(b"1 2 3", 4) is None
    assert read_numbers(b"", 1) is None
    assert read_numbers(b"1 2 3", 10**12) is None
    np.testing.assert_array_equal(read_numbers(b"\r\n 1.  .5 -0\n\n", 3), [1.0, 0.5, -0.0])


ROWS = b"7\nroot 1 2.5 -3e2\r\nhead 4\n 8 \nroot 5 6 7\nhead\t8  \n"


def test_rows_are_read_into_their_columns_whatever_the_blanks():
    rows = read_named_rows(ROWS, [b"root", b"head"], [[1, 2, 3], [0]], 1e6)
    np.testing.assert_array_equal(rows, [[4, 1, 2.5, -300], [8, 5, 6, 7]])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" 8 \n", b"9\n"),  # frames that do not follow each other
        (b"head 4", b"heads 4"),
        (b"head 4", b"hea 4"),
        (b"head 4", b"head4"),
        (b"head 4", b"head 4 5"),
        (b"head 4\n", b""),
        (b"2.5", b"nan"),
        (b"2.5", b"1e7"),
        (b"2.5", b"1" * 30),
        (b"head 4", b"# head 4"),
        (b"head\t8  \n", b"hea"),
        (b"head\t8  \n", b"head"),
        (b"head\t8  \n", b""),
    ],
)
@pytest.mark.parametrize("more", [b"", b"9\nroot 1 2 3\nhead 4\n"])
def test_other_rows_are_left_to_the_reader(old, new, more):
    assert ROWS.count(old) == 1
    text = ROWS.replace(old, new) + more
    assert read_named_rows(text, [b"root", b"head"], [[1, 2, 3], [0]], 1e6) is None


def test_names_of_any_length_are_compared_whole():
    names = [b"a", b"eightlet", b"ninelette", b"upperbackside"]
    row = b" 1.5\n".join(names) + b" 1.5\n"
    text = b"".join(b"%d\n" % number + row for number in range(1, 4))
    columns = [[k] for k in range(4)]
    np.testing.assert_array_equal(read_named_rows(text, names, columns, 9.0), np.full((3, 4), 1.5))
    for k, name in enumerate(names):
        for at in range(len(name)):
            others = [*names]
            others[k] = name[:at] + b"X" + name[at + 1 :]
            assert read_named_rows(text, others, columns, 9.0) is None


def test_every_cut_of_the_text_is_left_to_the_reader_or_holds_whole_rows():
    for stop in range(len(ROWS)):
        rows = read_named_rows(ROWS[:stop], [b"root", b"head"], [[1, 2, 3], [0]], 1e6)
        assert rows is None or (rows[:, 0].tolist() in ([4.0], [4.0, 8.0]))
