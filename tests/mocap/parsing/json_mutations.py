"""Good JSON lines with one thing wrong: its type, its size, a path that escapes, or gone."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_VALUES = [
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, 1e300),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        "x",
        "..",
        "../x",
        "/x",
        "a/../../x",
        "a\0b",
        "\ud800",
        "\n",
        "x" * 300,
        "é" * 250,
        "x" * 5000,
    ),
    *([], [[]], {}, {"x": 1}, {"x": float("nan")}, [float("nan")], ["../x"], [1, "x", None]),
]


def _paths(document: Any, prefix: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something stands in a document."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    for key, value in items:
        yield (*prefix, key)
        yield from _paths(value, (*prefix, key))


@st.composite
def mutated_lines(draw: st.DrawFn, line: str) -> bytes:
    """The line with one to three mutations of its values, keys or bytes."""
    document = json.loads(line)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(document))
        if not paths:
            break
        *parents, last = draw(st.sampled_from(paths))
        holder = document
        for key in parents:
            holder = holder[key]
        deed = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add", "rename"]))
        if deed == "replace":
            value = draw(st.sampled_from(_VALUES) | st.floats() | st.integers() | st.text())
            holder[last] = copy.deepcopy(value)  # the next mutation may reach into it
        elif deed == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            value = copy.deepcopy(holder[last]) if deed == "add" else holder.pop(last)
            holder[draw(st.sampled_from(["", "x", "kind", "version", "\0"]))] = value
        else:
            holder.append(copy.deepcopy(holder[last]))
    text = json.dumps(document).encode()
    cut = draw(st.sampled_from([None] * 8 + ["cut", "byte", "bom"]))
    if cut == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if cut == "byte":
        index = draw(st.integers(0, len(text) - 1))
        return text[:index] + bytes([draw(st.integers(0, 255))]) + text[index + 1 :]
    return b"\xef\xbb\xbf" + text if cut == "bom" else text
