"""Configurations of nested dataclasses, and single values of theirs given as text.

A value is named by its path, as `camera.distance_mean=6`; its type is that of the dataclass's field.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from mocap.errors import BadInput

Configuration = TypeVar("Configuration")


def with_overrides(
    configuration: Configuration, overrides: Iterable[str], *, option: str = "--set"
) -> Configuration:
    """The configuration with single values replaced.

    Args:
        configuration: a dataclass, whose fields may be dataclasses again.
        overrides: texts such as `batch.images=4`, later ones first to last.
        option: the command's option that they came by, for messages.

    Raises:
        BadInput: for a field that does not exist, naming the nearest that do, and for a value of
            another type.
    """
    kinds = field_kinds(type(configuration))
    values: dict[str, Any] = {}
    for text in overrides:
        path, value = parse_override(text, option=option)
        if path not in kinds:
            raise BadInput(f"{option} {text}: no field {path}; {nearest_fields(path, kinds)}")
        values[path] = typed_value(value, kinds[path], f"{option} {text}")
    return with_values(configuration, values)


def with_values(configuration: Configuration, values: Mapping[str, Any]) -> Configuration:
    """The configuration with values replaced by their paths, all at once.

    A dataclass that checks itself sees no state in which only some of them are replaced.
    """
    direct = {path: value for path, value in values.items() if "." not in path}
    nested: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        section, dot, field_name = path.partition(".")
        if dot:
            nested.setdefault(section, {})[field_name] = value
    for section, fields in nested.items():
        direct[section] = with_values(getattr(configuration, section), fields)
    return dataclasses.replace(cast(Any, configuration), **direct)


def parse_override(text: str, *, option: str = "--set") -> tuple[str, Any]:
    """Field and value of `FIELD=VALUE`. Raises BadInput where there is no `=`."""
    path, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"{option} {text}: expected FIELD=VALUE")
    return path.strip(), parse_value(value.strip())


def parse_value(text: str) -> Any:
    """A TOML value, a list of numbers or texts with commas between, or the text itself.

    `1.4,2.4` is the list of two numbers, as `[1.4, 2.4]` is.
    """
    try:
        return _toml_value(text)
    except tomllib.TOMLDecodeError:
        items = [item.strip() for item in text.split(",")]
        return [_number_or_text(item) for item in items] if len(items) > 1 else text


def _toml_value(text: str) -> Any:
    if "\n" in text or "\r" in text:  # which would begin another line of TOML
        raise tomllib.TOMLDecodeError("more than one line")
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (
        RecursionError,
        ValueError,
    ) as error:  # lists in lists without end; a number of 5000 digits
        raise tomllib.TOMLDecodeError(str(error)) from None


def _number_or_text(text: str) -> Any:
    try:
        value = _toml_value(text)
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def field_kinds(configuration: type, prefix: str = "") -> dict[str, Any]:
    """The type of every value of a dataclass, by its path; nested dataclasses are entered."""
    kinds: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(configuration).items():
        if dataclasses.is_dataclass(kind):
            kinds |= field_kinds(cast(type, kind), f"{prefix}{name}.")
        else:
            kinds[prefix + name] = kind
    return kinds


def field_values(configuration: Any, prefix: str = "") -> dict[str, Any]:
    """Every value of a dataclass, by its path; nested dataclasses are entered."""
    values: dict[str, Any] = {}
    for entry in dataclasses.fields(configuration):
        value = getattr(configuration, entry.name)
        if dataclasses.is_dataclass(value):
            values |= field_values(value, f"{prefix}{entry.name}.")
        else:
            values[prefix + entry.name] = value
    return values


def nearest_fields(path: str, fields: Iterable[str]) -> str:
    """Words that name the fields most like `path`, or all of them."""
    names = list(fields)
    near = difflib.get_close_matches(path, names, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"


def is_mapping(kind: Any) -> bool:
    """Whether a type is a mapping of names to values."""
    origin = typing.get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def typed_value(value: Any, kind: Any, label: str) -> Any:
    """A value as int, float, str, bool, `tuple[x, ...]` or `Mapping[str, x]`.

    Raises:
        BadInput: for a value of another type; the message begins with `label`.
    """
    if typing.get_origin(kind) is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(typed_value(item, typing.get_args(kind)[0], label) for item in items)
    if is_mapping(kind):
        if not isinstance(value, Mapping):
            raise BadInput(f"{label} is {value!r}, expected a table such as {{still = 1.0}}")
        return {str(k): typed_value(v, typing.get_args(kind)[1], label) for k, v in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise BadInput(f"{label} is too large, expected a finite number") from None
    if kind is float and isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{label} is {value!r}, expected a finite number")
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise BadInput(f"{label} is {value!r:.80}, expected {kind.__name__}")
    return value
