"""The pages: README, CONTRIBUTING, CHANGELOG and docs/, their links, headings and blocks of code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOC_PAGES = sorted(DOCS.glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOC_PAGES]
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_blocks(text: str, language: str) -> Iterator[str]:
    """The blocks of code of a language."""
    return (match[2] for match in FENCE.finditer(text) if match[1] == language)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    """What stands between backticks, its line breaks taken for spaces."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


@dataclass(frozen=True)
class Link:
    """A link or picture to something in the repository."""

    path: str
    anchor: str


def links(text: str) -> list[Link]:
    """The links of a page that do not lead elsewhere, also those in HTML."""
    plain = re.sub(r"`[^`]*`", "", prose(text))
    targets = re.findall(r"\]\(([^)\s]+)\)", plain) + re.findall(r'(?:src|href)="([^"]+)"', plain)
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [Link(*target.partition("#")[::2]) for target in inside]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings that both GitHub and the site give them."""
    on_github, on_site = set(), set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(text), re.MULTILINE):
        words = re.sub(r"[`*]|\]\([^)]*\)|\[|\\", "", heading).strip()
        on_github.add(re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-"))
        ascii_words = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
        on_site.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_words).strip().lower()))
    return on_github & on_site
