"""JSON and JSON Lines that nobody vouches for, read into dataclasses by msgspec.

A dataclass says what its fields must be: types, ranges (`Annotated[int, Meta(ge=1)]`), texts of a set
(`Annotated[str, choice(...)]`), paths (`RelativePath`). What does not fit is refused with the field,
what was found and what was expected. Numbers are finite, text is UTF-8 (a byte order mark may stand
before it), and files and lines have a largest size.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Generic, TypeVar, cast

import msgspec
from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.settings import nearest_fields

Value = TypeVar("Value")

MAX_LINE_BYTES = 1_000_000
"""Largest line of a JSON Lines file: a thousand times a plan's."""

MAX_FILE_BYTES = 64_000_000
"""Largest JSON or TOML file, which is read as a whole."""

MAX_LINES_FILE_BYTES = 8_000_000_000
"""Largest JSON Lines file, which is read line by line."""

RelativePath = Annotated[
    str,
    Meta(
        pattern=r"(?#a relative path without '..', its names of at most 200 ASCII or 55 other characters)"
        r"\A(?!/)(?:(?!\.\.?(?:/|\Z))(?:[\x20-\x2e\x30-\x7e]{1,200}|[^/\x00-\x1f\x7f]{1,55})"
        r"(?:/(?!\Z)|\Z))+\Z",
        min_length=1,
        max_length=1000,
    ),
]
"""A path below a folder: `path_inside` joins it to one."""

Label = Annotated[
    str,
    Meta(
        pattern=r"(?#text on one line without control characters)\A[^\x00-\x1f\x7f]*\Z",
        max_length=1000,
    ),
]
"""A name or remark on one line; it may be empty."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_EXCERPT = 60
_NOTHING = object()
_COMMENT = re.compile(r"\(\?#(.*?)\)")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a JSON object",
    "array": "a list",
}


def choice(names: Collection[str]) -> Meta:
    """The constraint of a text that is one of `names`, which hold no parentheses."""
    words = ", ".join(names)
    return Meta(pattern=rf"(?#one of {words})\A(?:{'|'.join(map(re.escape, names))})\Z")


def decode_json(text: bytes, kind: type[Value], *, extra_fields: bool = False) -> Value:
    """The value of a JSON text.

    Args:
        text: UTF-8.
        kind: a dataclass (or any other type of msgspec's).
        extra_fields: pass over fields that the dataclass does not have, instead of refusing them.

    Raises:
        BadInput: text that is no JSON or not of that kind; the message names the field, what was found
            and what was expected, but no file.
    """
    try:
        value = _decoder(cast(Any, kind)).decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte 0x{text[error.start]:02x} after {error.start} bytes, expected text in UTF-8"
        ) from None
    except RecursionError:
        raise BadInput("lists in lists without end, expected a JSON object") from None
    except msgspec.ValidationError as error:
        message = _unknown_field(_decoded(text), kind) if not extra_fields else None
        raise BadInput(message or _in_words(str(error), _decoded(text))) from None
    except msgspec.DecodeError as error:
        reason = _first_not_finite(_decoded(text), "")
        raise BadInput(reason or f"not JSON ({error})") from None
    if not extra_fields and (message := _unknown_field(_decoded(text), kind)):
        raise BadInput(message)
    return cast(Value, value)


def read_json(path: Path, kind: type[Value], *, advice: str, extra_fields: bool = False) -> Value:
    """The value of a JSON file; `advice` says what to do about a bad one.

    Raises:
        BadInput: a file that is missing, too large, no JSON or not of that kind.
    """
    text = read_bounded_file(path, advice=advice)
    try:
        return decode_json(text, kind, extra_fields=extra_fields)
    except BadInput as error:
        raise BadInput(f"{path}: {error}; {advice}") from None


def read_json_lines(path: Path, *, advice: str) -> Iterator[tuple[str, bytes]]:
    """The lines of a JSON Lines file that are not blank, each with "PATH, line N" for messages.

    Raises:
        BadInput: a file or line that is too large; `advice` says what to do about it.
    """
    with _opened(Path(path), advice, MAX_LINES_FILE_BYTES) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 2):
            number += 1
            label = f"{path}, line {number}"
            if len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES:
                raise BadInput(
                    f"{label}: longer than {MAX_LINE_BYTES:,} bytes, the most of a line; {advice}"
                )
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line.strip():
                yield label, line.strip()


@dataclasses.dataclass(frozen=True)
class JsonRecords(Generic[Value]):
    """The lines of a record of ours that could be read, and the labels of those that could not."""

    values: list[Value]
    torn: list[str]


def read_json_records(path: Path, kind: type[Value]) -> JsonRecords[Value]:
    """The lines of a file that programs append to and that a kill or a full disk may have torn.

    Unlike those of a user's file, its lines are worth nothing to a user: one that is no JSON or not of
    the kind is passed over, and so is a whole file that cannot be read.
    """
    values: list[Value] = []
    torn: list[str] = []
    try:
        with Path(path).open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                try:
                    if not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
                        while (piece := file.readline(MAX_LINE_BYTES)) and not piece.endswith(
                            b"\n"
                        ):
                            pass
                        raise BadInput(f"longer than {MAX_LINE_BYTES:,} bytes")
                    if line.strip():
                        values.append(decode_json(line.strip(), kind, extra_fields=True))
                except BadInput as error:
                    torn.append(f"line {number}: {error}")
    except FileNotFoundError:
        pass
    except OSError as error:
        torn.append(f"the file: {error.strerror}")
    return JsonRecords(values, torn)


def read_bounded_file(path: Path, *, advice: str) -> bytes:
    """The bytes of a text file of at most `MAX_FILE_BYTES`, without a byte order mark.

    Raises:
        BadInput: a file that cannot be read or is larger; `advice` says what to do about it.
    """
    with _opened(Path(path), advice, MAX_FILE_BYTES) as file:
        return file.read(MAX_FILE_BYTES).removeprefix(_BYTE_ORDER_MARK)


def path_inside(folder: Path, relative: str) -> Path:
    """The path `relative` below a folder, which it does not leave, not by way of links either.

    Raises:
        BadInput: a path that leads out of the folder.
    """
    path = Path(folder) / relative
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise BadInput(
            f"{path}: leads to {path.resolve()}, out of the folder; expected a path that stays in it"
        )
    return path


def _opened(path: Path, advice: str, limit: int) -> BinaryIO:
    if not path.is_file():
        raise BadInput(f"{path}: no such file; {advice}")
    size = path.stat().st_size
    if size > limit:
        raise BadInput(f"{path}: {size:,} bytes, expected at most {limit:,}; {advice}")
    try:
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {advice}") from None


def _decoded(text: bytes) -> Any:
    """The JSON as Python reads it, NaN and infinities too; `_NOTHING` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _in_words(message: str, document: Any) -> str:
    """A message of msgspec's as field, what was found, what was expected."""
    reason, _, location = message.partition(" - at `")
    field_path = location.rstrip("`").removeprefix("$").removeprefix(".")
    value, is_found = _value_in(document, field_path)
    missing = re.fullmatch(r"Object missing required field `(.*)`", reason)
    if missing:
        prefix = f"{field_path}." if field_path else ""
        return f"no field {prefix}{missing[1]}, expected one"
    comment = _COMMENT.search(reason)
    if comment:
        expected = comment[1]
    elif "out of range" in reason:
        expected = "a finite number"
    else:
        expected = re.sub(r", got `.*`$", "", reason.removeprefix("Expected "))
        expected = re.sub(r"`([^`]+)`", lambda m: _kind_words(m[1]), expected)
    if document is _NOTHING and not field_path:
        return f"not JSON, expected {expected}"
    found_words = f" is {excerpt(value)}" if is_found else ""
    name = f"field {field_path}" if field_path else "the whole"
    return f"{name}{found_words}, expected {expected}"


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _kind_words(kinds: str) -> str:
    """msgspec's `int | null` as words."""
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds.split(" | "))


