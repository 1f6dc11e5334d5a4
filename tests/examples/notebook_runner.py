"""Runs the cells of a notebook in order, without Jupyter: notebook_runner.py NOTEBOOK OUT.

What a cell shows is what its last line is, if that is an expression: a picture is written to
OUT/N.png, anything else is printed.
"""

import ast
import json
import sys
from pathlib import Path

from PIL import Image


def code_cells(notebook: Path) -> list[str]:
    """The sources of the cells of code."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def main() -> None:
    """Run the notebook that the command line names."""
    notebook, out = map(Path, sys.argv[1:])
    names: dict[str, object] = {"__name__": "__notebook__"}
    for number, source in enumerate(code_cells(notebook)):
        tree = ast.parse(source)
        last = tree.body[-1]
        if isinstance(last, ast.Expr):
            tree.body.pop()
        label = f"cell {number} of {notebook.name}"
        exec(compile(tree, label, "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), label, "eval"), names)
            if isinstance(shown, Image.Image):
                shown.save(out / f"{number}.png")
            elif shown is not None:
                print(repr(shown))


if __name__ == "__main__":  # films are made by processes that import this file
    main()
