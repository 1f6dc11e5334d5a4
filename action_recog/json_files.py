"""JSON and JSON Lines that nobody vouches for, read into dataclasses by msgspec.

This package stands alone, so it has its own small gate: UTF-8 (a byte order mark may stand before it),
bounded files and lines, types and ranges as the dataclass says, finite numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from action_recog.errors import BadInput

Value = TypeVar("Value")

MAX_LINE_BYTES = 1_000_000
"""Largest line of a JSON Lines file."""

MAX_FILE_BYTES = 64_000_000
"""Largest JSON file; also of a text file that is read as a whole."""

RelativePath = Annotated[
    str,
    Meta(
        pattern=r"\A(?!/)(?:(?!\.\.?(?:/|\Z))[^/\x00-\x1f\x7f]{1,200}(?:/(?!\Z)|\Z))+\Z",
        min_length=1,
        max_length=1000,
        description="a relative path without '..'",
    ),
]
"""A path below a folder: `path_inside` joins it to one."""

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A digest in hexadecimal."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_REASON = 300


def decode_json(text: bytes, kind: type[Value]) -> Value:
    """The value of a JSON text; fields that the dataclass does not have are passed over.

    Args:
        text: UTF-8.
        kind: A dataclass, or any other type of msgspec's.

    Raises:
        BadInput: Text that is no JSON or not of that kind; the message names no file.
    """
    try:
        return cast(Value, _decoder(cast(Any, kind)).decode(text.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start} is no UTF-8; expected text in UTF-8") from None
    except RecursionError:
        raise BadInput("lists in lists without end; expected a JSON object") from None
    except msgspec.MsgspecError as error:
        reason = str(error).replace("\n", " ")
        reason = reason if len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "..."
        raise BadInput(reason) from None


def read_json(path: Path, kind: type[Value], *, advice: str) -> Value:
    """The value of a JSON file; `advice` says what to do about a bad one.

    Raises:
        BadInput: A file that is missing, too large, no JSON or not of that kind.
    """
    text = read_bounded_file(path, advice=advice)
    try:
        return decode_json(text, kind)
    except BadInput as error:
        raise BadInput(f"{path}: {error}; {advice}") from None


def read_json_lines(path: Path, *, advice: str) -> Iterator[tuple[int, bytes]]:
    """Number and text of every line of a JSON Lines file that is not blank, read line by line.

    Raises:
        BadInput: A file that is missing, and a line that is too long.
    """
    _require_file(path, advice)
    number = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 2):
            number += 1
            if len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES:
                raise BadInput(
                    f"{path}, line {number}: longer than {MAX_LINE_BYTES:,} bytes, the most of a "
                    f"line; {advice}"
                )
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line.strip():
                yield number, line.strip()


def read_bounded_file(path: Path, *, advice: str) -> bytes:
    """The bytes of a file of at most `MAX_FILE_BYTES`, without a byte order mark.

    Raises:
        BadInput: A file that is missing or larger; `advice` says what to do about it.
    """
    _require_file(path, advice)
    with path.open("rb") as file:
        text = file.read(MAX_FILE_BYTES + 1)
    if len(text) > MAX_FILE_BYTES:
        raise BadInput(
            f"{path}: {path.stat().st_size:,} bytes, expected at most {MAX_FILE_BYTES:,}; {advice}"
        )
    return text.removeprefix(_BYTE_ORDER_MARK)


def path_inside(folder: Path, relative: str) -> Path:
    """The path `relative` below a folder, which it does not leave, not by way of links either.

    Raises:
        BadInput: A path that leads out of the folder.
    """
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(
            f"{path}: leads to {path.resolve()}, out of the folder; expected a path that stays in it"
        )
    return path


def _require_file(path: Path, advice: str) -> None:
    if not path.is_file():
        raise BadInput(f"{path}: no such file; {advice}")


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