def _value_in(document: Any, field_path: str) -> tuple[Any, bool]:
    """What stands at msgspec's path, as `view.sides[3]`, and whether anything does.

    `[...]` stands for some entry of a mapping, which is not said: there the mapping is what was found.
    """
    for step in re.findall(r"[^.\[\]]+|\[\d+\]|\[\.\.\.\]", field_path):
        try:
            if step == "[...]":
                break
            document = document[int(step[1:-1])] if step.startswith("[") else document[step]
        except (KeyError, IndexError, TypeError):
            return None, False
    return document, document is not _NOTHING


def excerpt(value: Any) -> str:
    """A value as JSON, cut to what a message can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return _not_finite_words(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "what cannot be shown"
    return text if len(text) <= _LONGEST_EXCERPT else text[: _LONGEST_EXCERPT - 3] + "..."


def _not_finite_words(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _first_not_finite(document: Any, field_path: str) -> str | None:
    """Words on the first number that is not finite; None where there is none."""
    if isinstance(document, float) and not math.isfinite(document):
        return f"field {field_path} is {_not_finite_words(document)}, expected a finite number"
    items: list[tuple[str, Any]] = []
    if isinstance(document, dict):
        items = [(f"{field_path}.{key}".removeprefix("."), v) for key, v in document.items()]
    elif isinstance(document, list):
        items = [(f"{field_path}[{number}]", v) for number, v in enumerate(document)]
    for path, value in items:
        if words := _first_not_finite(value, path[:200]):
            return words
    return None


def _unknown_field(document: Any, kind: Any, prefix: str = "") -> str | None:
    """Words on the first field that a dataclass does not have, nested ones entered."""
    if not dataclasses.is_dataclass(kind) or not isinstance(document, dict):
        return None
    nested = _nested_dataclasses(cast(type, kind))
    if unknown := document.keys() - nested.keys():
        name = min(unknown)
        near = nearest_fields(name[:200], sorted(nested))
        return f"unknown field {excerpt(prefix + name)}; {near}"
    for name, field_kind in nested.items():
        if field_kind and (
            words := _unknown_field(document.get(name), field_kind, f"{prefix}{name}.")
        ):
            return words
    return None


@functools.cache
def _nested_dataclasses(kind: type) -> dict[str, Any]:
    """For each field of a dataclass the dataclass that it holds, None where it holds none."""
    nested: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        choices = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        nested[name] = next((c for c in choices if dataclasses.is_dataclass(c)), None)
    return nested
