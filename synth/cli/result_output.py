"""What a command found, on standard output: lines for people, or JSON for scripts.

Standard output holds the result and nothing besides; messages and bars go to standard error.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click


def print_result(content: Any, lines: str | Iterable[str], *, as_json: bool) -> None:
    """Print a command's result, once, when it is known.

    Args:
        content: the result as mappings, lists, numbers and texts; dataclasses, paths and NumPy's numbers
            among them are written as such.
        lines: the same for people, as one text or as lines.
        as_json: whether --json was given.
    """
    if as_json:
        click.echo(json_text(content))
    else:
        click.echo(lines if isinstance(lines, str) else "\n".join(lines))


def json_text(content: Any) -> str:
    """A result as JSON that every parser reads: what is no finite number is null."""
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value in JSON's own types. Raises TypeError for one that JSON cannot say."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str | int) else str(key): _plain(member)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # NumPy's numbers
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
