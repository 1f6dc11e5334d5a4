"""JSON Schemas of our files, made of the dataclasses that read them, for readers that are not ours."""

from __future__ import annotations

import inspect
import re
from typing import Any, cast

import msgspec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMMENT = re.compile(r"\(\?#(.*?)\)")
_CHOICE = re.compile(r"\\A\(\?:(.*)\)\\Z", re.DOTALL)


def json_schema(kind: type, *, title: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a dataclass that `mocap.parsing.json_files` reads.

    Texts of a set become enumerations, and patterns those of ECMA-262, which JSON Schema has. Fields that
    the dataclass does not have are refused, as they are by the reader.

    Args:
        kind: the dataclass.
        title: of the schema.

    Returns:
        The schema, of plain values.
    """
    generated = msgspec.json.schema(cast(Any, kind))
    schema = _plain(generated)
    definitions = schema.pop("$defs", {})
    root = definitions.pop(schema.pop("$ref", "").rpartition("/")[2], None) or schema
    for definition in (root, *definitions.values()):
        if "properties" in definition:
            definition["additionalProperties"] = False
    schema = {"$schema": DIALECT, **root, "title": title}
    if definitions:
        schema["$defs"] = definitions
    return schema


def _plain(value: Any) -> Any:
    """A schema whose patterns and descriptions are as others read them."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {name: _plain(item) for name, item in value.items()}
    if isinstance(description := result.get("description"), str):
        result["description"] = inspect.cleandoc(description)
    if isinstance(pattern := result.get("pattern"), str):
        del result["pattern"]
        result |= _text_constraint(pattern)
    return result


def _text_constraint(pattern: str) -> dict[str, Any]:
    """What a pattern of ours says, in JSON Schema's words."""
    comment = _COMMENT.match(pattern)
    bare = _COMMENT.sub("", pattern)
    if comment and comment[1].startswith("one of ") and (names := _CHOICE.fullmatch(bare)):
        return {"enum": [re.sub(r"\\(.)", r"\1", name) for name in names[1].split("|")]}
    constraint: dict[str, Any] = {"pattern": bare.replace(r"\A", "^").replace(r"\Z", "$")}
    if comment:
        constraint["description"] = comment[1]
    return constraint
