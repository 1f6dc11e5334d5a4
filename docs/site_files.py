"""A hook of mkdocs: files of the repository that pages link to are in the site, too.

On GitHub a page links to `../examples/hello_film.py`; in the site, which has nothing above docs/, the
link leads to a copy below `files/`. Pages of other folders cannot be linked to: they would have no menu.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(\.\./([^)#\s]+)\)")


def linked_files(text: str) -> list[str]:
    """The files above docs/ that a page links to, as paths in the repository."""
    return [path for path in LINK.findall(text) if (ROOT / path).is_file() and path[-3:] != ".md"]


def on_files(files: Any, config: Any) -> Any:
    """Add what pages link to."""
    from mkdocs.structure.files import File

    linked = {
        path for page in files.documentation_pages() for path in linked_files(page.content_string)
    }
    for path in sorted(linked):
        copy = File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path))
        files.append(copy)
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead the links to the copies."""
    copied = set(linked_files(markdown))
    return LINK.sub(
        lambda match: f"](files/{match[1]})" if match[1] in copied else match[0], markdown
    )
