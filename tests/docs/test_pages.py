"""Links lead somewhere, every page is in the site, and what is written from the code is up to date."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from tests.chromium import chromium_program
from tests.docs.pages import DOC_PAGES, DOCS, PAGES, ROOT, anchors, links, page_name
from tests.docs.site_search import search_results


@cache
def reference() -> ModuleType:
    """docs/write_reference.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("write_reference", DOCS / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def has_anchor(page: Path, anchor: str) -> bool:
    return not anchor or anchor in anchors(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_files_and_headings(page):
    dead = []
    for link in links(page.read_text(encoding="utf-8")):
        target = (page.parent / link.path).resolve() if link.path else page
        # The site has copies of files above docs/ (docs/site_files.py), but not of pages.
        on_site = (target.is_file() and target.suffix != ".md") or target.is_relative_to(DOCS)
        inside = target.is_relative_to(ROOT) and (page.parent != DOCS or on_site)
        if not (inside and target.exists() and has_anchor(target, link.anchor)):
            dead.append(link)
    assert not dead


def test_dead_links_and_anchors_are_told_from_live_ones():
    text = '# Two words, `code`\n[a](b.md#c) `[no](link.md)` <img src="d.jpg"> [x](https://y.z)\n'
    assert [(link.path, link.anchor) for link in links(text)] == [("b.md", "c"), ("d.jpg", "")]
    assert anchors(text) == {"two-words-code"}


def test_every_page_is_in_the_site_and_the_site_has_no_other():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = re.findall(r"^ +- [^:\n]+: (\S+\.md)$", settings.partition("\nnav:")[2], re.M)
    assert sorted(navigation) == [page.name for page in DOC_PAGES]


@pytest.mark.parametrize("page", DOC_PAGES, ids=page_name)
def test_what_is_written_from_the_code_is_what_the_code_says(page):
    text = page.read_text(encoding="utf-8")
    assert reference().written_page(text) == text, "run: python docs/write_reference.py"


def test_every_block_is_on_a_page_and_a_stale_one_is_seen():
    blocks = reference().BLOCKS
    used = {
        match[1]
        for page in DOC_PAGES
        for match in re.finditer(r"<!-- begin (\S+) ", page.read_text(encoding="utf-8"))
    }
    assert used == {*blocks, *reference().MEASURED}
    stale = "a\n<!-- begin protocols (x) -->\nold\n<!-- end protocols -->\nz\n"
    page = reference().written_page(stale)
    assert (
        "ssim@rstg" in page and "old" not in page and page.startswith("a\n") and page[-2:] == "z\n"
    )
    assert reference().written_page(page) == page
    with pytest.raises(KeyError):
        reference().written_page(stale.replace("protocols", "nothing"))


def test_signs_of_markdown_are_escaped_outside_code():
    text = "at [0<=x<=4], *_info.mat* or `a_b<c`"
    assert reference().escaped(text) == r"at \[0&lt;=x&lt;=4\], \*\_info.mat\* or `a_b<c`"


def test_the_commands_page_has_every_command_and_option():
    from synth.cli import COMMANDS
    from tests.synth.cli.test_options import ALL, OPTIONS

    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert len(COMMANDS) > 20 and len(OPTIONS) > 200
    for path, _ in ALL:
        assert f"# {' '.join(path)}\n" in page
    for path, command, spelling in OPTIONS:
        start = page.index(f"# {' '.join(path)}\n")
        section = page[start : page.find("\n###", start)]
        hidden = any(
            spelling in parameter.opts and parameter.hidden for parameter in command.params
        )
        assert hidden or re.search(rf"{spelling}\b", section), (path, spelling)


def test_pictures_are_small_and_shown():
    pictures = [*DOCS.glob("*.jpg"), *(DOCS / "pictures").iterdir()]
    shown = {
        (page.parent / link.path).resolve()
        for page in PAGES
        for link in links(page.read_text("utf-8"))
    }
    for path in pictures:
        assert path in shown, f"{path} is on no page"
        with Image.open(path) as picture:
            moves = getattr(picture, "is_animated", False)
            assert picture.format == ("GIF" if moves else "JPEG")
        most = 300_000 if moves else 150_000
        assert path.parent == DOCS or path.stat().st_size < most, path
    assert sum(path.stat().st_size for path in pictures) < 1_500_000


def test_the_site_is_built_without_a_warning(tmp_path):
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed here (pip install -e '.[docs]')")
    words = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert {page.stem for page in pages} == {"404", *(page.stem for page in DOC_PAGES)}
    notebook = tmp_path / "site" / "files" / "examples" / "films_and_labels.ipynb"
    assert notebook.read_bytes() == (ROOT / "examples" / notebook.name).read_bytes()
    assert f"files/examples/{notebook.name}" in (tmp_path / "site" / "python.html").read_text()
    fetched = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?:")
    assert not any(fetched.search(page.read_text(encoding="utf-8")) for page in pages)
    if chromium_program() is None:
        pytest.skip("the site is built; its search is not tried: no Chromium on this machine")
    for width in (390, 1440):
        found = search_results(tmp_path / "site", "turntable", tmp_path / str(width), width=width)
        assert any("commands.html" in page for page in found), width
